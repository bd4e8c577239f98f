"""The best findings from near: what is a few pixels on the shrunken picture is seen here as it is in the file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from foveate.answers import Box
from foveate.drawing import GAP_PX, INK, PAPER, SMALL_PX, SOFT, Colour, cut_line, text_font
from foveate.findings import Finding
from foveate.scanpath import visible
from foveate.scenes.scene import Scene

SIDE_PX, TEXT_HEIGHT_PX, FRAME_PX = 165, 42, 3
AROUND = 2.5  # sides of a finding that are shown
LEAST_PX = 32  # of the picture
FEW_PX = 4  # shown pixels per pixel from which on they are shown as they are


def closeups(scene: Scene, findings: Sequence[Finding], colours: dict[str, Colour], *, width_px: int) -> Image.Image:
    """A row of the first findings, as many as fit."""
    shown = findings[: max(1, (width_px + GAP_PX) // (SIDE_PX + GAP_PX))]
    row = Image.new("RGB", (width_px, SIDE_PX + TEXT_HEIGHT_PX), PAPER)
    draw = ImageDraw.Draw(row)
    for number, each in enumerate(shown):
        left = number * (SIDE_PX + GAP_PX)
        row.paste(_near(scene, each), (left, 0))
        draw.rectangle((left, 0, left + SIDE_PX - 1, SIDE_PX - 1), outline=colours[each.label], width=FRAME_PX)
        bold, font = text_font(SMALL_PX, bold=True), text_font(SMALL_PX)
        draw.text((left, SIDE_PX + 4), cut_line(_said(each), SIDE_PX, bold), fill=INK, font=bold)
        draw.text((left, SIDE_PX + 22), cut_line(_where(each), SIDE_PX, font), fill=SOFT, font=font)
    return row


def _near(scene: Scene, finding: Finding) -> Image.Image:
    """The square around a finding, as far as the picture goes."""
    top, left, bottom, right = _around(finding, scene.size_px)
    size_px = (max(1, round(bottom - top)), max(1, round(right - left)))
    scale = SIDE_PX / max(size_px)
    target_px = (max(1, round(size_px[1] * scale)), max(1, round(size_px[0] * scale)))
    read_px = size_px if scale > 1 else (target_px[1], target_px[0])
    pixels = visible(scene.read(box_px=(top, left, bottom, right), size_px=read_px), scene.value_range)
    how = Image.Resampling.BICUBIC if scale < FEW_PX else Image.Resampling.NEAREST
    near = Image.new("RGB", (SIDE_PX, SIDE_PX), PAPER)
    near.paste(
        Image.fromarray(pixels).resize(target_px, how), ((SIDE_PX - target_px[0]) // 2, (SIDE_PX - target_px[1]) // 2)
    )
    return near


def _around(finding: Finding, size_px: tuple[int, int]) -> Box:
    """Moved into the picture where it would stick out, and no larger than that."""
    top, left, bottom, right = finding.box_px
    side = max(AROUND * max(bottom - top, right - left), LEAST_PX)
    ends = []
    for middle, most in zip(finding.middle_px, size_px, strict=True):
        long = min(side, most)
        start = float(np.clip(middle - long / 2, 0, most - long))
        ends.append((start, start + long))
    return ends[0][0], ends[1][0], ends[0][1], ends[1][1]


def _said(finding: Finding) -> str:
    return f"{finding.label}  {100 * finding.score:.0f} %"


def _where(finding: Finding) -> str:
    row, col = finding.middle_px
    return f"row {row:.0f}, col {col:.0f}"
