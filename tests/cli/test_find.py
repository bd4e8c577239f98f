"""`foveate find`: a line per picture, files of what was found, and runs that go on wherever they were ended."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.console import Console

from foveate import model_folder
from foveate.cli import find_bar
from foveate.cli.main import main
from foveate.errors import OutputError
from foveate.finding import run as finding_run
from foveate.finding.jobs import Done, do
from foveate.model_folder import save
from foveate.scenes import sniffs
from tests.support.finders import LOOKS, pixels, save_finder, write_pictures
from tests.support.giants import write_raster, write_tiff
from tests.unit.test_scanning import system as spotter

NAMES = ("a.png", "b.png", "c.png", "d.png")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`finder`, another `finder-2`, and `spotter`, which finds nothing."""
    folder = tmp_path_factory.mktemp("models")
    save_finder(folder / "finder")
    save_finder(folder / "finder-2", seed=4)
    save(spotter(), folder / "spotter", provenance={"command": "test", "data": "nothing"})
    return folder


@pytest.fixture
def place(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with `model`, and pictures in `photos`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").symlink_to(models / "finder")
    write_pictures(tmp_path / "photos", *NAMES)
    return tmp_path


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of pictures that are searched from now on."""
    names: list[str] = []

    def counting(job: Any, **given: Any) -> Done:
        names.append(Path(job.picture).name)
        return do(job, **given)

    monkeypatch.setattr(finding_run, "do", counting)
    return names


def find(*arguments: Any, model: Any = "model", looks: int = LOOKS) -> int:
    return main(["find", *map(str, arguments), "--model", str(model), "--max-looks", str(looks)])


def table(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def full(*_: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


# -- what it says and saves --------------------------------------------------------------------------------------------


def test_a_line_per_picture_and_files_of_all_of_them(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saves = ["--save", "out/x.geojson", "--save", "out/x.csv", "--save", "out/x.coco.json", "--save", "out/x.json"]
    assert find("photos", *saves, "--picture", "out/drawn.png") == 0
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [f"photos/{name}" for name in NAMES]
    assert all(" findings, the best " in line and f"({LOOKS} looks, " in line for line in lines)
    assert all("% of the pixels" in line and "all looks or the limit used up)" in line for line in lines)
    assert "saved in out/x.geojson, out/x.csv, out/x.coco.json, out/x.json, out/drawn-a.png, " in shown.err
    everything = json.loads(Path("out/x.json").read_text())["found"]
    assert [one["picture"] for one in everything] == [f"photos/{name}" for name in NAMES]
    num_findings = [len(one["findings"]) for one in everything]
    assert all(num_findings)
    assert [f", {count} findings" in line for count, line in zip(num_findings, lines, strict=True)] == [True] * 4
    assert len(table("out/x.csv")) == sum(num_findings)
    assert len(json.loads(Path("out/x.geojson").read_text())["features"]) == sum(num_findings)
    assert len(json.loads(Path("out/x.coco.json").read_text())["images"]) == 4
    assert sorted(path.name for path in Path("out").glob("*.png")) == [f"drawn-{name}" for name in NAMES]
    with Image.open("out/drawn-a.png") as page:
        assert page.width > 1000


def test_json_is_one_object_per_line(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "photos" / "bb.png").write_bytes(b"")
    (place / "photos" / "d.png").unlink()
    (place / "photos" / "c.png").unlink()
    assert find("photos", "--json", "--picture", "x.png") == 1
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert ["error" in row for row in rows] == [False, False, True]
    first = rows[0]
    assert (first["picture"], first["model"], first["drawn"]) == ("photos/a.png", "model", "x-a.png")
    assert first["num_findings"] == len(first["findings"])
    assert first["best_score"] == first["findings"][0]["score"]
    assert first["outcome"] == "truncated"
    assert first["cost"]["looks"] == LOOKS


def test_without_a_place_it_only_tells(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert find("photos/a.png") == 0
    assert "give --save found.geojson" in capsys.readouterr().err
    assert sorted(path.name for path in place.iterdir()) == ["model", "photos"]


def test_scores_and_scans_are_as_asked(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert find("photos/a.png", "--save", "x.csv", "--min-score", 0.95) == 0
    few = table("x.csv")
    assert find("photos/a.png", "--save", "x.csv", "--min-score", 0.01) == 0
    assert len(table("x.csv")) > len(few)
    assert all(float(row["score"]) >= 0.95 for row in few)
    capsys.readouterr()
    assert find("photos/a.png", "--defer-below", 1, "--on-defer", "scan", looks=4) == 0
    assert "; scanned to the end)" in capsys.readouterr().out
    assert find("photos/a.png", "--defer-below", 1, looks=4) == 0
    assert "; not settled: scan the whole picture)" in capsys.readouterr().out


def test_a_pyramid_lies_somewhere_and_is_read_in_part(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sniffs, "LARGE_PX", 1000)
    write_raster(pixels(size_px=(640, 512)), place / "map.tif", overviews=(2, 4, 8))
    assert find("map.tif", "--save", "x.geojson", "--save", "x.json", "--picture", "x.png", looks=200) == 0
    saved = json.loads(Path("x.geojson").read_text())
    assert saved["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::32632"
    xs, ys = zip(*[corner for each in saved["features"] for corner in each["geometry"]["coordinates"][0]], strict=True)
    assert min(xs) >= 500_000
    assert max(xs) <= 501_024
    assert min(ys) >= 5_998_720
    assert max(ys) <= 6_000_000
    (found,) = json.loads(Path("x.json").read_text())["found"]
    assert found["cost"]["decoded_px"] > 0
    with Image.open("x.png") as page:
        assert page.height > page.width


def test_what_an_earlier_run_drew_is_no_picture(
    place: Path, counted: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in NAMES[2:]:
        Path("photos", name).unlink()
    for _ in range(2):
        assert find("photos", "--picture", "photos/drawn.png") == 0
    assert counted == [*NAMES[:2], *NAMES[:2]]
    assert "left out 2 pictures that --picture would write over" in capsys.readouterr().err


# -- failures ----------------------------------------------------------------------------------------------------------


@pytest.mark.multiprocess
def test_two_processes_find_the_same_and_broken_pictures_are_listed_at_the_end(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "photos" / "aa.png").write_bytes(b"no picture")
    (place / "photos" / "bb.png").write_bytes((place / "photos" / "b.png").read_bytes()[:2000])
    given = ["photos", "none.png"]
    assert find(*given, "--save", "two/x.csv", "--workers", 2) == 1
    shown = capsys.readouterr()
    assert [line.partition(": ")[0] for line in shown.out.splitlines()] == [f"photos/{name}" for name in NAMES]
    tail = shown.err.splitlines()
    head = "error: 3 of 7 pictures could not be searched; the same command tries again:"
    at = tail.index(head)
    assert [line.partition(": ")[0] for line in tail[at + 1 :]] == ["  photos/aa.png", "  photos/bb.png", "  none.png"]
    assert find(*given, "--save", "one/x.csv") == 1
    assert Path("one/x.csv").read_bytes() == Path("two/x.csv").read_bytes()


def test_damaged_parts_are_said_or_an_error(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sniffs, "LARGE_PX", 1000)
    path = write_tiff(pixels(size_px=(256, 256)), place / "a.tif", levels=2)
    path.write_bytes(path.read_bytes()[:20_000] + bytes(5_000) + path.read_bytes()[25_000:])
    assert find("a.tif", "--picture", "x.png", looks=200) == 0
    assert "note: a.tif: level 0, tile (" in capsys.readouterr().err
    assert find("a.tif", "--strict", looks=200) == 1
    assert "error: 1 of 1 picture could not be searched" in capsys.readouterr().err


def test_nothing_takes_the_place_of_what_was_found_before(place: Path) -> None:
    assert find("photos/a.png", "--save", "x.csv") == 0
    before = Path("x.csv").read_bytes()
    Path("photos/a.png").write_bytes(b"no picture")
    assert find("photos/a.png", "--save", "x.csv") == 1
    assert Path("x.csv").read_bytes() == before


@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_a_full_disk_costs_no_result(
    place: Path, counted: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    Path("x.csv").write_text("the good old one")
    owner: Any = os if where == "fsync" else Path
    saved = finding_run.Run.founds.fget

    def filling(run: Any) -> Any:
        monkeypatch.setattr(owner, where, full)
        return saved(run)  # type: ignore[misc]

    with monkeypatch.context() as patched:
        patched.setattr(finding_run.Run, "founds", property(filling))
        original = getattr(owner, where)
        assert find("photos", "--save", "x.csv") == 1
    setattr(owner, where, original)
    assert "x.csv: cannot be written; the disk is full" in capsys.readouterr().err
    assert Path("x.csv").read_text() == "the good old one"
    assert find("photos", "--save", "x.csv") == 0
    assert counted == list(NAMES), "all were done before"
    assert {row["picture"] for row in table("x.csv")} == {f"photos/{name}" for name in NAMES}


class Unsaved:
    """A drawing that is too much for the disk."""

    def save(self, *_: Any, **__: Any) -> None:
        raise OutputError("cannot be written; the disk is full", path="x-a.png")


def test_a_full_disk_for_a_drawing_ends_the_run(
    place: Path, counted: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("foveate.finding.sheet.found_sheet", lambda *_, **__: Unsaved())
        assert find("photos", "--save", "x.csv", "--picture", "x.png") == 1
    assert counted == ["a.png"]
    assert "x-a.png: cannot be written; the disk is full" in capsys.readouterr().err
    assert find("photos", "--save", "x.csv", "--picture", "x.png") == 0


# -- going on ----------------------------------------------------------------------------------------------------------


def ended_after(count: int) -> Callable[..., Done]:
    """As if somebody pressed Ctrl-C."""
    left = [count]

    def ending(job: Any, **given: Any) -> Done:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return do(job, **given)

    return ending


def test_a_run_that_was_ended_goes_on(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find("photos", "--save", "whole/x.csv") == 0
    Path("x.csv").write_text("the good old one")
    with monkeypatch.context() as patched:
        patched.setattr(finding_run, "do", ended_after(2))
        assert find("photos", "--save", "x.csv") == 130
    assert Path("x.csv").read_text() == "the good old one"
    assert "2 of 4 pictures are done; the same command goes on (x.found.jsonl)" in capsys.readouterr().err
    with Path("x.found.jsonl").open("ab") as file:  # and as if it had been killed while it wrote
        file.write(b'{"picture": "photos/c.png", "stamp": {"num_by')
    assert find("photos", "--save", "x.csv") == 0
    shown = capsys.readouterr()
    assert "2 of 4 pictures done before and unchanged (x.found.jsonl): the others follow" in shown.err
    assert [line.partition(": ")[0] for line in shown.out.splitlines()] == ["photos/c.png", "photos/d.png"]
    assert Path("x.csv").read_bytes() == Path("whole/x.csv").read_bytes()
    assert all(json.loads(line) for line in Path("x.found.jsonl").read_text().splitlines())


def test_what_changed_failed_or_lost_its_drawing_is_done_again(
    place: Path, counted: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("photos/b.png").write_bytes(b"no picture")
    asked = ["--save", "x.csv", "--picture", "x.png"]
    assert find("photos", *asked) == 1
    write_pictures(place, "zero.png", "b.png")
    Path("b.png").rename("photos/b.png")
    Path("x-c.png").unlink()
    os.utime("photos/d.png", ns=(1, 1))
    counted.clear()
    capsys.readouterr()
    assert find("photos", *asked) == 0
    assert counted == ["b.png", "c.png", "d.png"]
    assert Path("x-c.png").exists()
    assert find("photos", "zero.png", *asked) == 0
    assert counted[3:] == ["zero.png"], "more pictures are added to those that are known"
    assert find("photos/a.png", *asked) == 0
    assert counted[4:] == ["a.png"], "it is drawn under another name if it is the only one"
    assert {row["picture"] for row in table("x.csv")} == {"photos/a.png"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--min-score", "0.6"], "as it was asked otherwise (min_score None)"),
        (["--limit", "20 looks"], "as it was asked otherwise (limit None)"),
        (["--strict"], "as it was asked otherwise (strict False)"),
        (["--no-resume"], "as --no-resume says"),
    ],
)
def test_what_was_asked_otherwise_starts_anew(
    place: Path, counted: list[str], capsys: pytest.CaptureFixture[str], change: list[str], words: str
) -> None:
    assert find("photos", "--save", "x.csv") == 0
    before = Path("x.found.jsonl").read_bytes()
    assert find("photos", "--save", "x.csv", *change) == 0
    assert f"starting anew, {words}; what x.found.jsonl held is kept as x.found.old.jsonl" in capsys.readouterr().err
    assert counted == [*NAMES, *NAMES]
    assert Path("x.found.old.jsonl").read_bytes() == before


def test_what_another_version_wrote_starts_anew(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert find("photos/a.png", "--out", "o") == 0
    manifest = Path("o/found.jsonl")
    manifest.write_bytes(manifest.read_bytes().replace(b'"foveate_find": 1', b'"foveate_find": 2'))
    assert find("photos/a.png", "--out", "o") == 0
    assert "starting anew, as it was written by another version of foveate" in capsys.readouterr().err


def test_another_model_starts_anew(
    place: Path, models: Path, counted: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert find("photos", "--out", "o") == 0
    assert find("photos", "--out", "o", model=models / "finder") == 0, "the same by another name"
    assert counted == list(NAMES)
    assert find("photos", "--out", "o", model=models / "finder-2") == 0
    assert counted == [*NAMES, *NAMES]
    assert f"starting anew, as it was made by another model ({models / 'finder'})" in capsys.readouterr().err


def test_other_files_of_that_name_are_left_alone(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("o").mkdir()
    Path("o/found.jsonl").write_text("my diary")
    for more in ([], ["--no-resume"]):
        assert find("photos", "--out", "o", *more) == 2
    assert Path("o/found.jsonl").read_text() == "my diary"
    assert "was not written by `foveate find`" in capsys.readouterr().err


# -- wrong questions, and who waits ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "exit_code", "expected"),
    [
        (["--save", "x.shp"], 2, "ends in '.shp', and that says as what to save it"),
        (["--save", "x.gejson"], 2, "Did you mean '.geojson'?"),
        (["--save", "photos/a.png/x.csv"], 1, "cannot be written"),
        (["--save", "folder.csv"], 1, "there is a folder of this name"),
        (["--picture", "x.jpg"], 2, "--picture draws PNG files"),
        (["--picture", "photos/a.png"], 2, "would write over the picture that is searched"),
        (["--picture", "folder.png"], 1, "there is a folder of this name"),
        (["--out", "photos/a.png"], 1, "cannot be written"),
        (["--budget", "2 looks"], 1, "run `foveate calibrate"),
        (["--limit", "2 loks"], 2, "unknown unit 'loks'"),
        (["--limit", "10px"], 1, "lowest possible limit"),
        (["--stop-rule", "valeu"], 2, "Did you mean 'value'?"),
        (["--max-looks", "-1"], 2, "at least 0"),
        (["--min-score", "1.5"], 2, "min_score is 1.5; it must be above 0 and at most 1"),
        (["--defer-below", "2"], 2, "a certainty is between 0 and 1"),
        (["--on-defer", "scann"], 2, "allowed are 'say' and 'scan'"),
        (["--on-defer", "scan"], 2, "nothing says which pictures"),
        (["--workers", "0"], 2, "--workers"),
        (["--workers", "two"], 2, "--workers"),
        (["--device", "warp"], 2, "--device is 'warp'"),
        (["--model", "modle"], 1, "modle: there is no such folder"),
        (["--model", "photos"], 1, "is not a model folder"),
        (["--model", "{models}/spotter"], 2, "this model finds nothing: it answers with label"),
        (["nothing*.png"], 1, "nothing matches 'nothing*.png'"),
        (["--sav", "x.csv"], 2, "Did you mean '--save'?"),
    ],
)
def test_wrong_questions_end_before_any_picture(
    place: Path, models: Path, counted: list[str], capsys: pytest.CaptureFixture[str],
    arguments: list[str], exit_code: int, expected: str,
) -> None:  # fmt: skip
    for name in ("folder.csv", "folder.png"):
        Path(name).mkdir()
    given = ["find", "photos/a.png", "--model", "model", "--max-looks", "8"]
    assert main([*given, *(argument.format(models=models) for argument in arguments)]) == exit_code
    shown = capsys.readouterr()
    assert expected in " ".join(shown.err.split())
    assert shown.out == ""
    assert counted == []


def test_a_search_without_an_end_is_refused_before_any_picture(
    place: Path, counted: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["find", "photos", "--model", "model"]) == 1
    assert 'give a stop rule, a limit such as "200 looks", or max_looks' in capsys.readouterr().err
    assert counted == []


def test_without_a_model_it_lists_those_that_find(
    place: Path, models: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_folder, "SHIPPED", models)
    assert main(["find", "photos"]) == 2
    shown = capsys.readouterr().err
    assert "finder: finding, trained on random pictures" in shown
    assert "spotter" not in shown


@pytest.mark.parametrize("names", [NAMES, NAMES[:1]])
def test_who_waits_sees_looks_and_findings(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], names: tuple[str, ...]
) -> None:
    terminal = Console(file=io.StringIO(), force_terminal=True, width=160, _environ={})
    monkeypatch.setattr(find_bar, "progress_console", lambda: terminal)
    monkeypatch.setattr("foveate.finding.following.EVERY_S", 0)
    told: list[str] = []
    tell = find_bar.Bar._tell

    def listening(bar: Any) -> None:
        tell(bar)
        told.append(bar._progress.tasks[0].fields["told"])
        state = bar._progress.tasks[0]
        told.append(f"{state.completed:g} of {state.total:g}")

    monkeypatch.setattr(find_bar.Bar, "_tell", listening)
    assert find(*(f"photos/{name}" for name in names)) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(names)
    assert told[-2].startswith(f"{len(names) * LOOKS} looks, ")
    assert " found · " in told[-2]
    assert "% read" in told[-2]
    assert told[-1] == (f"{LOOKS} of {LOOKS}" if len(names) == 1 else "4 of 4")
    assert told[1] == ("4 of 24" if len(names) == 1 else "0 of 4")
