"""GeoJSON in pixels and on the map, drawn by hand or found by us."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from foveate.annotations.headers import header_of, pictures_beside
from foveate.annotations.reading import read_annotations
from foveate.errors import DataError, SceneError
from foveate.exports import save_found
from foveate.findings import Finding
from foveate.geometry.georeference import placed
from tests.support.findings import BOAT, TREE, a_found, any_finding
from tests.support.giants import write_raster, write_zarr

CRS = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32632"}}  # as of write_raster
PIXEL = {"foveate": {"coordinates": "pixel"}}
GREY = np.zeros((100, 200, 1), np.uint8)
WEST, NORTH = 500_000.0, 6_000_000.0  # pixels of 2 m


def feature(kind: str, coordinates: Any, /, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}, "properties": properties}


def ring(box_px: tuple[float, float, float, float]) -> list[list[tuple[float, float]]]:
    top, left, bottom, right = box_px
    return [[(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]]


def on_map(box_px: tuple[float, float, float, float]) -> list[list[tuple[float, float]]]:
    return [[(WEST + 2 * x, NORTH - 2 * y) for x, y in ring(box_px)[0]]]


def write(folder: Path, *features: Any, pictures: str = "a.tif b.tif", **members: Any) -> Path:
    """The pictures are there and empty."""
    for name in pictures.split():
        (folder / name).touch()
    file = folder / "annotations.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features, **members}))
    return file


@pytest.fixture
def mapped(tmp_path: Path) -> Path:
    """a.tif and, to the east of it, b.tif; c.tif is far away."""
    affine = pytest.importorskip("rasterio").Affine
    for name, west in (("a.tif", WEST), ("b.tif", WEST + 400), ("c.tif", WEST + 1e6)):
        write_raster(GREY, tmp_path / name, transform=affine(2, 0, west, 0, -2, NORTH))
    return tmp_path


def plain(folder: Path, **options: Any) -> dict[str, list[Any]]:
    made = read_annotations(folder, **options)
    return {
        Path(path).name: [(made.class_names[kind], box) for kind, box in zip(kinds, boxes.tolist(), strict=True)]
        for path, kinds, boxes in zip(made.paths, made.classes, made.boxes_px, strict=True)
    }


def test_in_pixels_every_geometry_is_a_box(tmp_path: Path) -> None:
    write(
        tmp_path,
        feature("Polygon", ring((1, 2, 3, 4)), label="boat", picture="a.tif", split="train"),
        feature("MultiPolygon", [ring((1, 2, 3, 4)), ring((5, 6, 7, 8))], **{"class": "tree"}, path="a.tif"),
        feature("LineString", [(1, 2), (9, 5), (3, 30)], name="crack", file_name="b.tif"),
        feature("Point", (100, 50), category=7, image="b.tif"),
        feature("MultiPoint", [(3, 50)], picture="b.tif", label=""),
        pictures="a.tif b.tif c10.png c2.png",
        **PIXEL,
    )
    (tmp_path / "notes.txt").touch()
    (tmp_path / ".hidden.png").touch()
    (tmp_path / "folder.png").mkdir()
    made = read_annotations(tmp_path, point_px=10)
    assert plain(tmp_path, point_px=10) == {
        "a.tif": [("boat", [1, 2, 3, 4]), ("tree", [1, 2, 3, 4]), ("tree", [5, 6, 7, 8])],
        "b.tif": [("crack", [2, 1, 30, 9]), ("7", [45, 95, 55, 105]), ("thing", [45, 0, 55, 8])],
        "c2.png": [],
        "c10.png": [],
    }
    assert list(plain(tmp_path)) == ["a.tif", "b.tif", "c2.png", "c10.png"]
    assert made.splits == ("train", "", "", "")


def test_one_picture_need_not_be_named(tmp_path: Path) -> None:
    write(tmp_path, feature("Point", (5, 5), coordinates="pixel", split="val"), pictures="a.tif")
    made = read_annotations(tmp_path)
    assert (made.paths, made.splits) == ((str(tmp_path / "a.tif"),), ("val",))
    write(tmp_path, feature("Point", (5, 5)), pictures="a.tif b.tif", **PIXEL)
    with pytest.raises(DataError, match="feature 1: is in pixels and names no picture, and 2 pictures lie beside"):
        read_annotations(tmp_path)
    for name in ("a.tif", "b.tif"):
        (tmp_path / name).unlink()
    with pytest.raises(DataError, match="and 0 pictures lie beside"):
        read_annotations(tmp_path)


def test_a_folder_that_is_a_picture(tmp_path: Path) -> None:
    write_zarr(GREY, tmp_path / "a.zarr")
    write(tmp_path, feature("Point", (5, 5), picture="a.zarr"), pictures="", **PIXEL)
    assert plain(tmp_path) == {"a.zarr": [("thing", [0, 0, 21, 21])]}


def test_pictures_elsewhere_come_after_those_beside(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    write(tmp_path / "more")
    write(tmp_path, feature("Point", (5, 5), picture="more/b.tif"), feature("Point", (5, 5), picture="b.tif"), **PIXEL)
    made = read_annotations(tmp_path)
    assert made.paths == tuple(str(tmp_path / name) for name in ("a.tif", "b.tif", "more/b.tif"))
    assert made.labels.tolist() == [0, 1, 1]


def test_on_the_map_things_are_in_the_pictures_that_they_lie_in(mapped: Path) -> None:
    write(
        mapped,
        feature("Polygon", on_map((10, 20, 30, 50)), label="boat"),
        feature("Polygon", on_map((10, 190, 30, 208)), label="cut"),  # its middle is in a
        feature("Polygon", on_map((10, 190, 30, 210)), label="border"),  # on the border of both: it goes to one
        feature("Point", (WEST + 410, NORTH - 10), label="tree"),
        feature("MultiPoint", [(WEST + 2, NORTH - 2), (WEST - 2, NORTH - 2)], label="tree"),  # one is nowhere
        feature("Polygon", on_map((10, 20, 30, 50)), label="same", picture="a.tif", coordinates="geo"),
        feature("Polygon", ring((1, 2, 3, 4)), label="pixel", picture="b.tif", coordinates="pixel"),
        pictures="",
        crs=CRS,
    )
    assert plain(mapped, point_px=20) == {
        "a.tif": [
            ("same", [10, 20, 30, 50]),
            ("boat", [10, 20, 30, 50]),
            ("cut", [10, 190, 30, 200]),
            ("tree", [0, 0, 11, 11]),
        ],
        "b.tif": [("pixel", [1, 2, 3, 4]), ("border", [10, 0, 30, 10]), ("tree", [0, 0, 15, 15])],
        "c.tif": [],
    }


def test_places_are_pixels_only_where_that_is_said(mapped: Path) -> None:
    """Without a word, they are on the map for pictures that have one."""
    write(mapped, feature("Polygon", on_map((1, 2, 3, 4)), picture="a.tif"), pictures="", crs=None)
    assert plain(mapped)["a.tif"] == [("thing", [1, 2, 3, 4])]
    Image.fromarray(GREY[..., 0]).save(mapped / "d.png")
    write(mapped, feature("Polygon", ring((1, 2, 3, 4)), picture="d.png"), pictures="", crs=None)
    with pytest.raises(DataError, match=r'feature 1: .*d.png does not say where on the map .*"coordinates": "pixel"'):
        read_annotations(mapped)
    write(mapped, feature("Polygon", on_map((1, 2, 3, 4))), pictures="", crs=None)
    with pytest.raises(DataError, match=r"feature 1: names no picture, and .*d.png does not say where on the map"):
        read_annotations(mapped)


def test_another_reference_system_is_refused(mapped: Path) -> None:
    there = feature("Polygon", on_map((1, 2, 3, 4)), picture="a.tif", coordinates="geo")
    write(mapped, there, pictures="")
    message = r'are in EPSG:4326, as it names no other; .*a.tif is in EPSG:32632; .*-t_srs "EPSG:32632"'
    with pytest.raises(DataError, match=message):
        read_annotations(mapped)
    mercator = {"type": "name", "properties": {"name": "EPSG:3857"}}
    write(mapped, feature("Point", (WEST, NORTH)), pictures="", crs=mercator)
    with pytest.raises(DataError, match=r"are in EPSG:3857; .*a.tif is in EPSG:32632"):
        read_annotations(mapped)
    write(mapped, there, feature("Point", (5, 5), picture="b.tif", coordinates="pixel"), pictures="", crs=None)
    assert plain(mapped)["a.tif"] == [("thing", [1, 2, 3, 4])]  # null: not known, so not refused


def test_pictures_in_no_known_system_are_taken_as_they_are(tmp_path: Path) -> None:
    affine = pytest.importorskip("rasterio").Affine
    write_raster(GREY, tmp_path / "a.tif", crs=None, transform=affine(2, 0, WEST, 0, -2, NORTH))
    write(tmp_path, feature("Polygon", on_map((1, 2, 3, 4))), pictures="")
    assert plain(tmp_path) == {"a.tif": [("thing", [1, 2, 3, 4])]}


def test_broken_pictures_are_left_to_who_looks_at_them_unless_they_are_named(mapped: Path) -> None:
    write(mapped, feature("Polygon", on_map((1, 2, 3, 4))), pictures="broken.tif", crs=CRS)
    assert plain(mapped) == {"a.tif": [("thing", [1, 2, 3, 4])], "b.tif": [], "broken.tif": [], "c.tif": []}
    write(mapped, feature("Polygon", on_map((1, 2, 3, 4)), picture="broken.tif"), pictures="", crs=CRS)
    with pytest.raises(SceneError, match=r"broken\.tif"):
        read_annotations(mapped)


def test_what_was_found_comes_back_in_pixels(tmp_path: Path) -> None:
    write(tmp_path, pictures="a.tif b.tif c.tif")
    founds = [a_found(picture=str(tmp_path / "a.tif")), a_found(picture=str(tmp_path / "b.tif"), findings=(TREE,))]
    save_found(tmp_path / "annotations.geojson", founds)
    tree = ("tree", list(TREE.box_px))
    assert plain(tmp_path) == {"a.tif": [("boat", list(BOAT.box_px)), tree], "b.tif": [tree], "c.tif": []}


@given(findings=st.lists(any_finding(), min_size=1, max_size=4))
def test_and_from_the_map(tmp_path_factory: pytest.TempPathFactory, findings: list[Finding]) -> None:
    folder = tmp_path_factory.mktemp("set")
    path = str(write_raster(GREY, folder / "a.tif"))
    header = header_of(path)
    assert (header.size_px, header.crs) == ((100, 200), "EPSG:32632")
    found = a_found(picture=path, findings=findings, geo_transform=header.geo_transform, crs=header.crs)
    if not found.findings:
        return
    save_found(folder / "labels.geojson", [found])
    assert json.loads((folder / "labels.geojson").read_text())["foveate"]["coordinates"] == "geo"
    made = read_annotations(folder)
    expected = np.array([each.box_px for each in found.findings], np.float32)
    np.testing.assert_allclose(made.boxes_px[0], expected, atol=1e-4)


def test_of_a_turned_picture_the_box_is_the_extent_in_it(tmp_path: Path) -> None:
    affine = pytest.importorskip("rasterio").Affine
    turned = (0.0, 2.0, WEST, 2.0, 0.0, NORTH)  # rows run east
    write_raster(GREY, tmp_path / "a.tif", transform=affine(*turned))
    corners = [placed(turned, row, col) for row, col in ((10, 20), (10, 50), (30, 50), (30, 20), (10, 20))]
    write(tmp_path, feature("Polygon", [corners]), pictures="", crs=CRS)
    assert plain(tmp_path) == {"a.tif": [("thing", [10, 20, 30, 50])]}


def test_pictures_beside_a_file(tmp_path: Path) -> None:
    write(tmp_path, pictures="b10.SVS b2.jpg notes.csv .c.png")
    assert [Path(path).name for path in pictures_beside(tmp_path)] == ["b2.jpg", "b10.SVS"]


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([], "annotations.geojson: nothing is marked in any picture"),
        ([5], "feature 1: is no object"),
        ([{"type": "Point"}], "feature 1: is no Feature"),
        ([feature("Point", (1, 1), picture="a.tif") | {"properties": [1]}], "feature 1: is no Feature with properties"),
        (
            [feature("Point", (1, 1), picture="a.tif") | {"geometry": None}],
            "feature 1: has no geometry",
        ),
        ([feature("Point", (1, 1), picture="a.tif"), feature("Circle", 5)], "feature 2: is a Circle; known are Point"),
        ([feature("Point", (1, 1), picture="a.tif", split="dev")], "feature 1: the split is 'dev'"),
        ([feature("Point", (1, -1), picture="a.tif")], r"feature 1: the point \(row -1, col 1\) is negative"),
        ([feature("Polygon", ring((-3, 0, 5, 5)), picture="a.tif")], "feature 1: the box .* is negative"),
        ([feature("LineString", [(1, 1), (1, 9)], picture="a.tif")], "feature 1: the box .* is empty"),
        ([feature("Point", (1, 1), picture="lost.tif")], r"1 of 1 pictures are not there: \S*lost\.tif"),
        ([feature("Point", (1, 1), picture="a.tif", label="none")], "a box in .*a.tif is labelled 'none'"),
    ],
)
def test_mistakes_in_pixels(tmp_path: Path, features: list[Any], message: str) -> None:
    write(tmp_path, *features, **PIXEL)
    with pytest.raises(DataError, match=message):
        read_annotations(tmp_path)


def test_features_that_lie_in_no_picture_are_left_out_and_counted(mapped: Path) -> None:
    there, nowhere = on_map((1, 2, 3, 4)), [(WEST - 50, NORTH), (WEST - 60, NORTH)]
    features = [feature("Polygon", there, label="boat"), *(feature("Point", one, label="boat") for one in nowhere)]
    write(mapped, *features, pictures="", crs=CRS)
    made = read_annotations(mapped)
    assert sum(map(len, made.boxes_px)) == 1
    (doubt,) = made.doubts
    assert "2 of 3 outlines" in doubt
    assert doubt.endswith("feature 2")
    write(mapped, features[0], pictures="", crs=CRS)
    assert read_annotations(mapped).doubts == ()


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (
            [feature("Polygon", on_map((1, 2, 3, 4)), picture="b.tif")],
            r"feature 1: its middle lies outside of \S*b.tif",
        ),
        ([feature("Point", (WEST - 1, NORTH))], "feature 1: neither this nor any other .* in one of the 3 pictures"),
        ([feature("LineString", on_map((1, 2, 1, 9))[0])], "feature 1: the box .* is empty"),
    ],
)
def test_mistakes_on_the_map(mapped: Path, features: list[Any], message: str) -> None:
    write(mapped, *features, pictures="", crs=CRS)
    with pytest.raises(DataError, match=message):
        read_annotations(mapped)


def test_mistakes_at_the_top(tmp_path: Path) -> None:
    file = write(tmp_path)
    file.write_text('{"type": "Feature", "geometry": null}')
    with pytest.raises(DataError, match=r"annotations\.geojson: its type is 'Feature'; needed is a FeatureCollection"):
        read_annotations(tmp_path)
    file.write_text('{"type": "FeatureCollection"}')
    with pytest.raises(DataError, match="has no list 'features'; it has type"):
        read_annotations(tmp_path)
    write(tmp_path)
    for name in ("a.tif", "b.tif"):
        (tmp_path / name).unlink()
    with pytest.raises(DataError, match="names no pictures"):
        read_annotations(tmp_path)


def test_capitals_do_not_matter_in_the_names_of_properties(tmp_path: Path) -> None:
    """Shapefiles have them."""
    write(tmp_path, feature("Polygon", ring((1, 2, 3, 4)), LABEL="boat", Picture="a.tif", Split="Val"), **PIXEL)
    made = read_annotations(tmp_path)
    assert (made.class_names, made.splits) == (("boat",), ("val", ""))
