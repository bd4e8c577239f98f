"""Fine-tuning: what is kept, what starts anew, what stays frozen, and refusals that say what to do."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from foveate.errors import DataError, IncompatibleError, ModelFolderError, UsageError
from foveate.model_folder import load_system, save
from foveate.recipes.finetune import FinetuneRecipe, finetune
from foveate.recipes.picture_folder import picture_folder
from foveate.system import PartSpec, System, SystemSpec, build
from foveate.training.trainer import Trainer
from tests.unit.recipes.test_picture_folder import fill
from tests.unit.training import tiny
from tests.unit.training.tiny import weights

GLANCE_FOCUS: dict[str, Any] = {**tiny.GLANCE_FOCUS, "mean": (0.4,)}
POOL_HEAD = {f"model.{part}.logits.{name}" for part in ("readout", "auxiliary") for name in ("weight", "bias")}
STEP_HEADS = {
    f"model.{part}.linear.{name}"
    for part in ("heads.pooled.0", "heads.pooled.1", "heads.pooled.2", "focus_head")
    for name in ("weight", "bias")
}
SPOTTING_HEAD = {"model.readout.logits.weight", "model.readout.logits.bias"}
KINDS = {
    "glance_focus": ("glance_focus", GLANCE_FOCUS, "spatial", "spatial_value", "classification", POOL_HEAD),
    "adaptivenn": ("adaptivenn_tiny", {"num_outputs": 3}, "gaussian", "map_value", "classification", STEP_HEADS),
    "spotting": (
        "glance_focus", GLANCE_FOCUS | {"auxiliary": "places"}, "spatial", "spatial_value", "spotting", SPOTTING_HEAD,
    ),
}  # fmt: skip


def trained(
    place: Path, kind: str = "glance_focus", *, names: tuple[str, ...] = ("a", "b", "c"), **config: Any
) -> Path:
    """A model folder of a system that stands for a trained one."""
    model, settings, policy, critic, task, _ = KINDS[kind]
    torch.manual_seed(3)
    spec = SystemSpec(
        model=PartSpec(name=model, config={**settings, "num_outputs": len(names), **config}),
        policy=PartSpec(name=policy),
        critic=PartSpec(name=critic),
        task=PartSpec(name=task, config={"class_names": names}),
    )
    return save(build(spec), place, provenance={"command": "test", "seed": 0, "data": "others", "looks": 2})


def built(recipe: FinetuneRecipe, *, seed: int = 0) -> System:
    torch.manual_seed(seed)
    return recipe.build()


def trainer_of(recipe: FinetuneRecipe, system: System, **options: Any) -> Trainer:
    config = recipe.with_train(eval_scenes=2).train
    return Trainer(system, recipe.source, config, held_out=recipe.calibration, **options)


def moved(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    assert before.keys() == after.keys()
    return {name for name in before if not torch.equal(before[name], after[name])}


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_head_starts_anew_when_the_classes_are_others(tmp_path: Path, kind: str) -> None:
    base = trained(tmp_path / "base", kind)
    recipe = finetune(fill(tmp_path / "pictures", 24, classes="xy"), start=base, steps=2, batch_size=4)
    head = KINDS[kind][-1]
    assert set(recipe.new_weights) == head
    old, new = weights(load_system(base).system), weights(built(recipe))
    assert old.keys() == new.keys()
    assert all(torch.equal(old[name], new[name]) for name in old if name not in head)
    assert {name for name in old if old[name].shape != new[name].shape} == head
    assert recipe.system.task.config["class_names"] == ("x", "y")
    assert any(all(name in note for name in head) for note in recipe.notes)


@pytest.mark.parametrize("kind", KINDS)
def test_with_the_same_classes_everything_is_kept(tmp_path: Path, kind: str) -> None:
    base = trained(tmp_path / "base", kind)
    recipe = finetune(fill(tmp_path / "pictures", 24, classes="abc"), start=base, steps=2)
    assert recipe.new_weights == ()
    assert not moved(weights(load_system(base).system), weights(built(recipe)))
    assert recipe.train.agent_warmup_frac == 0


def test_as_many_other_classes_or_another_order_are_another_answer(tmp_path: Path) -> None:
    pictures = fill(tmp_path / "pictures", 24, classes="abc")
    for number, names in enumerate([("a", "b", "d"), ("c", "b", "a")]):
        base = trained(tmp_path / str(number), names=names)
        assert set(finetune(pictures, start=base, steps=1).new_weights) == POOL_HEAD


@pytest.mark.parametrize("kind", KINDS)
def test_training_with_a_learning_rate_of_zero_changes_nothing(tmp_path: Path, kind: str) -> None:
    base = trained(tmp_path / "base", kind)
    recipe = finetune(fill(tmp_path / "pictures", 24, classes="xy"), start=base, steps=3, batch_size=4, lr=0.0)
    trainer = trainer_of(recipe, built(recipe))
    assert trainer.run().finished
    old, new = weights(load_system(base).system), weights(trainer.system)
    assert {name for name in old if not torch.equal(old[name], new[name])} == KINDS[kind][-1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_frozen_backbone_learns_a_head_and_where_to_look(tmp_path: Path, kind: str) -> None:
    recipe = finetune(
        fill(tmp_path / "pictures", 24, classes="xy"),
        start=trained(tmp_path / "base", kind), steps=4, batch_size=4, freeze="backbone", lr=1e-2,
    )  # fmt: skip
    system = built(recipe)
    before = weights(system)
    trainer_of(recipe, system).run()
    changed = moved(before, weights(system))
    assert {name for name in changed if name.startswith("model.")} == KINDS[kind][-1]
    assert any(name.startswith("policy.") for name in changed)


def test_a_frozen_agent_stays_as_it_is(tmp_path: Path) -> None:
    base = trained(tmp_path / "base")
    recipe = finetune(fill(tmp_path / "pictures", 24), start=base, steps=4, batch_size=4, freeze="agent", lr=1e-2)
    system = built(recipe)
    before = weights(system)
    trainer_of(recipe, system).run()
    changed = moved(before, weights(system))
    assert changed
    assert all(name.startswith("model.") for name in changed)
    with pytest.raises(UsageError, match="the agent is frozen"):
        recipe.with_policy("gaussian")


@pytest.mark.parametrize("freeze", [None, "backbone"])
def test_stopped_and_resumed_equals_uninterrupted(tmp_path: Path, freeze: str | None) -> None:
    pictures, base = fill(tmp_path / "pictures", 24, classes="xy"), trained(tmp_path / "base")

    def recipe() -> FinetuneRecipe:
        return finetune(pictures, start=base, steps=4, batch_size=4, freeze=freeze)

    whole = trainer_of(recipe(), built(recipe()))
    whole.run()
    (tmp_path / "run").mkdir()
    cut = trainer_of(recipe(), built(recipe()), folder=tmp_path / "run")
    learn = cut._step

    def learn_until_second(*arguments: Any) -> None:
        learn(*arguments)
        if cut.step == 2:
            signal.raise_signal(signal.SIGINT)

    cut._step = learn_until_second  # type: ignore[method-assign]
    assert not cut.run().finished
    resumed = trainer_of(recipe(), built(recipe(), seed=5), folder=tmp_path / "run")
    assert resumed.run(resume=True).finished
    assert not moved(weights(whole.system), weights(resumed.system))


def test_what_the_model_sees_and_how_long_is_kept(tmp_path: Path) -> None:
    pictures, base = fill(tmp_path / "pictures", 24, classes="xy"), trained(tmp_path / "base")
    recipe = finetune(pictures, start=base, steps=1)
    old = load_system(base).system.spec.model.config
    assert recipe.system.model.config == {**old, "num_outputs": 2}
    assert recipe.train.num_looks == 2
    assert finetune(pictures, start=base, steps=1, looks=3).train.num_looks == 3
    scratch = picture_folder(pictures, steps=1)
    assert recipe.train.lr == scratch.train.lr / 10
    assert recipe.train.warmup_frac < scratch.train.warmup_frac


def test_its_parts_are_those_that_calibrate_and_evaluate_take(tmp_path: Path) -> None:
    """Also where the recipe from scratch leaves small pictures out."""
    pictures = fill(tmp_path / "pictures", 30)
    for i in range(6):
        Image.new("RGB", (5, 5), (40 * i, 0, 0)).save(pictures / "ab"[i % 2] / f"dot{i}.png")
    ours, theirs = finetune(pictures, start=trained(tmp_path / "base"), steps=1), picture_folder(pictures, steps=1)
    for name in ("source", "calibration", "test"):
        assert set(getattr(theirs, name).folder.paths) <= set(getattr(ours, name).folder.paths)
    assert any("6 pictures are smaller than a fixation of 8 x 8 px" in note for note in ours.notes)


def test_the_provenance_says_what_it_was_made_of(tmp_path: Path) -> None:
    base = trained(tmp_path / "base")
    recipe = finetune(fill(tmp_path / "pictures", 24), start=base, steps=1, seed=1)
    told = recipe.provenance["finetuned_from"]
    assert told["folder"] == str(base)
    assert told["sha256"]["model.safetensors"] == load_system(base).manifest.files["model.safetensors"]
    assert set(told["new_weights"]) == POOL_HEAD
    assert any("was trained with seed 0" in note for note in recipe.notes)


def test_another_policy_starts_anew_and_the_same_does_not(tmp_path: Path) -> None:
    recipe = finetune(fill(tmp_path / "pictures", 24), start=trained(tmp_path / "base"), steps=1)
    assert recipe.with_policy("spatial") is recipe
    other = recipe.with_policy("gaussian")
    assert set(other.new_weights) == {"policy.*", *POOL_HEAD}
    assert "gaussian, which starts anew" in other.notes[-1]
    assert built(other).spec.policy.name == "gaussian"


def test_what_is_no_model_folder_is_refused(tmp_path: Path) -> None:
    pictures = fill(tmp_path / "pictures", 24)
    with pytest.raises(ModelFolderError, match="there is no such folder"):
        finetune(pictures, start=tmp_path / "nowhere")
    with pytest.raises(ModelFolderError, match="is not a model folder"):
        finetune(pictures, start=pictures)


def test_a_model_of_another_kind_of_task_is_refused(tmp_path: Path) -> None:
    spec = SystemSpec(
        model=PartSpec(name="glance_focus", config=GLANCE_FOCUS | {"readout": {"name": "map", "grid": (4, 4)}}),
        policy=PartSpec(name="spatial"),
        critic=PartSpec(name="spatial_value"),
        task=PartSpec(name="search", config={"target_names": ("a", "b", "c")}),
    )
    base = save(build(spec), tmp_path / "base", provenance={})
    with pytest.raises(IncompatibleError, match=r"its task is 'search'.*teaches only classification, spotting"):
        finetune(fill(tmp_path / "pictures", 24), start=base)


def test_a_model_of_another_number_of_bands_is_refused(tmp_path: Path) -> None:
    base = trained(tmp_path / "base", num_bands=1)
    with pytest.raises(IncompatibleError, match=r"base cannot learn from .*3 bands, the model reads 1"):
        finetune(fill(tmp_path / "pictures", 24), start=base)


def test_pictures_of_one_class_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="one class"):
        finetune(fill(tmp_path / "pictures", 24, classes="a"), start=trained(tmp_path / "base"))


def test_more_looks_than_the_family_takes_are_refused(tmp_path: Path) -> None:
    base = trained(tmp_path / "base", "adaptivenn")
    with pytest.raises(UsageError, match=r"looks is 3; .* takes at most 2"):
        finetune(fill(tmp_path / "pictures", 24), start=base, looks=3)


def test_only_what_is_known_can_be_frozen(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"freeze is 'bakbone'. Did you mean 'backbone'\? Allowed: backbone, agent"):
        finetune(tmp_path, start=tmp_path, freeze="bakbone")


def test_the_shipped_model_can_be_trained_further(tmp_path: Path) -> None:
    recipe = finetune(fill(tmp_path, 24, size=(70, 90)), start="small_sign", steps=1, batch_size=2)
    assert set(recipe.new_weights) == SPOTTING_HEAD
    assert np.isfinite(trainer_of(recipe, built(recipe)).run().metrics[-1]["train/loss"])
