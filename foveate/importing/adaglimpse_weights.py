"""AdaGlimpse's weights in our names, and in our terms where these differ; or a list of what does not fit.

Everything in a file is known: loaded, checked (positions, copies of the actor), or left out by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from foveate.critics.set_q import SetQ
from foveate.errors import ModelFolderError
from foveate.importing.adaglimpse_config import PaperConfigs
from foveate.importing.adaglimpse_keys import (
    ACTOR,
    ACTOR_COPIES,
    BACKBONE,
    CANVAS_POSITIONS,
    CLASSIFIER,
    COMPILED,
    CRITICS,
    NO_TENSORS,
    POSITIONS,
    SCALARS,
    STALE_CRITICS,
    STATISTICS,
    TARGET_CRITICS,
    TEACHER,
    actor_modules,
    critic_modules,
    model_modules,
)
from foveate.importing.fitting import Fitting, Names, Weights, their_keys
from foveate.layers.corners import cell_encoding, corner_encoding
from foveate.layers.element_pool import ElementPool
from foveate.models.elastic_tokens import ElasticTokens
from foveate.policies.squashed_gaussian import SquashedGaussian

POSITION_TOLERANCE = 1e-5  # they compute sines of up to 14 in float32, or in float64 and round
EXPECTED_ERROR = "answer.log_error"
"""Our pixels foretell their own error; theirs do not."""
CRITICS_LEFT_OUT = "critics, which judge looks; a value of the state, to stop by, was never trained"
START, COORDS = "reader.pool.start", "reader.pool.branches.coords.0.weight"


@dataclass(frozen=True, kw_only=True)
class Converted:
    """Weights in our names: load each into the part that its config builds."""

    model: Weights
    """Of ``ElasticTokens(configs.model)``."""
    policy: Weights
    """Of ``SquashedGaussian(configs.policy())``."""
    opinions: Weights
    """Of ``SetQ(configs.critic()).opinions``; what else that critic has, they have not."""


def short_names(entries: Any) -> Weights:
    """A file's ``state_dict`` in the shortest names, tensors only."""
    if not isinstance(entries, Mapping):
        raise ModelFolderError("not an AdaGlimpse checkpoint: it has no state_dict.")
    weights: Weights = {}
    for name, value in entries.items():
        short = BACKBONE + name.removeprefix(BACKBONE + COMPILED) if name.startswith(BACKBONE + COMPILED) else name
        if isinstance(value, Tensor) and short not in weights:
            weights[short] = value
        elif not name.endswith(NO_TENSORS):
            raise ModelFolderError(f"{name} is there twice, or no tensor: {type(value).__name__}")
    return weights


def convert(weights: Mapping[str, Tensor], configs: PaperConfigs) -> Converted:
    """Weights by their short names in ours, float32; refuses with the list of what does not fit."""
    fit = Fitting(weights)
    with torch.device("meta"):
        model, policy = ElasticTokens(configs.model), SquashedGaussian(configs.policy())
        opinions = SetQ(configs.critic()).opinions
    ours = _model(fit, model, configs)
    actor = _agent(fit, policy.state_dict(), ACTOR, dict(actor_modules()))
    critics = [
        _agent(fit, opinion.state_dict(), CRITICS, dict(critic_modules()), part=(i, len(opinions)))
        for i, opinion in enumerate(opinions)
    ]
    fit.problems.extend(_wrong_positions(weights, configs))
    fit.problems.extend(_unequal_copies(weights))
    fit.problems.extend(f"unknown: {name}" for name in sorted(set(weights) - fit.used - set(_not_needed(weights))))
    fit.refuse_misfits()
    for agent in (actor, *critics):
        _in_our_terms(agent, configs)
    stacked = {f"{i}.{name}": weight for i, critic in enumerate(critics) for name, weight in critic.items()}
    return Converted(model=ours, policy=actor, opinions=stacked)


def _model(fit: Fitting, model: ElasticTokens, configs: PaperConfigs) -> Weights:
    found, table = {}, dict(model_modules(configs.model, depth=configs.depth))
    c = configs.model
    for name, like in model.state_dict().items():
        if name.startswith(EXPECTED_ERROR):
            found[name] = torch.zeros(like.shape)
            continue
        # Theirs is a convolution over the pixels of a patch; ours is a product with them in the same order.
        is_patches = name == "encoder.patches.weight"
        shape = (len(like), c.num_bands, c.patch_px, c.patch_px) if is_patches else like.shape
        taken = fit.take(_one(their_keys(name, table)), shape)
        if taken is not None:
            found[name] = taken.reshape(like.shape)
    return found


def _agent(
    fit: Fitting,
    like: Mapping[str, Tensor],
    prefix: str,
    table: Mapping[str, Names],
    part: tuple[int, int] | None = None,
) -> Weights:
    """Weights of an actor, or of a critic: ``part`` (i, of so many that are stacked)."""
    found = {}
    for name, tensor in like.items():
        if name == START:
            continue
        shape = tuple(tensor.shape) if part is None else (part[1], *tensor.shape)
        taken = fit.take(prefix + _one(their_keys(name, table)), shape)
        if taken is not None:
            found[name] = taken if part is None else taken[part[0]].clone()
    return found


def _in_our_terms(agent: Weights, configs: PaperConfigs) -> None:
    """Places from 0 to 1 instead of scene pixels, and our element for "nothing seen yet" in place of their empty slots:
    zeros all, which at the first step of a fresh buffer are pooled as if they were there, so that one is as good."""
    height, width = configs.model.canvas_px
    agent[COORDS] *= torch.tensor([height, width, height, width])
    config = configs.policy().pool
    pool = ElementPool(config).eval()
    own = {name.removeprefix("reader.pool."): w for name, w in agent.items() if name.startswith("reader.pool.")}
    pool.load_state_dict(own, strict=False)  # all but the element itself
    assert pool.patch_net is not None
    assert config.pixels is not None
    with torch.no_grad():
        empty = {name: torch.zeros(1, dim) for name, dim in config.dims.items()}
        empty["pixels"] = pool.patch_net(torch.zeros(1, *config.pixels))
        agent[START] = torch.cat([branch(empty[name]) for name, branch in pool.branches.items()], dim=-1)[None]


def _wrong_positions(weights: Mapping[str, Tensor], configs: PaperConfigs) -> Iterator[str]:
    """Fixed encodings that are others than ours."""
    c = configs.model
    grid = (c.canvas_px[0] // c.patch_px, c.canvas_px[1] // c.patch_px)
    low = torch.cartesian_prod(torch.arange(grid[0]), torch.arange(grid[1]))
    expected = {POSITIONS: corner_encoding(torch.cat([low, low + 1], dim=1), weights[POSITIONS].shape[-1])}
    if c.canvas is not None:
        cells = cell_encoding(grid, c.canvas["dim"])
        expected[CANVAS_POSITIONS] = torch.cat([torch.zeros(1, cells.shape[1]), cells])
    for name, formula in expected.items():
        theirs = weights.get(name, formula[None])
        is_same = theirs.shape == (1, *formula.shape) and bool(
            torch.allclose(theirs[0].float(), formula, rtol=0, atol=POSITION_TOLERANCE)
        )
        if not is_same:
            yield f"unexpected values: {name} (positions that foveate does not have)"


def _unequal_copies(weights: Mapping[str, Tensor]) -> Iterator[str]:
    for name, tail in _tails(weights, ACTOR_COPIES):
        own = weights.get(ACTOR + tail)
        if own is not None and not name.endswith(STATISTICS) and not torch.equal(own, weights[name]):
            yield f"differs from the actor that it is a copy of: {name}"


def _not_needed(weights: Mapping[str, Tensor]) -> dict[str, str]:
    """Names that are known and not loaded, and what they are; of copies only those that are copies of something."""
    found = dict.fromkeys(SCALARS, "scalars of training")
    found |= dict.fromkeys((POSITIONS, CANVAS_POSITIONS), "positions, which are computed")
    found |= dict.fromkeys(CLASSIFIER, "a classifier that was never trained")
    kinds = {"copies of the actor": (ACTOR, ACTOR_COPIES), "target critics": (CRITICS, (TARGET_CRITICS,))}
    kinds["critics before training"] = (CRITICS, STALE_CRITICS)
    for kind, (origin, copies) in kinds.items():
        found |= {name: kind for name, tail in _tails(weights, copies) if origin + tail in weights}
    return found | {name: "the net that training distilled from" for name, _ in _tails(weights, (TEACHER,))}


def left_out_of(weights: Mapping[str, Tensor], configs: PaperConfigs) -> dict[str, int]:
    """How many numbers of a file that fits are not in the system, by what they are."""
    counts: Counter[str] = Counter()
    for name, kind in _not_needed(weights).items():
        if name in weights and not (name in CLASSIFIER and configs.task == "classification"):
            counts[kind] += weights[name].numel()
    for name, _ in _tails(weights, (CRITICS,)):
        counts[CRITICS_LEFT_OUT] += weights[name].numel()
    return dict(counts)


def _tails(weights: Mapping[str, Tensor], prefixes: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Names that begin so, and what follows."""
    for prefix in prefixes:
        yield from ((name, name.removeprefix(prefix)) for name in weights if name.startswith(prefix))


def _one(names: Names) -> str:
    assert isinstance(names, str)
    return names
