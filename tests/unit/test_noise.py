"""Noise: uniform, a pure function of its keys, and nobody's neighbour."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.noise import Noise, uniforms

MANY = 100_000


@pytest.mark.parametrize("seed", [0, 1, -1, 2**62])
@pytest.mark.parametrize("stream", ["scenes", "steps", "numbers", "seeds"])
def test_numbers_are_uniform_along_every_key(seed: int, stream: str) -> None:
    keys = np.arange(MANY)
    drawn = {
        "scenes": lambda: uniforms(seed, keys, 0, shape=(1,))[:, 0],
        "steps": lambda: uniforms(seed, 7, keys, shape=(1,))[:, 0],
        "numbers": lambda: uniforms(seed, 7, 0, shape=(MANY,)),
        "seeds": lambda: np.array([uniforms(seed + i, 7, 0) for i in range(3000)]),
    }[stream]()
    count = len(drawn)
    assert ((drawn > 0) & (drawn < 1)).all()
    # The largest distance to the uniform law exceeds 2.2 / sqrt(n) once in 10,000 times.
    distance = np.abs(np.sort(drawn) - (np.arange(count) + 0.5) / count).max()
    assert distance < 2.2 / np.sqrt(count)
    neighbours = np.corrcoef(drawn[:-1], drawn[1:])[0, 1]
    assert abs(neighbours) < 4.5 / np.sqrt(count)


def test_streams_do_not_know_of_each_other() -> None:
    noise = Noise(seed=3, scenes=np.arange(MANY))
    rows, zero = np.arange(MANY), np.zeros(MANY, np.int64)
    policy = noise.policy(rows, zero, (2, 2)).reshape(MANY, 4)
    columns = [*policy.T, noise.step(rows, zero), noise.step(rows, zero + 1), noise.scene(rows)]
    columns.append(Noise(seed=4, scenes=noise.scenes).scene(rows))
    off_diagonal = np.corrcoef(columns) - np.eye(len(columns))
    assert np.abs(off_diagonal).max() < 4.5 / np.sqrt(MANY)


@given(
    st.integers(-(2**63), 2**63 - 1), st.lists(st.integers(0, 2**62), min_size=1, max_size=8, unique=True), st.data()
)
def test_a_scene_keeps_its_noise_in_any_company(seed: int, scenes: list[int], data: st.DataObject) -> None:
    noise = Noise(seed=seed, scenes=np.array(scenes))
    order = np.array(data.draw(st.permutations(range(len(scenes)))))
    shuffled = Noise(seed=seed, scenes=noise.scenes[order])
    rows, num_looks = np.arange(len(scenes)), np.arange(len(scenes)) % 3
    assert np.array_equal(shuffled.policy(rows, num_looks[order], (2, 3)), noise.policy(rows, num_looks, (2, 3))[order])
    assert np.array_equal(noise.policy(rows[1:], num_looks[1:], (2, 3)), noise.policy(rows, num_looks, (2, 3))[1:])
    assert np.array_equal(shuffled.step(rows, num_looks[order]), noise.step(rows, num_looks)[order])
    assert np.array_equal(shuffled.scene(rows), noise.scene(rows)[order])


def test_more_looks_per_step_leave_the_first_ones_as_they_were() -> None:
    noise = Noise(seed=0, scenes=np.arange(4))
    rows = np.arange(4)
    assert np.array_equal(noise.policy(rows, rows, (4, 3))[:, :2], noise.policy(rows, rows, (2, 3)))


def test_the_numbers_are_the_same_on_every_machine_and_in_every_version() -> None:
    noise = Noise(seed=1, scenes=np.array([5]))
    rows = np.array([0])
    drawn = [noise.policy(rows, rows, (1, 1)).item(), noise.step(rows, rows).item(), noise.scene(rows).item()]
    assert drawn == [0.6718888842001866, 0.8998216709086652, 0.9707456905861643]
