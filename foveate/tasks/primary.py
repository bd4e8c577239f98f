"""The metric that tables and budgets rely on, checked where it is made: they show shares, and intervals of shares."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from foveate.core import Task
from foveate.errors import IncompatibleError
from foveate.geometry.viewpoint import Array
from foveate.rows import as_numpy

ROUNDING = 1e-5  # what float32 may add to 1


def primary(task: Task, metrics: Mapping[str, Array]) -> Array:
    """The task's primary metric ``[n]``, a share in [0, 1] of each scene.

    Raises IncompatibleError, with the remedy, for a metric that the task does not give, or that is no share."""
    name = task.primary_metric
    if name not in metrics:
        raise IncompatibleError(
            f"the primary metric of {type(task).__name__} is {name!r}, which it does not measure; its metrics: "
            f"{', '.join(metrics) or 'none'}"
        )
    values = as_numpy(metrics[name])
    if (unknown := int(np.isnan(values).sum())) > 0:
        raise IncompatibleError(
            f"the primary metric {name!r} of {type(task).__name__} gave nan for {unknown} of {len(values)} scenes: "
            "either the model's answers are no numbers (train it again, with a lower lr), or there is nothing in these "
            "scenes to be right about, such as a mask of which no pixel has a class (leave them out)"
        )
    wrong = values[~((values >= -ROUNDING) & (values <= 1 + ROUNDING))]
    if len(wrong):
        raise IncompatibleError(
            f"the primary metric {name!r} of {type(task).__name__} gave {wrong[0]:g}; it must be a share in [0, 1] of "
            "each scene: count what lies within a tolerance, and keep an error in units of its own as another metric"
        )
    return metrics[name]
