"""The shipped cut-outs are what the manifest says, and can be chosen by class and split."""

from __future__ import annotations

import hashlib
import json
from importlib import resources

import numpy as np
import pytest

from foveate.errors import UsageError
from foveate.scenes.cutouts import load_cutouts

ASSETS = resources.files("foveate") / "assets"


def test_files_are_those_of_the_manifest_and_bring_their_licence() -> None:
    files = json.loads((ASSETS / "manifest.json").read_text())["files"]
    assert set(files) >= {"digits.npz", "emoji.webp", "emoji.json", "photos/photos.json"}
    for name, entry in files.items():
        content = (ASSETS / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"], name
        assert len(content) == entry["num_bytes"]
        assert entry["licence"] in ("MIT", "CC-BY-2.0", "CC-BY-4.0", "CC0-1.0", "public-domain"), name
        assert len((ASSETS / entry["licence_file"]).read_text()) > 200
    assert sum(entry["num_bytes"] for entry in files.values()) < 3e6


@pytest.mark.parametrize("name", ["digits", "emoji", "blobs"])
def test_shapes(name: str) -> None:
    cutouts = load_cutouts(name)
    m = len(cutouts.labels)
    assert cutouts.images.dtype == np.uint8
    assert cutouts.images.shape == (m, *cutouts.images.shape[1:3], 4)
    assert set(cutouts.labels.tolist()) == set(range(len(cutouts.class_names)))
    assert len(cutouts.categories) == len(cutouts.class_names) == len(set(cutouts.class_names))
    ink = (cutouts.images[..., 3] > 127).mean((1, 2))
    assert ink.min() > 0.04  # a thin digit one
    assert ink.max() < 0.95
    assert load_cutouts(name) is cutouts  # made once


def test_counts() -> None:
    digits, emoji = load_cutouts("digits"), load_cutouts("emoji")
    assert len(digits.labels) == 1797
    assert digits.held_out.sum() == 449
    assert set(digits.labels[digits.held_out]) == set(range(10))
    assert 60 <= len(emoji.class_names) <= 120
    assert len(emoji.only(["sign"]).class_names) >= 24
    assert "octagonal sign" in emoji.class_names


def test_splits_share_nothing_unless_nothing_is_held_out() -> None:
    digits = load_cutouts("digits")
    assert len(digits.split("train").labels) == 1348
    assert len(digits.split("test").labels) == 449
    emoji = load_cutouts("emoji")
    assert emoji.split("test") is emoji


def test_only_renumbers_in_the_given_order() -> None:
    some = load_cutouts("digits").only(["7", "3"])
    assert some.class_names == ("7", "3")
    threes = load_cutouts("digits").images[load_cutouts("digits").labels == 3]
    np.testing.assert_array_equal(some.images[some.labels == 1], threes)
    assert "cactus" not in load_cutouts("emoji").without(["plant"]).class_names


def test_names_that_are_not_there() -> None:
    with pytest.raises(UsageError, match="Did you mean 'emoji'"):
        load_cutouts("emojis")
    with pytest.raises(UsageError, match="Did you mean 'cactus'"):
        load_cutouts("emoji").only(["cactuss"])
    with pytest.raises(UsageError, match="named twice"):
        load_cutouts("emoji").only(["cactus", "plant"])


@pytest.mark.parametrize("name", ["digits", "emoji", "blobs"])
def test_rendered_colour_never_exceeds_alpha(name: str) -> None:
    """Premultiplied: otherwise pasting would overflow."""
    planes = load_cutouts(name).at_size(25)
    assert planes.shape[1:] == (4, 25, 25)
    assert (planes[:, :3].astype(int) <= planes[:, 3:].astype(int) + 1).all()
