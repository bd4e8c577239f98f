"""What the conformance suites run over: everything registered, and the throw-away parts that exist only for the tests.

A new entry of a registry is picked up by itself. Of variants of one class only the one with the most settings (the
small one) runs. ``VARIANTS`` adds further settings worth testing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import torch

from foveate.core import Look, Observation, ObservationShape, Seen
from foveate.critics import CRITICS
from foveate.geometry.viewpoint import WHOLE_SCENE, clamp_inside, grid_centers
from foveate.models import MODELS, create_model
from foveate.policies import POLICIES
from foveate.registry import Registry, resolve
from foveate.rows import Rowwise, as_numpy
from foveate.scenes.memory import ArrayScenes
from tests.families.frontier import Frontier
from tests.families.squashed import Squashed, SquashedConfig
from tests.families.tokens import Tokens

SIZES_PX = ((64, 96), (48, 48), (120, 64), (96, 80), (64, 96), (40, 56))  # of different scenes, in one batch
SHAPE = ObservationShape(
    feature_dim=6, summary_dim=5, grid=(4, 5), num_steps=3, has_relevance=True, seen_dim=7, seen_pixels=(3, 16, 16)
)
UNSEEN = {"seen_dim": 0, "seen_pixels": None}
# Matrix products of another batch size may sum in another order: a few layers of float32 rounding.
CLOSE = {"atol": 2e-5, "rtol": 1e-4}
TEST: dict[str, Any] = {"size": {"dim": 32, "depth": 3, "num_heads": 2}}
LEGACY = {"legacy_sampling": True, "importance": "softmax"}
CANVAS = {"dim": 32, "depth": 1, "num_heads": 2}
ZOOM = {"glimpse_px": (16, 16), "cells": (4, 4), "frontier_size": 48, "hidden_dim": 16}
VARIANTS: dict[str, dict[str, dict[str, Any]]] = {
    "glance_focus": {
        "places": {"readout": {"name": "map", "grid": (16, 16)}, "answer_from_glance": False, "glance_px": (42, 56)},
        "attention": {"relevance": "attention"},
        "attention-places": {"relevance": "attention", "readout": {"name": "map", "grid": (16, 16)}},
        "relevance": {"relevance": "layercam", "auxiliary": "pooled", "focus_px": (16, 24)},
    },
    "elastic_tokens": {
        "": TEST,
        "glance": {**TEST, "opening": "glance", "compute": "cached", "shared_depth": 1, "importance": "rollout"},
        "attention": {
            **TEST,
            "canvas": CANVAS,
            "relevance": "attention",
            "glimpse_grid": 1,
            "latent_block": 1,
            "stem": "conv",
        },
        "places": {
            **TEST,
            "canvas": {**CANVAS, "grid": (5, 6), "reader": {"name": "conv"}},
            "relevance": "places",
            "stem": "max",
        },
        "pixels": {**TEST, "canvas": CANVAS, "answer": {"name": "pixels"}, "relevance": "doubt", "compute": "cached"},
        "segments": {
            **TEST,
            "canvas": CANVAS,
            "answer": {"name": "segments", "widths": (16, 8), "patches": 8},
            **LEGACY,
        },
    },
    "zoom_search": {"": ZOOM, "context": {**ZOOM, "context": 1.5, "taught_looks": 1}, "finds": {**ZOOM, "finds": True}},
    "adaptivenn_tiny": {"relevance": {"relevance": "gradcam"}},
}


def _models() -> dict[str, Callable[[], Any]]:
    small: dict[str, str] = {}
    for name in MODELS.names():
        target = str(MODELS._find(name).target)
        if target not in small or len(MODELS.facts(name).get("defaults", {})) > len(
            MODELS.facts(small[target]).get("defaults", {})
        ):
            small[target] = name
    cases: dict[str, Callable[[], Any]] = {
        "tokens": Tokens,
        "frontier": Frontier,
    }
    for name in small.values():
        for variant, settings in {"": {}, **VARIANTS.get(name, {})}.items():
            cases[f"{name}-{variant}".strip("-")] = lambda name=name, settings=settings: create_model(
                name, num_outputs=3, **settings
            )
    return cases


def _parts(registry: Registry[Any], extra: dict[str, Any]) -> dict[str, Callable[..., Any]]:
    def maker(name: str) -> Callable[..., Any]:
        def make(shape: ObservationShape = SHAPE, **settings: Any) -> Any:
            config = resolve(registry.facts(name)["config"])
            known = {key: value for key, value in vars(shape).items() if key in {f.name for f in fields(config)}}
            return registry.get(name)(config(**{**known, **settings}))

        return make

    return {**{name: maker(name) for name in registry.names()}, **extra}


MODEL_CASES = _models()
POLICY_CASES = _parts(
    POLICIES,
    {
        "spatial-4": lambda shape=SHAPE: _parts(POLICIES, {})["spatial"](shape, num_looks_per_step=4),
        # The nodes of a frontier are looked at exactly: with an offset, two looks of a step may fall on one node.
        "nodes-4": lambda shape=SHAPE: _parts(POLICIES, {})["spatial"](shape, num_looks_per_step=4, offset=0.0),
        "squashed_gaussian-candidates": lambda shape=SHAPE: _parts(POLICIES, {})["squashed_gaussian"](shape, **UNSEEN),
        "squashed": lambda shape=SHAPE: Squashed(SquashedConfig(summary_dim=shape.summary_dim)),
    },
)
CRITIC_CASES = _parts(
    CRITICS,
    {"set_q-candidates": lambda shape=SHAPE, **settings: _parts(CRITICS, {})["set_q"](shape, **UNSEEN, **settings)},
)
LEARNED = [name for name in POLICY_CASES if name not in POLICIES or POLICIES.facts(name)["learned"]]


def seeded(make: Callable[[], Any], *, jitter: float = 0.05) -> Any:
    """A part in evaluation mode whose weights are nowhere trivial."""
    torch.manual_seed(0)
    part = make()
    if isinstance(part, torch.nn.Module):
        part.eval()
        with torch.no_grad():
            for parameter in part.parameters():
                parameter.add_(jitter * torch.randn_like(parameter))
    return part


def scenes(num_bands: int = 3) -> ArrayScenes:
    rng = np.random.default_rng(0)
    return ArrayScenes([rng.integers(0, 256, (num_bands, h, w), dtype=np.uint8) for h, w in SIZES_PX])


def observation(n: int = 6, *, shape: ObservationShape = SHAPE, ragged: bool = False) -> Observation:
    """Candidates of a made-up family, rows at different steps; ``ragged`` leaves 1, 2, 3 ... of them."""
    rng = torch.Generator().manual_seed(3)
    grid = shape.grid or (4, 5)
    m = grid[0] * grid[1]
    half = torch.rand(n, 1, 2, generator=rng) * 0.2 + 0.15
    centers = grid_centers(grid, half).expand(n, m, 2)
    mask = torch.ones(n, m, dtype=torch.bool)
    if ragged:
        keys = torch.rand(n, m, generator=rng).argsort(1).argsort(1)
        mask = keys < torch.arange(1, n + 1)[:, None]
    return Observation(
        candidates=clamp_inside(torch.cat([centers, half.expand(n, m, 2)], -1)),
        features=torch.randn(n, m, shape.feature_dim, generator=rng),
        mask=mask,
        coverage=torch.randint(0, 3, (n, m), generator=rng).float(),
        summary=torch.randn(n, shape.summary_dim, generator=rng),
        num_looks=torch.arange(n) % shape.num_steps,
        sizes_px=torch.tensor([SIZES_PX[i % len(SIZES_PX)] for i in range(n)]),
        relevance=torch.rand(n, m, generator=rng) if shape.has_relevance else None,
        seen=_seen(n, shape, rng) if shape.seen_dim else None,
        grid=None if ragged else grid,
    )


def _seen(n: int, shape: ObservationShape, rng: torch.Generator) -> Seen:
    """Rows that saw 0, 1, 2 ... of 4 things; slots beyond hold zeros."""
    mask = torch.arange(4) < (torch.arange(n) % 5)[:, None]
    centers, half = torch.rand(n, 4, 2, generator=rng) - 0.5, torch.rand(n, 4, 2, generator=rng) / 2
    pixels = torch.randn(n, 4, *(shape.seen_pixels or (1, 16, 16)), generator=rng)
    return Seen(
        viewpoints=torch.cat([centers, half], -1) * mask[..., None],
        features=torch.randn(n, 4, shape.seen_dim, generator=rng) * mask[..., None],
        mask=mask,
        pixels=pixels * mask[..., None, None, None],
        importance=torch.rand(n, 4, generator=rng) * mask,
    )


def opened(model: Any, batch: ArrayScenes) -> Any:
    if model.opening == "free":
        return model.open(None, batch.sizes_px)
    whole = np.tile(np.asarray(WHOLE_SCENE, np.float32), (len(batch), 1, 1))
    return model.open(batch.read(whole, model.glimpse_size_px(0)).pixels, batch.sizes_px)


def looks_at(model: Any, state: Any, *, k: int = 1, skip: int = 0) -> Look:
    """k existing candidates per row, other ones for another ``skip``."""
    seen = model.observe(state)
    order = (seen.mask.float() * 1000 - (torch.arange(seen.mask.shape[1]) + 7 * skip) % seen.mask.shape[1]).argsort(
        1, descending=True
    )[:, :k]
    viewpoints = seen.candidates.gather(1, order[..., None].expand(-1, -1, 4))
    return Look(action={}, viewpoints=viewpoints, valid=torch.ones(order.shape, dtype=torch.bool))


def updated(model: Any, batch: ArrayScenes, state: Any, look: Look) -> Any:
    glimpses = batch.read(look.viewpoints, model.glimpse_size_px(1), look.valid)
    return model.update(state, glimpses.pixels, look)


def flat(value: Any) -> list[np.ndarray]:
    """Every array in a state, an observation, a look or a prediction, in order."""
    if value is None or isinstance(value, (int, str, tuple)):
        return []
    if isinstance(value, dict):
        return [array for item in value.values() for array in flat(item)]
    if isinstance(value, Rowwise):
        return [array for f in fields(value) for array in flat(getattr(value, f.name))]  # type: ignore[arg-type]
    return [as_numpy(value)]


def assert_close(actual: Any, expected: Any, **tolerance: float) -> None:
    """The same arrays of the same types; the tolerance, by default none, is for floating point numbers only."""
    a, b = flat(actual), flat(expected)
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        assert x.dtype == y.dtype
        exact = {"rtol": 0.0, "atol": 0.0}
        np.testing.assert_allclose(x, y, **(exact | tolerance if np.issubdtype(x.dtype, np.floating) else exact))
