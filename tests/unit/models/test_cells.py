"""Cells share out what a look answers for: nothing is left out, nothing counted twice, at any depth and any aspect."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from foveate.geometry.viewpoint import WHOLE_SCENE
from foveate.models.cells import cells, cores, extents, grown, next_scale_px, scale_px, shares

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
        boxes, closer, exists, _ = _cells(windows, size_px, context=context)
        core = cores(windows, context=context)
        torch.testing.assert_close((_areas(boxes) * exists).sum(1), _areas(core), rtol=1e-4, atol=1e-7)
        assert (boxes[..., :2] >= core[:, None, :2] - 1e-6).all()
        assert (boxes[..., 2:] <= core[:, None, 2:] + 1e-6).all()
        windows = closer[0, [0, 7, 23]]


@pytest.mark.parametrize("size_px", [(4096, 4096), (3000, 1700), (700, 20_000)])
def test_looks_at_all_cells_answer_for_all_of_it_again(size_px: tuple[int, int]) -> None:
    """A cell lies in the core of its window, at the border too, where windows end with the scene."""
    windows = WHOLE
    while True:
        boxes, closer, exists, is_leaf = _cells(windows, size_px)
        if is_leaf.all():
            break
        core = cores(closer[exists], context=2.0)
        assert (core[:, :2] <= boxes[exists][:, :2] + 1e-4).all()
        assert (core[:, 2:] >= boxes[exists][:, 2:] - 1e-4).all()
        windows = closer[exists][[0, -1, int(exists.sum()) // 2]]


@pytest.mark.parametrize("side", [300, 1024, 2048, 3000, 8192, 100_000])
def test_steps_are_alike_and_end_at_full_resolution_at_any_size(side: int) -> None:
    """Else the closest looks of some sizes would show things at a scale that no other size was trained for."""
    window, scales = WHOLE, [side / 32]
    while True:
        _, closer, exists, is_leaf = _cells(window, (side, side))
        if is_leaf.all():
            break
        window = closer[exists][-1:]
        scales.append(float(scale_px(window[:, 2:], torch.tensor([[side, side]]), glimpse_px=GLIMPSE_PX)))
    assert scales[-1] == pytest.approx(1, rel=1e-3)
    ratios = [before / after for before, after in pairwise(scales)]
    assert max(ratios) == pytest.approx(min(ratios), rel=1e-3)
    assert max(ratios) <= 2.002, "a grid of four columns and windows of two cells show twice as much detail"
    assert 2 ** (len(ratios) - 1) < side / 32, "no more steps than are needed"


def test_a_core_that_is_grown_by_a_place_holds_one_more_on_every_side() -> None:
    window = torch.tensor([[0.25, -0.5, 0.25, 0.125]])
    core = cores(window, context=2.0)
    wider = grown(core, by=extents(window, (8, 4)))
    held = [shares(each[:, None], window, places=places, axis=axis).sum().item()
            for each in (core, wider) for axis, places in ((0, 8), (1, 4))]  # fmt: skip
    assert held == pytest.approx([4, 2, 6, 4])


def test_hardly_coarser_than_the_finest_is_the_finest() -> None:
    steps = next_scale_px(torch.tensor([0.5, 1.0, 1.4, 6.0, 6.1, 16.0]), finest_px=1.0, most=6.0)
    assert steps.tolist() == pytest.approx([1.0, 1.0, 1.0, 1.0, 6.1**0.5, 4.0])


def test_a_look_offers_no_more_cells_than_it_takes() -> None:
    """Four times as close as the overview, each answers for an eighth of the side, and at the border for more."""
    _, _, exists, _ = cells(
        WHOLE, torch.tensor([[512, 512]]), grid=(16, 16), context=2.0, glimpse_px=GLIMPSE_PX, finest_px=4.0
    )
    assert exists.sum() == 49


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(0, 23))
def test_windows_lie_in_the_scene_and_are_no_closer_than_asked(height: int, width: int, chosen: int) -> None:
    windows, size_px = WHOLE, (height, width)
    for _ in range(4):
        boxes, closer, exists, _ = _cells(windows, size_px)
        assert (closer[..., :2].abs() + closer[..., 2:] <= 1 + 1e-6).all()
        assert (closer[..., 2:] > 0).all()
        scales = scale_px(closer[..., 2:], torch.tensor([[size_px]]), glimpse_px=GLIMPSE_PX)
        least = min(1.0, max(height, width) / 32)
        assert (scales >= least * 0.999).all()
        middles = (boxes[..., :2] + boxes[..., 2:]) / 2
        inside = ((middles - closer[..., :2]).abs() <= closer[..., 2:] + 1e-6).all(-1)
        assert (inside | ~exists).all(), "a cell lies in its window"
        there = closer[exists]
        windows = there[[chosen % len(there)]]


@pytest.mark.parametrize("size_px", [(64, 128), (40_000, 700), (100, 33)])
def test_no_two_cells_of_a_look_are_looked_at_alike(size_px: tuple[int, int]) -> None:
    windows = WHOLE
    for _ in range(3):
        _, closer, exists, is_leaf = _cells(windows, size_px)
        if is_leaf.all():
            break
        distinct = torch.unique(closer[exists].round(decimals=4), dim=0)
        assert len(distinct) == int(exists.sum())
        windows = closer[0, :1]


def test_closer_looks_show_square_pixels() -> None:
    _, closer, *_ = _cells(WHOLE, (1000, 1400), grid=(6, 6))
    px = closer[0, 5, 2:] * torch.tensor([1000, 1400])
    assert px[0] == pytest.approx(float(px[1]))


@pytest.mark.parametrize("context", [1.0, 2.0])
def test_every_place_of_the_core_belongs_to_one_cell(context: float) -> None:
    boxes, closer, *_ = _cells(WHOLE, (4096, 4096), context=context)
    for windows in (WHOLE, closer[:, 9], closer[:, 0]):
        boxes, *_ = _cells(windows, (4096, 4096), context=context)
        core = cores(windows, context=context)
        rows = shares(boxes[:, ::4], windows, places=16, axis=0).sum(1)
        expected = shares(core[:, None], windows, places=16, axis=0)[:, 0]
        torch.testing.assert_close(rows, expected, rtol=1e-4, atol=1e-5)
        cols = shares(boxes[:, :4], windows, places=16, axis=1).sum(1)
        torch.testing.assert_close(cols, shares(core[:, None], windows, places=16, axis=1)[:, 0], rtol=1e-4, atol=1e-5)
