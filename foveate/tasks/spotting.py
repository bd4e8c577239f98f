"""Which of several things is in the scene, if any, where training scenes also say roughly where it is.

Prediction: class logits ``[n, K]``, class 0 meaning none. While training, a family may also offer places, logits
``[n, 1, R, S]`` over a grid, or the heat of what it looked at (:mod:`.heat`): the same loss teaches them where things
are. Answers never contain a place.
Target: ``{"label": [n], "place": [n, 1, 2]}``, the place in the frame; it is not read where the label is 0. Further
things are ``boxes`` ``[n, t, 4]`` in the frame, those that ``is_target`` ``[n, t]``. Labels ``[n]`` alone are a target
too: where nobody says places, none are taught. Training scenes that were chosen for what is in them may say how much
that changed: ``heat_gain`` ``[n]``, times as many targets, and ``label_gain`` ``[n]``, times the odds that there is
any. Heat and answers are then learned as they are for scenes at large.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from foveate.tasks.classification import Classification, ClassificationConfig
from foveate.tasks.heat import heat_loss
from foveate.tasks.places import place_loss

Target = Mapping[str, Tensor] | Tensor


class Spotting:
    """See the module's docstring. The first class name is what a scene without any is called."""

    primary_metric = "correct"

    def __init__(self, config: ClassificationConfig) -> None:
        self.config = config
        self._classes = Classification(config)

    @property
    def num_outputs(self) -> int:
        return self._classes.num_outputs

    def loss(self, prediction: Tensor | Mapping[str, Tensor], target: Target) -> Tensor:
        """Cross-entropy ``[n]`` of the classes, of the places in scenes that hold a thing, or of heat."""
        if isinstance(prediction, Mapping):
            return _heat_loss(prediction, target)
        if prediction.ndim == 2:
            return self._classes.loss(_as_chosen(prediction, target), _label(target))
        if not isinstance(target, Mapping):
            return prediction.new_zeros(len(prediction))
        return torch.where(target["label"] > 0, place_loss(prediction, target["place"]), 0.0)

    def score(self, prediction: Tensor, target: Target) -> Tensor:
        return -self.loss(prediction, target)

    def certainty(self, prediction: Tensor) -> Mapping[str, Tensor]:
        """Also ``presence``: how likely there is anything."""
        none = torch.softmax(prediction.detach().float(), 1)[:, 0]
        return {**self._classes.certainty(prediction), "presence": 1 - none}

    def metrics(self, prediction: Tensor, target: Target) -> Mapping[str, Tensor]:
        return self._classes.metrics(prediction, target)

    def has_target(self, target: Target) -> Tensor:
        """Where there is anything."""
        return _label(target) > 0

    def missed(self, prediction: Tensor, target: Target) -> Tensor:
        """Where the answer is that nothing is there, and something is."""
        return self.has_target(target) & (prediction.argmax(1) == 0)

    def answers(self, prediction: Tensor) -> Sequence[Mapping[str, Any]]:
        return self._classes.answers(prediction)


def _label(target: Target) -> Tensor:
    return target["label"] if isinstance(target, Mapping) else target


def _as_chosen(logits: Tensor, target: Target) -> Tensor:
    """What logits ``[n, K]`` say of scenes among which these were chosen."""
    if not isinstance(target, Mapping) or "label_gain" not in target:
        return logits
    shift = target["label_gain"].log()[:, None]
    return torch.cat([logits[:, :1], logits[:, 1:] + shift], dim=1)


def _heat_loss(heat: Mapping[str, Tensor], target: Target) -> Tensor:
    """Zeros where nobody says places. A thing without a box is a point."""
    if not isinstance(target, Mapping):
        return heat["heat"].new_zeros(len(heat["heat"]))
    if "boxes" in target:
        return heat_loss(heat, target["boxes"], target["is_target"], gain=target.get("heat_gain"))
    return heat_loss(heat, target["place"].repeat(1, 1, 2), target["label"][:, None] > 0)
