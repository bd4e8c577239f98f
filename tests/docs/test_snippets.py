"""The pages tell the truth: their code is that of docs/snippets, which runs; commands and links exist.

After a change of a snippet, `python tests/docs/test_snippets.py` puts it into the pages.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from foveate.cli.main import COMMANDS, _app
from foveate.training.metrics import METRICS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
SNIPPETS = sorted((DOCS / "snippets").glob("*.py"))
BLOCK = re.compile(r"<!-- (?P<name>snippets/\w+\.py) -->\n(\n```python\n(?P<code>.*?)```\n)?", re.DOTALL)
METRIC_TABLE = re.compile(r"<!-- metrics -->\n(\n(?P<table>(\|.*\n)+))?")
LIMIT_S = 120  # each takes about as long as importing torch; this is for busy machines


def with_snippets(text: str) -> str:
    """The page with every marked block made equal to its file."""

    def block(match: re.Match[str]) -> str:
        code = (DOCS / match["name"]).read_text("utf-8")
        return f"<!-- {match['name']} -->\n\n```python\n{code}```\n"

    rows = "".join(f"| `{name}` | {meaning} |\n" for name, meaning in METRICS.items())
    text = METRIC_TABLE.sub(f"<!-- metrics -->\n\n| name | meaning |\n|---|---|\n{rows}", text)
    return BLOCK.sub(block, text)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda path: path.stem)
def test_a_snippet_runs(snippet: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(snippet)],
        cwd=tmp_path, env=_environment(), capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_the_code_of_a_page_is_that_of_its_snippets(page: Path) -> None:
    text = page.read_text("utf-8")
    assert text == with_snippets(text), "run `python tests/docs/test_snippets.py`"
    assert text.count("```python\n") == len(BLOCK.findall(text)), "a Python block that no test runs"


def test_every_snippet_is_shown() -> None:
    shown = {match["name"] for page in PAGES for match in BLOCK.finditer(page.read_text("utf-8"))}
    assert shown == {f"snippets/{path.name}" for path in SNIPPETS}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_links_lead_somewhere(page: Path) -> None:
    prose = BLOCK.sub("", page.read_text("utf-8"))
    for target in re.findall(r"\]\(([^)#]+)", prose):
        assert "://" in target or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_commands_and_options_exist(page: Path) -> None:
    for line in re.findall(r"^ +.*?foveate ([a-z-]+ .+)$", page.read_text("utf-8"), re.MULTILINE):
        name, *words = line.split()
        assert name in COMMANDS, line
        known = {option for one in _command(name).params for option in [*one.opts, *one.secondary_opts]}
        assert {word for word in words if word.startswith("--")} <= known, line


def _command(name: str) -> Any:
    return typer.main.get_command(_app(name)).commands[name]  # type: ignore[attr-defined]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(with_snippets(path.read_text("utf-8")), "utf-8")
