"""What is frozen stays, its running statistics too, and the rest learns."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from foveate.errors import UsageError
from tests.unit.training.tiny import tiny_system, trainer, weights


def moved_by(*frozen: str, backbone: str = "constant") -> set[str]:
    """Names of the model's parameters and buffers that three steps changed."""
    system = tiny_system()
    system.model.glance_net.layers.append(nn.BatchNorm2d(8))  # its statistics move without a gradient
    before = weights(system)
    trainer(system=system, steps=3, frozen=frozen, backbone=backbone).run()
    moved = {name for name, value in weights(system).items() if not torch.equal(before[name], value)}
    return {name.removeprefix("model.") for name in moved if name.startswith("model.")}


def test_what_is_frozen_stays_and_the_rest_learns() -> None:
    every = moved_by()
    assert "glance_net.layers.4.running_mean" in every
    kept = ("glance_net.", "focus_net.layers.0.")
    assert moved_by("glance_net", "focus_net.layers.0") == {name for name in every if not name.startswith(kept)}


def test_a_frozen_backbone_keeps_its_statistics_too() -> None:
    assert not moved_by(backbone="frozen")


def test_a_single_weight_can_be_named() -> None:
    kept = "focus_net.layers.0.bias"
    assert moved_by() - moved_by(kept) == {kept}


def test_names_of_nothing_and_of_all_are_refused() -> None:
    with pytest.raises(
        UsageError, match=r"'glance', which no parameter of GlanceFocus lies in.*Its parts: .*glance_net"
    ):
        trainer(frozen=("glance",))
    every = tuple(name for name, _ in tiny_system().model.named_parameters())
    with pytest.raises(UsageError, match=r'all that learns: say backbone="frozen"'):
        trainer(frozen=every)


def test_a_run_is_resumed_with_the_same_parts_frozen(tmp_path: Path) -> None:
    trainer(tmp_path, steps=2, frozen=("glance_net",)).run()
    with pytest.raises(UsageError, match=r"was trained with frozen=\('glance_net',\)"):
        trainer(tmp_path, steps=4).run(resume=True)
