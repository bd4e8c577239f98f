"""Configs from plain values: what fits becomes a config, what does not is refused by its path, value and what fits."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pytest

from foveate.config import from_plain, to_plain
from foveate.errors import UsageError
from foveate.models import create_model
from foveate.training.config import TrainConfig


@dataclass(frozen=True, kw_only=True)
class Inner:
    width: int = 3


@dataclass(frozen=True, kw_only=True)
class Config:
    count: int
    rate: float = 0.5
    flag: bool = False
    name: str = "a"
    kind: Literal["free", 1, None] = "free"
    size_px: tuple[int, int] = (1, 2)
    widths: tuple[float, ...] = ()
    region_px: tuple[int, int] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    scales: Mapping[str, float] = field(default_factory=dict)
    inner: Inner = field(default_factory=Inner)


def made(**values: Any) -> Config:
    return from_plain(Config, {"count": 1, **values}, where="the part 'x'")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"count": np.int64(4), "rate": 1}, Config(count=4, rate=1)),
        ({"kind": 1}, Config(count=1, kind=1)),
        ({"kind": None}, Config(count=1, kind=None)),
        ({"size_px": [5, 6], "widths": [1, 2.5, 3]}, Config(count=1, size_px=(5, 6), widths=(1, 2.5, 3))),
        ({"region_px": [5, 6]}, Config(count=1, region_px=(5, 6))),
        ({"region_px": None}, Config(count=1)),
        ({"settings": {"a": [1, ["b"]]}}, Config(count=1, settings={"a": (1, ("b",))})),
        ({"inner": {"width": 4}}, Config(count=1, inner=Inner(width=4))),
        ({"inner": Inner(width=4)}, Config(count=1, inner=Inner(width=4))),
    ],
    ids=str,
)
def test_what_fits_becomes_a_config(given: dict[str, Any], expected: Config) -> None:
    assert made(**given) == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"count": "4"}, "count is '4'; it must be int"),
        ({"count": True}, "count is True; it must be int"),
        ({"count": 4.0}, "count is 4.0; it must be int"),
        ({"count": None}, "count is None; it must be int"),
        ({"rate": "1e-3"}, "rate is '1e-3'; it must be float"),
        ({"rate": False}, "rate is False; it must be float"),
        ({"flag": 1}, "flag is 1; it must be bool"),
        ({"name": 3}, "name is 3; it must be str"),
        ({"kind": "fixed"}, "kind is 'fixed'; it must be 'free' or 1 or None"),
        ({"kind": True}, "kind is True; it must be 'free' or 1 or None"),
        ({"size_px": [5]}, "size_px is [5]; it must be (int, int)"),
        ({"size_px": 5}, "size_px is 5; it must be (int, int)"),
        ({"size_px": "56"}, "size_px is '56'; it must be (int, int)"),
        ({"size_px": {"0": 5, "1": 6}}, "size_px is {'0': 5, '1': 6}; it must be (int, int)"),
        ({"size_px": [5, "6"]}, "size_px[1] is '6'; it must be int"),
        ({"widths": [1.0, True]}, "widths[1] is True; it must be float"),
        ({"widths": 2.0}, "widths is 2.0; it must be (float, ...)"),
        ({"region_px": [5, 6.5]}, "region_px is [5, 6.5]; it must be (int, int) or None"),
        ({"settings": ["a"]}, "settings is ['a']; it must be a mapping"),
        ({"settings": {1: "a"}}, "settings: a name is 1; it must be str"),
        ({"scales": {"a": "b"}}, "scales['a'] is 'b'; it must be float"),
        ({"inner": {"width": "4"}}, "inner: width is '4'; it must be int"),
        ({"inner": {"widht": 4}}, "inner has no setting 'widht'. Did you mean 'width'?"),
        ({"inner": 4}, "inner is 4; it must be a mapping"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_does_not_fit_is_refused_by_name(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(f"the part 'x': {message}")):
        made(**given)


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(UsageError) as error:
        made(count=[7] * 1000)
    assert len(str(error.value)) < 200


def test_a_missing_setting_and_values_that_are_no_mapping_are_named() -> None:
    with pytest.raises(UsageError, match=r"the part: .*'count'"):
        from_plain(Config, {}, where="the part")
    with pytest.raises(UsageError, match=r"the part is \[1\]; it must be a mapping"):
        from_plain(Config, [1], where="the part")  # type: ignore[arg-type]


def test_what_was_written_is_read_again() -> None:
    config = TrainConfig(steps=3, ppo=TrainConfig(steps=1).ppo, seconds=None, amp="bf16")
    assert from_plain(TrainConfig, json.loads(json.dumps(to_plain(config))), where="training") == config


def test_a_wrong_setting_of_a_model_is_refused_before_it_is_built() -> None:
    with pytest.raises(UsageError, match=r"the model 'glance_focus': state_grid is '99999'; it must be \(int, int\)"):
        create_model("glance_focus", num_outputs=3, state_grid="99999")
