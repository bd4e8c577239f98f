"""Whether classes exist: without any there is no answer, and an unknown one in a target is an index out of range, on a
GPU the end of the process."""

from __future__ import annotations

from torch import Tensor

from foveate.errors import DataError, UsageError


def check_named(class_names: tuple[str, ...]) -> None:
    """Raises UsageError for none."""
    if not class_names:
        raise UsageError("class_names is empty; name every class, at least one")


def check_classes(target: Tensor, num_classes: int, *, ignored: int | None = None) -> None:
    """Raises DataError naming the first class of ``target`` (any shape, int64) that is not 0 to ``num_classes`` - 1,
    nor ``ignored``."""
    strange = (target < 0) | (target >= num_classes)
    if ignored is not None:
        strange &= target != ignored
    if bool(strange.any()):
        besides = "" if ignored is None else f", and {ignored} for what nobody says"
        raise DataError(
            f"a target has the class {int(target[strange][0])}; the task's {num_classes} classes are 0 to "
            f"{num_classes - 1}{besides}: mend the labels, or name every class in class_names"
        )
