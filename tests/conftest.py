"""What every test shares: one thread, the same seeds, the same hypothesis examples on every run."""

from __future__ import annotations

import os

# Before numpy and torch are imported; xdist's workers and subprocesses inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import random
import sys

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("foveate", deadline=None, derandomize=True, database=None, max_examples=50)
settings.load_profile("foveate")


@pytest.fixture(autouse=True)
def _seeds() -> None:
    """Code should take its own generator; what does not is at least the same each time. Torch only if it is loaded."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
        torch.manual_seed(0)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked `gpu` are skipped where there is none."""
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if not marked:
        return
    import torch

    if not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="needs CUDA"))
