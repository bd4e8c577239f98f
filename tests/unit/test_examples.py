"""Examples for a report: one episode of each kind, of every family and task, chosen in order and shown as explored."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from foveate.drawing import TRUTH, Mark
from foveate.evaluation.report_data import EpisodeExample
from foveate.exploring import examples as module
from foveate.exploring.examples import MOST_STEPS, Played, _decided, _graded, _picture, examples
from foveate.exploring.exploration import explore
from foveate.looker import Looker
from foveate.scenes.memory import ArrayScenes
from foveate.training.sources import Batch
from tests.unit.test_exploring import LOOKERS, picture
from tests.unit.test_looker import calibrated
from tests.unit.test_looker import system as calibrated_system

SCENES = np.random.default_rng(5).integers(0, 256, (12, 1, 48, 64), dtype=np.uint8)
TARGETS = {
    "reconstruction": torch.from_numpy(SCENES),
    "segmentation": torch.zeros(12, 48, 64, dtype=torch.int64),
    "classification": torch.arange(12) % 3,
    "search": torch.zeros(12, 3, 2),
}


class Made:
    """Scenes with their targets, in order."""

    def __init__(self, scenes: Any, target: Any) -> None:
        self.scenes, self.target = scenes, target

    def __len__(self) -> int:
        return len(self.scenes)

    def batch(self, indices: Any, epoch_seed: int) -> Batch:
        scenes = ArrayScenes(self.scenes[indices], value_range=(0.0, 255.0))
        return Batch(scenes=scenes, target=self.target[torch.from_numpy(indices)], indices=indices)


@pytest.mark.parametrize("name", LOOKERS)
def test_every_family_and_task_has_examples(name: str) -> None:
    found = examples(LOOKERS[name](), Made(SCENES, TARGETS[name]), num_scenes=12, max_looks=2)
    assert found
    for one in found:
        assert [step.heading for step in one.steps] == ["at first", "after 1 look", "after 2 looks"]
        for step in one.steps:
            assert {panel.title for panel in step.panels} >= {"where it looked", "what it has seen"}
            for panel in step.panels:
                assert panel.title in panel.alt
                with Image.open(io.BytesIO(panel.image)) as shown:
                    assert shown.width <= 400
    assert sum(len(panel.image) for one in found for step in one.steps for panel in step.panels) < 500_000


def test_the_same_as_explore_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    looker, told = LOOKERS["classification"](), []
    monkeypatch.setattr(module, "explore", lambda *a, **k: told.append(explore(*a, **k)) or told[-1])
    (first, *_) = examples(looker, Made(SCENES, TARGETS["classification"]), num_scenes=12, max_looks=1)
    step = told[0].moments[-1].watched
    assert f"{100 * step.certainty:.0f} % sure" in first.steps[-1].facts
    assert step.answer["label"] == first.steps[-1].facts[0]


def test_long_episodes_are_thinned_out_and_say_so() -> None:
    looker = LOOKERS["reconstruction"]()
    room = looker.system.model.max_looks
    (one, *_) = examples(looker, Made(SCENES, TARGETS["reconstruction"]), num_scenes=3)
    shown = min(room + 1, MOST_STEPS)
    assert len(one.steps) == shown
    assert one.steps[-1].heading == f"after {room} looks"
    assert ("moments" in one.caption) == (room + 1 > MOST_STEPS)


def test_the_truth_is_ringed_and_named_below() -> None:
    def describe(prediction: Any, target: Any) -> tuple[str, list[Mark]]:
        return f"it is {int(target[0])}\nmore", [Mark(center_px=(10.0, 10.0), label="truth")]

    source = Made(SCENES, TARGETS["classification"])
    marked, plain = (
        examples(LOOKERS["classification"](), source, num_scenes=4, max_looks=1, **options)[0]
        for options in ({"describe": describe}, {})
    )
    assert marked.caption.startswith("it is ")
    assert "more" not in marked.caption
    assert ("truth", TRUTH) in marked.steps[0].panels[0].notes
    assert marked.steps[0].panels[0].image != plain.steps[0].panels[0].image
    assert marked.steps[0].panels[1].image == plain.steps[0].panels[1].image


def played(score: float, *, looks: int = 3, outcome: str = "truncated") -> Played:
    last = next(iter(LOOKERS["classification"]().watch(picture(), max_looks=0)))
    last = replace(last, num_looks=looks, most_looks=3, outcome=outcome)  # type: ignore[arg-type]
    return Played(picture=picture(), target=None, last=last, score=score)


def test_the_first_of_each_kind() -> None:
    wrong, full = played(0), played(1)
    early, earlier = (played(1, looks=looks, outcome="stopped") for looks in (1, 0))
    assert _decided([early, wrong, full, earlier, played(0)]) == [
        ("✓ right", full), ("✓ right, stopped early", early), ("✗ wrong", wrong),
    ]  # fmt: skip
    assert _decided([early, earlier]) == [("✓ right", early), ("✓ right, stopped early", earlier)]
    assert _decided([wrong]) == [("✗ wrong", wrong)]
    assert _decided([full, played(1, outcome="stopped")]) == [("✓ right", full)]  # it stopped at the very end
    poor, fair, good = played(0.1), played(0.5), played(0.9, looks=1, outcome="stopped")
    assert _graded([good, poor, fair]) == [("the middle one", fair), ("the worst", poor), ("stopped early", good)]
    assert _graded([good]) == [("the middle one", good)]


def test_scenes_are_handed_over_as_they_are() -> None:
    assert (_picture(ArrayScenes(SCENES[:1], value_range=(0.0, 255.0))) == SCENES[0].transpose(1, 2, 0)).all()
    given = np.linspace(-1, 1, 16, dtype=np.float32).reshape(1, 1, 4, 4)
    assert _picture(ArrayScenes(given, value_range=(-1.0, 1.0))).ravel() == pytest.approx((given.ravel() + 1) / 2)


def test_early_stops_are_among_them_where_there_are() -> None:
    parts = calibrated_system().train(False)
    looker = Looker(parts, budgets=calibrated(parts), name="MODEL")
    scenes = np.random.default_rng(1).integers(0, 256, (24, 3, 90, 130), dtype=np.uint8)
    found: list[EpisodeExample] = examples(
        looker, Made(scenes, torch.arange(24) % 2), num_scenes=24, budget="1.5 looks", stop_rule="value"
    )
    assert {one.is_right for one in found} <= {True, False}
    assert all(one.steps[-1].facts[-1].startswith(("stopped", "truncated")) for one in found)
