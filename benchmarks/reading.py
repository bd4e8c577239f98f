"""What reading a giant costs: random regions beside the libraries called directly, and memory as the picture grows.

The TIFFs are tiles of a shipped photograph, in JPEG, with all halves; written to a temporary folder.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.effort import Effort
from benchmarks.harness import ROOT, Benchmark, Cell, Context, NotHereError, Results, Values
from benchmarks.tables import NOT_RUN, Table, at_most
from benchmarks.timing import ratio, shown, take_turns
from foveate.geometry.viewpoint import from_boxes_px
from foveate.scenes.photos import load_photos

REGION_PX, TILE_PX, NUM_KINDS = 256, 256, 12
TOGETHER = 16
OURS = ("ours", "ours together")
NEEDED = ("tifffile", "imagecodecs", "openslide")
TIME_BAR, MEMORY_BAR_MB = 1.3, 300.0
Rival = Callable[[], Any]

# Run in a process of its own: one look at a small picture first, so that what is imported is not counted.
PEAK = """
import sys
import numpy as np
from foveate.scenes.tiff import TiffScenes
from foveate.geometry.viewpoint import from_boxes_px
def megabytes(name):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name)) / 1e3
small, path, looks = sys.argv[1], sys.argv[2], int(sys.argv[3])
whole, rng = np.array([[[0, 0, 1, 1.0]]]), np.random.default_rng(0)
TiffScenes([small]).read(whole, (32, 32))
idle = megabytes("VmRSS")
scenes = TiffScenes([path])
scenes.read(whole, (224, 224))
for _ in range(looks):
    side = min(256 * 2 ** int(rng.integers(0, 5)), *scenes.sizes_px[0].tolist())
    top, left = (int(rng.integers(0, most - side + 1)) for most in scenes.sizes_px[0])
    scenes.read(from_boxes_px(np.array([[[top, left, top + side, left + side]]], float), scenes.sizes_px), (256, 256))
print(megabytes("VmHWM") - idle)
"""


def benchmarks(effort: Effort) -> list[Benchmark]:
    common = {"side_px": effort.giant_sides_px[0], "regions": effort.regions, "repeats": effort.repeats}
    regions = [Cell(benchmark="regions", variant="jpeg", priority=6, alone=True, minutes=1.0, config=common)]
    memory = [
        Cell(benchmark="memory", variant=str(side), priority=6, minutes=1.0,
             config={"side_px": side, "looks": effort.regions})
        for side in effort.giant_sides_px
    ]  # fmt: skip
    return [
        Benchmark(name="regions", title="Random regions of a tiled TIFF", cells=regions, run=_run_regions,
                  tables=_region_tables),
        Benchmark(name="memory", title="Memory while looking at giants", cells=memory, run=_run_memory,
                  tables=_memory_tables),
    ]  # fmt: skip


def write_pyramid(path: Path, side_px: int) -> Path:
    """A square picture and its halves down to 512 px; no larger picture than a tile is ever held."""
    import imagecodecs
    import tifffile

    photo = np.tile(load_photos("train")[0].pixels.transpose(1, 2, 0), (3, 3, 1))
    corners = [(37 * i, 53 * i) for i in range(NUM_KINDS)]
    cut = [np.ascontiguousarray(photo[top : top + TILE_PX, left : left + TILE_PX]) for top, left in corners]
    encoded = [imagecodecs.jpeg_encode(each, level=85) for each in cut]  # type: ignore[attr-defined, unused-ignore]

    def tiles(side_px: int) -> Iterator[bytes]:
        return (encoded[i % NUM_KINDS] for i in range((-(-side_px // TILE_PX)) ** 2))

    kind: dict[str, Any] = {"dtype": np.uint8, "tile": (TILE_PX, TILE_PX), "compression": "jpeg", "metadata": None}
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        side = side_px
        while side == side_px or side >= 2 * TILE_PX:
            file.write(
                tiles(side), shape=(side, side, 3), photometric="ycbcr", subfiletype=int(side < side_px), **kind
            )  # fmt: skip
            side //= 2
    return path


def _check_here() -> None:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise NotHereError(f"needs {', '.join(missing)}: pip install 'foveate[wsi]'")


# -- regions -----------------------------------------------------------------------------------------------------------


def rivals_of(path: Path, corners: NDArray[np.int64], stack: ExitStack) -> dict[str, Rival]:
    """Each reads every region once, as an array of numpy; no cache of ours, nor OpenSlide's."""
    import openslide
    import tifffile

    from foveate.scenes.tiff import TiffScenes

    scenes = TiffScenes([path], cache_bytes=0)
    boxes = np.concatenate([corners, corners + REGION_PX], axis=1)[:, None, None].astype(np.float64)
    views = [from_boxes_px(box, scenes.sizes_px) for box in boxes]
    together = [np.concatenate(views[i : i + TOGETHER], axis=1) for i in range(0, len(views), TOGETHER)]
    page = stack.enter_context(tifffile.TiffFile(path)).pages[0]
    file, slide = stack.enter_context(path.open("rb")), stack.enter_context(openslide.OpenSlide(path))
    slide.set_cache(openslide.OpenSlideCache(0))
    size = (REGION_PX, REGION_PX)
    rivals: dict[str, Rival] = {
        "ours": lambda: [scenes.read(view, size).pixels for view in views],
        "ours together": lambda: [scenes.read(view, size).pixels for view in together],
        "tifffile": lambda: [decoded(page, file, top, left) for top, left in corners.tolist()],
        "openslide": lambda: [np.asarray(slide.read_region((left, top), 0, size)) for top, left in corners.tolist()],
    }
    if find_spec("pyvips") is not None:
        import pyvips

        pyvips.cache_set_max(0)
        region = pyvips.Region.new(pyvips.Image.new_from_file(str(path), access="random"))
        rivals["pyvips"] = lambda: [
            np.frombuffer(region.fetch(left, top, *size), np.uint8) for top, left in corners.tolist()
        ]
    return rivals


def decoded(page: Any, file: Any, top: int, left: int) -> NDArray[np.uint8]:
    """A region by tifffile's own decoder: the tiles beneath it, put together by hand."""
    out = np.empty((REGION_PX, REGION_PX, 3), np.uint8)
    across = -(-page.imagewidth // TILE_PX)
    for row in range(top // TILE_PX, (top + REGION_PX - 1) // TILE_PX + 1):
        for col in range(left // TILE_PX, (left + REGION_PX - 1) // TILE_PX + 1):
            index, y, x = row * across + col, row * TILE_PX - top, col * TILE_PX - left
            file.seek(page.dataoffsets[index])
            tile = page.decode(file.read(page.databytecounts[index]), index, jpegtables=page.jpegtables)[0][0]
            part = out[max(y, 0) : y + TILE_PX, max(x, 0) : x + TILE_PX]
            part[...] = tile[max(-y, 0) : max(-y, 0) + part.shape[0], max(-x, 0) : max(-x, 0) + part.shape[1]]
    return out


def _run_regions(cell: Cell, context: Context) -> Values:
    _check_here()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        side = cell.config["side_px"]
        path = write_pyramid(Path(folder) / "giant.tif", side)
        corners = np.random.default_rng(0).integers(0, side - REGION_PX + 1, (cell.config["regions"], 2))
        seconds = take_turns(rivals_of(path, corners, stack), repeats=cell.config["repeats"])
    medians = {name: 1e3 * float(np.median(turns)) / len(corners) for name, turns in seconds.items()}
    return {
        "ms": medians,
        "ratio": {name: ratio(seconds["ours"], turns) for name, turns in seconds.items() if name not in OURS},
        "side_px": side,
    }


def _region_tables(results: Results) -> list[Table]:
    rows, checks = [], []
    for values in results.values("regions", "jpeg"):
        for name, ms in values["ms"].items():
            rows.append([name, f"{ms:.2f}", shown(values["ratio"][name]) if name not in OURS else ""])
        worst = max(values["ratio"].values(), key=lambda one: one["median"])
        checks.append(at_most("ms per region over the fastest library called directly", [worst["median"]], TIME_BAR,
                              target=f"≤ {TIME_BAR}", measured=shown(worst)))  # fmt: skip
    head = ["256 x 256 px at random", "ms per region", "ours ÷ it, median (quartiles)"]
    notes = [
        "JPEG tiles of 256 px, four beneath most regions, one thread each, caches of tiles off. Ours are channels "
        "first and on the ledger; the others are bytes as decoded, tifffile's put together by hand. Ours are read one "
        f"at a time, which the target is about, or {TOGETHER} at a time, as a batch of scenes reads its looks."
    ]
    return [Table(title="", head=head, rows=rows or [[NOT_RUN, "", ""]], checks=checks, notes=notes)]


# -- memory ------------------------------------------------------------------------------------------------------------


def _run_memory(cell: Cell, context: Context) -> Values:
    _check_here()
    if not Path("/proc/self/status").exists():
        raise NotHereError("needs /proc, which only Linux has")
    with tempfile.TemporaryDirectory() as folder:
        small = write_pyramid(Path(folder) / "small.tif", 2 * TILE_PX)
        giant = write_pyramid(Path(folder) / "giant.tif", cell.config["side_px"])
        command = [sys.executable, "-c", PEAK, str(small), str(giant), str(cell.config["looks"])]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(context.threads)}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return {"peak_mb": float(done.stdout), "side_px": cell.config["side_px"], "looks": cell.config["looks"]}


def _memory_tables(results: Results) -> list[Table]:
    found = [values for variant in results.variants("memory") for values in results.values("memory", variant)]
    rows = [[f"{one['side_px'] ** 2 / 1e9:.2f}", f"{one['peak_mb']:.0f}"] for one in found]
    peaks = [one["peak_mb"] for one in found]
    worst = f"{max(peaks):.0f} MB" if peaks else NOT_RUN
    checks = [at_most("peak above idle, largest picture", [max(peaks)] if peaks else [], MEMORY_BAR_MB,
                      target=f"≤ {MEMORY_BAR_MB:.0f} MB", measured=worst)]  # fmt: skip
    head = ["gigapixels", "peak memory above idle, MB"]
    notes = ["A glance and then looks of 256 x 256 px at five scales; the cache of tiles (128 MiB) fills meanwhile."]
    return [Table(title="", head=head, rows=rows or [[NOT_RUN, ""]], checks=checks, notes=notes)]
