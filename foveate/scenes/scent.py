"""How much of the things can be smelt from afar, and how near one must come to tell targets from look-alikes.

Both are areas under the ROC curve (AUC) of simple detectors, stated below, on scenes they were not made from.
Shape letters: n scenes, p places, f features, C bands, h x w overview.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveate.errors import UsageError
from foveate.geometry.resample import crop_resize
from foveate.geometry.viewpoint import from_boxes_px, whole_scene
from foveate.noise import uniforms
from foveate.scenes.procedural import ProceduralSet, Targets
from foveate.scenes.rendered import ProceduralScenes

Floats = NDArray[Any]

SPOT_PX, SURROUND_PX = 3, 9  # of the overview
PLACES_PER_SCENE = 12  # of ground, to compare with
NUM_NEIGHBOURS = 15
COMPARED_PX = 28
CHUNK_VALUES = 1 << 22  # pixels that are compared at a time
FEATURES = ("brightness", "darkness", "contrast", "colour contrast", "saturation", "roughness")


@dataclass(frozen=True, kw_only=True)
class Scent:
    """How well a simple detector tells things (targets and look-alikes) from ground in the overview."""

    auc: float  # of the better of the two, on scenes that chose neither
    detector: str  # a feature's name, or "all, linearly"
    by_feature: dict[str, float]  # AUC of each alone, on the same scenes
    num_scenes: int


def scent_of(scenes: ProceduralSet, *, overview_px: tuple[int, int], num_scenes: int = 200, seed: int = 0) -> Scent:
    """Measured on the first scenes of an epoch: half of them fit a linear detector on the local features of FEATURES
    and say which feature is best; the other half give the AUC.

    UsageError for fewer than four scenes, or an overview smaller than the surround of a spot."""
    if num_scenes < 4 or num_scenes > len(scenes):
        raise UsageError(f"num_scenes is {num_scenes}; needed are 4 to {len(scenes)}")
    if min(overview_px) < SURROUND_PX:
        raise UsageError(f"the overview is {overview_px} px; each side needs at least {SURROUND_PX}")
    batch, targets = scenes.batch(np.arange(num_scenes), seed)
    scene, at, is_thing = _places(targets, scenes.config.size_px, overview_px, seed)
    values = np.empty((len(FEATURES), len(scene)))
    for row in range(num_scenes):
        here = scene == row
        overview = batch.select([row]).read(whole_scene(1), overview_px).pixels[:, 0]
        values[:, here] = _feature_maps(overview.astype(np.float64))[:, 0, at[here, 0], at[here, 1]]
    train = scene < num_scenes // 2
    signed = np.array([1 if auc(value[train], is_thing[train]) >= 0.5 else -1 for value in values])
    values = np.concatenate([values * signed[:, None], _linear(values, is_thing, train)[None]])
    names = (*FEATURES, "all, linearly")
    best = int(np.argmax([auc(value[train], is_thing[train]) for value in values]))
    aucs = {name: auc(value[~train], is_thing[~train]) for name, value in zip(names, values, strict=True)}
    return Scent(auc=aucs[names[best]], detector=names[best], by_feature=aucs, num_scenes=num_scenes)


def look_alike_of(scenes: ProceduralSet, *, num_scenes: int = 400, seed: int = 0) -> dict[int, float]:
    """Level -> AUC of telling targets from look-alikes there, by the share of targets among the nearest neighbours of
    what tells them apart (the mark on a plate, or the thing), brightness and contrast evened out; or of its roughness,
    where that tells more.

    Every other scene is judged by its neighbours in the rest. UsageError where there are too few of either."""
    batch, targets = scenes.batch(np.arange(num_scenes), seed)
    scene, thing = np.nonzero(targets["is_thing"])
    is_target = targets["is_target"][scene, thing]
    test = scene % 2 == 0
    if min(is_target[test].sum(), is_target[~test].sum()) < NUM_NEIGHBOURS or is_target.all():
        raise UsageError("too few targets or look-alikes: measure on more scenes, or raise the share that holds any")
    boxes = _mark_boxes_px(scenes, targets["thing_boxes_px"][scene, thing].astype(np.float64))
    side_px = int((boxes[:, 2] - boxes[:, 0]).max())
    views = from_boxes_px(boxes[:, None], batch.sizes_px[scene])
    result = {}
    for level in range(min(batch.num_levels, side_px.bit_length() - 1)):
        size_px = max(2, side_px >> level)
        few = max(1, CHUNK_VALUES // size_px**2)
        parts = [
            _compared(batch.select(scene[at : at + few]), views[at : at + few], size_px)
            for at in range(0, len(scene), few)
        ]
        rows = (np.concatenate(one) for one in zip(*parts, strict=True))
        result[level] = max(auc(_neighbours(one, is_target, test), is_target[test]) for one in rows)
    return result


def auc(scores: Floats, is_positive: NDArray[np.bool_]) -> float:
    """Chance that a positive scores higher than a negative; ties count half. NaN where either is missing."""
    negatives, positives = np.sort(scores[~is_positive]), scores[is_positive]
    if len(negatives) == 0 or len(positives) == 0:
        return float("nan")
    below = np.searchsorted(negatives, positives, "left") + np.searchsorted(negatives, positives, "right")
    return float(below.mean() / (2 * len(negatives)))


def _feature_maps(overview: Floats) -> Floats:
    """Features ``[f, n, h, w]`` of every spot of overviews ``[n, C, h, w]``, in the order of FEATURES."""
    spot, surround = _box_mean(overview, SPOT_PX), _box_mean(overview, SURROUND_PX)
    bright, around = spot.mean(1), surround.mean(1)
    apart = np.sqrt(((spot - surround) ** 2).sum(1))
    saturation = (spot.max(1) - spot.min(1)) - (surround.max(1) - surround.min(1))
    rough = np.sqrt(np.maximum(_box_mean(overview**2, SPOT_PX) - spot**2, 0)).mean(1)
    return np.stack([bright - around, around - bright, np.abs(bright - around), apart, saturation, rough])


def _box_mean(planes: Floats, side_px: int) -> Floats:
    """Means ``[n, C, h, w]`` over squares around every pixel; the border goes on outside."""
    before = side_px // 2
    padded = np.pad(planes, ((0, 0), (0, 0), (before, before), (before, before)), mode="edge")
    sums = np.pad(padded, ((0, 0), (0, 0), (1, 0), (1, 0))).cumsum(2, np.float64).cumsum(3)
    down = sums[:, :, side_px:] - sums[:, :, :-side_px]
    return np.asarray((down[..., side_px:] - down[..., :-side_px]) / side_px**2)


def _places(
    targets: Targets, size_px: tuple[int, int], overview_px: tuple[int, int], seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Scenes ``[p]``, overview pixels ``[p, 2]`` and whether a thing is there: the middle of every thing, and places
    of the ground whose surround touches none."""
    boxes = targets["thing_boxes_px"].astype(np.float64) * np.tile(np.array(overview_px) / np.array(size_px), 2)
    scene, thing = np.nonzero(targets["is_thing"])
    middles = (boxes[scene, thing, :2] + boxes[scene, thing, 2:]) / 2
    n = len(boxes)
    free = uniforms(seed, np.arange(n), -1, shape=(PLACES_PER_SCENE, 2)) * np.array(overview_px)
    reach = SURROUND_PX / 2 + 1
    near = (free[:, :, None] > boxes[:, None, :, :2] - reach) & (free[:, :, None] < boxes[:, None, :, 2:] + reach)
    is_free = ~(near.all(-1) & targets["is_thing"][:, None]).any(-1)
    where = np.concatenate([scene, np.nonzero(is_free)[0]])
    at = np.concatenate([middles, free[is_free]])
    pixels = np.clip(at.astype(np.int64), 0, np.array(overview_px) - 1)
    return where, pixels, np.arange(len(where)) < len(scene)


def _linear(values: Floats, is_thing: NDArray[np.bool_], train: NDArray[np.bool_]) -> Floats:
    """Scores ``[p]`` of a linear discriminant of features ``[f, p]`` and their sizes."""
    both = np.concatenate([values, np.abs(values), np.ones((1, values.shape[1]))])
    scale = both[:, train].std(1, keepdims=True) + 1e-9
    known = (both / scale)[:, train]
    weights = np.linalg.solve(known @ known.T + np.eye(len(both)), known @ (2.0 * is_thing[train] - 1))
    return np.asarray(weights @ (both / scale))


def _mark_boxes_px(scenes: ProceduralSet, boxes: Floats) -> Floats:
    """The part of things that tells them apart."""
    if scenes.config.scent != "strong":
        return boxes
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = np.minimum(scenes.config.mark_px / 2, (boxes[:, 2:] - boxes[:, :2]) / 2)
    return np.concatenate([middle - half, middle + half], 1)


def _compared(scenes: ProceduralScenes, views: Floats, size_px: int) -> tuple[Floats, Floats]:
    """What is seen under views ``[p, 1, 4]``, and how rough it is there, both evened."""
    pixels = scenes.read(views, (size_px, size_px)).pixels.astype(np.float32).mean(2)  # [p, 1, h, w]
    rough = np.sqrt(np.maximum(_box_mean(pixels**2, SPOT_PX) - _box_mean(pixels, SPOT_PX) ** 2, 0))
    return _evened(pixels), _evened(rough)


def _evened(pictures: Floats) -> Floats:
    """Pictures ``[p, 1, h, w]`` as rows of mean 0 and length 1, no larger than COMPARED_PX a side; dark marks turned
    bright: skewed to the side of the few."""
    side_px = min(pictures.shape[-1], COMPARED_PX)
    box = np.tile([0.0, 0.0, *pictures.shape[2:]], (len(pictures), 1, 1))
    values = crop_resize(pictures.astype(np.float32), box, (side_px, side_px)).reshape(len(pictures), -1)
    values = values - values.mean(1, keepdims=True)
    values *= np.where((values**3).sum(1, keepdims=True) < 0, -1, 1)
    return np.asarray(values / (np.linalg.norm(values, axis=1, keepdims=True) + 1e-9))


def _neighbours(rows: Floats, is_target: NDArray[np.bool_], test: NDArray[np.bool_]) -> Floats:
    """How much likelier targets are among the nearest of the others, of each tested row."""
    likeness = rows[test] @ rows[~test].T
    score = np.empty((2, len(likeness)))
    for kind in (0, 1):  # the mean likeness to the nearest of either kind: they are not equally many
        own = np.sort(likeness[:, is_target[~test] == bool(kind)], axis=1)
        score[kind] = own[:, -NUM_NEIGHBOURS:].mean(1)
    return np.asarray(score[1] - score[0])
