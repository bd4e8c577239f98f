"""Imports point one way, and what runs without torch does not load it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import foveate

PACKAGE = Path(foveate.__file__).parent

# A part may import any part of a line above its own. Parts on one line that are separated by a comma may import each
# other; parts separated by | never do; + joins folders that count as one part.
LAYERS = """
errors, words, registry, config, plain, atomic, noise, geometry, layers, drawing
rows, price
core
camera
scenes | models | policies + critics | stopping | tasks
cost, episode, compatible, rollout, system
scanning
datasets | annotations | importing | model_folder + model_card
training | evaluation | export | runtime
comparing
answers, asking, findings, exports, scanpath, looker
searching
exploring
finding
recipes
demo
server | cli
__main__
"""

# Importing these must leave torch out: the exported runtime and the file readers use them where torch is not installed.
NO_TORCH = (
    "foveate",
    "foveate.annotations",
    "foveate.annotations.geojson",
    "foveate.annotations.reading",
    "foveate.atomic",
    "foveate.config",
    "foveate.core",
    "foveate.compatible",
    "foveate.cost",
    "foveate.episode",
    "foveate.exports",
    "foveate.findings",
    "foveate.camera",
    "foveate.critics",
    "foveate.datasets",
    "foveate.drawing",
    "foveate.geometry.viewpoint",
    "foveate.models",
    "foveate.noise",
    "foveate.plain",
    "foveate.policies",
    "foveate.price",
    "foveate.rollout",
    "foveate.rows",
    "foveate.scenes",
    "foveate.scenes.memory",
    "foveate.scenes.photos",
    "foveate.scenes.pictures",
    "foveate.scenes.procedural",
    "foveate.scenes.scene_files",
    "foveate.scenes.multiscale",
    "foveate.scenes.rasters",
    "foveate.scenes.scene",
    "foveate.scenes.slides",
    "foveate.scenes.tiff",
    "foveate.searching",
    "foveate.searching.search",
    "foveate.stopping",
    "foveate.stopping.calibrate",
    "foveate.stopping.limits",
    "foveate.stopping.risk",
    "foveate.stopping.settled",
    "foveate.stopping.rules",
    "foveate.stopping.stopper",
    "foveate.stopping.traces",
    "foveate.stopping.units",
    "foveate.tasks",
    "foveate.cli.main",
    "foveate.cli.list_",
)


def allowed_imports(layers: str) -> dict[str, set[str]]:
    """Part -> the parts it may import."""
    allowed: dict[str, set[str]] = {}
    above: set[str] = set()
    for line in layers.strip().splitlines():
        groups = [[part.strip() for part in group.split("+")] for group in line.replace("|", ",").split(",")]
        everyone = {part for group in groups for part in group}
        for group in groups:
            for part in group:
                allowed[part] = above | (set(group) if "|" in line else everyone)
        above |= everyone
    return allowed


def imported_parts(source: str, *, module: str) -> Iterator[tuple[int, str]]:
    """(line, part) for every import of foveate in a module, wherever it stands in the file."""
    package = module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{origin}.{alias.name}" for alias in node.names]
        for name in names:
            part = _part(name)
            if part is not None:
                yield node.lineno, part


def _part(name: str) -> str | None:
    """`foveate.core.Look` -> core. A public name counts as the part it comes from: `foveate.Look` -> core too."""
    top, _, rest = name.partition(".")
    if top != "foveate" or rest.startswith("__") or not rest:
        return None
    first = rest.partition(".")[0]
    return foveate._PUBLIC.get(first, f"foveate.{first}").removeprefix("foveate.").partition(":")[0].partition(".")[0]


def _modules() -> list[str]:
    found = (path.relative_to(PACKAGE.parent).with_suffix("") for path in sorted(PACKAGE.rglob("*.py")))
    return [".".join(path.parts) for path in found if path.parts != ("foveate", "__init__")]


@pytest.mark.parametrize("module", _modules())
def test_imports_point_up_the_layers(module: str) -> None:
    allowed = allowed_imports(LAYERS)
    part = module.split(".")[1]
    assert part in allowed, f"{part} has no place in LAYERS: put it where it belongs"
    source = PACKAGE.parent.joinpath(*module.split(".")).with_suffix(".py").read_text("utf-8")
    wrong = [
        f"line {line} imports {imported}"
        for line, imported in imported_parts(source, module=module)
        if imported != part and imported not in allowed[part]
    ]
    assert not wrong, f"{part} may import {sorted(allowed[part] - {part})} only: {'; '.join(wrong)}"


def test_the_layers_are_read_as_meant() -> None:
    allowed = allowed_imports("a, b\nc | d + e\nf")
    assert allowed["b"] == {"a", "b"}
    assert allowed["c"] == {"a", "b", "c"}
    assert allowed["d"] == {"a", "b", "d", "e"}
    assert allowed["f"] == {"a", "b", "c", "d", "e", "f"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import foveate.models.vit", ["models"]),
        ("from foveate.core import Look", ["core"]),
        ("from foveate import core", ["core"]),
        ("from foveate import Look, __version__", ["core"]),
        ("from . import rules", ["stopping"]),
        ("from ..core import Look", ["core"]),
        ("def f():\n    from foveate.cli.main import main", ["cli"]),
        ("import numpy, foveates", []),
    ],
)
def test_every_form_of_import_is_seen(source: str, expected: list[str]) -> None:
    assert [part for _, part in imported_parts(source, module="foveate.stopping.calibrate")] == expected


def _exists(module: str) -> bool:
    path = PACKAGE.parent.joinpath(*module.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


@pytest.mark.parametrize("module", NO_TORCH)
def test_it_loads_no_torch(module: str) -> None:
    if not _exists(module):
        pytest.skip(f"{module} does not exist yet")
    code = f"import sys, {module}; sys.exit('torch was imported' if 'torch' in sys.modules else 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
