"""How a search goes, while it goes: a model that tells of every read, for the person who waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

from foveate.core import Look
from foveate.rows import as_numpy

if TYPE_CHECKING:
    from foveate.looker import Looker

EVERY_S = 0.25  # asking what was found so far takes time too


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What is known of a picture that is being searched."""

    num_looks: int
    num_findings: int
    read_px: int
    """With repetition."""
    scene_px: int


def followed(looker: Looker, tell: Callable[[Moment], None], *, every_s: float | None = None) -> Looker:
    """The same, telling of pictures that are searched one at a time; what comes of them does not change."""
    model = _Followed(looker.system.model, looker.system.task, tell, EVERY_S if every_s is None else every_s)
    return looker.with_system(replace(looker.system, model=model))


class _Followed:
    """A model that is another one, and tells what that one knows after a read: also of the reads of a scan, which
    nobody watches."""

    def __init__(self, model: Any, task: Any, tell: Callable[[Moment], None], every_s: float) -> None:
        self._model, self._task, self._tell, self._every_s = model, task, tell, every_s
        self._told_s, self._scene_px = 0.0, 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def open(self, glance: Any, sizes_px: Any) -> Any:
        self._scene_px = prod(as_numpy(sizes_px)[0].tolist())
        return self._model.open(glance, sizes_px)

    def update(self, state: Any, glimpses: Any, look: Look) -> Any:
        after = self._model.update(state, glimpses, look)
        if time.monotonic() - self._told_s >= self._every_s:
            self._tell(self._moment(after))
            self._told_s = time.monotonic()
        return after

    def _moment(self, state: Any) -> Moment:
        model, num_looks = self._model, int(as_numpy(state.num_looks)[0])
        (answer,) = self._task.answers(model.predict(state))
        opened_px = prod(model.glimpse_size_px(0)) if model.opening == "glance" else 0
        return Moment(
            num_looks=num_looks,
            num_findings=len(answer["findings"]),
            read_px=opened_px + num_looks * prod(model.glimpse_size_px(1)),
            scene_px=self._scene_px,
        )
