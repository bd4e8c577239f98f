"""Procedural scenes as files of a few hundred bytes: the settings and the number of a scene, instead of its pixels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from foveate.atomic import write_json
from foveate.config import from_plain
from foveate.core import Glimpses
from foveate.errors import SceneError, UsageError
from foveate.geometry.viewpoint import Array
from foveate.scenes.procedural import ProceduralConfig, ProceduralSet
from foveate.scenes.reading import request, row_numbers, unpaid
from foveate.scenes.rendered import ProceduralScenes

FORMAT = 1
SUFFIX = ".scene"


def scene_facts(scenes: ProceduralSet, *, index: int, epoch_seed: int) -> dict[str, Any]:
    """What rebuilds a scene: the content of a scene file."""
    return {
        "foveate_scene": FORMAT,
        "fingerprint": scenes.fingerprint,
        "split": scenes.split,
        "index": index,
        "epoch_seed": epoch_seed,
        "config": asdict(scenes.config),
    }


def write_scene(path: str | PathLike[str], scenes: ProceduralSet, *, index: int, epoch_seed: int) -> None:
    """Write a scene file. Raises OutputError."""
    write_json(path, scene_facts(scenes, index=index, epoch_seed=epoch_seed))


class SceneFileScenes:
    """A scene batch over scene files, of any sizes.

    Ledger: ``decoded_px`` and ``read_bytes`` are 0: nothing is stored, and the files are read when the batch is made.
    """

    value_range = (0.0, 255.0)

    def __init__(self, paths: Sequence[str | PathLike[str]]) -> None:
        """Raises SceneError naming the first file that is no scene file, or one that other pixels would come of here
        than where it was written; UsageError without any, or where some are grey and some coloured."""
        if isinstance(paths, (str, bytes, PathLike)) or len(paths) == 0:
            raise UsageError(f"paths is {paths!r}; needed is a list of scene files")
        self.paths = tuple(fspath(path) for path in paths)
        self._each = [_read(path) for path in self.paths]
        if len({one.num_bands for one in self._each}) > 1:
            raise UsageError("some of these scenes are grey and some coloured; one batch holds one kind")
        self.num_bands = self._each[0].num_bands
        self.sizes_px: NDArray[np.int64] = np.concatenate([one.sizes_px for one in self._each])

    def __len__(self) -> int:
        return len(self._each)

    def read(
        self, viewpoints: Array, size_px: tuple[int, int], valid: Array | None = None, *, antialias: bool = True
    ) -> Glimpses:
        """Glimpses ``[n, k, C, h, w]``, numpy uint8. Looks not valid are zeros."""
        looks = request(viewpoints, self.sizes_px, valid)
        pixels = np.zeros((*looks.shape, self.num_bands, *size_px), np.uint8)
        for row in np.unique(looks.owner):
            here = slice(row, row + 1)
            pixels[row] = self._each[row].read(viewpoints[here], size_px, looks.valid[here], antialias=antialias).pixels
        return unpaid(pixels)

    def max_read_bytes(self) -> NDArray[np.int64]:
        """Zeros ``[n]``: nothing is fetched."""
        return np.zeros(len(self), np.int64)

    def select(self, rows: Any) -> Self:
        """The given rows (indices or a mask)."""
        keep = row_numbers(rows, len(self))
        chosen = object.__new__(type(self))
        chosen.__dict__.update(self.__dict__)
        chosen.paths = tuple(self.paths[row] for row in keep)
        chosen._each = [self._each[row] for row in keep]
        chosen.sizes_px = self.sizes_px[keep]
        return chosen


def _read(path: str) -> ProceduralScenes:
    try:
        facts = json.loads(Path(path).read_text("utf-8"))
        if facts["foveate_scene"] != FORMAT:
            raise SceneError(f"is of format {facts['foveate_scene']}; this foveate reads {FORMAT}", path=path)
        config = from_plain(ProceduralConfig, facts["config"], where="config")
        scenes = ProceduralSet(config, split=facts["split"], size=facts["index"] + 1)
        if scenes.fingerprint != facts["fingerprint"]:
            raise SceneError(
                "was written by a foveate that draws other pixels: write it again with this one", path=path
            )
        return scenes.batch(np.array([facts["index"]]), facts["epoch_seed"])[0]
    except OSError as error:
        raise SceneError(f"cannot be read: {error.strerror or error}", path=path) from error
    except (ValueError, KeyError, TypeError) as error:
        raise SceneError(f"is no scene file: {error}", path=path) from error
