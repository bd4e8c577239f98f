"""The model card: what a model folder's ``README.md`` tells a person who was handed the folder."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import foveate
from foveate.stopping.budgets import BudgetTable
from foveate.stopping.risk import RiskPoint

SHOWN_LABELS = 40


def model_card(
    manifest: Mapping[str, Any], budgets: BudgetTable | None, risk: RiskPoint | None = None, *, name: str
) -> str:
    """Markdown, from the values of ``foveate.json``, the budgets and the risk."""
    system, labels = manifest["system"], manifest["labels"]
    config = system["model"]["config"]
    lines = [
        f"# {name}",
        "",
        f"An active-vision model made with foveate: it {_begins(config)}, and stops when it knows enough.",
        "",
        "## What it is",
        "",
        f"- Task: {system['task']['name']}",
        *([f"- Names ({len(labels)}): {_listed(labels)}"] if labels else []),
        f"- Parts: model `{system['model']['name']}`, policy `{system['policy']['name']}`, "
        f"critic {_critic(system.get('critic'))}",
        *_sizes(config),
        "",
        "## Trained on",
        "",
        *_items(manifest["provenance"]),
        "",
        "## Measured",
        "",
        *(_items(manifest["metrics"]) or ["Nothing was recorded."]),
        "",
        "## Budgets",
        "",
        *_budgets(budgets),
        *_risk(risk),
        "",
        "## How to use it",
        "",
        "```bash",
        f"foveate look PICTURE.jpg --model {name}" + (' --budget "2 looks"' if budgets is not None else ""),
        "```",
        "",
        "```python",
        "import foveate",
        "",
        f'model = foveate.load("{name}")',
        'answer = model.look("PICTURE.jpg")',
        "print(answer.answer, answer.certainty, answer.looks, answer.cost)",
        "```",
        "",
        "## Limits",
        "",
        *(["- It knows only the names above, and takes what is none of them for one of them."] if labels else []),
        "- Its certainty and its budgets hold for pictures like those it was calibrated on; on others both may be off.",
        "- A budget is a mean over pictures. For a bound on every single picture use a limit.",
        "",
    ]
    return "\n".join(lines)


def _begins(config: Mapping[str, Any]) -> str:
    """What it does with a picture; families without the setting glance."""
    if config.get("opening", "glance") == "glance":
        return "glances at a picture, decides where to look closely"
    return "sees nothing at first, decides at each step where to look and how closely"


def versions() -> dict[str, str]:
    """What made a result: versions of Python, foveate and its main dependencies, and the platform."""
    found = {"python": platform.python_version(), "foveate": foveate.__version__}
    for package in ("torch", "numpy", "pillow", "safetensors"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return {**found, "platform": f"{sys.platform} {platform.machine()}"}


def _listed(labels: Any) -> str:
    more = f", … and {len(labels) - SHOWN_LABELS} more" if len(labels) > SHOWN_LABELS else ""
    return ", ".join(str(label) for label in labels[:SHOWN_LABELS]) + more


def _critic(critic: Mapping[str, Any] | None) -> str:
    return f"`{critic['name']}`" if critic else "none"


def _sizes(config: Mapping[str, Any]) -> list[str]:
    known = {"glance_px": "Glance", "focus_px": "Each look", "max_looks": "Looks at most"}
    lines = []
    for key, title in known.items():
        if (value := config.get(key)) is not None:
            lines.append(
                f"- {title}: " + (f"{value[0]} × {value[1]} px" if isinstance(value, list | tuple) else f"{value}")
            )
    return lines


def _items(values: Mapping[str, Any], prefix: str = "") -> list[str]:
    """One line per entry; inner mappings as dotted names."""
    lines: list[str] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            lines += _items(value, f"{prefix}{key}.")
        else:
            lines.append(f"- {prefix}{key}: {f'{value:.4g}' if isinstance(value, float) else value}")
    return lines


def _risk(risk: RiskPoint | None) -> list[str]:
    if risk is None:
        return []
    asked = ", ".join(f"{name} {value}" for name, value in risk.search.items() if value is not None)
    return [
        "",
        f"Answers less certain than {risk.threshold:.6g} are deferred (search: {asked or 'as it comes'}). When these "
        f"are scanned, at most {100 * risk.risk:g} points more are missed than by scanning everything, with "
        f"{100 * risk.confidence:g} % confidence, as shown on {risk.num_positives} pictures with a target; that defers "
        f"{100 * risk.expected_deferred:.0f} % of pictures like these.",
    ]


def _budgets(budgets: BudgetTable | None) -> list[str]:
    if budgets is None:
        return ["Not calibrated: `foveate calibrate` solves the stop thresholds for budgets on held-out pictures."]
    low, high = budgets.extremes("looks")
    return [
        f"Calibrated on {budgets.num_scenes} pictures that training never saw; stop rules: {', '.join(budgets.rules)} "
        f"(default {budgets.default_rule}). Any mean budget from {low} to {high} can be asked for.",
    ]
