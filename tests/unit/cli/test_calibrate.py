"""Where calibrated budgets may be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from foveate.cli.calibrate import check_place
from foveate.errors import UsageError
from foveate.model_folder import find_folder, shipped


@pytest.mark.parametrize("name", sorted(shipped()))
def test_a_shipped_model_is_calibrated_as_a_copy_only(name: str, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(shipped()[name])
    for place in (name, str(shipped()[name]), str(link)):
        with pytest.raises(UsageError, match=r"came with foveate.*--out runs/"):
            check_place(find_folder(place), None)
    check_place(find_folder(name), tmp_path / "copy")
    check_place(tmp_path / "model", None)
