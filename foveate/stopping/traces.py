"""What one full-length pass over N held-out scenes recorded, from which any thresholds can be judged without a network.

Depth t of T means "stopped after step t": column t of every matrix is the state before the next look, t = 0 included.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from foveate.atomic import write_bytes
from foveate.core import Step, StopRule
from foveate.errors import BudgetError, DataError, UsageError

Matrix = NDArray[np.float64]  # [N, T + 1]
_SEPARATOR = "|"  # of the parts of a key in the file


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where traces come from: kept with everything that is computed from them."""

    split: str = ""
    """Fingerprint of the calibration split."""
    device: str = ""
    """Fingerprint of the machine: costs in ms hold there only."""
    batch_size: int = 1
    num_threads: int = 1


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What thresholds give on traces, in hindsight."""

    score: float
    """Mean score."""
    cost: float
    """Mean cost, in base units."""
    exit_fractions: NDArray[np.float64]  # [T + 1], sums to 1


@dataclass(frozen=True, kw_only=True)
class Traces:
    """Full-length records of N scenes. ``scores`` is the task's primary metric if the scene stops at each depth.

    ``costs`` holds, per unit, what a scene has spent if it stops at each depth, with one execution of the head and
    without what only some rules need; ``extra_costs`` adds that: ``extra_costs["certainty"]["macs"]`` is the price of
    the heads at the depths passed, ``extra_costs["value"]["macs"]`` that of the critic. Both never decrease with depth.
    """

    scores: Matrix
    costs: Mapping[str, Matrix]
    """``costs["looks"]`` is always there: the number of looks, by which thresholds are indexed."""
    extra_costs: Mapping[str, Mapping[str, Matrix]] = field(default_factory=dict)
    values: Matrix | None = None
    certainty: Mapping[str, Matrix] = field(default_factory=dict)
    noise: Matrix
    scene_noise: NDArray[np.float64]  # [N]
    origin: Origin = Origin()

    def __post_init__(self) -> None:
        if self.scores.ndim != 2 or 0 in self.scores.shape:
            raise DataError(f"traces need scores [scenes, depths], at least one of each, not {self.scores.shape}")
        if "looks" not in self.costs:
            raise DataError(f"traces need costs in looks; they have {', '.join(self.costs) or 'none'}")
        for name, matrix in self._flat().items():
            shape = self.scores.shape[: matrix.ndim]
            if matrix.shape != shape:
                raise DataError(f"traces disagree: {name} is {matrix.shape}, scores are {self.scores.shape}")
            if name != "values" and not name.startswith("certainty") and not np.isfinite(matrix).all():
                raise DataError(f"traces hold {name} that are not finite")
            if "costs" in name and ((np.diff(matrix, axis=1) < 0).any() or (matrix < 0).any()):
                raise DataError(f"{name} must be at least 0 and never decrease with depth")

    @property
    def num_scenes(self) -> int:
        return self.scores.shape[0]

    @property
    def max_depth(self) -> int:
        """T: the number of decisions on the way."""
        return self.scores.shape[1] - 1

    @property
    def looks(self) -> NDArray[np.int64]:
        """Looks at each depth ``[T + 1]``; a scene that ran out of candidates may have fewer."""
        return self.costs["looks"].max(axis=0).astype(np.int64)

    def signals(self, rule: StopRule) -> Matrix:
        """The rule's appetite at every depth, ``[N, T + 1]``."""
        if "value" in rule.needs and self.values is None:
            raise BudgetError("these traces hold no values: the model has no critic; train one, or use another rule")
        columns = [rule.signal(self._step(depth)) for depth in range(self.max_depth + 1)]
        return np.stack(columns, axis=1).astype(np.float64)

    def cost(self, rule: StopRule, unit: str) -> Matrix:
        """Cost ``[N, T + 1]`` in a unit, with what the rule itself needs at every depth."""
        if unit not in self.costs:
            raise UsageError(f"these traces hold no costs in {unit}; they have: {', '.join(sorted(self.costs))}")
        extras = [self.extra_costs[need][unit] for need in sorted(rule.needs) if unit in self.extra_costs.get(need, {})]
        return self.costs[unit] + sum(extras)

    def exits(self, signal: Matrix, thresholds: NDArray[np.float64]) -> NDArray[np.int64]:
        """Depth ``[N]`` at which each scene leaves; thresholds by number of looks, as for a ``Stopper``."""
        num_looks = self.costs["looks"][:, :-1].astype(np.int64)
        is_stop = signal[:, :-1] <= thresholds[np.minimum(num_looks, len(thresholds) - 1)]
        return np.where(is_stop.any(axis=1), is_stop.argmax(axis=1) if self.max_depth else 0, self.max_depth)

    def evaluate(self, rule: StopRule, thresholds: NDArray[np.float64], *, unit: str = "looks") -> Outcome:
        """What executing these thresholds on these scenes would give."""
        depths = self.exits(self.signals(rule), thresholds)
        return self.outcome(depths, self.cost(rule, unit))

    def outcome(self, depths: NDArray[np.int64], cost: Matrix) -> Outcome:
        """Means over scenes that leave at ``depths`` ``[N]``."""
        rows = np.arange(self.num_scenes)
        histogram = np.bincount(depths, minlength=self.max_depth + 1)
        return Outcome(
            score=float(self.scores[rows, depths].mean()),
            cost=float(cost[rows, depths].mean()),
            exit_fractions=histogram / self.num_scenes,
        )

    def select(self, rows: Any) -> Self:
        """The traces of some scenes."""
        return self._unflat({name: matrix[rows] for name, matrix in self._flat().items()}, self.origin)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an .npz, atomically. Raises OutputError."""
        origin = np.frombuffer(json.dumps(asdict(self.origin)).encode(), np.uint8)
        file = io.BytesIO()
        np.savez_compressed(file, allow_pickle=False, **(self._flat() | {"origin": origin}))
        write_bytes(path, file.getvalue())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        try:
            with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as content:
                arrays = {name: content[name] for name in content.files}
            origin = Origin(**json.loads(arrays.pop("origin").tobytes()))
            return cls._unflat(arrays, origin)
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise DataError(f"{path}: cannot read traces ({error}); run `foveate calibrate` again") from error

    def _step(self, depth: int) -> Step:
        return Step(
            num_looks=self.costs["looks"][:, depth].astype(np.int64),
            value=None if self.values is None else self.values[:, depth].astype(np.float32),
            certainty={key: matrix[:, depth].astype(np.float32) for key, matrix in self.certainty.items()},
            noise=self.noise[:, depth],
            scene_noise=self.scene_noise,
        )

    def _flat(self) -> dict[str, NDArray[Any]]:
        """Every array under one key, as stored: ``costs|macs``, ``extra_costs|value|macs``."""
        flat: dict[str, NDArray[Any]] = {"scores": self.scores, "noise": self.noise, "scene_noise": self.scene_noise}
        if self.values is not None:
            flat["values"] = self.values
        flat |= {_SEPARATOR.join(("certainty", key)): matrix for key, matrix in self.certainty.items()}
        flat |= {_SEPARATOR.join(("costs", unit)): matrix for unit, matrix in self.costs.items()}
        for need, costs in self.extra_costs.items():
            flat |= {_SEPARATOR.join(("extra_costs", need, unit)): matrix for unit, matrix in costs.items()}
        return flat

    @classmethod
    def _unflat(cls, arrays: Mapping[str, NDArray[Any]], origin: Origin) -> Self:
        tree: dict[str, Any] = {}
        for key, matrix in arrays.items():
            *parents, name = key.split(_SEPARATOR)
            node = tree
            for parent in parents:
                node = node.setdefault(parent, {})
            node[name] = matrix
        return cls(**tree, origin=origin)
