from __future__ import annotations

import sys

import pytest

from foveate.errors import UsageError
from foveate.registry import Registry


@pytest.fixture
def shapes() -> Registry[object]:
    registry: Registry[object] = Registry("shape")
    registry.register("square", "fractions:Fraction", sides=4)
    registry.register("circle", object, name="round", sides=0)
    return registry


def test_a_target_is_imported_on_first_use(shapes: Registry[object]) -> None:
    shapes.register("late", "this.module.is.not:There")
    assert shapes.get("square") is sys.modules["fractions"].Fraction
    assert shapes.get("circle") is object
    with pytest.raises(ModuleNotFoundError):
        shapes.get("late")


def test_facts_may_have_any_name_and_are_read_only(shapes: Registry[object]) -> None:
    assert dict(shapes.facts("circle")) == {"name": "round", "sides": 0}
    with pytest.raises(TypeError):
        shapes.facts("circle")["sides"] = 1  # type: ignore[index]


def test_names(shapes: Registry[object]) -> None:
    assert shapes.names() == list(shapes) == ["circle", "square"]
    assert shapes.names("s*") == ["square"]
    assert len(shapes) == 2
    assert "square" in shapes
    assert "oval" not in shapes
    assert repr(shapes) == "Registry('shape': circle, square)"


@pytest.mark.parametrize("ask", [Registry.get, Registry.facts])
def test_an_unknown_name_is_answered_with_the_known_ones(shapes: Registry[object], ask: object) -> None:
    message = r"unknown shape 'sqare'\. Did you mean 'square'\? Known: circle, square"
    with pytest.raises(UsageError, match=message):
        ask(shapes, "sqare")  # type: ignore[operator]


def test_an_empty_registry_says_so() -> None:
    with pytest.raises(UsageError, match=r"unknown shape 'a'\. Known: none"):
        Registry("shape").get("a")


def test_a_name_is_never_replaced(shapes: Registry[object]) -> None:
    with pytest.raises(UsageError, match="'square' is registered already: 'fractions:Fraction'"):
        shapes.register("square", object)
    assert shapes.facts("square")["sides"] == 4


@pytest.mark.parametrize("target", ["fractions", "fractions:", ":Fraction", ""])
def test_a_malformed_target_is_refused_at_once(shapes: Registry[object], target: str) -> None:
    with pytest.raises(UsageError, match="must read 'module:attribute'"):
        shapes.register("new", target)


def test_what_an_entry_makes_of_its_options_and_of_what_it_is_told(shapes: Registry[object]) -> None:
    shapes.register("box", lambda at, *, sides, colour, filled=False: (at, sides, colour, filled))
    options = {"name": "box", "filled": True, "colour": "red"}
    assert shapes.made(options, 7, sides=4) == (7, 4, "red", True)
    assert options == {"name": "box", "filled": True, "colour": "red"}
    assert shapes.made({"name": "square", "numerator": 3}) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"name": "box", "filed": 1},
            r"the shape 'box' has no option 'filed'\. Did you mean 'filled'\? Known: colour, f",
        ),
        ({"name": "box", "sides": 3}, r"no option 'sides'\..*Known: colour, filled"),  # that is told, not chosen
        ({"name": "box", "at": 3}, r"no option 'at'\."),
        ({"name": "box"}, "the shape 'box' needs the option 'colour'"),
        ({"name": "bax"}, "unknown shape 'bax'. Did you mean 'box'"),
        ({"colour": 1}, "unknown shape ''. Known: box, circle, square"),
        ({"name": "circle", "a": 1}, "no option 'a'. Known: none"),
    ],
)
def test_options_that_an_entry_does_not_have(
    shapes: Registry[object], options: dict[str, object], message: str
) -> None:
    shapes.register("box", lambda at, *, sides, colour, filled=False: (at, sides, colour, filled))
    with pytest.raises(UsageError, match=message):
        shapes.made(options, 7, sides=4)


def test_an_entry_that_takes_any_option_is_given_all(shapes: Registry[object]) -> None:
    shapes.register("any", lambda **options: options)
    assert shapes.made({"name": "any", "colour": "red"}, sides=4) == {"sides": 4, "colour": "red"}
