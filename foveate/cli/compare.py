"""`foveate compare`: one model, reading big scenes in every way there is: what a search gains, and what it misses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from foveate.cli.broken import report_broken
from foveate.cli.output import note, say, say_json, say_table
from foveate.cli.pictures import progress
from foveate.errors import UsageError
from foveate.words import counted

STEPS = 8  # numbers of looks that are judged, beside none


def compare(
    data: Annotated[str, typer.Argument(metavar="FOLDER|RECIPE", help="Labelled scenes: a recipe, or a folder.")],
    model: Annotated[Path, typer.Option(help="Model or run folder.")],
    scenes: Annotated[int, typer.Option(min=2, help="Test scenes.")] = 200,
    calibration: Annotated[int, typer.Option(min=2, help="Other scenes, on which thresholds are chosen.")] = 200,
    looks: Annotated[int | None, typer.Option(min=1, help="At most, of all but the exhaustive reader.")] = None,
    readers: Annotated[str | None, typer.Option(help="Some of them, with commas; all when left out.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the page, the numbers and what is done already.")] = Path(
        "compare"
    ),
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Compare the model's search with reading everything, and with every other order of the same tiles.

    All start from one overview, have thresholds of their own, chosen on other scenes, and pay for what they look at. It
    takes long, as everything is read; run again it goes on where it was.
    """
    from foveate.atomic import make_folder, write_json, write_text
    from foveate.cli.device import pick_device
    from foveate.cli.held_out import held_out
    from foveate.comparing import READERS
    from foveate.comparing.page import page
    from foveate.comparing.study import Study
    from foveate.comparing.verdict import CONTROL, verdict
    from foveate.model_folder import load_system

    saved = load_system(model, device=pick_device(device))
    first = ("search", CONTROL)
    names = (*first, *(name for name in READERS if name not in first))
    if readers is not None:
        names = tuple(name.strip() for name in readers.split(",") if name.strip())
    if not names:
        raise UsageError(f"--readers names none; known: {', '.join(READERS)}")
    most = saved.looks_of(looks)
    study = Study(system=saved.system, readers=names, looks=judged_after(most, saved.system.policy.noise_shape[0]))
    make_folder(out)
    parts: dict[str, Any] = {}
    warning = None
    for name, count in (("calibration", calibration), ("test", scenes)):
        found = held_out(saved, data, part=name)  # type: ignore[arg-type]
        warning = warning or found.warning
        count = min(count, len(found.source))
        note(f"{counted(count, 'scene')} {'to choose thresholds on' if name == 'calibration' else 'to judge by'}")
        with progress(count, doing=name) as advance:
            parts[name] = study.part(found.source, count, kept=out / f"{name}.jsonl", done=advance)
        report_broken(found.source)
    told = verdict(study, parts["calibration"], parts["test"])
    write_json(out / "compare.json", told)
    write_text(out / "index.html", page(told, model=str(saved.path), data=data))
    if as_json:
        say_json({"folder": out, "data_warning": warning, **told})
        return
    say_table(_table(told))
    say(f"always none: {100 * told['always_none']['accuracy']:.1f} % accuracy; ± is the 95 % interval of paired scenes")
    if warning:
        say(warning)
    say(f"all curves: {out}/index.html")


def judged_after(most: int, each: int) -> list[int]:
    """Numbers of looks, none first: whole steps of ``each``, about evenly spaced up to ``most``."""
    steps = max(1, most // each)
    chosen = sorted({round(step * steps / STEPS) for step in range(STEPS + 1)})
    return [each * step for step in chosen]


def _table(told: dict[str, Any]) -> list[list[str]]:
    from foveate.comparing.page import points
    from foveate.comparing.verdict import CONTROL

    rows = [["reader", "tiles", "right", "balanced", f"− {CONTROL}", "targets seen", "GMAC", "file tiles", "seconds"]]
    for name, one in told["readers"].items():
        gain = one["minus"].get(CONTROL)
        rows.append([
            name,
            f"{one['looks'][-1]:.0f}",
            f"{100 * one['accuracy'][-1]:.1f} %",
            f"{100 * one['balanced'][-1]:.1f} %",
            "" if gain is None else points(gain),
            "" if one["recall"] is None else f"{100 * one['recall'][-1]:.0f} %",
            f"{one['macs'][-1] / 1e9:.2f}",
            f"{one['file_tiles'][-1]:.0f}",
            f"{one['seconds'][-1]:.2f}",
        ])  # fmt: skip
    return rows
