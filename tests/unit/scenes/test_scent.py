"""Scent and likeness are measured, and the settings do what they promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from foveate.errors import UsageError
from foveate.scenes.procedural import ProceduralConfig, ProceduralSet
from foveate.scenes.scent import auc, look_alike_of, scent_of

CONFIG = ProceduralConfig(size_px=(2048, 2048), object_size_px=(28, 76))


def test_auc_counts_pairs() -> None:
    positive = np.array([False, False, True, True])
    assert auc(np.array([0.0, 1, 2, 3]), positive) == 1
    assert auc(np.array([3.0, 2, 1, 0]), positive) == 0
    assert auc(np.array([1.0, 1, 1, 1]), positive) == 0.5
    assert auc(np.array([0.0, 2, 1, 3]), positive) == 0.75
    assert np.isnan(auc(np.zeros(2), np.zeros(2, bool)))


@pytest.mark.parametrize("bands", [1, 3])
def test_strong_scent_is_strong(bands: int) -> None:
    config = replace(CONFIG, bands=bands)  # type: ignore[arg-type]
    assert scent_of(ProceduralSet(config), overview_px=(224, 224), num_scenes=60).auc >= 0.9


def test_without_scent_there_is_none() -> None:
    config = replace(CONFIG, scent="none", object_size_px=(28, 48))
    assert scent_of(ProceduralSet(config), overview_px=(224, 224), num_scenes=60).auc < 0.62


def test_look_alikes_differ_close_up_only() -> None:
    config = replace(CONFIG, none_frac=0.0, num_objects=(2, 2), num_distractors=(2, 2))
    likeness = look_alike_of(ProceduralSet(config), num_scenes=160)
    assert likeness[0] > 0.9
    assert likeness[max(likeness)] < 0.7


def test_bad_requests_are_named() -> None:
    scenes = ProceduralSet(CONFIG, size=50)
    for number in (3, 51):
        with pytest.raises(UsageError, match=f"num_scenes is {number}; needed are 4 to 50"):
            scent_of(scenes, overview_px=(64, 64), num_scenes=number)
    with pytest.raises(UsageError, match="needs at least 9"):
        scent_of(scenes, overview_px=(8, 64), num_scenes=10)
    with pytest.raises(UsageError, match="too few targets"):
        look_alike_of(scenes, num_scenes=20)
