"""Labels, distributions and a teacher's probabilities as targets."""

from __future__ import annotations

import torch

from foveate.tasks.classification import Classification, ClassificationConfig

TASK = Classification(ClassificationConfig(class_names=("ant", "bee", "cat"), label_smoothing=0.1))


def test_a_teachers_probabilities_are_learned_and_labels_only_measured_by() -> None:
    says = torch.tensor([[0.7, 0.2, 0.1], [0.0, 1.0, 0.0]])
    target = {"label": torch.tensor([2, 1]), "teacher": says}
    answer = torch.randn(2, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    loss = TASK.loss(answer, target)
    log_p = answer.log_softmax(1)
    expected = torch.stack([(says[0] * (says[0].log() - log_p[0])).sum(), -log_p[1, 1]])
    torch.testing.assert_close(loss, expected)
    assert torch.equal(TASK.score(answer, target), -loss)
    relabelled = {**target, "label": torch.tensor([0, 0])}
    assert torch.equal(TASK.loss(answer, relabelled), loss)
    assert torch.autograd.grad(loss.sum(), answer)[0].isfinite().all()
    torch.testing.assert_close(TASK.loss(says.log().clamp(min=-80), target), torch.zeros(2))  # it has learned all
    assert TASK.metrics(says, target)["correct"].tolist() == [0.0, 1.0]
