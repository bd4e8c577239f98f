"""A loaded model as a frontier: it searches first, in its own way, and what it knows in the end orders the tiles.

Its policy takes a few looks, without a stop rule. Then a tile is worth the targets that the model expects in it, in the
model's own unit (of `zoom_search`, their number): the relevance of every place that it could still look at more
closely, by the share of that place that is in the tile, and what its closest looks found there, where its task says
that (`finding`). So tiles that it looked at closely in vain come late.
Shape letters: t = R * S tiles in rows and columns, m candidates or things.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from foveate.answers import Cost, boxes_of
from foveate.asking import NO_RULE, Asked
from foveate.core import Observation, Scenes
from foveate.errors import IncompatibleError, UsageError
from foveate.geometry.viewpoint import to_boxes_px
from foveate.looker import Looker
from foveate.noise import Noise
from foveate.rollout import rollout
from foveate.rows import as_numpy
from foveate.scenes import SCENES
from foveate.scenes.files import open_files
from foveate.scenes.given import Given, prepare, scenes_of
from foveate.scenes.scene import Scene
from foveate.searching.expected import Expected
from foveate.searching.tiling import Tiles

POINT_PX = 1e-3  # of a side: what has no extent has this


def model_first(looker: Looker, scene: Scene, tiles: Tiles, *, given: Given | Scene, looks: int, seed: int) -> Expected:
    """``given`` is what ``scene`` was opened from. Raises IncompatibleError for a model that does not say where more is
    to be expected, or that cannot read the picture; UsageError for a number of looks that cannot be."""
    if not isinstance(looks, int) or looks < 0:
        raise UsageError(f"model_looks is {looks!r}; it must be a whole number of at least 0")
    model = looker.system.model
    if not model.observation_shape.has_relevance:
        raise IncompatibleError(
            f"the model of {looker.name} does not say where more is to be expected, so it cannot order tiles: take a "
            "family that does, such as zoom_search, or frontier='saliency'"
        )
    start_s, scenes = time.perf_counter(), _as_the_model_wants(scene, model, given)
    at_once = looker.system.policy.noise_shape[0]
    most = max(looks, at_once) if looks else 0
    most = most if model.max_looks is None else min(most, model.max_looks)
    plan = looker.planner.plan(Asked(max_looks=most, stop_rule=NO_RULE), 1)
    noise = Noise(seed=seed, scenes=np.zeros(1, np.int64))
    with torch.inference_mode():
        episode = rollout(scenes, plan.player, noise=noise, explore=looker.system.is_drawn, keep_state=True)
        observation = model.observe(episode.state)
        core_frac = model.observation_shape.core_frac
        expected = expected_in(tiles, observation, episode.prediction, core_frac=core_frac)
    views = episode.viewpoints[0][episode.valid[0]]
    cost = Cost.of(episode.ledger, 0, seconds=time.perf_counter() - start_s)
    scene.decoded_px += cost.decoded_px  # of the same picture, whoever read it
    scene.read_bytes += cost.read_bytes
    return Expected(of_tiles=expected, cost=cost, looks_px=boxes_of(views, scenes.sizes_px[0]))


def expected_in(
    tiles: Tiles, observation: Observation, prediction: Any, *, core_frac: float = 1.0
) -> NDArray[np.float64]:
    """``[t]`` of one scene: still open, and found. A candidate's relevance lies in the ``core_frac`` of its window.

    :func:`foveate.policies.promise.promise` is of the middle of a tile alone: enough for a model's own tiles, which are
    no larger than its closest looks."""
    exists = as_numpy(observation.mask)[0]
    windows = as_numpy(observation.candidates)[0][exists].astype(np.float64)
    windows[:, 2:] *= core_frac
    expected = _spread(windows, as_numpy(observation.relevance)[0][exists], tiles)
    if isinstance(prediction, Mapping) and {"things", "mass"} <= prediction.keys():
        middles = as_numpy(prediction["things"])[0, :, :2]
        points = np.concatenate([middles, np.zeros_like(middles)], 1).astype(np.float64)
        expected += _spread(points, as_numpy(prediction["mass"])[0], tiles)
    return expected


def _spread(windows: NDArray[np.float64], amounts: NDArray[Any], tiles: Tiles) -> NDArray[np.float64]:
    """``[t]``: of each amount ``[m]`` the share of its window ``[m, 4]`` that is in a tile; all of it for a point."""
    boxes_px = to_boxes_px(windows[None], np.array([tiles.scene_px]))[0]
    shares = []
    for axis, spans_px in enumerate(tiles.spans_px):
        low, high = boxes_px[:, axis, None], np.maximum(boxes_px[:, axis + 2, None], boxes_px[:, axis, None] + POINT_PX)
        inside = np.minimum(high, spans_px[:, 1]) - np.maximum(low, spans_px[:, 0])
        shares.append(inside.clip(min=0) / (high - low))  # [m, R], then [m, S]
    spread: NDArray[np.float64] = (shares[0] * amounts.astype(np.float64)[:, None]).T @ shares[1]
    return spread.reshape(-1)


def _as_the_model_wants(scene: Scene, model: Any, given: Given | Scene) -> Scenes:
    """The same picture in the model's bands and range; the very same tiles in memory where it has them already."""
    wants = {"num_bands": model.num_bands, "value_range": model.value_range}
    if (scene.num_bands, tuple(scene.value_range)) == (model.num_bands, tuple(model.value_range)):
        return scene.scenes
    if not isinstance(given, Scene):
        return scenes_of([prepare(given, **wants)], num_bands=model.num_bands)
    if scene.reader in SCENES and SCENES.facts(scene.reader).get("source") == "file":
        return open_files(scene.reader, [scene.name], **wants)
    raise IncompatibleError(
        f"{scene.name} has {scene.num_bands} bands in {scene.value_range}, the model wants {model.num_bands} in "
        f"{model.value_range}: convert the scene"
    )
