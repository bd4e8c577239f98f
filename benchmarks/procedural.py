"""Procedural scenes: what reading them costs, what can be smelt from afar, and how near look-alikes must be seen.

    python -m benchmarks.procedural [--scenes 200] [--only speed scent writing] [--gigapixel]

Seconds are of one core's own work (process time), so that a busy machine does not count. Scent is the AUC of things
(targets and look-alikes) against ground in an overview of 224 px; likeness the AUC of targets against look-alikes at
each level. Writing measures the file's megabytes, seconds and the most memory of the process, each in a fresh one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from foveate.geometry.viewpoint import from_boxes_px, whole_scene
from foveate.scenes.procedural import ProceduralConfig, ProceduralSet
from foveate.scenes.scent import look_alike_of, scent_of

BATCH, GLIMPSE_PX, REPEATS = 64, 128, 5
SIDES_PX = (2048, 4096, 16384, 32768)
AREA_FRAC = (1e-4, 1.4e-3)  # of the picture that one thing covers


def config_of(side_px: int) -> ProceduralConfig:
    """Things of 0.01 to 0.14 % of the picture's area."""
    least, most = (round(side_px * share**0.5) for share in AREA_FRAC)
    return ProceduralConfig(size_px=(side_px, side_px), object_size_px=(least, most))


SETTINGS = {
    **{f"strong, {side}": config_of(side) for side in SIDES_PX[:3]},
    "strong, 4096, grey": replace(config_of(4096), bands=1),
    "natural digits, 4096": replace(config_of(4096), scent="natural"),
    "natural signs, jumbled, 4096": replace(
        config_of(4096), scent="natural", cutouts="emoji", classes=("sign",), distractors="jumbled"
    ),
    "none, 2048": replace(config_of(2048), scent="none"),
    "none, 4096": replace(config_of(4096), scent="none"),
    "none, 16384": replace(config_of(16384), scent="none"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--only", nargs="*", default=["speed", "scent", "writing"])
    parser.add_argument("--gigapixel", action="store_true", help="also write 32768 x 32768 px")
    parser.add_argument("--write", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write:
        print(json.dumps(written(arguments.write)))
        return
    if "speed" in arguments.only:
        speed()
    if "scent" in arguments.only:
        scent(arguments.scenes)
    if "writing" in arguments.only:
        writing([4096, 16384, *([32768] if arguments.gigapixel else [])])


def speed() -> None:
    """Milliseconds of 64 glimpses of 128 px, one of each scene, by how much they shrink; every second at a thing."""
    print(f"ms of {BATCH} glimpses of {GLIMPSE_PX} px, 3 bands (layout: of making the batch)")
    print("scene      layout   whole px   half a px      x 3.3        x 8    whole scene")
    for side_px in SIDES_PX:
        scenes = ProceduralSet(config_of(side_px))
        for warm in range(5):  # photographs are prepared once, then kept
            scenes.batch(np.arange(BATCH) + warm * BATCH, 1)[0].read(whole_scene(BATCH), (16, 16))
        row = [_seconds(lambda i, of=scenes: of.batch(np.arange(BATCH) + i * BATCH, 2))]
        for shrink, shift in ((1, 0), (1, 0.5), (3.3, 0.1), (8, 0), (side_px / GLIMPSE_PX, 0)):
            row.append(_read_seconds(scenes, shrink, shift))
        print(f"{side_px:6}" + "".join(f"{1e3 * seconds:11.1f}" for seconds in row), flush=True)


def _read_seconds(scenes: ProceduralSet, shrink: float, shift_px: float) -> float:
    batches = [scenes.batch(np.arange(BATCH) + 1000 * i, 3) for i in range(REPEATS)]
    side_px, rng = GLIMPSE_PX * shrink, np.random.default_rng(0)
    views = []
    for batch, targets in batches:
        corners = rng.integers(0, scenes.config.size_px[0] - side_px + 1, (BATCH, 2)).astype(float)
        first = targets["is_thing"].argmax(1)
        boxes = targets["thing_boxes_px"][np.arange(BATCH), first]
        at_thing = np.rint((boxes[:, :2] + boxes[:, 2:]) / 2 - side_px / 2)
        corners[::2] = at_thing[::2]
        corners = np.clip(corners + shift_px, 0, scenes.config.size_px[0] - side_px)
        views.append(from_boxes_px(np.concatenate([corners, corners + side_px], 1)[:, None], batch.sizes_px))
    return _seconds(lambda i: batches[i][0].read(views[i], (GLIMPSE_PX, GLIMPSE_PX)))


def _seconds(work: object) -> float:
    """Median process time of a few calls."""
    taken = []
    for i in range(REPEATS):
        start_s = time.process_time()
        work(i)  # type: ignore[operator]
        taken.append(time.process_time() - start_s)
    return float(np.median(taken))


def scent(num_scenes: int) -> None:
    print("\nsetting                        scent  detector          likeness by level 0, 1, ...")
    for name, config in SETTINGS.items():
        scenes = ProceduralSet(config)
        found = scent_of(scenes, overview_px=(224, 224), num_scenes=num_scenes)
        close = look_alike_of(scenes, num_scenes=2 * num_scenes)
        levels = " ".join(f"{value:.2f}" for value in close.values())
        print(f"{name:30} {found.auc:.3f}  {found.detector:17} {levels}", flush=True)


def writing(sides_px: list[int]) -> None:
    print("\nwriting    MB     process s   tiles   peak MB")
    for side_px in sides_px:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.procedural", "--write", str(side_px)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        facts = json.loads(done.stdout)
        print(f"{side_px:6} {facts['mb']:8.1f} {facts['seconds']:10.1f} {facts['tiles']:9} {facts['peak_mb']:8.0f}")


def written(side_px: int) -> dict[str, float]:
    from foveate.scenes.pyramid_writing import write_pyramid

    batch, _ = ProceduralSet(config_of(side_px)).batch(np.arange(1), 0)
    with tempfile.TemporaryDirectory(dir=".") as folder:
        start_s = time.process_time()
        made = write_pyramid(Path(folder) / "scene.tif", batch)
    seconds = time.process_time() - start_s
    # Not getrusage: its peak begins with that of the process that started this one.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    peak_kb = int(status["VmHWM"].split()[0])
    return {"mb": made.num_bytes / 1e6, "seconds": seconds, "tiles": made.num_tiles, "peak_mb": peak_kb / 1e3}


if __name__ == "__main__":
    main()
