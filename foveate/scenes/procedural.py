"""Big pictures with small clues, never made in full: cut-outs on photographs, rendered where they are looked at.

A scene is a pure function of (fingerprint, epoch seed, index), as composed scenes are; laying one out takes
microseconds at any size. What a pixel of any level is, :mod:`.ground` and :mod:`.stamps` say; :mod:`.rendered` reads.
Shape letters: n scenes, m most objects of a scene, t most things (objects, then distractors), C bands.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from foveate.config import check_numbers
from foveate.core import SceneKey
from foveate.errors import DataError, UsageError
from foveate.scenes import ground, placement
from foveate.scenes.backgrounds import PAINTERS
from foveate.scenes.cutouts import CutoutSet, Split, load_cutouts
from foveate.scenes.draws import Draws, between
from foveate.scenes.layout import Layout, Style
from foveate.scenes.levels import level_size_px
from foveate.scenes.painting import POOL_SEED
from foveate.scenes.photos import photos_fingerprint
from foveate.scenes.rendered import ProceduralScenes

RENDERER_VERSION = 1  # part of the fingerprint: raise it when the same key would give other pixels
MAX_SIDE_PX = 1 << 20
STREAMS = ("count", "class", "picture", "size", "colour", "ground", "place")
Scent = Literal["strong", "natural", "none"]
Targets = dict[str, NDArray[Any]]

PLATES = ((225, 30, 30), (250, 205, 0), (25, 60, 225), (0, 160, 70), (235, 95, 0), (150, 0, 160))
GREY_PLATES = ((250, 250, 250), (6, 6, 6))
GAINS = {"strong": (1.0, 1.5), "natural": (1.0, 1.5), "none": (0.5, 0.75)}
"""Of the photograph's contrast. With the grain it stays within 0..255, and where things are added to it, within 52 less
at both ends: nothing is ever clipped, so levels are exact means."""


@dataclass(frozen=True, kw_only=True)
class ProceduralConfig:
    """What procedural scenes look like. Checked when made; the cut-outs are loaded when first used."""

    size_px: tuple[int, int] = (4096, 4096)
    """(height, width), of any size: it costs nothing."""
    bands: Literal[1, 3] = 3
    cutouts: str = "digits"
    """A name that :func:`~foveate.scenes.cutouts.load_cutouts` knows."""
    classes: tuple[str, ...] | None = ("3", "5", "8")
    """Classes or categories of the targets; None: all."""
    variants: int = 0
    """Warped versions of every cut-out, in training scenes only: more hands than there are writers."""
    num_objects: tuple[int, int] = (1, 1)
    """(fewest, most) targets of a scene that has any."""
    none_frac: float = 0.5
    """Share of scenes without any target."""
    num_distractors: tuple[int, int] = (6, 12)
    """(fewest, most) look-alikes, in every scene."""
    distractors: Literal["others", "jumbled"] = "others"
    """Of the same cut-outs the classes that are no targets, or the targets' own with their tiles turned."""
    object_size_px: tuple[int, int] = (48, 128)
    """(smallest, largest) side of a thing's square, uniform."""
    mark_px: int = 16
    """Largest side of the cut-out on a plate: what tells target from distractor, however large the plate is."""
    scent: Scent = "strong"
    """What can be seen from afar. "strong": things are coloured plates with the cut-out on them. "natural": they are
    the cut-outs as they are. "none": they are made of small fields, bright and dark by turns, that cancel out
    in an overview; the ground shines through."""
    contrast: float = 1.0
    """Of things against the ground, up to 1; less lets the ground shine through."""
    background: str = "photos"
    """"photos", or a kind of painting."""
    clutter: float = 1.0
    """Strength of the ground's grain, up to 1."""
    margin_px: int = 0
    """Width of the border without things."""
    gap_px: int = 8
    """Least distance between things."""

    def __post_init__(self) -> None:
        if not all(1 <= side <= MAX_SIDE_PX for side in self.size_px):
            raise UsageError(f"size_px is {self.size_px}; each side must be 1 to {MAX_SIDE_PX} px")
        for name, least in (("num_objects", 1), ("num_distractors", 0), ("object_size_px", 2)):
            low, high = getattr(self, name)
            if not least <= low <= high:
                raise UsageError(f"{name} is {(low, high)}; it must be (low, high) with {least} <= low <= high")
        check_numbers(self, "none_frac", "contrast", "clutter", least=0, most=1)
        check_numbers(self, "margin_px", "gap_px", "variants", least=0)
        if self.mark_px < 2:
            raise UsageError(f"mark_px is {self.mark_px}; a cut-out needs at least 2 px to be seen")
        allowed: dict[str, tuple[Any, ...]] = {
            "bands": (1, 3), "distractors": ("others", "jumbled"), "scent": ("strong", "natural", "none"),
            "background": ("photos", *PAINTERS),
        }  # fmt: skip
        for name, values in allowed.items():
            if getattr(self, name) not in values:
                raise UsageError(
                    f"{name} is {getattr(self, name)!r}; allowed are {', '.join(str(value) for value in values)}"
                )
        room = {"canvas_px": self.size_px, "margin_px": self.margin_px}
        if not placement.has_room(self.max_things, self.object_size_px[1], gap_px=self.gap_px, **room):  # type: ignore[arg-type]
            raise UsageError(
                f"{self.max_things} things of {self.object_size_px[1]} px are too much for a scene of "
                f"{self.size_px[0]} x {self.size_px[1]} px: fewer or smaller things, or a larger scene"
            )

    @property
    def max_objects(self) -> int:
        return self.num_objects[1]

    @property
    def max_things(self) -> int:
        return self.num_objects[1] + self.num_distractors[1]


class ProceduralSet:
    """A set of ``size`` procedural scenes per epoch seed."""

    def __init__(self, config: ProceduralConfig, *, split: Split = "train", size: int = 1 << 20) -> None:
        """``split`` "test" takes the photographs and cut-outs that are held out."""
        if split not in ("train", "test"):
            raise UsageError(f"split is {split!r}; allowed are 'train' and 'test'")
        self.config, self.split, self.size = config, split, int(size)

    def __len__(self) -> int:
        return self.size

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """Of the targets."""
        plain = self._plain  # warped versions take seconds to make
        return plain.class_names if self.config.classes is None else plain.only(self.config.classes).class_names

    @cached_property
    def fingerprint(self) -> str:
        """Name and hash of all that decides the pixels of a key."""
        config = asdict(self.config)
        if not config["variants"]:
            del config["variants"]  # scenes from before there were any stay what they were
        parts = [RENDERER_VERSION, POOL_SEED, self.split, config, self._plain.sha256]
        parts.append(photos_fingerprint(self.split))
        digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        return f"procedural-{self.config.cutouts}-{digest[:16]}"

    def key(self, index: int, epoch_seed: int) -> SceneKey:
        return SceneKey(dataset=self.fingerprint, index=int(index), epoch_seed=int(epoch_seed))

    def rebuild(self, key: SceneKey) -> tuple[ProceduralScenes, Targets]:
        """The scene of a key, alone in its batch, and its targets. DataError for another set's key."""
        if key.dataset != self.fingerprint:
            raise DataError(f"the scene belongs to the data set {key.dataset}, not to this one, {self.fingerprint}")
        return self.batch(np.array([key.index]), key.epoch_seed)

    def batch(self, indices: NDArray[np.int64], epoch_seed: int) -> tuple[ProceduralScenes, Targets]:
        """Scenes, and what is in them; boxes are (top, left, bottom, right):

        - ``labels`` ``[n, m]`` int64, index of the objects' classes in ``class_names``, -1 where there is none
        - ``centers_px`` ``[n, m, 2]`` and ``boxes_px`` ``[n, m, 4]`` float32 of the objects; 0 where there is none
        - ``thing_boxes_px`` ``[n, t, 4]`` float32, ``is_thing`` and ``is_target`` ``[n, t]`` bool of objects and
          look-alikes alike, objects first
        """
        where = np.asarray(indices, np.int64).reshape(-1)
        if len(where) and not (where.min() >= 0 and where.max() < self.size):
            raise UsageError(f"indices run from {where.min()} to {where.max()}; this set has {self.size} scenes")
        draw = Draws(seed=self._seed, epoch_seed=int(epoch_seed), indices=where, streams=STREAMS)
        layout = self._laid_out(draw)
        scenes = ProceduralScenes(layout, self._style)
        return scenes, self._described(layout)

    @cached_property
    def _seed(self) -> int:
        digest = hashlib.sha256(self.fingerprint.encode()).digest()
        return int.from_bytes(digest[:8], "little", signed=True)

    @cached_property
    def _plain(self) -> CutoutSet:
        return load_cutouts(self.config.cutouts).split(self.split)

    @cached_property
    def _alphabet(self) -> CutoutSet:
        is_varied = self.config.variants and self.split == "train"
        return self._plain.varied(self.config.variants) if is_varied else self._plain

    @cached_property
    def _pool(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Class of every picture of the alphabet among the targets, -1 for others; pictures that may be targets, by
        class; and numbers that may be distractors."""
        names = {name: i for i, name in enumerate(self.class_names)}
        of_class = np.array([names.get(name, -1) for name in self._alphabet.class_names])
        label = of_class[self._alphabet.labels]
        own, others = np.flatnonzero(label >= 0), np.flatnonzero(label < 0)
        if self.config.distractors == "jumbled":
            others = own + len(label)
        if self.config.num_distractors[1] and len(others) == 0:
            raise UsageError(
                f"no class of {self.config.cutouts!r} is left for the distractors: name fewer classes, or "
                "set distractors='jumbled'"
            )
        return label, own, others

    @cached_property
    def _style(self) -> Style:
        config = self.config
        return Style(
            cutouts=self._alphabet,
            size_px=config.size_px,
            bands=config.bands,
            background=config.background,
            split=self.split,
            scent=config.scent,
            mark_px=config.mark_px,
            contrast=config.contrast,
            clutter=config.clutter,
        )

    def _laid_out(self, draw: Draws) -> Layout:
        config, m, t = self.config, self.config.max_objects, self.config.max_things
        count = draw("count", 3)
        num_objects = np.where(count[:, 2] < config.none_frac, 0, between(count[:, 0], config.num_objects))
        num_others = between(count[:, 1], config.num_distractors)
        present = np.arange(m) < num_objects[:, None]
        present = np.concatenate([present, np.arange(t - m) < num_others[:, None]], 1)
        sizes = between(draw("size", t), config.object_size_px)
        corners = placement.anywhere(
            draw.again, sizes, present, canvas_px=config.size_px, margin_px=config.margin_px, gap_px=config.gap_px
        )
        return Layout(
            marks=self._marks(draw), present=present, sides_px=sizes, corners_px=corners,
            **self._colours(draw("colour", 2 * t)), **self._grounds(draw("ground", 7 + config.bands)),
        )  # fmt: skip

    def _marks(self, draw: Draws) -> NDArray[np.int64]:
        """Pictures ``[n, t]``: of the objects every class is as likely, of the distractors every picture."""
        label, own, others = self._pool
        m, num_classes = self.config.max_objects, len(self.class_names)
        u = draw("picture", self.config.max_things)
        by_class = own[np.argsort(label[own], kind="stable")]
        counts = np.bincount(label[own], minlength=num_classes)
        kind = (draw("class", m) * num_classes).astype(np.int64)
        first = (np.cumsum(counts) - counts)[kind]
        objects = by_class[first + (u[:, :m] * counts[kind]).astype(np.int64)]
        return np.concatenate([objects, others[(u[:, m:] * len(others)).astype(np.int64)]], 1)

    def _colours(self, u: NDArray[np.float64]) -> Targets:
        """Plates ``[n, t, C]``, and inks that stand out from them, or from the ground."""
        palette = np.array(PLATES if self.config.bands == 3 else GREY_PLATES, np.float64)[:, : self.config.bands]
        half = u.shape[1] // 2
        plates = palette[(u[:, :half] * len(palette)).astype(np.int64)]
        inks = np.where(plates.mean(-1) > 128, 10.0, 245.0)
        if self.config.scent != "strong":
            inks = np.where(u[:, half:] < 0.5, 10.0, 245.0)
        return {"plates": plates, "inks": np.repeat(inks[..., None], self.config.bands, -1)}

    def _grounds(self, u: NDArray[np.float64]) -> Targets:
        """Which window of which photograph each scene shows, in what light."""
        config = self.config
        window = np.array(level_size_px(config.size_px, ground.photo_level(config.size_px)))
        number = (u[:, 0] * ground.num_grounds(config.background, self.split)).astype(np.int64)
        room = (ground.sizes_px(config.background, self.split)[number] - window) // ground.ORIGIN_STEP
        least, most = GAINS[config.scent]
        gains = least + (most - least) * u[:, 4]
        light = 0.9 * (2 * u[:, 5:6] - 1) + 0.1 * (2 * u[:, 7:] - 1)  # what contrast leaves free, and a tint
        return {
            "grounds": number,
            "origins": (u[:, 1:3] * room).astype(np.int64) * ground.ORIGIN_STEP,
            "mirrored": u[:, 3] < 0.5,
            "gains": gains,
            "lights": (light * ground.SWING * (most - gains)[:, None]).astype(np.float32),
            "seeds": (u[:, 6] * 2**52).astype(np.int64),
        }

    def _described(self, layout: Layout) -> Targets:
        m, label = self.config.max_objects, self._pool[0]
        boxes = self._style.boxes_px(layout)
        is_object = layout.present[:, :m]
        centers = layout.corners_px[:, :m] + layout.sides_px[:, :m, None] / 2
        is_target = layout.present.copy()
        is_target[:, m:] = False
        return {
            "labels": np.where(is_object, label[layout.marks[:, :m]], -1),
            "centers_px": (centers * is_object[..., None]).astype(np.float32),
            "boxes_px": boxes[:, :m],
            "thing_boxes_px": boxes,
            "is_thing": layout.present,
            "is_target": is_target,
        }
