"""The paper's code beside ours: the same weights, the same pictures, one process. Needs a checkout of their
repository; none of it is copied or kept."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.effort import Effort
from benchmarks.harness import Benchmark, Cell, Context, NotHereError, Results, Values
from benchmarks.tables import Table
from benchmarks.timing import ratio, shown, take_turns
from foveate.critics.map_value import MapValue, MapValueConfig
from foveate.episode import Episode, Player
from foveate.evaluation.report_data import Check
from foveate.importing.adaptivenn import convert
from foveate.importing.adaptivenn_parity import plain_configs, replay, seeded_images, seeded_weights
from foveate.models.adaptivenn import AdaptiveNN
from foveate.noise import Noise
from foveate.policies.gaussian import Gaussian, GaussianConfig
from foveate.rollout import rollout
from foveate.scenes.memory import ArrayScenes
from foveate.stopping import STOP_RULES
from foveate.stopping.stopper import Stopper
from scripts.parity_adaptivenn import CASES, official_model, official_outputs

BUDGET_MACS = 2.0e9
FULL_BAR, BUDGET_BAR = 1.6, 4.0
NUM_CLASSES = 1000


def benchmarks(effort: Effort) -> list[Benchmark]:
    case = "deit_small" if effort.model == "adaptivenn_deit_small" else "shallow"
    config = {"case": case, "batch": effort.forward_batch, "repeats": effort.repeats, "budget_macs": BUDGET_MACS}
    cell = Cell(benchmark="official", variant=case, priority=0, alone=True, minutes=4.0, config=config)
    return [Benchmark(name="official", title="Beside the paper's code", cells=[cell], run=_run, tables=_tables)]


@torch.inference_mode()
def _run(cell: Cell, context: Context) -> Values:
    if context.official is None or not (context.official / "models").is_dir():
        raise NotHereError("give --official PATH, a checkout of github.com/LeapLabTHU/AdaptiveNN")
    case = {**CASES[cell.config["case"]], "classes": NUM_CLASSES}
    theirs = official_model(context.official.resolve(), case)
    weights = seeded_weights({key: tuple(value.shape) for key, value in theirs.state_dict().items()})
    theirs.load_state_dict(weights)
    model, policy, critic = _ours(weights, case["focus_only_px"])
    images = _in_unit_range(seeded_images(cell.config["batch"], case["side_px"]))
    scenes, looks = ArrayScenes(images.numpy()), case["looks"]
    expected, actual = official_outputs(theirs, images[:2], looks), replay(model, policy, critic, images[:2])
    noise, stop = _at_budget(model, policy, scenes, cell.config["budget_macs"])

    def play(stop: Stopper | None) -> Episode:
        return rollout(scenes, Player(model=model, policy=policy, max_looks=looks, stop=stop), noise=noise)

    rivals = {
        "official": lambda: _quietly(theirs, images, looks),
        "full": lambda: play(None),
        "budget": lambda: play(stop),
    }
    seconds = take_turns(rivals, repeats=cell.config["repeats"])
    full, budget = play(None), play(stop)
    return {
        "full": ratio(seconds["official"], seconds["full"]),
        "budget": ratio(seconds["official"], seconds["budget"]),
        "full_gmacs": float(full.ledger.macs.mean()) / 1e9,
        "budget_gmacs": float(budget.ledger.macs.mean()) / 1e9,
        "budget_looks": float(budget.num_looks.mean()),
        "max_difference": max(float(np.abs(expected[name] - actual[name]).max()) for name in expected),
        "official_ms": 1e3 * float(np.median(seconds["official"])) / len(scenes),
        "full_ms": 1e3 * float(np.median(seconds["full"])) / len(scenes),
        "budget_ms": 1e3 * float(np.median(seconds["budget"])) / len(scenes),
        "batch": len(scenes),
        "repeats": cell.config["repeats"],
        "checkout": Path(context.official).name,
    }


def _ours(weights: dict[str, Tensor], focus_only_px: int) -> tuple[Any, Any, Any]:
    configs = plain_configs(weights, focus_only_px=focus_only_px)
    model, policy = AdaptiveNN(configs.model).eval(), Gaussian(GaussianConfig(**configs.agent)).eval()
    critic = MapValue(MapValueConfig(**configs.agent)).eval()
    for part, state in zip((model, policy, critic), convert(weights, configs), strict=True):
        part.load_state_dict(state)
    return model, policy, critic


def _in_unit_range(images: Tensor) -> Tensor:
    """Scenes of floats lie in [0, 1]; both sides get these."""
    low, high = images.min(), images.max()
    return ((images - low) / (high - low)).clamp(0, 1)


def _at_budget(model: Any, policy: Any, scenes: ArrayScenes, budget_macs: float) -> tuple[Noise, Stopper]:
    """The count rule that spends the mean budget, and noise under which these few scenes do not spend more."""
    price, every = model.price(), np.arange(len(scenes))
    player = Player(model=model, policy=policy, max_looks=0)
    observation = model.observe(rollout(scenes.select(every[:1]), player, keep_events=True).events[0].state)
    each = int(price.look(0)) + policy.macs(observation)
    mean_looks = max(0.0, (budget_macs - price.open_macs - int(price.predict(0))) / each)
    mean_looks = min(mean_looks, float(model.max_looks))
    stop = Stopper(rule=STOP_RULES.get("count"), thresholds=np.array([1 - mean_looks]))
    most = int(mean_looks * len(scenes) + 1e-9)
    for seed in range(10_000):
        noise = Noise(seed=seed, scenes=every)
        further = int((noise.scene(every) > np.ceil(mean_looks) - mean_looks).sum())
        if further + int(np.ceil(mean_looks) - 1) * len(scenes) == most:
            return noise, stop
    raise AssertionError("no noise gives this count")


def _quietly(model: Any, images: Tensor, looks: int) -> None:
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model(images, seq_l=looks)


def _tables(results: Results) -> list[Table]:
    (variant,) = results.variants("official") or ("",)
    values = next(iter(results.values("official", variant)), None)
    claims = {"full": ("at full length", FULL_BAR), "budget": ("at the 2.0-GMAC budget", BUDGET_BAR)}
    rows, checks = [], []
    for name, (label, bar) in claims.items():
        measured = values[name] if values else None
        rows.append(
            [label, shown(measured)]
            + (["", "", ""] if values is None else
               [f"{values[f'{name}_gmacs']:.2f}", f"{values['official_ms']:.0f} / {values[f'{name}_ms']:.0f}",
                str(values["batch"])])
        )  # fmt: skip
        checks.append(
            Check(claim=f"official ÷ ours {label}", target=f"≥ {bar}", measured=shown(measured),
                  is_met=None if measured is None else measured["median"] >= bar)
        )  # fmt: skip
    notes = ["The official code always runs at full length, with a head at every step (9.49 GMACs); it has no executed "
             "exit. Same weights, pictures and process, in turns; median (quartiles)."]  # fmt: skip
    if values is None:
        notes.append("Needs `--official PATH`, a checkout of github.com/LeapLabTHU/AdaptiveNN.")
    else:
        worst = f"{values['max_difference']:.0e}"
        notes.append(f"Largest difference of logits, values and locations over all steps: {worst}.")
    head = ["ours", "official ÷ ours", "our GMACs per scene", "ms per scene: official / ours", "batch"]
    return [Table(title="", head=head, rows=rows, checks=checks, notes=notes)]
