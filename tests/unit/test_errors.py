from __future__ import annotations

import pickle
import types

import pytest

from foveate import errors
from foveate.errors import (
    BudgetError,
    FoveateError,
    MissingExtraError,
    OutputError,
    SceneError,
    UsageError,
    require_extra,
    suggest,
)

CLASSES = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, FoveateError)]


@pytest.mark.parametrize("kind", CLASSES)
def test_each_stands_in_the_drawn_tree_and_survives_pickling(kind: type[FoveateError]) -> None:
    assert kind.__name__ in str(errors.__doc__)
    error = kind("what went wrong")  # as data-loading workers raise it again
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == "what went wrong"
    assert vars(again) == vars(error)


@pytest.mark.parametrize("kind", [SceneError, OutputError])
def test_a_path_is_named_once(kind: type[SceneError] | type[OutputError]) -> None:
    error = kind("is empty", path="a/b.png")
    assert str(error) == "a/b.png: is empty"
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.path) == ("a/b.png: is empty", "a/b.png")


def test_a_budget_error_carries_the_nearest_possible_budget() -> None:
    assert BudgetError("0.5 looks is too little; the least is 1", nearest=1.0).nearest == 1.0


def test_exit_codes() -> None:
    assert [kind for kind in CLASSES if kind.exit_code == 2] == [UsageError]
    assert FoveateError.exit_code == 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [("gausian", " Did you mean 'gaussian'?"), ("GAUSSIAN", " Did you mean 'gaussian'?"), ("xyzzy", "")],
)
def test_suggest(name: str, expected: str) -> None:
    assert suggest(name, ["raster", "gaussian"]) == expected


def test_require_extra_imports_what_is_there() -> None:
    assert isinstance(require_extra("json", "torch"), types.ModuleType)


def test_require_extra_names_the_extra() -> None:
    with pytest.raises(
        MissingExtraError, match=r"no_such_module is not installed.*pip install 'foveate\[wsi\]'"
    ) as info:
        require_extra("no_such_module.part", "wsi")
    assert info.value.extra == "wsi"
    assert isinstance(info.value, ImportError)


def test_require_extra_does_not_hide_a_broken_module(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_module.py").write_text("import its_own_missing_part")  # type: ignore[operator]
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="its_own_missing_part") as info:
        require_extra("broken_module", "wsi")
    assert not isinstance(info.value, MissingExtraError)
