"""Published data sets, as they lie on a disk once unpacked: a reader per layout.

``DATASETS.get("ade20k")("/data/ADEChallengeData2016", split="val", target="mask")`` lists one part of a set as
:class:`~foveate.datasets.listing.Pictures`, and opens no picture. Facts: ``gives``, what can be learned from it (class
numbers, the pictures themselves, or classes of their pixels; the first is the default), ``splits``, ``summary``, and
``val_calibrates``: val is there to calibrate on and test to report (False when absent: val is what papers report).
"""

from __future__ import annotations

from foveate.datasets.listing import Reader
from foveate.registry import Registry

DATASETS: Registry[Reader] = Registry("data set")

DATASETS.register(
    "imagenet",
    "foveate.datasets.imagenet:imagenet",
    gives=("label", "picture"),
    splits=("train", "val"),
    summary="ImageNet-1k (ILSVRC 2012): train and val with a folder per class, or val flat with a list",
)
DATASETS.register(
    "ade20k",
    "foveate.datasets.ade20k:ade20k",
    gives=("mask", "picture"),
    splits=("train", "val"),
    summary="ADE20K scene parsing (ADEChallengeData2016): pictures and masks of 150 classes",
)
DATASETS.register(
    "coco",
    "foveate.datasets.coco:coco",
    gives=("picture", "mask"),
    splits=("train", "val", "test"),
    summary="MS COCO 2014 or 2017: pictures, and masks drawn of the instances' outlines",
)
DATASETS.register(
    "sun360",
    "foveate.datasets.sun360:sun360",
    gives=("label", "picture"),
    splits=("train", "val"),
    summary="SUN360 panoramas of 26 kinds of place, split by a list: its first tenth is val",
)
DATASETS.register(
    "pictures",
    "foveate.datasets.pictures:pictures",
    gives=("picture",),
    splits=("train", "val", "test", "all"),
    val_calibrates=True,
    summary="any folder of pictures, at any depth, split by their content",
)
