"""Writers of pictures in tiles, for tests; each needs the package that it names."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

TILE_PX = 64


def shrunk(pixels: np.ndarray, step: int) -> np.ndarray:
    """``[H, W, C]`` averaged over step x step; what is left over at the far borders is dropped."""
    height, width = (side // step * step for side in pixels.shape[:2])
    blocks = pixels[:height, :width].reshape(height // step, step, width // step, step, -1)
    return blocks.mean((1, 3)).round().astype(pixels.dtype)


def pyramid_of(pixels: np.ndarray, levels: int) -> list[np.ndarray]:
    """The picture and its halves."""
    return [pixels] + [shrunk(pixels, 2**number) for number in range(1, levels)]


def write_tiff(
    pixels: np.ndarray, path: Path, *, levels: int = 1, subifds: bool = False, tile_px: int = TILE_PX, **options: Any
) -> Path:
    """Tiled, lossless unless ``compression`` says otherwise."""
    tifffile = pytest.importorskip("tifffile")
    pytest.importorskip("imagecodecs")
    kind: dict[str, Any] = {"photometric": "rgb" if pixels.shape[-1] in (3, 4) else "minisblack"}
    kind |= {"compression": "deflate", "tile": (tile_px, tile_px), "metadata": None, **options}
    if pixels.shape[-1] not in (3, 4) and kind.get("planarconfig") is None and pixels.shape[-1] > 1:
        kind["planarconfig"] = "contig"
    first, *others = [each[..., 0] if each.shape[-1] == 1 else each for each in pyramid_of(pixels, levels)]
    with tifffile.TiffWriter(path, bigtiff=path.suffix == ".btf") as file:
        file.write(first, subifds=len(others) if subifds else None, **kind)
        for each in others:
            file.write(each, subfiletype=1, **kind)
    return path


def write_zarr(
    pixels: np.ndarray,
    path: Path,
    *,
    levels: int = 1,
    version: int = 3,
    shards: int | None = None,
    unit: str | None = None,
) -> Path:
    """OME-NGFF, channels first."""
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(str(path), mode="w", zarr_format=version)
    datasets = []
    for number, each in enumerate(pyramid_of(pixels, levels)):
        bands = np.ascontiguousarray(each.transpose(2, 0, 1))
        options = {} if shards is None else {"shards": (1, shards, shards)}
        array = group.create_array(
            str(number), shape=bands.shape, chunks=(1, TILE_PX, TILE_PX), dtype=bands.dtype, **options
        )
        array[:] = bands
        scale = {"type": "scale", "scale": [1, 0.5 * 2**number, 0.25 * 2**number]}
        datasets.append({"path": str(number), "coordinateTransformations": [scale]})
    space = {"type": "space"} | ({"unit": unit} if unit else {})
    axes = [{"name": "c", "type": "channel"}, {"name": "y", **space}, {"name": "x", **space}]
    image = [{"version": "0.4", "axes": axes, "datasets": datasets}]
    group.attrs.update({"multiscales": image} if version == 2 else {"ome": {"version": "0.5", "multiscales": image}})
    return path


def write_raster(pixels: np.ndarray, path: Path, *, overviews: Sequence[int] = (), **options: Any) -> Path:
    """Of the driver that the suffix stands for, lossless; a VRT refers to a GeoTIFF beside it."""
    rasterio = pytest.importorskip("rasterio")
    if path.suffix == ".vrt":
        inside = write_raster(pixels, path.with_suffix(".tif"), overviews=overviews, **options)
        path.write_text(_vrt(pixels, inside))
        return path
    drivers: dict[str, dict[str, Any]] = {
        ".tif": {"driver": "GTiff", "tiled": True, "blockxsize": TILE_PX, "blockysize": TILE_PX},
        ".img": {"driver": "HFA"},
        ".jp2": {"driver": "JP2OpenJPEG", "quality": "100", "reversible": "YES"},
    }
    size = {"height": pixels.shape[0], "width": pixels.shape[1], "count": pixels.shape[2], "dtype": pixels.dtype}
    place = {"crs": "EPSG:32632", "transform": rasterio.Affine(2.0, 0.0, 500_000.0, 0.0, -2.0, 6_000_000.0)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)  # some of them lie nowhere
        with rasterio.open(path, "w", **drivers[path.suffix] | size | place | options) as file:
            file.write(pixels.transpose(2, 0, 1))
            if overviews:
                file.build_overviews(list(overviews), rasterio.enums.Resampling.average)
    return path


def _vrt(pixels: np.ndarray, inside: Path) -> str:
    height, width, count = pixels.shape
    bands = "".join(
        f'<VRTRasterBand dataType="Byte" band="{band}"><SimpleSource>'
        f'<SourceFilename relativeToVRT="1">{inside.name}</SourceFilename><SourceBand>{band}</SourceBand>'
        "</SimpleSource></VRTRasterBand>"
        for band in range(1, count + 1)
    )
    return f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}">{bands}</VRTDataset>'
