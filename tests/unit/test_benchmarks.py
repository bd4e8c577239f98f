"""The benchmark harness: what is cached, resumed, skipped and shown; tiny cells only."""

from __future__ import annotations

import json
import os
import signal
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import any_size, big_scenes, elastic_cost, executed, official, paired, reading, refusal, run, timing
from benchmarks.effort import FULL, SMOKE
from benchmarks.harness import (
    MAX_DIGITS,
    Benchmark,
    Cell,
    Context,
    NotHereError,
    Results,
    adopt,
    cached,
    cell_path,
    gather,
    only,
    rounded,
    without_places,
)
from benchmarks.patch_loop import PatchLoop
from benchmarks.plots import Line, line_plot
from benchmarks.running import Here, run_cells
from benchmarks.tables import Table, at_least, markdown, percent, points, spread
from foveate.camera import PatchCamera
from foveate.geometry.viewpoint import from_boxes_px
from foveate.scenes.memory import ArrayScenes


def _cell(variant: str, seed: int = 0, **options: Any) -> Cell:
    return Cell(benchmark="toy", variant=variant, seed=seed, **options)


def _toy(cells: list[Cell], measure: Callable[[Cell], Any]) -> Benchmark:
    def tables(results: Results) -> list[Table]:
        rows = [
            [variant, percent([one["x"] for one in results.values("toy", variant)], results.planned("toy", variant))]
            for variant in results.variants("toy")
        ]
        return [Table(title="Toys", head=["toy", "x"], rows=rows)]

    return Benchmark(name="toy", title="Toys", cells=cells, run=lambda cell, context: measure(cell), tables=tables)


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(cache=tmp_path / "cache", threads=1, log=lambda line: None)


def test_a_cell_runs_once(context: Context) -> None:
    ran: list[str] = []
    toy = _toy([_cell("a"), _cell("b")], lambda cell: ran.append(cell.name) or {"x": 0.5})
    assert run_cells([toy], context, minutes=None).done == ["toy/a/0", "toy/b/0"]
    assert run_cells([toy], context, minutes=None).done == []
    assert ran == ["toy/a/0", "toy/b/0"]
    record = cached(_cell("a"), context)
    assert record is not None
    assert record["values"] == {"x": 0.5}
    assert {"revision", "versions", "device", "command", "seconds", "config"} <= set(record)


def test_the_key_follows_config_version_and_threads(context: Context) -> None:
    cells = [_cell("a"), _cell("a", 1), _cell("b"), _cell("a", config={"steps": 3}), _cell("a", version=2)]
    paths = {cell_path(cell, context) for cell in cells}
    more_threads = Context(cache=context.cache, threads=2)
    paths.add(cell_path(cells[0], more_threads))
    assert len(paths) == 6
    assert cell_path(_cell("a", minutes=99, priority=0), context) == cell_path(cells[0], context)


def test_an_interrupted_run_goes_on_where_it_was(context: Context) -> None:
    ran: list[str] = []

    def measure(cell: Cell) -> dict[str, float]:
        if cell.variant == "b" and "toy/b/0" not in ran:
            ran.append(cell.name)
            raise KeyboardInterrupt
        ran.append(cell.name)
        return {"x": 1.0}

    toy = _toy([_cell("a"), _cell("b")], measure)
    with pytest.raises(KeyboardInterrupt):
        run_cells([toy], context, minutes=None)
    assert cached(_cell("a"), context) is not None
    assert cached(_cell("b"), context) is None
    assert run_cells([toy], context, minutes=None).done == ["toy/b/0"]
    assert ran == ["toy/a/0", "toy/b/0", "toy/b/0"]


def test_half_a_record_counts_as_none(context: Context) -> None:
    toy = _toy([_cell("a")], lambda cell: {"x": 1.0})
    run_cells([toy], context, minutes=None)
    path = cell_path(_cell("a"), context)
    path.write_bytes(path.read_bytes()[:40])
    assert cached(_cell("a"), context) is None
    assert run_cells([toy], context, minutes=None).done == ["toy/a/0"]


def test_what_cannot_be_written_leaves_nothing(context: Context) -> None:
    toy = _toy([_cell("a")], lambda cell: {"x": float("nan")})
    assert list(run_cells([toy], context, minutes=None).failed) == ["toy/a/0"]
    assert list(context.cache.iterdir()) == []


def test_an_earlier_report_is_adopted_where_its_keys_fit(context: Context, tmp_path: Path) -> None:
    toy = _toy([_cell("a"), _cell("b")], lambda cell: {"x": 0.25})
    run_cells([toy], context, minutes=None)
    record = cached(_cell("a"), context)
    assert record is not None
    cell_path(_cell("a"), context).write_text(json.dumps({**record, "device": "~ elsewhere"}))
    run.report([toy], context, tmp_path)
    assert " and ~ elsewhere, " in (tmp_path / "RESULTS.md").read_text()
    fresh = Context(cache=tmp_path / "fresh", threads=1)
    changed = [_cell("a"), _cell("b", version=2)]
    assert adopt(tmp_path / "results.json", changed, fresh) == ["toy/a/0"]
    assert cached(_cell("a"), fresh) == cached(_cell("a"), context)
    assert adopt(tmp_path / "results.json", changed, fresh) == []


def test_cells_that_no_longer_fit_are_skipped_and_named(context: Context) -> None:
    said: list[str] = []
    now_s = [0.0]

    def measure(cell: Cell) -> dict[str, float]:
        now_s[0] += 60 * cell.minutes
        return {"x": 1.0}

    cells = [_cell("long", minutes=8, priority=3), _cell("short", minutes=1, priority=4), _cell("first", minutes=2)]
    toy = _toy([cells[0], cells[1], Cell(**{**vars(cells[2]), "priority": 1})], measure)
    telling = Context(cache=context.cache, threads=1, log=said.append)
    outcome = run_cells([toy], telling, minutes=9, clock=lambda: now_s[0])
    assert outcome.done == ["toy/first/0", "toy/short/0"]
    assert outcome.skipped == {"toy/long/0": "about 8.0 min, 7.0 min left"}
    assert any("skip  toy/long/0" in line for line in said)


def test_the_first_seed_of_everything_comes_before_the_second_of_anything(context: Context) -> None:
    cells = [_cell(variant, seed) for variant in "ab" for seed in (0, 1)]
    done = run_cells([_toy(cells, lambda cell: {"x": 1.0})], context, minutes=None).done
    assert done == ["toy/a/0", "toy/b/0", "toy/a/1", "toy/b/1"]


def test_a_recorded_command_names_no_places_of_the_machine() -> None:
    line = "--only exit loop --cache /some/where --official /a/checkout --out here --threads 1"
    assert " ".join(without_places(line.split())) == "--only exit loop --official PATH --threads 1"


def _pid_of(cell: Cell, context: Context) -> dict[str, int]:
    return {"pid": os.getpid()}


def _killed_once(cell: Cell, context: Context) -> dict[str, float]:
    """As by a machine that runs out of memory, in the first process that comes here."""
    if cell.variant == "a":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(1)  # so that only one cell runs beside the killed one
    return {"x": 1.0}


def test_a_killed_process_fails_its_cell_and_not_the_rest(context: Context) -> None:
    cells = [_cell(name) for name in ("a", "b", "c", "d")]
    toy = Benchmark(name="toy", title="Toys", cells=cells, run=_killed_once, tables=_no_tables)
    outcome = run_cells([toy], Context(cache=context.cache, threads=1, jobs=2), minutes=None)
    assert "toy/a/0" in outcome.failed
    assert "toy/d/0" in outcome.done  # what ran beside it is lost with it
    assert {*outcome.done, *outcome.failed} == {cell.name for cell in cells}


def test_a_cell_that_comes_to_a_broken_pool_waits_for_new_workers(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it was lost, and the whole run with it."""
    was_broken: list[bool] = []

    def submit(self: Any, fn: Callable[..., Any], /, *args: Any) -> Any:
        if not was_broken:
            was_broken.append(True)
            raise BrokenExecutor
        return original(self, fn, *args)

    original = Here.submit
    monkeypatch.setattr(Here, "submit", submit)
    assert run_cells([_toy([_cell("a")], lambda cell: {"x": 1.0})], context, minutes=None).done == ["toy/a/0"]


def _no_tables(results: Results) -> list[Table]:
    return []


def test_several_cells_run_in_processes_of_their_own_and_timings_in_this_one(context: Context) -> None:
    cells = [_cell("a"), _cell("b"), _cell("timing", alone=True)]
    toy = Benchmark(name="toy", title="Toys", cells=cells, run=_pid_of, tables=_no_tables)
    together = Context(cache=context.cache, threads=1, jobs=2)
    outcome = run_cells([toy], together, minutes=None)
    assert sorted(outcome.done) == ["toy/a/0", "toy/b/0", "toy/timing/0"]
    pids = {cell.variant: cached(cell, together)["values"]["pid"] for cell in cells}
    assert pids["timing"] == os.getpid()
    assert os.getpid() not in (pids["a"], pids["b"])


def test_a_failing_cell_does_not_stop_the_others(context: Context) -> None:
    def measure(cell: Cell) -> dict[str, float]:
        if cell.variant == "a":
            raise RuntimeError("broken")
        return {"x": 1.0}

    outcome = run_cells([_toy([_cell("a"), _cell("b")], measure)], context, minutes=None)
    assert outcome.failed == {"toy/a/0": "RuntimeError: broken"}
    assert outcome.done == ["toy/b/0"]


def test_unfinished_cells_print_not_run(context: Context, tmp_path: Path) -> None:
    cells = [_cell("a", 0), _cell("a", 1), _cell("b")]
    toy = _toy(cells, lambda cell: {"x": 0.25})
    run_cells([_toy(cells[:1], lambda cell: {"x": 0.25})], context, minutes=None)
    run.report([toy], context, tmp_path)
    text = (tmp_path / "RESULTS.md").read_text()
    assert "| a | 25.0 % (1 of 2 seeds) |" in text
    assert "| b | not run |" in text
    content = json.loads((tmp_path / "results.json").read_bytes())
    assert content["not_run"] == ["toy/a/1", "toy/b/0"]
    assert [record["variant"] for record in content["cells"]] == ["a"]


def test_only_chooses_benchmarks_variants_and_seeds() -> None:
    toy = _toy([_cell("a", 0), _cell("a", 1), _cell("ab")], lambda cell: {})
    assert [len(one.cells) for name in ("toy", "toy/a", "toy/a/1") for one in only([toy], [name])] == [3, 2, 1]
    with pytest.raises(NotHereError, match="no benchmark 'tox'"):
        only([toy], ["tox"])


def test_every_table_renders_with_nothing_run(context: Context, tmp_path: Path) -> None:
    benchmarks = run.all_benchmarks(FULL)
    names = [cell.name for one in benchmarks for cell in one.cells]
    assert len(set(names)) == len(names)
    run.report(benchmarks, context, tmp_path)
    text = (tmp_path / "RESULTS.md").read_text()
    assert all(f"## {one.title}" in text for one in benchmarks)
    assert "| met |" not in text
    assert "**missed**" not in text
    assert len(gather((cell for one in benchmarks for cell in one.cells), context).records) == 0


def test_tiny_cells_run(context: Context, tmp_path: Path) -> None:
    groups = [*executed.benchmarks(SMOKE), *official.benchmarks(SMOKE)]
    outcome = run_cells(only(groups, ["exit/adaptivenn_tiny-1", "loop", "official"]), context, minutes=None)
    assert outcome.failed == {}
    assert outcome.skipped == {"official/shallow/0": "give --official PATH, a checkout of github.com/LeapLabTHU/"
                               "AdaptiveNN"}  # fmt: skip
    results = gather((cell for one in groups for cell in one.cells), context)
    (values,) = results.values("exit", "adaptivenn_tiny-1")
    assert sum(values["exits"]) == pytest.approx(1)
    assert min(values["exits"]) >= 0.1
    text = "\n".join(markdown(table) for one in groups for table in one.tables(results))
    assert "give" not in text or "--official PATH" in text


def test_tiny_episodes_and_steps_run(context: Context) -> None:
    groups = elastic_cost.benchmarks(SMOKE)
    outcome = run_cells(only(groups, ["episode_cost/tiny-1", "env_steps"]), context, minutes=None)
    assert outcome.failed == {}
    results = gather((cell for one in groups for cell in one.cells), context)
    (cost,) = results.values("episode_cost", "tiny-1")
    price = elastic_cost.random_model("tiny", compute="cached").price()
    looks_macs = int(price.sensed(14) + price.predict(14))
    assert cost["macs"]["cached"] == pytest.approx(looks_macs, rel=1e-5)
    assert cost["macs"]["spatial"] > looks_macs
    assert cost["macs"]["cached"] < 0.7 * cost["macs"]["whole"] < cost["macs"]["reencode"]
    for variant in ("ours", "paper"):
        (steps,) = results.values("env_steps", variant)
        assert steps["ratio"]["median"] > 0
        assert sum(steps["shares"]["loop"].values()) == pytest.approx(1, rel=10 ** (1 - MAX_DIGITS))  # rounded
    text = "\n".join(markdown(table) for one in groups for table in one.tables(results))
    assert "| tiny, batch 1: cached ÷ whole picture, MACs | ≤ 0.7 | 0.52 | met |" in text


def test_tiny_big_scenes_are_searched_and_read(context: Context) -> None:
    groups = big_scenes.benchmarks(SMOKE)
    outcome = run_cells(groups, context, minutes=None)
    assert outcome.failed == {}
    results = gather((cell for one in groups for cell in one.cells), context)
    (found,) = results.values("big_scenes", "small-512")
    assert found["readers"]["exhaustive"]["recall"] == [1.0]
    assert found["readers"]["search"]["looks"] == list(SMOKE.big_looks)
    assert len(found["has_target"]) == SMOKE.big_scenes + SMOKE.big_calibration
    text = "\n".join(markdown(table) for one in groups for table in one.tables(results))
    assert "does not count" in text, "nobody learns to read in three steps"


def test_what_was_seen_is_compared_over_the_scenes_that_hold_anything() -> None:
    """Two seeds: of three scenes one holds two targets, one holds one and one holds none."""
    one = {
        "looks": [0, 8, 16], "num_targets": [2, 0, 1],
        "readers": {"search": {"found_after": [[0, 0, 0], [1, 0, 1], [2, 0, 1]]},
                    "one_shot": {"found_after": [[0, 0, 0], [0, 0, 0], [1, 0, 1]]}},
    }  # fmt: skip
    (seen,) = (curve for curve in paired.CURVES if curve.title == "targets seen")
    gain, worst = seen.checks([one, one], "one_shot")
    assert gain.is_met is True
    assert gain.measured.startswith("+43.8 points")  # trapezes of 0, 3/4, 1/4
    assert worst.is_met is True
    assert worst.measured.endswith("after 16")


def test_tiny_searches_are_run_at_another_size(context: Context) -> None:
    groups = any_size.benchmarks(SMOKE)
    assert run_cells(groups, context, minutes=None).failed == {}
    results = gather((cell for one in groups for cell in one.cells), context)
    (found,) = results.values("any_size", "small-1024")
    assert len(found["recall"]) == len(SMOKE.any_looks)
    text = "\n".join(markdown(table) for one in groups for table in one.tables(results))
    assert "| 1024 | 114 |" in text


def test_looks_that_are_needed_lie_between_those_that_were_judged() -> None:
    curve = {"looks": [0.0, 8.0, 16.0], "recall": [0.0, 0.8, 1.0]}
    assert any_size._looks_needed([curve]) == pytest.approx(12.0)
    assert any_size._looks_needed([{**curve, "recall": [0.95, 1.0, 1.0]}]) == 0.0
    assert any_size._looks_needed([{**curve, "recall": [0.0, 0.5, 0.8]}]) == float("inf")


def test_deferring_is_judged_by_what_is_missed() -> None:
    facts = {
        "certainty": np.array([0.9, 0.4, 0.9, 0.4]), "has_target": np.array([True, True, True, False]),
        "search_missed": np.array([True, True, False, False]), "scan_missed": np.array([False, False, True, False]),
    }  # fmt: skip
    judged = refusal._judged(facts, 0.5)
    assert judged == {
        "num_targets": 3, "deferred": 0.5, "missed_by_search": pytest.approx(2 / 3),
        "missed_by_scan": pytest.approx(1 / 3), "missed": pytest.approx(1 / 3),
    }  # fmt: skip


def test_tiny_giants_are_read(context: Context) -> None:
    for module in reading.NEEDED:
        pytest.importorskip(module)
    groups = reading.benchmarks(SMOKE)
    outcome = run_cells(groups, context, minutes=None)
    assert outcome.failed == {}
    results = gather((cell for one in groups for cell in one.cells), context)
    (regions,) = results.values("regions", "jpeg")
    assert set(regions["ratio"]) >= {"tifffile", "openslide"}
    (memory,) = results.values("memory", "2048")
    assert 0 < memory["peak_mb"] < reading.MEMORY_BAR_MB
    text = "\n".join(markdown(table) for one in groups for table in one.tables(results))
    assert "peak above idle, largest picture | ≤ 300 MB" in text


def _pictures_and_looks(*, is_even: bool) -> tuple[Any, Any]:
    """Four smooth pictures of 97 px with three looks each, anywhere, or at pixels of even number."""
    pictures = executed.smooth_pictures(4, side_px=97)
    action = np.random.default_rng(0).random((4, 3, 3))
    side = 32 + (97 - 32) * action[..., 2:]
    corner = action[..., :2] * (97 - side)
    boxes = np.concatenate([corner, corner + side], axis=-1)
    return pictures, from_boxes_px(2 * np.floor(boxes / 2) if is_even else boxes, np.full((4, 2), 97))


def test_the_patch_loop_sees_what_the_paper_s_camera_sees() -> None:
    pictures, looks = _pictures_and_looks(is_even=False)
    camera, valid = PatchCamera(grid=2), np.arange(12).reshape(4, 3) % 5 > 0
    ours = camera(ArrayScenes(pictures.numpy())).read(looks, (32, 32), valid)
    by_itself = PatchLoop(pictures, grid=2).read(looks, (32, 32), valid, antialias=False)
    within_camera = camera(PatchLoop(pictures, grid=1)).read(looks, (32, 32), valid)
    for loop in (by_itself, within_camera):
        assert np.abs(ours.pixels.astype(int) - loop.pixels.numpy()).max() <= 1  # grey level: torch rounds in uint8


def test_an_antialiased_patch_loop_differs_at_the_edges_only() -> None:
    """A patch cut out first has nothing beyond its edge to filter with; a whole glimpse has."""
    pictures, looks = _pictures_and_looks(is_even=True)
    ours = ArrayScenes(pictures.numpy()).read(looks, (32, 32)).pixels.astype(int)
    loop = PatchLoop(pictures, grid=2).read(looks, (32, 32)).pixels.numpy()
    difference = np.abs(ours - loop).reshape(4, 3, 3, 2, 16, 2, 16)
    assert difference[..., 1:-1, :, 1:-1].max() <= 1
    assert difference.mean() < 0.5


def test_the_command_line_lists_and_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["--smoke", "--threads", "1", "--cache", str(tmp_path / "cache")]
    assert run.main([*common, "--list", "--only", "loop"]) == 0
    assert "loop/adaptivenn_tiny/0" in capsys.readouterr().out
    assert run.main([*common, "--report"]) == 0
    assert (tmp_path / "cache" / "smoke" / "RESULTS.md").is_file()
    assert run.main([*common, "--only", "nothing"]) == 2


def test_rivals_take_turns_and_warm_up() -> None:
    order: list[str] = []
    seconds = timing.take_turns({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, repeats=2)
    assert order == ["b", "a", "a", "b", "b", "a"]
    assert {name: len(turns) for name, turns in seconds.items()} == {"a": 2, "b": 2}
    assert timing.ratio([2.0, 4.0, 9.0], [1.0, 1.0, 1.0])["median"] == 4.0
    assert timing.shown(None) == "not run"


def test_means_say_their_spread_and_missing_seeds() -> None:
    assert percent([0.5, 0.7], 2) == "60.0 ± 14.1 %"
    assert percent([0.5], 3) == "50.0 % (1 of 3 seeds)"
    assert spread([], planned=3) == "not run"
    assert points([0.02], 1) == "+2.0 points"
    assert at_least("x", [], 1.0, target="", measured="").is_met is None
    assert at_least("x", [0.9, 1.1], 1.0, target="", measured="").is_met
    assert rounded({"x": [1 / 3, 2]}) == {"x": [0.333333, 2]}


def test_plots_are_whole_pictures(tmp_path: Path) -> None:
    lines = [Line(label="a < b", points=[(1e5, 3.0), (1e8, 90.0)]), Line(label="c", points=[(1e6, 50.0)])]
    line_plot(tmp_path / "figures" / "plot.svg", lines, x_title="x", y_title="y", is_log_x=True)
    root = ElementTree.parse(tmp_path / "figures" / "plot.svg").getroot()
    texts = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert {"a < b", "c", "1 M"} <= set(texts)
