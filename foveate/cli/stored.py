"""Where what a calibration found is kept: in the model folder, or in a copy of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from foveate.model_folder import SavedSystem
    from foveate.stopping.budgets import BudgetTable
    from foveate.stopping.risk import RiskPoint


def stored(
    saved: SavedSystem,
    out: Path | None,
    *,
    provenance: Mapping[str, Any],
    budgets: BudgetTable | None = None,
    risk: RiskPoint | None = None,
) -> Path:
    """The folder: the model's own where ``out`` is None. A copy keeps budgets that are not replaced; a risk that is not
    replaced was shown with them, and stays only in the folder itself."""
    from foveate.model_folder import save, update

    if out is None:
        return update(saved.path, budgets=budgets, risk=risk, provenance=provenance)
    before = {key: value for key, value in saved.manifest.provenance.items() if key != "versions"}
    return save(
        saved.system, out, provenance={**before, **provenance}, budgets=budgets or saved.budgets, risk=risk,
        metrics=saved.manifest.metrics,
    )  # fmt: skip
