"""Files of findings, for other programs: a format per file name ending.

Each format is a pure function from what was found to the text of the file. What it is given decides every byte: no
times, no order of dicts that varies, no number that is not finite. Facts: ``ending`` of the file's name, in any case of
letters, the longest that fits first; ``summary``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

from foveate.atomic import write_bytes
from foveate.errors import UsageError, suggest
from foveate.registry import Registry

if TYPE_CHECKING:
    from foveate.findings import Found

Export = Callable[[Sequence["Found"]], str]

EXPORTS: Registry[Export] = Registry("export")
EXPORTS.register("json", "foveate.exports.plain_json:plain_json", ending=".json", summary="everything there is")
EXPORTS.register("geojson", "foveate.exports.geojson:geojson", ending=".geojson", summary="a map, for GIS tools")
EXPORTS.register("csv", "foveate.exports.table:csv_table", ending=".csv", summary="a table, a row per finding")
EXPORTS.register("coco", "foveate.exports.coco:coco", ending=".coco.json", summary="COCO detections")


def save_found(path: str | PathLike[str], founds: Sequence[Found]) -> None:
    """Write what was found in pictures, as the ending of ``path`` says.

    Raises UsageError for an unknown ending, OutputError for a place that cannot be written; a file that was there is
    then untouched."""
    text = export_for(path)(founds)
    # A file name that is no UTF-8 has no letters: it is written as "\udcff", which JSON reads as what Python has.
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def export_for(path: str | PathLike[str]) -> Export:
    """The format of the longest known ending that a file name has. Raises UsageError naming those that are known."""
    name = Path(path).name.lower()
    fitting = [each for each in EXPORTS if name.endswith(EXPORTS.facts(each)["ending"])]
    if not fitting:
        raise UsageError(f"{fspath(path)}: {_unknown(Path(name))}")
    return EXPORTS.get(max(fitting, key=lambda each: len(EXPORTS.facts(each)["ending"])))


def _unknown(name: Path) -> str:
    endings = {EXPORTS.facts(each)["ending"]: EXPORTS.facts(each)["summary"] for each in EXPORTS}
    known = ", ".join(f"{ending} ({summary})" for ending, summary in endings.items())
    given = f"ends in {name.suffix!r}" if name.suffix else "has no ending"
    hint = suggest("".join(name.suffixes[-2:]), endings) or suggest(name.suffix, endings)
    return f"{given}, and that says as what to save it.{hint} Known: {known}"
