"""Fitting other people's tensors into our modules: by a table of names, all of them or none.

A table maps our modules (or single parameters) to theirs. Every tensor of a file is taken, or known and not needed, or
the file is refused with the list of what does not fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from foveate.errors import ModelFolderError
from foveate.system import System
from foveate.words import counted

Weights = dict[str, Tensor]
Names = str | tuple[str, ...]
Modules = Iterator[tuple[str, Names]]  # our module, their module or their modules, one per step

BLOCK = {
    "norm_attention": "norm1",
    "attention.qkv": "attn.qkv",
    "attention.out": "attn.proj",
    "norm_mlp": "norm2",
    "mlp.expand": "mlp.fc1",
    "mlp.project": "mlp.fc2",
}
"""A transformer's block: the names of timm, which most papers' code builds on."""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What became of a file."""

    system: System
    provenance: Mapping[str, object]
    """Source file, its sha256, the settings it was trained with, and what was left out; plain JSON values."""
    left_out: Mapping[str, int]
    """How many numbers of the file are not in the system, by what they are."""


@dataclass(frozen=True)
class Fitting:
    """Tensors of a file on their way into our modules."""

    weights: Mapping[str, Tensor]
    used: set[str] = field(default_factory=set)
    """Names that were asked for."""
    problems: list[str] = field(default_factory=list)

    def take(self, name: str, shape: Iterable[int]) -> Tensor | None:
        """A tensor of theirs of this shape, numbers as float32 and counts as they are; None after noting why not."""
        self.used.add(name)
        problem = self._problem(name, tuple(shape))
        if problem is not None:
            self.problems.append(problem)
            return None
        tensor = self.weights[name].detach()
        return (tensor.float() if tensor.is_floating_point() else tensor).clone()

    def take_all(self, names: Names, shape: tuple[int, ...]) -> Tensor | None:
        """One of ours from one of theirs, or stacked from one per step."""
        if isinstance(names, str):
            return self.take(names, shape)
        parts = [self.take(name, shape[1:]) for name in names]
        found = [part for part in parts if part is not None]
        return torch.stack(found) if len(found) == len(parts) else None

    def refuse_misfits(self) -> None:
        """Raises ModelFolderError with the list of problems, if there are any."""
        if self.problems:
            raise ModelFolderError(_listed("the checkpoint does not fit", self.problems))

    def _problem(self, name: str, shape: tuple[int, ...]) -> str | None:
        if name not in self.weights:
            return f"missing: {name}"
        tensor = self.weights[name]
        if tuple(tensor.shape) != shape:
            return f"wrong shape: {name} is {shape_text(tensor.shape)}, must be {shape_text(shape)}"
        return None if bool(torch.isfinite(tensor).all()) else f"not finite: {name}"


def inside(ours: str, theirs: str, names: Mapping[str, str]) -> Modules:
    """A table for the parts of one module."""
    for our_name, their_name in names.items():
        yield f"{ours}.{our_name}", f"{theirs}.{their_name}"


def their_keys(our_key: str, modules: Mapping[str, Names]) -> Names:
    """Their key, or one key per step, of one of our parameters."""
    if our_key in modules:
        return modules[our_key]
    module, _, leaf = our_key.rpartition(".")
    theirs = modules[module]
    return f"{theirs}.{leaf}" if isinstance(theirs, str) else tuple(f"{name}.{leaf}" for name in theirs)


def shape_text(shape: Iterable[int]) -> str:
    return "x".join(map(str, shape)) or "a scalar"


def _listed(title: str, problems: Iterable[str], *, at_most: int = 20) -> str:
    lines = list(problems)
    more = [f"... and {len(lines) - at_most} more"] if len(lines) > at_most else []
    return "\n  ".join([f"{title} ({counted(len(lines), 'problem')}):", *lines[:at_most], *more])
