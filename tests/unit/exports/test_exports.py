"""The ending says as what; the old file or the new, never half of one; same input, same bytes."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.errors import OutputError, UsageError
from foveate.exports import EXPORTS, export_for, save_found
from foveate.findings import Found
from tests.support.findings import UTM, a_found, any_found

ENDINGS = sorted(EXPORTS.facts(name)["ending"] for name in EXPORTS)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("a.json", "json"),
        ("a.coco.json", "coco"),
        ("out.2/A.COCO.JSON", "coco"),
        ("a.geojson", "geojson"),
        ("a.GeoJSON", "geojson"),
        ("a.coco.geojson", "geojson"),
        ("coco.json", "json"),
        ("a.csv", "csv"),
    ],
)
def test_the_longest_known_ending_decides(place: str, name: str) -> None:
    assert export_for(place) is export_for(Path(place)) is EXPORTS.get(name)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("a.geojon", "ends in '.geojon', .* Did you mean '.geojson'?"),
        ("a.coco.jsn", "Did you mean '.coco.json'?"),
        ("run.7.cvs", "Did you mean '.csv'?"),
        ("a.b/c", "has no ending"),
        ("a.xlsx", "ends in '.xlsx'"),
        ("csv", "has no ending"),
    ],
)
def test_an_unknown_ending_is_answered_with_the_known_ones(place: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        export_for(place)
    assert str(caught.value).startswith(f"{place}: ")
    assert all(f"{ending} (" in str(caught.value) for ending in ENDINGS)


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_saved_is_what_the_format_says(tmp_path: Path, ending: str) -> None:
    founds = [a_found(), a_found(picture="b.tif", findings=())]
    save_found(tmp_path / f"a{ending}", founds)
    save_found(str(tmp_path / f"none{ending}"), [])
    assert (tmp_path / f"a{ending}").read_bytes() == export_for(f"a{ending}")(founds).encode()
    assert (tmp_path / f"none{ending}").read_text().strip()
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("where", ["write_bytes", "fsync", "replace"])
def test_a_full_disk_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, where: str
) -> None:
    place = tmp_path / f"a{ending}"
    save_found(place, [a_found()])
    old = place.read_bytes()

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os if where == "fsync" else Path, where, full)
    with pytest.raises(OutputError, match="the disk is full") as caught:
        save_found(place, [a_found(picture="other.tif")])
    monkeypatch.undo()
    assert caught.value.path == str(place)
    assert place.read_bytes() == old
    assert list(tmp_path.iterdir()) == [place]


def test_a_format_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("old")
    with pytest.raises(AttributeError):
        save_found(tmp_path / "a.csv", ["no picture"])  # type: ignore[list-item]
    assert (tmp_path / "a.csv").read_text() == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / "a.csv"]


def test_a_place_that_cannot_be_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no such folder"):
        save_found(tmp_path / "missing" / "a.csv", [])
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(OutputError, match="there is a folder of this name"):
        save_found(tmp_path / "folder.csv", [])


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_name_that_is_no_text_is_written_legibly(tmp_path: Path, ending: str) -> None:
    picture = "caf\udce9-é.jpg"  # as Python has a byte that is no UTF-8
    save_found(tmp_path / f"a{ending}", [a_found(picture=picture)])
    text = (tmp_path / f"a{ending}").read_bytes().decode("utf-8")
    assert "caf\\udce9-é.jpg" in text
    assert ending == ".csv" or picture in json.dumps(json.loads(text), ensure_ascii=False)


@pytest.mark.parametrize("ending", ENDINGS)
@given(data=st.data())
def test_same_input_same_bytes_and_no_number_that_is_not_finite(ending: str, data: st.DataObject) -> None:
    founds = data.draw(st.lists(any_found(), max_size=3))
    export = export_for(ending)
    text = export(founds)
    assert export([_again(found) for found in founds]) == text
    if ending != ".csv":  # whose numbers are boxes, scores and places, which are finite
        json.loads(text, parse_constant=pytest.fail)


def _again(found: Found) -> Found:
    return Found(**{name: getattr(found, name) for name in found.__dataclass_fields__})


@pytest.mark.parametrize("ending", ENDINGS)
def test_another_place_gives_another_file(ending: str) -> None:
    """Where a picture lies is in every file but COCO's, whose boxes are in pixels."""
    export = export_for(ending)
    assert (export([a_found(geo_transform=UTM)]) == export([a_found()])) == (ending == ".coco.json")
