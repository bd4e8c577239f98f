"""Cells share out what a look answers for: nothing is left out, nothing counted twice, at any depth and any aspect."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from foveate.geometry.viewpoint import WHOLE_SCENE
from foveate.models.cells import cells, cores, scale_px, shares

GLIMPSE_PX = (32, 32)
WHOLE = torch.tensor([WHOLE_SCENE])


def _cells(windows: torch.Tensor, size_px: tuple[int, int], **changes: object) -> tuple[torch.Tensor, ...]:
    settings = {"grid": (6, 4), "context": 2.0, "glimpse_px": GLIMPSE_PX, "finest_px": 1.0, **changes}
    return cells(windows, torch.tensor([size_px]).expand(len(windows), 2), **settings)


def _areas(boxes: torch.Tensor) -> torch.Tensor:
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


@pytest.mark.parametrize("context", [1.0, 1.5, 2.0, 3.0])
@pytest.mark.parametrize("size_px", [(4096, 4096), (1000, 3000), (40_000, 700)])
def test_cells_tile_what_the_look_answers_for(size_px: tuple[int, int], context: float) -> None:
    windows = WHOLE
    for _ in range(3):
        boxes, closer, exists = _cells(windows, size_px, context=context)
        core = cores(windows, context=context)
        torch.testing.assert_close((_areas(boxes) * exists).sum(1), _areas(core), rtol=1e-4, atol=1e-7)
        assert (boxes[..., :2] >= core[:, None, :2] - 1e-6).all()
        assert (boxes[..., 2:] <= core[:, None, 2:] + 1e-6).all()
        windows = closer[0, [0, 7, 23]]


def test_looks_at_all_cells_answer_for_all_of_it_again() -> None:
    """The core of a cell's window is the cell, at the border too, where windows end with the scene."""
    boxes, closer, _ = _cells(WHOLE, (4096, 4096), grid=(6, 6))
    torch.testing.assert_close(cores(closer, context=2.0), boxes)
    corner, inner = closer[:, 0], closer[:, 14]
    for window in (corner, inner):
        boxes, closer, _ = _cells(window, (4096, 4096), grid=(6, 6))
        torch.testing.assert_close(cores(closer, context=2.0), boxes)


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(0, 23))
def test_windows_lie_in_the_scene_and_are_no_closer_than_asked(height: int, width: int, chosen: int) -> None:
    windows, size_px = WHOLE, (height, width)
    for _ in range(4):
        boxes, closer, _ = _cells(windows, size_px)
        assert (closer[..., :2].abs() + closer[..., 2:] <= 1 + 1e-6).all()
        assert (closer[..., 2:] > 0).all()
        scales = scale_px(closer[..., 2:], torch.tensor([[size_px]]), glimpse_px=GLIMPSE_PX)
        least = min(1.0, max(height, width) / 32)
        assert (scales >= least * 0.999).all()
        middles = (boxes[..., :2] + boxes[..., 2:]) / 2
        assert ((middles - closer[..., :2]).abs() <= closer[..., 2:] + 1e-6).all(), "a cell lies in its window"
        windows = closer[:, chosen]


@pytest.mark.parametrize("size_px", [(64, 128), (40_000, 700), (100, 33)])
def test_no_two_cells_of_a_look_are_looked_at_alike(size_px: tuple[int, int]) -> None:
    windows = WHOLE
    for _ in range(3):
        boxes, closer, exists = _cells(windows, size_px)
        distinct = torch.unique(closer[exists].round(decimals=4), dim=0)
        assert len(distinct) == int(exists.sum())
        assert ((boxes[..., :2] + boxes[..., 2:]) / 2 - closer[..., :2]).abs().le(closer[..., 2:] + 1e-6).all()
        windows = closer[0, :1]


def test_closer_looks_show_square_pixels() -> None:
    _, closer, _ = _cells(WHOLE, (1000, 1400), grid=(6, 6))
    px = closer[0, 5, 2:] * torch.tensor([1000, 1400])
    assert px[0] == pytest.approx(float(px[1]))


@pytest.mark.parametrize("context", [1.0, 2.0])
def test_every_place_of_the_core_belongs_to_one_cell(context: float) -> None:
    boxes, closer, _ = _cells(WHOLE, (4096, 4096), context=context)
    for windows in (WHOLE, closer[:, 9], closer[:, 0]):
        boxes, _, _ = _cells(windows, (4096, 4096), context=context)
        core = cores(windows, context=context)
        rows = shares(boxes[:, ::4], windows, places=16, axis=0).sum(1)
        expected = shares(core[:, None], windows, places=16, axis=0)[:, 0]
        torch.testing.assert_close(rows, expected, rtol=1e-4, atol=1e-5)
        cols = shares(boxes[:, :4], windows, places=16, axis=1).sum(1)
        torch.testing.assert_close(cols, shares(core[:, None], windows, places=16, axis=1)[:, 0], rtol=1e-4, atol=1e-5)
