"""The outcome of a study in plain numbers: what tables, pages and JSON show."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveate.comparing.judging import area, balanced, difference, says, thresholds
from foveate.comparing.study import Part, Study

EDGES = (0.0, 1e-4, 2e-4, 4e-4, 8e-4, 1.6e-3, 1.0)  # shares of the scene that a target covers
CONTROL = "exhaustive"


def verdict(study: Study, calibration: Part, test: Part) -> dict[str, Any]:
    """Per reader: curves over numbers of looks, of scenes of ``test`` with thresholds from ``calibration``; and how
    much more or less is right than with every other reader."""
    right = {name: _right(study, calibration, test, name) for name in study.readers}
    found = {name: _reader(study, test, name, right[name]) for name in study.readers}
    for name in study.readers:
        others = [other for other in study.readers if other != name]
        found[name]["minus"] = {
            other: _gain(right[name][:, -1], right[other][:, -1], test.has_target) for other in others
        }
        found[name]["area_minus"] = {
            other: _gain(area(right[name], study.looks), area(right[other], study.looks), test.has_target)
            for other in others
            if right[name].shape == right[other].shape
        }
    always_none = float((~test.has_target).mean())
    return {
        "num_scenes": len(test.label), "num_calibration": len(calibration.label), "looks": list(study.looks),
        "always_none": {"accuracy": always_none, "balanced": 0.5}, "readers": found,
    }  # fmt: skip


def _right(study: Study, calibration: Part, test: Part, name: str) -> NDArray[np.bool_]:
    cuts = thresholds(calibration.facts[name], calibration.has_target)
    return says(test.facts[name], cuts) == test.label[:, None]


def _reader(study: Study, test: Part, name: str, right: NDArray[np.bool_]) -> dict[str, Any]:
    facts, present = test.facts[name], test.has_target
    missed = ~right[:, -1]
    targets = test.num_targets.sum()
    means = {
        "looks": facts.looks, "macs": facts.macs, "read_bytes": facts.read_bytes, "decoded_px": facts.decoded_px,
        "seconds": facts.seconds, "full_tiles": facts.full_tiles, "file_tiles": facts.file_tiles,
    }  # fmt: skip
    return {
        "accuracy": right.mean(0).tolist(),
        "balanced": balanced(right, present).tolist(),
        "recall": (facts.found.sum(0) / targets).tolist() if targets else None,
        **{name: values.mean(0).tolist() for name, values in means.items()},
        "missed_by_area": [
            {"from": low, "to": high, "targets": int(inside.sum()), "missed": float(missed[inside].mean())}
            for low, high in pairwise(EDGES)
            if (inside := present & (test.area_frac >= low) & (test.area_frac < high)).any()
        ],
    }


def _gain(ours: NDArray[Any], theirs: NDArray[Any], has_target: NDArray[np.bool_]) -> dict[str, float]:
    mean, low, high = difference(ours, theirs, has_target)
    return {"mean": mean, "low": low, "high": high}
