"""Street-like pictures, painted: sky, house fronts with windows and awnings, pavement, road, trees, cars and posts.

They carry small saturated things of their own, so that a sign cannot be found by its colour alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageDraw

from foveate.noise import uniforms
from foveate.scenes.painting import POOL_SEED, Field, clouds

Colour = tuple[int, int, int]

SKIES: tuple[tuple[Colour, Colour], ...] = (
    ((108, 156, 214), (202, 220, 234)),
    ((150, 160, 172), (205, 208, 210)),
    ((92, 120, 170), (236, 196, 160)),
    ((168, 190, 206), (226, 230, 226)),
)
WALLS: tuple[Colour, ...] = (
    (168, 96, 76),
    (196, 168, 132),
    (150, 142, 136),
    (206, 190, 164),
    (126, 84, 70),
    (176, 150, 150),
    (128, 140, 148),
    (212, 176, 120),
)
ACCENTS: tuple[Colour, ...] = (
    (196, 44, 60),
    (52, 116, 204),
    (232, 178, 56),
    (60, 132, 92),
    (226, 226, 222),
    (58, 54, 62),
)


def street(number: int, size_px: tuple[int, int]) -> Field:
    """One street ``[h, w, 3]``."""
    height, width = size_px
    dice = _Dice(3000 + 10 * number)
    horizon, kerb = round(height * dice.between(0.40, 0.48)), round(height * dice.between(0.66, 0.72))
    picture = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(picture)
    _sky(draw, dice, width, horizon)
    _hills(draw, dice, width, horizon)
    _houses(draw, dice, width, horizon, kerb, height)
    _ground(draw, dice, width, kerb, height)
    for _ in range(3 + dice.below(4)):
        _tree(draw, dice, dice.below(width), kerb + dice.below(height // 30), height)
    lanes = sorted(round(height * dice.between(0.03, 0.2)) for _ in range(2 + dice.below(3)))  # the near ones last
    for place, lane in enumerate(lanes):
        _car(draw, dice, round(width * (place + dice.between(0, 0.7)) / len(lanes)), kerb + lane, height)
    for _ in range(2 + dice.below(3)):
        _post(draw, dice, dice.below(width), kerb, height)
    painted = np.asarray(picture, np.float32) / 255
    light = clouds(3001 + 10 * number, size_px, cells=(2, 3), octaves=3)
    grain = clouds(3002 + 10 * number, size_px, cells=(size_px[0] // 6, size_px[1] // 6), octaves=2)
    return painted * (0.82 + 0.22 * light[..., None]) + 0.08 * (grain[..., None] - 0.5)


class _Dice:
    """Random numbers in order: painting is a sequence, and each picture has its own."""

    def __init__(self, seed: int) -> None:
        self._numbers: Iterator[float] = iter(uniforms(POOL_SEED, seed, shape=(20_000,)).tolist())

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * next(self._numbers)

    def below(self, count: int) -> int:
        return int(next(self._numbers) * count)

    def shade(self, colour: Colour, amount: int = 14) -> Colour:
        """The colour, a little lighter or darker."""
        step = round(self.between(-amount, amount))
        return (colour[0] + step, colour[1] + step, colour[2] + step)


def _sky(draw: ImageDraw.ImageDraw, dice: _Dice, width: int, horizon: int) -> None:
    top, low = SKIES[dice.below(len(SKIES))]
    for y in range(horizon):
        draw.line([(0, y), (width, y)], fill=_blend(top, low, y / horizon))


def _hills(draw: ImageDraw.ImageDraw, dice: _Dice, width: int, horizon: int) -> None:
    for layer in range(2):
        base = horizon * (0.55 + 0.2 * layer)
        wave = [dice.between(0.5, 3) for _ in range(3)]
        xs = np.linspace(0, 1, 60)
        ys = base + horizon * 0.06 * sum(np.sin(6.3 * f * xs + 2 * i) for i, f in enumerate(wave))
        outline = [(x * width, y) for x, y in zip(xs.tolist(), np.asarray(ys).tolist(), strict=True)]
        draw.polygon([*outline, (width, horizon), (0, horizon)], fill=dice.shade((112 - 20 * layer, 132, 126), 8))
    draw.rectangle([0, horizon, width, width], fill=dice.shade((88, 104, 84), 8))


def _houses(draw: ImageDraw.ImageDraw, dice: _Dice, width: int, horizon: int, kerb: int, height: int) -> None:
    x = -dice.below(width // 12)
    pavement = kerb - height // 40
    while x < width:
        wide = round(width * dice.between(0.10, 0.22))
        top = round(horizon * dice.between(0.15, 0.95))
        wall = dice.shade(WALLS[dice.below(len(WALLS))])
        draw.rectangle([x, top, x + wide, pavement], fill=wall)
        if dice.between(0, 1) < 0.5:
            _courses(
                draw, (x, top, x + wide, pavement), _blend(wall, (230, 225, 215), 0.25), step=max(5, height // 110)
            )
        draw.rectangle([x, top, x + wide, top + height // 90], fill=dice.shade(_blend(wall, (40, 36, 36), 0.35)))
        _windows(draw, dice, (x, top, x + wide, pavement), height)
        _shop(draw, dice, (x, x + wide), pavement, height)
        x += wide + (round(width * 0.02) if dice.between(0, 1) < 0.2 else 0)


def _courses(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], colour: Colour, *, step: int) -> None:
    """Lines of mortar."""
    for row, y in enumerate(range(box[1], box[3], step)):
        draw.line([(box[0], y), (box[2], y)], fill=colour)
        for x in range(box[0] + (row % 2) * step, box[2], 2 * step):
            draw.line([(x, y), (x, min(y + step, box[3]))], fill=colour)


def _windows(draw: ImageDraw.ImageDraw, dice: _Dice, box: tuple[int, int, int, int], height: int) -> None:
    wide, tall = round(height * dice.between(0.026, 0.045)), round(height * dice.between(0.045, 0.07))
    across, down = round(wide * dice.between(1.6, 2.3)), round(tall * dice.between(1.5, 1.9))
    frame = dice.shade((214, 208, 198), 20)
    for y in range(box[1] + height // 40, box[3] - round(height * 0.13), down):
        for x in range(box[0] + wide // 2, box[2] - wide, across):
            glass = (228, 200, 132) if dice.between(0, 1) < 0.08 else dice.shade((72, 88, 106), 22)
            draw.rectangle([x - 2, y - 2, x + wide + 2, y + tall + 2], fill=frame)
            draw.rectangle([x, y, x + wide, y + tall], fill=glass)
            draw.line([(x + wide // 2, y), (x + wide // 2, y + tall)], fill=frame, width=2)
            if dice.between(0, 1) < 0.15:  # a flower box or a curtain
                flowers = ACCENTS[dice.below(len(ACCENTS))]
                draw.rectangle([x, y + tall - tall // 6, x + wide, y + tall], fill=dice.shade(flowers))


def _shop(draw: ImageDraw.ImageDraw, dice: _Dice, xs: tuple[int, int], pavement: int, height: int) -> None:
    tall, wide = round(height * 0.085), xs[1] - xs[0]
    accent = dice.shade(ACCENTS[dice.below(len(ACCENTS))])
    draw.rectangle([xs[0] + wide // 10, pavement - tall, xs[1] - wide // 10, pavement], fill=dice.shade((64, 74, 84)))
    door = xs[0] + round(wide * dice.between(0.15, 0.7))
    draw.rectangle([door, pavement - tall, door + height // 26, pavement], fill=dice.shade((96, 66, 48)))
    if dice.between(0, 1) < 0.6:  # a striped awning
        stripe = max(4, height // 80)
        for i, x in enumerate(range(xs[0] + wide // 12, xs[1] - wide // 12, stripe)):
            fill = accent if i % 2 else (222, 220, 214)
            draw.rectangle(
                [x, pavement - tall - height // 60, x + stripe - 1, pavement - tall + height // 80], fill=fill
            )


def _ground(draw: ImageDraw.ImageDraw, dice: _Dice, width: int, kerb: int, height: int) -> None:
    draw.rectangle([0, kerb - height // 40, width, kerb], fill=dice.shade((166, 162, 156)))
    draw.rectangle([0, kerb, width, kerb + height // 120], fill=dice.shade((120, 118, 116)))
    asphalt = dice.shade((88, 90, 96))
    draw.rectangle([0, kerb + height // 120, width, height], fill=asphalt)
    line = round(kerb + (height - kerb) * dice.between(0.45, 0.6))
    dash, paint = round(width * 0.06), _blend(asphalt, (235, 232, 222), 0.75)
    for x in range(-dice.below(dash), width, round(dash * 1.9)):
        draw.polygon(
            [(x, line), (x + dash, line), (x + dash - 8, line + height // 80), (x - 8, line + height // 80)], paint
        )


def _tree(draw: ImageDraw.ImageDraw, dice: _Dice, x: int, foot: int, height: int) -> None:
    tall, radius = round(height * dice.between(0.18, 0.34)), height * dice.between(0.045, 0.08)
    draw.rectangle([x - height // 160, foot - tall, x + height // 160, foot], fill=dice.shade((84, 64, 50)))
    green: Colour = (round(dice.between(50, 110)), round(dice.between(100, 128)), round(dice.between(46, 66)))
    for leaf in range(70):
        angle, far = dice.between(0, 6.3), radius * dice.between(0, 1) ** 0.5
        cx, cy, r = x + 1.2 * far * np.cos(angle), foot - tall + far * np.sin(angle), radius * dice.between(0.14, 0.34)
        draw.ellipse([cx - r, cy - r, cx + r, cy + r], fill=dice.shade(green, 10 + leaf // 3))


def _car(draw: ImageDraw.ImageDraw, dice: _Dice, x: int, foot: int, height: int) -> None:
    wide = round(height * dice.between(0.12, 0.2))
    tall, wheel = wide // 3, wide // 9
    body = dice.shade(ACCENTS[dice.below(len(ACCENTS))], 20)
    draw.ellipse([x, foot - wheel // 2, x + wide, foot + wheel // 2], fill=(52, 52, 56))
    draw.rounded_rectangle([x, foot - tall, x + wide, foot - wheel // 3], radius=tall // 3, fill=body)
    roof = [(0.2, 0.95), (0.32, 1.55), (0.7, 1.55), (0.84, 0.95)]
    draw.polygon([(x + u * wide, foot - v * tall) for u, v in roof], fill=body)
    glass = [(0.26, 1.0), (0.35, 1.45), (0.68, 1.45), (0.78, 1.0)]
    draw.polygon([(x + u * wide, foot - v * tall) for u, v in glass], fill=(78, 96, 112))
    for u in (0.2, 0.8):
        cx, cy = x + u * wide, foot - wheel // 2
        draw.ellipse([cx - wheel, cy - wheel, cx + wheel, cy + wheel], fill=(34, 34, 38))
        draw.ellipse([cx - wheel / 2, cy - wheel / 2, cx + wheel / 2, cy + wheel / 2], fill=(150, 152, 156))


def _post(draw: ImageDraw.ImageDraw, dice: _Dice, x: int, kerb: int, height: int) -> None:
    tall, thick = round(height * dice.between(0.2, 0.4)), max(2, height // 220)
    grey = dice.shade((92, 96, 100))
    draw.rectangle([x - thick, kerb - tall, x + thick, kerb], fill=grey)
    if dice.between(0, 1) < 0.6:
        draw.rectangle([x, kerb - tall, x + height // 22, kerb - tall + 2 * thick], fill=grey)
        draw.ellipse(
            [x + height // 26, kerb - tall, x + height // 18, kerb - tall + height // 70], fill=(238, 228, 196)
        )


def _blend(one: Colour, other: Colour, share: float) -> Colour:
    a, b, c = (round(p + (q - p) * share) for p, q in zip(one, other, strict=True))
    return a, b, c
