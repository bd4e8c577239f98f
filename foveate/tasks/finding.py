"""Which of several things is in the scene, if any, and where are all of them: a label and boxes.

Prediction: ``logits`` ``[n, K]``, class 0 meaning none; ``things`` ``[n, f, 4 + c]`` (viewpoint in the frame, logits of
the c = K - 1 classes) and the ``mass`` ``[n, f]`` of each, expected targets there (:mod:`.merging` makes findings of
them). The label is what the logits say, unless something was found that they make less of: they were learned from
scenes that may hold more, a finding speaks for itself. While training also what every place of some looks ``said`` and
its ``heat`` (:mod:`.heat`).
Target: as that of :mod:`.spotting`; boxes say how large things are, and ``classes`` ``[n, t]`` what each is. Labels
``[n]`` alone are a target too, from which no boxes are learned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from foveate.config import check_numbers
from foveate.errors import IncompatibleError
from foveate.tasks.classification import ClassificationConfig
from foveate.tasks.heat import places_of
from foveate.tasks.merging import Merged, merged
from foveate.tasks.spotting import Spotting, Target

LEAST_SHARE = 1e-6
SAID_WEIGHT = 0.2  # beside heat, which decides where is looked: size and class are of use once something is found


@dataclass(frozen=True, kw_only=True)
class FindingConfig(ClassificationConfig):
    """What is found, and what counts as found."""

    min_score: float = 0.5
    """Findings that are less likely are no answer."""
    most_findings: int = 256
    """Of one scene."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, "min_score", above=0, most=1)
        check_numbers(self, "most_findings", least=1)


class Finding:
    """See the module's docstring. A target counts as found where the middle of a finding lies in its box."""

    primary_metric = "correct"

    def __init__(self, config: FindingConfig) -> None:
        self.config = config
        self._spotting = Spotting(config)

    @property
    def num_outputs(self) -> int:
        return self._spotting.num_outputs

    def loss(self, prediction: Mapping[str, Tensor], target: Target) -> Tensor:
        """Cross-entropy ``[n]`` of the label; or of heat, with what was said of things where their middles are."""
        if "heat" not in _checked(prediction):
            return self._spotting.loss(prediction["logits"], target)
        loss = self._spotting.loss(prediction, target)
        if isinstance(target, Mapping) and "boxes" in target:
            loss = loss + _said_loss(prediction, target)
        return loss

    def score(self, prediction: Mapping[str, Tensor], target: Target) -> Tensor:
        return -self.loss(prediction, target)

    def certainty(self, prediction: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Also ``finding``: how likely the likeliest finding is."""
        label, finding = _label(_checked(prediction))
        return {**self._spotting.certainty(label), "finding": finding}

    def metrics(self, prediction: Mapping[str, Tensor], target: Target) -> Mapping[str, Tensor]:
        """``correct``, of the label; where boxes are known also ``recall``, the share of targets that are found (1 in a
        scene without any), and ``precision``, the share of findings that are targets (1 without any)."""
        known = dict(self._spotting.metrics(_label(prediction)[0], target))
        if isinstance(target, Mapping) and "boxes" in target:
            known |= self._found(self._merged(prediction), target["boxes"], target["is_target"])
        return known

    def has_target(self, target: Target) -> Tensor:
        return self._spotting.has_target(target)

    def missed(self, prediction: Mapping[str, Tensor], target: Target) -> Tensor:
        return self._spotting.missed(_label(prediction)[0], target)

    def answers(self, prediction: Mapping[str, Tensor]) -> Sequence[Mapping[str, Any]]:
        """The label as that of a classification; ``findings``, best first, each with ``label``, ``score`` and ``box``
        (top, left, bottom, right) in the frame."""
        found, names = self._merged(prediction), self.config.class_names[1:]
        kinds = found.classes.argmax(2).tolist()
        centers, half = found.boxes.detach().split(2, -1)
        boxes = torch.cat([centers - half, centers + half], -1).clamp(-1, 1).tolist()
        answers = []
        for row, label in enumerate(self._spotting.answers(_label(prediction)[0])):
            likely = [i for i, score in enumerate(found.score[row].tolist()) if score >= self.config.min_score]
            findings = [
                {"label": names[kinds[row][i]], "score": float(found.score[row, i]), "box": boxes[row][i]}
                for i in likely
            ]
            answers.append({**label, "findings": findings})
        return answers

    def _merged(self, prediction: Mapping[str, Tensor]) -> Merged:
        asked = self.config
        things = prediction["things"].detach()
        return merged(things, prediction["mass"], at_most=asked.most_findings, least=asked.min_score)

    def _found(self, found: Merged, boxes: Tensor, is_target: Tensor) -> dict[str, Tensor]:
        is_found = found.score >= self.config.min_score
        middles = found.boxes[:, :, None, :2]
        hits = ((middles >= boxes[:, None, :, :2]) & (middles <= boxes[:, None, :, 2:])).all(-1)
        hits &= is_found[..., None] & is_target[:, None]
        return {
            "recall": _share(hits.any(1) & is_target, of=is_target),
            "precision": _share(hits.any(2) & is_found, of=is_found),
        }


def _checked(prediction: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Raises IncompatibleError for a model that says nothing of what it found."""
    if not isinstance(prediction, Mapping):
        raise IncompatibleError(
            "the task 'finding' asks for what was found and where, and this model answers with classes alone: build it "
            "with finds=True, or choose the task 'spotting'"
        )
    return prediction


def _label(prediction: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Log-probabilities ``[n, K]`` of the label, and how likely the likeliest finding is ``[n]``: that there is nothing
    is never likelier than that this is nothing, and it has its say in of which class something is."""
    likeliest = merged(prediction["things"].detach(), prediction["mass"], at_most=1)
    finding, logits = likeliest.score[:, :1], prediction["logits"].detach().float()
    none = torch.minimum(logits.softmax(1)[:, :1], 1 - finding)
    kinds = (logits[:, 1:].softmax(1) + finding * likeliest.classes[:, 0].softmax(1)) / (1 + finding)
    return torch.cat([none, (1 - none) * kinds], 1).clamp(min=LEAST_SHARE).log(), finding[:, 0]


def _share(these: Tensor, *, of: Tensor) -> Tensor:
    """``[n]``, 1 where there is none."""
    count = of.sum(1)
    return torch.where(count > 0, these.sum(1) / count.clamp(min=1), 1.0)


def _said_loss(prediction: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> Tensor:
    """Of the size and the class ``[n]``, summed over looks and targets; the mean of the places that answer for each."""
    said, windows, boxes = prediction["said"].float(), prediction["windows"], target["boxes"]
    grid = (said.shape[2], said.shape[3])
    place, answers = places_of(windows, boxes, target["is_target"], reach=prediction["reach"], grid=grid)
    every = place.flatten(2)[..., None].expand(-1, -1, -1, said.shape[-1])
    shown = said.flatten(2, 3).gather(2, every).unflatten(2, place.shape[2:])  # [n, k, t, 4, 2 + c]
    half = ((boxes[..., 2:] - boxes[..., :2]) / 2).clamp(min=1e-6)[:, None]
    extents = (half / windows[:, :, None, 2:].clamp(min=1e-6)).log2()[..., None, :].expand_as(shown[..., :2])
    size = nn.functional.smooth_l1_loss(shown[..., :2], extents, reduction="none").sum(-1)
    of_each = target["classes"] if "classes" in target else target["label"][:, None]
    classes = (of_each[:, None, :, None] - 1).clamp(min=0).expand_as(place)
    kind = nn.functional.cross_entropy(shown[..., 2:].movedim(-1, 1), classes, reduction="none")
    counts = answers & prediction["valid"][..., None, None].bool()
    each = ((size + kind) * counts).sum(3) / counts.sum(3).clamp(min=1)
    return SAID_WEIGHT * each.sum((1, 2))
