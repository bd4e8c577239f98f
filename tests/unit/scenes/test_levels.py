from __future__ import annotations

import numpy as np
import pytest

from foveate.scenes.levels import level_size_px, levels_for, num_levels


@pytest.mark.parametrize(
    ("size_px", "levels", "coarsest"),
    [((64, 64), 1, (64, 64)), ((65, 10), 2, (33, 5)), ((4096, 2048), 7, (64, 32)), ((1, 1), 1, (1, 1))],
)
def test_the_last_level_is_small(size_px: tuple[int, int], levels: int, coarsest: tuple[int, int]) -> None:
    assert num_levels(size_px) == levels
    assert level_size_px(size_px, levels - 1) == coarsest


def test_the_coarsest_level_that_is_fine_enough() -> None:
    boxes = np.array([[0, 0, 64, 64], [0, 0, 65, 64], [0, 0, 127.99, 127.99], [0, 0, 512, 256], [0, 0, 9, 9]], float)
    assert levels_for(boxes, (64, 64), 4).tolist() == [0, 0, 1, 2, 0]
    assert levels_for(boxes, (1, 1), 4).tolist() == [3, 3, 3, 3, 3]
    assert levels_for(np.zeros((0, 4)), (8, 8), 4).tolist() == []
