"""One function picks the device of every command, and refuses what is not here before anything is loaded."""

from __future__ import annotations

import pytest
import torch

from foveate.cli.device import pick_device
from foveate.errors import UsageError


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> list[torch.device]:
    """One of two CUDA devices; what was set is noted."""
    chosen: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    return chosen


def test_cuda_is_taken_where_it_is(machine: list[torch.device], monkeypatch: pytest.MonkeyPatch) -> None:
    assert [pick_device(name) for name in ("auto", "cuda", "cuda:1", "cpu")] == ["cuda:0", "cuda:0", "cuda:1", "cpu"]
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert pick_device("cuda") == "cuda:1"
    assert machine[-1] == torch.device("cuda:1")


def test_a_device_that_is_not_here_is_refused(machine: list[torch.device], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"'cuda:9', but torch finds 2 CUDA devices here: give cuda:0 to cuda:1"):
        pick_device("cuda:9")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match=r"finds 0 CUDA devices here: use cpu"):
        pick_device("cuda")
    assert pick_device("auto") == "cpu"
    assert not machine


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "vulkan"])
def test_what_torch_does_not_know_or_have_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="give auto, cpu, cuda or cuda:N"):
        pick_device(name)
