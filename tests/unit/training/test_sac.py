"""Soft actor-critic: it finds the better action, forgets nothing wrong, resumes exactly, and serves every family."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from foveate.core import Observation
from foveate.critics.set_q import SetQ, SetQConfig
from foveate.critics.spatial_q import SpatialQ, SpatialQConfig
from foveate.errors import IncompatibleError, TrainingError, UsageError
from foveate.geometry.viewpoint import grid_centers
from foveate.noise import Noise
from foveate.policies.spatial import Spatial, SpatialConfig
from foveate.policies.squashed_gaussian import SquashedGaussian, SquashedGaussianConfig
from foveate.system import PartSpec, build
from foveate.training.replay import Replay, looked_again, remembered
from foveate.training.resuming import resume_run
from foveate.training.sac import SacBatch, SacConfig, blend, sac_loss
from foveate.training.trainer import play
from tests.unit.training.test_trainer import equal
from tests.unit.training.tiny import Bars, interrupted_after, tiny_system, trainer, weights

SAC = SacConfig(batch_size=8, capacity=64, start_transitions=16)
AGENTS = {"spatial": ("spatial", "spatial_q"), "squashed": ("squashed_gaussian", "set_q")}
GRID, DIM = (4, 4), 5


def bandit(n: int, seed: int, *, num_marked: int = 16) -> tuple[Observation, torch.Tensor]:
    """One cell of sixteen (of the first ``num_marked``) is marked; looking there pays. The observation and the marked
    place ``[n, 2]``."""
    rng = torch.Generator().manual_seed(seed)
    marked = torch.randint(num_marked, (n,), generator=rng)
    features = 0.1 * torch.randn(n, 16, DIM, generator=rng)
    features[torch.arange(n), marked, 0] += 3.0
    centers = grid_centers(GRID, torch.zeros(1)).expand(n, 16, 2)
    observation = Observation(
        candidates=torch.cat([centers, torch.full_like(centers, 0.25)], -1),
        features=features,
        mask=torch.ones(n, 16, dtype=torch.bool),
        coverage=torch.zeros(n, 16),
        summary=torch.zeros(n, 2),
        num_looks=torch.zeros(n, dtype=torch.int64),
        sizes_px=torch.full((n, 2), 64),
        grid=GRID,
    )
    return observation, centers[torch.arange(n), marked]


@pytest.mark.parametrize("kind", AGENTS)
def test_it_learns_to_look_where_it_pays(kind: str) -> None:
    torch.manual_seed(0)
    policy: Any = Spatial(SpatialConfig(feature_dim=DIM, grid=GRID, offset=0.0, hidden_dim=16))
    critic: Any = SpatialQ(SpatialQConfig(feature_dim=DIM, summary_dim=2, hidden_dim=16))
    if kind == "squashed":
        shape = {"feature_dim": DIM, "summary_dim": 2, "hidden_dim": 32, "num_heads": 4}
        policy, critic = SquashedGaussian(SquashedGaussianConfig(**shape)), SetQ(SetQConfig(**shape))
    config = SacConfig(start_temperature=0.1)
    target, log_temperature = type(critic)(critic.config), torch.tensor(-4.6)
    target.load_state_dict(critic.state_dict())
    optimizers = [torch.optim.Adam(part.parameters(), lr=3e-3) for part in (policy, critic)]

    def pays(look: Any, place: torch.Tensor) -> torch.Tensor:
        return torch.exp(-8 * (look.viewpoints[:, 0, :2] - place).square().sum(1))

    most = 16 if kind == "spatial" else 2  # to find one place of many, a Gaussian takes longer than a test may
    observation, place = bandit(256, 9999, num_marked=most)
    before = pays(policy.look(observation), place).mean()
    for step in range(300):
        observation, place = bandit(64, step, num_marked=most)
        noise = torch.rand(64, 3, *policy.noise_shape, generator=torch.Generator().manual_seed(step))
        look = policy.look(observation, noise[:, 2]).detach()
        batch = SacBatch(
            observation=observation, action=look.action, reward=pays(look, place), following=observation,
            is_last=torch.ones(64, dtype=torch.bool), noise=noise[:, :2],
        )  # fmt: skip
        loss = sac_loss(policy, critic, target, log_temperature, batch, config, target_entropy=-2.0)
        for part, optimizer, own in zip((policy, critic), optimizers, (loss.policy, loss.critic), strict=True):
            gradients = torch.autograd.grad(own, list(part.parameters()), retain_graph=True, allow_unused=True)
            for parameter, gradient in zip(part.parameters(), gradients, strict=True):
                parameter.grad = gradient
            optimizer.step()
        blend(target, critic, config.tau)
    observation, place = bandit(256, 9999, num_marked=most)
    after = pays(policy.look(observation), place).mean()
    assert after > (0.9 if kind == "spatial" else 0.5), (before, after)
    assert after > before + 0.3
    # What a stop rule asks for: the worth of the policy's draws, worse than its mode, without the entropy's bonus.
    assert before + 0.1 < critic.value(observation).mean() < after + 0.1


def test_the_temperature_follows_the_entropy() -> None:
    policy = Spatial(SpatialConfig(feature_dim=DIM, grid=GRID, offset=0.0))
    critic = SpatialQ(SpatialQConfig(feature_dim=DIM, summary_dim=2))
    observation, _ = bandit(8, 0)
    noise = torch.rand(8, 3, *policy.noise_shape)
    look = policy.look(observation, noise[:, 2]).detach()
    batch = SacBatch(
        observation=observation, action=look.action, reward=torch.zeros(8), following=observation,
        is_last=torch.zeros(8, dtype=torch.bool), noise=noise[:, :2],
    )  # fmt: skip
    for goal, sign in ((0.5, 1), (2.7725, -1)):  # of at most ln 16 = 2.77
        log_temperature = torch.tensor(0.0, requires_grad=True)
        loss = sac_loss(policy, critic, critic, log_temperature, batch, SacConfig(), target_entropy=goal)
        (gradient,) = torch.autograd.grad(loss.temperature, log_temperature)
        assert sign * gradient > 0, "too much entropy lowers the temperature, too little raises it"


# -- replay ------------------------------------------------------------------------------------------------------------


def played(family: str, policy: str = "squashed_gaussian", rows: int = 6) -> tuple[Any, Any, Any]:
    system = tiny_system(family=family, policy=policy, critic=None)
    system.train(False)
    batch = Bars().batch(np.arange(rows), 0)
    with torch.no_grad():
        episode = play(system, batch, num_looks=2, noise=Noise(seed=0, scenes=batch.indices))
    return system, episode, remembered(episode, torch.arange(rows * 2.0).view(rows, 2))


@pytest.mark.parametrize("family", ["glance_focus", "elastic_tokens"])
def test_what_is_remembered_is_seen_again_as_it_was(family: str) -> None:
    system, episode, memory = played(family)
    replay = Replay(100)
    replay.add(memory)
    sampled = replay.sample(32, torch.Generator().manual_seed(0))
    rows = sampled.rewards[:, 0].long() // 2  # the made-up rewards say which episode it was
    assert len(rows.unique()) == 6
    again = looked_again(system.model, sampled)
    for event, observation in zip(episode.events, again, strict=True):
        expected = event.observation.select(rows)
        torch.testing.assert_close(observation.features, expected.features, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(observation.coverage, expected.coverage)
        assert (observation.seen is None) == (expected.seen is None)
        if observation.seen is not None:
            torch.testing.assert_close(observation.seen.features, expected.seen.features, atol=1e-5, rtol=1e-4)
    for step in (0, 1):
        action = episode.events[step].look.action  # type: ignore[union-attr]
        assert torch.equal(sampled.action["place"][:, step], action["place"][rows, 0])


def test_the_oldest_are_forgotten_first() -> None:
    _, _, memory = played("elastic_tokens", rows=6)
    replay = Replay(8)  # four episodes of two looks
    replay.add(memory)
    assert len(replay) == 8
    assert sorted(replay.store["rewards"][:, 0].tolist()) == [4.0, 6.0, 8.0, 10.0]
    state = replay.state()
    other = Replay(8)
    other.restore(state)
    assert all(torch.equal(other.store[key], replay.store[key]) for key in replay.store)
    assert (len(other), other.next) == (len(replay), replay.next)


def test_a_checkpoint_holds_what_is_remembered_and_not_the_room_for_more() -> None:
    _, _, memory = played("elastic_tokens", rows=2)
    replay = Replay(100_000)
    replay.add(memory)
    file = io.BytesIO()
    torch.save(replay.state(), file)
    assert file.tell() < 2 * replay.bytes_per_transition * len(replay) + 10_000


def test_a_transition_takes_little_memory() -> None:
    """3 kB at 32 px glimpses of three bands: 100,000 transitions of 14 looks take 0.3 GB; the target is 2 GB."""
    from foveate.training.replay import Remembered

    n, steps = 2, 14
    memory = Remembered(
        opening=None, sizes_px=torch.zeros(n, 2, dtype=torch.int64),
        glimpses=torch.zeros(n, steps, 3, 32, 32, dtype=torch.uint8), viewpoints=torch.zeros(n, steps, 4),
        action={"raw": torch.zeros(n, steps, 3), "place": torch.zeros(n, steps, 3)}, rewards=torch.zeros(n, steps),
    )  # fmt: skip
    replay = Replay(steps)
    replay.add(memory)
    assert replay.bytes_per_transition * 100_000 < 0.35e9


# -- in the trainer ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("learner", ["ppo", "sac"])
@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("family", ["glance_focus", "elastic_tokens"])
def test_every_family_learns_with_every_learner_and_agent(family: str, agent: str, learner: str) -> None:
    policy, critic = AGENTS[agent]
    system = tiny_system(family=family, policy=policy, critic=critic)
    before = weights(system)
    result = trainer(system=system, learner=learner, sac=SAC, held_out=Bars(6), steps=4).run()
    after = weights(system)
    moved = {name.partition(".")[0] for name in after if not torch.equal(before[name], after[name])}
    assert moved == {"model", "policy", "critic"}
    assert any("losses/entropy" in row for row in result.metrics)
    assert "eval/gap" in result.metrics[-1]


@pytest.mark.parametrize("family", ["glance_focus", "elastic_tokens"])
def test_a_zoom_that_is_fixed_is_judged_but_not_learned(family: str) -> None:
    spec = tiny_system(family=family, policy="squashed_gaussian", critic="set_q").spec
    settings = {**spec.policy.config, "fixed_zoom": 0.25}
    system = build(replace(spec, policy=PartSpec(name="squashed_gaussian", config=settings)))
    run = trainer(system=system, learner="sac", sac=SAC, steps=4)
    run.run()
    place = run.agent.replay.store["action/place"]
    assert system.policy.num_dims == run.agent.replay.store["action/raw"].shape[-1] == 2
    assert place.shape[-1] == (3 if system.policy.config.zoom else 2)
    assert (place[..., 2:] == 0.25).all()
    assert run.agent._target_entropy(torch.ones(1, 1)) == -2.0  # of what is drawn


def test_stopped_and_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    """Bit by bit: target critic, temperature, optimisers and replay are in the checkpoint."""

    def system(seed: int = 0) -> Any:
        return tiny_system(family="elastic_tokens", policy="squashed_gaussian", critic="set_q", seed=seed)

    settings: dict[str, Any] = {"learner": "sac", "sac": SAC, "steps": 5}
    whole = trainer(system=system(), **settings)
    whole.run()
    cut = interrupted_after(trainer(tmp_path, system=system(), **settings), 3)
    assert not cut.run().finished
    resumed = trainer(tmp_path, system=system(5), **settings)
    assert resumed.run(resume=True).finished
    assert equal(weights(whole.system), weights(resumed.system))
    assert torch.equal(whole.agent.log_temperature, resumed.agent.log_temperature)


def test_agents_that_cannot_learn_off_policy_are_refused() -> None:
    def refused(match: str, error: type[Exception] = IncompatibleError, **parts: Any) -> None:
        with pytest.raises(error, match=match):
            trainer(system=tiny_system(**parts), learner="sac", sac=SAC)

    refused("squashed_gaussian or spatial", policy="gaussian", critic="spatial_q")
    refused("judges no actions", policy="spatial", critic="spatial_value")
    refused("add set_q or spatial_q", UsageError, policy="spatial", critic=None)
    with pytest.raises(UsageError, match="Did you mean"):
        trainer(learner="sax")


def spoilt_after(run: Any, step: int, spoil: Callable[[], object]) -> Any:
    """The trainer, with something done to it after this step, once that is saved."""
    learn = run._step

    def learn_then_spoil(parts: Any, journal: Any) -> None:
        if run.step == step:
            spoil()
        learn(parts, journal)

    run._step = learn_then_spoil
    return run


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("temperature", r"agent's loss is not finite \(.*temperature inf.*checkpoint is kept.*reward_scale"),
        ("old rewards", r"agent's loss is not finite \(.*rewards up to inf"),
        ("new rewards", r"the sum of rewards nan at step 4; the last good checkpoint is kept"),
    ],
)
def test_what_diverges_stops_the_run_and_the_last_good_checkpoint_stays(
    tmp_path: Path, what: str, expected: str
) -> None:
    def made() -> Any:
        system = tiny_system(policy="spatial", critic="spatial_q")
        return trainer(tmp_path, system=system, learner="sac", sac=SAC, steps=6, checkpoint_every_s=1e-9)

    run = made()

    def spoil() -> None:
        with torch.no_grad():
            if what == "temperature":
                run.agent.log_temperature.fill_(100.0)
            elif what == "old rewards":
                run.agent.replay.store["rewards"].fill_(torch.inf)
            else:
                run.system.task.score = lambda prediction, _: torch.nan * prediction[:, 0]

    with pytest.raises(TrainingError, match=expected):
        spoilt_after(run, 4, spoil).run()
    resumed = made()
    assert resume_run(resumed)
    assert resumed.step == 4
    assert resumed.run(resume=True).finished


def test_what_is_frozen_stays_in_evaluation_mode() -> None:
    """An update looks at episodes in evaluation mode; running statistics of frozen parts must not drift afterwards."""
    run = trainer(system=tiny_system(policy="spatial", critic="spatial_q"), learner="sac", sac=SAC, steps=3)
    frozen = run.system.model.focus_net.requires_grad_(False)
    run.run()
    run.system.train()
    assert len(run.agent.replay) >= SAC.start_transitions
    run.agent.learn(lr_scale=1.0, seed=0)
    assert not frozen.training
    assert run.system.model.glance_net.training


# -- stages ------------------------------------------------------------------------------------------------------------


def test_a_frozen_backbone_stays_as_it_was() -> None:
    run = trainer(backbone="frozen", steps=4)
    before = weights(run.system)
    run.run()
    after = weights(run.system)
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith("model."))
    assert any(not torch.equal(before[name], after[name]) for name in before if name.startswith("policy."))
