"""RandAugment as the published ImageNet recipe uses it: ``rand-m9-mstd0.5-inc1``, two operations, each with chance 1/2.

Parameters are drawn from a numpy generator that the picture's key seeds, apart from their use (torchvision's kernels),
so that a picture can be changed the same way again, in any thread. RandAugment: arXiv:1909.13719.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveate.errors import require_extra

Picture = NDArray[np.uint8]  # [C, H, W]
MAX_LEVEL = 10.0

Operation = Callable[[Any, Any, float, float], Any]
"""(torchvision's kernels, picture, level in [0, 1], sign) -> picture. Larger levels change more."""


def _affine(f: Any, x: Any, *, shear: tuple[float, float] = (0.0, 0.0), shift: tuple[float, float] = (0.0, 0.0)) -> Any:
    moved = [round(shift[0] * x.shape[2]), round(shift[1] * x.shape[1])]
    return f.affine(x, angle=0.0, translate=moved, scale=1.0, shear=list(shear), fill=[128.0] * x.shape[0])


OPERATIONS: Mapping[str, Operation] = {
    "auto_contrast": lambda f, x, level, sign: f.autocontrast(x),
    "equalize": lambda f, x, level, sign: f.equalize(x),
    "invert": lambda f, x, level, sign: f.invert(x),
    "rotate": lambda f, x, level, sign: f.rotate(x, angle=30 * level * sign, fill=[128.0] * x.shape[0]),
    "posterize": lambda f, x, level, sign: f.posterize(x, bits=max(1, 4 - int(4 * level))),
    "solarize": lambda f, x, level, sign: f.solarize(x, threshold=float(256 - int(256 * level))),
    "solarize_add": lambda f, x, level, sign: _solarize_add(x, int(110 * level)),
    "colour": lambda f, x, level, sign: f.adjust_saturation(x, max(0.1, 1 + 0.9 * level * sign)),
    "contrast": lambda f, x, level, sign: f.adjust_contrast(x, max(0.1, 1 + 0.9 * level * sign)),
    "brightness": lambda f, x, level, sign: f.adjust_brightness(x, max(0.1, 1 + 0.9 * level * sign)),
    "sharpness": lambda f, x, level, sign: f.adjust_sharpness(x, max(0.1, 1 + 0.9 * level * sign)),
    "shear_x": lambda f, x, level, sign: _affine(f, x, shear=(np.degrees(np.arctan(0.3 * level * sign)), 0.0)),
    "shear_y": lambda f, x, level, sign: _affine(f, x, shear=(0.0, np.degrees(np.arctan(0.3 * level * sign)))),
    "shift_x": lambda f, x, level, sign: _affine(f, x, shift=(0.45 * level * sign, 0.0)),
    "shift_y": lambda f, x, level, sign: _affine(f, x, shift=(0.0, 0.45 * level * sign)),
}


def rand_augment(
    picture: Picture,
    rng: np.random.Generator,
    *,
    magnitude: float = 9.0,
    magnitude_std: float = 0.5,
    num_operations: int = 2,
    chance: float = 0.5,
) -> Picture:
    """A changed copy of ``[C, H, W]`` uint8. Needs the extra ``train`` (MissingExtraError without it)."""
    import torch

    functional = require_extra("torchvision.transforms.v2.functional", "train")
    names = list(OPERATIONS)
    x = torch.from_numpy(np.ascontiguousarray(picture))
    for _ in range(num_operations):
        name = names[int(rng.integers(len(names)))]
        is_on, sign = rng.random() < chance, 1.0 if rng.random() < 0.5 else -1.0
        level = float(np.clip(rng.normal(magnitude, magnitude_std), 0, MAX_LEVEL)) / MAX_LEVEL
        if is_on:
            x = OPERATIONS[name](functional, x, level, sign)
    return np.asarray(x.numpy())


def _solarize_add(x: Any, add: int) -> Any:
    import torch

    return torch.where(x < 128, (x.int() + add).clamp(0, 255).to(torch.uint8), x)
