"""What a model attends to, or is drawn to, as a map over the scene.

The first of these that is there: how much each part of what was seen mattered so far (attention), how probable a look
at each candidate is (the policy), how relevant it seems. Shape letters: m candidates or parts, H x W picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from foveate.answers import Watched
from foveate.geometry.viewpoint import to_boxes_px
from foveate.rows import as_numpy

Kind = Literal["importance", "odds", "relevance"]


@dataclass(frozen=True, kw_only=True)
class Heat:
    """Values of places."""

    kind: Kind
    viewpoints: NDArray[np.float32]  # [m, 4]
    values: NDArray[np.float32]  # [m] >= 0

    def painted(self, size_px: tuple[int, int]) -> NDArray[np.float32]:
        """``[H, W]``. Importance: that of the finest part that saw the place. Odds: the probability that the next look
        sees it. Relevance: the largest of the candidates that hold it."""
        canvas = np.zeros(size_px, np.float32)
        boxes = to_boxes_px(self.viewpoints[None], np.array([size_px]))[0].round().astype(int)
        for i in np.argsort(-self.viewpoints[:, 2:].prod(1), kind="stable"):
            top, left, bottom, right = boxes[i]
            part = canvas[top : max(bottom, top + 1), left : max(right, left + 1)]
            if self.kind == "importance":
                part[:] = self.values[i]
            elif self.kind == "odds":
                part += self.values[i]
            else:
                np.maximum(part, self.values[i], out=part)
        return canvas


def heat_of(step: Watched) -> Heat | None:
    """None for a model that tells nothing of the kind."""
    seen, relevance = step.observation.seen, step.observation.relevance
    if seen is not None and seen.importance is not None:
        return _heat("importance", seen.viewpoints, seen.importance, seen.mask)
    if step.odds is not None:
        return _heat("odds", step.observation.candidates, step.odds[None], step.observation.mask)
    if relevance is not None:
        return _heat("relevance", step.observation.candidates, relevance, step.observation.mask)
    return None


def _heat(kind: Kind, viewpoints: object, values: object, mask: object) -> Heat:
    """Of the only row."""
    exists = as_numpy(mask)[0]
    return Heat(kind=kind, viewpoints=as_numpy(viewpoints)[0][exists], values=as_numpy(values)[0][exists])
