"""The loop, written out for a model with a glance and the value rule; `rollout` does the same and keeps the bill."""

import numpy as np
import torch

from foveate.core import Step
from foveate.episode import Player
from foveate.noise import Noise
from foveate.rollout import rollout
from foveate.rows import as_numpy, take
from foveate.scenes.memory import ArrayScenes
from foveate.stopping import STOP_RULES
from foveate.stopping.stopper import Stopper
from foveate.system import PartSpec, SystemSpec, build

torch.manual_seed(0)
system = build(
    SystemSpec(
        model=PartSpec(name="glance_focus", config={"num_outputs": 2, "max_looks": 4}),
        policy=PartSpec(name="spatial"),
        critic=PartSpec(name="spatial_value"),
        task=PartSpec(name="classification", config={"class_names": ("no", "yes")}),
    )
).train(False)
model, policy, critic = system.model, system.policy, system.critic

rng = np.random.default_rng(0)
pictures = ArrayScenes([rng.integers(0, 256, (3, 90 + 10 * i, 120), dtype=np.uint8) for i in range(6)])
noise = Noise(seed=0, scenes=np.arange(len(pictures)))
stop = Stopper(rule=STOP_RULES.get("value"), thresholds=np.array([-np.inf, 0.0]))  # never before the first look


@torch.no_grad()
def by_hand(scenes: ArrayScenes) -> tuple[np.ndarray, torch.Tensor]:
    rows, num_looks, logits = np.arange(len(scenes)), np.zeros(len(scenes), int), torch.zeros(len(scenes), 2)
    whole = np.tile(np.float32([0, 0, 1, 1]), (len(rows), 1, 1))  # row, col, half height, half width
    state = model.open(scenes.read(whole, model.glimpse_size_px(0)).pixels, scenes.sizes_px)
    while len(rows):
        seen = model.observe(state)
        step = Step(
            num_looks=as_numpy(seen.num_looks), value=as_numpy(critic.value(seen)), scene_noise=noise.scene(rows)
        )
        leaving = stop(step) | (step.num_looks >= model.max_looks)  # stopped, or truncated
        gone, stay = np.flatnonzero(leaving), np.flatnonzero(~leaving)
        if len(gone):
            num_looks[rows[gone]] = step.num_looks[gone]
            logits[rows[gone]] = model.predict(take(state, gone))  # the only head that runs
        rows, scenes, state, seen = rows[stay], scenes.select(stay), take(state, stay), take(seen, stay)
        if len(rows):  # who left pays for no policy
            look = policy.look(seen)
            glimpses = scenes.read(look.viewpoints, model.glimpse_size_px(1), look.valid)
            state = model.update(state, glimpses.pixels, look)
    return num_looks, logits


num_looks, logits = by_hand(pictures)
player = Player(model=model, policy=policy, critic=critic, task=system.task, stop=stop)
episode = rollout(pictures, player, noise=noise)
assert episode.num_looks.tolist() == num_looks.tolist()
assert torch.allclose(episode.prediction, logits, atol=1e-5)
assert (episode.stopped | episode.truncated).all()
assert (episode.ledger.sensed_px == 42 * 42 + episode.num_looks * 28 * 28).all()
