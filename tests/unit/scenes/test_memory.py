"""Scenes in memory: of one size or many, of numpy or torch."""

from __future__ import annotations

import numpy as np
import pytest

from foveate.errors import SceneError, UsageError
from foveate.geometry.viewpoint import from_boxes_px
from foveate.scenes.memory import ArrayScenes

torch = pytest.importorskip("torch")


def images(n: int = 4, bands: int = 2, height: int = 30, width: int = 40) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, bands, height, width), np.uint8)


def whole(n: int) -> np.ndarray:
    return np.tile(np.array([0, 0, 1, 1], np.float32), (n, 1, 1))


def test_integer_boxes_are_copies_and_nothing_is_charged() -> None:
    stack = images()
    scenes = ArrayScenes(stack)
    boxes = np.array([[[0, 0, 8, 9], [22, 31, 30, 40]]] * 4, np.float64)
    views = from_boxes_px(boxes, scenes.sizes_px).astype(np.float32)
    glimpses = scenes.read(views, (8, 9))
    np.testing.assert_array_equal(glimpses.pixels[:, 0], stack[:, :, :8, :9])
    np.testing.assert_array_equal(glimpses.pixels[:, 1], stack[:, :, 22:, 31:])
    for cost in (glimpses.decoded_px, glimpses.read_bytes, scenes.max_read_bytes()):
        assert cost.dtype == np.int64
        assert cost.tolist() == [0] * 4


def test_ragged_scenes_read_like_each_alone() -> None:
    rng = np.random.default_rng(1)
    sizes = [(30, 40), (25, 25), (30, 40), (61, 20), (25, 25)]
    pictures = [rng.integers(0, 256, (3, *size), np.uint8) for size in sizes]
    scenes = ArrayScenes(pictures)
    assert scenes.sizes_px.tolist() == [list(size) for size in sizes]
    centers = rng.uniform(-0.6, 0.6, (5, 2, 2))
    views = np.concatenate([centers, np.full((5, 2, 2), 0.35)], -1).astype(np.float32)
    together = scenes.read(views, (9, 7)).pixels
    for row, picture in enumerate(pictures):
        alone = ArrayScenes(picture[None]).read(views[row : row + 1], (9, 7)).pixels
        np.testing.assert_array_equal(together[row : row + 1], alone)
    kept = scenes.select(np.array([False, True, False, True, True]))
    assert kept.sizes_px.tolist() == [[25, 25], [61, 20], [25, 25]]
    np.testing.assert_array_equal(kept.read(views[[1, 3, 4]], (9, 7)).pixels, together[[1, 3, 4]])


@pytest.mark.parametrize(
    "rows", [[2, 0], np.array([True, False, True, False]), slice(1, 3), torch.tensor([3, 3]), [], 1]
)
def test_select(rows: object) -> None:
    stack = images()
    chosen = ArrayScenes(stack).select(rows)
    index = rows.numpy() if isinstance(rows, torch.Tensor) else rows
    expected = np.atleast_1d(np.arange(4)[np.array(index, int) if isinstance(index, list) else index])
    assert len(chosen) == len(expected)
    pixels = chosen.read(whole(len(expected)), (30, 40)).pixels
    np.testing.assert_array_equal(pixels[:, 0], stack[expected])


def test_select_of_select() -> None:
    stack = images(6)
    chosen = ArrayScenes(stack).select([5, 3, 1]).select([2, 0])
    np.testing.assert_array_equal(chosen.read(whole(2), (30, 40)).pixels[:, 0], stack[[1, 5]])


def test_invalid_looks_are_zeros_whatever_they_hold() -> None:
    scenes = ArrayScenes(images() | 1)
    views = np.repeat(whole(4), 2, 1)
    views[:, 1] = [np.nan, 9, -3, np.inf]
    valid = np.array([[True, False]] * 4)
    pixels = scenes.read(views, (5, 5), valid).pixels
    assert pixels[:, 0].all()
    assert not pixels[:, 1].any()
    assert not scenes.read(views, (5, 5), np.zeros((4, 2), bool)).pixels.any()


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
def test_torch_in_torch_out(kind: str) -> None:
    stack = images().astype(kind) / (255 if kind == "float32" else 1)
    stack = stack.astype(kind)
    views = torch.tensor([[[0.1, 0.2, 0.5, 0.4]]] * 4)
    ours = ArrayScenes(torch.from_numpy(stack)).read(views, (6, 7), torch.ones(4, 1, dtype=torch.bool))
    assert isinstance(ours.pixels, torch.Tensor)
    assert str(ours.pixels.dtype) == f"torch.{kind}"
    theirs = ArrayScenes(stack).read(views.numpy(), (6, 7))
    np.testing.assert_allclose(ours.pixels.numpy(), theirs.pixels, atol=1e-6)


def test_gradients_reach_the_pixels() -> None:
    stack = torch.rand(3, 1, 12, 14, requires_grad=True)
    ragged = ArrayScenes([stack[0], stack[1, :, :9], stack[2]])
    ragged.read(np.tile(np.float32([0, 0, 0.5, 0.5]), (3, 1, 1)), (4, 4)).pixels.sum().backward()
    assert (stack.grad != 0).any((1, 2, 3)).all()


def test_from_pictures() -> None:
    grey, colour = np.arange(12, dtype=np.uint8).reshape(3, 4), np.arange(36, dtype=np.uint8).reshape(3, 4, 3)
    np.testing.assert_array_equal(ArrayScenes.from_pictures([grey]).read(whole(1), (3, 4)).pixels[0, 0, 0], grey)
    scenes = ArrayScenes.from_pictures([colour, np.zeros((5, 2, 3), np.uint8)])
    assert scenes.num_bands == 3
    assert scenes.sizes_px.tolist() == [[3, 4], [5, 2]]
    np.testing.assert_array_equal(scenes.select([0]).read(whole(1), (3, 4)).pixels[0, 0], colour.transpose(2, 0, 1))


def test_value_ranges() -> None:
    assert ArrayScenes(images()).value_range == (0, 255)
    assert ArrayScenes(images().astype(np.uint16)).value_range == (0, 65535)
    assert ArrayScenes(np.zeros((1, 1, 2, 2), np.float32)).value_range == (0, 1)
    assert ArrayScenes(images().astype(np.float32), value_range=(0, 255)).value_range == (0, 255)


def test_bad_values_name_the_row() -> None:
    stack = np.zeros((3, 1, 4, 4), np.float32)
    stack[2, 0, 1, 1] = np.nan
    with pytest.raises(SceneError, match="row 2 of the images has NaN"):
        ArrayScenes(stack)
    stack[2, 0, 1, 1] = np.inf
    with pytest.raises(SceneError, match="row 2 of the images has NaN or infinite"):
        ArrayScenes(torch.from_numpy(stack))
    stack[2, 0, 1, 1] = 3
    with pytest.raises(SceneError, match=r"row 2 .* outside \[0, 1\].*value_range="):
        ArrayScenes(list(stack))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros((4, 4), np.uint8), r"needed is \[n, C, H, W\]"),
        (np.zeros((0, 3, 4, 4), np.uint8), r"shape \(0, 3, 4, 4\)"),
        ([], "no images"),
        ([np.zeros((4, 4), np.uint8)], r"row 0 .* needed is \[C, H, W\]"),
        ([np.zeros((1, 4, 4), np.uint8), np.zeros((3, 4, 4), np.uint8)], "row 1 .* one batch holds one kind"),
        ([np.zeros((1, 4, 4), np.uint8), np.zeros((1, 4, 4), np.float32)], "one batch holds one kind"),
        ([[[1, 2]]], "is a list"),
        (np.zeros((1, 1, 4, 4)), "images are float64; allowed are uint8"),
        (np.zeros((1, 1, 4, 4), bool), "images are bool"),
    ],
)
def test_bad_images(bad: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ArrayScenes(bad)  # type: ignore[arg-type]


def test_bad_looks() -> None:
    scenes = ArrayScenes(images())
    with pytest.raises(UsageError, match=r"viewpoints have shape \(3, 1, 4\)"):
        scenes.read(whole(3), (4, 4))
    with pytest.raises(UsageError, match="valid has shape"):
        scenes.read(whole(4), (4, 4), np.ones(4, bool))
    for outside, message in (
        ([0.9, 0, 0.5, 0.5], "move it inside first"),
        ([0, 0, -0.5, 0.5], "move it inside first"),
        ([np.nan, 0, 0.5, 0.5], "has the viewpoint.*mark it not valid"),
    ):
        with pytest.raises(UsageError, match=message):
            scenes.read(np.tile(np.float32(outside), (4, 1, 1)), (4, 4))
