"""AdaGlimpse's checkpoints: read completely or refused by name, and never run. What they compute: see tests/golden."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from foveate.cli.main import main
from foveate.core import Look
from foveate.episode import Player
from foveate.errors import ModelFolderError, UsageError
from foveate.evaluation.rules import rules_for
from foveate.geometry.patches import patch_boxes, square_boxes
from foveate.geometry.viewpoint import to_boxes_px
from foveate.importing.adaglimpse import import_system
from foveate.importing.adaglimpse_keys import ACTOR, ACTOR_COPIES, CRITICS, STALE_CRITICS, TARGET_CRITICS
from foveate.importing.adaglimpse_parity import CASES, fake_checkpoint, hyper_parameters, seeded_pictures, stored_shapes
from foveate.looker import Looker
from foveate.model_folder import load_system
from foveate.rollout import rollout
from foveate.scenes.memory import ArrayScenes

GOLDEN_DIR = Path(__file__).parents[2] / "golden" / "adaglimpse"
NORM = "patch_net_conv.1.running_mean"

Edit = Callable[[dict[str, Any]], None]


def _content(name: str) -> dict[str, Any]:
    """All that a file of a small model has (that the names are theirs, the goldens' script has seen)."""
    with np.load(GOLDEN_DIR / f"{name}.npz") as golden:
        return fake_checkpoint(stored_shapes(dict(golden)), hyper_parameters(name))


def _saved(path: Path, name: str = "classification", *, edit: Edit | None = None, **settings: Any) -> Path:
    content = _content(name)
    content["hyper_parameters"].update(settings)
    if edit is not None:
        edit(content["state_dict"])
    torch.save(content, path)
    return path


@pytest.mark.parametrize("name", CASES)
def test_a_checkpoint_becomes_a_model_folder_that_looks(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file, case = _saved(tmp_path / "c.ckpt", name), CASES[name]
    assert main(["import", "adaglimpse", str(file), "--out", "m", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["config"]["glimpse_grid"], said["config"]["max_looks"]) == (case.grid, case.num_glimpses)
    saved = load_system("m")
    assert saved.system.spec.task.name == name
    assert saved.manifest.provenance["sha256"] == import_system(file).provenance["sha256"]
    assert ("untaught" in saved.manifest.provenance) == (name == "reconstruction")

    picture = seeded_pictures("a picture", 1, 150, 210)[0].transpose(1, 2, 0)
    Image.fromarray(picture).save("picture.png")
    assert main(["look", "picture.png", "--model", "m", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert len(answer["looks"]) == case.num_glimpses
    direct = Looker(import_system(file).system).look("picture.png")
    assert [list(box) for box in direct.looks] == answer["looks"]
    assert direct.certainty == answer["certainty"]


def test_what_was_left_out_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _saved(tmp_path / "c.ckpt", "reconstruction")
    assert main(["import", "adaglimpse", str(file), "--out", str(tmp_path / "m")]) == 0
    said, case = capsys.readouterr().out, CASES["reconstruction"]
    assert f"left out: {1001 * case.embed_dim - case.embed_dim + 1000:,} numbers (a classifier" in said
    imported = import_system(file)
    inside = sum(w.numel() for part in imported.system.modules().values() for w in part.state_dict().values())
    ours = {"policy": 512, "model": case.decoder_dim + 1}  # the element for "nothing seen", the foretold error
    whole = sum(w.numel() for w in _content("reconstruction")["state_dict"].values() if isinstance(w, Tensor))
    assert inside - sum(ours.values()) + sum(imported.left_out.values()) == whole


def test_the_acting_copy_is_not_read(tmp_path: Path) -> None:
    """It differs in running statistics; the official evaluation uses those of the loss's own."""
    weights = _content("classification")["state_dict"]
    ours = import_system(_saved(tmp_path / "c.ckpt")).system.policy.state_dict()["reader.pool.patch_net.1.running_mean"]
    assert torch.equal(ours, weights[ACTOR + NORM])
    assert not torch.equal(ours, weights[ACTOR_COPIES[0] + NORM])


def test_a_backbone_that_was_not_compiled_is_read_too(tmp_path: Path) -> None:
    def plain(weights: dict[str, Any]) -> None:
        for name in [name for name in weights if "_orig_mod." in name]:
            weights[name.replace("_orig_mod.", "")] = weights.pop(name)

    one, other = (import_system(_saved(tmp_path / "c.ckpt", edit=edit)).system for edit in (None, plain))
    assert all(torch.equal(w, other.model.state_dict()[name]) for name, w in one.model.state_dict().items())


def test_there_is_no_value_to_stop_by(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Their critics judge looks; a value that nobody trained must not stop anything."""
    file = _saved(tmp_path / "c.ckpt")
    system = import_system(file).system
    assert system.critic is None
    assert {"value", "anti_value"}.isdisjoint(rules_for(system))
    assert main(["import", "adaglimpse", str(file), "--out", str(tmp_path / "m")]) == 0
    assert main(["calibrate", str(tmp_path / "m"), "--data", str(tmp_path), "--rules", "value"]) == 2
    assert "needs a critic, which this model lacks" in capsys.readouterr().err


def test_an_untaught_certainty_is_none(tmp_path: Path) -> None:
    looker = Looker(import_system(_saved(tmp_path / "c.ckpt", "reconstruction")).system)
    answers = [looker.look(picture.transpose(1, 2, 0)) for picture in seeded_pictures("two", 2, 64, 64)]
    assert [answer.certainty for answer in answers] == [0.0, 0.0]


def _without(name: str) -> Edit:
    def edit(weights: dict[str, Any]) -> None:
        del weights[name]

    return edit


def _changed(name: str, change: Callable[[Tensor], Any]) -> Edit:
    return lambda weights: weights.update({name: change(weights[name])})


def _added(name: str, value: Any) -> Edit:
    return lambda weights: weights.update({name: value})


MISFITS: dict[str, tuple[Edit, str]] = {
    "missing": (_without(f"{ACTOR}head.0.bias"), f"missing: {ACTOR}head.0.bias"),
    "missing block": (_without("mae._orig_mod.blocks.1.gamma_1"), "missing: mae.blocks.1.gamma_1"),
    "unknown": (_added("surprise.weight", torch.zeros(2)), "unknown: surprise.weight"),
    "unknown in a copy": (
        _added(f"{STALE_CRITICS[0]}extra.weight", torch.zeros(2)),
        "unknown: actor_critic.qvalue_net",
    ),
    "unknown target": (
        _added(f"{TARGET_CRITICS}extra.weight", torch.zeros(2)),
        "unknown: rl_loss_module.target_qvalue",
    ),
    "no tensor": (_added("mae._orig_mod.note", "hello"), r"mae\._orig_mod\.note is there twice, or no tensor: str"),
    "twice": (_added("mae.cls_token", torch.zeros(1, 1, 128)), r"mae\.\w+ is there twice"),
    "unequal copy": (
        _changed(f"{ACTOR_COPIES[1]}head.0.bias", lambda w: w + 1e-6),
        f"differs from the actor that it is a copy of: {ACTOR_COPIES[1]}head.0.bias",
    ),
    "one critic": (_changed(f"{CRITICS}head.2.bias", lambda w: w[:1]), "head.2.bias is 1x1, must be 2x1"),
    "shape": (_changed("mae._orig_mod.norm.bias", lambda w: w[:7]), "wrong shape: mae.norm.bias is 7, must be 128"),
    "not finite": (_changed("mae._orig_mod.norm.bias", lambda w: w * torch.nan), "not finite: mae.norm.bias"),
    "positions": (_changed("mae._orig_mod.pos_embed", lambda w: w + 1e-3), "unexpected values: mae.pos_embed"),
    "no square": (_changed("mae._orig_mod.pos_embed", lambda w: w[:, 1:]), "195 cells, which is no square"),
    "no backbone": (_without("mae._orig_mod.cls_token"), "not an AdaGlimpse checkpoint: it has no 'mae.cls_token'"),
}


@pytest.mark.parametrize("misfit", MISFITS)
def test_whatever_does_not_fit_is_named(tmp_path: Path, misfit: str) -> None:
    edit, message = MISFITS[misfit]
    with pytest.raises(ModelFolderError, match=message) as caught:
        import_system(_saved(tmp_path / "c.ckpt", edit=edit))
    assert "c.ckpt: " in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_glimpses": 0}, "num_glimpses is 0, must be a number from 1"),
        ({"num_glimpses": True}, "num_glimpses is True"),
        ({"glimpse_grid_size": "2"}, "glimpse_grid_size is '2'"),
        ({"glimpse_grid_size": None}, "no tensor's shape tells it"),
        ({"glimpse_grid_size": 15}, "glimpses of 240 px are larger than its scenes"),
        ({"max_glimpse_size_ratio": 1.5}, "max_glimpse_size_ratio is 1.5"),
        ({"extract_latent_layer": 2}, "extract_latent_layer is 2; the blocks are 0 to 1"),
        ({"exclude_rl_inputs": ["coords"]}, "was not told everything"),
    ],
)
def test_settings_that_cannot_be_are_refused(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelFolderError, match=message):
        import_system(_saved(tmp_path / "c.ckpt", **settings))


def test_settings_go_where_they_belong_and_unknown_ones_are_ignored(tmp_path: Path) -> None:
    settings = {"extract_latent_layer": 1, "max_glimpse_size_ratio": 0.5, "num_glimpses": 9, "patch_mix_alpha": 0.2}
    imported = import_system(_saved(tmp_path / "c.ckpt", **settings))
    config = imported.system.model.config
    assert (config.latent_block, config.zooms, config.max_looks) == (1, (0.5, 16 / 224), 9)
    assert imported.provenance["settings"]["patch_mix_alpha"] == 0.2  # type: ignore[index]
    assert (config.size, config.canvas) == ({"dim": 128, "depth": 2, "num_heads": 2}, None)


def test_classes_can_be_named(tmp_path: Path) -> None:
    file = _saved(tmp_path / "c.ckpt")
    assert import_system(file, class_names="abcdefghij").system.task.config.class_names == tuple("abcdefghij")
    with pytest.raises(UsageError, match="2 class names were given; this checkpoint tells 10 classes apart"):
        import_system(file, class_names=("ant", "bee"))
    with pytest.raises(UsageError, match="answers with pixels"):
        import_system(_saved(tmp_path / "r.ckpt", "reconstruction"), class_names=("ant",))


def test_other_files_are_refused(tmp_path: Path) -> None:
    whole = _saved(tmp_path / "whole.ckpt").read_bytes()
    for size in (0, 100, len(whole) // 2, len(whole) - 40):
        (tmp_path / "torn.ckpt").write_bytes(whole[:size])
        with pytest.raises(ModelFolderError, match=r"torn\.ckpt: damaged, or not a PyTorch checkpoint"):
            import_system(tmp_path / "torn.ckpt")
    with pytest.raises(ModelFolderError, match=r"no such file\. Give the \.ckpt"):
        import_system(tmp_path / "absent.ckpt")
    torch.save({"model": {"glance_net.pos_embed": torch.zeros(1, 4, 16)}, "epoch": 299}, tmp_path / "other.pth")
    with pytest.raises(ModelFolderError, match="not an AdaGlimpse checkpoint: it has no state_dict"):
        import_system(tmp_path / "other.pth")
    torch.save({"state_dict": {"backbone.weight": torch.zeros(1)}}, tmp_path / "other.ckpt")
    with pytest.raises(ModelFolderError, match=r"it has no 'mae\.cls_token' among its 1 tensors"):
        import_system(tmp_path / "other.ckpt")


class _Attack:
    """Runs a command when it is unpickled."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = (function, args)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize("kind", ["setting", "weight", "attribute"])
def test_nothing_in_a_file_is_ever_run(tmp_path: Path, kind: str) -> None:
    """The curve of a schedule comes by ``getattr``, for which a holder stands in: it must not get at anything."""
    marker = tmp_path / "was_run"
    touch = _Attack(os.system, f"touch {marker}")
    content = _content("classification")
    if kind == "setting":
        content["hyper_parameters"]["seed"] = touch
    elif kind == "weight":
        content["state_dict"]["surprise"] = touch
    else:
        content["lr_schedulers"] = [_Attack(getattr, _Attack(eval, f"open({str(marker)!r}, 'w')"), "close")]
    torch.save(content, tmp_path / "c.ckpt")
    with pytest.raises(ModelFolderError, match=r"refused; it holds \S+, .* could run code"):
        import_system(tmp_path / "c.ckpt")
    assert not marker.exists()


def test_the_inert_getattr_gets_nothing(tmp_path: Path) -> None:
    content = _content("classification")
    content["hyper_parameters"]["curve"] = _Attack(getattr, "a text", "upper")
    torch.save(content, tmp_path / "c.ckpt")
    assert "curve" not in import_system(tmp_path / "c.ckpt").provenance["settings"]  # type: ignore[operator]


def test_whoever_looks_the_places_are_those_of_the_patches_that_the_camera_takes(tmp_path: Path) -> None:
    """The camera rounds corners down; a control's looks are not on whole pixels, as the policy's own are."""
    model = import_system(_saved(tmp_path / "c.ckpt", "reconstruction")).system.model
    sizes_px, size_px = np.array([[150, 210]]), model.glimpse_size_px(1)
    between = np.array([[[0.0051, 0.1, 0.5, 50 / 210]]], np.float32)
    look = Look(action={}, viewpoints=between, valid=np.ones((1, 1), bool))
    state = model.update(model.open(None, sizes_px), np.zeros((1, 1, 3, *size_px), np.float32), look)
    taken = patch_boxes(to_boxes_px(between, sizes_px), 2, whole_px=True)
    unit_px = np.tile(sizes_px[0] / model.grid, 2)
    np.testing.assert_allclose(state.boxes[:, :4].numpy() * unit_px, taken, atol=1e-4)


def test_the_widest_glimpse_may_be_a_fraction_of_the_scene(tmp_path: Path) -> None:
    """0.7 of 224 px are 156.8 px, which the paper's code does not round before the action is applied."""
    system = import_system(_saved(tmp_path / "c.ckpt", max_glimpse_size_ratio=0.7)).system
    sizes_px = np.array([[224, 224]])
    with torch.no_grad():
        system.policy.head[2].bias[2] += 20  # as wide as can be
        look = system.policy.look(system.model.observe(system.model.open(None, sizes_px)))
    smallest, widest = np.full(1, 16), np.full(1, 156.8)
    place = look.action["place"].numpy()
    expected = square_boxes(place, sizes_px, sides_px=(smallest, widest))
    ours = to_boxes_px(look.viewpoints.numpy(), sizes_px)
    np.testing.assert_array_equal(ours, expected)
    assert ours[0, 0, 2] - ours[0, 0, 0] == 156


def test_rows_of_one_batch_do_not_disturb_each_other(tmp_path: Path) -> None:
    """Batch norm in the agent uses running statistics once the model is loaded."""
    system = import_system(_saved(tmp_path / "c.ckpt")).system
    player = Player(model=system.model, policy=system.policy, max_looks=3)
    pictures = seeded_pictures("three", 3, 96, 128)
    with torch.no_grad():
        together = rollout(ArrayScenes(pictures), player)
        alone = rollout(ArrayScenes(pictures[1:2]), player)
    np.testing.assert_array_equal(together.viewpoints[1], alone.viewpoints[0])
