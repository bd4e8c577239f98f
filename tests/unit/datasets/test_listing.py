"""A list of pictures: parts of it, and what its fingerprint says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from foveate.datasets.ade20k import ade20k
from foveate.datasets.imagenet import imagenet
from foveate.datasets.listing import Pictures
from tests.support.fake_datasets import fake_ade20k, fake_imagenet


def test_some_of_the_pictures(tmp_path: Path) -> None:
    whole = imagenet(fake_imagenet(tmp_path / "a"), split="train")
    part = whole.select([3, 0])
    assert part.paths == (whole.paths[3], whole.paths[0])
    assert whole.labels is not None
    assert part.labels is not None
    assert part.labels.tolist() == whole.labels[[3, 0]].tolist()
    assert part.class_names == whole.class_names
    assert len(whole.select(whole.labels == 1)) == 5
    assert len(whole.select([])) == 0
    masked = ade20k(fake_ade20k(tmp_path / "b"), split="val")
    assert masked.masks is not None
    assert masked.select([2]).masks == (masked.masks[2],)


def test_the_fingerprint_is_of_names_sizes_and_labels(tmp_path: Path) -> None:
    listed = ade20k(fake_ade20k(tmp_path / "here"), split="val")
    assert listed.fingerprint == ade20k(fake_ade20k(tmp_path / "there"), split="val").fingerprint
    assert listed.fingerprint.startswith("ade20k-val-8-")
    assert listed.fingerprint != listed.select(np.arange(7)).fingerprint
    assert listed.fingerprint != replace(listed, class_names=("a", "b")).fingerprint
    assert listed.fingerprint != replace(listed, masks=None).fingerprint
    assert replace(listed, labels=np.zeros(8, np.int64)).fingerprint != listed.fingerprint
    for file in (listed.paths[0], listed.masks[0].origin if listed.masks else ""):
        before = replace(listed).fingerprint
        Path(file).write_bytes(b"another size")
        assert replace(listed).fingerprint != before
        Path(file).unlink()
        assert replace(listed).fingerprint != before


def test_only_pictures() -> None:
    assert Pictures(name="few", root="", paths=("a.png",)).gives == ("picture",)
