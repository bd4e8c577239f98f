"""A trained system made ready for other answers: which of its weights depend on how many there are, and which stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from foveate.system import System, SystemSpec, build, with_outputs

Weights = Mapping[str, Mapping[str, Tensor]]  # of each part, by name
Names = Mapping[str, tuple[str, ...]]  # of weights, of each part


def head_of(system: System) -> Names:
    """The weights whose shape depends on the number of answers: found by asking for one more.

    Raises IncompatibleError for a family that has no such number. Torch's random state is left as it was."""
    count = system.spec.model.config.get("num_outputs", 0) + 1
    with torch.random.fork_rng(devices=[]):
        other = build(with_outputs(system, count), num_outputs=count).modules()
    return {
        part: _differing(module.state_dict(), other[part].state_dict()) for part, module in system.modules().items()
    }


def for_classes(system: System, class_names: tuple[str, ...]) -> SystemSpec:
    """The spec of the same system for other classes, or for another order of them."""
    task = replace(system.spec.task, config={**system.spec.task.config, "class_names": class_names})
    return replace(with_outputs(system, len(class_names)), task=task)


def weights_of(system: System, *, without: Names) -> Weights:
    """The weights of each part but those named, which share memory with the system."""
    return {
        part: {name: weight for name, weight in module.state_dict().items() if name not in without.get(part, ())}
        for part, module in system.modules().items()
    }


def take_over(system: System, weights: Weights, *, head: Names) -> None:
    """Load weights into a fresh system, strictly: of the parts that are given, only weights of the head may lack."""
    modules = system.modules()
    for part, given in weights.items():
        lost = modules[part].load_state_dict(given, strict=False)  # a wrong shape raises in any case
        assert not lost.unexpected_keys, lost.unexpected_keys
        assert set(lost.missing_keys) <= set(head[part]), lost.missing_keys


def _differing(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> tuple[str, ...]:
    return tuple(name for name, weight in one.items() if name not in other or other[name].shape != weight.shape)
