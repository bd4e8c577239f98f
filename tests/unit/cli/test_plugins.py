"""What another package registers, the command line knows: `foveate look x.dcm` with a reader that is not ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

import foveate

READER = """
import numpy as np
from foveate.scenes import SCENES
from foveate.scenes.memory import ArrayScenes

class Slides(ArrayScenes):
    def __init__(self, paths):
        super().__init__([np.load(path) for path in paths])

SCENES.register("slides", Slides, source="file", suffixes=(".dcm",))
"""


def installed(root: Path, name: str, module: str, code: str) -> None:
    """A package as pip leaves it: a module, and a folder that says what it offers."""
    (root / f"{module}.py").write_text(code)
    about = root / f"{name}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[foveate]\n{name} = {module}\n")


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    paths = [str(root), str(Path(foveate.__file__).parent.parent)]
    return subprocess.run(
        [sys.executable, "-m", "foveate", *arguments],
        capture_output=True, text=True, check=False, cwd=root, timeout=200,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "200", "NO_COLOR": "1"},
    )  # fmt: skip


def test_a_reader_of_another_package_is_used_and_a_broken_package_is_passed_over(tmp_path: Path) -> None:
    installed(tmp_path, "slides", "slides_reader", READER)
    installed(tmp_path, "torn", "torn_parts", "raise RuntimeError('torn')")
    with (tmp_path / "x.dcm").open("wb") as file:
        np.save(file, np.random.default_rng(0).integers(0, 256, (3, 240, 320), np.uint8))
    done = run(tmp_path, "look", "x.dcm", "--model", "small_sign", "--no-draw")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("x.dcm: ")
    assert "passed over: torn_parts" in done.stderr
    assert "RuntimeError('torn')" in done.stderr


def test_help_imports_no_package_of_others(tmp_path: Path) -> None:
    installed(tmp_path, "torn", "torn_parts", "raise RuntimeError('torn')")
    done = run(tmp_path, "--help")
    assert (done.returncode, done.stderr) == (0, "")
