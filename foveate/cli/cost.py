"""`foveate cost`: what a model costs at each number of looks, from its shapes, before anything is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from foveate.cli.output import say, say_json, say_table
from foveate.core import Price
from foveate.errors import UsageError, suggest


@dataclass(frozen=True, kw_only=True)
class Costed:
    """All that the cost of an episode depends on."""

    price: Price
    policy_macs: int
    """One decision where to look."""
    critic_macs: int
    """One decision whether to look."""
    glance_px: tuple[int, int]
    look_px: tuple[int, int]
    scene_px: tuple[int, int]
    """Scenes that the model is meant for: what the share of sensed pixels refers to."""
    max_looks: int | None

    def each(self) -> dict[str, int]:
        """MACs of one execution of every part."""
        return {**self.price.parts, "look/policy": self.policy_macs, "look/critic": self.critic_macs}

    def row(self, looks: int) -> dict[str, Any]:
        """The cost of an episode of so many looks, each preceded by one call of policy and critic."""
        parts = {name: macs * (looks if name.startswith("look/") else 1) for name, macs in self.each().items()}
        sensed_px = self.glance_px[0] * self.glance_px[1] + looks * self.look_px[0] * self.look_px[1]
        share = sensed_px / (self.scene_px[0] * self.scene_px[1])
        return {
            "looks": looks, "macs": sum(parts.values()), "parts": parts, "sensed_px": sensed_px, "sensed_frac": share
        }  # fmt: skip


def cost(
    model: Annotated[str, typer.Argument(help="Name of a model, such as adaptivenn_deit_small.")],
    glimpses: Annotated[
        str | None, typer.Option(help="Looks after the glance: 3, 0..4 or 0,2,4; all possible when left out.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Count multiply-adds and sensed pixels of a model, per part and in total, for each number of looks.

    One MAC is one multiply-add (what papers often print as a FLOP). Only what runs is counted: the glance, one head at
    the end, and for every look its sensing, policy and critic. Reading and resizing pixels is not counted.
    """
    if model not in NAMED:
        raise UsageError(f"unknown model {model!r}.{suggest(model, NAMED)} Known: {', '.join(NAMED)}")
    costed = NAMED[model]()
    rows = [costed.row(looks) for looks in parse_glimpses(glimpses, costed.max_looks)]
    if as_json:
        say_json({"model": model, "scene_px": costed.scene_px, "macs_each": costed.each(), "rows": rows})
        return
    height, width = costed.scene_px
    say(f"{model}: millions of multiply-adds per scene, by looks after the glance\n")
    say_table(_table(costed, rows))
    say(f"\nsensed %: pixels read, with repetition, of a scene of {height}x{width}")


def parse_glimpses(text: str | None, max_looks: int | None) -> list[int]:
    """Numbers of looks from ``3``, ``0..4`` or ``0,2,4``."""
    if text is None:
        return list(range((4 if max_looks is None else max_looks) + 1))
    try:
        spans = [[int(end) for end in part.split("..")] for part in text.split(",")]
        looks = [n for span in spans for n in range(span[0], span[-1] + 1)]
        is_valid = all(len(span) <= 2 for span in spans) and looks != [] and min(looks) >= 0
    except ValueError:
        is_valid = False
    if not is_valid:
        raise UsageError(f"--glimpses is {text!r}; give a number (3), a range (0..4) or a list (0,2,4)")
    if max_looks is not None and max(looks) > max_looks:
        raise UsageError(f"--glimpses is {text!r}; this model takes at most {max_looks} looks")
    return looks


def _table(costed: Costed, rows: list[dict[str, Any]]) -> list[list[str]]:
    table = [["part", "each", *(str(row["looks"]) for row in rows)]]
    for name, macs in costed.each().items():
        table.append([name, _mega(macs), *(_mega(row["parts"][name]) for row in rows)])
    table.append(["total", "", *(_mega(row["macs"]) for row in rows)])
    table.append(["sensed px", "", *(f"{row['sensed_px']}" for row in rows)])
    table.append(["sensed %", "", *(f"{100 * row['sensed_frac']:.1f}" for row in rows)])
    return table


def _mega(macs: int) -> str:
    return f"{macs / 1e6:.1f}"


def _adaptivenn_deit_small() -> Costed:
    import torch

    from foveate.critics.map_value import MapValue, MapValueConfig
    from foveate.models.adaptivenn import AdaptiveNN, adaptivenn_deit_small
    from foveate.policies.gaussian import Gaussian, GaussianConfig

    with torch.device("meta"):  # shapes without numbers: nothing is allocated or computed
        model = AdaptiveNN(adaptivenn_deit_small())
        dims = {name: model.observation_dims[name] for name in ("feature_dim", "grid", "num_steps")}
        policy, critic = Gaussian(GaussianConfig(**dims)), MapValue(MapValueConfig(**dims))
        glance = torch.empty(1, 1, model.num_bands, *model.glimpse_size_px(0))
        seen = model.observe(model.open(glance, torch.tensor([[288, 288]])))
    return Costed(
        price=model.price(),
        policy_macs=policy.macs(seen),
        critic_macs=critic.macs(seen),
        glance_px=model.glimpse_size_px(0),
        look_px=model.glimpse_size_px(1),
        scene_px=(288, 288),
        max_looks=model.max_looks,
    )


NAMED: dict[str, Callable[[], Costed]] = {"adaptivenn_deit_small": _adaptivenn_deit_small}
