"""Reuse and update, against slow references written from the paper's description, on square and other grids."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from foveate.errors import UsageError
from foveate.models.fusion import FusionConfig, Reuse, Update, bilinear, nearest_cell, token_centers

GRIDS = [((7, 7), (7, 7)), ((3, 5), (2, 4)), ((4, 2), (5, 3))]


def _config(grids: tuple[tuple[int, int], tuple[int, int]], **changes: object) -> FusionConfig:
    return FusionConfig(dim=8, state_grid=grids[0], local_grid=grids[1], num_steps=3, **changes)  # type: ignore[arg-type]


def _viewpoints(n: int) -> torch.Tensor:
    half = torch.rand(n, 2) * 0.4 + 0.1
    return torch.cat([(2 * torch.rand(n, 2) - 1) * (1 - half), half], dim=1)


def _shaken(module: torch.nn.Module) -> torch.nn.Module:
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return module


@pytest.mark.parametrize("grids", GRIDS)
def test_bilinear_is_grid_sample_with_zeros_outside(grids: tuple[tuple[int, int], tuple[int, int]]) -> None:
    torch.manual_seed(0)
    state = torch.randn(5, *grids[0], 8)
    rows, cols = token_centers(_viewpoints(5), grids[1])
    points = torch.stack([cols[:, None].expand(-1, grids[1][0], -1), rows[:, :, None].expand(-1, -1, grids[1][1])], -1)
    expected = F.grid_sample(state.permute(0, 3, 1, 2), points, align_corners=False).permute(0, 2, 3, 1)
    # Same products in another order of summation: float32 rounding.
    torch.testing.assert_close(bilinear(state, rows, cols), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("grids", GRIDS)
@pytest.mark.parametrize("paper_cells", [True, False])
def test_update_writes_each_kernel_around_the_nearest_cell(
    grids: tuple[tuple[int, int], tuple[int, int]], *, paper_cells: bool
) -> None:
    torch.manual_seed(1)
    (hf, wf), (ph, pw) = grids
    update = _shaken(Update(_config(grids, paper_cells=paper_cells)))
    state, local, view = torch.randn(4, hf * wf, 8), torch.randn(4, ph * pw, 8), _viewpoints(4)
    looks = torch.tensor([0, 2, 1, 0])
    kernels = update.mlp(update.norm(local, looks))
    rows, cols = token_centers(view, grids[1])
    expected = state.clone()
    for n in range(4):
        for i in range(ph):
            for j in range(pw):
                places = [(rows[n, i].item(), hf), (cols[n, j].item(), wf)]
                stretch = [(at + 1) / 2 * (size - 1 if paper_cells else size) for at, size in places]
                near = [int(at + 0.5) if paper_cells else int(at) for at in stretch]
                for step in range(25):
                    r, c = near[0] + step // 5 - 2, near[1] + step % 5 - 2
                    if 0 <= r < hf and 0 <= c < wf:
                        expected[n, r * wf + c] += kernels[n, i * pw + j, step] * local[n, i * pw + j]
    # Up to 49 terms per cell summed in another order: float32 rounding.
    torch.testing.assert_close(update(state, local, view, looks), expected, atol=1e-5, rtol=1e-5)


def test_a_tie_between_two_cells_goes_to_the_next_one_whatever_the_rounding() -> None:
    half = torch.tensor([0.5])
    for nudge in (-1e-7, 0.0, 1e-7):
        assert nearest_cell(2 * (half / 6) - 1 + nudge, 7, paper_cells=True).item() == 1


def test_token_centers_are_cell_centres_of_the_viewpoint() -> None:
    rows, cols = token_centers(torch.tensor([[0.5, -0.25, 0.5, 0.75]]), (2, 3))
    torch.testing.assert_close(rows, torch.tensor([[0.25, 0.75]]))
    torch.testing.assert_close(cols, torch.tensor([[-0.75, -0.25, 0.25]]))


@pytest.mark.parametrize("grids", GRIDS)
def test_rows_of_different_steps_share_a_batch(grids: tuple[tuple[int, int], tuple[int, int]]) -> None:
    torch.manual_seed(2)
    (hf, wf), (ph, pw) = grids
    reuse, update = _shaken(Reuse(_config(grids))), _shaken(Update(_config(grids)))
    state, local, view = torch.randn(6, hf * wf, 8), torch.randn(6, ph * pw, 8), _viewpoints(6)
    looks = torch.tensor([1, 0, 2, 2, 1, 0])
    context, after = reuse(state, view, looks), update(state, local, view, looks)
    assert context.shape == local.shape
    assert after.shape == state.shape
    for row in range(6):
        one = slice(row, row + 1)
        torch.testing.assert_close(context[one], reuse(state[one], view[one], looks[one]), atol=1e-5, rtol=1e-5)
        alone = update(state[one], local[one], view[one], looks[one])
        torch.testing.assert_close(after[one], alone, atol=1e-5, rtol=1e-5)


def test_gradients_reach_every_parameter_the_state_and_the_viewpoint() -> None:
    torch.manual_seed(3)
    grids = GRIDS[1]
    reuse, update = _shaken(Reuse(_config(grids))), _shaken(Update(_config(grids)))
    state, view = torch.randn(3, 15, 8, requires_grad=True), _viewpoints(3).requires_grad_()
    looks = torch.arange(3)
    update(state, reuse(state, view, looks), view, looks).square().sum().backward()
    inputs = [state, view, *reuse.parameters(), *update.parameters()]
    assert all(x.grad is not None and x.grad.abs().sum() > 0 for x in inputs)


@pytest.mark.parametrize("grids", GRIDS)
def test_macs_equal_the_counter(
    grids: tuple[tuple[int, int], tuple[int, int]], counted_macs: Callable[..., int]
) -> None:
    (hf, wf), (ph, pw) = grids
    reuse, update, view, looks = Reuse(_config(grids)), Update(_config(grids)), _viewpoints(1), torch.zeros(1).long()
    state, local = torch.zeros(1, hf * wf, 8), torch.zeros(1, ph * pw, 8)
    assert reuse.macs() == counted_macs(reuse, state, view, looks)
    assert update.macs() == counted_macs(update, state, local, view, looks)


def test_impossible_shapes_are_refused() -> None:
    with pytest.raises(UsageError, match="must be odd"):
        _config(GRIDS[0], reuse_kernel=4)
    with pytest.raises(UsageError, match="0 or more"):
        _config(GRIDS[0], update_radius=-1)
