"""Made-up traces that behave like those of trained models: noisy critics, over-confident answers, scenes that no look
helps and scenes that a further look harms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from foveate.noise import Noise
from foveate.stopping.traces import Origin, Traces

Matrix = NDArray[np.float64]


def classification(num_scenes: int, max_depth: int, seed: int) -> Traces:
    """Most scenes are right at once, some need looks, few never get there; later looks help less and sometimes harm."""
    generator = np.random.default_rng(seed)
    shape = (num_scenes, max_depth)
    evidence = generator.gamma(0.35, 1.0, shape) / (1 + 0.5 * np.arange(max_depth))
    drift = np.cumsum(evidence + generator.normal(0.0, 0.25, shape), axis=1)
    logit = generator.normal(1.6, 2.2, (num_scenes, 1)) + np.concatenate([np.zeros((num_scenes, 1)), drift], axis=1)
    right = 1 / (1 + np.exp(-logit))
    gain = np.maximum.accumulate(right[:, ::-1], axis=1)[:, ::-1] - right
    values = (gain + generator.normal(0, 0.1, right.shape)) * 0.9 ** np.arange(max_depth + 1)  # shrink, as the paper's
    confidence = 1 / (1 + np.exp(-np.abs(logit) - generator.normal(0, 0.6, right.shape)))
    return traces_of((generator.random((num_scenes, 1)) < right).astype(float), values, confidence, seed=seed)


def search(num_scenes: int, max_depth: int, seed: int) -> Traces:
    """A thing is found at some look and then stays found; scenes differ in how easily."""
    generator = np.random.default_rng(seed)
    ease = generator.beta(1.2, 1.0, (num_scenes, 1))
    chance = np.concatenate([np.full((num_scenes, 1), 0.1), np.repeat(0.15 + 0.6 * ease, max_depth, axis=1)], axis=1)
    found = np.logical_or.accumulate(generator.random(chance.shape) < chance, axis=1).astype(float)
    known = found * 1.5 + ease * 0.5 + generator.normal(0, 0.45, found.shape)
    values = (1 - known / 2) * (0.3 + 0.6 * ease) + generator.normal(0, 0.05, found.shape)
    return traces_of(found, values, 1 / (1 + np.exp(-3 * (known - 0.8))), seed=seed)


def traces_of(scores: Matrix, values: Matrix, confidence: Matrix, *, seed: int = 0) -> Traces:
    """Traces with costs of every kind: straight-line (macs), bent (ms), and different for every scene (bytes)."""
    num_scenes, depths = scores.shape
    looks = np.tile(np.arange(depths, dtype=float), (num_scenes, 1))
    noise, every = Noise(seed=seed, scenes=np.arange(num_scenes)), np.arange(num_scenes)
    read = np.random.default_rng(seed).integers(2_000, 40_000, scores.shape).astype(float)
    confidence = confidence.astype(np.float32).astype(float)
    return Traces(
        scores=scores,
        values=values.astype(np.float32).astype(float),
        certainty={"confidence": confidence, "entropy": -(confidence * (1 - confidence)), "margin": 2 * confidence - 1},
        costs={
            "looks": looks,
            "macs": 1.077e9 + 1.187e9 * looks,
            "ms": 3.0 + 2.0 * looks + 0.1 * looks**2,
            "bytes": read.cumsum(axis=1),
        },
        extra_costs={"value": {"macs": 9.5e6 * (looks + 1)}, "certainty": {"macs": 0.354e9 * looks}},
        noise=np.stack([noise.step(every, np.full(num_scenes, depth)) for depth in range(depths)], axis=1),
        scene_noise=noise.scene(every),
        origin=Origin(split="made-up", device="cpu", batch_size=16, num_threads=1),
    )
