"""`foveate train`: from a folder of pictures, or a recipe, to a calibrated model with an honest table."""

from __future__ import annotations

import hashlib
import json
import reprlib
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foveate.cli.broken import report_broken
from foveate.cli.output import INTERRUPTED, note, progress_console, say, say_json, say_table
from foveate.cli.settings import SettingsGiven, described, from_texts
from foveate.errors import DataError, OutputError, UsageError

if TYPE_CHECKING:
    from foveate.recipes.recipe import Recipe
    from foveate.training.trainer import Trainer

RUN_FILE, RESULTS_FILE = "run.json", "results.json"
MEASURED_SCENES = 2048  # at most, for calibration and for every row of the table, unless another number is given


def train(
    data: Annotated[str, typer.Argument(metavar="FOLDER|RECIPE", help="Folder of pictures, label file, or recipe.")],
    minutes: Annotated[
        float | None, typer.Option(min=0.01, help="Training time; 10 for a folder without --steps.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Training steps; with --minutes, what ends first.")] = None,
    start: Annotated[
        Path | None, typer.Option("--from", help="Model or run folder to fine-tune, instead of from scratch.")
    ] = None,
    freeze: Annotated[str | None, typer.Option(help="With --from, what stays as it is: backbone or agent.")] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder to write; runs/NAME when left out.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in that folder.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    policy: Annotated[str | None, typer.Option(help="Who decides where to look: spatial or gaussian.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    amp: Annotated[bool, typer.Option("--amp", help="Automatic mixed precision (bfloat16).")] = False,
    looks: Annotated[int | None, typer.Option(min=1, help="Looks of a training episode.")] = None,
    flip: Annotated[bool, typer.Option("--flip", help="Mirrored pictures mean the same.")] = False,
    size: Annotated[str | None, typer.Option(help="Of the model, where a recipe has several: tiny, small, ...")] = None,
    teacher: Annotated[
        str | None, typer.Option(help="A timm classifier to learn from instead of labels, where a recipe can.")
    ] = None,
    teacher_weights: Annotated[str | None, typer.Option(help="The file of its weights.")] = None,
    scenes: Annotated[
        int, typer.Option(min=2, help="At most so many scenes to calibrate on, and to measure on, at the end.")
    ] = MEASURED_SCENES,
    settings_given: SettingsGiven = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Train a model that looks, calibrate its budgets on held-out pictures, and measure it beside its controls.

    --from MODEL trains a model that is there further, with a new answer where the folder's classes are others.
    The folder holds a sub-folder per class, the same under train/val/test, or a labels.csv with path and label. Ctrl-C
    saves; --resume goes on exactly from there. On several devices: torchrun --nproc-per-node 2 -m foveate train ...
    """
    import torch

    from foveate.cli.device import pick_device
    from foveate.training.parallel import rank_here, world_size_here

    if freeze is not None and start is None:
        raise UsageError(f"--freeze is {freeze!r}, but nothing is trained yet that could be kept: give --from too")
    is_main = rank_here() == 0
    settings: dict[str, Any] = {
        "data": data,
        "minutes": minutes,
        "steps": steps,
        "seed": seed,
        "policy": policy,
        "looks": looks,
    }
    settings |= {"flip": flip, "amp": amp, "freeze": freeze, "size": size, **start_identity(start)}
    settings |= {"teacher": teacher, "teacher_weights": teacher_weights}
    settings["set"] = _set(data, settings_given, is_started=start is not None)
    folder = out or default_folder(data)
    if is_main:
        check_run(folder, settings, resume=resume)
    recipe = recipe_for(settings, processes=world_size_here())
    if is_main:
        for line in getattr(recipe, "notes", (f"recipe     {recipe.name}",)):
            note(line)
    torch.manual_seed(seed)
    where = pick_device(device)
    trainer = _trainer(recipe, folder, device=where, is_main=is_main)
    try:
        if is_main and not resume:
            _begin(folder, settings)
        # A run folder without checkpoint was interrupted before the first: it starts anew.
        result = trainer.run(resume=(folder / "checkpoint.pt").exists())
    finally:
        trainer.world.leave()
    if not is_main:
        return
    if not result.finished:
        report_broken(recipe.source, recipe.calibration)
        note(f"stopped at step {result.steps} and saved; go on with:\n  {_again(sys.argv[1:])}")
        raise typer.Exit(INTERRUPTED)
    from foveate.cli.train_results import finish

    results = finish(recipe, trainer.system, result, folder, device=where, max_scenes=scenes)
    report_broken(recipe.source, recipe.calibration, recipe.test)
    _show(results, folder, as_json=as_json)


def _set(data: str, given: list[str] | None, *, is_started: bool) -> dict[str, Any] | None:
    """Settings of the recipe's own as plain values; None where there are none, as in runs from before there were."""
    from foveate.cli.data import recipe_name

    return from_texts(recipe_name(data, is_started=is_started), given) if given else None


def more_help(arguments: Sequence[str]) -> list[str]:
    """Lines for ``foveate train RECIPE --help``: what --set knows of the recipe."""
    from foveate.cli.data import recipe_name

    for argument in arguments:
        with suppress(UsageError):
            name = recipe_name(argument, is_started="--from" in arguments)
            told = [f"- {line}" for line in described(name)]
            return [
                f"Settings of the recipe {name} (`--set NAME=VALUE`):"
                if told
                else f"The recipe {name} has no settings of its own.",
                *told,
            ]
    return []


def default_folder(data: str) -> Path:
    """``runs/NAME``, of the folder, the folder of a label file, or the recipe."""
    place = Path(data.partition(":")[2] or data).resolve()
    return Path("runs") / (place.parent.name if place.is_file() else place.name)


def check_run(folder: Path, settings: dict[str, Any], *, resume: bool) -> None:
    """The run folder is still to be made, or holds the run that is to be resumed.

    It is made once the settings have proved to be good (:func:`_begin`): else the same line, corrected, would be
    refused."""
    file = folder / RUN_FILE
    if resume:
        if not file.is_file():
            raise UsageError(
                f"{folder}: there is no run to resume here (no {RUN_FILE}); leave out --resume to start one"
            )
        before = _settings_of(file)
        changed = [
            f"{key} was {before.get(key)!r}, not {value!r}"
            for key, value in settings.items()
            if before.get(key) != value
        ]
        if changed:
            raise UsageError(
                f"{folder} holds another run ({'; '.join(changed)}): give the same options, or another --out"
            )
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError("is there already: go on with --resume, or choose another place with --out", path=folder)


def _settings_of(file: Path) -> dict[str, Any]:
    """What a run was begun with. DataError for a file that does not say it."""
    try:
        before = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: does not say what this run was begun with ({error}); {_ANEW}") from error
    if not isinstance(before, dict):
        raise DataError(f"{file}: holds no settings but {reprlib.repr(before)}; {_ANEW}")
    return before


_ANEW = "bring the file back, or start anew with another --out"


def _begin(folder: Path, settings: dict[str, Any]) -> None:
    """Make the run folder of settings that proved to be good."""
    from foveate.atomic import make_folder, write_json

    make_folder(folder)
    write_json(folder / RUN_FILE, settings)


def start_identity(start: Path | None) -> dict[str, str | None]:
    """The model that a run starts from, and the weights of all its parts: others would make it another run."""
    from foveate.model_folder import WEIGHTS, read_manifest

    if start is None:
        return {"start": None, "start_sha256": None}
    files = read_manifest(start).files
    lines = [f"{files[name]} {name}\n" for name in WEIGHTS.values() if name in files]
    return {"start": str(start), "start_sha256": hashlib.sha256("".join(lines).encode()).hexdigest()}


def recipe_for(settings: dict[str, Any], *, processes: int) -> Recipe:
    """The recipe that the command line describes."""
    from foveate.cli.data import recipe_of

    names = ("minutes", "steps", "seed", "looks", "flip", "start", "freeze", "size", "teacher", "teacher_weights")
    options = {name: settings[name] for name in names}
    recipe = recipe_of(settings["data"], processes=processes, settings=settings["set"], **options)
    if settings["policy"]:
        recipe = recipe.with_policy(settings["policy"])
    if settings["looks"]:
        recipe = recipe.with_train(num_looks=settings["looks"])
    return recipe.with_train(amp="bf16") if settings["amp"] else recipe


def _trainer(recipe: Recipe, folder: Path, *, device: str, is_main: bool) -> Trainer:
    """With the recipe's parts, checked to fit together; nothing is written yet."""
    from foveate.training.trainer import Trainer

    console = progress_console() if is_main else None
    return Trainer(
        recipe.build(), recipe.source, recipe.train, held_out=recipe.calibration, folder=folder, device=device,
        console=console,
    )  # fmt: skip


def _again(arguments: list[str]) -> str:
    return shlex.join(["foveate", *arguments, *(() if "--resume" in arguments else ("--resume",))])


def _show(results: dict[str, Any], folder: Path, *, as_json: bool) -> None:
    from foveate.cli.measure import table

    if as_json:
        say_json(results)
        return
    say("")
    say_table(table(results["rows"], metric=results["metric"]))
    for line in results["remarks"]:
        say(line)
    say(f"\n{folder}: model/ (weights, budgets, card), {RESULTS_FILE}, metrics.jsonl")
    command, budget = results["suggested_command"], results["suggested_budget"]
    say(f'next: foveate {command} PICTURE --model {shlex.quote(str(folder))} --budget "{budget}"')
