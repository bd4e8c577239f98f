import pytest

from foveate.errors import UsageError
from foveate.stopping.units import Budget


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("2 looks", 2, "looks"),
        ("1 look", 1, "looks"),
        ("2.5", 2.5, "looks"),
        (2, 2, "looks"),
        (0.5, 0.5, "looks"),
        ("0", 0, "looks"),
        ("1.5GMAC", 1.5e9, "macs"),
        ("1.5 gmacs", 1.5e9, "macs"),
        ("300MMAC", 3e8, "macs"),
        ("20ms", 20, "ms"),
        ("1.5s", 1500, "ms"),
        ("4000px", 4000, "px"),
        ("1e3px", 1000, "px"),
        ("12%px", 12, "pct_px"),
        ("12 % px", 12, "pct_px"),
        ("12%", 12, "pct_px"),
        ("300kB", 3e5, "bytes"),
        ("8tiles", 8, "tiles"),
        ("  .5 MB ", 5e5, "bytes"),
    ],
)
def test_spellings(text: str | float, amount: float, unit: str) -> None:
    assert Budget.parse(text) == Budget(amount, unit)


@pytest.mark.parametrize(
    "text", ["", "many", "-1", "-1 look", "nan", "inf", "1,5GMAC", "2 2 looks", "1e999", True, None]
)
def test_what_cannot_be_read_says_how_to_write_it(text: object) -> None:
    with pytest.raises(UsageError, match=r"write|finite amount of at least 0"):
        Budget.parse(text)  # type: ignore[arg-type]


def test_a_misspelt_unit_gets_a_suggestion() -> None:
    with pytest.raises(UsageError, match="Did you mean 'looks'"):
        Budget.parse("2 lokos")


def test_an_unknown_unit_of_a_budget_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown unit 'watts'"):
        Budget(1.0, "watts")


@pytest.mark.parametrize(
    "text", ["2 looks", "1.5 GMAC", "3 MMAC", "20 ms", "4 kpx", "12 %px", "300 kB", "8 tiles", "0 looks"]
)
def test_it_is_shown_as_it_can_be_read(text: str) -> None:
    assert str(Budget.parse(text)) == text


def test_a_budget_parses_to_itself() -> None:
    budget = Budget(3.0, "tiles")
    assert Budget.parse(budget) is budget
