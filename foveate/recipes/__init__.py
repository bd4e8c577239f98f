"""Recipes: each published run is one function that returns its full, diffable configuration.

Facts, False when absent: ``needs_folder``, the function takes a folder of pictures; ``needs_start``, it takes as
``start`` the model folder to begin with. ``claims``, a "module:function" that takes a place and says whether this is
the recipe for what lies there, if no recipe is named; where none does, it is ``picture_folder``.
"""

from __future__ import annotations

from typing import Any

from foveate.registry import Registry

RECIPES: Registry[Any] = Registry("recipe")

RECIPES.register(
    "visual_search",
    "foveate.recipes.visual_search:visual_search",
    summary="find the asked digits among 6-10 on a 224 px canvas, from fixations only (paper's protocol)",
)
RECIPES.register(
    "small_sign",
    "foveate.recipes.small_sign:small_sign",
    summary="which 24-40 px sign stands in a 960 x 1280 street scene? (the STSD case)",
)
RECIPES.register(
    "cluttered_classification",
    "foveate.recipes.cluttered_classification:cluttered_classification",
    summary="which digit stands among noise and clutter on a 224 px canvas?",
)
RECIPES.register(
    "tiny_classification",
    "foveate.recipes.tiny_classification:tiny_classification",
    summary="which small digit stands among clutter? free place and zoom (AdaGlimpse's scheme), in minutes",
)
RECIPES.register(
    "tiny_reconstruction",
    "foveate.recipes.tiny_reconstruction:tiny_reconstruction",
    summary="what does a photograph look like, from twelve glimpses of 16 px? (AdaGlimpse's scheme), in minutes",
)
RECIPES.register(
    "tiny_segmentation",
    "foveate.recipes.tiny_segmentation:tiny_segmentation",
    summary="which pixel belongs to which small digit? (AdaGlimpse's scheme), in minutes",
)
RECIPES.register(
    "big_scene",
    "foveate.recipes.big_scene:big_scene",
    summary="is the small clue somewhere in a big picture that is only read where it is looked at? (ours)",
)
RECIPES.register(
    "picture_folder",
    "foveate.recipes.picture_folder:picture_folder",
    needs_folder=True,
    summary="a folder of labelled pictures, sizes chosen from them: what `foveate train FOLDER` runs",
)
RECIPES.register(
    "big_pictures",
    "foveate.recipes.big_pictures:big_pictures",
    needs_folder=True,
    claims="foveate.annotations.reading:is_annotated",
    summary="a folder of big pictures in which things are marked: what `foveate train FOLDER` runs there",
)
RECIPES.register(
    "finetune",
    "foveate.recipes.finetune:finetune",
    needs_folder=True,
    needs_start=True,
    summary="a trained model on a folder of labelled pictures: what `foveate train FOLDER --from MODEL` runs",
)
RECIPES.register(
    "imagenet_deit_small",
    "foveate.recipes.imagenet_deit_small:imagenet_deit_small",
    needs_folder=True,
    summary="the paper's ImageNet recipe for AdaptiveNN-DeiT-S, on a folder of pictures",
)

# AdaGlimpse on the data sets of its README.
RECIPES.register(
    "imagenet_classification",
    "foveate.recipes.adaglimpse:imagenet_classification",
    needs_folder=True,
    summary="AdaGlimpse on ImageNet: 14 glimpses of 32 px",
)
RECIPES.register(
    "imagenet_reconstruction",
    "foveate.recipes.adaglimpse:imagenet_reconstruction",
    needs_folder=True,
    summary="AdaGlimpse on ImageNet: the picture from 12 glimpses",
)
RECIPES.register(
    "ade20k_segmentation",
    "foveate.recipes.adaglimpse:ade20k_segmentation",
    needs_folder=True,
    summary="AdaGlimpse on ADE20K: 150 classes from 8 glimpses of 48 px",
)
RECIPES.register(
    "ade20k_reconstruction",
    "foveate.recipes.adaglimpse:ade20k_reconstruction",
    needs_folder=True,
    summary="AdaGlimpse on ADE20K: the picture from 12 glimpses",
)
RECIPES.register(
    "coco_reconstruction",
    "foveate.recipes.adaglimpse:coco_reconstruction",
    needs_folder=True,
    summary="AdaGlimpse on COCO 2014: the picture from 12 glimpses",
)
RECIPES.register(
    "sun360_classification",
    "foveate.recipes.adaglimpse:sun360_classification",
    needs_folder=True,
    summary="AdaGlimpse on SUN360: 26 kinds of place",
)
RECIPES.register(
    "sun360_reconstruction",
    "foveate.recipes.adaglimpse:sun360_reconstruction",
    needs_folder=True,
    summary="AdaGlimpse on SUN360: the panorama from 12 glimpses",
)
RECIPES.register(
    "image_folder_reconstruction",
    "foveate.recipes.adaglimpse:image_folder_reconstruction",
    needs_folder=True,
    summary="AdaGlimpse on any folder of pictures: the picture from 12 glimpses",
)
