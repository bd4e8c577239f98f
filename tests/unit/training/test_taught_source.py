"""A teacher beside the labels: what it is shown, what is learned of it, and which run it makes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from foveate.errors import IncompatibleError
from foveate.models.static_net import StaticNet, StaticNetConfig
from foveate.scenes.memory import ArrayScenes
from foveate.training.static import thumbnails
from foveate.training.taught_source import TaughtSource, Teacher
from tests.unit.training.tiny import Bars, tiny_system, trainer


class SaysOnly(nn.Module):
    """A teacher that is nearly sure of one class, whatever it sees."""

    def __init__(self, label: int) -> None:
        super().__init__()
        self.register_buffer("logits", 4.0 * torch.eye(3)[label])

    def forward(self, pixels: np.ndarray) -> torch.Tensor:
        return self.get_buffer("logits").expand(len(pixels), 3)


def taught_by(net: nn.Module) -> TaughtSource:
    return TaughtSource(Bars(), Teacher(net=net, input_px=(12, 16), name="net", num_bands=1))


def test_a_static_net_teaches_what_it_makes_of_the_whole_scene() -> None:
    torch.manual_seed(0)
    net = StaticNet(StaticNetConfig(num_outputs=3, input_px=(12, 16), width=4, num_bands=1))
    source, rows = taught_by(net), np.array([4, 7, 2])
    batch, plain = source.batch(rows, 1), Bars().batch(rows, 1)
    assert len(source) == 40
    assert source.fingerprint == "bars+teacher=net"
    assert torch.equal(batch.target["label"], plain.target)
    says = batch.target["teacher"]
    torch.testing.assert_close(says, net.answer_of(thumbnails(plain.scenes, (12, 16))).softmax(1))
    assert not says.requires_grad
    assert torch.equal(source.batch(rows[:1], 1).target["teacher"], says[:1]), "its norms do not see the batch"


def test_the_teacher_is_learned_from_and_the_truth_is_measured() -> None:
    """Labels of three classes; the teacher says that all are of the last."""
    system = tiny_system()
    run = trainer(system=system, source=taught_by(SaysOnly(2)), held_out=Bars(), steps=30, lr=1e-2, opening_frac=0.5)
    metrics = run.run().metrics
    assert metrics[-1]["train/loss"] < 0.2 * metrics[0]["train/loss"]
    assert metrics[-1]["eval/metric"] == pytest.approx(1 / 3, abs=0.03)
    for row in metrics[-5:]:
        assert 0.1 < row["train/metric_last"] < 0.6


def test_the_reward_is_the_fall_of_the_divergence() -> None:
    run = trainer(source=taught_by(SaysOnly(1)))
    part = run._work(0).parts[0]
    taught, played = run._learn(part, run.curriculum.at(run.step, progress=run.progress), share=1.0)
    losses = taught.step_losses
    torch.testing.assert_close(played.rewards, losses[:, :-1] - losses[:, 1:])


def test_scenes_that_a_teacher_would_misread_are_refused() -> None:
    teacher = Teacher(net=SaysOnly(0), input_px=(8, 8), name="net")
    with pytest.raises(IncompatibleError, match="have 1 bands, the model reads 3"):
        teacher.probabilities(Bars().batch(np.arange(2), 0).scenes)
    with pytest.raises(IncompatibleError, match=r"range over \(0.0, 1.0\)"):
        teacher.probabilities(ArrayScenes(np.zeros((1, 3, 8, 8), np.float32)))
