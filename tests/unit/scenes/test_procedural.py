"""Procedural scenes: the same wherever they are looked at from, at every level, in every batch and process."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveate.core import SceneKey
from foveate.errors import DataError, UsageError
from foveate.geometry.resample import crop_resize_flat
from foveate.geometry.viewpoint import from_boxes_px, whole_scene
from foveate.scenes.levels import level_size_px
from foveate.scenes.procedural import ProceduralConfig, ProceduralSet
from foveate.scenes.rendered import ProceduralScenes

EDGE_LEVELS = 16  # grey levels that a pixel partly covered by a thing may differ from the mean of what it covers

SMALL = ProceduralConfig(size_px=(512, 700), object_size_px=(20, 48), num_distractors=(3, 6), mark_px=12)
KINDS = {
    "strong": SMALL,
    "natural": replace(SMALL, scent="natural", cutouts="emoji", classes=("sign",), distractors="jumbled"),
    "none": replace(SMALL, scent="none", object_size_px=(28, 40)),
    "grey": replace(SMALL, bands=1, background="texture", clutter=0.5, contrast=0.7),
    "emoji on plates": replace(SMALL, cutouts="emoji", classes=("sign",), bands=1),
}


@pytest.fixture(params=KINDS)
def scenes(request: pytest.FixtureRequest) -> ProceduralScenes:
    return ProceduralSet(KINDS[request.param]).batch(np.arange(3), 7)[0]


def full(scenes: ProceduralScenes, row: int, level: int = 0) -> np.ndarray:
    return scenes.window(row, level, (0, 0, *level_size_px(scenes.style.size_px, level)))


def halved(picture: np.ndarray) -> np.ndarray:
    height, width = (side // 2 * 2 for side in picture.shape[1:])
    even = picture[:, :height, :width].astype(float)
    return (even[:, ::2, ::2] + even[:, 1::2, ::2] + even[:, ::2, 1::2] + even[:, 1::2, 1::2]) / 4


def test_a_level_is_the_mean_of_the_level_below(scenes: ProceduralScenes) -> None:
    """Each level is rounded once, so a level and the mean of four rounded pixels differ by up to 1; more only where a
    thing covers a pixel partly, since the ground is taken as even within a pixel there."""
    _, targets = ProceduralSet(SMALL).batch(np.arange(3), 7)
    assert targets["is_thing"].any()
    for level in range(1, scenes.num_levels):
        means = halved(full(scenes, 0, level - 1))
        apart = np.abs(means - full(scenes, 0, level)[:, : means.shape[1], : means.shape[2]])
        assert apart.max() <= EDGE_LEVELS
        assert (apart > 1).mean() < 0.02
        assert apart.mean() < 0.5


def test_ground_alone_is_averaged_exactly() -> None:
    config = replace(SMALL, size_px=(1024, 1024), scent="none", contrast=0.0)
    scenes = ProceduralSet(config).batch(np.arange(2), 1)[0]
    for level in range(1, scenes.num_levels):
        assert np.abs(halved(full(scenes, 1, level - 1)) - full(scenes, 1, level)).max() <= 1


@settings(max_examples=60, deadline=None)
@given(data=st.data(), level=st.integers(0, 4), kind=st.sampled_from(list(KINDS)))
def test_windows_agree_with_the_full_picture(data: st.DataObject, level: int, kind: str) -> None:
    scenes = ProceduralSet(KINDS[kind]).batch(np.array([5]), 0)[0]
    height, width = level_size_px(scenes.style.size_px, level)
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    bottom, right = data.draw(st.integers(top + 1, height)), data.draw(st.integers(left + 1, width))
    window = scenes.window(0, level, (top, left, bottom, right))
    np.testing.assert_array_equal(window, full(scenes, 0, level)[:, top:bottom, left:right])


@settings(max_examples=60, deadline=None)
@given(
    low=st.tuples(st.floats(0, 0.9), st.floats(0, 0.9)),
    share=st.tuples(st.floats(0.02, 1), st.floats(0.02, 1)),
    size_px=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    kind=st.sampled_from(["strong", "none"]),
)
def test_a_glimpse_is_its_level_of_the_full_picture_resized(
    low: tuple[float, float], share: tuple[float, float], size_px: tuple[int, int], kind: str
) -> None:
    """As a reader of the whole pyramid would give it; only the order of sums may differ, which can turn a rounding."""
    scenes = ProceduralSet(KINDS[kind]).batch(np.array([3]), 0)[0]
    sides = np.array(scenes.style.size_px)
    corner = np.array(low) * sides
    box = np.concatenate([corner, corner + np.maximum(np.array(share) * (sides - corner), 1)])[None]
    shrink = ((box[0, 2:] - box[0, :2]) / size_px).min()
    level = int(np.clip(np.floor(np.log2(max(shrink, 1) * 1.001)), 0, scenes.num_levels - 1))
    glimpse = scenes.read(from_boxes_px(box[None], scenes.sizes_px), size_px).pixels[0, 0]
    expected = crop_resize_flat(full(scenes, 0, level)[None], np.zeros(1, np.int64), box / 2**level, size_px)[0]
    assert np.abs(glimpse.astype(int) - expected).max() <= 1


def test_power_of_two_looks_on_whole_pixels_are_area_means(scenes: ProceduralScenes) -> None:
    boxes = np.array([[[64.0, 128.0, 64 + 256, 128 + 256]]] * 3)
    views = from_boxes_px(boxes, scenes.sizes_px)
    for shrink in (1, 2, 4, 8):
        side = 256 // shrink
        areas = full(scenes, 0)[:, 64:320, 128:384].reshape(-1, side, shrink, side, shrink).mean((2, 4))
        apart = np.abs(scenes.read(views, (side, side)).pixels[0, 0] - areas)
        assert apart.max() <= EDGE_LEVELS
        assert apart.mean() < 0.5


def test_points_are_those_of_the_full_picture(scenes: ProceduralScenes) -> None:
    boxes = np.array([[[0, 0, 512, 700], [10.3, 20.7, 300.1, 411.9], [100, 650, 110, 700]]] * 3, float)
    views = from_boxes_px(boxes, scenes.sizes_px).astype(np.float32)
    pixels = scenes.read(views, (17, 23), antialias=False).pixels
    from foveate.scenes.memory import ArrayScenes

    copy = ArrayScenes(np.stack([full(scenes, row) for row in range(3)]))
    assert np.abs(pixels.astype(int) - copy.read(views, (17, 23), antialias=False).pixels).max() <= 1


def test_a_scene_depends_on_its_index_and_seed_alone() -> None:
    source = ProceduralSet(SMALL, size=100)
    together, targets = source.batch(np.arange(8), 3)
    glance = together.read(whole_scene(8), (40, 50)).pixels
    for rows in ([5, 1], [7], [2, 2, 0]):
        part, few = source.batch(np.array(rows), 3)
        np.testing.assert_array_equal(part.read(whole_scene(len(rows)), (40, 50)).pixels, glance[rows])
        for name, value in targets.items():
            np.testing.assert_array_equal(few[name], value[rows])
    other = source.batch(np.arange(8), 4)[0].read(whole_scene(8), (40, 50)).pixels
    assert (other != glance).any((1, 2, 3, 4)).all()


def test_another_process_draws_the_same() -> None:
    code = (
        "import numpy as np, hashlib\n"
        "from foveate.scenes.procedural import ProceduralConfig, ProceduralSet\n"
        "s = ProceduralSet(ProceduralConfig(size_px=(4096, 4096)), split='test')\n"
        "b, t = s.batch(np.array([9, 4]), 2)\n"
        "p = b.read(np.tile(np.float32([0.2, -0.3, 0.1, 0.2]), (2, 1, 1)), (64, 64)).pixels\n"
        "print(s.fingerprint, hashlib.sha256(p.tobytes() + t['boxes_px'].tobytes()).hexdigest())"
    )
    runs = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(runs) == 1


def test_a_key_rebuilds_a_scene() -> None:
    source = ProceduralSet(SMALL)
    batch, targets = source.batch(np.array([11, 12]), 5)
    scene, again = source.rebuild(source.key(12, 5))
    np.testing.assert_array_equal(full(scene, 0), full(batch, 1))
    np.testing.assert_array_equal(again["boxes_px"][0], targets["boxes_px"][1])
    with pytest.raises(DataError, match="belongs to the data set other"):
        source.rebuild(SceneKey(dataset="other", index=0, epoch_seed=0))


def test_every_setting_changes_the_fingerprint() -> None:
    changed = [
        SMALL, replace(SMALL, size_px=(512, 512)), replace(SMALL, scent="none"), replace(SMALL, mark_px=13),
        replace(SMALL, clutter=0.9), replace(SMALL, none_frac=0.4),
    ]  # fmt: skip
    prints = [ProceduralSet(config).fingerprint for config in changed]
    prints.append(ProceduralSet(SMALL, split="test").fingerprint)
    assert len(set(prints)) == len(prints)


def test_targets_say_what_is_there() -> None:
    config = replace(SMALL, num_objects=(1, 3), none_frac=0.5)
    batch, targets = ProceduralSet(config).batch(np.arange(400), 0)
    assert len(batch) == 400
    present = (targets["labels"] >= 0).any(1)
    assert 0.4 < present.mean() < 0.6
    np.testing.assert_array_equal(targets["is_target"][:, :3], targets["labels"] >= 0)
    assert not targets["is_target"][:, 3:].any()
    others = targets["is_thing"][:, 3:].sum(1)
    assert (others.min(), others.max()) == (3, 6)
    assert set(targets["labels"][targets["labels"] >= 0].tolist()) == {0, 1, 2}
    boxes = targets["thing_boxes_px"]
    assert not boxes[~targets["is_thing"]].any()
    inside = boxes[targets["is_thing"]]
    assert (inside[:, :2] >= 0).all()
    assert (inside[:, 2:] <= np.array(config.size_px)).all()
    sides = inside[:, 2:] - inside[:, :2]
    assert (sides >= 20).all()
    assert (sides <= 48).all()
    np.testing.assert_array_equal(targets["boxes_px"], boxes[:, :3])
    middles = (targets["boxes_px"][..., :2] + targets["boxes_px"][..., 2:]) / 2
    np.testing.assert_allclose(targets["centers_px"], middles)


@pytest.mark.parametrize("kind", KINDS)
def test_boxes_hold_the_things_and_nothing_else(kind: str) -> None:
    """A scene with and without contrast differs inside the boxes alone (but for the halo of vanishing things)."""
    config = KINDS[kind]
    batch, targets = ProceduralSet(config).batch(np.array([0]), 0)
    bare = ProceduralScenes(batch.layout, replace(batch.style, contrast=0.0))
    apart = np.abs(full(batch, 0).astype(int) - full(bare, 0)).max(0)
    halo_px = 6 if config.scent == "none" else 2 if config.scent == "natural" else 0
    outside = np.ones(config.size_px, bool)
    for top, left, bottom, right in targets["thing_boxes_px"][0][targets["is_thing"][0]]:
        part = np.s_[
            max(int(top) - halo_px, 0) : int(np.ceil(bottom)) + halo_px,
            max(int(left) - halo_px, 0) : int(np.ceil(right)) + halo_px,
        ]
        outside[part] = False
        assert apart[part].max() > 10
    assert apart[outside].max() <= 12  # faint edges of cut-outs


def test_huge_scenes_cost_no_memory() -> None:
    """A terapixel: any glance or look is the size of the glimpse."""
    config = ProceduralConfig(size_px=(1 << 20, 1 << 20), object_size_px=(4000, 9000))
    batch, targets = ProceduralSet(config).batch(np.arange(2), 0)
    assert batch.read(whole_scene(2), (64, 64)).pixels.std() > 5
    box = targets["thing_boxes_px"][:, -config.num_distractors[1]].astype(float)[:, None]
    assert batch.read(from_boxes_px(box, batch.sizes_px), (32, 32)).pixels.std() > 5
    assert batch.read(whole_scene(2), (16, 16), antialias=False).pixels.std() > 5


@pytest.mark.parametrize("size_px", [(16, 16), (1, 40), (300, 20), (65, 257), (255, 1023)])
def test_any_size_can_be_read(size_px: tuple[int, int]) -> None:
    small = min(size_px) < 16
    config = ProceduralConfig(
        size_px=size_px, object_size_px=(2, 2) if small else (4, 6), num_distractors=(0, 0), gap_px=0
    ) if min(size_px) > 1 else None  # fmt: skip
    if config is None:
        with pytest.raises(UsageError, match="too much for a scene of 1 x 40"):
            ProceduralConfig(size_px=size_px, object_size_px=(2, 2), num_distractors=(0, 0))
        return
    scenes = ProceduralSet(config).batch(np.arange(2), 0)[0]
    assert max(level_size_px(size_px, scenes.num_levels - 1)) <= 64
    for level in range(scenes.num_levels):
        assert full(scenes, 0, level).shape[1:] == level_size_px(size_px, level)
    np.testing.assert_array_equal(scenes.read(whole_scene(2), size_px).pixels[0, 0], full(scenes, 0))


def test_jumbled_look_alikes_are_the_same_from_afar() -> None:
    from foveate.scenes.cutouts import load_cutouts
    from foveate.scenes.stamps import JUMBLED_TILES, jumbled

    picture = load_cutouts("digits").images[3].astype(float)
    other = jumbled(picture)
    tile = picture.shape[0] // JUMBLED_TILES
    shape = (JUMBLED_TILES, tile, JUMBLED_TILES, tile, 4)
    np.testing.assert_allclose(picture.reshape(shape).mean((1, 3)), other.reshape(shape).mean((1, 3)))
    assert np.abs(picture - other).max() > 200


BAD: list[tuple[dict[str, Any], str]] = [
    ({"size_px": (0, 100)}, r"size_px is \(0, 100\)"),
    ({"size_px": (100, 1 << 21)}, "1 to 1048576 px"),
    ({"num_distractors": (3000, 4000)}, "4001 things of 128 px are too much"),
    ({"object_size_px": (50, 5000)}, "too much for a scene of 4096 x 4096"),
    ({"object_size_px": (60, 50)}, r"object_size_px is \(60, 50\)"),
    ({"object_size_px": (1, 50)}, "with 2 <= low"),
    ({"num_objects": (0, 1)}, "with 1 <= low"),
    ({"num_distractors": (-1, 1)}, "with 0 <= low"),
    ({"none_frac": 1.5}, "none_frac is 1.5"),
    ({"contrast": -0.1}, "contrast is -0.1"),
    ({"clutter": 2}, "clutter is 2"),
    ({"gap_px": -1}, "gap_px is -1"),
    ({"margin_px": -1}, "margin_px is -1"),
    ({"margin_px": 2040}, "too much for a scene"),
    ({"mark_px": 1}, "mark_px is 1"),
    ({"scent": "weak"}, "scent is 'weak'; allowed are strong, natural, none"),
    ({"bands": 4}, "bands is 4; allowed are 1, 3"),
    ({"background": "sea"}, "background is 'sea'; allowed are photos, noise"),
    ({"distractors": "same"}, "distractors is 'same'"),
]


@pytest.mark.parametrize(("values", "message"), BAD)
def test_bad_settings_are_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ProceduralConfig(**values)


def test_bad_sets_and_reads_are_named() -> None:
    with pytest.raises(UsageError, match=r"no cut-outs 'digit'\. Did you mean 'digits'"):
        ProceduralSet(ProceduralConfig(cutouts="digit")).batch(np.arange(1), 0)
    with pytest.raises(UsageError, match="no class or category 'x'"):
        ProceduralSet(ProceduralConfig(classes=("x",))).batch(np.arange(1), 0)
    with pytest.raises(UsageError, match="left for the distractors"):
        ProceduralSet(ProceduralConfig(classes=None)).batch(np.arange(1), 0)
    with pytest.raises(UsageError, match="split is 'val'"):
        ProceduralSet(SMALL, split="val")  # type: ignore[arg-type]
    source = ProceduralSet(SMALL, size=5)
    for index in (-1, 5):
        with pytest.raises(UsageError, match="this set has 5 scenes"):
            source.batch(np.array([index]), 0)
    scenes = source.batch(np.arange(1), 0)[0]
    with pytest.raises(UsageError, match="levels 0 to 4"):
        scenes.window(0, 5, (0, 0, 1, 1))
    for box in ((0, 0, 0, 5), (-1, 0, 5, 5), (0, 0, 5, 701)):
        with pytest.raises(UsageError, match="not inside level 0 of 512 x 700"):
            scenes.window(0, 0, box)


def test_no_scenes_are_a_batch_too() -> None:
    scenes, targets = ProceduralSet(SMALL).batch(np.zeros(0, np.int64), 0)
    assert scenes.read(np.zeros((0, 2, 4), np.float32), (5, 6)).pixels.shape == (0, 2, 3, 5, 6)
    assert targets["boxes_px"].shape == (0, 1, 4)


def test_warped_cut_outs_are_for_training_alone_and_change_nothing_where_there_are_none() -> None:
    plain = ProceduralConfig(size_px=(1024, 1024))
    varied = replace(plain, variants=1)
    assert ProceduralSet(plain).fingerprint == ProceduralSet(replace(varied, variants=0)).fingerprint
    assert ProceduralSet(plain).fingerprint != ProceduralSet(varied).fingerprint
    assert ProceduralSet(plain).class_names == ProceduralSet(varied).class_names
    many, few = (ProceduralSet(varied, split=split) for split in ("train", "test"))
    assert len(many._alphabet.labels) == 2 * len(ProceduralSet(plain)._alphabet.labels)
    assert len(few._alphabet.labels) == len(ProceduralSet(plain, split="test")._alphabet.labels)
    batch, targets = many.batch(np.arange(6), 0)
    assert set(targets["labels"][targets["labels"] >= 0].tolist()) <= {0, 1, 2}
    assert batch.read(whole_scene(6), (32, 32)).pixels.std() > 0
