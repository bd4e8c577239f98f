"""A system with other answers, and one of whose parts some are frozen."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from foveate.errors import IncompatibleError
from foveate.system import PartSpec, System, SystemSpec, build, with_outputs


def spec(*, readout: dict[str, object] | None = None) -> SystemSpec:
    model = {"num_outputs": 3, "readout": readout or {"name": "pool"}}
    task = PartSpec(name="classification", config={"class_names": ("a", "b", "c")})
    return SystemSpec(
        model=PartSpec(name="glance_focus", config=model),
        policy=PartSpec(name="spatial"),
        critic=PartSpec(name="spatial_value"),
        task=task,
    )


def test_with_other_outputs_the_agent_is_told_anew() -> None:
    """The summary of a map readout grows with the number of answers, and the critic reads it."""
    system = build(spec(readout={"name": "map", "grid": (4, 4)}))
    other = build(with_outputs(system, 5), num_outputs=5)
    assert other.spec.model.config["num_outputs"] == 5
    widths = [one.spec.critic.config["summary_dim"] for one in (system, other) if one.spec.critic]
    assert widths[1] == widths[0] + 3 * 2
    assert other.spec.policy == system.spec.policy


@pytest.mark.parametrize("family", ["glance_focus", "elastic_tokens", "adaptivenn_tiny"])
def test_the_model_is_told_how_many_answers_the_task_asks_for(family: str) -> None:
    untold = replace(spec(), model=PartSpec(name=family))
    torch.manual_seed(0)
    system = build(untold)
    assert system.model.config.num_outputs == system.spec.model.config["num_outputs"] == 3
    assert build(system.spec).spec == system.spec
    said = replace(untold, model=PartSpec(name=family, config={"num_outputs": 1}))
    with pytest.raises(IncompatibleError, match=rf"'{family}' has num_outputs=1, .* 'classification' asks for 3"):
        build(said)


@pytest.mark.parametrize(("said", "known"), [({}, 1), ({"num_outputs": 3}, 3)])
def test_a_model_that_answers_with_pixels_reads_no_number_of_outputs(said: dict[str, int], known: int) -> None:
    config = {"canvas": {"dim": 32, "num_heads": 4}, "answer": {"name": "pixels"}, **said}
    model, policy = PartSpec(name="elastic_tokens", config=config), PartSpec(name="spatial")
    system = build(SystemSpec(model=model, policy=policy, task=PartSpec(name="reconstruction")))
    assert system.model.config.num_outputs == known


@pytest.mark.parametrize(
    ("part", "name", "others"),
    [("policy", "gaussian", "spatial, squashed_gaussian"), ("critic", "map_value", "set_q, spatial_q, spatial_value")],
)
def test_a_part_that_needs_a_grid_is_refused_with_others_that_need_none(part: str, name: str, others: str) -> None:
    elastic = replace(spec(), model=PartSpec(name="elastic_tokens"))
    with pytest.raises(IncompatibleError, match=rf"'{name}' needs candidates on a regular grid.* such as .*{others}$"):
        build(replace(elastic, **{part: PartSpec(name=name)}))


def test_a_family_without_outputs_is_refused_by_its_settings() -> None:
    system = build(spec())
    odd = System(
        spec=SystemSpec(model=PartSpec(name="odd", config={"size": 3}), policy=PartSpec(name="p"), task=spec().task),
        model=system.model, policy=system.policy, task=system.task,
    )  # fmt: skip
    with pytest.raises(IncompatibleError, match=r"'odd' has no setting num_outputs.*settings: size"):
        with_outputs(odd, 2)


def test_what_is_frozen_stays_in_evaluation_mode() -> None:
    frozen, free = (nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.Dropout()) for _ in range(2))
    frozen.requires_grad_(False)
    model = nn.Sequential(frozen, free, nn.Dropout())
    system = System(spec=spec(), model=model, policy=None, task=None)
    system.train()
    assert model.training
    assert not any(part.training for part in frozen.modules())
    assert all(part.training for part in free.modules())
    assert model[2].training
    system.train(False)
    assert not any(part.training for part in model.modules())
