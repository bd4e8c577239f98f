"""The command line as a person meets it: run as a process, judged by its exit code and what it prints."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import foveate
from foveate.cli.main import COMMANDS

PACKAGE = Path(foveate.__file__).parent


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "foveate.cli.main", *arguments]
    environment = {**os.environ, "COLUMNS": "200", "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PACKAGE.parent), environment.get("PYTHONPATH")]))
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", check=False, env=environment, cwd=cwd, timeout=120
    )


def test_help_names_every_command_and_loads_neither_torch_nor_any_command() -> None:
    code = (
        "import sys\n"
        "from foveate.cli.main import COMMANDS, main\n"
        "assert main(['--help']) == 0\n"
        "loaded = {target.partition(':')[0] for target, _ in COMMANDS.values()} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
        "assert not {'torch', 'numpy', 'PIL'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_json(name: str) -> None:
    """Every command's function exists, and its help shows the option that all of them share."""
    module, _, function = COMMANDS[name][0].partition(":")
    path = PACKAGE.parent.joinpath(*module.split(".")).with_suffix(".py")
    if not path.exists():
        pytest.skip(f"{path.name} does not exist yet")
    tree = ast.parse(path.read_text("utf-8"))
    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    done = run(name, "--help")
    assert done.returncode == 0, done.stderr
    assert "--json" in done.stdout
    assert "--debug" in done.stdout


def test_no_arguments_show_the_help() -> None:
    done = run()
    assert done.returncode == 0
    assert done.stdout == run("--help").stdout


def test_version() -> None:
    assert run("--version").stdout == f"foveate {foveate.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["trian"], "unknown command 'trian'. Did you mean 'train'?"),
        (["xyzzy"], "unknown command 'xyzzy'. Known: demo, train"),
        (["list", "--jsno"], "no such option: --jsno. Did you mean '--json'?"),
        (["list", "polices"], "unknown kind 'polices'. Did you mean 'policies'?"),
        (["--verison"], "no such option: --verison. Did you mean '--version'?"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments: list[str], expected: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"error: {expected}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--debug", "list", "polices"], ["list", "polices", "--debug"]])
def test_debug_shows_the_traceback_wherever_it_stands(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: unknown kind 'polices'")


def test_a_reader_that_leaves_is_no_error() -> None:
    command = f"{sys.executable} -m foveate.cli.main info | head -c 1 >/dev/null"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""
