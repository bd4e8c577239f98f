"""Seconds, reading included, of a search beside reading every tile of the same file, with the same net.

Scenes are written as pyramids of tiles. Files are in the system's cache, tiles are not in ours: every repeat opens
the file anew. The exhaustive reader is the faster of two: the loop, which also pools the evidence, and the bare net on
batches of tiles. Both read in the order of the file.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
import torch

from benchmarks.big_scenes import scenes_of_size, training
from benchmarks.effort import Effort
from benchmarks.harness import Benchmark, Cell, Context, Results, Values
from benchmarks.tables import NOT_RUN, Table, at_least
from benchmarks.training import learned
from foveate.episode import Player
from foveate.policies.planned import Planned
from foveate.rollout import rollout
from foveate.scanning import TILES_PER_STEP, tiles_of
from foveate.scenes.pyramid_writing import write_pyramid
from foveate.scenes.tiff import TiffScenes
from foveate.system import System

BARS = {4096: 5.0, 10_240: 10.0, 24_576: 20.0}
LOOKS, MOST_REPEATS_S = 64, 30.0


def benchmarks(effort: Effort) -> list[Benchmark]:
    cells = [
        Cell(
            benchmark="big_clock", variant=f"{encoder}-{side}", uses=(training(effort, 0, encoder),), alone=True,
            priority=8 if encoder == "small" else 9,
            config={
                "training": training(effort, 0, encoder).plain(), "side_px": side, "looks": LOOKS,
                "repeats": effort.repeats,
            },
            minutes=1 + 6 * (side / 24_576) ** 2,
        )
        for encoder in effort.big_encoders
        for side in effort.clock_sides_px
    ]  # fmt: skip
    return [Benchmark(name="big_clock", title="Seconds of big files", cells=cells, run=_run, tables=_tables)]


def _run(cell: Cell, context: Context) -> Values:
    trained, side = learned(cell.uses[0], context), cell.config["side_px"]
    system = trained.system.train(False)
    with tempfile.TemporaryDirectory(dir=context.cache) as folder, torch.inference_mode():
        path = Path(folder) / "scene.tif"
        write_pyramid(path, scenes_of_size(trained, side, "test").batch(np.arange(1), 0).scenes)
        repeats = cell.config["repeats"]
        found = {
            "search": _seconds(lambda: _searched(system, path), repeats),
            "every tile, in the loop": _seconds(lambda: _read_all(system, path), repeats),
            "every tile, bare net": _seconds(lambda: _read_bare(system, path), repeats),
        }
        return {
            "seconds": found,
            "file_mb": path.stat().st_size / 1e6,
            "tiles": len(tiles_of(system.model, (side, side))),
            "ratio": min(median(taken) for name, taken in found.items() if name != "search") / median(found["search"]),
        }


def _seconds(work: Callable[[], Any], repeats: int) -> list[float]:
    """Of several runs, or of the one that takes long."""
    taken: list[float] = []
    while len(taken) < repeats and sum(taken) < MOST_REPEATS_S:
        start_s = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start_s)
    return taken


def _searched(system: System, path: Path) -> Any:
    return rollout(TiffScenes([path]), Player(model=system.model, policy=system.policy, max_looks=LOOKS))


def _read_all(system: System, path: Path) -> Any:
    scenes = TiffScenes([path])
    tiles = tiles_of(system.model, tuple(scenes.sizes_px[0].tolist()))
    return rollout(scenes, Player(model=system.model, policy=Planned(tiles, num_looks_per_step=TILES_PER_STEP)))


def _read_bare(system: System, path: Path) -> float:
    """The most heat of any place: what somebody would write who has only the net."""
    scenes, model = TiffScenes([path]), system.model
    size_px, most = model.glimpse_size_px(1), 0.0
    tiles = tiles_of(model, tuple(scenes.sizes_px[0].tolist()))
    for first in range(0, len(tiles), TILES_PER_STEP):
        views = tiles[None, first : first + TILES_PER_STEP]
        pixels = model.preprocess(scenes.read(views, size_px).pixels)[0]
        places = model.norm(model.net(pixels).permute(0, 2, 3, 1))
        told = places.new_zeros(*places.shape[:3], 1)  # nothing closer can be seen
        most = max(most, float(model.heat(torch.cat([places, told], dim=-1)).max()))
    return most


# -- all cells ---------------------------------------------------------------------------------------------------------


def _tables(results: Results) -> list[Table]:
    rows, checks = [], []
    for variant in results.variants("big_clock"):
        encoder, side = variant.split("-")
        values, mpx = results.values("big_clock", variant), int(side) ** 2 / 1e6
        if not values:
            rows.append([encoder, f"{mpx:.0f}", NOT_RUN])
            continue
        seconds = {name: mean(median(one["seconds"][name]) for one in values) for name in values[0]["seconds"]}
        ratio = mean(one["ratio"] for one in values)
        rows.append([encoder, f"{mpx:.0f}", *(f"{taken:.2f}" for taken in seconds.values()), f"{ratio:.1f}"])
        bar = BARS.get(int(side))
        if bar:
            checks.append(at_least(f"{encoder}, {mpx:.0f} Mpx: faster than the faster exhaustive reader", [ratio], bar,
                                   target=f"≥ {bar:g} ×", measured=f"{ratio:.1f} ×"))  # fmt: skip
    head = ["encoder", "Mpx", "search, s", "every tile in the loop, s", "every tile, bare net, s", "ratio"]
    note = f"Pyramid files in the system's cache, {LOOKS} looks; medians; the whole of reading, deciding and answering."
    return [Table(title="", head=head, rows=rows, checks=checks, notes=[note])]
