"""What the paper's code and ours must agree on: seeded weights and pictures, and all that comes out at each step.

Used by scripts/parity_adaptivenn.py, which runs the paper's code, and by the golden test, which does not need it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from foveate.core import Critic, Policy
from foveate.importing.adaptivenn_keys import OFFSETS, PaperConfigs, configs_of, paper_offsets
from foveate.models.adaptivenn import AdaptiveNN
from foveate.models.adaptivenn_pixels import paper_crops, paper_glance
from foveate.models.seeded import seeded_parameter, seeded_uniform

Outputs = dict[str, NDArray[np.float32]]

UPDATE_GAIN = 0.1
"""Of the last layer of the update's kernels. About a hundred kernel weights meet in one state cell; without this the
random state would grow thirtyfold per look and amplify the rounding of float32 as much, which no trained net does."""


def seeded_weights(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Weights by the paper's names, made from these names and shapes alone."""
    weights = {name: seeded_parameter(name, shape) for name, shape in shapes.items() if name != OFFSETS}
    for name in weights:
        if name.startswith("policy_net_recover.fc2"):
            weights[name] *= UPDATE_GAIN
    if OFFSETS in shapes:
        weights[OFFSETS] = paper_offsets(configs_of(shapes).model.update_radius)
    return weights


def seeded_images(num_scenes: int, side_px: int) -> Tensor:
    """Pictures ``[n, 3, side, side]`` with coarse and fine structure, made from their numbers; about unit variance.

    Smooth, as photographs are: where neighbouring pixels are unrelated, the rounding error of a location grows about
    twentyfold per look, in either code (given the same locations, they agree to 1e-5 on white noise too).
    """
    levels = []
    for cells, weight in ((6, 1.5), (36, 1.0)):
        noise = np.stack([seeded_uniform(f"{cells} cells/{i}", (3, cells, cells)) for i in range(num_scenes)])
        levels.append(weight * F.interpolate(torch.from_numpy(noise), size=(side_px, side_px), mode="bicubic"))
    return levels[0] + levels[1]


def plain_configs(weights: Mapping[str, Tensor], *, focus_only_px: int) -> PaperConfigs:
    """What the weights imply, for pixels that are normalised already."""
    configs = configs_of({name: tuple(value.shape) for name, value in weights.items()})
    bands = configs.model.num_bands
    model = replace(
        configs.model,
        value_range=(0.0, 1.0),
        mean=(0.0,) * bands,
        std=(1.0,) * bands,
        focus_only_px=(focus_only_px, focus_only_px),
    )
    return replace(configs, model=model)


@torch.no_grad()
def replay(model: AdaptiveNN, policy: Policy, critic: Critic, images: Tensor) -> Outputs:
    """A full-length episode on images ``[n, C, H, W]``, read as the paper's code reads them, answering at every step.

    Gives ``logits [n, T + 1, K]``, ``values [n, T]``, ``locations [n, T, 2]`` and ``focus_only [n, K]``.
    """
    config = model.config
    state = model.open(paper_glance(images, config.glance_px), torch.tensor([images.shape[-2:]] * len(images)))
    logits, values, locations = [model.predict(state)], [], []
    for _ in range(config.max_looks):
        seen = model.observe(state)
        values.append(critic.value(seen))
        look = policy.look(seen)
        locations.append(look.action["corner"][:, 0])
        state = model.update(state, paper_crops(images, look.viewpoints, config.focus_px), look)
        logits.append(model.predict(state))
    whole = paper_glance(images, config.focus_only_px)[:, 0]
    stacked = {
        "logits": torch.stack(logits, 1),
        "values": torch.stack(values, 1),
        "locations": torch.stack(locations, 1),
    }
    stacked["focus_only"] = model.focus_only(whole)
    return {name: value.numpy() for name, value in stacked.items()}
