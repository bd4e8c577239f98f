"""The cut-outs that foveate ships: UCI handwritten digits and emoji, with masks, names and a fixed held-out rule."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from foveate.errors import UsageError, suggest
from foveate.geometry.resample import crop_resize
from foveate.scenes.warp import Warp

Split = Literal["train", "test"]

DIGIT_PX = 56  # the 8 x 8 digits are enlarged once to this, then shrunk to the size that a scene asks for
HELD_OUT_FRAC = 0.25


@dataclass(frozen=True, kw_only=True)
class CutoutSet:
    """Pictures of things without their surroundings."""

    name: str
    images: NDArray[np.uint8]  # [m, h, w, 4] RGBA, alpha straight (not premultiplied); alpha is the mask
    labels: NDArray[np.int64]  # [m] index into class_names
    class_names: tuple[str, ...]
    categories: tuple[str, ...]  # one per class
    held_out: NDArray[np.bool_]  # [m] True: for test scenes only. All False where a class has a single picture
    sha256: str  # of the file they come from

    def split(self, name: Split) -> CutoutSet:
        """The pictures for training or for test scenes; all of them where nothing is held out."""
        if not self.held_out.any():
            return self
        return self._keep(self.held_out == (name == "test"))

    def only(self, classes: Sequence[str]) -> CutoutSet:
        """The named classes, renumbered in the given order. A category's name stands for all of its classes."""
        wanted = [found for name in classes for found in self._classes_called(name)]
        if len(set(wanted)) < len(wanted):
            raise UsageError(f"classes of the cut-outs {self.name!r} are named twice: {', '.join(classes)}")
        number = np.full(len(self.class_names), -1)
        number[wanted] = np.arange(len(wanted))
        kept = self._keep(number[self.labels] >= 0)
        return replace(
            kept,
            labels=number[kept.labels],
            class_names=tuple(self.class_names[i] for i in wanted),
            categories=tuple(self.categories[i] for i in wanted),
        )

    def without(self, classes: Sequence[str]) -> CutoutSet:
        """All but the named classes."""
        unwanted = {found for name in classes for found in self._classes_called(name)}
        return self.only([name for i, name in enumerate(self.class_names) if i not in unwanted])

    def varied(self, copies: int, *, warp: Warp | None = None) -> CutoutSet:
        """This set and ``copies`` warped versions of every picture; the same ones every time."""
        random, warp = np.random.default_rng(0), warp or Warp()
        is_plain = bool((self.images[..., :3] == self.images[0, 0, 0, :3]).all())
        moving = self.images[..., 3] if is_plain else self.images  # one colour everywhere: only the mask moves
        images = [moving, *(np.stack([warp.drawn(one, random) for one in moving]) for _ in range(copies))]
        many, every = (copies + 1,), np.concatenate(images)
        if is_plain:
            ground = np.broadcast_to(self.images[0, 0, 0, :3], (*every.shape, 3))
            every = np.concatenate([ground, every[..., None]], axis=-1)
        return replace(
            self,
            images=every,
            labels=np.tile(self.labels, many),
            held_out=np.tile(self.held_out, many),
        )

    def at_size(self, size_px: int) -> NDArray[np.uint8]:
        """``[m, 4, size, size]`` uint8, premultiplied: paste as ``picture * (255 - alpha) / 255 + colour``."""
        alpha = self.images[..., 3:]
        if (self.images[..., :3] == 255).all():  # white things, premultiplied, are their alpha four times
            planes = alpha
        else:
            colour = (self.images[..., :3].astype(np.uint16) * alpha + 127) // 255
            planes = np.concatenate([colour.astype(np.uint8), alpha], -1)
        box = np.array([0.0, 0.0, *self.images.shape[1:3]])
        boxes = np.tile(box, (len(planes), 1, 1))
        shrunk = crop_resize(np.ascontiguousarray(planes.transpose(0, 3, 1, 2)), boxes, (size_px, size_px))[:, 0]
        return np.asarray(np.broadcast_to(shrunk, (len(shrunk), 4, size_px, size_px)))

    def _classes_called(self, name: str) -> list[int]:
        if name in self.class_names:
            return [self.class_names.index(name)]
        found = [i for i, category in enumerate(self.categories) if category == name]
        if not found:
            known = {*self.class_names, *self.categories}
            raise UsageError(
                f"no class or category {name!r} among the cut-outs {self.name!r}.{suggest(name, known)} "
                f"Categories: {', '.join(sorted(set(self.categories)))}"
            )
        return found

    def _keep(self, rows: NDArray[np.bool_]) -> CutoutSet:
        return replace(self, images=self.images[rows], labels=self.labels[rows], held_out=self.held_out[rows])


def load_cutouts(name: str) -> CutoutSet:
    """``"digits"``: 1,797 UCI digits; ``"emoji"``: one picture for each of 108 classes, 38 of them signs; ``"blobs"``:
    plain coloured shapes that look like signs from afar."""
    if name not in _LOADERS:
        raise UsageError(f"no cut-outs {name!r}.{suggest(name, _LOADERS)} Known: {', '.join(_LOADERS)}")
    return _LOADERS[name]()


@cache
def _digits() -> CutoutSet:
    """White strokes whose alpha is the ink.

    The set is stored writer by writer without saying where one ends; its last quarter is held out, so that (but for
    the writer at the seam) no writer is in both.
    """
    content = _asset("digits.npz")
    with resources.as_file(resources.files("foveate") / "assets" / "digits.npz") as path, np.load(path) as stored:
        small, labels = stored["images"], stored["labels"].astype(np.int64)
    ink = np.stack([_smooth(digit) for digit in small])
    return CutoutSet(
        name="digits",
        images=np.concatenate([np.full((*ink.shape, 3), 255, np.uint8), ink[..., None]], -1),
        labels=labels,
        class_names=tuple("0123456789"),
        categories=("digit",) * 10,
        held_out=np.arange(len(ink)) >= round(len(ink) * (1 - HELD_OUT_FRAC)),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _smooth(digit: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An 8 x 8 digit of 0..16 as smooth strokes: bicubic, then contrast, inside a small empty margin."""
    margin_px = DIGIT_PX // 14
    inner = DIGIT_PX - 2 * margin_px
    framed = np.pad(digit.astype(np.float32) / 16, 1)
    # The frame keeps strokes at the border from being cut off by the filter; it is cropped away to half a pixel.
    large = Image.fromarray(framed).resize((inner, inner), Image.Resampling.BICUBIC, box=(0.5, 0.5, 9.5, 9.5))
    ink = np.clip((np.asarray(large) - 0.1) / 0.85, 0, 1)
    return np.pad(np.rint(255 * ink).astype(np.uint8), margin_px)


@cache
def _emoji() -> CutoutSet:
    sheet, index = _asset("emoji.webp"), json.loads(_asset("emoji.json"))
    side, cells = index["cell_px"], index["cells"]
    with resources.as_file(resources.files("foveate") / "assets" / "emoji.webp") as path, Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGBA"))
    at = [(side * (i // index["columns"]), side * (i % index["columns"])) for i in range(len(cells))]
    return CutoutSet(
        name="emoji",
        images=np.stack([pixels[y : y + side, x : x + side] for y, x in at]),
        labels=np.arange(len(cells)),
        class_names=tuple(cell["name"] for cell in cells),
        categories=tuple(cell["category"] for cell in cells),
        held_out=np.zeros(len(cells), np.bool_),
        sha256=hashlib.sha256(sheet).hexdigest(),
    )


@cache
def _blobs() -> CutoutSet:
    """Shapes and colours of signs without anything on them, drawn here."""
    side, scale = 64, 4
    far = side * scale - 1
    outlines = {
        "triangle": [(0.5, 0.05), (0.97, 0.9), (0.03, 0.9)],
        "square": [(0.06, 0.06), (0.94, 0.06), (0.94, 0.94), (0.06, 0.94)],
        "diamond": [(0.5, 0.02), (0.98, 0.5), (0.5, 0.98), (0.02, 0.5)],
        "disc": [(0.5 + 0.46 * np.cos(a), 0.5 + 0.46 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 90)],
    }
    names, pictures = [], []
    for shape, outline in outlines.items():
        for colour, (outer, inner) in _BLOB_COLOURS.items():
            picture = Image.new("RGBA", (side * scale, side * scale), (*outer, 0))
            draw = ImageDraw.Draw(picture)
            draw.polygon([(x * far, y * far) for x, y in outline], fill=(*outer, 255))
            middle = np.mean(outline, axis=0)
            smaller = [tuple((middle + 0.72 * (np.array(point) - middle)) * far) for point in outline]
            draw.polygon(smaller, fill=(*inner, 255))
            pictures.append(np.asarray(picture.resize((side, side), Image.Resampling.BOX)))
            names.append(f"{colour} {shape}")
    images = np.stack(pictures)
    return CutoutSet(
        name="blobs",
        images=images,
        labels=np.arange(len(names)),
        class_names=tuple(names),
        categories=("blob",) * len(names),
        held_out=np.zeros(len(names), np.bool_),
        sha256=hashlib.sha256(images.tobytes()).hexdigest(),
    )


# Outer and inner colour, close to those of the emoji signs.
_BLOB_COLOURS = {
    "red": ((226, 42, 72), (205, 28, 60)),
    "red-rimmed": ((238, 60, 84), (236, 236, 240)),
    "blue": ((60, 140, 245), (80, 165, 252)),
    "amber": ((250, 180, 50), (255, 200, 80)),
    "white": ((225, 225, 230), (200, 200, 208)),
    "black": ((40, 36, 46), (66, 62, 74)),
}


def _asset(name: str) -> bytes:
    return (resources.files("foveate") / "assets" / name).read_bytes()


_LOADERS: dict[str, Callable[[], CutoutSet]] = {"digits": _digits, "emoji": _emoji, "blobs": _blobs}
