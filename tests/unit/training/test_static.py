"""The plain net on thumbnails: it learns what a thumbnail shows, and says what it costs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from foveate.errors import TrainingError, UsageError
from foveate.models.static_net import StaticNet, StaticNetConfig
from foveate.scenes.memory import ArrayScenes
from foveate.tasks.classification import Classification, ClassificationConfig
from foveate.tasks.spotting import Spotting
from foveate.training.sources import Batch
from foveate.training.static import train_static
from tests.unit.training.tiny import Bars

TASK = Classification(ClassificationConfig(class_names=("a", "b", "c")))


class Shades(Bars):
    """Dark, grey and bright scenes: any net can tell them apart."""

    def batch(self, indices: np.ndarray, epoch_seed: int) -> Batch:
        labels = np.asarray(indices) % 3
        noise = np.random.default_rng(epoch_seed).integers(0, 40, (len(labels), 1, 24, 32))
        scenes = ArrayScenes((noise + 80 * labels[:, None, None, None]).astype(np.uint8))
        return Batch(scenes=scenes, target=torch.from_numpy(labels), indices=np.asarray(indices))


def test_it_learns_and_says_what_it_costs() -> None:
    result = train_static(
        Shades(), Shades(20), TASK, num_outputs=3, input_px=(12, 16), width=4, steps=30, batch_size=16
    )
    assert result.accuracy > 0.9
    assert result.steps == 30
    assert result.seconds_per_scene > 0
    net = StaticNet(StaticNetConfig(num_outputs=3, input_px=(12, 16), width=4, num_bands=1))
    assert (result.macs, result.params) == (net.macs(), net.num_params())


def test_seconds_bound_it_and_the_seed_decides_it() -> None:
    options = {"num_outputs": 3, "input_px": (12, 16), "width": 4}
    assert train_static(Shades(), Shades(6), TASK, seconds=0.3, **options).train_s < 5  # type: ignore[arg-type]
    one, two = (train_static(Bars(), Bars(20), TASK, steps=5, seed=3, **options) for _ in range(2))  # type: ignore[arg-type]
    assert one.accuracy == two.accuracy
    with pytest.raises(UsageError, match="seconds or steps"):
        train_static(Shades(), Shades(), TASK, **options)  # type: ignore[arg-type]


def test_a_loss_that_is_not_finite_is_an_error() -> None:
    class Spoilt(Bars):
        def batch(self, indices: np.ndarray, epoch_seed: int) -> Batch:
            batch = super().batch(indices, epoch_seed)
            return Batch(scenes=batch.scenes, target=torch.full((len(indices), 3), torch.nan), indices=indices)

    with pytest.raises(TrainingError, match="nan at step 0"):
        train_static(Spoilt(), Bars(), TASK, num_outputs=3, input_px=(12, 16), steps=3)


@pytest.mark.parametrize("input_px", [(4, 4), (14, 14), (30, 40), (96, 128)])
def test_any_input_size_gives_classes_and_places(input_px: tuple[int, int]) -> None:
    pixels = np.zeros((2, 3, *input_px), np.uint8)
    classes = StaticNet(StaticNetConfig(num_outputs=5, input_px=input_px, width=4))
    assert classes.answer_of(pixels).shape == (2, 5)
    places = StaticNet(StaticNetConfig(num_outputs=2, input_px=input_px, width=4, places=(8, 8)))
    assert places.answer_of(pixels).shape == (2, 2, 8, 8)


def test_wider_and_larger_costs_more() -> None:
    def macs(side: int, width: int) -> int:
        return StaticNet(StaticNetConfig(num_outputs=3, input_px=(side, side), width=width)).macs()

    assert macs(32, 8) < macs(64, 8) < macs(64, 16)


def test_a_net_that_attends_learns_where_from_what_it_is_told() -> None:
    """The place's loss reaches the attention: a net told places finds them, one told labels alone need not."""
    net = StaticNet(StaticNetConfig(num_outputs=3, input_px=(24, 32), width=4, num_bands=1, attends=True))
    answer, where = net.taught(np.zeros((2, 1, 24, 32), np.uint8))
    assert answer.shape == (2, 3)
    assert where.shape[:2] == (2, 1)
    spotting = Spotting(ClassificationConfig(class_names=("none", "b", "c")))
    target = {"label": torch.tensor([1, 2]), "place": torch.zeros(2, 1, 2)}
    assert net.attention is not None
    (gradient,) = torch.autograd.grad(spotting.loss(where, target).sum(), net.attention.weight)
    assert gradient.abs().sum() > 0
