"""The trainer: exact resume, errors that keep the last good checkpoint, Ctrl-C, accumulation, decay, broken files."""

from __future__ import annotations

import json
import math
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from foveate.errors import IncompatibleError, TrainingError, UsageError
from foveate.layers.blocks import StepNorm
from foveate.recipes.zoom_parts import zoom_system
from foveate.system import PartSpec, build
from foveate.training.optimizer import decay_groups
from foveate.training.sources import Batch, training_indices
from foveate.training.trainer import Trainer
from tests.unit.training.tiny import (
    Bars,
    interrupted_after,
    tiny_config,
    tiny_system,
    trainer,
    weights,
    with_plain_steps,
)


class Acting(Bars):
    """Does something when the batch of a given step is made."""

    def __init__(self, at_call: int, act: Any) -> None:
        super().__init__()
        self.at_call, self.act, self.calls = at_call, act, 0

    def batch(self, indices: np.ndarray, epoch_seed: int) -> Batch:
        self.calls += 1
        made = super().batch(indices, epoch_seed)
        return self.act(made) if self.calls == self.at_call else made


def interrupt(batch: Batch) -> Batch:
    signal.raise_signal(signal.SIGINT)
    return batch


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    assert one.keys() == other.keys()
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("policy", ["spatial", "gaussian", "random"])
def test_stopped_and_resumed_equals_uninterrupted(tmp_path: Path, policy: str) -> None:
    """Bit by bit, at a step where the buffer of the agent is half full (ppo.every is 2)."""
    whole = trainer(system=tiny_system(policy=policy))
    whole.run()
    cut = interrupted_after(trainer(tmp_path, system=tiny_system(policy=policy)), 3)
    assert not cut.run().finished
    assert cut.step == 3
    assert len(cut.agent.buffer) == 1
    resumed = trainer(tmp_path, system=tiny_system(policy=policy, seed=5))  # a fresh process starts from other weights
    assert resumed.run(resume=True).finished
    assert equal(weights(whole.system), weights(resumed.system))


def test_ctrl_c_saves_and_leaves_cleanly(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)  # a shell's background jobs ignore it
    cut = trainer(tmp_path, source=Acting(4, interrupt))
    result = cut.run()
    assert not result.finished
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == result.steps
    assert signal.getsignal(signal.SIGINT) is before


def test_the_journal_of_a_resumed_run_has_every_step_once(tmp_path: Path) -> None:
    trainer(tmp_path, source=Acting(3, interrupt), held_out=Bars(9)).run()
    result = trainer(tmp_path, held_out=Bars(9)).run(resume=True)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert [row["step"] for row in result.metrics] == [1, 2, 3, 4, 5, 6]
    assert "eval/gap" in lines[-1]


def test_a_finished_run_is_not_trained_further(tmp_path: Path) -> None:
    trainer(tmp_path).run()
    again = trainer(tmp_path, system=tiny_system(seed=1))
    assert again.run(resume=True).finished
    assert again.step == 6


def test_resuming_otherwise_is_refused(tmp_path: Path) -> None:
    trainer(tmp_path).run()
    with pytest.raises(UsageError, match=r"num_looks=2"):
        trainer(tmp_path, num_looks=3).run(resume=True)
    other = Bars()
    other.fingerprint = "other bars"
    with pytest.raises(UsageError, match="other data"):
        trainer(tmp_path, source=other).run(resume=True)
    assert trainer(tmp_path, steps=8).run(resume=True).steps == 8


def test_a_checkpoint_older_than_a_setting_had_its_default(tmp_path: Path) -> None:
    trainer(tmp_path).run()
    content = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    del content["config"]["keep"], content["best"]
    torch.save(content, tmp_path / "checkpoint.pt")
    assert trainer(tmp_path, steps=8).run(resume=True).steps == 8
    with pytest.raises(UsageError, match="keep='last'"):
        trainer(tmp_path, keep="best", held_out=Bars(9)).run(resume=True)


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    def spoil(batch: Batch) -> Batch:
        return Batch(scenes=batch.scenes, target=torch.full((len(batch.scenes), 3), math.nan), indices=batch.indices)

    trainer(tmp_path, source=Acting(3, interrupt)).run()
    good = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(TrainingError, match=r"loss is nan.*checkpoint is kept.*lower lr"):
        trainer(tmp_path, source=Acting(2, spoil)).run(resume=True)
    assert (tmp_path / "checkpoint.pt").read_bytes() == good
    assert trainer(tmp_path).run(resume=True).finished


@pytest.mark.parametrize("family", ["glance_focus", "elastic_tokens"])
@pytest.mark.parametrize("eval_every", [1, 50])
@pytest.mark.parametrize("ruin", [math.nan, 1e38])
def test_a_run_that_diverged_says_so_and_what_mends_it(family: str, eval_every: int, ruin: float) -> None:
    """Whether its looks show it first, its answers or its loss."""
    run = trainer(system=tiny_system(family=family), held_out=Bars(9), eval_every=eval_every, steps=8)
    update = run._update_backbone

    def diverge() -> None:
        update()
        for parameter in run.parameters:
            parameter.data.mul_(ruin)

    run._update_backbone = diverge  # type: ignore[method-assign]
    with pytest.raises(TrainingError, match=r"the last good checkpoint is kept\. A lower lr"):
        run.run()


def test_weights_that_an_update_ruined_are_never_saved(tmp_path: Path) -> None:
    """The loss was finite, its gradient was not: without a further step nobody would see it."""
    run = trainer(tmp_path, checkpoint_every_s=1e-9)
    update = run._update_backbone

    def ruin() -> None:
        update()
        if run.step == 3:
            run.parameters[0].data[0] = math.inf

    run._update_backbone = ruin  # type: ignore[method-assign]
    with pytest.raises(TrainingError, match=r"1 of \d+ weights are not finite after step 4 \(model\..*is kept"):
        run.run()
    resumed = trainer(tmp_path)
    assert resumed.run(resume=True).finished


def test_a_checkpoint_of_another_system_is_refused_with_its_keys(tmp_path: Path) -> None:
    trainer(tmp_path, steps=2).run()
    with pytest.raises(UsageError, match=r"(?s)holds another policy; resume with .*Missing.*net.norm.*Unexpected"):
        trainer(tmp_path, system=tiny_system(policy="gaussian", critic="spatial_value")).run(resume=True)
    with pytest.raises(UsageError, match="holds model, policy, critic, and this system has model, critic"):
        trainer(tmp_path, system=tiny_system(policy="raster")).run(resume=True)


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    from foveate.errors import DataError

    (tmp_path / "checkpoint.pt").write_bytes(b"no checkpoint")
    with pytest.raises(DataError, match=r"checkpoint\.pt is not a readable checkpoint"):
        trainer(tmp_path).run(resume=True)


@pytest.mark.parametrize("every", [1, 2])
def test_accumulating_changes_nothing(every: int) -> None:
    one = with_plain_steps(trainer(lr=0.1, ppo={"every": every, "lr": 0.1}))
    two = with_plain_steps(trainer(lr=0.1, accumulate=2, ppo={"every": every, "lr": 0.1}))
    first, second = one.run(), two.run()
    for a, b in zip(first.metrics, second.metrics, strict=True):
        assert a["train/task_loss_last"] == pytest.approx(b["train/task_loss_last"], abs=1e-5)
    other = weights(two.system)
    for name, value in weights(one.system).items():
        torch.testing.assert_close(value, other[name], atol=1e-5, rtol=0, msg=name)


def test_broken_scenes_are_counted_and_the_rest_is_weighted_rightly() -> None:
    """Two of the eight scenes are missing from the first of two parts: each scene that is left counts the same."""

    def lose_two(batch: Batch) -> Batch:
        keep = np.arange(2, len(batch.scenes))
        return Batch(scenes=batch.scenes.select(keep), target=batch.target[keep], indices=batch.indices[keep])

    run = with_plain_steps(trainer(source=Acting(1, lose_two), steps=1, accumulate=2))
    result = run.run()
    assert result.metrics[-1]["train/broken"] == 2
    plain = with_plain_steps(trainer(steps=1))
    work = plain._work(0)
    indices, epoch_seed = training_indices(0, batch_size=8, num_scenes=40, seed=0)
    whole = Bars().batch(indices[2:4].tolist() + indices[4:].tolist(), epoch_seed)
    plain._work = lambda step: replace(work, parts=[whole])  # type: ignore[method-assign]
    plain.run()
    other = weights(run.system)
    for name, value in weights(plain.system).items():
        torch.testing.assert_close(value, other[name], atol=1e-5, rtol=0, msg=name)


def test_norms_biases_and_step_tables_do_not_decay() -> None:
    net = torch.nn.ModuleDict(
        {"linear": torch.nn.Linear(4, 4), "norm": torch.nn.LayerNorm(4), "steps": StepNorm(4, num_steps=3)}
    )
    decayed, kept = decay_groups(net, 0.1)
    assert [tuple(p.shape) for p in decayed["params"]] == [(4, 4)]
    assert (decayed["weight_decay"], kept["weight_decay"]) == (0.1, 0.0)
    assert {id(p) for group in (decayed, kept) for p in group["params"]} == {id(p) for p in net.parameters()}


def test_a_learned_policy_needs_a_critic_and_a_scan_needs_nothing() -> None:
    with pytest.raises(UsageError, match="spatial_value"):
        trainer(system=tiny_system(critic=None))
    assert trainer(system=tiny_system(policy="raster", critic=None)).run().finished


def test_a_bound_in_seconds_ends_a_run() -> None:
    result = trainer(steps=10**6, seconds=0.5).run()
    assert result.finished
    assert result.steps < 10**6


def test_few_scenes_make_smaller_batches_that_still_divide() -> None:
    indices, _ = training_indices(0, batch_size=64, num_scenes=7, seed=0, multiple_of=2)
    assert len(indices) == 6
    with pytest.raises(UsageError, match="too few"):
        trainer(source=Bars(1), accumulate=2)


def test_more_looks_than_a_model_has_room_for_are_refused() -> None:
    with pytest.raises(UsageError, match="num_looks is 4; the model has room for 3"):
        trainer(system=tiny_system(family="elastic_tokens"), num_looks=4)


def test_the_learning_rate_rises_then_falls() -> None:
    run: Trainer = Trainer(tiny_system(), Bars(), tiny_config(steps=100))
    rates = []
    for step in range(100):
        run.step = step
        rates.append(run.lr_scale())
    assert rates[0] < 0.01
    assert np.argmax(rates) == 10
    assert rates[-1] < 0.02


def test_the_opening_is_taught_before_there_are_looks() -> None:
    """With the first half for the opening, fixations and agent are untouched in it, and both learn afterwards."""
    run = trainer(steps=4, opening_frac=0.5)
    before = {name: value.clone() for name, value in weights(run.system).items()}
    seen: list[set[str]] = []
    learn = run._step

    def watched(work: Any, journal: Any) -> None:
        learn(work, journal)
        now = weights(run.system)
        seen.append({name for name, value in before.items() if not torch.equal(value, now[name])})

    run._step = watched  # type: ignore[method-assign]
    run.run()
    assert any("glance_net" in name for name in seen[0])
    for names in seen[:2]:
        assert not any("focus_net" in name or "policy" in name or "critic" in name for name in names)
    for part in ("focus_net", "policy", "critic"):
        assert any(part in name for name in seen[3]), part


def test_further_scenes_are_opened_alone_and_teach_the_opening() -> None:
    """None of them is looked at more closely or counted; all of an epoch's scenes are different ones."""
    run, plain = (  # without a bound on the norm, which all parts share
        with_plain_steps(trainer(steps=1, max_grad_norm=None, opening_scenes=count)) for count in (6, 0)
    )
    work = run._work(0)
    assert work.opened is not None
    used = np.concatenate([work.parts[0].indices, work.opened.indices])
    assert [len(part.scenes) for part in work.parts] == [8]
    assert len(set(used.tolist())) == 14
    assert plain._work(0).opened is None
    assert run.run().metrics[-1]["train/broken"] == 0
    plain.run()
    one, other = weights(run.system), weights(plain.system)
    changed = {name for name in one if not torch.equal(one[name], other[name])}
    assert any("glance_net" in name for name in changed)
    assert not any("focus_net" in name or "policy" in name for name in changed)


def test_opening_further_scenes_survives_an_interruption(tmp_path: Path) -> None:
    whole = trainer(opening_scenes=4)
    whole.run()
    assert not interrupted_after(trainer(tmp_path, opening_scenes=4), 3).run().finished
    resumed = trainer(tmp_path, opening_scenes=4)
    assert resumed.run(resume=True).finished
    assert equal(weights(whole.system), weights(resumed.system))


def test_parts_that_do_not_fit_are_refused_before_a_run_begins(tmp_path: Path) -> None:
    spec = tiny_system(critic=None).spec
    config = {**spec.model.config, "relevance": "none"}
    blind = build(replace(spec, model=replace(spec.model, config=config), policy=PartSpec(name="cam")))
    with pytest.raises(IncompatibleError, match="Cam needs a relevance"):
        trainer(tmp_path / "run", system=blind)
    assert not (tmp_path / "run").exists()


def test_fewer_looks_than_a_policy_takes_at_once_are_refused(tmp_path: Path) -> None:
    """Before the run begins: an opening stage would hide it for a while."""
    spec = zoom_system(("none", "a"), glimpse_px=32)
    with pytest.raises(UsageError, match="num_looks is 7; the policy takes 8 looks at once: give 8 or more"):
        trainer(tmp_path / "run", system=build(spec), num_looks=7, opening_frac=0.15)
    assert not (tmp_path / "run").exists()
