"""What episodes of elastic tokens cost: beside one pass over the whole picture, and step by step beside a sensor that
cuts patches in a Python loop. Random weights: time does not depend on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from benchmarks.effort import Effort
from benchmarks.executed import smooth_pictures
from benchmarks.harness import Benchmark, Cell, Context, Results, Values
from benchmarks.patch_loop import PatchLoop
from benchmarks.tables import NOT_RUN, Table
from benchmarks.timing import ratio, shown, take_turns
from foveate.core import Scenes
from foveate.cost import Ledger
from foveate.episode import Player
from foveate.evaluation.report_data import Check
from foveate.models.elastic_config import ElasticTokensConfig
from foveate.models.elastic_tokens import ElasticTokens
from foveate.noise import Noise
from foveate.rollout import rollout
from foveate.scenes.memory import ArrayScenes
from foveate.system import fresh_policy

NUM_LOOKS, NUM_CLASSES, SCENE_PX, GLIMPSE_GRID = 14, 1000, 224, 2  # the paper's ImageNet run
WHOLE_GRID = SCENE_PX // 16
COST_BAR, STEPS_BAR = 0.7, 5.0
EPISODES = {
    "reencode": "all patches anew at each look (the paper)",
    "cached": "each glimpse once, 2 blocks shared",
    "spatial": "the same, looks by the spatial policy",
}
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "ours": {"policy": "spatial", "model": {"compute": "cached"}},
    "paper": {
        "policy": "squashed_gaussian",
        "model": {"compute": "reencode", "legacy_sampling": True, "importance": "softmax"},
    },
}
KINDS = {"read": "sensing", "update": "encoding", "observe": "observing", "agent": "policy", "predict": "answer"}


def benchmarks(effort: Effort) -> list[Benchmark]:
    costs = [
        Cell(
            benchmark="episode_cost", variant=f"{size}-{batch}", priority=6, alone=True,
            minutes=5.0 if (size, batch) == ("base", effort.forward_batch) else 1.5,
            config={"size": size, "batch": batch, "repeats": effort.repeats},
        )
        for size in effort.elastic_sizes
        for batch in (1, effort.forward_batch)
    ]  # fmt: skip
    common = {"size": effort.step_size, "batch": effort.forward_batch, "repeats": effort.repeats}
    steps = [
        Cell(benchmark="env_steps", variant=name, priority=6, alone=True, config={**common, **setting})
        for name, setting in SETTINGS.items()
    ]
    title = "A glimpse episode beside one pass over the whole picture"
    return [
        Benchmark(name="episode_cost", title=title, cells=costs, run=_run_cost, tables=_cost_tables),
        Benchmark(name="env_steps", title="Steps of the environment", cells=steps, run=_run_steps, tables=_step_tables),
    ]


def random_model(size: str, **settings: Any) -> Any:
    """Elastic tokens; those of one size have an encoder of the same weights."""
    torch.manual_seed(0)
    settings = {"glimpse_grid": GLIMPSE_GRID, "max_looks": NUM_LOOKS, **settings}
    return ElasticTokens(ElasticTokensConfig(num_outputs=NUM_CLASSES, size=size, **settings)).eval()


def shares(ledgers: Sequence[Ledger]) -> dict[str, float]:
    """Of the seconds that the loop saw, per kind of work."""
    seconds = {kind: sum(ledger.seconds[kind] for ledger in ledgers) for kind in KINDS}
    return {kind: each / sum(seconds.values()) for kind, each in seconds.items()}


def told(of_kinds: Mapping[str, float]) -> str:
    return ", ".join(f"{KINDS[kind]} {100 * share:.0f} %" for kind, share in of_kinds.items())


# -- episodes ----------------------------------------------------------------------------------------------------------


def players_of(size: str) -> dict[str, Player]:
    """Of the names of ``EPISODES``. Random looks ask nothing of a network, so only the backbone counts."""
    reencode, cached = (random_model(size, compute=compute) for compute in ("reencode", "cached"))
    policies = {name: fresh_policy(name, cached.observation_shape) for name in ("random", "spatial")}
    return {
        "reencode": Player(model=reencode, policy=policies["random"]),
        "cached": Player(model=cached, policy=policies["random"]),
        "spatial": Player(model=cached, policy=policies["spatial"]),
    }


@torch.inference_mode()
def _run_cost(cell: Cell, context: Context) -> Values:
    size, batch = cell.config["size"], cell.config["batch"]
    pictures, players = smooth_pictures(batch, side_px=SCENE_PX), players_of(size)
    scenes, noise = ArrayScenes(pictures.numpy()), Noise(seed=0, scenes=np.arange(batch))
    # One glance of 14 x 14 patches at native resolution: the same encoder and answer as a plain transformer, bare.
    whole = random_model(size, glimpse_grid=WHOLE_GRID, max_looks=1, opening="glance")
    ledgers: dict[str, list[Ledger]] = {name: [] for name in players}

    def play(name: str) -> None:
        ledgers[name].append(rollout(scenes, players[name], noise=noise, explore=True).ledger)

    rivals: dict[str, Any] = {"whole": lambda: whole.predict(whole.open(pictures[:, None], scenes.sizes_px))}
    rivals |= {name: partial(play, name) for name in players}
    seconds = take_turns(rivals, repeats=cell.config["repeats"])
    macs = {name: episode_macs(players[name], spent[-1]) for name, spent in ledgers.items()}
    return {
        "macs": {"whole": float(whole.price().open_macs + whole.price().predict(0)), **macs},
        "seconds": {name: float(np.median(turns)) for name, turns in seconds.items()},
        "ratio": {name: ratio(seconds[name], seconds["whole"]) for name in players},
        "shares": {name: shares(spent[1:]) for name, spent in ledgers.items()},
        "batch": batch,
        "repeats": cell.config["repeats"],
    }


def episode_macs(player: Player, ledger: Ledger) -> float:
    """Per picture, by the model's price, and what the policy spent."""
    price = player.model.price()
    return float(price.sensed(NUM_LOOKS) + price.predict(NUM_LOOKS)) + ledger.part_macs["policy"] / len(ledger.macs)


def _cost_tables(results: Results) -> list[Table]:
    rows, checks = [], []
    notes = [
        "The whole picture is one bare pass of the same encoder and answer over the 196 patches of 224 x 224 px. Looks "
        "are whole episodes of the loop, of any zoom, sensing included, with one answer, at the end. They are random, "
        "so that only the backbone counts, but for the last line of each three. The paper's way has no target: it "
        "saves pixels, not compute (2.1 by its own count).",
        "A look brings four tokens per picture. In a batch of one, products of so few rows are bound by reading the "
        "weights, anew at each look, not by arithmetic: GMACs per second fall, and time does not follow MACs.",
    ]
    for variant in results.variants("episode_cost"):
        values = next(iter(results.values("episode_cost", variant)), None)
        size, _, batch = variant.rpartition("-")
        for name, label in EPISODES.items():
            rows.append([size, batch, label, *(_cost_row(values, name) if values else [NOT_RUN] * 6)])
        checks += _cost_checks(f"{size}, batch {batch}", values)
        if values:
            notes.append(f"Where the time goes ({size}, batch {batch}, cached): {told(values['shares']['cached'])}.")
    head = ["encoder", "batch", "14 looks of 32 px", "MACs ÷ whole picture", "time ÷ whole picture",
            "GMACs per picture: whole / looks", "ms per picture: whole / looks", "GMACs per second: whole / looks",
            "turns"]  # fmt: skip
    return [Table(title="", head=head, rows=rows, checks=checks, notes=notes)]


def _cost_row(values: Values, name: str) -> list[str]:
    macs, seconds, batch = values["macs"], values["seconds"], values["batch"]
    both = ("whole", name)
    return [
        f"{macs[name] / macs['whole']:.2f}",
        shown(values["ratio"][name]),
        " / ".join(f"{macs[one] / 1e9:.2f}" for one in both),
        " / ".join(f"{1e3 * seconds[one] / batch:.0f}" for one in both),
        " / ".join(f"{batch * macs[one] / seconds[one] / 1e9:.1f}" for one in both),
        str(values["repeats"]),
    ]


def _cost_checks(what: str, values: Values | None) -> list[Check]:
    claims = [f"{what}: cached ÷ whole picture, {unit}" for unit in ("MACs", "seconds")]
    if values is None:
        return [Check(claim=claim, target=f"≤ {COST_BAR}", measured=NOT_RUN, is_met=None) for claim in claims]
    macs, time = values["macs"]["cached"] / values["macs"]["whole"], values["ratio"]["cached"]
    found = [(f"{macs:.2f}", macs), (shown(time), time["median"])]
    return [
        Check(claim=claim, target=f"≤ {COST_BAR}", measured=measured, is_met=number <= COST_BAR)
        for claim, (measured, number) in zip(claims, found, strict=True)
    ]


# -- steps of the environment ------------------------------------------------------------------------------------------


@torch.inference_mode()
def _run_steps(cell: Cell, context: Context) -> Values:
    batch = cell.config["batch"]
    model = random_model(cell.config["size"], **cell.config["model"])
    policy = fresh_policy(cell.config["policy"], model.observation_shape)
    player = Player(model=model, policy=policy, ask=frozenset({"prediction"}))
    pictures, noise = smooth_pictures(batch, side_px=SCENE_PX), Noise(seed=0, scenes=np.arange(batch))
    # A camera cuts glimpses into patches itself; both sensors are then asked for single patches.
    loop = PatchLoop(pictures, grid=GLIMPSE_GRID if model.camera is None else 1)
    sensors: dict[str, Scenes] = {"ours": ArrayScenes(pictures.numpy()), "loop": loop}
    ledgers: dict[str, list[Ledger]] = {name: [] for name in sensors}

    def collect(name: str) -> None:
        """As the trainer does: every event kept, an answer at every step for the rewards."""
        played = rollout(sensors[name], player, noise=noise, explore=True, keep_events=True)
        ledgers[name].append(played.ledger)

    looks = rollout(sensors["ours"], player, noise=noise, explore=True).viewpoints
    steps = take_turns({name: partial(collect, name) for name in sensors}, repeats=cell.config["repeats"])
    seen = sensors if model.camera is None else {name: model.camera(scenes) for name, scenes in sensors.items()}
    senses = {name: partial(sense, scenes, looks, model.glimpse_size_px(1)) for name, scenes in seen.items()}
    sensing = take_turns(senses, repeats=cell.config["repeats"])
    count = batch * NUM_LOOKS
    return {
        "ratio": ratio(steps["loop"], steps["ours"]),
        "sensing_ratio": ratio(sensing["loop"], sensing["ours"]),
        "steps_per_s": {name: count / float(np.median(turns)) for name, turns in steps.items()},
        "sensing_per_s": {name: count / float(np.median(turns)) for name, turns in sensing.items()},
        "shares": {name: shares(spent[1:]) for name, spent in ledgers.items()},
        "batch": batch,
        "repeats": cell.config["repeats"],
    }


def sense(scenes: Scenes, looks: Any, size_px: tuple[int, int]) -> None:
    """Looks ``[n, T, 1, 4]``, as an episode has them: one after the other."""
    for step in range(looks.shape[1]):
        scenes.read(looks[:, step], size_px)


def _step_tables(results: Results) -> list[Table]:
    rows, checks = [], []
    notes = [
        "A step is sensing, encoding, observing and the policy, without gradients, in the loop that the trainer "
        f"collects with (an answer at every step). Batch, {NUM_LOOKS} looks and networks are the same: only the sensor "
        "differs. The patch loop resizes one patch at a time, in uint8. Ours: antialiased, cached tokens, the spatial "
        "policy. The paper's: sampled at points, all patches anew at each look, attention rollout, its agent.",
    ]
    for variant in results.variants("env_steps"):
        values = next(iter(results.values("env_steps", variant)), None)
        measured = values["ratio"] if values else None
        rows.append([variant, shown(measured), *(_step_row(values) if values else [NOT_RUN] * 5)])
        checks.append(
            Check(claim=f"{variant}: steps per second ÷ patch loop's", target=f"≥ {STEPS_BAR:.0f}",
                  measured=shown(measured), is_met=None if measured is None else measured["median"] >= STEPS_BAR)
        )  # fmt: skip
        if values:
            ours, loop = (told(values["shares"][name]) for name in ("ours", "loop"))
            notes.append(f"Where the time of a step goes ({variant}): {ours}; with the patch loop {loop}.")
    head = ["setting", "steps per second ÷ patch loop's", "sensing alone ÷ patch loop's", "steps per s: ours / loop",
            "sensed per s: ours / loop", "batch", "turns"]  # fmt: skip
    return [Table(title="", head=head, rows=rows, checks=checks, notes=notes)]


def _step_row(values: Values) -> list[str]:
    rates = (values["steps_per_s"], values["sensing_per_s"])
    shown_rates = [" / ".join(f"{rate[name]:.0f}" for name in ("ours", "loop")) for rate in rates]
    return [shown(values["sensing_ratio"]), *shown_rates, str(values["batch"]), str(values["repeats"])]
