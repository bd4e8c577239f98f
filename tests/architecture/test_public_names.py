"""What users see at the top of the package."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import foveate
from foveate.cli.extras import EXTRAS

PACKAGE = Path(foveate.__file__).parent
PYPROJECT = PACKAGE.parent / "pyproject.toml"


def test_there_are_few() -> None:
    assert len(foveate.__all__) <= 25
    assert len(set(foveate.__all__)) == len(foveate.__all__)


@pytest.mark.parametrize("name", sorted(set(foveate.__all__) - {"__version__"}))
def test_each_exists_and_is_listed(name: str) -> None:
    module = foveate._PUBLIC[name].partition(":")[0]
    if not _exists(module):
        pytest.skip(f"{module} does not exist yet")
    assert getattr(foveate, name) is getattr(sys.modules[module], foveate._PUBLIC[name].partition(":")[2])
    assert name in dir(foveate)


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text("utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    seen = {alias.name: f"{node.module}:{alias.name}" for node in imports for alias in node.names}
    assert seen == {name: target for name, target in foveate._PUBLIC.items() if _exists(target.partition(":")[0])}


def _exists(module: str) -> bool:
    path = PACKAGE.parent.joinpath(*module.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def test_none_is_also_a_submodule() -> None:
    submodules = {path.stem for path in PACKAGE.iterdir()}
    assert not submodules & set(foveate.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'lood'"):
        _ = foveate.lood


def test_importing_it_is_light() -> None:
    """Time depends on the machine; what takes the time does not."""
    heavy = ("torch", "PIL", "numpy", "typer", "rich", "matplotlib", "scipy", "tifffile", "zarr", "rasterio")
    code = f"import sys, foveate; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_table_of_extras_is_that_of_pyproject() -> None:
    declared = tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]["optional-dependencies"]
    del declared["dev"]
    names = {extra: {_distribution(line) for line in lines} for extra, lines in declared.items()}
    assert names == {extra: set(packages) for extra, packages in EXTRAS.items()}


def _distribution(requirement: str) -> str:
    return re.split(r"[\[>=]", requirement)[0]
