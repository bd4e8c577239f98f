"""One picture: findings in its pixels, where it lies, and what is damaged said or refused."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from foveate.answers import Answer, Cost
from foveate.errors import IncompatibleError, SceneError, UsageError
from foveate.finding import check_finds, find, found_of, searched, with_min_score
from foveate.looker import Looker, load
from foveate.model_folder import save
from foveate.scenes import sniffs
from tests.support.finders import LOOKS, SIZE_PX, finder, pixels, write_pictures
from tests.support.giants import write_raster, write_tiff
from tests.unit.test_scanning import system as spotter

FREE = Cost(looks=1, macs=2, sensed_px=3, sensed_pct=4.0, decoded_px=5, read_bytes=6, seconds=0.5)
ANSWER = Answer(
    answer={"label": "bee", "findings": [{"label": "bee", "score": 0.75, "box": [-1.0, -0.5, 0.0, 1.0]},
                                         {"label": "cat", "score": 1.0000001, "box": [0.5, 0.5, 0.75, 0.75]}]},
    certainty=0.9, looks=((0.0, 0.0, 1.0, 1.0),), outcome="stopped", cost=FREE, size_px=(80, 40),
)  # fmt: skip


def test_findings_are_in_pixels_best_first_and_the_rest_of_the_answer_stays() -> None:
    found = found_of(ANSWER, picture="a.tif", geo_transform=(1, 0, 0, 0, -1, 0), crs="EPSG:32633")
    assert [(each.label, each.score, each.box_px) for each in found.findings] == [
        ("cat", 1.0, (60, 30, 70, 35)),
        ("bee", 0.75, (0, 10, 40, 40)),
    ]
    assert (found.picture, found.size_px, found.outcome) == ("a.tif", (80, 40), "stopped")
    assert found.answer == {"label": "bee"}
    assert Cost(**found.cost) == FREE
    assert (found.geo_transform, found.crs) == ((1, 0, 0, 0, -1, 0), "EPSG:32633")


def test_an_answer_without_findings_is_refused_with_what_to_do() -> None:
    with pytest.raises(UsageError, match=r"answers with label.*foveate train big_scene.*foveate look"):
        found_of(replace(ANSWER, answer={"label": "bee"}), picture="a.tif")


def test_a_model_is_asked_about_a_file(tmp_path: Path) -> None:
    (path,) = write_pictures(tmp_path, "a.png")
    looker = Looker(finder())
    found = find(looker, path, max_looks=LOOKS)
    result = searched(looker, str(path), max_looks=LOOKS)
    assert len(found.findings) > 5
    assert found.findings == result.found.findings
    assert (found.size_px, found.geo_transform, found.crs) == (SIZE_PX, None, None)
    assert len(result.looks) == LOOKS
    assert not result.is_scanned
    assert result.remarks == ()
    with pytest.raises(SceneError, match="no such file"):
        find(looker, tmp_path / "none.png", max_looks=LOOKS)


def test_what_would_end_any_search_is_known_before_the_first() -> None:
    check_finds(Looker(finder()), max_looks=4)
    check_finds(Looker(finder()), limit="0.01 %px", max_looks=4)  # too little for the blank, not for a giant
    with pytest.raises(IncompatibleError, match="look without end"):
        check_finds(Looker(finder()))
    with pytest.raises(UsageError, match="finds nothing"):
        check_finds(Looker(spotter()), max_looks=4)
    with pytest.raises(UsageError, match="unknown stop rule"):
        check_finds(Looker(finder()), stop_rule="valeu")


def test_where_nothing_says_when_to_stop_it_looks_as_often_as_in_training(tmp_path: Path) -> None:
    (path,) = write_pictures(tmp_path, "a.png")
    told = {"command": "test", "data": "random pictures", "looks": 8}
    looker = load(save(finder(), tmp_path / "model", provenance=told))
    assert looker.num_looks == 8
    check_finds(looker)
    assert len(searched(looker, str(path)).looks) == 8
    assert len(searched(looker, str(path), max_looks=4).looks) == 4
    assert len(searched(looker, str(path), limit="4 looks").looks) == 4
    assert Looker(finder()).num_looks is None


def test_less_likely_findings_can_be_asked_for_or_left_out(tmp_path: Path) -> None:
    (path,) = map(str, write_pictures(tmp_path, "a.png"))
    looker = Looker(finder())
    scores = [each.score for each in find(with_min_score(looker, 0.01), path, max_looks=LOOKS).findings]
    cut = (min(scores) + max(scores)) / 2
    kept = [each.score for each in find(with_min_score(looker, cut), path, max_looks=LOOKS).findings]
    assert kept == [score for score in scores if score >= cut]
    assert 0 < len(kept) < len(scores)
    assert with_min_score(looker, 0.25).system.spec.task.config["min_score"] == 0.25
    for score in (0.0, 1.5, float("nan")):
        with pytest.raises(UsageError, match="min_score is"):
            with_min_score(looker, score)
    with pytest.raises(UsageError, match="has no setting 'min_score'"):
        with_min_score(Looker(spotter()), 0.5)


def test_where_it_lies_is_known_whoever_reads_the_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looker = Looker(finder())
    path = write_raster(pixels(), tmp_path / "small.tif")  # so small that Pillow reads it
    expected = ((2.0, 0.0, 500_000.0, 0.0, -2.0, 6_000_000.0), "EPSG:32632")
    found = find(looker, path, max_looks=4)
    assert (found.geo_transform, found.crs) == expected
    monkeypatch.setattr(sniffs, "LARGE_PX", 100)
    large = find(looker, path, max_looks=4)
    assert (large.geo_transform, large.crs) == expected
    (tmp_path / "b.tif").write_bytes(write_pictures(tmp_path, "b.png")[0].read_bytes())  # by its name for two readers
    assert find(looker, tmp_path / "b.tif", max_looks=4).geo_transform is None


def test_that_there_may_be_more_is_said(tmp_path: Path) -> None:
    (path,) = map(str, write_pictures(tmp_path, "a.png"))
    result = searched(Looker(finder(most_findings=3)), path, max_looks=LOOKS)
    assert len(result.found.findings) == 3
    assert result.remarks == (f"{path}: 3 findings are all that its model gives of one picture; there may be more",)


@pytest.fixture
def damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sniffs, "LARGE_PX", 100)
    path = write_tiff(pixels(size_px=(256, 256)), tmp_path / "a (1).tif", levels=2, compression="deflate")
    path.write_bytes(path.read_bytes()[:20_000] + bytes(5_000) + path.read_bytes()[25_000:])
    return path


def test_damaged_parts_are_passed_over_and_said(damaged: Path) -> None:
    asked: dict[str, Any] = {"max_looks": 160}
    looker = Looker(finder())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = searched(looker, str(damaged), **asked)
    (remark,) = result.remarks
    assert remark.startswith(f"{damaged}: level 0, tile (")
    assert "is damaged" in remark
    assert remark.endswith("a look that needs it gives zeros")
    assert len(result.looks) == 160
    with pytest.warns(UserWarning, match="is damaged"):
        assert find(looker, damaged, **asked).findings == result.found.findings


def test_strict_makes_them_an_error(damaged: Path) -> None:
    with pytest.raises(SceneError, match=r"a \(1\)\.tif: level 0, tile \(\d, \d\) is damaged"):
        find(Looker(finder()), damaged, max_looks=200, strict=True)


def test_other_warnings_go_on_to_whoever_hears_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = map(str, write_pictures(tmp_path, "a.png"))
    looker = Looker(finder())
    answered = looker.look_many

    def warning(*given: Any, **asked: Any) -> Any:
        warnings.warn("nothing to do with it", stacklevel=2)
        return answered(*given, **asked)

    monkeypatch.setattr(looker, "look_many", warning)
    with pytest.warns(UserWarning, match="nothing to do with it"):
        assert searched(looker, path, max_looks=4, strict=True).remarks == ()
