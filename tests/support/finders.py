"""A tiny model that finds something wherever it looks closely, untrained, and pictures for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from foveate.model_folder import save
from foveate.system import PartSpec, System, SystemSpec, build

SIZE_PX = (48, 64)
LOOKS = 24  # of a picture of this size, closely enough for a few dozen findings


def finder(seed: int = 3, **task: Any) -> System:
    torch.manual_seed(seed)
    model = {"glimpse_px": (16, 16), "cells": (8, 8), "hidden_dim": 16, "finds": True, "prior": 0.9}
    return build(
        SystemSpec(
            model=PartSpec(name="zoom_search", config=model),
            policy=PartSpec(name="spatial", config={"num_looks_per_step": 4, "offset": 0.0}),
            task=PartSpec(name="finding", config={"class_names": ("none", "bee", "cat"), "most_findings": 100, **task}),
        )
    ).train(False)


def save_finder(place: Path, **settings: Any) -> Path:
    return save(finder(**settings), place, provenance={"command": "test", "data": "random pictures"})


def pixels(seed: int = 0, size_px: tuple[int, int] = SIZE_PX) -> np.ndarray:
    """``[H, W, 3]``."""
    return np.random.default_rng(seed).integers(0, 256, (*size_px, 3), np.uint8)


def write_pictures(folder: Path, *names: str) -> list[Path]:
    """One after the other, all different; made anew, a picture has other pixels if its number does."""
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names):
        Image.fromarray(pixels(number)).save(folder / name)
    return [folder / name for name in names]
