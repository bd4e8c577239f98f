"""`foveate make-scene`: big pictures with small clues, as real pyramid files, with their labels."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer

from foveate.cli.output import progress_console, say, say_json
from foveate.errors import UsageError
from foveate.scenes.procedural import ProceduralConfig, ProceduralSet

MAX_PX = 1 << 34
DESCRIBED = ".scene"
ENDINGS = (".tif", ".tiff", DESCRIBED)
OVERVIEW_PX = 224
MOST_TOLD = 10
TILES_PER_UPDATE = 16  # drawing a bar costs more than a small tile

OnTile = Callable[[], None]


def make_scene(
    out: Annotated[Path, typer.Argument(help="File to write (.tif, or .scene), or with --count a folder.")],
    size: Annotated[str, typer.Option(help="Side in pixels, or HEIGHTxWIDTH.")] = "4096",
    count: Annotated[
        int | None, typer.Option(min=1, help="Write a folder of so many scenes, with their labels beside.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other scenes.")] = 0,
    first: Annotated[int, typer.Option(min=0, help="Number of the first scene.")] = 0,
    split: Annotated[Literal["train", "test"], typer.Option(help="Whose photographs and cut-outs.")] = "test",
    cutouts: Annotated[str, typer.Option(help="digits, emoji or blobs.")] = "digits",
    classes: Annotated[str, typer.Option(help="Of the targets: names or categories, with commas.")] = "3,5,8",
    objects: Annotated[str, typer.Option(help="Side of things in pixels: N or FEWEST-MOST.")] = "48-128",
    distractors: Annotated[str, typer.Option(help="How many look-alikes: N or FEWEST-MOST.")] = "6-12",
    jumbled: Annotated[
        bool, typer.Option("--jumbled", help="Look-alikes are the targets' own cut-outs, jumbled.")
    ] = False,
    none: Annotated[float, typer.Option(min=0, max=1, help="Share of scenes without a target.")] = 0.5,
    scent: Annotated[
        Literal["strong", "natural", "none"], typer.Option(help="How well things are seen from afar.")
    ] = "strong",
    mark: Annotated[int, typer.Option(help="Side of the cut-out on its plate, with --scent strong.")] = 16,
    background: Annotated[str, typer.Option(help="photos, or a painting: noise, texture, street.")] = "photos",
    grey: Annotated[bool, typer.Option("--grey", help="One band instead of three.")] = False,
    compression: Annotated[
        Literal["deflate", "jpeg", "none"], typer.Option(help="deflate and none keep every pixel.")
    ] = "deflate",
    quality: Annotated[int, typer.Option(min=1, max=100, help="Of JPEG.")] = 90,
    labels: Annotated[
        Literal["jsonl", "csv", "coco"], typer.Option(help="Kind of the file of labels of a folder.")
    ] = "jsonl",
    measure: Annotated[bool, typer.Option("--measure", help="Also measure the scent on 200 such scenes.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Write scenes with small clues as tiled, pyramidal BigTIFFs that any slide reader opens.

    The files hold exactly what training on procedural scenes of the same settings sees, at every level. A file is
    written tile by tile: its size costs disk and time, never memory. A .scene holds the settings alone, in a few
    hundred bytes, and is read like any picture.
    """
    size_px = _size_px(size)
    config = ProceduralConfig(
        size_px=size_px,
        bands=1 if grey else 3,
        cutouts=cutouts,
        classes=tuple(name.strip() for name in classes.split(",")),
        object_size_px=_range(objects, "--objects"),
        num_distractors=_range(distractors, "--distractors"),
        distractors="jumbled" if jumbled else "others",
        none_frac=none,
        scent=scent,
        mark_px=mark,
        background=background,
    )
    scenes = ProceduralSet(config, split=split)
    if first + (count or 1) > len(scenes):
        raise UsageError(f"the last scene would be number {first + (count or 1) - 1}; there are {len(scenes)}")
    if count is None and out.suffix.lower() not in ENDINGS:
        raise UsageError(f"{out} does not end in {', '.join(ENDINGS)}: name a file, or say --count for a folder")
    if size_px[0] * size_px[1] > MAX_PX and (count is not None or out.suffix.lower() != DESCRIBED):
        raise UsageError(
            f"--size is {size!r}, {size_px[0] * size_px[1] / 1e9:.0f} gigapixels; at most {MAX_PX / 1e9:.0f} are "
            "written as pixels, more as a .scene"
        )
    if count is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is there already and is not an empty folder: choose another place")
    began = time.perf_counter()
    if count is None:
        with _progress(_tiles_of(scenes) * (out.suffix.lower() != DESCRIBED)) as on_tile:
            made = [_write_one(out, scenes, first, seed, compression, quality, on_tile)]
    else:
        made = _write_folder(out, scenes, range(first, first + count), seed, compression, quality, labels)
    result = {
        "out": out, "fingerprint": scenes.fingerprint, "size_px": size_px, "seconds": time.perf_counter() - began,
        "num_bytes": sum(one["num_bytes"] for one in made), "num_tiles": sum(one["num_tiles"] for one in made),
        "scenes": made, "scent": _scent(scenes) if measure else None,
    }  # fmt: skip
    if as_json:
        say_json(result)
    else:
        _tell(result)


def _tell(result: dict[str, Any]) -> None:
    made, (height, width) = result["scenes"], result["size_px"]
    rate = result["num_tiles"] / max(result["seconds"], 1e-9)
    say(
        f"{result['out']}: {len(made)} of {height} x {width} px, {result['num_bytes'] / 1e6:,.1f} MB, "
        f"{result['seconds']:.1f} s, {rate:.0f} tiles/s"
    )
    for one in made[:MOST_TOLD]:
        say(f"  {one['file']}: {one['label'] or 'no target'} among {len(one['things'])} things")
    if len(made) > MOST_TOLD:
        say(f"  and {len(made) - MOST_TOLD} more")
    if found := result["scent"]:
        say(f"scent: AUC {found['auc']:.3f} ({found['detector']}) of things against ground, {OVERVIEW_PX} px overview")


def _scent(scenes: ProceduralSet) -> dict[str, Any]:
    from foveate.scenes.scent import scent_of

    found = scent_of(scenes, overview_px=(OVERVIEW_PX, OVERVIEW_PX))
    return {"auc": found.auc, "detector": found.detector, "overview_px": OVERVIEW_PX, "num_scenes": found.num_scenes}


def _tiles_of(scenes: ProceduralSet) -> int:
    from foveate.scenes.levels import num_levels
    from foveate.scenes.pyramid_writing import num_tiles

    return num_tiles(scenes.config.size_px, num_levels(scenes.config.size_px))


def _write_one(
    path: Path, scenes: ProceduralSet, index: int, seed: int, compression: Any, quality: int, on_tile: OnTile
) -> dict[str, Any]:
    """Write one scene; what is in it, in plain values."""
    from foveate.scenes.made_labels import described
    from foveate.scenes.pyramid_writing import write_pyramid
    from foveate.scenes.scene_files import scene_facts, write_scene

    batch, targets = scenes.batch(np.array([index]), seed)
    facts, tiles = scene_facts(scenes, index=index, epoch_seed=seed), 0
    if path.suffix.lower() == DESCRIBED:
        write_scene(path, scenes, index=index, epoch_seed=seed)
    else:
        settings: Any = {"compression": compression, "quality": quality}
        tiles = write_pyramid(path, batch, facts=facts, on_tile=on_tile, **settings).num_tiles
    return {**described(path.name, scenes, targets), "num_bytes": path.stat().st_size, "num_tiles": tiles}


def _write_folder(
    out: Path, scenes: ProceduralSet, indices: range, seed: int, compression: Any, quality: int, labels: Any
) -> list[dict[str, Any]]:
    """Write scenes and their labels, all or nothing."""
    from foveate.atomic import replacing_folder
    from foveate.scenes.made_labels import write_labels

    made = []
    with replacing_folder(out) as folder, _progress(_tiles_of(scenes) * len(indices)) as on_tile:
        for index in indices:
            path = folder / f"scene_{index:06d}.tif"
            made.append(_write_one(path, scenes, index, seed, compression, quality, on_tile))
        write_labels(folder, made, kind=labels, class_names=scenes.class_names, size_px=scenes.config.size_px)
    return made


@contextmanager
def _progress(total: int) -> Iterator[OnTile]:
    """A function to call with every tile; a bar with tiles per second for who watches."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} tiles"),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=progress_console(), refresh_per_second=2, transient=True) as progress:
        task, began, done = progress.add_task("", total=total, rate=""), time.perf_counter(), 0

        def on_tile() -> None:
            nonlocal done
            done += 1
            if done % TILES_PER_UPDATE == 0:
                rate = done / (time.perf_counter() - began)
                progress.update(task, completed=done, rate=f"{rate:.0f} tiles/s")

        yield on_tile


def _size_px(text: str) -> tuple[int, int]:
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.strip().isdigit() for part in parts):
        raise UsageError(f"--size is {text!r}; write a side such as 4096, or HEIGHTxWIDTH")
    return int(parts[0]), int(parts[-1])


def _range(text: str, option: str) -> tuple[int, int]:
    parts = text.split("-")
    if len(parts) > 2 or not all(part.strip().isdigit() for part in parts):
        raise UsageError(f"{option} is {text!r}; write a number, or FEWEST-MOST such as 6-12")
    return int(parts[0]), int(parts[-1])
