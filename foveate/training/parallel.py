"""Data-parallel training: every process takes its slice of the global batch; gradients and statistics are averaged.

Gradients are averaged by hand rather than by wrapping the model, because a family is called by several methods, not by
``forward``. Without ``torchrun`` everything here is a no-op.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True)
class World:
    """This process among its equals."""

    rank: int = 0
    size: int = 1
    device: torch.device | str = "cpu"
    """Where small numbers are exchanged: NCCL takes nothing from the CPU."""

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def slice(self, indices: Any) -> Any:
        """This process's share of the global batch; equal shares, or gradients would be weighted wrongly."""
        return indices[self.rank :: self.size]

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Mean over processes, in one message. Parameters without gradient everywhere are left alone."""
        if self.size == 1:
            return
        with_grad = [p for p in parameters if p.requires_grad]
        flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in with_grad])
        flat = self.mean(flat)
        for parameter, part in zip(with_grad, flat.split([p.numel() for p in with_grad]), strict=True):
            if parameter.grad is not None or bool(part.any()):
                parameter.grad = part.view_as(parameter).clone()

    def mean(self, value: Tensor) -> Tensor:
        """Mean over processes."""
        if self.size == 1:
            return value
        total = value.detach().clone()
        dist.all_reduce(total)
        return total / self.size

    def moments(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (unbiased) of all values of all processes."""
        sums = torch.stack([value.new_tensor(float(value.numel())), value.sum(), value.square().sum()]).double()
        count, total, squares = self.mean(sums) * self.size
        mean = total / count
        variance = (squares / count - mean.square()).clamp(min=0) * count / (count - 1).clamp(min=1)
        return mean.to(value.dtype), variance.sqrt().to(value.dtype)

    def means(self, *values: float) -> list[float]:
        """Means of plain numbers over processes, in one message."""
        if self.size == 1:
            return list(values)
        shared: list[float] = self.mean(torch.tensor(values, dtype=torch.float64, device=self.device)).tolist()
        return shared

    def agree(self, flag: bool) -> bool:
        """Whether any process raised the flag."""
        return self.means(float(flag))[0] > 0

    def share(self, parameters: Iterable[Tensor]) -> None:
        """Everybody takes the first process's values."""
        if self.size > 1:
            for parameter in parameters:
                dist.broadcast(parameter.detach(), src=0)

    def leave(self) -> None:
        """Take leave of the others; a world of one goes on as it is."""
        if self.size > 1 and dist.is_initialized():
            dist.destroy_process_group()


def join_world(device: torch.device) -> World:
    """The world that ``torchrun`` describes in the environment, or a world of one."""
    if world_size_here() == 1:
        return World()
    if not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=timedelta(minutes=10))
    return World(rank=dist.get_rank(), size=dist.get_world_size(), device=device)


def rank_here() -> int:
    """This process's number, as ``torchrun`` says, before any world is joined; 0 without it."""
    return int(os.environ.get("RANK", "0"))


def world_size_here() -> int:
    """How many processes ``torchrun`` started; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))
