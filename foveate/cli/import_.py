"""`foveate import`: published weights of other people as a model folder of ours."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from foveate.cli.output import note, say, say_json
from foveate.errors import DataError
from foveate.importing import IMPORTERS


def import_(
    format_: Annotated[str, typer.Argument(metavar="FORMAT", help=f"Whose weights: {', '.join(IMPORTERS)}.")],
    file: Annotated[Path, typer.Argument(help="The checkpoint, such as checkpoint-299.pth.")],
    out: Annotated[Path, typer.Option(help="The model folder to write; one that is there is replaced.")],
    labels: Annotated[
        Path | None, typer.Option(help="Text file with one class name per line, in the order of training.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Turn published weights into a model folder, completely or not at all.

    Every tensor of the file is used, or is known not to be needed, or the file is refused with the list of what does
    not fit. Only tensors and plain settings are read: nothing in the file is run, whoever made it.

    adaglimpse: a .ckpt that the code of AdaGlimpse saves (github.com/apardyl/AdaGlimpse).

    adaptivenn: a .pth that the code of AdaptiveNN saves (github.com/LeapLabTHU/AdaptiveNN).
    """
    facts = IMPORTERS.facts(format_)
    from foveate.model_folder import save

    note(f"reading {file}")
    imported = IMPORTERS.get(format_)(file, class_names=None if labels is None else read_labels(labels))
    system = imported.system
    counts = {name: sum(w.numel() for w in part.state_dict().values()) for name, part in system.modules().items()}
    provenance = {"command": " ".join(["foveate", *sys.argv[1:]]), **imported.provenance}
    folder = save(system, out, provenance=provenance)
    if as_json:
        config = system.spec.model.config
        say_json({"folder": folder, "parameters": counts, "config": config, "provenance": provenance})
        return
    say(f"{folder}: {sum(counts.values()):,} numbers ({', '.join(f'{name} {n:,}' for name, n in counts.items())})")
    for what, count in imported.left_out.items():
        say(f"left out: {count:,} numbers ({what})")
    say(f"next: {facts['next'].format(folder=folder)}")


def read_labels(path: Path) -> list[str]:
    """Class names, one per line; empty lines at the end do not count."""
    try:
        names = path.read_text("utf-8").rstrip().splitlines()
    except UnicodeDecodeError:
        raise DataError(f"{path}: is not a text file in UTF-8; give one class name per line") from None
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{path}: class names must differ; repeated: {', '.join(repeated[:10])}")
    return [name.strip() for name in names]
