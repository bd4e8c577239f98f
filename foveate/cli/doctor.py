"""`foveate doctor`: tries everything foveate needs here, and says for each thing that is wrong how to mend it."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import requires
from pathlib import Path
from typing import Annotated, Literal

import typer

import foveate
from foveate.cli.extras import EXTRAS, installed_version
from foveate.cli.info import usable_cores
from foveate.cli.output import say, say_json, say_table

PACKAGE = Path(foveate.__file__).parent
MANIFEST = PACKAGE / "assets" / "manifest.json"  # {"files": {"path beside it": {"sha256": ..., ...}}}


@dataclass(frozen=True, kw_only=True)
class Check:
    """What was looked at, how it went, and what to do about it."""

    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    remedy: str = ""


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Check Python, extras, disk, write permission, threads, CUDA and the embedded files; exit code 1 if one fails."""
    checks = list(run_checks())
    if as_json:
        say_json(checks)
    else:
        say_table([check.status, check.name, check.detail] for check in checks)
        for check in checks:
            if check.remedy:
                say(f"\n{check.name}: {check.remedy}")
    if any(check.status == "fail" for check in checks):
        raise typer.Exit(1)


def run_checks() -> Iterator[Check]:
    """All checks, in the order in which they are worth mending."""
    yield _python()
    for extra, packages in EXTRAS.items():
        yield _extra(extra, packages)
    yield _torch_pair()
    yield _cuda()
    yield _threads()
    yield _disk(Path.cwd())
    yield _writable(Path.cwd())
    yield _embedded_files(MANIFEST)


def _python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Check(name="python", status="ok", detail=found)
    return Check(name="python", status="warn", detail=found, remedy="foveate is tested on Python 3.11, 3.12 and 3.13")


def _extra(extra: str, packages: dict[str, str]) -> Check:
    name = f"extra {extra}"
    install = f"pip install 'foveate[{extra}]'"
    absent = [package for package in packages if installed_version(package) is None]
    if len(absent) == len(packages):
        if extra == "torch":  # the one without which nothing is trained or run
            return Check(name=name, status="warn", detail="not installed", remedy=install)
        return Check(name=name, status="ok", detail=f"not installed (optional: {install})")
    for package, module in packages.items():
        if package not in absent and (problem := _import_problem(module)):
            return Check(name=name, status="fail", detail=f"{package}: {problem}", remedy=f"reinstall it: {install}")
    present = ", ".join(f"{package} {installed_version(package)}" for package in packages if package not in absent)
    missing = f"; not installed: {', '.join(absent)} (optional: {install})" if absent else ""
    return Check(name=name, status="ok", detail=present + missing)


def _import_problem(module: str) -> str | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module(module)
    except Exception as error:  # a broken binary may raise anything
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return None


def _torch_pair() -> Check:
    """torchvision is built for one exact torch; beside another its operators are missing."""
    name = "torch and torchvision"
    torch, torchvision = installed_version("torch"), installed_version("torchvision")
    if torch is None or torchvision is None:
        return Check(name=name, status="ok", detail="not both installed")
    detail = f"torch {torch}, torchvision {torchvision}"
    wanted = _exact_torch(requires("torchvision") or [])
    if wanted in (None, torch.partition("+")[0]):
        return Check(name=name, status="ok", detail=detail)
    remedy = f"torchvision {torchvision} needs torch {wanted}; install a matching pair in one command, from one index"
    return Check(name=name, status="fail", detail=detail, remedy=remedy)


def _exact_torch(requirements: list[str]) -> str | None:
    for requirement in requirements:
        if match := re.match(r"torch\s*\(?==\s*([0-9.]+)", requirement):
            return match[1]
    return None


def _cuda() -> Check:
    if installed_version("torch") is None or _import_problem("torch"):
        return Check(name="cuda", status="ok", detail="not asked: torch is not usable")
    import torch

    if torch.cuda.is_available():
        return Check(name="cuda", status="ok", detail=torch.cuda.get_device_name(0))
    if shutil.which("nvidia-smi") is None:
        return Check(name="cuda", status="ok", detail="no NVIDIA GPU; the CPU is used")
    built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "a CPU-only build"
    return Check(
        name="cuda",
        status="warn",
        detail=f"there is an NVIDIA driver, but torch ({built}) cannot use it",
        remedy="install a torch build that matches the driver; the CPU is used meanwhile",
    )


def _threads() -> Check:
    cores, setting = usable_cores(), os.environ.get("OMP_NUM_THREADS", "")
    if setting.isdigit() and int(setting) > cores:
        return Check(
            name="threads",
            status="warn",
            detail=f"OMP_NUM_THREADS={setting} on {cores} cores",
            remedy=f"more threads than cores are slower: unset OMP_NUM_THREADS, or set it to {cores} or less",
        )
    return Check(name="threads", status="ok", detail=f"{cores} cores")


def _disk(folder: Path) -> Check:
    free_gb = shutil.disk_usage(folder).free / 1e9
    detail = f"{free_gb:.1f} GB free at {folder}"
    if free_gb >= 1:
        return Check(name="disk", status="ok", detail=detail)
    status: Literal["warn", "fail"] = "warn" if free_gb >= 0.1 else "fail"
    return Check(name="disk", status=status, detail=detail, remedy="make room: runs and checkpoints are written here")


def _writable(folder: Path) -> Check:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return Check(name="write", status="ok", detail=f"{folder} is writable")
    except OSError as error:
        remedy = "go to another folder, or give commands an --out that is writable"
        return Check(name="write", status="fail", detail=f"{folder}: {error.strerror}", remedy=remedy)


def _embedded_files(manifest: Path) -> Check:
    name, remedy = "embedded files", "reinstall foveate"
    try:
        files: dict[str, dict[str, str]] = json.loads(manifest.read_text("utf-8"))["files"]
    except (OSError, ValueError, KeyError) as error:
        return Check(name=name, status="fail", detail=f"{manifest}: {type(error).__name__}", remedy=remedy)
    wrong = [path for path, facts in files.items() if _sha256(manifest.parent / path) != facts["sha256"]]
    if not wrong:
        return Check(name=name, status="ok", detail=f"{len(files)} files")
    return Check(name=name, status="fail", detail=f"missing or altered: {', '.join(wrong)}", remedy=remedy)


def _sha256(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
