"""A scene type of your own: `.npy` files [C, H, W], mapped into memory and read only where they are looked at."""

import tempfile
from copy import copy
from pathlib import Path

import numpy as np

from foveate.core import Glimpses
from foveate.geometry.resample import crop_resize_flat
from foveate.scenes import SCENES
from foveate.scenes.reading import request, row_numbers


class NpyScenes:
    num_bands, value_range = 3, (0.0, 255.0)

    def __init__(self, paths: list[str]) -> None:
        self.files = [np.load(path, mmap_mode="r") for path in paths]
        self.sizes_px = np.array([file.shape[1:] for file in self.files], np.int64)

    def __len__(self) -> int:
        return len(self.files)

    def read(self, viewpoints, size_px, valid=None) -> Glimpses:
        looks = request(viewpoints, self.sizes_px, valid)  # checks, and turns viewpoints into pixel boxes
        pixels = np.zeros((*looks.shape, self.num_bands, *size_px), np.uint8)
        read_bytes = np.zeros(len(self), np.int64)
        for row, look, box in zip(*np.nonzero(looks.valid), looks.boxes_px, strict=True):
            (top, left), (bottom, right) = np.floor(box[:2]).astype(int), np.ceil(box[2:]).astype(int)
            part = np.ascontiguousarray(self.files[row][:, top:bottom, left:right])
            inside = box - np.array([top, left, top, left])
            pixels[row, look] = crop_resize_flat(part[None], np.zeros(1, np.int64), inside[None], size_px)[0]
            read_bytes[row] += part.nbytes
        return Glimpses(pixels=pixels, decoded_px=np.zeros(len(self), np.int64), read_bytes=read_bytes)

    def max_read_bytes(self) -> np.ndarray:
        return self.num_bands * self.sizes_px.prod(axis=1)

    def select(self, rows) -> "NpyScenes":
        chosen, keep = copy(self), row_numbers(rows, len(self))
        chosen.files, chosen.sizes_px = [self.files[row] for row in keep], self.sizes_px[keep]
        return chosen


SCENES.register("npy", NpyScenes, source="file", suffixes=(".npy",))

with tempfile.TemporaryDirectory() as folder:
    picture = np.random.default_rng(0).integers(0, 256, (3, 400, 600), dtype=np.uint8)
    np.save(Path(folder) / "a.npy", picture)
    scenes = SCENES.get("npy")([str(Path(folder) / "a.npy")])
    look = np.array([[[0, 0, 32 / 400, 32 / 600]]], np.float32)  # 32 x 32 pixels in the middle
    glimpses = scenes.read(look, (32, 32))
    assert (glimpses.pixels[0, 0] == picture[:, 184:216, 284:316]).all()  # an exact copy
    assert glimpses.read_bytes.tolist() == [3 * 32 * 32]
    del scenes, glimpses
