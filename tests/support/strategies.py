"""Hypothesis strategies for stopping: any traces that can occur, however coarse."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from foveate.noise import Noise
from foveate.stopping.traces import Traces


@st.composite
def any_traces(draw: st.DrawFn, max_scenes: int = 25, max_depth: int = 4) -> Traces:
    """Few scenes, ties in values and scores, looks that cost nothing, scores that further looks lower."""
    num_scenes, depth = draw(st.integers(1, max_scenes)), draw(st.integers(1, max_depth))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape, levels = (num_scenes, depth + 1), draw(st.sampled_from([1, 2, 5, 1000]))
    values = generator.integers(0, levels, shape) / levels - draw(st.sampled_from([0.0, 0.5]))
    steps = generator.exponential(1.0, shape) * (generator.random(shape) < draw(st.sampled_from([0.5, 1.0])))
    every = np.arange(num_scenes)
    noise = Noise(seed=draw(st.integers(0, 99)), scenes=every)
    return Traces(
        scores=np.round(generator.normal(size=shape), draw(st.integers(0, 3))),
        values=values.astype(np.float32).astype(np.float64),
        costs={"looks": np.tile(np.arange(depth + 1.0), (num_scenes, 1)), "px": steps.cumsum(axis=1)},
        noise=np.stack([noise.step(every, np.full(num_scenes, at)) for at in range(depth + 1)], axis=1),
        scene_noise=noise.scene(every),
    )
