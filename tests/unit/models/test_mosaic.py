"""The mosaic shows what was seen where it was seen, as closely as it was seen, and nothing else."""

from __future__ import annotations

import numpy as np
import torch

from foveate.models.mosaic import MosaicReader, blank, painted
from foveate.scenes.memory import ArrayScenes

SIZE_PX = (32, 48)


def _blank(num_rows: int = 1, num_bands: int = 1) -> torch.Tensor:
    return blank(num_rows, num_bands=num_bands, size_px=SIZE_PX, device=torch.device("cpu"))


def _box(top: int, left: int, bottom: int, right: int) -> torch.Tensor:
    rows, cols = SIZE_PX
    return torch.tensor(
        [(top + bottom) / rows - 1, (left + right) / cols - 1, (bottom - top) / rows, (right - left) / cols]
    )


def test_a_native_look_is_copied_exactly_and_nothing_else_changes() -> None:
    glimpse = torch.rand(1, 1, 2, 8, 8)
    mosaic = painted(_blank(num_bands=2), glimpse, _box(4, 10, 12, 18)[None, None], torch.ones(1, 1))
    torch.testing.assert_close(mosaic[0, :2, 4:12, 10:18], glimpse[0, 0], atol=1e-5, rtol=0)
    assert (mosaic[0, 2, 4:12, 10:18] == 1).all()
    mosaic[0, :, 4:12, 10:18] = 0
    assert (mosaic == 0).all()


def test_a_look_at_the_whole_scene_is_the_enlarged_picture() -> None:
    scene = torch.linspace(0, 0.5, SIZE_PX[0])[:, None] + torch.linspace(0, 0.5, SIZE_PX[1])
    whole = torch.tensor([[[0.0, 0.0, 1.0, 1.0]]])
    glimpse = ArrayScenes(scene.numpy()[None, None].astype(np.float32)).read(whole.numpy(), (16, 16)).pixels
    mosaic = painted(_blank(), torch.as_tensor(glimpse), whole, torch.full((1, 1), 0.4))
    inner = (slice(2, -2), slice(3, -3))
    torch.testing.assert_close(mosaic[0, 0][inner], scene[inner], atol=0.02, rtol=0)
    assert (mosaic[0, 1] == torch.tensor(0.4)).all()


def test_the_closest_look_stays_on_top_whatever_the_order() -> None:
    near, far = torch.ones(1, 1, 1, 8, 8), torch.zeros(1, 1, 1, 8, 8)
    boxes, whole = _box(4, 10, 12, 18), torch.tensor([0.0, 0.0, 1.0, 1.0])
    first = painted(_blank(), torch.cat([near, far], 1), torch.stack([boxes, whole])[None], torch.tensor([[1.0, 0.25]]))
    second = painted(
        _blank(), torch.cat([far, near], 1), torch.stack([whole, boxes])[None], torch.tensor([[0.25, 1.0]])
    )
    torch.testing.assert_close(first, second)
    assert (first[0, 0, 4:12, 10:18] == 1).all()
    assert first[0, 0].sum() == 64


def test_a_look_that_is_not_valid_leaves_no_trace() -> None:
    box = torch.zeros(2, 1, 4)
    box[1] = _box(0, 0, 8, 8)
    mosaic = painted(_blank(2), torch.ones(2, 1, 1, 8, 8), box, torch.tensor([[0.0], [1.0]]))
    assert (mosaic[0] == 0).all()
    assert mosaic[1, 0].sum() == 64


def test_the_reader_gives_cells_of_any_grid_and_counts_its_work() -> None:
    for grid in ((4, 6), (3, 5)):
        reader = MosaicReader({"name": "conv"}, num_bands=1, size_px=SIZE_PX, dim=16, grid=grid)
        assert reader(_blank(3)).shape == (3, grid[0] * grid[1], 16)
        assert reader.macs() > 0
