"""THE LOOP. Training, evaluation, calibration, the command line and the exported runtime all run it, without torch.

A row that is done leaves the batch at once, so that stopping early really saves work.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from foveate.core import (
    ActiveModel,
    Critic,
    Look,
    Observation,
    Policy,
    Prediction,
    Rows,
    Scenes,
    Step,
    Task,
    as_numpy,
    concat,
    take,
)
from foveate.cost import Ledger
from foveate.errors import DataError, IncompatibleError
from foveate.geometry.viewpoint import WHOLE_SCENE
from foveate.noise import Noise

Flags = NDArray[np.bool_]


class Stop(Protocol):
    """Says which rows are sure enough."""

    @property
    def needs(self) -> frozenset[str]:
        """The fields of :class:`Step` that it reads."""

    def __call__(self, step: Step) -> Flags: ...


class Limits(Protocol):
    """Hard caps per scene, checked before a look is issued."""

    def reached(self, spent: Mapping[str, Any], next_cost: Mapping[str, Any]) -> Flags: ...

    def remaining(self, spent: Mapping[str, Any]) -> Any: ...

    def check(self, opening: Mapping[str, Any]) -> None:
        """Raises BudgetError for a cap below what the opening and its answer take."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One step of the rows that were still looking, after the decision about each was taken."""

    rows: Rows  # [m] original rows
    state: Any
    observation: Observation
    step: Step
    spent: Mapping[str, Any]  # [m] per unit: what the row has spent up to this decision
    prediction: Prediction  # of all m rows if something asked for it, else of the leaving rows, else None
    has_all_predictions: bool
    stopped: Flags  # [m] sure enough
    truncated: Flags  # [m] hit a hard limit, the end of the family's looks, or ran out of candidates
    deferred: Flags  # [m] truncated without being settled: the scene should be scanned
    look: Look | None  # of the surviving rows, in their order; None when all left

    @property
    def leaving(self) -> Flags:
        return self.stopped | self.truncated | self.deferred


@dataclass(frozen=True, kw_only=True)
class Player:
    """All that plays an episode: the parts that were chosen, and what must be known at every step."""

    model: ActiveModel
    policy: Policy
    critic: Critic | None = None
    task: Task | None = None
    stop: Stop | None = None
    """None: look as long as allowed."""
    limits: Limits | None = None
    defer: Stop | None = None
    """Asked about truncated rows only: True where the scene is not settled."""
    max_looks: int | None = None
    """Looks per row at most; the family's own maximum if that is lower or this is None."""
    ask: frozenset[str] = frozenset()
    """Further facts wanted at every step, whatever the stop rule needs: "value", "certainty", "prediction"."""

    @property
    def needs(self) -> frozenset[str]:
        rules = [rule.needs for rule in (self.stop, self.defer) if rule is not None]
        return self.ask.union(*rules)

    @property
    def horizon(self) -> int:
        caps = [cap for cap in (self.max_looks, self.model.max_looks) if cap is not None]
        return min(caps) if caps else np.iinfo(np.int64).max


def steps(scenes: Scenes, player: Player, *, noise: Noise, explore: bool, ledger: Ledger) -> Iterator[Event]:
    """Play one episode per scene, yielding every step; ``explore`` draws looks with the noise instead of their mode."""
    model, rows = player.model, np.arange(len(scenes))
    state, is_opening = _open(scenes, model, ledger), True
    while len(rows):
        with ledger.timed("observe"):
            observation = _observe(model, state, player, ledger, rows)
        if is_opening and player.limits is not None:
            player.limits.check(_opening_cost(player, observation, ledger, rows))
        is_opening = False
        at_end = _at_end(player, observation)
        step, prediction = _facts(player, state, observation, at_end, noise, ledger, rows)
        stopped, truncated = _outcome(player, scenes, step, observation, at_end, ledger, rows)
        spent, leaving = ledger.spent(rows), stopped | truncated
        has_all_predictions = prediction is not None
        if not has_all_predictions and leaving.any():
            prediction = _predict(model, take(state, np.flatnonzero(leaving)), ledger, rows[leaving])
        answers = take(prediction, np.flatnonzero(truncated if has_all_predictions else truncated[leaving]))
        deferred = _deferred(player, observation, step, truncated, answers, noise, ledger, rows)
        stay = np.flatnonzero(~leaving)
        event = Event(
            rows=rows, state=state, observation=observation, step=step, spent=spent, prediction=prediction,
            has_all_predictions=has_all_predictions, look=None, stopped=stopped, truncated=truncated & ~deferred,
            deferred=deferred,
        )  # fmt: skip
        if len(stay) < len(rows):
            rows, scenes = rows[stay], scenes.select(stay)
            state, observation = take(state, stay), take(observation, stay)
        if len(rows):
            look = _look(player.policy, observation, noise if explore else None, ledger, rows)
            state = _update(scenes, model, state, look, ledger, rows)
            event = replace(event, look=look)
        yield event


def _open(scenes: Scenes, model: ActiveModel, ledger: Ledger) -> Any:
    if model.opening == "free":
        return model.open(None, scenes.sizes_px)
    rows, size_px = np.arange(len(scenes)), model.glimpse_size_px(0)
    whole = np.tile(np.asarray(WHOLE_SCENE, np.float32), (len(rows), 1, 1))
    with ledger.timed("read"):
        glance = scenes.read(whole, size_px)
    ledger.charge_read(rows, glance, valid=np.ones((len(rows), 1), bool), size_px=size_px)
    with ledger.timed("open"):
        state = model.open(glance.pixels, scenes.sizes_px)
    ledger.charge_macs("open", rows, model.price().open_macs)
    return state


def _observe(model: ActiveModel, state: Any, player: Player, ledger: Ledger, rows: Rows) -> Observation:
    observation = model.observe(state)
    if observe_macs := model.price().observe_macs:
        ledger.charge_macs("observe", rows, observe_macs)
    if player.limits is None:
        return observation
    return replace(observation, remaining=player.limits.remaining(ledger.spent(rows)).astype(np.float32))


def _at_end(player: Player, observation: Observation) -> Flags:
    """Rows ``[m]`` that may not look again, whatever anyone thinks of them: the looks of one more step would pass the
    horizon, or no candidate is left."""
    most_looks = _most_looks(player.policy, observation)
    return (as_numpy(observation.num_looks) + most_looks > player.horizon) | (most_looks == 0)


def _most_looks(policy: Policy, observation: Observation) -> NDArray[np.int64]:
    """Valid looks ``[m]`` that one step can take at most: there are no more of them than candidates."""
    return np.minimum(policy.noise_shape[0], as_numpy(observation.mask).sum(axis=1)).astype(np.int64)


def _facts(
    player: Player, state: Any, observation: Observation, at_end: Flags, noise: Noise, ledger: Ledger, rows: Rows
) -> tuple[Step, Prediction]:
    """What the stop rule needs to know, and nothing else: a head or a critic that nobody asks does not run.

    Rows at their end leave anyway, so nothing is asked of them for the sake of stopping."""
    stop_needs = player.stop.needs if player.stop is not None and not at_end.all() else frozenset[str]()
    needs = player.ask | stop_needs
    prediction = _predict(player.model, state, ledger, rows) if needs & {"certainty", "prediction"} else None
    value = None
    if "value" in needs:
        asked = np.ones(len(rows), bool) if "value" in player.ask else ~at_end
        value = _fill_values(player, observation, np.full(len(rows), np.nan, np.float32), asked, ledger, rows)
    return _step(needs, player, observation, value, prediction, noise, rows), prediction


def _step(
    needs: frozenset[str],
    player: Player,
    observation: Observation,
    value: Any,
    prediction: Any,
    noise: Noise,
    rows: Rows,
) -> Step:
    num_looks, certainty = as_numpy(observation.num_looks), None
    if "certainty" in needs:
        assert player.task is not None  # checked by compatibility, before the first glimpse
        certainty = {name: as_numpy(sure) for name, sure in player.task.certainty(prediction).items()}
    return Step(
        num_looks=num_looks,
        value=value,
        certainty=certainty,
        noise=noise.step(rows, num_looks) if "noise" in needs else None,
        scene_noise=noise.scene(rows) if "scene_noise" in needs else None,
    )


def _fill_values(
    player: Player, observation: Observation, value: NDArray[np.float32], asked: Flags, ledger: Ledger, rows: Rows
) -> NDArray[np.float32]:
    """``value`` ``[m]`` with the critic's opinion of the asked rows where it is not known (NaN) yet."""
    missing = np.flatnonzero(asked & np.isnan(value))
    if len(missing) == 0:
        return value
    assert player.critic is not None  # checked by compatibility, before the first glimpse
    seen = observation if len(missing) == len(rows) else take(observation, missing)
    with ledger.timed("agent"):
        opinion = as_numpy(player.critic.value(seen))
    ledger.charge_macs("value", rows[missing], player.critic.macs(seen))
    filled = value.copy()
    filled[missing] = opinion
    return filled


def _outcome(
    player: Player, scenes: Scenes, step: Step, observation: Observation, at_end: Flags, ledger: Ledger, rows: Rows
) -> tuple[Flags, Flags]:
    """Stopping is decided on the state before the next look, so a row that leaves pays for no policy call."""
    stopped, truncated = np.zeros(len(rows), bool), at_end
    if player.stop is not None and not at_end.all():
        stopped = np.asarray(player.stop(step)) & ~at_end
    if player.limits is not None:
        truncated = truncated | player.limits.reached(ledger.spent(rows), _next_cost(player, scenes, observation))
    return stopped, truncated & ~stopped


def _deferred(
    player: Player, observation: Observation, known: Step, truncated: Flags, answers: Any, noise: Noise, ledger: Ledger,
    rows: Rows,
) -> Flags:  # fmt: skip
    """Rows ``[m]`` among the truncated that are not settled; ``answers`` are the predictions of the truncated ones."""
    deferred, who = np.zeros(len(rows), bool), np.flatnonzero(truncated)
    if player.defer is None or len(who) == 0:
        return deferred
    seen, needs = take(observation, who), player.defer.needs
    value = None
    if "value" in needs:
        value = np.full(len(who), np.nan, np.float32) if known.value is None else known.value[who]
        value = _fill_values(player, seen, value, np.ones(len(who), bool), ledger, rows[who])
    deferred[who] = player.defer(_step(needs, player, seen, value, answers, noise, rows[who]))
    return deferred


def _next_cost(player: Player, scenes: Scenes, observation: Observation) -> Mapping[str, Any]:
    """The most that one more step can cost a row, with the facts at its end and the prediction on leaving."""
    price, k = player.model.price(), _most_looks(player.policy, observation).astype(np.float64)
    height, width = player.model.glimpse_size_px(1)
    macs = player.policy.macs(observation) + k * price.look_macs + price.observe_macs + price.predict_macs
    if player.critic is not None and "value" in player.needs:
        macs = macs + player.critic.macs(observation)
    return {
        "looks": k,
        "macs": macs,
        "px": k * height * width,
        "pct_px": 100 * k * height * width / scenes.sizes_px.prod(axis=1),
        "bytes": k * scenes.max_read_bytes(),
        "tiles": k,
    }


def _opening_cost(player: Player, observation: Observation, ledger: Ledger, rows: Rows) -> Mapping[str, Any]:
    """What the opening, the facts after it and its answer take, per unit: below this no limit can be kept."""
    spent = dict(ledger.spent(rows))
    spent["macs"] = spent["macs"] + player.model.price().predict_macs
    if player.critic is not None and "value" in player.needs:
        spent["macs"] = spent["macs"] + player.critic.macs(observation)
    return spent


def _predict(model: ActiveModel, state: Any, ledger: Ledger, rows: Rows) -> Prediction:
    with ledger.timed("predict"):
        prediction = model.predict(state)
    ledger.charge_macs("predict", rows, model.price().predict_macs)
    return prediction


def _look(policy: Policy, observation: Observation, noise: Noise | None, ledger: Ledger, rows: Rows) -> Look:
    num_looks = as_numpy(observation.num_looks)
    drawn = noise.policy(rows, num_looks, policy.noise_shape) if noise is not None else None
    with ledger.timed("agent"):
        look = policy.look(observation, drawn).detach()
    if not as_numpy(look.valid).any(axis=1).all():
        raise IncompatibleError(
            f"the policy {type(policy).__name__} gave no valid look for a scene that has candidates left, and would "
            "never end; a policy must give at least one wherever the observation's mask has a candidate"
        )
    ledger.charge_macs("policy", rows, policy.macs(observation))
    return look


def _update(scenes: Scenes, model: ActiveModel, state: Any, look: Look, ledger: Ledger, rows: Rows) -> Any:
    size_px, valid = model.glimpse_size_px(1), as_numpy(look.valid)
    with ledger.timed("read"):
        glimpses = scenes.read(look.viewpoints, size_px, look.valid)
    ledger.charge_read(rows, glimpses, valid=valid, size_px=size_px)
    with ledger.timed("update"):
        state = model.update(state, glimpses.pixels, look)
    num_valid = valid.sum(axis=1)
    ledger.looks[rows] += num_valid
    ledger.charge_macs("look", rows, model.price().look_macs * num_valid)
    return state


@dataclass(frozen=True, kw_only=True)
class Episode:
    """What became of n scenes. Steps of a row beyond its exit hold NaN (signals) or False (``valid``)."""

    num_looks: NDArray[np.int64]  # [n] looks at exit
    stopped: Flags  # [n] exactly one of the three is True per row
    truncated: Flags  # [n]
    deferred: Flags  # [n]
    prediction: Prediction  # [n, ...] at exit
    viewpoints: NDArray[np.float32]  # [n, steps, k, 4]
    valid: Flags  # [n, steps, k]
    events: list[Event]  # every step, in order, if kept; else empty
    ledger: Ledger


def rollout(
    scenes: Scenes, player: Player, *, noise: Noise | None = None, explore: bool = False, keep_events: bool = False
) -> Episode:
    """Play one episode per scene to its end.

    ``noise`` feeds the stop rules that need it and, with ``explore``, the policy; without it seed 0 and the row number.
    ``keep_events`` keeps every step's state, observation and prediction: for training, calibration and pictures.
    """
    check_compatible(scenes, player)
    n = len(scenes)
    noise = noise or Noise(seed=0, scenes=np.arange(n))
    ledger, exits, looks, events = Ledger(scenes.sizes_px), [], [], []
    for event in steps(scenes, player, noise=noise, explore=explore, ledger=ledger):
        leaving = np.flatnonzero(event.leaving)
        if len(leaving):
            prediction = take(event.prediction, leaving) if event.has_all_predictions else event.prediction
            exits.append((event.rows[leaving], event.step.num_looks[leaving], prediction, take_flags(event, leaving)))
        if event.look is not None:
            looks.append((event.rows[~event.leaving], as_numpy(event.look.viewpoints), as_numpy(event.look.valid)))
        if keep_events:
            events.append(event)
    return _assemble(n, exits, looks, events, ledger)


def take_flags(event: Event, rows: Any) -> NDArray[np.bool_]:
    return np.stack([event.stopped, event.truncated, event.deferred])[:, rows]


def _assemble(n: int, exits: list[Any], looks: list[Any], events: list[Event], ledger: Ledger) -> Episode:
    order = np.argsort(np.concatenate([rows for rows, *_ in exits]))
    flags = np.concatenate([flags for *_, flags in exits], axis=1)[:, order]
    k = looks[0][1].shape[1] if looks else 1
    viewpoints = np.zeros((n, len(looks), k, 4), np.float32)
    valid = np.zeros((n, len(looks), k), bool)
    for step, (rows, where, is_valid) in enumerate(looks):
        viewpoints[rows, step], valid[rows, step] = where, is_valid
    return Episode(
        num_looks=np.concatenate([num_looks for _, num_looks, *_ in exits])[order],
        stopped=flags[0],
        truncated=flags[1],
        deferred=flags[2],
        prediction=take(concat([prediction for _, _, prediction, _ in exits]), order),
        viewpoints=viewpoints,
        valid=valid,
        events=events,
        ledger=ledger,
    )


def check_compatible(scenes: Scenes, player: Player) -> None:
    """Facts are checked once, before the first glimpse: no part is asked for its name or class.

    Policies and critics state ``needs_grid`` and ``needs_relevance`` as class attributes (False when absent).
    Raises DataError for an empty batch and IncompatibleError, which says the remedy, for parts that do not fit.
    """
    if len(scenes) == 0:
        raise DataError("the scene batch is empty; there is nothing to look at")
    _check_pixels(scenes, player.model)
    for part in (player.policy, player.critic):
        _check_observed(part, player.model)
    _check_rules(player)


def _check_pixels(scenes: Scenes, model: ActiveModel) -> None:
    if scenes.num_bands != model.num_bands:
        raise IncompatibleError(
            f"the scenes have {scenes.num_bands} bands, the model reads {model.num_bands}: convert the scenes, or "
            f"build the model with num_bands={scenes.num_bands}"
        )
    given, wanted = tuple(map(float, scenes.value_range)), tuple(map(float, model.value_range))
    if given != wanted:
        raise IncompatibleError(
            f"the scenes' values range over {given}, the model's preprocessing expects {wanted}: convert the scenes, "
            f"state their value_range, or build the model with value_range={given}"
        )


def _check_observed(part: Any, model: ActiveModel) -> None:
    shape = model.observation_shape
    if getattr(part, "needs_grid", False) and shape.grid is None:
        raise IncompatibleError(
            f"{type(part).__name__} needs candidates on a regular grid, which {type(model).__name__} does not offer: "
            "choose a policy or critic for any candidates, such as spatial or spatial_value"
        )
    if getattr(part, "needs_relevance", False) and not shape.has_relevance:
        raise IncompatibleError(
            f"{type(part).__name__} needs a relevance, which this {type(model).__name__} does not offer: build the "
            "model with relevance='gradcam' or 'layercam' if its family has that setting, or choose another policy"
        )


def _check_rules(player: Player) -> None:
    needs, k = player.needs, player.policy.noise_shape[0]
    if "value" in needs and player.critic is None:
        raise IncompatibleError(
            "the stop rule asks for the state's value, but this model has no critic; "
            "train one (`foveate train ... ` trains it with the policy) or choose another rule, such as confidence"
        )
    if "certainty" in needs and player.task is None:
        raise IncompatibleError("the stop rule asks for certainty, which the task defines: pass task=")
    if player.stop is None and player.limits is None and player.horizon == np.iinfo(np.int64).max:
        raise IncompatibleError("this family may look without end: give a stop rule, a limit or max_looks")
    if 0 < player.horizon < k:
        raise IncompatibleError(
            f"the policy takes {k} looks at once, but at most {player.horizon} are allowed: raise max_looks to {k} or "
            "more, or build the policy with fewer looks per step"
        )
