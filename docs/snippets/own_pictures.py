"""From a folder of pictures to answers, in Python: what `foveate train` and `foveate look` do."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import foveate
from foveate.evaluation.record import record
from foveate.model_folder import save
from foveate.recipes.picture_folder import picture_folder
from foveate.stopping.budgets import BudgetTable
from foveate.training.trainer import Trainer


def make_pictures(folder: Path) -> Path:
    """Two classes of ten pictures: a small bright or dark square somewhere."""
    rng = np.random.default_rng(0)
    for name, level in (("bright", 255), ("dark", 0)):
        (folder / name).mkdir(parents=True)
        for number in range(10):
            pixels = rng.integers(90, 160, (120, 160, 3), dtype=np.uint8)
            row, col = rng.integers(0, 100, 2)
            pixels[row : row + 12, col : col + 12] = level
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


with tempfile.TemporaryDirectory() as place:
    pictures = make_pictures(Path(place) / "pictures")

    recipe = picture_folder(pictures, steps=3, looks=3)  # minutes=10 for a real model
    torch.manual_seed(recipe.train.seed)
    system = recipe.build()
    Trainer(system, recipe.source, recipe.train, held_out=recipe.calibration, folder=Path(place)).run()
    traces = record(system, recipe.calibration, num_scenes=len(recipe.calibration), num_looks=3)
    table = BudgetTable.build(traces, rules=["value", "confidence", "count"])
    save(system, Path(place) / "model", provenance={"command": "docs", "seed": 0, "data": "made up"}, budgets=table)

    model = foveate.load(place)  # a model folder, or a run folder that holds one
    answer = model.look(pictures / "bright" / "0.png", budget="1.5 looks")
    assert answer.answer["label"] in ("bright", "dark")
    assert 0 <= answer.certainty <= 1
    assert answer.outcome in ("stopped", "truncated", "deferred")
    assert answer.cost.looks == len(answer.looks) <= 3  # boxes (top, left, bottom, right) in pixels

    limited = model.look(pictures / "bright" / "0.png", limit="2 looks", stop_rule="none")
    assert limited.num_looks == 2

    for result in model.look_many([pictures / "dark" / "1.png", "missing.png"], on_error="give", max_looks=1):
        assert isinstance(result, foveate.answers.Answer | foveate.answers.Failure)

    for step in model.watch(pictures / "dark" / "2.png", stop_rule="none", max_looks=2):
        assert step.state_map.ndim == 3  # [rows, cols, features]
        assert (step.outcome is None) == (len(step.boxes_px) == 1)  # the last step looks nowhere
