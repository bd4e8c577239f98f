"""The loop: tiles in their order, batch after batch, through the callback; what it says decides how to go on.

While the callback has one batch, the tiles that are likely next are decoded in the background, if the scene can do that
(:meth:`foveate.scenes.pyramid_scenes.PyramidScenes.prefetch`). What is likely may change by what a tile turns out to be
worth; then some are decoded in vain, never wrongly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from traceback import clear_frames
from typing import Any, Literal

from foveate.errors import SceneError, UsageError
from foveate.findings import Finding
from foveate.scenes.scene import Scene
from foveate.searching.detections import Names, detections_of
from foveate.searching.opened import Tile, read_tile
from foveate.searching.order import Order
from foveate.searching.results import LostTile, Progress, SeenTile
from foveate.searching.spending import Allowance
from foveate.searching.tiling import Tiles

OnError = Literal["raise", "skip"]


@dataclass(frozen=True, kw_only=True)
class Handling:
    """What is done with tiles; see :func:`foveate.searching.search.search`."""

    callback: Callable[[Any], Any]
    batch_size: int = 1
    score: Callable[[Any], float] | None = None
    stop: Callable[[Any], bool] | None = None
    class_names: Names | None = None
    on_error: OnError = "raise"
    strict: bool = False
    on_progress: Callable[[Progress], object] | None = None

    def __post_init__(self) -> None:
        for name in ("callback", "score", "stop", "on_progress"):
            value = getattr(self, name)
            if not callable(value) and (value is not None or name == "callback"):
                raise UsageError(f"{name} is {value!r}; it must be a function")
        if not isinstance(self.batch_size, int) or self.batch_size < 1:
            raise UsageError(f"batch_size is {self.batch_size!r}; it must be a whole number of at least 1")
        if self.on_error not in ("raise", "skip"):
            raise UsageError(f"on_error is {self.on_error!r}; allowed are 'raise' and 'skip'")


@dataclass(kw_only=True)
class Run:
    """One search, and what it gathered so far."""

    scene: Scene
    tiles: Tiles
    order: Order
    allowance: Allowance
    handling: Handling
    seen: list[SeenTile] = field(default_factory=list)
    failed: list[LostTile] = field(default_factory=list)
    broken: list[LostTile] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    """In pixels of the picture, not merged."""
    class_ids: dict[str, int] = field(default_factory=dict)
    shown: list[int] = field(default_factory=list)
    """Numbers of the tiles that the callback was given."""
    has_detections: bool = False
    is_stopped: bool = False

    def to_the_end(self) -> None:
        """Until ``stop`` says so, the allowance is used up, or no tile is left."""
        while not self.is_stopped and (left := self.allowance.left(len(self.shown))) > 0:
            begun_s = self.allowance.clock()
            batch = self._read(min(self.handling.batch_size, left))
            if not batch:
                return
            self.shown += batch
            self._prefetch()
            seen, failed = len(self.seen), len(self.failed)
            self._take_in(batch)
            for lost in self.failed[failed:]:
                clear_frames(lost.error.__traceback__)  # it says where, but must not keep the tiles in memory
            self.allowance.slowest_s = max(self.allowance.slowest_s, self.allowance.clock() - begun_s)
            self._report(tuple(self.seen[seen:]))

    def _read(self, most: int) -> dict[int, Tile]:
        """The next tiles that can be read; others take the place of those that are broken."""
        batch: dict[int, Tile] = {}
        while len(batch) < most and (numbers := self.order.take(1)):
            (number,) = numbers
            tile = read_tile(self.scene, self.tiles, number)
            if not isinstance(tile, SceneError):
                batch[number] = tile
            elif self.handling.strict:
                raise tile
            else:
                self.broken.append(LostTile(box_px=self.tiles.box(number), error=tile))
        return batch

    def _prefetch(self) -> None:
        prefetch = getattr(self.scene.scenes, "prefetch", None)
        most = min(self.handling.batch_size, self.allowance.left(len(self.shown)))
        if prefetch is not None and most > 0 and (ahead := self.order.peek(most)):
            prefetch(self.tiles.viewpoints(ahead)[None], self.tiles.tile_px)

    def _take_in(self, batch: dict[int, Tile]) -> None:
        """What the callback says of a batch, tile by tile."""
        numbers = list(batch)
        try:
            with self._naming(numbers, "the callback"):
                results = self._called(list(batch.values()))
        except Exception as error:
            self._skip(numbers, error)
            return
        self._check_length(results, numbers)
        for number, result in zip(numbers, results, strict=True):
            self._keep(number, result)

    def _called(self, pictures: list[Tile]) -> Any:
        if self.handling.batch_size > 1:
            return self.handling.callback(pictures)
        return [self.handling.callback(pictures[0])]

    def _check_length(self, results: Any, numbers: list[int]) -> None:
        is_list = isinstance(results, list | tuple) or bool(getattr(results, "shape", ()))  # or an array
        if not is_list or len(results) != len(numbers):
            given = f"{len(results)} results" if is_list else f"a {type(results).__name__}"
            raise UsageError(
                f"the callback was given a list of {len(numbers)} tiles and gave {given}; with batch_size "
                f"{self.handling.batch_size} it must give a list of as many results, in the same order"
            )

    def _keep(self, number: int, result: Any) -> None:
        box_px = self.tiles.box(number)
        try:
            with self._naming([number], "what the callback gave for"):
                found = detections_of(result, tile_px=box_px, names=self.handling.class_names)
        except Exception as error:
            self._skip([number], error)
            return
        self.has_detections |= found is not None
        for each in found or []:
            self.findings.append(each.finding)
            if each.class_id is not None:
                self.class_ids.setdefault(each.finding.label, each.class_id)
        self.seen.append(SeenTile(box_px=box_px, result=result))
        if self.handling.score is not None:
            with self._naming([number], "score, of what the callback gave for"):
                self.order.tell(number, _share(self.handling.score(result)))
        if self.handling.stop is not None:
            with self._naming([number], "stop, of what the callback gave for"):
                self.is_stopped |= bool(self.handling.stop(result))

    def _skip(self, numbers: list[int], error: Exception) -> None:
        if self.handling.on_error == "raise":
            raise error
        self.failed += [LostTile(box_px=self.tiles.box(number), error=error) for number in numbers]

    @contextmanager
    def _naming(self, numbers: list[int], what: str) -> Iterator[None]:
        """An error keeps its class, so that it can be caught as what it is, and says which tile it was."""
        try:
            yield
        except Exception as error:
            boxes = ", ".join(str(self.tiles.box(number)) for number in numbers)
            error.add_note(f"{self.scene.name}: in {what} the tile (top, left, bottom, right) in pixels: {boxes}")
            raise

    def _report(self, latest: tuple[SeenTile, ...]) -> None:
        if self.handling.on_progress is not None:
            looked, most, seconds = len(self.shown), self.allowance.most_tiles, self.allowance.elapsed_s
            self.handling.on_progress(Progress(tiles=latest, looked=looked, most_tiles=most, seconds=seconds))


def _share(score: Any) -> float:
    value = float(score)
    if not 0 <= value <= 1:
        raise UsageError(f"score gave {value}; it must be between 0 (nothing near there) and 1 (more near there)")
    return value
