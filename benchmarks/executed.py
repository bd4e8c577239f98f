"""Whether stopping early saves the time that it should, and what the loop itself costs. Random weights: time does not
depend on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.effort import Effort
from benchmarks.harness import Benchmark, Cell, Context, Results, Values
from benchmarks.tables import Table
from benchmarks.timing import ratio, shown, summary, take_turns
from foveate.episode import Player
from foveate.evaluation.report_data import Check
from foveate.noise import Noise
from foveate.recipes.visual_search import visual_search
from foveate.rollout import rollout
from foveate.scenes.memory import ArrayScenes
from foveate.stopping import STOP_RULES
from foveate.stopping.stopper import Stopper
from foveate.system import PartSpec, System, SystemSpec, build

SCENE_PX = {"adaptivenn_deit_small": 288, "adaptivenn_tiny": 96}
EXIT_BAR, LOOP_BAR = 1.15, 1.05
DEMO = "visual_search"


def benchmarks(effort: Effort) -> list[Benchmark]:
    exits = [
        Cell(
            benchmark="exit", variant=f"{model}-{batch}", priority=0, alone=True,
            minutes=5.0 if model == effort.model else 0.3,
            config={"model": model, "batch": batch, "repeats": effort.repeats, "timed_scenes": effort.timed_scenes},
        )
        for model in (effort.model, DEMO)
        for batch in effort.exit_batches
    ]  # fmt: skip
    config = {"model": effort.model, "batch": effort.forward_batch, "repeats": effort.repeats}
    loop = Cell(benchmark="loop", variant=effort.model, priority=0, alone=True, minutes=3.0, config=config)
    return [
        Benchmark(name="exit", title="Executed early exit", cells=exits, run=_run_exit, tables=_exit_tables),
        Benchmark(name="loop", title="What the loop costs", cells=[loop], run=_run_loop, tables=_loop_tables),
    ]


def random_system(model: str) -> System:
    """Random weights with the paper's parts, or the demonstration's model."""
    torch.manual_seed(0)
    if model == DEMO:
        return build(visual_search().system).train(False)
    classes = tuple(f"class {number}" for number in range(1000))
    spec = SystemSpec(
        model=PartSpec(name=model, config={"num_outputs": len(classes)}),
        policy=PartSpec(name="gaussian"),
        critic=PartSpec(name="map_value"),
        task=PartSpec(name="classification", config={"class_names": classes}),
    )
    return build(spec).train(False)


def random_scenes(model: str, count: int) -> ArrayScenes:
    """Pictures in memory, of the size the model is for; those of a search are real ones."""
    if model == DEMO:
        scenes: ArrayScenes = visual_search().test.batch(np.arange(count), 1).scenes  # type: ignore[assignment]
        return scenes
    return ArrayScenes(smooth_pictures(count, side_px=SCENE_PX[model]).numpy())


def smooth_pictures(count: int, *, side_px: int) -> Tensor:
    """``[n, 3, side, side]`` uint8, of a few random colours each."""
    coarse = np.random.default_rng(0).integers(0, 256, (count, 3, 9, 9), np.uint8)
    size_px = (side_px, side_px)
    smooth = torch.nn.functional.interpolate(torch.from_numpy(coarse).float(), size=size_px, mode="bilinear")
    return smooth.round().to(torch.uint8)


# -- exits -------------------------------------------------------------------------------------------------------------


@torch.inference_mode()
def _run_exit(cell: Cell, context: Context) -> Values:
    model, batch = cell.config["model"], cell.config["batch"]
    system = random_system(model)
    horizon = system.model.max_looks or visual_search().train.num_looks - 1  # five depths: 0 to 4 looks
    scenes = random_scenes(model, cell.config["timed_scenes"] if batch == 1 else batch)
    groups = [np.array([row]) for row in range(len(scenes))] if batch == 1 else [np.arange(len(scenes))]
    stop, found = even_exits(system, scenes, horizon), {}

    def play(**options: Any) -> Callable[[], None]:
        player = Player(model=system.model, policy=system.policy, critic=system.critic, **options)

        def run() -> None:
            episodes = [rollout(scenes.select(rows), player, noise=Noise(seed=0, scenes=rows)) for rows in groups]
            found["looks"] = np.concatenate([episode.num_looks for episode in episodes])

        return run

    mix = play(max_looks=horizon, stop=stop)
    mix()
    looks = found["looks"]
    rivals = {"glance": play(max_looks=0), "full": play(max_looks=horizon), "mix": mix}
    seconds = take_turns(rivals, repeats=cell.config["repeats"])
    return {
        **_against_fixed(seconds, float(looks.mean()), horizon),
        "exits": (np.bincount(looks, minlength=horizon + 1) / len(looks)).tolist(),
        "mean_looks": float(looks.mean()),
        "batch": batch,
        "repeats": cell.config["repeats"],
        "glance_ms": 1e3 * float(np.median(seconds["glance"])) / len(scenes),
        "full_ms": 1e3 * float(np.median(seconds["full"])) / len(scenes),
        "mix_ms": 1e3 * float(np.median(seconds["mix"])) / len(scenes),
    }


def _against_fixed(seconds: Mapping[str, list[float]], mean_looks: float, horizon: int) -> dict[str, dict[str, float]]:
    """Measured seconds of the mix, over what fixed-count runs say that so many looks take."""
    turns = list(zip(seconds["glance"], seconds["full"], seconds["mix"], strict=True))
    return {
        "ratio": summary([mix / (glance + mean_looks * (full - glance) / horizon) for glance, full, mix in turns]),
        "of_full": summary([mix / full for _, full, mix in turns]),
    }


def even_exits(system: System, scenes: Any, horizon: int) -> Stopper:
    """The value rule with thresholds at which the same number of these scenes leaves at every depth, 0 included."""
    rule = STOP_RULES.get("value")
    player = Player(
        model=system.model, policy=system.policy, critic=system.critic, max_looks=horizon,
        ask=frozenset({"value", "scene_noise"}),
    )  # fmt: skip
    noise = Noise(seed=0, scenes=np.arange(len(scenes)))
    events = rollout(scenes, player, noise=noise, keep_events=True).events
    staying, thresholds = np.arange(len(scenes)), []
    for depth, event in enumerate(events[:horizon]):
        appetite = np.asarray(rule.signal(event.step))[staying]
        order = np.argsort(appetite)
        leaving = round(len(scenes) * (depth + 1) / (horizon + 1)) - (len(scenes) - len(staying))
        thresholds.append(float(appetite[order[leaving - 1 : leaving + 1]].mean()))
        staying = staying[order[leaving:]]
    return Stopper(rule=rule, thresholds=np.array(thresholds))


def _exit_tables(results: Results) -> list[Table]:
    rows, checks = [], []
    for variant in results.variants("exit"):
        values = next(iter(results.values("exit", variant)), None)
        model, _, batch = variant.rpartition("-")
        if values is None:
            rows.append([model, batch, *["not run"] * 6])
        else:
            rows.append(
                [
                    model, batch, " / ".join(f"{100 * share:.0f}" for share in values["exits"]),
                    f"{values['mean_looks']:.2f}", shown(values["ratio"]), shown(values["of_full"]),
                    f"{values['glance_ms']:.1f} / {values['mix_ms']:.1f} / {values['full_ms']:.1f}",
                    str(values["repeats"]),
                ]
            )  # fmt: skip
        if model != DEMO:
            checks.append(_exit_check(model, batch, values))
    head = ["model", "batch", "% leaving after 0 … 4 looks", "mean looks", "time ÷ fixed-count prediction",
            "time ÷ full length", "ms per scene: glance / mix / full", "turns"]  # fmt: skip
    note = (
        "The mix is the value rule, executed, with its critic paid for. Prediction = t_glance + n̄ · t_look from "
        "fixed-count runs in turns with it, in one process. Median (quartiles) over turns."
    )
    return [Table(title="", head=head, rows=rows, checks=checks, notes=[note])]


def _exit_check(model: str, batch: str, values: Values | None) -> Check:
    claim = f"{model}, batch {batch}: measured ÷ predicted time, ≥ 10 % leaving at every depth"
    if values is None:
        return Check(claim=claim, target=f"≤ {EXIT_BAR}", measured="not run", is_met=None)
    is_met = values["ratio"]["median"] <= EXIT_BAR and min(values["exits"]) >= 0.1
    return Check(claim=claim, target=f"≤ {EXIT_BAR}", measured=shown(values["ratio"]), is_met=is_met)


# -- the loop ----------------------------------------------------------------------------------------------------------


@torch.inference_mode()
def _run_loop(cell: Cell, context: Context) -> Values:
    system, count = random_system(cell.config["model"]), cell.config["batch"]
    scenes = random_scenes(cell.config["model"], count)
    horizon = system.model.max_looks
    player = Player(model=system.model, policy=system.policy, max_looks=horizon)
    pixels = bare(system, scenes, horizon)
    rivals = {
        "rollout": lambda: rollout(scenes, player),
        "networks": lambda: bare(system, scenes, horizon, pixels),
        "networks_and_reads": lambda: bare(system, scenes, horizon),
    }
    seconds = take_turns(rivals, repeats=cell.config["repeats"])
    return {
        "ratio": ratio(seconds["rollout"], seconds["networks"]),
        "ratio_with_reads": ratio(seconds["rollout"], seconds["networks_and_reads"]),
        "rollout_ms": 1e3 * float(np.median(seconds["rollout"])) / count,
        "batch": count,
        "repeats": cell.config["repeats"],
    }


def bare(system: System, scenes: Any, horizon: int, pixels: list[Any] | None = None) -> list[Any]:
    """The calls of a full-length episode without the loop; with ``pixels``, without reading either. Gives the pixels
    that were read."""
    model, whole = system.model, np.tile(np.array([0, 0, 1, 1], np.float32), (len(scenes), 1, 1))
    read = [] if pixels is None else list(pixels)
    if pixels is None:
        read.append(scenes.read(whole, model.glimpse_size_px(0)).pixels)
    state = model.open(read[0], scenes.sizes_px)
    for step in range(1, horizon + 1):
        look = system.policy.look(model.observe(state))
        if pixels is None:
            read.append(scenes.read(look.viewpoints, model.glimpse_size_px(1), look.valid).pixels)
        state = model.update(state, read[step], look)
    model.observe(state)
    model.predict(state)
    return read


def _loop_tables(results: Results) -> list[Table]:
    (variant,) = results.variants("loop") or ("",)
    values = next(iter(results.values("loop", variant)), None)
    ratios = (values or {}).get("ratio"), (values or {}).get("ratio_with_reads")
    head = ["full-length episode", "rollout ÷ bare network calls", "rollout ÷ network calls and reads"]
    batch = f", batch {values['batch']}, {values['repeats']} turns" if values else ""
    check = Check(
        claim=f"{variant}: rollout ÷ bare network calls", target=f"≤ {LOOP_BAR}", measured=shown(ratios[0]),
        is_met=None if ratios[0] is None else ratios[0]["median"] <= LOOP_BAR,
    )  # fmt: skip
    note = (
        "Bare network calls are open, observe, look, update and predict of the same work, on pixels that were read "
        "beforehand: so the left ratio also holds the loop responsible for cropping and shrinking."
    )
    return [Table(title="", head=head, rows=[[variant + batch, *map(shown, ratios)]], checks=[check], notes=[note])]
