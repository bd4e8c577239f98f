"""Composed scenes: seeded per scene alone, without overlap, and told truly by their labels, boxes and masks."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.core import SceneKey
from foveate.errors import DataError, UsageError
from foveate.scenes.composed import ComposedConfig, ComposedSet

CONFIGS = {
    "free digits": ComposedConfig(),
    "lattice digits": ComposedConfig(placement="lattice"),
    "sizes on noise": ComposedConfig(object_size_px=(14, 31), background="noise", num_objects=(0, 6), margin_px=5),
    "emoji on texture": ComposedConfig(
        canvas_px=(150, 210),
        bands=3,
        cutouts="emoji",
        classes=("animal", "red apple"),
        num_objects=(1, 4),
        object_size_px=(20, 30),
        background="texture",
        num_distractors=(0, 3),
        gap_px=2,
        distinct=False,
    ),
    "a sign or none": ComposedConfig(
        canvas_px=(240, 320),
        bands=3,
        cutouts="emoji",
        classes=("sign",),
        num_objects=(1, 1),
        none_frac=0.3,
        object_size_px=(24, 40),
        background="street",
        num_distractors=(2, 4),
        distractors="emoji",
    ),
}
LATTICE = ComposedSet(CONFIGS["lattice digits"], size=500)


@pytest.fixture(params=CONFIGS, ids=str)
def composed(request: pytest.FixtureRequest) -> ComposedSet:
    return ComposedSet(CONFIGS[request.param], split="train", size=500)


def test_a_scene_does_not_depend_on_its_batch(composed: ComposedSet) -> None:
    indices = np.array([7, 499, 0, 42, 13])
    images, targets = composed.batch(indices, 3, masks=True)
    assert images.shape == (5, composed.config.bands, *composed.config.canvas_px)
    for rows in ([2], [4, 1], [3, 2, 1, 0]):
        others, other_targets = composed.batch(indices[rows], 3, masks=True)
        np.testing.assert_array_equal(others, images[rows])
        for name, value in other_targets.items():
            np.testing.assert_array_equal(value, targets[name][rows])


def test_rebuilt_from_its_key_by_another_process_object(composed: ComposedSet) -> None:
    images, targets = composed.batch(np.array([5, 6]), 11, masks=True)
    twin = ComposedSet(composed.config, split="train", size=500)
    image, target = twin.rebuild(composed.key(6, 11), masks=True)
    np.testing.assert_array_equal(image, images[1])
    for name, value in target.items():
        np.testing.assert_array_equal(value, targets[name][1])


def test_seeds_indices_and_splits_differ(composed: ComposedSet) -> None:
    one, _ = composed.batch(np.array([0, 1]), 0)
    other, _ = composed.batch(np.array([0]), 1)
    test, _ = ComposedSet(composed.config, split="test").batch(np.array([0]), 0)
    assert (one[0] != one[1]).any()
    assert (one[0] != other[0]).any()
    assert (one[0] != test[0]).any()


def test_targets_agree_with_each_other(composed: ComposedSet) -> None:
    config = composed.config
    _, targets = composed.batch(np.arange(200), 1, masks=True)
    labels, boxes, centers, masks = (targets[name] for name in ("labels", "boxes_px", "centers_px", "masks"))
    m = config.max_objects
    assert labels.shape == (200, m)
    assert labels.dtype == np.int64
    assert boxes.shape == (200, m, 4)
    assert centers.shape == (200, m, 2)
    there = labels >= 0
    count = there.sum(1)
    assert ((config.num_objects[0] <= count) | (config.none_frac > 0) & (count == 0)).all()
    assert (count <= m).all()
    assert (there == (np.arange(m) < count[:, None])).all()  # padding comes last
    assert labels.max() < len(composed.class_names)
    assert (boxes[~there] == 0).all()
    assert (centers[~there] == 0).all()
    inside = config.margin_px
    assert (boxes[there][:, :2] >= inside).all()
    assert (boxes[there][:, 2:] <= np.array(config.canvas_px) - inside).all()
    for scene, j in zip(*np.nonzero(there), strict=True):
        rows, cols = np.nonzero(masks[scene] == j + 1)
        expected = [rows.min(), cols.min(), rows.max() + 1, cols.max() + 1]
        assert boxes[scene, j].tolist() == expected
        # A tight box may sit off the middle of its square, but holds it for every cut-out that we ship.
        assert (boxes[scene, j, :2] <= centers[scene, j]).all()
        assert (boxes[scene, j, 2:] >= centers[scene, j]).all()
    if config.distinct:
        for row in labels:
            present = row[row >= 0]
            assert len(set(present)) == len(present)
    if config.none_frac:
        assert 0.15 < (count == 0).mean() < 0.45


def test_things_do_not_overlap(composed: ComposedSet) -> None:
    boxes, labels = (composed.batch(np.arange(300), 2)[1][name] for name in ("boxes_px", "labels"))
    low, high = boxes[:, :, None, :2], boxes[:, None, :, 2:]
    crossing = ((low < high).all(-1)) & ((boxes[:, None, :, :2] < boxes[:, :, None, 2:]).all(-1))
    crossing &= (labels >= 0)[:, :, None] & (labels >= 0)[:, None, :]
    crossing &= ~np.eye(labels.shape[1], dtype=bool)
    assert not crossing.any()


def test_pixels_of_digits_are_their_cutouts_and_nothing_else() -> None:
    composed = ComposedSet(ComposedConfig())
    images, targets = composed.batch(np.arange(40), 0, masks=True)
    glyphs = composed.cutouts.at_size(28)[:, 3]
    for scene in range(40):
        rest = images[scene, 0].copy()
        for label, center in zip(targets["labels"][scene], targets["centers_px"][scene], strict=True):
            if label < 0:
                continue
            top, left = (center - 14).astype(int)
            tile = images[scene, 0, top : top + 28, left : left + 28]
            same_class = glyphs[composed.cutouts.labels == label]
            assert (same_class == tile).all((1, 2)).any()
            rest[top : top + 28, left : left + 28] = 0
        assert (rest == 0).all()


def test_lattice_centres_are_cell_centres() -> None:
    _, targets = ComposedSet(ComposedConfig(placement="lattice")).batch(np.arange(100), 0)
    there = targets["labels"] >= 0
    assert set(np.unique(targets["centers_px"][there])) == set(np.arange(8) * 28 + 14.0)


def test_places_are_spread_evenly() -> None:
    _, targets = ComposedSet(ComposedConfig(num_objects=(1, 1))).batch(np.arange(4000), 0)
    corners = targets["centers_px"][:, 0] - 14
    assert corners.min() == 0
    assert corners.max() == 224 - 28
    counts = np.histogram2d(*corners.T, bins=4)[0]
    assert abs(counts / counts.mean() - 1).max() < 0.25  # 250 a bin: three standard deviations are 0.19


def test_required_classes_come_first_in_every_scene() -> None:
    composed = ComposedSet(ComposedConfig(required=("7", "3")))
    _, targets = composed.batch(np.arange(300), 0)
    labels = targets["labels"]
    assert (labels[:, :2] == [7, 3]).all()
    assert (np.sort(labels, 1)[:, 1:] != np.sort(labels, 1)[:, :-1])[labels.min(1) >= 0].all()
    assert set(np.bincount(labels[labels >= 0], minlength=10)[[7, 3]]) == {300}
    others = labels[:, 2:][labels[:, 2:] >= 0]
    assert set(others) == set(range(10)) - {7, 3}
    with pytest.raises(UsageError, match="required class 'x' is not among"):
        ComposedSet(ComposedConfig(required=("x",))).batch(np.array([0]), 0)


def test_held_out_digits_are_only_in_test_scenes() -> None:
    train, test = ComposedSet(ComposedConfig()).cutouts, ComposedSet(ComposedConfig(), split="test").cutouts
    assert len(train.labels) + len(test.labels) == 1797
    assert len(test.labels) == 449
    seen = {image.tobytes() for image in train.images}
    assert not any(image.tobytes() in seen for image in test.images)


@given(seed=st.integers(-(2**63), 2**63 - 1), index=st.integers(0, 499))
def test_any_key_works(seed: int, index: int) -> None:
    image, _ = LATTICE.rebuild(LATTICE.key(index, seed))
    assert image.any()


def test_a_key_of_another_set_is_refused() -> None:
    composed = ComposedSet(ComposedConfig())
    assert composed.fingerprint != ComposedSet(ComposedConfig(), split="test").fingerprint
    assert composed.fingerprint != ComposedSet(ComposedConfig(gap_px=1)).fingerprint
    with pytest.raises(DataError, match="belongs to the data set other"):
        composed.rebuild(SceneKey(dataset="other", index=0, epoch_seed=0))


def test_a_scene_beyond_the_set_is_refused() -> None:
    composed = ComposedSet(ComposedConfig(), size=3)
    with pytest.raises(UsageError, match="this set has 3 scenes"):
        composed.batch(np.array([3]), 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_objects": (5, 3)}, "num_objects is"),
        ({"object_size_px": (0, 3)}, "object_size_px is"),
        ({"bands": 4}, "bands is 4"),
        ({"background": "sea"}, "allowed are black, noise, texture, street"),
        ({"placement": "grid"}, "allowed are 'free' and 'lattice'"),
        ({"none_frac": 2}, "share between 0 and 1"),
        ({"num_objects": (90, 90)}, "too much for free placement"),
        ({"placement": "lattice", "num_objects": (65, 65)}, "lattice of 8 x 8 cells"),
        ({"required": ("3",), "num_objects": (0, 5)}, "required names 1 classes"),
        ({"canvas_px": (20, 224)}, "too much for free placement"),
    ],
)
def test_impossible_configurations_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ComposedConfig(**changes)


def test_what_is_found_out_with_the_cutouts() -> None:
    with pytest.raises(UsageError, match="as many classes"):
        ComposedSet(ComposedConfig(num_objects=(1, 11))).batch(np.array([0]), 0)
    with pytest.raises(UsageError, match="Did you mean 'animal'"):
        ComposedSet(ComposedConfig(cutouts="emoji", classes=("animals",))).batch(np.array([0]), 0)
    with pytest.raises(UsageError, match="left for the distractors"):
        ComposedSet(ComposedConfig(num_distractors=(1, 2), distractors="digits", num_objects=(1, 2))).batch(
            np.array([0]), 0
        )


def test_a_batch_is_fast() -> None:
    composed = ComposedSet(ComposedConfig())
    composed.batch(np.arange(128), 0)
    best = min(_seconds(lambda seed=seed: composed.batch(np.arange(128), seed)) for seed in range(5))
    assert best < 0.05  # 4 ms on a free core; a loop over objects would take far longer than this


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
