"""Where to compute: the ``--device`` of every command, checked before anything is loaded onto it."""

from __future__ import annotations

import os

from foveate.errors import UsageError


def pick_device(name: str) -> str:
    """``auto`` takes CUDA where it is; with torchrun, ``cuda`` is the one of this process.

    Raises UsageError for a device that torch does not know or that is not here."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        name = "cuda" if count else "cpu"
    if name == "cuda":
        name = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"--device is {name!r}; give auto, cpu, cuda or cuda:N") from error
    if device.type != "cuda":
        return _usable(name)
    if (device.index or 0) >= count:
        remedy = f"give cuda:0 to cuda:{count - 1}, or cpu" if count else "use cpu"
        raise UsageError(f"--device is {name!r}, but torch finds {count} CUDA devices here: {remedy}")
    torch.cuda.set_device(device)
    return name


def _usable(name: str) -> str:
    """Other kinds of devices have no common way to ask for them but to use them."""
    import torch

    try:
        torch.empty(0, device=name)
    except (RuntimeError, NotImplementedError, AssertionError) as error:
        raise UsageError(f"--device is {name!r}, which is not here; give auto, cpu, cuda or cuda:N") from error
    return name
