"""`foveate`: a table of commands, of which only the one that was asked for is imported.

Adding a command is one file beside this one, with one annotated function, and one line in `COMMANDS`.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

import foveate
from foveate.cli.output import guard, note, say
from foveate.cli.plugins import load_plugins
from foveate.errors import UsageError, suggest
from foveate.registry import resolve

HELP = ("-h", "--help")

# name: (module:function, one line for `foveate --help`; `foveate NAME --help` shows the function's docstring)
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("foveate.cli.demo:demo", "Learn to search in a few minutes and write a report with pictures."),
    "train": ("foveate.cli.train:train", "Make a budgeted model from a folder of pictures."),
    "calibrate": ("foveate.cli.calibrate:calibrate", "Solve stop thresholds for a range of budgets on held-out data."),
    "evaluate": ("foveate.cli.evaluate:evaluate", "Measure accuracy, looks and cost of a model."),
    "look": ("foveate.cli.look:look", "Answer about pictures, and show where the model looked."),
    "find": ("foveate.cli.find:find", "Find tiny things in many big pictures, and save where they are."),
    "explore": ("foveate.cli.explore:explore", "Play a picture step by step: what was seen, known and attended to."),
    "compare": ("foveate.cli.compare:compare", "Compare a search of big scenes with reading everything, and others."),
    "make-scene": ("foveate.cli.make_scene:make_scene", "Write big pictures with small clues as pyramid files."),
    "cost": ("foveate.cli.cost:cost", "Count what each look costs, before training anything."),
    "import": ("foveate.cli.import_:import_", "Turn published weights into a model folder."),
    "list": ("foveate.cli.list_:list_", "List models, policies, stop rules, scenes, tasks and recipes."),
    "info": ("foveate.cli.info:info", "Show versions, extras, devices, threads and caches."),
    "doctor": ("foveate.cli.doctor:doctor", "Check that everything foveate needs works here."),
}


def main(argv: Sequence[str] | None = None) -> int:
    """The console script: run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = _take_flag(arguments, "--debug")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a file name that the terminal cannot show must not end the command
            stream.reconfigure(errors="backslashreplace")
    with warnings.catch_warnings():
        if not debug:
            warnings.showwarning = _noted
        return guard(lambda: _run(arguments or ["--help"]), debug=debug)


def _noted(message: Warning | str, *_: Any, **__: Any) -> None:
    """Instead of Python's two lines, of which the second is ours."""
    note(f"note: {message}")


def _run(arguments: list[str]) -> None:
    name = next((argument for argument in arguments if not argument.startswith("-")), None)
    if name is not None and name not in COMMANDS:
        raise UsageError(f"unknown command {name!r}.{suggest(name, COMMANDS)} Known: {', '.join(COMMANDS)}")
    if name is not None:
        load_plugins()
    command = typer.main.get_command(_app(name, arguments))
    # Not command(): that would print errors in its own way, before `guard` sees them.
    with command.make_context("foveate", arguments) as context:
        command.invoke(context)


def _app(loaded: str | None, arguments: Sequence[str] = ()) -> typer.Typer:
    """The application, with only the command `loaded` imported; the others are there for their line of help."""
    app = typer.Typer(add_completion=False, rich_markup_mode="markdown")
    app.callback(context_settings={"help_option_names": list(HELP)})(_options)
    for name, (target, line) in COMMANDS.items():
        if name == loaded:
            function = resolve(target)
            app.command(name, epilog=_epilog(function, arguments))(function)
        else:
            app.command(name, help=line)(_not_loaded)
    return app


def _epilog(function: Callable[..., None], arguments: Sequence[str]) -> str:
    """The end of a command's help: what its module's `more_help`, if it has one, says of these arguments."""
    debug = "`--debug`, anywhere on the line, shows the traceback of an error."
    more = getattr(sys.modules[function.__module__], "more_help", None)
    if more is None or not any(one in arguments for one in HELP):
        return debug
    return "\n\n".join([*more(arguments), debug])


def _not_loaded() -> None:
    raise AssertionError("only the command that was asked for is ever run")


def _show_version(wanted: bool) -> None:
    if wanted:
        say(f"foveate {foveate.__version__}")
        raise typer.Exit


def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and leave.")
    ] = False,
    _debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error. May stand anywhere on the line.")
    ] = False,
) -> None:
    """Models that glance at a picture, decide where to look closely, and stop when they know enough."""
    # --debug is taken out of the arguments before they are parsed; it is declared here to be found in the help.


def _take_flag(arguments: list[str], flag: str) -> bool:
    """Remove a flag from wherever it stands before `--`, and say whether it was there."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    kept = [argument for argument in arguments[:end] if argument != flag]
    arguments[:end] = kept
    return len(kept) < end


if __name__ == "__main__":
    sys.exit(main())
