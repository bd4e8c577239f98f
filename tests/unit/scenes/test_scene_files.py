"""Scene files: a few hundred bytes that stand for a big picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foveate.errors import SceneError, UsageError
from foveate.geometry.viewpoint import whole_scene
from foveate.scenes.procedural import ProceduralConfig, ProceduralSet
from foveate.scenes.scene_files import SceneFileScenes, write_scene

SCENES = ProceduralSet(ProceduralConfig(size_px=(16384, 8192)), split="test")


def test_a_file_is_its_scene(tmp_path: Path) -> None:
    write_scene(tmp_path / "big.scene", SCENES, index=3, epoch_seed=1)
    scenes = SceneFileScenes([tmp_path / "big.scene"])
    assert scenes.sizes_px.tolist() == [[16384, 8192]]
    assert (tmp_path / "big.scene").stat().st_size < 2000
    expected = SCENES.batch(np.array([3]), 1)[0].read(whole_scene(1), (64, 32)).pixels
    np.testing.assert_array_equal(scenes.read(whole_scene(1), (64, 32)).pixels, expected)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"foveate_scene": 2}, "is of format 2; this foveate reads 1"),
        ({"fingerprint": "other"}, "draws other pixels"),
        ({"config": {"size_px": [0, 1]}}, "is no scene file: size_px is"),
        ({"config": {"sise": 1}}, "has no setting 'sise'"),
        ({"index": None}, "is no scene file"),
        ({"split": "val"}, "split is 'val'"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = tmp_path / "a.scene"
    write_scene(path, SCENES, index=0, epoch_seed=0)
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(SceneError, match=message) as caught:
        SceneFileScenes([path])
    assert caught.value.path == str(path)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.scene").write_bytes(b"\xff\xd8 no JSON")
    with pytest.raises(SceneError, match="is no scene file"):
        SceneFileScenes([tmp_path / "a.scene"])
    with pytest.raises(SceneError, match="cannot be read: No such file"):
        SceneFileScenes([tmp_path / "b.scene"])
    for paths in ([], "a.scene"):
        with pytest.raises(UsageError, match="needed is a list"):
            SceneFileScenes(paths)


def test_grey_and_coloured_are_apart(tmp_path: Path) -> None:
    write_scene(tmp_path / "a.scene", SCENES, index=0, epoch_seed=0)
    write_scene(tmp_path / "b.scene", ProceduralSet(ProceduralConfig(bands=1)), index=0, epoch_seed=0)
    with pytest.raises(UsageError, match="some of these scenes are grey"):
        SceneFileScenes([tmp_path / "a.scene", tmp_path / "b.scene"])
