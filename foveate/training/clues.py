"""What is known of big pictures, for families that learn from boxes: the target of the task ``finding``."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


def known_clues(
    *,
    boxes_px: NDArray[np.float32],
    classes: NDArray[np.int64],
    is_thing: NDArray[np.bool_],
    is_target: NDArray[np.bool_],
    label: torch.Tensor,
    place: torch.Tensor | None = None,
    sizes_px: NDArray[Any],
) -> dict[str, torch.Tensor]:
    """Of n scenes of ``sizes_px`` ``[n, 2]`` or ``[1, 2]`` (height, width), with room for t things each:

    - ``label`` ``[n]`` int64, class of the scene counted from 1, 0 for none; ``place`` ``[n, 1, 2]`` of the first
      thing, its box's middle where none is given
    - ``present`` ``[n]`` bool, whether there is anything that is searched
    - ``boxes_px`` and ``boxes`` ``[n, t, 4]`` float32 of everything, look-alikes too: (top, left, bottom, right) in
      pixels and in the frame, where the scene spans -1..1; ``is_thing`` and ``is_target`` ``[n, t]`` bool
    - ``classes`` ``[n, t]`` int64, as ``label``; 0 for look-alikes
    """
    in_frame = boxes_px / np.tile(sizes_px, 2)[:, None] * 2 - 1
    boxes = torch.from_numpy((in_frame * is_thing[..., None]).astype(np.float32))
    return {
        "label": label,
        "place": (boxes[:, :1, :2] + boxes[:, :1, 2:]) / 2 if place is None else place,
        "present": label > 0,
        "boxes_px": torch.from_numpy(boxes_px),
        "boxes": boxes,
        "classes": torch.from_numpy(classes),
        "is_thing": torch.from_numpy(is_thing),
        "is_target": torch.from_numpy(is_target),
    }
