"""What off-policy learning remembers: whole episodes, the oldest forgotten first.

An episode is remembered by what it read, never by what a backbone made of it: glimpse pixels as they came, looks and
rewards. Sampled episodes are looked at anew by the present model, so nothing stale is ever learned from; it costs the
model one pass over them. ``bytes_per_transition`` says what one look takes.
Shape letters: n episodes, T looks, k looks of a step (1), h x w glimpse pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from foveate.core import Look, Observation
from foveate.episode import Episode

Plain = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """n episodes of T looks: what they read and did."""

    opening: Tensor | None  # [n, 1, C, H, W] the glance, as read
    sizes_px: Tensor  # [n, 2]
    glimpses: Tensor  # [n, T, C, h, w] as read, most often uint8
    viewpoints: Tensor  # [n, T, 4]
    action: Plain  # each [n, T, ...]
    rewards: Tensor  # [n, T]


def remembered(episode: Episode, rewards: Tensor) -> Remembered:
    """The parts of a full-length episode, whose events were kept, that :class:`Replay` stores; on the CPU."""
    looked, first = [event for event in episode.events if event.look is not None], episode.events[0]

    def stacked(values: list[Any]) -> Tensor:
        return torch.stack([torch.as_tensor(value).detach().cpu() for value in values], dim=1)

    return Remembered(
        opening=None if first.opening is None else torch.as_tensor(first.opening.pixels).cpu(),
        sizes_px=torch.as_tensor(first.observation.sizes_px).cpu(),
        glimpses=stacked([event.glimpses.pixels[:, 0] for event in looked]),  # type: ignore[union-attr]
        viewpoints=stacked([event.look.viewpoints[:, 0] for event in looked]),  # type: ignore[union-attr]
        action={
            key: stacked([event.look.action[key][:, 0] for event in looked])  # type: ignore[union-attr]
            for key in looked[0].look.action  # type: ignore[union-attr]
        },
        rewards=rewards.detach().cpu(),
    )


class Replay:
    """A ring of episodes of one length, in tensors that are allocated once."""

    def __init__(self, capacity: int) -> None:
        """``capacity``: transitions."""
        self.capacity, self.count, self.next = capacity, 0, 0
        self.store: Plain = {}

    def __len__(self) -> int:
        """Transitions remembered."""
        return self.count * self.num_steps if self.store else 0

    @property
    def num_steps(self) -> int:
        return int(self.store["rewards"].shape[1])

    @property
    def bytes_per_transition(self) -> float:
        """Of memory, an episode's opening shared out among its looks."""
        each = sum(part[0].numel() * part.element_size() for part in self.store.values())
        return each / self.num_steps

    def add(self, episodes: Remembered) -> None:
        """Put episodes in place of the oldest."""
        parts = _plain(episodes)
        if not self.store:
            rows = max(1, self.capacity // parts["rewards"].shape[1])
            self.store = {key: torch.zeros((rows, *part.shape[1:]), dtype=part.dtype) for key, part in parts.items()}
        rows = len(self.store["rewards"])
        at = (self.next + torch.arange(len(parts["rewards"]))) % rows
        for key, part in parts.items():
            self.store[key][at[-rows:]] = part[-rows:]
        self.next = int((self.next + len(at)) % rows)
        self.count = min(rows, self.count + len(at))

    def sample(self, num_episodes: int, generator: torch.Generator) -> Remembered:
        """Uniform, with replacement."""
        rows = torch.randint(self.count, (num_episodes,), generator=generator)
        return _unplain({key: part[rows] for key, part in self.store.items()})

    def clear(self) -> None:
        self.count = self.next = 0

    def state(self) -> dict[str, Any]:
        """For a checkpoint: what is filled, copied, as a saved view brings along all it is a view of."""
        return {"store": {key: part[: self.count].clone() for key, part in self.store.items()}, "next": self.next}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.store, self.count, self.next = {}, 0, 0
        if state["store"]:
            self.add(_unplain(dict(state["store"])))
            self.next = state["next"]


@torch.no_grad()
def looked_again(model: Any, episodes: Remembered) -> list[Observation]:
    """Observations before each look and after the last, as the present model has them: T + 1 of n rows."""
    device = next(model.parameters()).device
    opening = None if episodes.opening is None else episodes.opening.to(device)
    state = model.open(opening, episodes.sizes_px.to(device))
    seen = [model.observe(state).detach()]
    valid = torch.ones(len(episodes.rewards), 1, dtype=torch.bool, device=device)
    for step in range(episodes.rewards.shape[1]):
        look = Look(action={}, viewpoints=episodes.viewpoints[:, step, None].to(device), valid=valid)
        state = model.update(state, episodes.glimpses[:, step, None].to(device), look)
        seen.append(model.observe(state).detach())
    return seen


def _plain(episodes: Remembered) -> Plain:
    parts = {f"action/{key}": part for key, part in episodes.action.items()}
    for name in ("sizes_px", "glimpses", "viewpoints", "rewards"):
        parts[name] = getattr(episodes, name)
    return parts if episodes.opening is None else {**parts, "opening": episodes.opening}


def _unplain(parts: Plain) -> Remembered:
    action = {key.removeprefix("action/"): part for key, part in parts.items() if key.startswith("action/")}
    names = ("sizes_px", "glimpses", "viewpoints", "rewards")
    return Remembered(**{name: parts[name] for name in names}, opening=parts.get("opening"), action=action)
