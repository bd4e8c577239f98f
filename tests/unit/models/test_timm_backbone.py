"""timm networks as backbones: the paper's ResNet variant, a DeiT and an EfficientNet."""

import numpy as np
import pytest
import torch

import foveate
from foveate.episode import Player
from foveate.errors import UsageError
from foveate.policies import POLICIES
from foveate.policies.random_looks import RandomConfig
from foveate.rollout import rollout
from foveate.scenes.memory import ArrayScenes

pytest.importorskip("timm")

BACKBONES = [
    {"name": "timm", "model": "resnet50", "stage": 3},
    {"name": "timm", "model": "deit_tiny_patch16_224"},
    {"name": "timm", "model": "efficientnet_b0"},
]


@pytest.mark.parametrize("backbone", BACKBONES, ids=lambda options: options["model"])
def test_an_episode_runs_and_learns_through_it(backbone: dict[str, object]) -> None:
    torch.manual_seed(0)
    model = foveate.create_model(
        "glance_focus", num_outputs=4, glance_px=(64, 96), focus_px=(64, 64), state_grid=(2, 3),
        glance=backbone, focus=backbone,
    )  # fmt: skip
    assert model.price().look_macs > 1e6
    scenes = ArrayScenes(np.random.default_rng(0).integers(0, 255, (2, 3, 128, 192), np.uint8))
    episode = rollout(scenes, Player(model=model, policy=POLICIES.get("random")(RandomConfig()), max_looks=1))
    assert episode.prediction.shape == (2, 4)
    episode.prediction.square().sum().backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in model.focus_net.parameters())


def test_vit_of_our_own() -> None:
    model = foveate.create_model(
        "glance_focus", num_outputs=4, glance_px=(32, 48), focus_px=(32, 32), state_grid=(2, 3),
        glance={"name": "vit", "size": "tiny"}, focus={"name": "vit", "size": "tiny"},
    )  # fmt: skip
    assert model.open(np.zeros((2, 1, 3, 32, 48), np.uint8), np.array([[64, 96]] * 2)).map.shape == (2, 6, 48)


def test_an_unknown_name_is_refused_with_a_hint() -> None:
    with pytest.raises(UsageError, match="resnet50"):
        foveate.create_model("glance_focus", num_outputs=4, glance={"name": "timm", "model": "resnett50"})
