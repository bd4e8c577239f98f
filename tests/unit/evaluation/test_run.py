"""What an executed evaluation says it spent: bytes and decoded pixels of files, none of scenes in memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from foveate.cli.measure import row_of, spent, table
from foveate.evaluation.run import RunResult, evaluate
from foveate.recipes.picture_folder import picture_folder
from foveate.stopping.units import UNITS
from foveate.system import build
from tests.unit.recipes.test_picture_folder import fill
from tests.unit.training.tiny import Bars, tiny_system


@pytest.fixture(scope="module")
def in_memory() -> RunResult:
    return evaluate(tiny_system(), Bars(6), num_scenes=6, max_looks=2)


def test_files_cost_bytes_and_decoding_and_scenes_in_memory_do_not(tmp_path: Path, in_memory: RunResult) -> None:
    recipe = picture_folder(fill(tmp_path, 24), steps=1)
    files = recipe.test.folder.paths
    result = evaluate(build(recipe.system), recipe.test, num_scenes=len(files), max_looks=2)
    sizes = [Path(path).stat().st_size for path in files]
    assert result.mean_read_bytes == pytest.approx(sum(sizes) / len(sizes))  # PNG is fetched and decoded once, in full
    assert result.mean_decoded_px == 48 * 64
    assert (in_memory.mean_read_bytes, in_memory.mean_decoded_px) == (0, 0)


def test_the_table_has_these_columns_only_where_something_was_spent(in_memory: RunResult) -> None:
    free = row_of("free", in_memory, metric="correct")
    files = row_of("files", replace(in_memory, mean_read_bytes=12_345.0, mean_decoded_px=3072.0), metric="correct")
    unknown = replace(free, name="unknown", read_bytes=None, decoded_px=None)
    assert table([free], metric="accuracy")[0][-1] == "ms / picture"
    header, *rows = table([files, free, unknown], metric="accuracy")
    assert header[-2:] == ["decoded px", "kB read"]
    assert [row[-2:] for row in rows] == [["3,072", "12.3"], ["0", "0.0"], ["-", "-"]]


def test_a_row_says_what_it_spent_in_every_unit_of_budgets(in_memory: RunResult) -> None:
    told = spent(row_of("free", in_memory, metric="correct"))
    assert set(told) == set(UNITS)
    assert None not in told.values()
    assert told["px"] == 12 * 16 + 2 * 8 * 8
    assert told["pct_px"] == pytest.approx(100 * (12 * 16 + 2 * 8 * 8) / (24 * 32))
