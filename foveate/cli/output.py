"""Where the command line writes: results to stdout; progress to stderr; an error as one line and an exit code."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import typer

from foveate.cli.extras import extra_of
from foveate.errors import FoveateError, missing_extra, suggest
from foveate.plain import plain

if TYPE_CHECKING:
    from rich.console import Console

INTERRUPTED = 130  # 128 + SIGINT, as shells report it
NO_MEMORY = ("out of memory", "can't allocate memory")  # torch's words, of a GPU and of the processor
BROKEN_PIPE = 141  # 128 + SIGPIPE: whoever read our output has left


@cache
def progress_console() -> Console:
    """The console for progress bars and notes. It is stderr, so that stdout can be piped."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def note(text: str) -> None:
    """A remark for the person who waits; not part of the result."""
    progress_console().print(text, markup=False, soft_wrap=True)


def say(text: str) -> None:
    """One line of the result, written at once so that it can be read while the command goes on."""
    print(text, flush=True)


def say_json(value: Any) -> None:
    """The result as JSON: dataclasses, arrays, paths and enums become plain values, NaN and infinity become null."""
    say(json.dumps(plain(value), indent=2, ensure_ascii=False))


def say_table(rows: Iterable[Sequence[str]]) -> None:
    """Rows with their columns aligned."""
    table = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def guard(run: Callable[[], None], *, debug: bool) -> int:
    """Run a command and return its exit code. Tracebacks show our own mistakes, or come with --debug."""
    try:
        run()
        sys.stdout.flush()
        return 0
    except typer.Exit as leaving:
        return leaving.exit_code
    except BrokenPipeError:
        # Python flushes stdout again on its way out, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except (KeyboardInterrupt, typer.Abort):
        return _fail("interrupted", INTERRUPTED, debug=debug)
    except FoveateError as error:
        return _fail(str(error), error.exit_code, debug=debug)
    except ModuleNotFoundError as error:
        if (extra := extra_of(error.name)) is None:
            return _our_mistake()
        return _fail(str(missing_extra(str(error.name), extra)), 1, debug=debug)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _fail(f"{place}{error.strerror or error}", 1, debug=debug)
    except Exception as error:
        if (message := _parser_message(error)) is not None:
            return _fail(message, getattr(error, "exit_code", 2), debug=debug)
        if isinstance(error, MemoryError) or any(words in str(error) for words in NO_MEMORY):
            why = str(error).partition("\n")[0]
            return _fail(f"memory ran out ({why}): give smaller glimpses, or fewer looks", 1, debug=debug)
        return _our_mistake()


def _our_mistake() -> int:
    return _fail("this is a mistake in foveate, not yours; please report it with the lines above", 1, debug=True)


def _fail(message: str, exit_code: int, *, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    progress_console().print(f"[bold red]error:[/] {_escape(message)}", soft_wrap=True)
    return exit_code


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _parser_message(error: Exception) -> str | None:
    """What the option parser complains about. Known by its methods: its classes have moved between typer's versions."""
    if not hasattr(error, "format_message"):
        return None
    context = getattr(error, "ctx", None)
    hint = f" See: {context.command_path} --help" if context else ""
    if option := getattr(error, "option_name", None):
        return f"no such option: {option}.{suggest(option, getattr(error, 'possibilities', None) or ())}{hint}"
    return f"{error.format_message().rstrip('.')}.{hint}"
