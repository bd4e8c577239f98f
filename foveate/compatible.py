"""Whether the parts that were chosen fit together, asked once, before the first glimpse, with a remedy if not."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from foveate.core import ActiveModel, Scenes
from foveate.episode import Player
from foveate.errors import DataError, IncompatibleError


def check_compatible(scenes: Scenes, player: Player) -> None:
    """Facts are checked once, before the first glimpse: no part is asked for its name or class.

    Policies and critics state ``needs_grid``, ``needs_relevance`` and ``needs_seen`` as attributes (False when absent).
    Raises DataError for an empty batch and IncompatibleError, which says the remedy, for parts that do not fit.
    """
    if len(scenes) == 0:
        raise DataError("the scene batch is empty; there is nothing to look at")
    check_pixels(scenes, player.model)
    for part in (player.policy, player.critic):
        check_observed(part, player.model)
    _check_rules(player)


class ReadsPixels(Protocol):
    """What every net that is fed from scenes says of itself."""

    @property
    def num_bands(self) -> int: ...

    @property
    def value_range(self) -> tuple[float, float]: ...


def check_pixels(scenes: Scenes, model: ReadsPixels) -> None:
    """Raises IncompatibleError for scenes of other bands, or of another range of values."""
    if scenes.num_bands != model.num_bands:
        raise IncompatibleError(
            f"the scenes have {scenes.num_bands} bands, the model reads {model.num_bands}: convert the scenes, or "
            f"build the model with num_bands={scenes.num_bands}"
        )
    given, wanted = tuple(map(float, scenes.value_range)), tuple(map(float, model.value_range))
    if given != wanted:
        raise IncompatibleError(
            f"the scenes' values range over {given}, the model's preprocessing expects {wanted}: convert the scenes, "
            f"state their value_range, or build the model with value_range={given}"
        )


def check_observed(part: Any, model: ActiveModel) -> None:
    """Raises IncompatibleError for a policy or critic that needs what this model's observations have not."""
    shape = model.observation_shape
    if getattr(part, "needs_grid", False) and shape.grid is None:
        raise IncompatibleError(
            f"{type(part).__name__} needs candidates on a regular grid, which {type(model).__name__} does not offer: "
            "choose a policy or critic for any candidates, such as spatial or spatial_value"
        )
    if getattr(part, "needs_relevance", False) and not shape.has_relevance:
        raise IncompatibleError(
            f"{type(part).__name__} needs a relevance, which this {type(model).__name__} does not offer: build the "
            "model with relevance='gradcam' or 'layercam' if its family has that setting, or choose another policy"
        )
    if getattr(part, "needs_seen", False) and shape.seen_dim == 0:
        raise IncompatibleError(
            f"{type(part).__name__} reasons about what was seen, which {type(model).__name__} does not offer: choose "
            "another policy or critic, such as spatial and spatial_value"
        )


def _check_rules(player: Player) -> None:
    needs, k = player.needs, player.policy.noise_shape[0]
    if "value" in needs and player.critic is None:
        raise IncompatibleError(
            "the stop rule asks for the state's value, but this model has no critic; "
            "train one (`foveate train ... ` trains it with the policy) or choose another rule, such as confidence"
        )
    if "certainty" in needs and player.task is None:
        raise IncompatibleError("the stop rule asks for certainty, which the task defines: pass task=")
    has_end = hasattr(player.policy, "looks_left") or player.horizon < np.iinfo(np.int64).max
    if player.stop is None and player.limits is None and not has_end:
        raise IncompatibleError(
            'this family may look without end: give a stop rule, a limit such as "200 looks", or max_looks'
        )
    if 0 < player.horizon < k:
        raise IncompatibleError(
            f"the policy takes {k} looks at once, but at most {player.horizon} are allowed: raise max_looks to {k} or "
            "more, or build the policy with fewer looks per step"
        )
