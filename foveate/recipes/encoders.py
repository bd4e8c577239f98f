"""The encoders that a zooming search may be trained with, and what each changes of its model and its training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from foveate.errors import UsageError, suggest
from foveate.models.efficientnet_lite0 import MEAN, STD

Encoder = Literal["small", "efficientnet_lite0"]


@dataclass(frozen=True, kw_only=True)
class EncoderChanges:
    """Plain values, by field of the config that they are of."""

    model: Mapping[str, Any] = field(default_factory=dict)
    train: Mapping[str, Any] = field(default_factory=dict)


ENCODERS: Mapping[str, EncoderChanges] = {
    "small": EncoderChanges(),
    "efficientnet_lite0": EncoderChanges(
        model={
            # As many places as the small one has. With those of stage 3, four times as large, looks of 64 px found a
            # fourth as much.
            "net": {"name": "efficientnet_lite0", "stage": 2, "pretrained": True},
            "mean": (MEAN,) * 3,
            "std": (STD,) * 3,
        },
        # Edges and colours are known: to learn them again would take as long as all the rest.
        train={"lr": 1e-3, "frozen": ("net.net.conv_stem", "net.net.bn1", "net.net.blocks.0", "net.net.blocks.1")},
    ),
}


def encoder_changes(name: str) -> EncoderChanges:
    """Of the one that is called so. Raises UsageError."""
    if name not in ENCODERS:
        raise UsageError(f"encoder is {name!r}; allowed are {' and '.join(ENCODERS)}.{suggest(str(name), ENCODERS)}")
    return ENCODERS[name]
