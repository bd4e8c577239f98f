"""Scenes composed on the fly: cut-outs on backgrounds, with labels, centres, boxes and masks.

A scene is a pure function of (fingerprint, epoch seed, index): which batch it is in, in what order, and which worker
makes it change nothing, and a :class:`~foveate.core.SceneKey` rebuilds it bit by bit.
Shape letters: n scenes, m most objects of a scene, C bands, H x W canvas.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from foveate.core import SceneKey
from foveate.errors import DataError, UsageError
from foveate.scenes import backgrounds, placement
from foveate.scenes.cutouts import CutoutSet, Split, load_cutouts
from foveate.scenes.draws import Draws, between
from foveate.scenes.painting import POOL_SEED
from foveate.scenes.pasting import Sprites

COMPOSER_VERSION = 3  # part of the fingerprint: raise it when the same key would give other pixels

STREAMS = ("count", "class", "picture", "size", "distractor", "background", "place")

Targets = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class ComposedConfig:
    """What composed scenes look like. Checked when made; the cut-outs are loaded when first used."""

    canvas_px: tuple[int, int] = (224, 224)
    """(height, width)."""
    bands: Literal[1, 3] = 1
    cutouts: str = "digits"
    """A name that :func:`~foveate.scenes.cutouts.load_cutouts` knows."""
    classes: tuple[str, ...] | None = None
    """Classes or categories that may appear as objects; None: all."""
    variants: int = 0
    """Slightly warped copies of every training picture, so that few writers stand for many. Test scenes have none."""
    required: tuple[str, ...] = ()
    """Classes that every scene holds, as its first objects, in this order: what a search asks for."""
    num_objects: tuple[int, int] = (6, 10)
    """(fewest, most) objects of a scene, uniform."""
    none_frac: float = 0.0
    """Share of scenes without any object."""
    distinct: bool = True
    """The objects of a scene are of different classes."""
    object_size_px: tuple[int, int] = (28, 28)
    """(smallest, largest) side of an object's square, uniform."""
    placement: Literal["free", "lattice"] = "free"
    """Anywhere without overlap, or in the cells of a lattice whose cells have the largest object's size."""
    margin_px: int = 0
    """Width of the border that stays empty."""
    gap_px: int = 0
    """Least distance between objects placed freely."""
    background: Literal["black", "noise", "texture", "street"] = "black"
    num_distractors: tuple[int, int] = (0, 0)
    """(fewest, most) further things that are no objects and have no label."""
    distractors: str = "blobs"
    """The cut-outs that distractors are taken from; the objects' own classes are left out."""
    distractor_classes: tuple[str, ...] | None = None
    """Classes or categories of the distractors; None: all that are not the objects' own."""

    def __post_init__(self) -> None:
        for name in ("num_objects", "object_size_px", "num_distractors"):
            low, high = getattr(self, name)
            if not (name == "object_size_px") <= low <= high:
                raise UsageError(f"{name} is {(low, high)}; it must be (low, high) with low <= high, not negative")
        if self.required and (not self.distinct or self.none_frac or len(self.required) > self.num_objects[0]):
            raise UsageError(
                f"required names {len(self.required)} classes; that needs distinct=True, none_frac=0 and at least as "
                f"many objects, but num_objects is {self.num_objects}"
            )
        if not 0 <= self.none_frac <= 1:
            raise UsageError(f"none_frac is {self.none_frac}; it is a share between 0 and 1")
        if self.bands not in (1, 3):
            raise UsageError(f"bands is {self.bands}; allowed are 1 and 3")
        if self.background != "black" and self.background not in backgrounds.PAINTERS:
            raise UsageError(f"background is {self.background!r}; allowed are black, {', '.join(backgrounds.PAINTERS)}")
        self._check_room()

    def _check_room(self) -> None:
        most, largest = self.max_objects + self.num_distractors[1], self.object_size_px[1]
        inner = [side - 2 * self.margin_px for side in self.canvas_px]
        if self.placement == "lattice":
            rows, cols = placement.lattice_shape(self.canvas_px, largest, self.margin_px)
            if rows * cols < most:
                raise UsageError(f"{most} things do not fit on a lattice of {rows} x {cols} cells of {largest} px")
        elif self.placement != "free":
            raise UsageError(f"placement is {self.placement!r}; allowed are 'free' and 'lattice'")
        elif not placement.has_room(
            most, largest, canvas_px=self.canvas_px, margin_px=self.margin_px, gap_px=self.gap_px
        ):
            raise UsageError(
                f"{most} things of {largest} px are too much for free placement on {inner[0]} x {inner[1]} px: "
                "fewer or smaller things, a larger canvas, or placement='lattice'"
            )

    @property
    def max_objects(self) -> int:
        return self.num_objects[1]


class ComposedSet:
    """A set of ``size`` composed scenes per epoch seed."""

    def __init__(self, config: ComposedConfig, *, split: Split = "train", size: int = 1 << 20) -> None:
        """``split`` "test" takes the cut-outs that are held out (emoji, one picture a class, have none held out)."""
        if split not in ("train", "test"):
            raise UsageError(f"split is {split!r}; allowed are 'train' and 'test'")
        self.config, self.split, self.size = config, split, int(size)

    def __len__(self) -> int:
        return self.size

    @cached_property
    def cutouts(self) -> CutoutSet:
        """The objects' cut-outs: this split's pictures of the configured classes."""
        chosen = self._chosen
        if self.config.variants and self.split == "train":
            chosen = chosen.varied(self.config.variants)
        if self.config.distinct and self.config.max_objects > len(chosen.class_names):
            raise UsageError(
                f"{self.config.max_objects} objects of different classes need as many classes; there are "
                f"{len(chosen.class_names)}: lower num_objects or set distinct=False"
            )
        return chosen

    @property
    def class_names(self) -> tuple[str, ...]:
        return self._chosen.class_names  # without warped versions, which take seconds to make

    @cached_property
    def _chosen(self) -> CutoutSet:
        every = load_cutouts(self.config.cutouts).split(self.split)
        return every if self.config.classes is None else every.only(self.config.classes)

    @cached_property
    def fingerprint(self) -> str:
        """Name and hash of all that decides the pixels of a key."""
        parts = [COMPOSER_VERSION, POOL_SEED, self.split, asdict(self.config), self.cutouts.sha256]
        if self._distractors is not None:
            parts.append(self._distractors.sha256)
        digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        return f"composed-{self.config.cutouts}-{digest[:16]}"

    def key(self, index: int, epoch_seed: int) -> SceneKey:
        return SceneKey(dataset=self.fingerprint, index=int(index), epoch_seed=int(epoch_seed))

    def rebuild(self, key: SceneKey, *, masks: bool = False) -> tuple[NDArray[np.uint8], Targets]:
        """The scene ``[C, H, W]`` of a key and its targets, without a row axis. DataError for another set's key."""
        if key.dataset != self.fingerprint:
            raise DataError(f"the scene belongs to the data set {key.dataset}, not to this one, {self.fingerprint}")
        images, targets = self.batch(np.array([key.index]), key.epoch_seed, masks=masks)
        return images[0], {name: value[0] for name, value in targets.items()}

    def batch(
        self, indices: NDArray[np.int64], epoch_seed: int, *, masks: bool = False
    ) -> tuple[NDArray[np.uint8], Targets]:
        """Scenes ``[n, C, H, W]`` uint8 and their targets, padded to m objects:

        - ``labels`` ``[n, m]`` int64, index into ``class_names``, -1 where there is no object
        - ``centers_px`` ``[n, m, 2]`` float32 (row, col), the middle of the object's square; 0 where there is none
        - ``boxes_px`` ``[n, m, 4]`` float32 (top, left, bottom, right), tight around the mask; 0 where there is none
        - ``masks`` ``[n, H, W]`` uint8, on request: j + 1 where object j is, 0 elsewhere
        """
        where = np.asarray(indices, np.int64).reshape(-1)
        if len(where) and not (where.min() >= 0 and where.max() < self.size):
            raise UsageError(f"indices run from {where.min()} to {where.max()}; this set has {self.size} scenes")
        draw = Draws(seed=self._seed, epoch_seed=int(epoch_seed), indices=where, streams=STREAMS)
        sprite, is_object, present = self._choose(draw)
        sizes = between(draw("size", sprite.shape[1]), self.config.object_size_px)
        corners = self._place(draw, sizes, present)
        images = np.zeros((len(where), self.config.bands, *self.config.canvas_px), np.uint8)
        if self.config.background != "black":
            u = draw("background", backgrounds.num_uniforms(self.config.bands))
            backgrounds.fill(images, self.config.background, u)
        scene, thing = np.nonzero(present)
        place = (scene, sprite[present], sizes[present], corners[present])
        self._sprites.paste(images, *place, is_black=self.config.background == "black")
        m = self.config.max_objects
        tight = self._sprites.bounds_px(sprite[:, :m], sizes[:, :m])
        targets = _targets(self._labels[sprite[:, :m]], is_object, sizes[:, :m], corners[:, :m], tight)
        if masks:
            targets["masks"] = np.zeros((len(where), *self.config.canvas_px), np.uint8)
            number = np.where(thing < m, thing + 1, 0).astype(np.uint8)
            self._sprites.mark(targets["masks"], number, *place)
        return images, targets

    @cached_property
    def _seed(self) -> int:
        digest = hashlib.sha256(self.fingerprint.encode()).digest()
        return int.from_bytes(digest[:8], "little", signed=True)

    @cached_property
    def _distractors(self) -> CutoutSet | None:
        if self.config.num_distractors[1] == 0:
            return None
        every = load_cutouts(self.config.distractors).split(self.split)
        if self.config.distractor_classes is not None:
            every = every.only(self.config.distractor_classes)
        own = [name for name in every.class_names if every.name == self.cutouts.name and name in self.class_names]
        if len(own) == len(every.class_names):
            raise UsageError(f"no class of {self.config.distractors!r} is left for the distractors: name others")
        return every.without(own)

    @cached_property
    def _sprites(self) -> Sprites:
        sets = [self.cutouts] if self._distractors is None else [self.cutouts, self._distractors]
        return Sprites(sets, bands=self.config.bands)

    @cached_property
    def _labels(self) -> NDArray[np.int64]:
        return self.cutouts.labels

    @cached_property
    def _by_class(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Pictures sorted by class, and where each class begins and how many it has."""
        counts = np.bincount(self.cutouts.labels, minlength=len(self.class_names))
        return np.argsort(self.cutouts.labels, kind="stable"), np.cumsum(counts) - counts, counts

    @cached_property
    def _required(self) -> NDArray[np.int64]:
        names = {name: i for i, name in enumerate(self.class_names)}
        for name in self.config.required:
            if name not in names:
                raise UsageError(f"the required class {name!r} is not among {', '.join(names)}")
        return np.array([names[name] for name in self.config.required], np.int64)

    def _choose(self, draw: Draws) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
        """Sprites ``[n, m + d]`` of the things, which are objects ``[n, m]``, and which are there ``[n, m + d]``."""
        config, m = self.config, self.config.max_objects
        u = draw("count", 3)
        num_objects = np.where(u[:, 2] < config.none_frac, 0, between(u[:, 0], config.num_objects))
        num_classes = len(self.class_names)
        if config.distinct:
            order = draw("class", num_classes)
            order[:, self._required] = np.arange(len(self._required)) - len(self._required)  # before every draw
            kind = np.argsort(order, axis=1)[:, :m]
        else:
            kind = (draw("class", m) * num_classes).astype(np.int64)
        pictures, first, count = self._by_class
        sprite = pictures[first[kind] + (draw("picture", m) * count[kind]).astype(np.int64)]
        is_object = np.arange(m) < num_objects[:, None]
        if self._distractors is None:
            return sprite, is_object, is_object
        d = config.num_distractors[1]
        other = (draw("distractor", d) * len(self._distractors.labels)).astype(np.int64) + len(self.cutouts.labels)
        is_other = np.arange(d) < between(u[:, 1], config.num_distractors)[:, None]
        return np.concatenate([sprite, other], 1), is_object, np.concatenate([is_object, is_other], 1)

    def _place(self, draw: Draws, sizes: NDArray[np.int64], present: NDArray[np.bool_]) -> NDArray[np.int64]:
        config = self.config
        if config.placement == "lattice":
            cell_px = config.object_size_px[1]
            return placement.on_lattice(
                draw.again, sizes, canvas_px=config.canvas_px, cell_px=cell_px, margin_px=config.margin_px
            )
        return placement.anywhere(
            draw.again,
            sizes,
            present,
            canvas_px=config.canvas_px,
            margin_px=config.margin_px,
            gap_px=config.gap_px,
        )


def _targets(
    labels: NDArray[np.int64],
    is_object: NDArray[np.bool_],
    sizes: NDArray[np.int64],
    corners: NDArray[np.int64],
    tight: NDArray[np.int64],
) -> Targets:
    centers = corners + sizes[..., None] / 2
    boxes = np.concatenate([corners, corners], -1) + tight
    return {
        "labels": np.where(is_object, labels, -1),
        "centers_px": (centers * is_object[..., None]).astype(np.float32),
        "boxes_px": (boxes * is_object[..., None]).astype(np.float32),
    }
