"""What stands out in an overview is found, and in a picture without anything nothing is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import foveate
from foveate.policies.saliency import salient_places
from foveate.scenes.memory import ArrayScenes
from foveate.searching.saliency import MAX_OVERVIEW_PX, most_within, overview_px, saliency
from foveate.searching.tiling import Tiles


def ground(seed: int = 0, side_px: int = 128) -> np.ndarray:
    """Pale patches ``[3, h, w]`` in [0, 1]."""
    noise = np.random.default_rng(seed).random((3, side_px // 8, side_px // 8))
    return np.repeat(np.repeat(noise, 8, 1), 8, 2).astype(np.float32) * 0.1 + 0.4


@pytest.mark.parametrize("colour", [(1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (1.0, 0.3, 0.3), (0.2, 0.8, 0.5)])
def test_a_small_thing_is_the_most_salient_place(colour: tuple[float, ...]) -> None:
    picture = ground()
    picture[:, 70:73, 30:33] = np.array(colour)[:, None, None]
    places = salient_places(picture)
    row, col = np.unravel_index(places.argmax(), places.shape)
    assert 68 <= row <= 74
    assert 28 <= col <= 34


@pytest.mark.parametrize("bands", [1, 3, 5])
def test_any_number_of_bands(bands: int) -> None:
    picture = np.full((bands, 40, 50), 0.5, np.float32)
    assert not salient_places(picture).any(), "nothing stands out"
    picture[0, 10:12, 20:22] = 1.0
    places = salient_places(picture)
    assert places.shape == (40, 50)
    assert (places >= 0).all()
    assert places[10:12, 20:22].min() > np.quantile(places, 0.95)


@pytest.mark.parametrize("seed", range(4))
def test_noise_of_a_grey_picture_s_colours_does_not_drown_what_stands_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    grey = np.repeat(0.4 + 0.02 * rng.random((1, 128, 128)), 3, 0)
    grey[:, 70:73, 30:33] += 0.1
    places = salient_places((grey + rng.integers(-1, 2, grey.shape) / 255).astype(np.float32))
    salient = places[67:76, 27:36].max()
    places[67:76, 27:36] = 0
    assert salient > 1.7 * places.max(), "1.5 to 1.65 where all views count alike"


@given(
    scene_px=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    tile_px=st.tuples(st.integers(3, 90), st.integers(3, 90)),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
def test_a_tile_is_worth_its_most_salient_place(
    scene_px: tuple[int, int], tile_px: tuple[int, int], shape: tuple[int, int]
) -> None:
    tiles = Tiles.of(scene_px, tile_px=tile_px, overlap=0.2)
    places = np.random.default_rng(0).random(shape).astype(np.float32)
    down, across = np.array(shape) / np.array(scene_px)
    for (top, left, bottom, right), most in zip(tiles.boxes_px, most_within(places, tiles), strict=True):
        rows = slice(int(np.floor(top * down + 1e-9)), max(int(np.ceil(bottom * down - 1e-9)), 1))
        cols = slice(int(np.floor(left * across + 1e-9)), max(int(np.ceil(right * across - 1e-9)), 1))
        assert most == places[rows, cols].max()


def test_the_overview_has_pixels_for_every_tile_but_not_more_than_are_quick() -> None:
    assert overview_px(Tiles.of((50, 60), tile_px=(640, 640), overlap=0.2)) == (32, 32)
    assert overview_px(Tiles.of((20, 9000), tile_px=(640, 640), overlap=0.2)) == (20, 32 * 18)
    many = Tiles.of((200_000, 300_000), tile_px=(640, 640), overlap=0.2)
    height, width = overview_px(many)
    assert height * width == pytest.approx(MAX_OVERVIEW_PX, rel=0.01)


@pytest.mark.parametrize(("kind", "most"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1)])
def test_it_is_the_same_in_any_range_and_says_what_it_took(kind: type, most: int) -> None:
    picture = ground(side_px=256)
    picture[:, 200:206, 100:106] = 1.0
    pixels = np.round(picture * 255) / 255 * most
    pixels = pixels if kind is np.float32 else np.round(pixels)
    scene = foveate.Scene(ArrayScenes(pixels[None].astype(kind)), name="a", reader="array")
    tiles = Tiles.of((256, 256), tile_px=(32, 32), overlap=0)
    expected = saliency(scene, tiles, 0)
    assert expected.of_tiles.argmax() == 6 * 8 + 3
    assert expected.cost.sensed_px == 256 * 256
    assert expected.cost.sensed_pct == 100
    assert expected.looks_px == ()
