"""A model, ready to be asked about pictures: ``foveate.load(DIR)``.

A ``budget`` is a calibrated mean over pictures and decides how eagerly the model stops; a ``limit`` is a hard cap that
no picture exceeds. Without either, a calibrated model stops as early as costs no accuracy on its calibration pictures,
and one that was never calibrated looks as often as it may. What happens to a picture never depends on the others.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from foveate.answers import Answer, Appetite, Box, Cost, Failure, Outcome, StepFacts, Watched
from foveate.atomic import Place
from foveate.compatible import check_compatible
from foveate.core import Observation, Step
from foveate.cost import Ledger
from foveate.episode import Episode, Event, Player
from foveate.errors import BudgetError, FoveateError, SceneError, UsageError, suggest
from foveate.evaluation.record import here
from foveate.evaluation.rules import can_follow, rules_for
from foveate.geometry.viewpoint import to_boxes_px
from foveate.model_folder import Manifest, SavedSystem, load_system
from foveate.noise import Noise
from foveate.rollout import rollout, steps
from foveate.rows import as_numpy, take
from foveate.scenes.given import Given, Ready, prepare, scenes_of
from foveate.stopping import STOP_RULES
from foveate.stopping.budgets import BudgetTable
from foveate.stopping.limits import Limits
from foveate.stopping.stopper import Stopper
from foveate.stopping.units import Budget
from foveate.system import System
from foveate.tasks import TASKS

NO_RULE = "none"  # as a stop rule: look as often as allowed
BATCH_SIZE = 16
UNBOUNDED = np.iinfo(np.int64).max  # a player's horizon where nothing ends its looks

Amount = str | float | Budget


def load(path: Place, *, device: Any = "cpu") -> Looker:
    """The model of a model folder, or of a run folder that holds one. Raises ModelFolderError naming what is wrong."""
    return Looker.of(load_system(path, device=device))


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How a picture is to be looked at; arguments of every method of :class:`Looker`."""

    budget: Amount | None = None
    """Mean cost over pictures ("2 looks", "1.5GMAC", "20ms"), by thresholds that calibration solved."""
    limit: Amount | Sequence[Amount] | None = None
    """Most that any single picture may cost ("20000px"); several in different units may be given."""
    stop_rule: str | None = None
    """A calibrated rule; None: the table's default; "none": look as often as allowed."""
    max_looks: int | None = None
    defer_below: float | None = None
    """Pictures that did not stop by themselves and are less certain than this are "deferred"."""


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What was asked, checked and put in the loop's terms."""

    player: Player
    limits: Limits | None
    defer_below: float | None
    rule: str | None


class Looker:
    """Asks one model about pictures. Its parts are in evaluation mode and are not changed."""

    def __init__(
        self, system: System, *, budgets: BudgetTable | None = None, name: str = "DIR", manifest: Manifest | None = None
    ) -> None:
        self.system = system.train(False)
        self.budgets = budgets
        self.name = name
        """What messages call the model's folder."""
        self.manifest = manifest

    @classmethod
    def of(cls, saved: SavedSystem) -> Looker:
        return cls(saved.system, budgets=saved.budgets, name=str(saved.path), manifest=saved.manifest)

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
        plan = self._plan(_asked(asked), batch_size)
        return self._answers(pictures, plan, batch_size=batch_size, on_error=on_error, trail=trail)

    def watch(self, picture: Given, **asked: Any) -> Iterator[Watched]:
        """Every step of an episode as it happens: what is known, and where it looks next."""
        plan = self._plan(_asked(asked), 1)
        return self._watched(self._prepare(picture, plan), plan)

    def warm_up(self) -> None:
        """Look at nothing once, so that the seconds of the next picture are those of any other."""
        model = self.system.model
        bands = model.num_bands
        list(self.look_many([np.full((64, 64, bands), 0.5, np.float32)], stop_rule=NO_RULE, max_looks=1))

    def price(self, looks: int) -> dict[str, float]:
        """What sensing so many looks costs, per unit that is the same for all pictures; no policy, critic or answer."""
        model, price = self.system.model, self.system.model.price()
        glance, focus = (int(np.prod(model.glimpse_size_px(i))) for i in (0, 1))
        opened = glance if model.opening == "glance" else 0
        return {"looks": looks, "px": opened + looks * focus, "macs": int(price.sensed(looks))}

    def _plan(self, asked: Asked, batch_size: int) -> _Plan:
        if asked.max_looks is not None and (not isinstance(asked.max_looks, int) or asked.max_looks < 0):
            raise UsageError(f"max_looks is {asked.max_looks!r}; it must be a whole number of at least 0")
        most = self.system.model.max_looks
        if asked.max_looks is not None and most is not None and asked.max_looks > most:
            raise UsageError(
                f"max_looks is {asked.max_looks}; the model of {self.name} has room for {most}: give 0 to {most}"
            )
        if asked.defer_below is not None and not 0 <= asked.defer_below <= 1:
            raise UsageError(f"defer_below is {asked.defer_below}; a certainty is between 0 and 1")
        stop: Any = self._stopper(asked, batch_size)
        parts, limits = self.system, self._limits(asked)
        player = Player(
            model=parts.model, policy=parts.policy, critic=parts.critic, task=parts.task, stop=stop,
            limits=limits, max_looks=asked.max_looks,
        )  # fmt: skip
        default = self.budgets.default_rule if self.budgets is not None else None
        rule = None if stop is None else asked.stop_rule or default
        return _Plan(player=player, limits=limits, defer_below=asked.defer_below, rule=rule)

    def _stopper(self, asked: Asked, batch_size: int) -> Stopper | None:
        rule = asked.stop_rule
        if rule == NO_RULE:
            if asked.budget is not None:
                raise UsageError('a budget needs a stop rule to keep it: leave out stop_rule="none", or the budget')
            return None
        if rule is not None and rule not in STOP_RULES:
            raise UsageError(f"unknown stop rule {rule!r}.{suggest(rule, STOP_RULES)} Known: {', '.join(STOP_RULES)}")
        if self.budgets is None:
            if asked.budget is None and rule is None:
                return None
            if rule is not None and not can_follow(self.system, rule):
                raise UsageError(
                    f"the stop rule {rule!r} needs a critic, which the model of {self.name} lacks: choose one of "
                    f"{', '.join(rules_for(self.system))}"
                )
            wanted = "a budget" if asked.budget is not None else f"the stop rule {rule!r}"
            data = TASKS.facts(self.system.spec.task.name).get("held_out", "RECIPE")
            raise BudgetError(
                f"{self.name}: this model was not calibrated, so {wanted} has no thresholds; "
                f"run `foveate calibrate {self.name} --data {data}`, or give a limit or max_looks instead"
            )
        budget = asked.budget if asked.budget is not None else self.budgets.full_score_budget(rule=rule)
        here_now = here(self.budgets.origin.split, batch_size, self.system)  # budgets in ms hold on their machine only
        return self.budgets.stopper(budget, rule=rule, here=here_now)

    def _limits(self, asked: Asked) -> Limits | None:
        if asked.limit is None:
            return None
        texts = asked.limit if isinstance(asked.limit, list | tuple) else [asked.limit]
        least = self.price(0)
        least["macs"] += int(self.system.model.price().predict(0))
        return Limits.parse(*texts, opening=least)

    def _prepare(self, picture: Given, plan: _Plan) -> Ready:
        model = self.system.model
        ready = prepare(picture, num_bands=model.num_bands, value_range=model.value_range)
        if plan.limits is not None:  # shares of the picture are known only now
            plan.limits.check({"pct_px": 100 * self.price(0)["px"] / (ready.size_px[0] * ready.size_px[1])})
        return ready

    def _answers(
        self, pictures: Iterable[Given], plan: _Plan, *, batch_size: int, on_error: str, trail: bool
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

    def _play(self, pictures: list[Ready], plan: _Plan, *, on_error: str, trail: bool) -> list[Answer | Failure]:
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

    def _episode(self, pictures: list[Ready], plan: _Plan, *, trail: bool) -> Iterator[Answer]:
        start_s = time.perf_counter()
        scenes = scenes_of(pictures, num_bands=self.system.model.num_bands)
        noise = Noise(seed=0, scenes=np.array([picture.number for picture in pictures]))
        with torch.inference_mode():
            episode = rollout(scenes, plan.player, noise=noise, explore=self.system.is_drawn, keep_events=trail)
            seconds = (time.perf_counter() - start_s) / len(pictures)
            answers, certainty = self._said(episode.prediction)
            trails = self._trails(episode) if trail else {}
        for row in range(len(pictures)):
            yield Answer(
                answer=answers[row],
                certainty=certainty[row],
                looks=_boxes(episode.viewpoints[row][episode.valid[row]], scenes.sizes_px[row]),
                outcome=_outcome(episode, row, certainty[row], plan.defer_below),
                cost=_cost(episode.ledger, row, seconds),
                size_px=pictures[row].size_px,
                steps=tuple(trails.get(row, ())),
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

    def _watched(self, ready: Ready, plan: _Plan) -> Iterator[Watched]:
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
                boxes_px=_boxes(views, scenes.sizes_px[0]),
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


def _asked(values: dict[str, Any]) -> Asked:
    known = list(Asked.__dataclass_fields__)
    for key in values:
        if key not in known:
            raise UsageError(f"unknown argument {key!r}.{suggest(key, known)} Known: {', '.join(known)}")
    return Asked(**values)


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
    if episode.stopped[row]:
        return "stopped"
    unsettled = defer_below is not None and certainty < defer_below
    return "deferred" if episode.deferred[row] or unsettled else "truncated"


def _appetite(plan: _Plan, step: Step) -> Appetite | None:
    stop: Any = plan.player.stop
    if stop is None or plan.rule is None or any(getattr(step, name) is None for name in stop.needs):
        return None  # nothing is asked of a row at its end
    depth = min(int(step.num_looks[0]), len(stop.thresholds) - 1)
    return Appetite(rule=plan.rule, now=float(stop.rule.signal(step)[0]), threshold=float(stop.thresholds[depth]))


def _cost(ledger: Ledger, row: int, seconds: float) -> Cost:
    sensed_px = int(ledger.sensed_px[row])
    return Cost(
        looks=int(ledger.looks[row]),
        macs=int(ledger.macs[row]),
        sensed_px=sensed_px,
        sensed_pct=100 * sensed_px / int(ledger.scene_px[row]),
        decoded_px=int(ledger.decoded_px[row]),
        read_bytes=int(ledger.read_bytes[row]),
        seconds=seconds,
    )


def _boxes(viewpoints: NDArray[np.float32], size_px: NDArray[np.int64]) -> tuple[Box, ...]:
    boxes = to_boxes_px(viewpoints[None], size_px[None])[0]
    return tuple((float(t), float(left), float(b), float(r)) for t, left, b, r in boxes)


def _state_map(observation: Observation) -> NDArray[np.float32] | None:
    if observation.grid is None:
        return None
    features = as_numpy(take(observation.features, [0]))[0]
    return features.reshape(*observation.grid, -1)
