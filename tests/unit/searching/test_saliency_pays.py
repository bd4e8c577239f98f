"""Nothing is learned here: with a tenth of the tiles, saliency finds most of what a detector of a colour can find."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

import foveate
from foveate.scenes.composed import ComposedConfig, ComposedSet
from foveate.searching.results import SearchResult

RED = ("red apple", "tomato", "strawberry")
SCENES, SEEDS = 4, 3


def red_things(tile: np.ndarray) -> list[dict[str, Any]]:
    """A detector that knows a colour: patches of it, in pixels of the tile."""
    red, green, blue = tile.astype(np.int16).transpose(2, 0, 1)
    patches, _ = ndimage.label((red > 150) & (red - green > 90) & (red - blue > 90))
    boxes = [(rows.start, cols.start, rows.stop, cols.stop) for rows, cols in ndimage.find_objects(patches)]
    large = [box for box in boxes if (box[2] - box[0]) * (box[3] - box[1]) > 150]
    return [{"box_px": box, "label": "red"} for box in large]


def recall(result: SearchResult, boxes_px: np.ndarray) -> float:
    """Share of the things in which the middle of a finding lies."""
    middles = np.array([each.middle_px for each in result.findings]).reshape(-1, 2)
    inside = (middles >= boxes_px[:, None, :2]) & (middles <= boxes_px[:, None, 2:])
    return float(inside.all(-1).any(1).mean())


@pytest.mark.parametrize("background", ["street", "texture"])
def test_a_tenth_of_the_tiles_by_saliency_finds_more_than_by_chance(background: Any) -> None:
    config = ComposedConfig(
        canvas_px=(1024, 1024), bands=3, cutouts="emoji", classes=RED, num_objects=(4, 6), distinct=False,
        object_size_px=(24, 40), background=background, distractors="emoji", num_distractors=(4, 8),
    )  # fmt: skip
    images, targets = ComposedSet(config).batch(np.arange(SCENES), epoch_seed=1)
    found: dict[str, list[float]] = {"saliency": [], "random": [], "all": []}
    for image, labels, boxes_px in zip(images, targets["labels"], targets["boxes_px"], strict=True):
        picture, things = image.transpose(1, 2, 0), boxes_px[labels >= 0]
        asked: dict[str, Any] = {"tile_px": (96, 96), "overlap": 0.4}
        found["all"].append(recall(foveate.search(picture, red_things, **asked), things))
        found["saliency"].append(recall(foveate.search(picture, red_things, "10 %", **asked), things))
        for seed in range(SEEDS):
            by_chance = foveate.search(picture, red_things, "10 %", frontier="random", seed=seed, **asked)
            found["random"].append(recall(by_chance, things))
    everything, salient, chance = (float(np.mean(found[name])) for name in ("all", "saliency", "random"))
    assert everything > 0.9, "else there is nothing to find"
    assert chance < 0.5
    assert salient > chance + 0.4
