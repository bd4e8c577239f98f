"""`foveate import`: published weights of other people as a model folder of ours."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from foveate.cli.output import note, say, say_json
from foveate.errors import DataError, UsageError, suggest

FORMATS = ("adaptivenn",)


def import_(
    format_: Annotated[str, typer.Argument(metavar="FORMAT", help=f"Whose weights: {', '.join(FORMATS)}.")],
    file: Annotated[Path, typer.Argument(help="The checkpoint, such as checkpoint-299.pth.")],
    out: Annotated[Path, typer.Option(help="The model folder to write; one that is there is replaced.")],
    labels: Annotated[
        Path | None, typer.Option(help="Text file with one class name per line, in the order of training.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Turn published weights into a model folder, completely or not at all.

    Every tensor of the file is used, or is known never to be used, or the file is refused with the list of what does
    not fit. Only tensors and plain settings are read: nothing in the file is run, whoever made it.

    adaptivenn: a .pth that the code of AdaptiveNN saves (github.com/LeapLabTHU/AdaptiveNN).
    """
    if format_ not in FORMATS:
        raise UsageError(f"unknown format {format_!r}.{suggest(format_, FORMATS)} Known: {', '.join(FORMATS)}")
    from foveate.importing.adaptivenn import import_checkpoint, to_system
    from foveate.model_folder import save

    note(f"reading {file}")
    imported = import_checkpoint(file)
    system = to_system(imported, class_names=None if labels is None else read_labels(labels))
    counts = {name: sum(w.numel() for w in part.state_dict().values()) for name, part in system.modules().items()}
    provenance = {"command": " ".join(["foveate", *sys.argv[1:]]), **imported.provenance}
    folder = save(system, out, provenance=provenance)
    if as_json:
        say_json({"folder": folder, "parameters": counts, "config": imported.configs.model, "provenance": provenance})
        return
    say(f"{folder}: {sum(counts.values()):,} numbers ({', '.join(f'{name} {n:,}' for name, n in counts.items())})")
    say(f"left out: {provenance['num_never_used']:,} numbers that the paper's code saves and never uses")
    say(f"next: foveate calibrate {folder} --data imagenet_deit_small:FOLDER")


def read_labels(path: Path) -> list[str]:
    """Class names, one per line; empty lines at the end do not count."""
    try:
        names = path.read_text("utf-8").rstrip().splitlines()
    except UnicodeDecodeError:
        raise DataError(f"{path}: is not a text file in UTF-8; give one class name per line") from None
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{path}: class names must differ; repeated: {', '.join(repeated[:10])}")
    return [name.strip() for name in names]
