"""`foveate demo`: learn to search in two minutes, and write an honest report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from foveate.cli.output import note, progress_console, say, say_json, say_table


def demo(
    out: Annotated[Path, typer.Option(help="Folder of the report.")] = Path("report"),
    fast: Annotated[bool, typer.Option("--fast", help="A short run that only shows that everything works.")] = False,
    seed: Annotated[int, typer.Option(help="Of the training.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print metrics.json instead of the summary.")] = False,
) -> None:
    """Watch a model learn where to look, compare it with honest controls, and read the report."""
    from foveate.demo.run import run_demo

    note(
        "Three readers learn to find a 3 among other handwritten digits: by our policy, the paper's, and random looks."
    )
    command = "foveate demo" + (" --fast" if fast else "") + (f" --seed {seed}" if seed else "")
    report, paths = run_demo(out, fast=fast, seed=seed, command=command, console=progress_console())
    if as_json:
        import json

        say_json(json.loads(paths.metrics_json.read_text()))
        return
    for section in report.sections:
        say(f"\n{section.title} ({section.num_scenes} new scenes)")
        looks = len(next(iter(section.accuracy_by_glimpse.values())))
        head = ("right after", *(f"{n} looks" for n in range(looks)))
        say_table(
            [head, *((name, *(f"{a:.1%}" for a in curve)) for name, curve in section.accuracy_by_glimpse.items())]
        )
        say("")
        head = ("stopped by", "mean looks", "right", "MMACs", "ms per scene")
        rows = [
            (
                r.rule,
                f"{r.mean_glimpses:.2f}",
                f"{r.accuracy:.1%}",
                f"{r.macs / 1e6:.1f}",
                f"{1e3 * r.seconds_per_scene:.2f}",
            )
            for r in section.stop_rules
        ]
        say_table([head, *rows])
    say(f"\nThe whole report, with pictures: {paths.index_html}")
