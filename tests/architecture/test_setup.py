"""The set-up script on a machine where Python, pip and the network are pretended, so that its decisions can be seen."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import foveate

ROOT = Path(foveate.__file__).parent.parent

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="make and sh are not there"),
    pytest.mark.skipif(not (ROOT / "scripts" / "setup.sh").exists(), reason="not a source checkout"),
]

# Answers as a Python does when asked for its version, a virtual environment or pip, and keeps a log of pip's arguments.
FAKE_PYTHON = """#!/bin/sh
case "$*" in
    -V) echo "Python $FAKE_VERSION" ;;
    -c*) echo ok ;;
    "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && cp "$0" "$3/bin/foveate" ;;
    "-m pip "*) echo "$* cache:${PIP_NO_CACHE_DIR:-kept}" >>"$FAKE_LOG"; exit "${FAKE_PIP_EXIT:-0}" ;;
    --version) ;;
    *) echo "unexpected: $*" >&2; exit 9 ;;
esac
"""


class Checkout:
    """A copy of what the script reads, and a way to run it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT / "scripts", folder / "scripts")
        for name in ("pyproject.toml", "constraints.txt"):
            (folder / name).write_text("first")
        self.python = folder / "fake-python"
        self.python.write_text(FAKE_PYTHON)
        self.python.chmod(0o755)

    def setup(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "PYTHON": str(self.python)}
        environment |= {"FAKE_LOG": str(self.folder / "log"), "FAKE_VERSION": "3.12.1", "MIN_FREE_GB": "0", **variables}
        command = ["sh", str(self.folder / "scripts" / "setup.sh"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd="/")

    def installs(self) -> list[str]:
        log = self.folder / "log"
        return log.read_text().splitlines() if log.exists() else []

    @property
    def stamp(self) -> Path:
        return self.folder / ".venv" / "foveate.stamp"


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_the_first_run_installs_and_the_second_does_nothing(checkout: Checkout) -> None:
    first = checkout.setup(PIP_ARGS="--extra-index-url somewhere")
    assert first.returncode == 0, first.stderr
    assert "downloads about" in first.stderr
    assert "Free disk" in first.stderr
    assert checkout.installs()[0].endswith("-c constraints.txt --extra-index-url somewhere cache:kept")
    second = checkout.setup()  # without PIP_ARGS: they choose where from, not what
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert len(checkout.installs()) == 1


def test_an_install_that_did_not_finish_leaves_no_stamp_and_starts_afresh(checkout: Checkout) -> None:
    failed = checkout.setup(FAKE_PIP_EXIT="1")
    assert failed.returncode == 1
    assert "did not finish" in failed.stderr
    assert not checkout.stamp.exists()
    half_installed = checkout.folder / ".venv" / "half-installed"
    half_installed.touch()
    assert checkout.setup().returncode == 0
    assert checkout.stamp.exists()
    assert not half_installed.exists()


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_change_updates_in_place(checkout: Checkout, name: str) -> None:
    checkout.setup()
    kept = checkout.folder / ".venv" / "kept"
    kept.touch()
    (checkout.folder / name).write_text("second")
    assert checkout.setup(FAKE_PIP_EXIT="1").returncode == 1
    assert not checkout.stamp.exists()
    (checkout.folder / name).write_text("first")
    checkout.setup()
    kept.touch()
    (checkout.folder / name).write_text("second")
    updated = checkout.setup()
    assert updated.returncode == 0
    assert "Updating" in updated.stderr
    assert kept.exists()


def test_another_python_makes_another_environment(checkout: Checkout) -> None:
    checkout.setup()
    (checkout.folder / ".venv" / "old").touch()
    assert checkout.setup(FAKE_VERSION="3.13.0").returncode == 0
    assert not (checkout.folder / ".venv" / "old").exists()
    assert len(checkout.installs()) == 2


def test_an_environment_of_somebody_else_is_left_alone(checkout: Checkout) -> None:
    theirs = checkout.folder / ".venv" / "theirs"
    theirs.parent.mkdir()
    theirs.touch()
    refused = checkout.setup()
    assert refused.returncode == 1
    assert "was not made by this script" in refused.stderr
    assert theirs.exists()
    assert checkout.setup(".venv-other").returncode == 0


def test_a_full_disk_is_refused_before_anything_is_made(checkout: Checkout) -> None:
    refused = checkout.setup(MIN_FREE_GB="99999999")
    assert refused.returncode == 1
    assert "MIN_FREE_GB=0" in refused.stderr
    assert not (checkout.folder / ".venv").exists()


def test_a_disk_with_room_for_all_but_the_cache_goes_without_it(checkout: Checkout) -> None:
    df = checkout.folder / "bin" / "df"
    df.parent.mkdir()
    df.write_text("#!/bin/sh\necho head\necho disk 0 0 $((10 * 1048576))\n")
    df.chmod(0o755)
    tight = checkout.setup(MIN_FREE_GB="9", PIP_ARGS="", PATH=f"{df.parent}:{os.environ['PATH']}")
    assert tight.returncode == 0, tight.stderr
    assert "no room for pip's cache" in tight.stderr
    assert checkout.installs()[0].endswith("cache:1")


def test_a_python_that_will_not_do_is_named(checkout: Checkout) -> None:
    checkout.python.write_text("#!/bin/sh\necho is Python 3.9\n")
    refused = checkout.setup()
    assert refused.returncode == 1
    assert f"{checkout.python} is Python 3.9" in refused.stderr


def test_no_python_at_all_says_what_to_do(checkout: Checkout) -> None:
    empty = checkout.folder / "bin"
    empty.mkdir()
    for tool in ("sh", "dirname", "pwd", "cat"):
        (empty / tool).symlink_to(str(shutil.which(tool)))
    refused = checkout.setup(PYTHON="", PATH=str(empty))
    assert refused.returncode == 1
    assert "needs Python 3.11, 3.12 or 3.13" in refused.stderr
    assert "no Python at all" in refused.stderr
