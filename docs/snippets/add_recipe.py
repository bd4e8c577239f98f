"""A recipe of your own: a function that returns a whole run; here search for one digit with the paper's policy."""

import torch

from foveate.recipes import RECIPES
from foveate.recipes.recipe import Recipe
from foveate.recipes.visual_search import visual_search
from foveate.training.trainer import Trainer


def search_gaussian(*, steps: int = 900, seed: int = 0) -> Recipe:
    return visual_search(steps=steps, seed=seed).with_policy("gaussian").with_train(batch_size=16)


RECIPES.register("search_gaussian", search_gaussian, summary="search with the paper's policy")

recipe = RECIPES.get("search_gaussian")(steps=2)
torch.manual_seed(recipe.train.seed)
system = recipe.build()
result = Trainer(system, recipe.source, recipe.train).run()  # folder=... would keep checkpoints and metrics.jsonl
assert result.finished
assert result.steps == 2
