"""The table, read back by the standard library."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from foveate.exports.table import HEADER, csv_table
from foveate.findings import Finding, Found
from tests.support.findings import UTM, a_found, any_found


def _read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_a_table() -> None:
    named = Finding(label='a "b", c', score=1, box_px=(0, 0, 2, 4))
    text = csv_table([a_found(), a_found(picture="b.tif", findings=(named,), geo_transform=UTM, crs="EPSG:32633")])
    assert text.splitlines() == [
        "picture,label,score,top_px,left_px,bottom_px,right_px,x,y,crs",
        "harbour/a.tif,boat,0.875,40.0,0.0,60.0,10.0,,,",
        "harbour/a.tif,tree,0.5,10.0,20.0,30.0,50.0,,,",
        'b.tif,"a ""b"", c",1.0,0.0,0.0,2.0,4.0,500001.0,5599999.5,EPSG:32633',
    ]


def test_nothing_found_is_a_header() -> None:
    assert csv_table([]) == csv_table([a_found(findings=())]) == ",".join(HEADER) + "\r\n"


def test_a_place_in_an_unknown_system_is_still_a_place() -> None:
    first = _read(csv_table([a_found(geo_transform=UTM)]))[0]
    assert (first["x"], first["y"], first["crs"]) == ("500002.5", "5599975.0", "")


@given(founds=st.lists(any_found(), max_size=3))
def test_rows_come_back_as_they_were(founds: list[Found]) -> None:
    """Whatever stands in labels and names: commas, quotes, ends of lines."""
    rows = _read(csv_table(founds))
    expected = [(found, each) for found in founds for each in found.findings]
    assert len(rows) == len(expected)
    for row, (found, each) in zip(rows, expected, strict=True):
        assert (row["picture"], row["label"], float(row["score"])) == (found.picture, each.label, each.score)
        assert tuple(float(row[key]) for key in HEADER[3:7]) == each.box_px
        if found.geo_transform is None:
            assert row["x"] == row["y"] == row["crs"] == ""
        else:
            assert (float(row["x"]), float(row["y"])) == found.to_geo(*each.middle_px)
            assert row["crs"] == found.crs
