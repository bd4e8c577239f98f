"""Which weights a training ends with: the last, or those of the best probe on held-out scenes."""

from __future__ import annotations

import math
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from foveate.errors import UsageError
from foveate.recipes.picture_folder import picture_folder
from foveate.system import System
from foveate.training.best import Best
from foveate.training.resuming import resume_run
from foveate.training.trainer import Trainer
from tests.unit.recipes.test_picture_folder import fill
from tests.unit.training.tiny import Bars, tiny_system, trainer, weights


def judged(metrics: dict[int, float], folder: Path | None = None, *, seed: int = 0, **changes: Any) -> Trainer:
    """A trainer that keeps the best, and whose probe says what was written down for its step."""
    changes = {"eval_every": 2, "keep": "best", **changes}
    held_out = changes.pop("held_out", Bars(9))
    run = trainer(folder, held_out=held_out, system=tiny_system(seed=seed), **changes)
    run.probe = lambda system: {"eval/metric": metrics[run.step], "eval/gap": 0.0}  # type: ignore[assignment]
    return run


def weights_by_step(run: Trainer) -> dict[int, dict[str, torch.Tensor]]:
    """Fills up while the trainer runs."""
    found = {}
    learn = run._step

    def watched(parts: Any, journal: Any) -> None:
        learn(parts, journal)
        found[run.step] = weights(run.system)

    run._step = watched  # type: ignore[method-assign]
    return found


def equal(system: System, other: dict[str, torch.Tensor]) -> bool:
    now = weights(system)
    assert now.keys() == other.keys()
    return all(torch.equal(now[name], other[name]) for name in now)


@pytest.mark.parametrize(
    ("metrics", "kept"),
    [({2: 0.5, 4: 0.9, 6: 0.7}, 4), ({2: 0.1, 4: 0.2, 6: 0.3}, 6), ({2: 0.9, 4: 0.9, 6: 0.7}, 4)],
)
def test_the_best_is_kept_and_of_equals_the_later(metrics: dict[int, float], kept: int) -> None:
    run = judged(metrics)
    seen = weights_by_step(run)
    result = run.run()
    assert (result.steps, result.kept_step) == (6, kept)
    assert result.metrics[-1]["eval/kept_step"] == kept
    assert equal(run.system, seen[kept])
    assert not equal(run.system, seen[2])


def test_the_last_is_kept_unless_asked_otherwise() -> None:
    run = judged({2: 0.9, 4: 0.5, 6: 0.1}, keep="last")
    seen = weights_by_step(run)
    result = run.run()
    assert result.kept_step == 6
    assert "eval/kept_step" not in result.metrics[-1]
    assert equal(run.system, seen[6])


def test_the_best_survives_a_stop(tmp_path: Path) -> None:
    """Stopped after the best, resumed by another process: the same weights as without the stop."""
    metrics = {2: 0.9, 4: 0.5, 6: 0.7}
    whole = judged(metrics)
    whole.run()
    cut = judged(metrics, tmp_path)
    learn = cut._step

    def learn_until_third(parts: Any, journal: Any) -> None:
        learn(parts, journal)
        if cut.step == 3:
            signal.raise_signal(signal.SIGINT)

    cut._step = learn_until_third  # type: ignore[method-assign]
    stopped = cut.run()
    assert (stopped.finished, stopped.steps, stopped.kept_step) == (False, 3, 3)
    resumed = judged(metrics, tmp_path, seed=5)
    assert resumed.run(resume=True).kept_step == 2
    assert equal(resumed.system, weights(whole.system))


def test_a_finished_run_gives_its_best_again_and_goes_on_from_its_last(tmp_path: Path) -> None:
    metrics = {2: 0.9, 4: 0.5, 6: 0.7, 8: 0.8}
    first = judged(metrics, tmp_path)
    seen = weights_by_step(first)
    first.run()
    again = judged(metrics, tmp_path, seed=5)
    assert again.run(resume=True).kept_step == 2
    assert equal(again.system, seen[2])
    longer = judged(metrics, tmp_path, seed=5, steps=8)
    resume_run(longer)
    assert equal(longer.system, seen[6])
    assert longer.run().kept_step == 2


def test_a_run_bounded_by_time_is_judged_at_its_end_too() -> None:
    """It does not know which step is its last, and may end before the first probe."""
    run = trainer(held_out=Bars(9), steps=10**6, seconds=0.2, eval_every=10**6, keep="best")
    result = run.run()
    assert result.kept_step == result.steps
    assert result.metrics[-1]["eval/kept_step"] == result.steps
    assert "time/elapsed_s" in result.metrics[-1]


def test_the_best_needs_something_to_judge_by() -> None:
    with pytest.raises(UsageError, match=r"keep is 'best'.*held_out"):
        trainer(keep="best")
    with pytest.raises(UsageError, match="keep is 'first'; allowed are last and best"):
        trainer(keep="first")


def test_what_is_kept_is_a_copy() -> None:
    net = torch.nn.Linear(2, 1)
    best = Best()
    before = net.weight.detach().clone()
    best.offer({"net": net}, metric=0.5, step=1)
    with torch.no_grad():
        net.weight.add_(1)
    best.offer({"net": net}, metric=0.4, step=2)
    best.put_into({"net": net})
    assert torch.equal(net.weight, before)
    assert (best.step, best.judged_step) == (1, 2)


def test_a_metric_that_is_no_number_is_never_the_best() -> None:
    net = torch.nn.Linear(2, 1)
    best = Best()
    offered = [math.nan, 0.5, math.nan, 0.4, 0.6]
    assert [best.offer({"net": net}, metric=m, step=i) for i, m in enumerate(offered)] == [0, 1, 1, 1, 4]
    assert best.metric == 0.6


def test_a_best_that_was_judged_otherwise_does_not_count(tmp_path: Path) -> None:
    """Metrics on more scenes, or on others, are no higher or lower than those before: they are of another exam."""
    judged({2: 0.9, 4: 0.8, 6: 0.7}, tmp_path).run()
    later = {8: 0.1}
    assert judged(later, tmp_path, steps=8).run(resume=True).kept_step == 2
    judged({2: 0.9, 4: 0.8, 6: 0.7}, tmp_path).run()
    assert judged(later, tmp_path, steps=8, eval_scenes=4).run(resume=True).kept_step == 8
    judged({2: 0.9, 4: 0.8, 6: 0.7}, tmp_path).run()
    other = Bars(9)
    other.fingerprint = "other bars"
    assert judged(later, tmp_path, steps=8, held_out=other).run(resume=True).kept_step == 8


def test_ctrl_c_while_the_end_is_judged_loses_nothing(tmp_path: Path) -> None:
    """The last probe of a run bounded by time takes as long as any: a Ctrl-C in it waits until all is saved."""
    before = signal.getsignal(signal.SIGINT)  # a shell's background jobs ignore it
    run = judged({}, tmp_path, steps=10**6, seconds=0.2, eval_every=10**6)

    def interrupted(system: System) -> dict[str, float]:
        signal.raise_signal(signal.SIGINT)
        return {"eval/metric": 0.5, "eval/gap": 0.0}

    run.probe = interrupted  # type: ignore[assignment]
    result = run.run()
    assert not result.finished
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == result.steps
    assert judged({}, tmp_path, steps=10**6, seconds=0.2, eval_every=10**6).run(resume=True).kept_step == result.steps
    assert signal.getsignal(signal.SIGINT) is before


def test_a_folder_of_pictures_keeps_the_best(tmp_path: Path) -> None:
    assert picture_folder(fill(tmp_path, 24), steps=3).train.keep == "best"
