"""Numbers made from a name: the same on every machine and in every version, so that goldens need not store weights.

torch's and numpy's generators may change their streams between versions; this one is a few integer operations. It is
apart from foveate.noise, so that goldens made with the help of other people's code never depend on how our loop draws.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

GOLDEN_RATIO = np.uint64(0x9E3779B97F4A7C15)
MIX = ((30, np.uint64(0xBF58476D1CE4E5B9)), (27, np.uint64(0x94D049BB133111EB)))


def seeded_uniform(name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Independent uniform numbers in [-1, 1), a pure function of name and shape (splitmix64 over a counter)."""
    count = int(np.prod(shape, dtype=np.int64))
    state = np.arange(1, count + 1, dtype=np.uint64)
    state += np.uint64(crc32(name.encode()) << 32)
    state *= GOLDEN_RATIO  # wraps modulo 2**64, as meant
    for shift, factor in MIX:
        state ^= state >> np.uint64(shift)
        state *= factor
    state ^= state >> np.uint64(31)
    unit = (state >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-23)  # 24 bits: exact in float32
    return (unit - np.float32(1)).reshape(shape)


def seeded_parameter(name: str, shape: tuple[int, ...]) -> Tensor:
    """A plausible, nowhere trivial value for a parameter of this name: float32.

    Matrices and kernels have variance 1 / fan-in, so that signals keep their size; scales of norms lie around 1; biases
    and position embeddings are small but not zero.
    """
    uniform = torch.from_numpy(seeded_uniform(name, shape))
    if name.endswith(("pos_embed", "positions")):
        return 0.5 * uniform
    if name.endswith("bias"):
        return 0.2 * uniform
    if len(shape) == 1:
        return 1 + 0.3 * uniform
    return uniform * (3 / np.prod(shape[1:])) ** 0.5
