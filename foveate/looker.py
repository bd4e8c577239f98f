"""A model, ready to be asked about pictures: ``foveate.load(DIR)``.

A ``budget`` is a calibrated mean over pictures and decides how eagerly the model stops; a ``limit`` is a hard cap that
no picture exceeds. Without either, a calibrated model stops as early as costs no accuracy on its calibration pictures,
and one that was never calibrated looks as often as it may. What happens to a picture never depends on the others.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from foveate.answers import Answer, Appetite, Cost, Failure, Outcome, StepFacts, Watched, boxes_of
from foveate.asking import NO_RULE, Asked, Plan, Planner
from foveate.atomic import Place
from foveate.compatible import check_compatible
from foveate.core import Observation, Scenes, Step
from foveate.cost import Ledger
from foveate.episode import Episode, Event
from foveate.errors import FoveateError, SceneError, UsageError
from foveate.model_folder import Manifest, SavedSystem, load_system
from foveate.noise import Noise
from foveate.rollout import rollout, steps
from foveate.rows import as_numpy, take
from foveate.scanning import scan
from foveate.scenes.given import Given, Ready, prepare, scenes_of
from foveate.stopping.budgets import BudgetTable
from foveate.stopping.risk import RiskPoint
from foveate.system import System

BATCH_SIZE = 16
UNBOUNDED = np.iinfo(np.int64).max  # a player's horizon where nothing ends its looks


def load(path: Place, *, device: Any = "cpu") -> Looker:
    """The model of a model folder, or of a run folder that holds one. Raises ModelFolderError naming what is wrong."""
    return Looker.of(load_system(path, device=device))


class Looker:
    """Asks one model about pictures. Its parts are in evaluation mode and are not changed."""

    def __init__(
        self,
        system: System,
        *,
        budgets: BudgetTable | None = None,
        risk: RiskPoint | None = None,
        name: str = "DIR",
        manifest: Manifest | None = None,
    ) -> None:
        self.system = system.train(False)
        self.budgets, self.risk = budgets, risk
        self.name = name
        """What messages call the model's folder."""
        self.manifest = manifest

    @classmethod
    def of(cls, saved: SavedSystem) -> Looker:
        return cls(saved.system, budgets=saved.budgets, risk=saved.risk, name=str(saved.path), manifest=saved.manifest)

    def with_system(self, system: System) -> Looker:
        """The same calibration and name, with changed parts."""
        return Looker(system, budgets=self.budgets, risk=self.risk, name=self.name, manifest=self.manifest)

    @property
    def num_looks(self) -> int | None:
        """Looks of a training episode, if they are on record."""
        told = {} if self.manifest is None else self.manifest.provenance
        return int(told["looks"]) if told.get("looks") else None

    @property
    def planner(self) -> Planner:
        """What may be asked of the model."""
        return Planner(system=self.system, budgets=self.budgets, risk=self.risk, name=self.name)

    def look(self, picture: Given, *, trail: bool = False, **asked: Any) -> Answer:
        """Answer about one picture: a path, a Pillow picture, an array ``[H, W(, C)]`` or a tensor ``[C, H, W]``.

        Keyword arguments as :class:`Asked`. ``trail`` also works out what would have been answered after each look.
        Raises SceneError, BudgetError, UsageError.
        """
        (answer,) = self.look_many([picture], batch_size=1, trail=trail, **asked)
        assert isinstance(answer, Answer)
        return answer

    def look_many(
        self,
        pictures: Iterable[Given],
        *,
        batch_size: int = BATCH_SIZE,
        on_error: Literal["raise", "give"] = "raise",
        trail: bool = False,
        **asked: Any,
    ) -> Iterator[Answer | Failure]:
        """Answers in order, worked out in batches as they are asked for.

        ``on_error`` "give" puts a :class:`Failure` in the place of a picture that cannot be looked at, and goes on.
        """
        if on_error not in ("raise", "give"):
            raise UsageError(f"on_error is {on_error!r}; allowed are 'raise' and 'give'")
        if batch_size < 1:
            raise UsageError(f"batch_size is {batch_size}; it must be at least 1")
        plan = self.planner.plan(Asked.of(asked), batch_size)
        return self._answers(pictures, plan, batch_size=batch_size, on_error=on_error, trail=trail)

    def watch(self, picture: Given, **asked: Any) -> Iterator[Watched]:
        """Every step of an episode as it happens: what is known, and where it looks next."""
        plan = self.planner.plan(Asked.of(asked), 1)
        return self._watched(self._prepare(picture, plan), plan)

    def warm_up(self) -> None:
        """Look at nothing once, so that the seconds of the next picture are those of any other."""
        model = self.system.model
        bands = model.num_bands
        nothing = [np.full((64, 64, bands), 0.5, np.float32)]
        list(self.look_many(nothing, stop_rule=NO_RULE, max_looks=self.system.policy.noise_shape[0]))

    def price(self, looks: int) -> dict[str, float]:
        """What sensing so many looks costs, per unit that is the same for all pictures; no policy, critic or answer."""
        return self.planner.price(looks)

    def _prepare(self, picture: Given, plan: Plan) -> Ready:
        model = self.system.model
        ready = prepare(picture, num_bands=model.num_bands, value_range=model.value_range)
        if plan.limits is not None:  # shares of the picture are known only now
            plan.limits.check({"pct_px": 100 * self.price(0)["px"] / (ready.size_px[0] * ready.size_px[1])})
        return ready

    def _answers(
        self, pictures: Iterable[Given], plan: Plan, *, batch_size: int, on_error: str, trail: bool
    ) -> Iterator[Answer | Failure]:
        for batch in _batched(pictures, batch_size):
            results: list[Answer | Failure | Ready] = []
            for picture in batch:
                try:
                    results.append(self._prepare(picture, plan))
                except FoveateError as error:
                    if on_error == "raise":
                        raise
                    results.append(Failure(error=error))
            for kind in dict.fromkeys(item.kind for item in results if isinstance(item, Ready)):
                places = [i for i, item in enumerate(results) if isinstance(item, Ready) and item.kind == kind]
                chosen = [item for item in results if isinstance(item, Ready) and item.kind == kind]
                for i, result in zip(places, self._play(chosen, plan, on_error=on_error, trail=trail), strict=True):
                    results[i] = result
            yield from (item for item in results if not isinstance(item, Ready))

    def _play(self, pictures: list[Ready], plan: Plan, *, on_error: str, trail: bool) -> list[Answer | Failure]:
        """Pictures of one kind in one batch; a file that turns out to be broken while it is read leaves the batch."""
        try:
            return list(self._episode(pictures, plan, trail=trail))
        except SceneError as error:
            broken = [i for i, picture in enumerate(pictures) if picture.content == error.path] if error.path else []
            if on_error == "raise" or not broken:
                raise
            whole = [picture for i, picture in enumerate(pictures) if i not in broken]
            rest = iter(self._play(whole, plan, on_error=on_error, trail=trail) if whole else ())
            return [Failure(error=error) if i in broken else next(rest) for i in range(len(pictures))]

    def _episode(self, pictures: list[Ready], plan: Plan, *, trail: bool) -> Iterator[Answer]:
        start_s = time.perf_counter()
        scenes = scenes_of(pictures, num_bands=self.system.model.num_bands)
        noise = Noise(seed=0, scenes=np.array([picture.number for picture in pictures]))
        with torch.inference_mode():
            episode = rollout(
                scenes, plan.player, noise=noise, explore=self.system.is_drawn, keep_events=trail, keep_state=plan.scans
            )
            seconds = (time.perf_counter() - start_s) / len(pictures)
            answers, certainty = self._said(episode.prediction)
            trails = self._trails(episode) if trail else {}
        for row in range(len(pictures)):
            answer = Answer(
                answer=answers[row],
                certainty=certainty[row],
                looks=boxes_of(episode.viewpoints[row][episode.valid[row]], scenes.sizes_px[row]),
                outcome=_outcome(episode, row, certainty[row], plan.defer_below),
                cost=Cost.of(episode.ledger, row, seconds=seconds),
                size_px=pictures[row].size_px,
                steps=tuple(trails.get(row, ())),
            )
            if plan.scans and answer.outcome == "deferred":
                answer = self._scanned(answer, scenes.select([row]), take(episode.state, [row]), plan.defer_below)
            yield answer

    @torch.inference_mode()
    def _scanned(self, before: Answer, scenes: Scenes, state: Any, sure: float | None) -> Answer:
        """The answer after reading on."""
        start_s, ledger = time.perf_counter(), Ledger(scenes.sizes_px)
        episode = scan(self.system, scenes, state, ledger=ledger, sure=sure)
        (answer,), (certainty,) = self._said(episode.prediction)
        cost = Cost.of(ledger, 0, seconds=time.perf_counter() - start_s)
        return replace(
            before,
            answer=answer,
            certainty=certainty,
            looks=(*before.looks, *boxes_of(episode.viewpoints[0][episode.valid[0]], scenes.sizes_px[0])),
            outcome="stopped" if episode.stopped[0] else "truncated",
            cost=before.cost + cost,
            is_scanned=True,
        )

    def _trails(self, episode: Episode) -> dict[int, list[StepFacts]]:
        """What would have been answered at every step; outside the ledger."""
        trails: dict[int, list[StepFacts]] = {}
        for event in episode.events:
            for row, facts in zip(event.rows.tolist(), self._facts(event), strict=True):
                trails.setdefault(row, []).append(facts)
        return trails

    def _facts(self, event: Event) -> list[StepFacts]:
        model, critic = self.system.model, self.system.critic
        prediction = event.prediction if event.has_all_predictions else model.predict(event.state)
        answers, certainty = self._said(prediction)
        values = event.step.value
        if values is None and critic is not None:
            values = as_numpy(critic.value(event.observation))
        return [
            StepFacts(
                num_looks=int(event.step.num_looks[row]),
                answer=answers[row],
                certainty=certainty[row],
                value=None if values is None else float(values[row]),
            )
            for row in range(len(event.rows))
        ]

    def _said(self, prediction: Any) -> tuple[list[Any], list[float]]:
        task = self.system.task
        confidence = as_numpy(task.certainty(prediction)["confidence"])
        return list(task.answers(prediction)), [float(sure) for sure in confidence]

    def _watched(self, ready: Ready, plan: Plan) -> Iterator[Watched]:
        scenes = scenes_of([ready], num_bands=self.system.model.num_bands)
        check_compatible(scenes, plan.player)
        noise = Noise(seed=0, scenes=np.array([ready.number]))
        ledger = Ledger(scenes.sizes_px)
        events = steps(scenes, plan.player, noise=noise, explore=self.system.is_drawn, ledger=ledger)
        while True:
            with torch.inference_mode():  # not around the yield: it would leak into the caller
                if (event := next(events, None)) is None:
                    return
                (facts,) = self._facts(event)
                prediction = (
                    event.prediction if event.prediction is not None else self.system.model.predict(event.state)
                )
                odds = self._odds(event.observation)
            views = np.zeros((0, 4), np.float32)
            if event.look is not None:
                views = as_numpy(event.look.viewpoints)[0][as_numpy(event.look.valid)[0]]
            grid, leaves, most = event.observation.grid, bool(event.leaving[0]), plan.player.horizon
            spent = ledger.spent(event.rows) if leaves else event.spent  # of the others, the next look is in it already
            yield Watched(
                num_looks=facts.num_looks,
                answer=facts.answer,
                prediction=prediction,
                certainty=facts.certainty,
                value=facts.value,
                viewpoints=views,
                boxes_px=boxes_of(views, scenes.sizes_px[0]),
                state_map=_state_map(event.observation),
                heatmap=None if odds is None or grid is None else odds.reshape(grid),
                odds=odds,
                observation=event.observation,
                spent={unit: float(amount[0]) for unit, amount in spent.items()},
                appetite=_appetite(plan, event.step),
                most_looks=most if most < UNBOUNDED else None,
                outcome=_outcome(event, 0, facts.certainty, plan.defer_below) if leaves else None,
            )

    def _odds(self, observation: Observation) -> NDArray[np.float32] | None:
        score = getattr(self.system.policy, "logits_and_offsets", None)
        return None if score is None else as_numpy(torch.softmax(score(observation)[0][0], 0))


def _batched(pictures: Iterable[Given], batch_size: int) -> Iterator[list[Given]]:
    batch: list[Given] = []
    for picture in pictures:
        batch.append(picture)
        if len(batch) == batch_size:
            yield batch
            batch = []
    if batch:
        yield batch


def _outcome(episode: Episode | Event, row: int, certainty: float, defer_below: float | None) -> Outcome:
    """A search that stopped may be deferred too: what a budget's rule takes for enough may be less than is promised."""
    if defer_below is not None and not certainty >= defer_below:  # NaN is never enough
        return "deferred"
    return "stopped" if episode.stopped[row] else "truncated"


def _appetite(plan: Plan, step: Step) -> Appetite | None:
    stop: Any = plan.player.stop
    if stop is None or plan.rule is None or any(getattr(step, name) is None for name in stop.needs):
        return None  # nothing is asked of a row at its end
    depth = min(int(step.num_looks[0]), len(stop.thresholds) - 1)
    return Appetite(rule=plan.rule, now=float(stop.rule.signal(step)[0]), threshold=float(stop.thresholds[depth]))


def _state_map(observation: Observation) -> NDArray[np.float32] | None:
    if observation.grid is None:
        return None
    features = as_numpy(take(observation.features, [0]))[0]
    return features.reshape(*observation.grid, -1)
