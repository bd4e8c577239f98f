"""The paper's checkpoints: read completely or refused by name, and never run."""

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from foveate.cli.main import main
from foveate.critics.map_value import MapValue, MapValueConfig
from foveate.errors import ModelFolderError
from foveate.importing.adaptivenn import import_checkpoint, to_system
from foveate.importing.adaptivenn_keys import NEVER_USED, agent_modules, model_modules, paper_offsets
from foveate.importing.fitting import their_keys
from foveate.model_folder import load_system
from foveate.models.adaptivenn import AdaptiveNN, AdaptiveNNConfig
from foveate.policies.gaussian import Gaussian, GaussianConfig

CONFIG = AdaptiveNNConfig(
    num_outputs=5, max_looks=2, glance_px=(32, 32), focus_px=(16, 16), patch_px=8, embed_dim=16, num_heads=8,
    glance_depth=3, focus_depth=2, head_blocks=1,
)  # fmt: skip
AGENT = {"feature_dim": 16, "grid": (4, 4), "num_steps": 2, "squeeze_dim": 3, "hidden_dims": (6, 4)}
SETTINGS = {
    "input_size": 64, "focus_net_reg_size": 24, "loss_reg_focus_net_weight": 1.5, "opt_betas": None,
    "imagenet_default_mean_and_std": True,
}  # fmt: skip


def _their_weights() -> dict[str, Tensor]:
    """A small checkpoint in the paper's names (that these are theirs is checked by the golden test)."""
    torch.manual_seed(0)
    weights: dict[str, Tensor] = {"offset_xy": paper_offsets(2)}
    for part, modules in (
        (AdaptiveNN(CONFIG), model_modules(CONFIG)),
        (Gaussian(GaussianConfig(**AGENT)), agent_modules(2, is_critic=False)),
        (MapValue(MapValueConfig(**AGENT)), agent_modules(2, is_critic=True)),
    ):
        table = dict(modules)
        for ours, like in part.state_dict().items():
            theirs = their_keys(ours, table)
            shapes = [(theirs, like.shape)] if isinstance(theirs, str) else [(name, like.shape[1:]) for name in theirs]
            weights.update({name: torch.randn(shape) for name, shape in shapes})
    shapes = [(16,), (16,), (5, 16), (5,)]
    return weights | {name: torch.randn(shape) for name, shape in zip(NEVER_USED, shapes, strict=True)}


def _saved(path: Path, weights: dict[str, Tensor], *, args: Any = None, zipped: bool = True) -> Path:
    """A file with all that their training saves: learning rates are numpy scalars, settings an argparse namespace."""
    rate = np.float64(1e-3)
    content = {
        "model": weights,
        "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": rate, "betas": (0.9, 0.999)}]},
        "epoch": 299,
        "scaler": {"scale": 65536.0},
        "args": argparse.Namespace(**SETTINGS) if args is None else args,
    }
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_is_read_completely(tmp_path: Path, *, zipped: bool) -> None:
    theirs = _their_weights()
    imported = import_checkpoint(_saved(tmp_path / "c.pth", theirs, zipped=zipped))
    model = AdaptiveNN(imported.configs.model)
    agent = imported.configs.agent
    policy, critic = Gaussian(GaussianConfig(**agent)), MapValue(MapValueConfig(**agent))
    for part, state in ((model, imported.model), (policy, imported.policy), (critic, imported.critic)):
        part.load_state_dict(state, strict=True)
    assert torch.equal(model.heads.stacks[0][0].mlp.expand.weight, theirs["glance_net.blocks.2.mlp.fc1.weight"])
    assert torch.equal(model.reuse.token_norm.bias[1], theirs["policy_net_recover_reuseMLP_preLN_list.1.bias"])
    assert torch.equal(critic.net.dense_norms[0].weight[1], theirs["policy_net_patch_stateV.ln_list.1.0.weight"])
    loaded = sum(w.numel() for state in (imported.model, imported.policy, imported.critic) for w in state.values())
    unused = imported.provenance["num_never_used"]
    assert loaded + unused + theirs["offset_xy"].numel() == sum(w.numel() for w in theirs.values())
    assert unused == 2 * 16 + 5 * 16 + 5


def test_the_configuration_comes_from_the_shapes_and_the_settings(tmp_path: Path) -> None:
    imported = import_checkpoint(_saved(tmp_path / "c.pth", _their_weights()))
    config = imported.configs.model
    assert (config.glance_px, config.focus_px, config.patch_px) == ((32, 32), (16, 16), 8)
    assert (config.glance_depth, config.focus_depth, config.head_blocks, config.max_looks) == (3, 2, 1, 2)
    assert (config.focus_only_px, config.focus_only_weight) == ((24, 24), 1.5)
    assert imported.configs.agent == {**AGENT, "kernel": 3}
    assert imported.provenance["scene_px"] == 64
    assert imported.provenance["settings"] == SETTINGS
    assert imported.provenance["file"] == "c.pth"


def test_bare_weights_and_weights_saved_by_ddp_are_read_too(tmp_path: Path) -> None:
    torch.save({f"module.{name}": value for name, value in _their_weights().items()}, tmp_path / "bare.pth")
    imported = import_checkpoint(tmp_path / "bare.pth")
    assert imported.provenance["settings"] == {}
    assert imported.configs.model.focus_only_px == (160, 160)


def test_everything_that_does_not_fit_is_named(tmp_path: Path) -> None:
    weights = _their_weights()
    weights["surprise.weight"] = torch.zeros(1)
    weights["policy_net_norm.1.weight"] = torch.zeros(7)
    weights["policy_net_norm.2.bias"] = torch.full((16,), torch.nan)
    weights["offset_xy"] = weights["offset_xy"].flip(1)
    del weights["policy_net_patch.linear2.weight"], weights["focus_net.head.bias"]
    path = _saved(tmp_path / "c.pth", weights)
    with pytest.raises(ModelFolderError, match=r"no 'policy_net_patch\.linear2\.weight'"):
        import_checkpoint(path)
    weights["policy_net_patch.linear2.weight"] = torch.zeros(4, 6)
    with pytest.raises(ModelFolderError) as caught:
        import_checkpoint(_saved(path, weights))
    message = str(caught.value)
    for part in (
        "c.pth", "5 problems", "unknown: surprise.weight", "wrong shape: policy_net_norm.1.weight is 7, must be 16",
        "not finite: policy_net_norm.2.bias", "missing: focus_net.head.bias", "offset_xy",
    ):  # fmt: skip
        assert part in message


class _Attack:
    """Runs a command when it is unpickled."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = (function, args)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("kind", ["system", "eval", "namespace"])
def test_nothing_in_a_file_is_ever_run(tmp_path: Path, kind: str, *, zipped: bool) -> None:
    marker = tmp_path / "was_run"
    attacks: dict[str, Any] = {
        "system": _Attack(os.system, f"touch {marker}"),
        "eval": _Attack(eval, f"open({str(marker)!r}, 'w')"),
        "namespace": argparse.Namespace(input_size=_Attack(os.system, f"touch {marker}")),
    }
    path = _saved(tmp_path / "c.pth", _their_weights(), args=attacks[kind], zipped=zipped)
    with pytest.raises(ModelFolderError, match=r"refused; it holds (posix\.system|eval|nt\.system), .* could run code"):
        import_checkpoint(path)
    assert not marker.exists()


def test_settings_of_a_foreign_kind_are_inert(tmp_path: Path) -> None:
    """A numpy array of objects would call its content; numpy's scalars are replaced by holders that never do."""
    imported = import_checkpoint(
        _saved(tmp_path / "c.pth", _their_weights(), args=argparse.Namespace(input_size=np.float64(3), seed=1))
    )
    assert imported.provenance["settings"] == {"seed": 1}


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFolderError, match="no such file"):
        import_checkpoint(tmp_path / "absent.pth")
    with pytest.raises(ModelFolderError, match="no such file"):
        import_checkpoint(tmp_path)
    for content in (b"", b"not a pickle at all", b"PK\x03\x04 torn"):
        (tmp_path / "torn.pth").write_bytes(content)
        with pytest.raises(ModelFolderError, match=r"torn\.pth"):
            import_checkpoint(tmp_path / "torn.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(ModelFolderError, match="holds a list"):
        import_checkpoint(tmp_path / "list.pth")
    torch.save({"model": {"conv.weight": torch.zeros(1)}}, tmp_path / "other.pth")
    with pytest.raises(ModelFolderError, match="not an AdaptiveNN checkpoint"):
        import_checkpoint(tmp_path / "other.pth")


def test_the_command_makes_a_model_folder_that_answers_alike(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = _saved(tmp_path / "c.pth", _their_weights())
    (tmp_path / "names.txt").write_text("ant\nbee\ncat\ndog\nelk\n\n", encoding="utf-8")
    line = ["import", "adaptivenn", str(file), "--out", str(tmp_path / "m"), "--labels", str(tmp_path / "names.txt")]
    assert main([*line, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["provenance"]["num_never_used"] == 2 * 16 + 5 * 16 + 5
    saved = load_system(tmp_path / "m")
    assert saved.manifest.labels == ("ant", "bee", "cat", "dog", "elk")
    assert saved.manifest.provenance["sha256"] == import_checkpoint(file).provenance["sha256"]
    direct, glance = to_system(import_checkpoint(file)), torch.rand(2, 1, 3, 32, 32) * 255
    with torch.no_grad():
        answers = [
            (system.model.predict(state), system.critic.value(system.model.observe(state)))
            for system in (saved.system, direct)
            if (state := system.model.open(glance, [[64, 64]] * 2)) is not None and system.critic is not None
        ]
    for loaded, expected in zip(*answers, strict=True):
        assert torch.equal(loaded, expected)
    assert main(line) == 0
    assert "left out: 117 numbers" in capsys.readouterr().out


def test_a_refused_import_leaves_what_was_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = _their_weights()
    good = _saved(tmp_path / "good.pth", weights)
    bad = _saved(tmp_path / "bad.pth", {**weights, "surprise": torch.zeros(1)})
    out = str(tmp_path / "m")
    assert main(["import", "adaptivenn", str(good), "--out", out]) == 0
    assert main(["import", "adaptivenn", str(bad), "--out", out]) == 1
    assert "unknown: surprise" in capsys.readouterr().err
    assert load_system(out).manifest.provenance["file"] == "good.pth"
    assert main(["import", "adaptivenn", str(bad), "--out", str(tmp_path / "other")]) == 1
    assert not (tmp_path / "other").exists()


def test_wrong_questions_are_answered_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, names = str(_saved(tmp_path / "c.pth", _their_weights())), tmp_path / "names.txt"
    assert main(["import", "adaptiven", file, "--out", str(tmp_path / "m")]) == 2
    assert "Did you mean 'adaptivenn'" in capsys.readouterr().err
    for text, message in ((b"ant\nbee", "2 class names were given"), (b"a\na", "must differ"), (b"\xff", "UTF-8")):
        names.write_bytes(text)
        assert main(["import", "adaptivenn", file, "--out", str(tmp_path / "m"), "--labels", str(names)]) != 0
        assert message in capsys.readouterr().err
