"""What an AdaGlimpse checkpoint is a checkpoint of: read from the shapes of its tensors and from its settings.

Shapes win. The settings are asked only for what leaves no trace in them: how many glimpses, of how many patches.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import torch

from foveate.critics.set_q import SetQConfig
from foveate.errors import ModelFolderError, UsageError
from foveate.importing.adaglimpse_keys import ACTOR, CLASSIFIER, POSITIONS
from foveate.models.elastic_config import ElasticTokensConfig
from foveate.models.elastic_encoder import ELASTIC_SIZES
from foveate.models.elastic_tokens import ElasticTokens
from foveate.policies.squashed_gaussian import SquashedGaussianConfig

Shapes = Mapping[str, tuple[int, ...]]
C = TypeVar("C")

HEAD_DIM = 64  # of the encoder's attention: 6, 12 and 16 heads of their small, base and large
CANVAS_HEADS = 16
PLACE_SHIFT = 0.5  # torchrl 0.3.1, with which they trained, adds it to the location
TASKS = {"classes": "classification", "pixels": "reconstruction", "segments": "segmentation"}


@dataclass(frozen=True, kw_only=True)
class PaperConfigs:
    """What builds the parts of one checkpoint."""

    model: ElasticTokensConfig
    agent: Mapping[str, Any]
    """What the policy and the critics have in common and a model does not tell them."""
    told: Mapping[str, Any]
    """What the model tells them."""
    depth: int
    """Blocks of the encoder."""

    @property
    def task(self) -> str:
        return TASKS[self.model.answer["name"]]

    @property
    def policy_settings(self) -> dict[str, Any]:
        return {**self.agent, "whole_px": True, "shift": PLACE_SHIFT}

    def policy(self) -> SquashedGaussianConfig:
        return self._told(SquashedGaussianConfig, self.policy_settings)

    def critic(self) -> SetQConfig:
        return self._told(SetQConfig, self.agent)

    def _told(self, config_class: type[C], settings: Mapping[str, Any]) -> C:
        wanted = {f.name for f in fields(config_class)}  # type: ignore[arg-type]
        return config_class(**{name: value for name, value in self.told.items() if name in wanted}, **settings)


def configs_of(shapes: Shapes, settings: Mapping[str, Any]) -> PaperConfigs:
    """The configuration of short names and shapes, and of the file's ``hyper_parameters``."""
    try:
        return _configs(shapes, settings)
    except KeyError as missing:
        raise ModelFolderError(
            f"not an AdaGlimpse checkpoint: it has no {missing} among its {len(shapes)} tensors. "
            "Give the .ckpt that the paper's code saves while it trains an agent."
        ) from None
    except (IndexError, ValueError, ZeroDivisionError) as error:  # UsageError too, of a config that cannot be
        raise ModelFolderError(f"not an AdaGlimpse checkpoint: its shapes make no sense ({error}).") from None


def _configs(shapes: Shapes, settings: Mapping[str, Any]) -> PaperConfigs:
    dim, depth = shapes["mae.cls_token"][2], _count(shapes, r"mae\.blocks\.(\d+)\.")
    bands, patch_px = shapes["mae.patch_embed.proj.weight"][1:3]
    if dim % HEAD_DIM:
        raise UsageError(f"the tokens have {dim} features; their heads have {HEAD_DIM} each")
    glimpses, side, ratio = _looks(settings)
    canvas_px = _canvas_px(shapes[POSITIONS][1], patch_px, settings)
    if side * patch_px > min(canvas_px):
        raise ModelFolderError(
            f"glimpse_grid_size is {side}: glimpses of {side * patch_px} px are larger than its scenes, {canvas_px}"
        )
    model = ElasticTokensConfig(
        num_bands=bands,
        size=_size({"dim": dim, "depth": depth, "num_heads": dim // HEAD_DIM}),
        patch_px=patch_px,
        glimpse_grid=side,
        canvas_px=canvas_px,
        max_looks=glimpses,
        importance="softmax",
        latent_block=_latent_block(settings, depth),
        zooms=(ratio, side * patch_px / min(canvas_px)),
        legacy_sampling=True,
        **_answer(shapes),
    )
    hidden = shapes[f"{ACTOR}pooling.attention.2.weight"]
    agent = {"hidden_dim": hidden[1], "num_heads": hidden[0], "norm": "batch", "sees_summary": False}
    with torch.device("meta"):
        told = vars(ElasticTokens(model).observation_shape)
    return PaperConfigs(model=model, agent=agent, told=told, depth=depth)


def _answer(shapes: Shapes) -> dict[str, Any]:
    """By the decoder that is there: pixels, segments, or none, then classes."""
    pixels, stages = "mae.decoder_pred.weight" in shapes, _stages(shapes)
    if not pixels and not stages:
        return {"num_outputs": shapes[CLASSIFIER[0]][0], "answer": {"name": "classes"}}
    canvas = {
        "dim": shapes["mae.decoder_embed.weight"][0],
        "depth": _count(shapes, r"mae\.decoder_blocks\.(\d+)\."),
        "num_heads": CANVAS_HEADS,
    }
    if pixels:
        return {"canvas": canvas, "answer": {"name": "pixels"}}
    *widths, outputs = stages
    return {"canvas": canvas, "num_outputs": outputs, "answer": {"name": "segments", "widths": tuple(widths)}}


def _stages(shapes: Shapes) -> list[int]:
    """Channels after each convolution of the segmentation's head, the classes last."""
    convolutions = {
        int(match[1]): shape[0]
        for name, shape in shapes.items()
        if (match := re.fullmatch(r"mae\.decoder_segment\.conv_head\.(\d+)\.weight", name)) and len(shape) == 4
    }
    return [convolutions[place] for place in sorted(convolutions)]


def _looks(settings: Mapping[str, Any]) -> tuple[int, int, float]:
    """Glimpses of an episode, patches along a side of one, and the widest as a share of the scene's shorter side."""
    found = []
    for name in ("num_glimpses", "glimpse_grid_size"):
        value = settings.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ModelFolderError(
                f"hyper_parameters: {name} is {value!r}, must be a number from 1: no tensor's shape tells it, so the "
                "file must"
            )
        found.append(value)
    ratio = settings.get("max_glimpse_size_ratio", 1.0)
    if not isinstance(ratio, int | float) or not 0 < ratio <= 1:
        raise ModelFolderError(f"hyper_parameters: max_glimpse_size_ratio is {ratio!r}, must be above 0, at most 1")
    if excluded := settings.get("exclude_rl_inputs"):
        raise ModelFolderError(f"its agent was not told everything (exclude_rl_inputs: {excluded}), which is not read")
    return found[0], found[1], float(ratio)


def _latent_block(settings: Mapping[str, Any], depth: int) -> int | None:
    block = settings.get("extract_latent_layer")
    if block is not None and block not in range(depth):
        raise ModelFolderError(f"hyper_parameters: extract_latent_layer is {block!r}; the blocks are 0 to {depth - 1}")
    return block


def _canvas_px(num_cells: int, patch_px: int, settings: Mapping[str, Any]) -> tuple[int, int]:
    """Size of its scenes: as its settings say if that has so many cells, else a square."""
    said = settings.get("image_size")
    if isinstance(said, list | tuple) and len(said) == 2 and all(isinstance(side, int) for side in said):
        rows, cols = (side // patch_px for side in said)
        if rows * cols == num_cells:
            return rows * patch_px, cols * patch_px
    side = math.isqrt(num_cells)
    if side * side != num_cells:
        raise UsageError(f"{POSITIONS} has {num_cells} cells, which is no square; image_size is {said!r}")
    return side * patch_px, side * patch_px


def _size(shape: dict[str, int]) -> str | dict[str, int]:
    """By its name, if it has one."""
    return next((name for name, known in ELASTIC_SIZES.items() if known == shape), shape)


def _count(shapes: Shapes, pattern: str) -> int:
    """How many different numbers stand at the group of a pattern."""
    found = {match[1] for name in shapes if (match := re.match(pattern, name))}
    if not found:
        raise KeyError(pattern.replace("\\", "").replace("(d+)", "*"))
    return len(found)
