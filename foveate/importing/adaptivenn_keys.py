"""Names and shapes of the paper's checkpoints, and where each weight goes in ours.

One table maps our modules to theirs; norms that they keep in a list, one per step, are rows of one table in ours. Every
key is used, or stands in a list of keys that are known and not needed, or is refused by name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from foveate.errors import ModelFolderError
from foveate.importing.fitting import BLOCK, Modules, inside
from foveate.models.adaptivenn import AdaptiveNNConfig

PAPER_HEADS = 8  # attention heads leave no trace in the shapes; the paper's code has no other number

NEVER_USED = ("glance_net.norm.weight", "glance_net.norm.bias", "glance_net.head.weight", "glance_net.head.bias")
"""The glance ViT's own final norm and classifier: saved by the paper's code, never run, never trained."""

OFFSETS = "offset_xy"
"""A constant of the paper's code (the update's neighbourhood), saved with the weights; checked, not loaded."""

MLP = {"expand": "fc1", "project": "fc2"}


@dataclass(frozen=True, kw_only=True)
class PaperConfigs:
    """What builds the parts of one checkpoint."""

    model: AdaptiveNNConfig
    agent: Mapping[str, Any]
    """Fields of both ``GaussianConfig(**agent)`` and ``MapValueConfig(**agent)``: a family does not import policies."""


def configs_of(shapes: Mapping[str, tuple[int, ...]]) -> PaperConfigs:
    """The configuration that the shapes of a checkpoint imply; settings that leave no trace in shapes keep defaults."""
    try:
        tokens, dim = shapes["glance_net.pos_embed"][1:]
        patch = shapes["glance_net.patch_embed.proj.weight"]
        side, focus_side = math.isqrt(tokens), math.isqrt(shapes["focus_net.pos_embed"][1])
        steps = _count(shapes, r"policy_net_norm\.(\d+)\.") - 1
        agent: dict[str, Any] = {"feature_dim": dim, "grid": (side, side), "num_steps": steps}
        agent["kernel"] = shapes["policy_net_patch.conv1.weight"][2]
        agent["squeeze_dim"] = shapes["policy_net_patch.conv2.weight"][0]
        agent["hidden_dims"] = tuple(shapes[f"policy_net_patch.linear{i}.weight"][0] for i in (1, 2))
        model = AdaptiveNNConfig(
            num_outputs=shapes["policy_net_head.0.weight"][0],
            max_looks=steps,
            num_bands=patch[1],
            glance_px=(side * patch[2],) * 2,
            focus_px=(focus_side * patch[2],) * 2,
            patch_px=patch[2],
            embed_dim=dim,
            num_heads=PAPER_HEADS,
            glance_depth=_count(shapes, r"glance_net\.blocks\.(\d+)\."),
            focus_depth=_count(shapes, r"focus_net\.blocks\.(\d+)\."),
            head_blocks=_count(shapes, r"policy_net_classifier_list\.0\.(\d+)\."),
            mlp_ratio=shapes["focus_net.blocks.0.mlp.fc1.weight"][0] / dim,
            update_radius=math.isqrt(shapes["policy_net_recover.fc2.weight"][0]) // 2,
        )
    except KeyError as missing:
        raise ModelFolderError(
            f"not an AdaptiveNN checkpoint: it has no {missing} among its {len(shapes)} tensors. "
            "Give the .pth file that the paper's code saves."
        ) from None
    except (IndexError, ValueError) as error:
        raise ModelFolderError(f"not an AdaptiveNN checkpoint: its shapes make no sense ({error}).") from None
    return PaperConfigs(model=model, agent=agent)


def _count(shapes: Mapping[str, tuple[int, ...]], pattern: str) -> int:
    """How many different numbers stand at the group of a pattern."""
    found = {match[1] for name in shapes if (match := re.match(pattern, name))}
    if not found:
        raise KeyError(pattern.replace("\\", "").replace("(d+)", "*"))
    return len(found)


def model_modules(config: AdaptiveNNConfig) -> Modules:
    """Our model's modules and theirs."""
    trunk, looks = config.glance_depth - config.head_blocks, range(config.max_looks)
    for ours, theirs, depth in (("glance", "glance_net", trunk), ("focus", "focus_net", config.focus_depth)):
        yield f"{ours}.patches", f"{theirs}.patch_embed.proj"
        yield f"{ours}.positions", f"{theirs}.pos_embed"
        for i in range(depth):
            yield from inside(f"{ours}.blocks.{i}", f"{theirs}.blocks.{i}", BLOCK)
    for j in range(config.head_blocks):
        yield from inside(f"heads.stacks.0.{j}", f"glance_net.blocks.{trunk + j}", BLOCK)
        for t in looks:
            yield from inside(f"heads.stacks.{t + 1}.{j}", f"policy_net_classifier_list.{t}.{j}", BLOCK)
    for t in range(config.max_looks + 1):
        yield f"heads.pooled.{t}.norm", f"policy_net_norm.{t}"
        yield f"heads.pooled.{t}.linear", f"policy_net_head.{t}"
    yield "focus_head.norm", "focus_net.norm"
    yield "focus_head.linear", "focus_net.head"
    yield "reuse.state_norm", _steps("policy_net_recover_reuseNorm_list.{}", looks)
    yield "reuse.depthwise", "policy_net_recover_reuseConvHead"
    yield "reuse.token_norm", _steps("policy_net_recover_reuseMLP_preLN_list.{}", looks)
    yield from inside("reuse.mlp", "policy_net_recover_reuseMLP", MLP)
    yield "write.norm", _steps("policy_net_recover_preLN_list.{}", looks)
    yield from inside("write.mlp", "policy_net_recover", MLP)


def agent_modules(num_steps: int, *, is_critic: bool) -> Modules:
    """Modules of our Gaussian policy or map critic and theirs."""
    suffix, looks = "_stateV" if is_critic else "", range(num_steps)
    net = f"policy_net_patch{suffix}"
    yield "net.norm", _steps(f"policy_net_patch_norm_list{suffix}.{{}}", looks)
    yield "net.depthwise", f"{net}.conv1"
    yield "net.squeeze", f"{net}.conv2"
    for i in range(2):
        yield f"net.dense.{i}", f"{net}.linear{i + 1}"
        yield f"net.dense_norms.{i}", _steps(f"{net}.ln_list.{{}}.{i}", looks)
    yield "net.out", f"{net}.output_head.0"


def _steps(pattern: str, looks: range) -> tuple[str, ...]:
    return tuple(pattern.format(t) for t in looks)


def paper_offsets(radius: int) -> Tensor:
    """What :data:`OFFSETS` must hold: (x, y) of the neighbourhood, x fastest."""
    reach = torch.arange(-radius, radius + 1)
    y, x = torch.meshgrid(reach, reach, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()]).view(1, 2, 1, 1, -1)
