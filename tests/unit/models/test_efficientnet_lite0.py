"""EfficientNet-Lite0 with published weights: the net of timm, cut after a stage, whose rows never meet."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import foveate
from foveate.cli import settings
from foveate.errors import IncompatibleError, MissingExtraError, UsageError
from foveate.model_folder import load_system, read_manifest, save
from foveate.models.backbones import BACKBONES
from foveate.models.efficientnet_lite0 import MEAN, PACKAGE, STD, EfficientNetLite0, fitted, published
from foveate.models.preprocess import Preprocess
from foveate.recipes.big_scene import big_scene
from foveate.system import build
from foveate.training.trainer import Trainer

timm = pytest.importorskip("timm")
pytest.importorskip(PACKAGE)

PHOTOS = Path(foveate.__file__).parent / "assets" / "photos"
CLASSES = {"bison": 347, "coffee": 967, "koala": 105, "macaw": 88, "polar_bear": 296}  # of ImageNet
GRIDS = [(16, 64), (24, 32), (40, 16), (112, 8), (320, 4)]  # channels and places a side of 128 px, by stage


def backbone(stage: int = 3, *, px: int = 64, pretrained: bool = True) -> EfficientNetLite0:
    torch.manual_seed(0)
    options = {"name": "efficientnet_lite0", "stage": stage, "pretrained": pretrained}
    net = BACKBONES.made(options, num_bands=3, image_px=(px, px))
    assert isinstance(net, EfficientNetLite0)
    return net


@pytest.fixture(scope="module")
def whole() -> Any:
    """Timm's own net, with the classifier, and the package's weights."""
    net = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    net.load_state_dict(fitted(net.state_dict(), published()))
    return net


@pytest.fixture(scope="module")
def photos() -> torch.Tensor:
    """The middle of each, as the net wants it."""
    made = []
    for name in CLASSES:
        with Image.open(PHOTOS / f"{name}.webp") as photo:
            side = min(photo.size)
            left, top = (photo.width - side) // 2, (photo.height - side) // 2
            cut = photo.convert("RGB").crop((left, top, left + side, top + side))
            made.append(np.asarray(cut.resize((224, 224), Image.Resampling.BICUBIC)))
    preprocess = Preprocess(value_range=(0.0, 255.0), mean=(MEAN,) * 3, std=(STD,) * 3)
    pixels: torch.Tensor = preprocess(np.stack(made).transpose(0, 3, 1, 2))
    return pixels


def test_photographs_get_their_classes_from_the_published_weights(whole: Any, photos: torch.Tensor) -> None:
    """Of this package's own photographs, in the net's own preprocessing: (x - 127) / 128."""
    assert photos.min() >= -127 / 128
    assert photos.max() <= 1
    with torch.no_grad():
        chances = whole(photos).softmax(1)
    assert chances.argmax(1).tolist() == list(CLASSES.values())
    assert chances.amax(1).min() > 0.8


@pytest.mark.parametrize("stage", range(5))
def test_every_stage_is_that_of_the_whole_net(stage: int, whole: Any, photos: torch.Tensor) -> None:
    net = backbone(stage, px=224)
    with torch.no_grad():
        expected = whole.forward_intermediates(photos, indices=[stage], intermediates_only=True)[0]
        for mode in (True, False):
            # Their layout in memory is another, and so may be the order of summing.
            torch.testing.assert_close(net.train(mode)(photos), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("stage", range(5))
def test_what_comes_out_is_as_said_and_what_follows_is_left_out(stage: int, whole: Any) -> None:
    net, (channels, side) = backbone(stage, px=128), GRIDS[stage]
    assert (net.dim, net.grid) == (channels, (side, side))
    assert net(torch.zeros(2, 3, 128, 128)).shape == (2, channels, side, side)
    kept = set(net.net.state_dict())
    assert kept | set(net.dropped) == set(whole.state_dict())
    assert not kept & set(net.dropped)
    assert "classifier.bias" in net.dropped


def test_rows_never_depend_on_each_other_and_statistics_stand_still() -> None:
    net = backbone().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    pixels = torch.randn(4, 3, 64, 64)
    together = net(pixels)
    alone = torch.cat([net(row[None]) for row in pixels])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)
    together.square().mean().backward()
    assert all(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in net.parameters())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert net.training
    assert not net.eval().training


def test_without_published_weights_it_is_as_random_as_any_other() -> None:
    one, other = backbone(2), backbone(2, pretrained=False)
    assert not other.dropped
    assert other.state_dict().keys() == one.state_dict().keys()
    assert not torch.equal(one.net.conv_stem.weight, other.net.conv_stem.weight)


def test_the_wrong_bands_and_stages_are_refused() -> None:
    with pytest.raises(UsageError, match=r"num_bands is 4; efficientnet_lite0 reads 3"):
        EfficientNetLite0(num_bands=4, image_px=(64, 64), pretrained=True)
    with pytest.raises(UsageError, match=r"stage is 5; efficientnet_lite0 has the stages 0 to 4"):
        backbone(5)
    with pytest.raises(UsageError, match="needs the option 'pretrained'"):
        BACKBONES.made({"name": "efficientnet_lite0"}, num_bands=3, image_px=(64, 64))


def test_weights_that_do_not_fit_to_the_last_one_are_refused(whole: Any) -> None:
    ours, theirs = whole.state_dict(), dict(published())
    with pytest.raises(IncompatibleError, match=r"missing: classifier.bias .*foveate\[pretrained\]"):
        fitted(ours, {name: value for name, value in theirs.items() if name != "_fc.bias"})
    with pytest.raises(IncompatibleError, match="unknown: more"):
        fitted(ours, {**theirs, "more": torch.zeros(1)})
    with pytest.raises(IncompatibleError, match=r"conv_stem.weight from _conv_stem.weight \(1 of"):
        fitted(ours, {**theirs, "_conv_stem.weight": torch.zeros(32, 3, 5, 5)})


def test_a_saved_model_needs_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = big_scene(side_px=512, encoder="efficientnet_lite0")
    system = recipe.build()
    folder = save(system, tmp_path / "model", provenance={"command": "test", "seed": 0, "data": "none"})
    net = read_manifest(folder).system["model"]["config"]["net"]
    assert net == {"name": "efficientnet_lite0", "stage": 2, "pretrained": False}
    monkeypatch.setitem(sys.modules, PACKAGE, None)  # importing it fails as if it were not there
    with pytest.raises(MissingExtraError, match=r"foveate\[pretrained\]"):
        recipe.build()
    loaded = load_system(folder).system.model.state_dict()
    assert all(torch.equal(value, loaded[name]) for name, value in system.model.state_dict().items())


def test_the_recipe_of_big_scenes_takes_it_and_is_otherwise_as_it_was() -> None:
    known = settings.from_texts("big_scene", ["encoder=efficientnet_lite0"])
    assert known == {"encoder": "efficientnet_lite0"}
    with pytest.raises(UsageError, match=r"--set encoder is 'large'; it must be 'small' or 'efficientnet_lite0'"):
        settings.from_texts("big_scene", ["encoder=large"])
    with pytest.raises(UsageError, match=r"encoder is 'smal'.*Did you mean 'small'"):
        big_scene(encoder="smal")  # type: ignore[arg-type]
    small, large = big_scene(), big_scene(**known)
    assert not {"net", "mean", "std"} & set(small.system.model.config)
    assert 0 < large.train.lr < small.train.lr
    own = {key: value for key, value in large.system.model.config.items() if key not in ("net", "mean", "std")}
    assert own == small.system.model.config
    assert replace(large.train, lr=small.train.lr, frozen=()) == small.train
    assert build(large.system).model.net.grid == build(small.system).model.net.grid


def test_a_search_learns_through_it() -> None:
    recipe = big_scene(side_px=512, steps=2, encoder="efficientnet_lite0")
    recipe = recipe.with_train(batch_size=4, num_looks=8, opening_frac=0.0, warmup_frac=0.0)
    torch.manual_seed(0)
    system = recipe.build()
    before = {name: value.clone() for name, value in system.model.net.state_dict().items()}
    Trainer(system, recipe.source, recipe.train).run()
    after = system.model.net.state_dict()
    moved = {name for name, value in after.items() if not torch.equal(value, before[name])}
    learns = {name for name, _ in system.model.net.named_parameters() if name.startswith("net.blocks.2.")}
    assert moved == learns, "edges and colours are known"
    assert learns
