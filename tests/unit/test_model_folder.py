"""Model folders: what is loaded is what was saved, and whatever does not fit is refused by name."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from foveate import atomic, model_folder
from foveate.episode import Player
from foveate.errors import ModelFolderError, OutputError, UsageError
from foveate.model_folder import MANIFEST, find_folder, load_system, read_manifest, save, shipped, update
from foveate.recipes.tiny_reconstruction import tiny_reconstruction
from foveate.rollout import rollout
from foveate.scenes.memory import ArrayScenes
from foveate.stopping.budgets import BudgetTable
from foveate.stopping.traces import Traces
from foveate.system import PartSpec, System, SystemSpec, build

PROVENANCE = {"command": "foveate train pictures", "seed": 7, "dataset": {"name": "pictures", "fingerprint": "abc"}}
TASK = PartSpec(name="classification", config={"class_names": ("cat", "dog", "newt")})


def adaptivenn() -> System:
    torch.manual_seed(1)
    return build(
        SystemSpec(
            model=PartSpec(name="adaptivenn_tiny", config={"num_outputs": 3}),
            policy=PartSpec(name="gaussian"),
            critic=PartSpec(name="map_value"),
            task=TASK,
        )
    ).train(False)


def glance_focus() -> System:
    torch.manual_seed(2)
    model = {"num_outputs": 3, "glance_px": (24, 32), "focus_px": (16, 16), "state_grid": (3, 4), "max_looks": 3}
    return build(
        SystemSpec(
            model=PartSpec(name="glance_focus", config=model),
            policy=PartSpec(name="spatial"),
            critic=PartSpec(name="spatial_value"),
            task=TASK,
        )
    ).train(False)


def budget_table(*, depths: int = 3) -> BudgetTable:
    rng = np.random.default_rng(0)
    looks = np.tile(np.arange(depths, dtype=np.float64), (60, 1))
    traces = Traces(
        scores=np.sort(rng.random((60, depths)), axis=1),
        costs={"looks": looks, "macs": 1e6 * (looks + 1)},
        values=rng.random((60, depths)),
        certainty={"confidence": rng.random((60, depths))},
        noise=rng.random((60, depths)),
        scene_noise=rng.random(60),
    )
    return BudgetTable.build(traces, rules=("value", "confidence"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save(
        adaptivenn(), tmp_path / "model", provenance=PROVENANCE, budgets=budget_table(), metrics={"correct": 0.5}
    )


def outputs(system: System) -> tuple[Any, ...]:
    images = np.random.default_rng(3).integers(0, 256, (4, 3, 70, 90), dtype=np.uint8)
    player = Player(model=system.model, policy=system.policy, critic=system.critic, ask=frozenset({"value"}))
    with torch.inference_mode():
        episode = rollout(ArrayScenes(images), player, keep_events=True)
    return episode.prediction.numpy(), episode.viewpoints, *(event.step.value for event in episode.events)


@pytest.mark.parametrize("make", [adaptivenn, glance_focus])
def test_what_is_loaded_gives_equal_outputs_to_the_bit(tmp_path: Path, make: Callable[[], System]) -> None:
    system = make()
    save(system, tmp_path / "m", provenance=PROVENANCE)
    state = torch.get_rng_state()
    saved = load_system(tmp_path / "m")
    assert torch.equal(torch.get_rng_state(), state)
    assert saved.system.spec.to_plain() == system.spec.to_plain()
    assert not saved.system.model.training
    for ours, theirs in zip(outputs(system), outputs(saved.system), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_it_holds_the_files_of_the_design_and_says_where_it_comes_from(folder: Path) -> None:
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert names == [
        "README.md", "budgets.json", "critic/weights.safetensors", "foveate.json", "model.safetensors",
        "policy/weights.safetensors",
    ]  # fmt: skip
    manifest = read_manifest(folder)
    assert (manifest.format, manifest.contract, manifest.labels) == (2, 1, ("cat", "dog", "newt"))
    assert manifest.provenance["command"] == PROVENANCE["command"]
    assert manifest.provenance["versions"]["torch"] == version("torch")
    assert set(manifest.files) == set(names) - {MANIFEST}
    card = (folder / "README.md").read_text()
    for part in ("cat, dog, newt", "foveate train pictures", "dataset.fingerprint: abc", "correct: 0.5", "60 pictures"):
        assert part in card


def test_budgets_come_back(folder: Path) -> None:
    budgets = load_system(folder).budgets
    assert budgets is not None
    np.testing.assert_array_equal(budgets.thresholds_for("1.5 looks"), budget_table().thresholds_for("1.5 looks"))


def test_budgets_for_more_looks_than_there_is_room_for_are_refused(tmp_path: Path) -> None:
    folder = save(glance_focus(), tmp_path / "m", provenance=PROVENANCE, budgets=budget_table())
    values = json.loads((folder / MANIFEST).read_text())
    values["system"]["model"]["config"]["max_looks"] = 1
    (folder / MANIFEST).write_text(json.dumps(values))
    with pytest.raises(ModelFolderError, match=r"budgets\.json is for 2 looks, and the model .* has room for 1"):
        load_system(folder)


def test_the_card_of_a_model_without_names_speaks_of_none(tmp_path: Path, folder: Path) -> None:
    rebuilds = save(tiny_reconstruction(steps=1).build(), tmp_path / "m", provenance=PROVENANCE)
    card = (rebuilds / "README.md").read_text("utf-8")
    assert "names above" not in card
    assert "Names (" not in card
    assert "it sees nothing at first" in card
    named = (folder / "README.md").read_text("utf-8")
    assert "Names (3): cat, dog, newt" in named
    assert "it glances at a picture" in named


def test_a_run_folder_will_do_and_so_will_the_manifest(tmp_path: Path) -> None:
    save(adaptivenn(), tmp_path / "run" / "model", provenance=PROVENANCE)
    for place in ("run", "run/model", "run/model/foveate.json"):
        assert find_folder(tmp_path / place) == tmp_path / "run" / "model"
    assert load_system(tmp_path / "run").budgets is None


def test_budgets_and_metrics_are_added_later(tmp_path: Path) -> None:
    save(adaptivenn(), tmp_path / "run" / "model", provenance=PROVENANCE, metrics={"a": 1})
    before = load_file(tmp_path / "run" / "model" / "model.safetensors")
    assert update(tmp_path / "run", budgets=budget_table(), metrics={"b": 2.0}) == tmp_path / "run" / "model"
    saved = load_system(tmp_path / "run")
    assert saved.budgets is not None
    assert saved.manifest.metrics == {"a": 1, "b": 2.0}
    assert all(torch.equal(saved.system.model.state_dict()[key], value) for key, value in before.items())
    assert "Calibrated on 60 pictures" in (saved.path / "README.md").read_text()


def test_a_policy_without_weights_and_no_critic_are_saved_too(tmp_path: Path) -> None:
    system = glance_focus()
    bare = System(spec=SystemSpec(model=system.spec.model, policy=system.spec.policy, task=TASK), model=system.model,
                  policy=system.policy, task=system.task)  # fmt: skip
    save(bare, tmp_path / "m", provenance=PROVENANCE)
    assert not (tmp_path / "m" / "critic").exists()
    assert load_system(tmp_path / "m").system.critic is None


def _edit(folder: Path, **changes: Any) -> None:
    values = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**values, **changes}))


FILES = ("model.safetensors", "policy/weights.safetensors", "critic/weights.safetensors", "budgets.json")


@pytest.mark.parametrize("name", FILES)
def test_a_missing_altered_or_truncated_file_is_named(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    altered = content[:-1] + bytes([content[-1] ^ 1])
    for spoilt, expected in ((altered, "altered"), (content[:100], "cut off"), (b"", "cut off")):
        (folder / name).write_bytes(spoilt)
        with pytest.raises(ModelFolderError, match=rf"{name}.*{expected}.*copy the model folder again"):
            load_system(folder)
    (folder / name).unlink()
    with pytest.raises(ModelFolderError, match=rf"{name}: is missing"):
        load_system(folder)


def test_the_card_may_be_edited(folder: Path) -> None:
    (folder / "README.md").write_text("mine")
    load_system(folder)
    (folder / "README.md").unlink()
    load_system(folder)


def test_a_card_that_somebody_edited_or_gave_stays(tmp_path: Path) -> None:
    """However often budgets are added; one that nobody touched follows them."""
    for name, given in (("edited", None), ("given", "mine")):
        folder = save(adaptivenn(), tmp_path / name, provenance=PROVENANCE, card=given)
        (folder / "README.md").write_text("mine")
        for _ in range(2):
            update(folder, budgets=budget_table())
            assert (folder / "README.md").read_text() == "mine"
    folder = save(adaptivenn(), tmp_path / "untouched", provenance=PROVENANCE)
    for metrics in ({"a": 1}, {"b": 2}):
        update(folder, budgets=budget_table(), metrics=metrics)
        text = (folder / "README.md").read_text()
        assert "Calibrated on 60 pictures" in text
        assert all(f"{name}: {value}" in text for name, value in metrics.items())


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_model_can_be_loaded_and_asked(name: str) -> None:
    """A part that was given another parameter since must not break the folders that are there."""
    saved = load_system(name)
    assert saved.budgets is not None
    size_px = (2 * saved.system.model.glimpse_size_px(1)[0], 3 * saved.system.model.glimpse_size_px(1)[1])
    player = Player(model=saved.system.model, policy=saved.system.policy, critic=saved.system.critic, max_looks=1)
    with torch.inference_mode():
        scenes = ArrayScenes(np.zeros((1, saved.system.model.num_bands, *size_px), np.uint8))
        answers = saved.system.task.answers(rollout(scenes, player).prediction)
    assert len(answers) == 1


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"format": 3}, "made by a newer foveate: format 3; this one reads up to 2; upgrade"),
        ({"format": None}, "no format number"),
        ({"format": True}, "no format number"),
        ({"format": 0}, "no format number"),
        ({"contract": 99}, "version 99 of foveate's contract"),
        ({"surprise": 1, "b": 2}, "unknown entries b, surprise"),
        ({"files": {"../../etc/passwd": "0"}}, "files that no model has"),
        ({"files": []}, "files have the wrong form"),
        ({"files": {}}, "no weights of the model"),
        ({"system": {"model": {"name": "adaptivenn_tinny"}}}, "the system: "),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(folder: Path, changes: dict[str, Any], expected: str) -> None:
    _edit(folder, **changes)
    with pytest.raises(ModelFolderError) as caught:
        load_system(folder)
    assert expected in str(caught.value)
    assert str(folder) in str(caught.value)


def test_unknown_settings_and_names_inside_the_system_are_refused(folder: Path) -> None:
    system = json.loads((folder / MANIFEST).read_text())["system"]
    for part, change, expected in (
        ("model", {"name": "adaptivenn_tinny"}, "Did you mean 'adaptivenn_tiny'"),
        ("model", {"config": {**system["model"]["config"], "colour": 1}}, "no setting 'colour'"),
        ("model", {"config": {**system["model"]["config"], "glance_px": 3}}, "glance_px is 3; it must be"),
        ("model", {"config": {**system["model"]["config"], "patch_px": 0}}, "no system that can be built"),
        ("critic", {"weights": 1}, "no setting 'weights'"),
    ):
        _edit(folder, system={**system, part: {**system[part], **change}})
        with pytest.raises(ModelFolderError, match=expected):
            load_system(folder)


@pytest.mark.parametrize("content", ["", "{", "[]", "3", "\udc80"])
def test_a_manifest_that_is_no_manifest(folder: Path, content: str) -> None:
    (folder / MANIFEST).write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(ModelFolderError, match=r"foveate\.json: (cannot be read|has no format)"):
        load_system(folder)


def test_weights_of_another_shape_are_refused(folder: Path) -> None:
    weights = load_file(folder / "policy/weights.safetensors")
    key = next(iter(weights))
    save_file(
        {**{name: value for name, value in weights.items() if name != key}, "odd": torch.zeros(1)},
        folder / "policy/weights.safetensors",
    )
    files = json.loads((folder / MANIFEST).read_text())["files"]
    _edit(
        folder,
        files={**files, "policy/weights.safetensors": model_folder._sha256(folder / "policy/weights.safetensors")},
    )
    with pytest.raises(ModelFolderError, match=rf"does not fit the model(.|\n)*{key}(.|\n)*odd"):
        load_system(folder)


def test_older_formats_go_through_the_table(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _edit(folder, format=1)
    monkeypatch.setattr(model_folder, "FORMAT_VERSION", 3)
    monkeypatch.setattr(model_folder, "MIGRATIONS", {})
    with pytest.raises(ModelFolderError, match="format 1, which is no longer read"):
        load_system(folder)
    steps = {
        1: lambda values: {**values, "labels": ["x"]},
        2: lambda values: {**values, "labels": values["labels"] + ["y"]},
    }
    monkeypatch.setattr(model_folder, "MIGRATIONS", steps)
    manifest = load_system(folder).manifest
    assert (manifest.format, manifest.labels) == (3, ("x", "y"))


def test_a_critic_of_format_1_was_told_no_dimensions_of_an_action(tmp_path: Path) -> None:
    spec = glance_focus().spec
    spec = replace(spec, policy=PartSpec(name="squashed_gaussian"), critic=PartSpec(name="set_q"))
    folder = save(build(spec), tmp_path / "model", provenance=PROVENANCE)
    system = json.loads((folder / MANIFEST).read_text())["system"]
    assert "action_dim" not in system["critic"]["config"]
    for told, is_read in ((None, True), (2, False)):
        system["critic"]["config"]["action_dim"] = told
        _edit(folder, format=1, system=system)
        if is_read:
            assert load_system(folder).system.critic.config == build(spec).critic.config
        else:
            with pytest.raises(ModelFolderError, match="no setting 'action_dim'"):
                load_system(folder)


@pytest.mark.parametrize("system", [3, {}, {"critic": None}, {"critic": 3}, {"critic": {"name": "set_q", "config": 3}}])
def test_a_system_of_format_1_that_is_none_is_refused_as_ever(folder: Path, system: Any) -> None:
    _edit(folder, format=1, system=system)
    with pytest.raises(ModelFolderError, match="system"):
        load_system(folder)


def test_places_that_are_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelFolderError, match=r"no such folder\. Give the folder that `foveate train`"):
        load_system(tmp_path / "nowhere")
    with pytest.raises(ModelFolderError, match="is not a model folder"):
        load_system(tmp_path)


def test_a_folder_with_other_things_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(OutputError, match="other things in it"):
        save(adaptivenn(), tmp_path, provenance=PROVENANCE)
    with pytest.raises(OutputError, match="is a file"):
        save(adaptivenn(), tmp_path / "thesis.txt", provenance=PROVENANCE)
    assert (tmp_path / "thesis.txt").read_text() == "precious"


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_full_disk_leaves_the_old_model(folder: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """The disk fills up at several moments of the saving."""
    before, calls, real = (folder / MANIFEST).read_bytes(), [], os.fsync

    def full(handle: int) -> None:
        calls.append(handle)
        if len(calls) > after:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(OutputError, match="the disk is full: free some space"):
        save(glance_focus(), folder, provenance=PROVENANCE)
    monkeypatch.undo()
    assert (folder / MANIFEST).read_bytes() == before
    assert load_system(folder).manifest.metrics == {"correct": 0.5}
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_folder_never_asks_for_published_weights_again(tmp_path: Path) -> None:
    """Weights that were fetched for training are in the folder: loading it once went to the hub all the same."""
    system = glance_focus()
    glance = {"name": "timm", "model": "resnet50", "pretrained": True}
    spec = replace(
        system.spec, model=PartSpec(name="glance_focus", config={**system.spec.model.config, "glance": glance})
    )
    folder = save(replace(system, spec=spec), tmp_path / "model", provenance=PROVENANCE)
    assert read_manifest(folder).system["model"]["config"]["glance"] == {**glance, "pretrained": False}


def test_full_length_is_as_trained_and_never_more_than_the_family_takes(tmp_path: Path) -> None:
    saved = load_system(save(glance_focus(), tmp_path / "model", provenance={**PROVENANCE, "looks": 2}))
    assert (saved.looks_of(None), saved.looks_of(3)) == (2, 3)
    with pytest.raises(UsageError, match=r"looks is 4.*takes at most 3: give 1 to 3"):
        saved.looks_of(4)
