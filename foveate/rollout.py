"""THE LOOP. Training, evaluation, calibration, the command line and the exported runtime all run it, without torch.

A row that is done leaves the batch at once, so that stopping early really saves work.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveate.compatible import check_compatible
from foveate.core import ActiveModel, Glimpses, Look, Observation, Policy, Prediction, Rows, Scenes, Step
from foveate.cost import Ledger
from foveate.episode import Episode, Event, Flags, Player, assemble, take_flags
from foveate.errors import IncompatibleError
from foveate.geometry.viewpoint import whole_scene
from foveate.noise import Noise
from foveate.rows import as_numpy, take

OUTSIDE = 1e-4  # what rounding may add to a look at the edge, in the scene's frame


def steps(
    scenes: Scenes, player: Player, *, noise: Noise, explore: bool, ledger: Ledger, state: Any | None = None
) -> Iterator[Event]:
    """Play one episode per scene, yielding every step; ``explore`` draws looks with the noise instead of their mode.
    With the ``state`` of an earlier episode it goes on from there: nothing is opened."""
    model, rows = player.model, np.arange(len(scenes))
    camera = getattr(model, "camera", None)
    scenes = scenes if camera is None else camera(scenes)
    opening, is_opening = None, state is None
    if state is None:
        state, opening = _open(scenes, model, ledger)
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
            deferred=deferred, glimpses=None, opening=opening,
        )  # fmt: skip
        opening = None
        if len(stay) < len(rows):
            rows, scenes = rows[stay], scenes.select(stay)
            state, observation = take(state, stay), take(observation, stay)
        if len(rows):
            look = _look(player.policy, observation, noise if explore else None, ledger, rows)
            state, glimpses = _update(scenes, model, state, look, ledger, rows)
            event = replace(event, look=look, glimpses=glimpses)
        yield event


def _open(scenes: Scenes, model: ActiveModel, ledger: Ledger) -> tuple[Any, Glimpses | None]:
    rows, glance = np.arange(len(scenes)), None
    if model.opening == "glance":
        size_px = model.glimpse_size_px(0)
        with ledger.timed("read"):
            glance = scenes.read(whole_scene(len(rows)), size_px)
        ledger.charge_read(rows, glance, valid=np.ones((len(rows), 1), bool), size_px=size_px)
    with ledger.timed("open"):
        state = model.open(None if glance is None else glance.pixels, scenes.sizes_px)
    ledger.charge_macs("open", rows, model.price().open_macs)
    return state, glance


def _observe(model: ActiveModel, state: Any, player: Player, ledger: Ledger, rows: Rows) -> Observation:
    observation = model.observe(state)
    if model.price().observe_macs:
        ledger.charge_macs("observe", rows, model.price().observe(as_numpy(observation.num_looks)))
    if player.limits is None:
        return observation
    return replace(observation, remaining=player.limits.remaining(ledger.spent(rows)).astype(np.float32))


def _at_end(player: Player, observation: Observation) -> Flags:
    """Rows ``[m]`` that may not look again, whatever anyone thinks of them: the looks of one more step would pass the
    horizon, or no candidate is left."""
    most_looks = _most_looks(player.policy, observation)
    is_over = as_numpy(observation.num_looks) + most_looks > player.horizon
    if player.together:
        return np.full(len(is_over), is_over.any() or not most_looks.any())
    return is_over | (most_looks == 0)


def _most_looks(policy: Policy, observation: Observation) -> NDArray[np.int64]:
    """Valid looks ``[m]`` that one step can take at most: no more than candidates, or than the policy has left."""
    looks_left = getattr(policy, "looks_left", None)
    left = as_numpy(observation.mask).sum(axis=1) if looks_left is None else as_numpy(looks_left(observation))
    return np.minimum(policy.noise_shape[0], left).astype(np.int64)


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
    price, k, num_looks = player.model.price(), _most_looks(player.policy, observation), as_numpy(observation.num_looks)
    height, width = player.model.glimpse_size_px(1)
    then = price.look(num_looks, count=k) + price.observe(num_looks + k) + price.predict(num_looks + k)
    macs = player.policy.macs(observation) + then
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
    spent["macs"] = spent["macs"] + player.model.price().predict(as_numpy(observation.num_looks))
    if player.critic is not None and "value" in player.needs:
        spent["macs"] = spent["macs"] + player.critic.macs(observation)
    return spent


def _predict(model: ActiveModel, state: Any, ledger: Ledger, rows: Rows) -> Prediction:
    with ledger.timed("predict"):
        prediction = model.predict(state)
    ledger.charge_macs("predict", rows, model.price().predict(as_numpy(state.num_looks)))
    return prediction


def _look(policy: Policy, observation: Observation, noise: Noise | None, ledger: Ledger, rows: Rows) -> Look:
    num_looks = as_numpy(observation.num_looks)
    drawn = noise.policy(rows, num_looks, policy.noise_shape) if noise is not None else None
    with ledger.timed("agent"):
        look = policy.look(observation, drawn).detach()
    _check_look(look, policy, observation)
    ledger.charge_macs("policy", rows, policy.macs(observation))
    return look


def _check_look(look: Look, policy: Policy, observation: Observation) -> None:
    """Said here, where it is known who asked; what reads a look knows its box only."""
    valid, name = as_numpy(look.valid), type(policy).__name__
    is_idle = ~valid.any(axis=1)
    if is_idle.any() and (is_idle & (_most_looks(policy, observation) > 0)).any():
        raise IncompatibleError(
            f"the policy {name} gave no valid look for a scene that has candidates left, and would never end; a policy "
            "must give at least one wherever the observation's mask has a candidate. Weights that are not finite give "
            "none either"
        )
    rows, chosen = np.nonzero(valid)[0], as_numpy(look.viewpoints)[valid]
    reach, extents = np.abs(chosen[:, :2]) + chosen[:, 2:], chosen[:, 2:]
    is_legal = ((reach <= 1 + OUTSIDE) & (extents > 0)).all(axis=1)  # false for NaN too
    if not is_legal.all():
        first = int(np.flatnonzero(~is_legal)[0])
        why = "its weights or what it observes are not finite: go on from weights before they diverged"
        if np.isfinite(chosen[first]).all():
            why = "a look must lie inside the scene, from -1 to 1: geometry.viewpoint.clamp_inside moves it there"
        raise IncompatibleError(
            f"the policy {name} looks at {chosen[first].tolist()} (row, col, half height, half width) after "
            f"{as_numpy(observation.num_looks)[rows[first]]} looks; {why}"
        )


def _update(
    scenes: Scenes, model: ActiveModel, state: Any, look: Look, ledger: Ledger, rows: Rows
) -> tuple[Any, Glimpses]:
    size_px, valid = model.glimpse_size_px(1), as_numpy(look.valid)
    with ledger.timed("read"):
        glimpses = scenes.read(look.viewpoints, size_px, look.valid)
    ledger.charge_read(rows, glimpses, valid=valid, size_px=size_px)
    with ledger.timed("update"):
        state = model.update(state, glimpses.pixels, look)
    num_valid = valid.sum(axis=1)
    ledger.charge_macs("look", rows, model.price().look(ledger.looks[rows], count=num_valid))
    ledger.looks[rows] += num_valid
    return state, glimpses


def rollout(
    scenes: Scenes,
    player: Player,
    *,
    noise: Noise | None = None,
    explore: bool = False,
    keep_events: bool = False,
    keep_state: bool = False,
    ledger: Ledger | None = None,
    state: Any | None = None,
) -> Episode:
    """Play one episode per scene to its end.

    ``noise`` feeds the stop rules that need it and, with ``explore``, the policy; without it seed 0 and the row number.
    ``keep_events`` keeps every step's state, observation and prediction: for training, calibration and pictures;
    ``keep_state`` the state at exit. With the ``state`` and ``ledger`` of an earlier episode of the same scenes it goes
    on from there.
    """
    check_compatible(scenes, player)
    n = len(scenes)
    noise, ledger = noise or Noise(seed=0, scenes=np.arange(n)), ledger or Ledger(scenes.sizes_px)
    exits, looks, events = [], [], []
    for event in steps(scenes, player, noise=noise, explore=explore, ledger=ledger, state=state):
        leaving = np.flatnonzero(event.leaving)
        if len(leaving):
            prediction = take(event.prediction, leaving) if event.has_all_predictions else event.prediction
            kept = take(event.state, leaving) if keep_state else None
            left, num_looks = event.rows[leaving], event.step.num_looks[leaving]
            exits.append((left, num_looks, prediction, take_flags(event, leaving), kept))
        if event.look is not None:
            looks.append((event.rows[~event.leaving], as_numpy(event.look.viewpoints), as_numpy(event.look.valid)))
        if keep_events:
            events.append(event)
    return assemble(n, exits, looks, events, ledger)
