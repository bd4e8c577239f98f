"""An exploration as a file; its name's ending says as what."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

from PIL import Image, features

from foveate.atomic import write_bytes, write_json
from foveate.errors import OutputError, UsageError, suggest
from foveate.exploring.exploration import Exploration
from foveate.exploring.sheets import frames, strip

STEP_MS, LAST_MS = 1200, 4000  # how long a frame is shown


def save(told: Exploration, path: Path) -> None:
    """Raises UsageError for an unknown ending, OutputError for a place that cannot be written."""
    saver_of(path)(told, path)


def check_place(path: Path) -> None:
    """What :func:`save` would refuse, before anything is worked out."""
    saver_of(path)
    if path.is_dir():
        raise OutputError("there is a folder of this name: choose another name", path=path)


def saver_of(path: Path) -> Callable[[Exploration, Path], None]:
    """What writes files of this ending."""
    suffix = path.suffix.lower()
    if suffix not in SAVERS:
        known = ", ".join(f"{one} ({what})" for one, (_, what) in SAVERS.items())
        given = f"ends in {suffix!r}" if suffix else "has no ending"
        raise UsageError(f"{path}: {given}, and that says as what to save it.{suggest(suffix, SAVERS)} Known: {known}")
    return SAVERS[suffix][0]


def _save_strip(told: Exploration, path: Path) -> None:
    content = io.BytesIO()
    strip(told).save(content, "PNG")
    write_bytes(path, content.getvalue())


def _save_webp(told: Exploration, path: Path) -> None:
    if not features.check("webp"):
        raise UsageError(f"{path}: this Pillow was built without WebP; save a .gif or a .png instead")
    _save_animation(frames(told), path, "WEBP", quality=88, method=4)


def _save_gif(told: Exploration, path: Path) -> None:
    # An octree keeps the few pixels of strong colour (numbers, frames), which the default mixes into the many others.
    palettes = [page.quantize(256, method=Image.Quantize.FASTOCTREE) for page in frames(told)]
    _save_animation(palettes, path, "GIF", optimize=False)


def _save_animation(pages: list[Image.Image], path: Path, kind: str, **options: object) -> None:
    content, durations = io.BytesIO(), [*[STEP_MS] * (len(pages) - 1), LAST_MS]
    pages[0].save(content, kind, save_all=True, append_images=pages[1:], duration=durations, loop=0, **options)
    write_bytes(path, content.getvalue())


def _save_json(told: Exploration, path: Path) -> None:
    write_json(path, told.to_plain())


SAVERS: dict[str, tuple[Callable[[Exploration, Path], None], str]] = {
    ".png": (_save_strip, "a strip of all steps"),
    ".webp": (_save_webp, "an animation"),
    ".gif": (_save_gif, "an animation"),
    ".json": (_save_json, "all numbers"),
}
