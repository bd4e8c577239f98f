"""What a recipe reports on was neither trained nor calibrated on."""

from collections.abc import Callable

import numpy as np
import pytest

from foveate.recipes.cluttered_classification import cluttered_classification
from foveate.recipes.recipe import Recipe
from foveate.recipes.small_sign import small_sign
from foveate.recipes.visual_search import visual_search


@pytest.mark.parametrize("recipe", [visual_search, small_sign, cluttered_classification])
def test_training_calibration_and_test_share_no_scene(recipe: Callable[[], Recipe]) -> None:
    made, indices = recipe(), np.arange(4)
    pixels = []
    for source in (made.source, made.calibration, made.test):
        scenes = source.batch(indices, epoch_seed=0).scenes
        whole = np.tile(np.array([0, 0, 1, 1], np.float32), (4, 1, 1))
        pixels.append(scenes.read(whole, (24, 32)).pixels)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not any((a == b).all() for a in pixels[one] for b in pixels[other])
    assert len({source.fingerprint for source in (made.source, made.calibration, made.test)}) == 3
