"""Who waits is told what goes on, and what comes of it is the same."""

from __future__ import annotations

from pathlib import Path

from foveate.finding import searched
from foveate.finding.following import Moment, followed
from foveate.looker import Looker
from foveate.scanning import tiles_of
from tests.support.finders import LOOKS, SIZE_PX, finder, write_pictures


def test_every_step_is_told_and_nothing_changes_by_it(tmp_path: Path) -> None:
    (path,) = map(str, write_pictures(tmp_path, "a.png"))
    looker, moments = Looker(finder()), list[Moment]()
    heard = followed(looker, moments.append, every_s=0)
    plain, told = (searched(each, path, max_looks=LOOKS) for each in (looker, heard))
    assert told.found.findings == plain.found.findings
    assert told.looks == plain.looks
    assert [each.num_looks for each in moments] == list(range(4, LOOKS + 1, 4))
    assert moments[-1].num_findings == len(plain.found.findings)
    assert moments[-1].read_px == plain.found.cost["sensed_px"]
    assert moments[-1].scene_px == SIZE_PX[0] * SIZE_PX[1]
    assert heard.name == looker.name


def test_a_scan_is_told_too_and_seldom_enough(tmp_path: Path) -> None:
    (path,) = map(str, write_pictures(tmp_path, "a.png"))
    looker, moments = Looker(finder()), list[Moment]()
    asked = {"max_looks": 4, "defer_below": 1.0, "on_defer": "scan"}
    result = searched(followed(looker, moments.append, every_s=0), path, **asked)
    assert result.is_scanned
    assert moments[-1].num_looks == 4 + len(tiles_of(looker.system.model, SIZE_PX))
    moments.clear()
    searched(followed(looker, moments.append, every_s=1e9), path, **asked)
    assert moments == []
