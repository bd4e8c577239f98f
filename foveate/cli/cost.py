"""`foveate cost`: what a model costs at each number of looks, from its shapes, before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

import typer

from foveate.cli.output import say, say_json, say_table
from foveate.errors import UsageError
from foveate.price import Macs, Price


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
    scene_px: tuple[int, int] | None
    """What the share of sensed pixels refers to; None where no size is given."""
    max_looks: int | None

    def each(self) -> dict[str, Macs]:
        """MACs of one execution of every part."""
        return {**self.price.parts, "look/policy": self.policy_macs, "look/critic": self.critic_macs}

    def row(self, looks: int) -> dict[str, Any]:
        """The cost of an episode of so many looks, each preceded by one call of policy and critic."""
        price = replace(self.price, parts=self.each())
        parts = {name: int(price.part(name, looks)) for name in price.parts}
        sensed_px = self.glance_px[0] * self.glance_px[1] + looks * self.look_px[0] * self.look_px[1]
        share = None if self.scene_px is None else sensed_px / (self.scene_px[0] * self.scene_px[1])
        return {
            "looks": looks, "macs": sum(parts.values()), "parts": parts, "sensed_px": sensed_px, "sensed_frac": share
        }  # fmt: skip


def cost(
    model: Annotated[str, typer.Argument(help="Name of a model: see `foveate list models`.")],
    glimpses: Annotated[
        str | None, typer.Option(help="Looks after the glance: 3, 0..4 or 0,2,4; all possible when left out.")
    ] = None,
    policy: Annotated[
        str | None, typer.Option(help="Who decides where to look; the model's own when left out.")
    ] = None,
    critic: Annotated[
        str | None, typer.Option(help="Who decides whether to look; the model's own when left out.")
    ] = None,
    classes: Annotated[int, typer.Option(min=1, help="Number of classes.")] = 1000,
    scene: Annotated[str | None, typer.Option(help="Height x width of the scenes, such as 288x288.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Count multiply-adds and sensed pixels of a model, per part and in total, for each number of looks.

    One MAC is one multiply-add (what papers often print as a FLOP). Only what runs is counted: the glance, one head at
    the end, and for every look its sensing, policy and critic. Reading and resizing pixels is not counted.
    """
    costed = costed_of(model, policy=policy, critic=critic, num_classes=classes, scene_px=parse_size(scene))
    rows = [costed.row(looks) for looks in parse_glimpses(glimpses, costed.max_looks)]
    if as_json:
        say_json({"model": model, "scene_px": costed.scene_px, "macs_each": costed.each(), "rows": rows})
        return
    say(f"{model}: millions of multiply-adds per scene, by looks after the glance\n")
    say_table(_table(costed, rows))
    if costed.scene_px is not None:
        height, width = costed.scene_px
        say(f"\nsensed %: pixels read, with repetition, of a scene of {height}x{width}")


def costed_of(
    name: str, *, policy: str | None, critic: str | None, num_classes: int, scene_px: tuple[int, int] | None
) -> Costed:
    """A classifier of this family, built as shapes without numbers: nothing is allocated or computed."""
    import torch

    from foveate.models import MODELS
    from foveate.system import PartSpec, SystemSpec, build

    family = MODELS.get(name)
    spec = SystemSpec(
        model=PartSpec(name=name, config={"num_outputs": num_classes}),
        policy=PartSpec(name=str(policy or getattr(family, "paper_policy", "spatial"))),
        critic=PartSpec(name=str(critic or getattr(family, "paper_critic", "spatial_value"))),
        task=PartSpec(name="classification", config={"class_names": [str(i) for i in range(num_classes)]}),
    )
    scene_px = scene_px or getattr(family, "paper_scene_px", None)
    with torch.device("meta"), torch.no_grad():
        system = build(spec)
        model = system.model
        glance = None if model.opening == "free" else torch.empty(1, 1, model.num_bands, *model.glimpse_size_px(0))
        seen = model.observe(model.open(glance, torch.tensor([scene_px or (1024, 1024)])))
        return Costed(
            price=model.price(),
            policy_macs=system.policy.macs(seen),
            critic_macs=0 if system.critic is None else system.critic.macs(seen),
            glance_px=(0, 0) if glance is None else model.glimpse_size_px(0),
            look_px=model.glimpse_size_px(1),
            scene_px=scene_px,
            max_looks=model.max_looks,
        )


def parse_size(text: str | None) -> tuple[int, int] | None:
    """(height, width) from ``288x288``."""
    if text is None:
        return None
    height, _, width = text.partition("x")
    if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        raise UsageError(f"--scene is {text!r}; give height x width in pixels, such as 288x288")
    return int(height), int(width)


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
        table.append([name, _each(macs), *(_mega(row["parts"][name]) for row in rows)])
    table.append(["total", "", *(_mega(row["macs"]) for row in rows)])
    table.append(["sensed px", "", *(f"{row['sensed_px']}" for row in rows)])
    if costed.scene_px is not None:
        table.append(["sensed %", "", *(f"{100 * row['sensed_frac']:.1f}" for row in rows)])
    return table


def _each(macs: Macs) -> str:
    """Of one execution; from the first to the last where it grows with the looks."""
    return "-".join(map(_mega, (macs[0], macs[-1]))) if isinstance(macs, tuple) else _mega(macs)


def _mega(macs: int) -> str:
    return f"{macs / 1e6:.1f}"
