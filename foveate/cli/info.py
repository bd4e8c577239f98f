"""`foveate info`: what is installed and what the machine offers, for bug reports and for the curious."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Annotated, Any

import typer

import foveate
from foveate.cli.extras import EXTRAS, installed_version
from foveate.cli.output import say, say_json, say_table

BASE = ("numpy", "pillow", "safetensors", "typer", "rich", "array-api-compat")


def info(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Show the versions of foveate and its parts, which extras are installed, devices, threads and caches."""
    facts = collect()
    if as_json:
        say_json(facts)
        return
    say(f"foveate {facts['foveate']}, Python {facts['python']}, {facts['platform']}")
    say("\nextras")
    say_table([f"  {extra}", _versions(packages)] for extra, packages in facts["extras"].items())
    say("\ndevices")
    say_table([f"  {device['name']}", device["description"]] for device in facts["devices"])
    say("\nthreads")
    say_table([f"  {name}", str(value)] for name, value in facts["threads"].items())
    say("\ncaches")
    say_table([f"  {name}", path] for name, path in facts["caches"].items())


def collect() -> dict[str, Any]:
    """Everything `foveate info` shows, as plain values."""
    return {
        "foveate": foveate.__version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "base": {name: installed_version(name) for name in BASE},
        "extras": {extra: {name: installed_version(name) for name in packages} for extra, packages in EXTRAS.items()},
        "devices": _devices(),
        "threads": _threads(),
        "caches": _caches(),
    }


def usable_cores() -> int:
    """Cores this process may run on, which can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _versions(packages: dict[str, str | None]) -> str:
    present = [f"{name} {found}" for name, found in packages.items() if found]
    absent = [name for name, found in packages.items() if not found]
    return ", ".join(present + ([f"missing: {', '.join(absent)}"] if absent else []))


def _devices() -> list[dict[str, str]]:
    devices = [{"name": "cpu", "description": f"{platform.processor() or platform.machine()}, {usable_cores()} cores"}]
    if installed_version("torch") is None:
        return devices
    import torch

    for index in range(torch.cuda.device_count()):
        card = torch.cuda.get_device_properties(index)
        devices.append({"name": f"cuda:{index}", "description": f"{card.name}, {card.total_memory / 2**30:.1f} GiB"})
    if torch.backends.mps.is_available():
        devices.append({"name": "mps", "description": "Apple GPU"})
    return devices


def _threads() -> dict[str, int | str | None]:
    threads: dict[str, int | str | None] = {
        "usable cores": usable_cores(),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS"),
    }
    if installed_version("torch") is not None:
        import torch

        threads["torch"] = torch.get_num_threads()
    return threads


def _caches() -> dict[str, str]:
    """Where the libraries that foveate uses keep downloads; it has no cache of its own."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return {
        "hugging face": os.environ.get("HF_HOME") or str(home / "huggingface"),
        "torch hub": os.environ.get("TORCH_HOME") or str(home / "torch"),
    }
