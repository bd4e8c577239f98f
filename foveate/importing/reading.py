"""Reading other people's checkpoint files: tensors and plain settings, and nothing that a file could run.

They are pickles. torch's restricted unpickler rebuilds the tensors; the few other things that such files hold
(settings, numpy scalars, the curve of a learning rate) become inert holders, so no foreign class is ever called.
"""

from __future__ import annotations

import hashlib
import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from foveate.errors import ModelFolderError


class Inert:
    """Stands for anything that is not a tensor: remembers the state that the pickle sets, and does nothing."""

    state: Any = None

    def __new__(cls, *args: Any) -> Self:
        return super().__new__(cls)

    def __init__(self, *args: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state


class Settings(Inert):
    """Stands for ``argparse.Namespace``: the training command's settings."""


INERT_GLOBALS: list[Any] = [
    (Settings, "argparse.Namespace"),
    *((Inert, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
    (Inert, "numpy.dtype"),
    *((Inert, f"numpy.dtypes.{name}DType") for name in ("Float64", "Float32", "Int64", "Int32", "Bool")),
    # Until torch 2.3 the state of a one-cycle schedule held its curve: getattr(OneCycleLR, "_annealing_cos").
    *((Inert, f"{module}.getattr") for module in ("builtins", "__builtin__")),
    (Inert, "torch.optim.lr_scheduler.OneCycleLR"),
]


def read_file(path: Path, *, give: str) -> Mapping[str, Any]:
    """What a checkpoint file holds, by name; of a ``.safetensors`` its tensors. ``give``: what to give instead, for the
    message where there is no file.

    Raises ModelFolderError."""
    if not path.is_file():
        raise ModelFolderError(f"{path}: no such file. {give}")
    if path.suffix == ".safetensors":
        return _tensors_only(path)
    try:
        with torch.serialization.safe_globals(INERT_GLOBALS):
            # Mapped, so that the optimiser's state (two thirds of the file) is never read.
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        name = re.search(r"GLOBAL (\S+)", str(error))
        if name is None:
            raise ModelFolderError(f"{path}: damaged, or not a PyTorch checkpoint.") from None
        raise ModelFolderError(
            f"{path}: refused; it holds {name[1]}, which is neither a tensor nor a plain setting, and loading it could "
            f"run code. {give}"
        ) from None
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, AttributeError, IndexError) as error:
        raise ModelFolderError(f"{path}: damaged, or not a PyTorch checkpoint.") from error
    if not isinstance(content, Mapping):
        raise ModelFolderError(f"{path}: holds a {type(content).__name__}, not weights by name.")
    return content


def _tensors_only(path: Path) -> Mapping[str, Any]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ModelFolderError(f"{path}: damaged, or not a .safetensors file ({error}).") from error


def plain_settings(values: Any) -> dict[str, Any]:
    """Those of a mapping's entries that are plain values; none where there is no mapping."""
    if not isinstance(values, Mapping):
        return {}
    return {str(name): value for name, value in values.items() if _is_plain(value)}


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, bool | int | float | str)
