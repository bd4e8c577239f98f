"""Training teaches where to look: in well under a minute, far beyond the same weights with random looks."""

from __future__ import annotations

import pytest
import torch

from foveate.recipes.visual_search import visual_search
from foveate.system import build
from foveate.training.trainer import Trainer


@pytest.mark.slow
@pytest.mark.learning
def test_learned_looks_find_what_random_looks_do_not() -> None:
    recipe = visual_search(placement="lattice", steps=120).with_train(
        batch_size=64, num_looks=3, eval_every=120, eval_scenes=256, log_every=40
    )
    torch.manual_seed(0)
    system = build(recipe.system)
    result = Trainer(system, recipe.source, recipe.train, held_out=recipe.calibration).run()
    last = result.metrics[-1]
    assert last["eval/metric"] > 0.4, last
    assert last["eval/gap"] > 0.3, last
    assert last["losses/explained_variance"] > -1
