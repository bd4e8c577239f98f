"""What AdaGlimpse's code and ours must agree on: seeded weights, pictures and actions, and a checkpoint like theirs.

Used by scripts/parity_adaglimpse.py, which runs the official code, and by the golden tests, which do not need it. The
goldens hold outputs only: weights are made from their names, pictures and actions from the names given here. Names are
those of a checkpoint in the shortest form, each tensor once: ``mae.…`` (without ``_orig_mod.``) and the agent as the
loss holds it, ``rl_loss_module.…``; :func:`fake_checkpoint` adds the copies that a file has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foveate.importing.adaglimpse_keys import (
    ACTOR,
    ACTOR_COPIES,
    BACKBONE,
    COMPILED,
    CRITICS,
    STALE_CRITICS,
    STATISTICS,
    TARGET_CRITICS,
)
from foveate.models.seeded import seeded_parameter, seeded_uniform

Floats = NDArray[np.float32]
Shapes = Mapping[str, tuple[int, ...]]

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


HEAD_GAIN = 1.5
"""Of the convolutions of the segmentation head. With kernels of variance 1 / fan-in, what differs between places fades
thirtyfold on the way through them, as every GELU halves it and every widening smooths it."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One small model of the official classes. Heads of the encoder have 64 channels, as in all published sizes."""

    task: str
    """``reconstruction``, ``classification`` or ``segmentation``."""
    side_px: int
    """Of the square picture; 16 px per cell of the decoder's grid."""
    grid: int
    """Patches along one side of a glimpse: ``g``."""
    num_glimpses: int
    """The capacity: the agent's state has ``num_glimpses · g²`` slots."""
    embed_dim: int
    num_heads: int
    depth: int
    tapped_block: int
    """The block at whose entrance the latent is stored."""
    decoder_dim: int = 32
    decoder_heads: int = 16
    decoder_depth: int = 2
    num_outputs: int
    """Colour bands, or classes."""
    seen: tuple[int, ...] = (0, 1, 3)
    """Glimpses that each row has had."""

    @property
    def num_slots(self) -> int:
        return self.num_glimpses * self.grid**2


CASES: dict[str, Case] = {
    "reconstruction": Case(
        task="reconstruction", side_px=224, grid=2, num_glimpses=4,
        embed_dim=192, num_heads=3, depth=3, tapped_block=1, num_outputs=3,
    ),
    "classification": Case(
        task="classification", side_px=224, grid=1, num_glimpses=5,
        embed_dim=128, num_heads=2, depth=2, tapped_block=1, num_outputs=10,
    ),
    # A canvas of 4 x 4 cells, because the head's 256 channels at full size cost 30 GMACs on 14 x 14.
    "segmentation": Case(
        task="segmentation", side_px=64, grid=3, num_glimpses=4,
        embed_dim=64, num_heads=1, depth=2, tapped_block=0, num_outputs=7, decoder_depth=1,
    ),
}  # fmt: skip

CROP_SIDES_PX = {"square": (224, 224), "wide": (144, 208)}
"""Height and width of the pictures that the crops are taken from; ``wide`` with ``g = 2`` only."""
CROP_GRIDS = (1, 2, 3)


def crop_actions() -> Floats:
    """Actions ``[12, 3]`` (y, x, s) in [0, 1]: extremes, the acceptance values of the dossier, and some between."""
    chosen = [
        (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0),
        (1.0, 1.0, 0.0), (0.5, 0.5, 1.0), (1.0, 0.0, 0.5), (0.3, 0.9, 0.33),
    ]  # fmt: skip
    return np.concatenate([np.array(chosen, np.float32), seeded_actions("crops", (4,))])


def seeded_actions(name: str, shape: tuple[int, ...]) -> Floats:
    """Actions ``[*shape, 3]`` (y, x, s) in [0, 1)."""
    return (seeded_uniform(f"actions/{name}", (*shape, 3)) + np.float32(1)) / np.float32(2)


def glimpse_actions(name: str) -> Floats:
    """What the rows of a case do: ``[rows, num_glimpses, 3]``; a row that has seen k glimpses has done its first k."""
    case = CASES[name]
    return seeded_actions(f"{name}/glimpses", (len(case.seen), case.num_glimpses))


def critic_actions(name: str) -> Floats:
    """What the critics of a case are asked about, for each row: ``[rows, 4, 3]``."""
    return seeded_actions(f"{name}/critic", (len(CASES[name].seen), 4))


def seeded_pictures(name: str, num: int, height_px: int, width_px: int) -> NDArray[np.uint8]:
    """Pictures ``[num, 3, H, W]``: blocks of 7 px, in which neighbouring pixels differ too; the same everywhere."""
    rows, cols = -(-height_px // 7), -(-width_px // 7)
    blocks = seeded_uniform(f"{name}/blocks", (num, 3, rows, cols)).repeat(7, axis=2).repeat(7, axis=3)
    fine = seeded_uniform(f"{name}/pixels", (num, 3, height_px, width_px))
    grey = np.float32(128) + np.float32(90) * blocks[:, :, :height_px, :width_px] + np.float32(30) * fine
    return np.floor(grey).astype(np.uint8)


def case_pictures(name: str) -> NDArray[np.uint8]:
    """The pictures of a case, one a row: ``[rows, 3, side, side]``."""
    case = CASES[name]
    return seeded_pictures(name, len(case.seen), case.side_px, case.side_px)


def normalised(pictures: NDArray[np.uint8]) -> Tensor:
    """What both codes are given: ``[..., 3, H, W]`` float32 with ImageNet's mean and spread taken out."""
    mean, std = (torch.tensor(value).reshape(3, 1, 1) for value in (IMAGENET_MEAN, IMAGENET_STD))
    return (torch.from_numpy(pictures).float() / 255 - mean) / std


def sampled(name: str, values: NDArray[Any] | Tensor, count: int) -> Floats:
    """``count`` numbers of a large array, at places that depend on the name, the count and the array's size only.

    Place i is ``floor((u[i] + 1) / 2 · size)`` in the flattened array, u being ``seeded_uniform("places/" + name)``.
    """
    flat = np.asarray(values, np.float32).ravel()
    unit = (seeded_uniform(f"places/{name}", (count,)).astype(np.float64) + 1) / 2
    return flat[np.floor(unit * flat.size).astype(np.int64)]


def stored_shapes(golden: Mapping[str, NDArray[Any]]) -> dict[str, tuple[int, ...]]:
    """Short names and shapes of a case, as its golden holds them; a number on its own has the shape ``()``."""
    both = zip(golden["names"].tolist(), golden["shapes"].tolist(), strict=True)
    return {name: tuple(int(side) for side in sides.split(",") if side) for name, sides in both}


def seeded_weights(shapes: Shapes) -> dict[str, Tensor]:
    """Weights by their short names, made from names and shapes alone; position embeddings are the true ones."""
    return {name: _seeded_entry(name, tuple(shape)) for name, shape in shapes.items()}


def _seeded_entry(name: str, shape: tuple[int, ...]) -> Tensor:
    if name.startswith((CRITICS, TARGET_CRITICS)):  # stacked: each net has its own, with its own fan-in
        return torch.stack([_seeded_entry(f"critic {i}/{name}", shape[1:]) for i in range(shape[0])])
    if name.endswith("num_batches_tracked"):
        return torch.tensor(1000 + len(name))
    if name.endswith("running_mean"):
        return torch.from_numpy(0.2 * seeded_uniform(name, shape))
    if ".conv_head." in name and len(shape) == 4:
        return HEAD_GAIN * seeded_parameter(name, shape)
    if name.endswith("decoder_pos_embed"):
        return torch.from_numpy(_canvas_positions(shape[1] - 1, shape[2]))[None]
    if name.endswith("pos_embed"):
        return torch.from_numpy(_corner_positions(shape[1], shape[2]))[None]
    return seeded_parameter(name, shape)


def _grid(num_cells: int) -> tuple[Floats, Floats]:
    """Row and column of each cell of a square canvas, row by row."""
    side = round(num_cells**0.5)
    assert side * side == num_cells, num_cells
    row, col = np.divmod(np.arange(num_cells), side)
    return row.astype(np.float32), col.astype(np.float32)


def _waves(positions: Floats, dim: int) -> Floats:
    """``[cells, dim]``: sines, then cosines, of wave lengths from 2π to nearly 2π · 10,000 cells."""
    frequencies = np.float32(10000) ** -(np.arange(dim // 2, dtype=np.float32) / np.float32(dim / 2))
    angles = positions[:, None] * frequencies
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)


def _corner_positions(num_cells: int, dim: int) -> Floats:
    """The encoder's positions of the canvas's cells: of their top, left, bottom and right side."""
    row, col = _grid(num_cells)
    return np.concatenate([_waves(side, dim // 4) for side in (row, col, row + 1, col + 1)], axis=1)


def _canvas_positions(num_cells: int, dim: int) -> Floats:
    """The decoder's: a row of zeros that is never read, then each cell's column and row, in this order."""
    row, col = _grid(num_cells)
    cells = np.concatenate([_waves(col, dim // 2), _waves(row, dim // 2)], axis=1)
    return np.concatenate([np.zeros((1, dim), np.float32), cells])


def fake_checkpoint(shapes: Shapes, hyper_parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What Lightning would save of a model with these short names and shapes, trained on a GPU; for ``torch.save``.

    Whoever reads the wrong copy gets other outputs: the copies of the actor have other running statistics, the target
    critics and the stale ones are other numbers. ``state_dict`` has entries that are no tensors, as theirs has.
    """
    return {
        "epoch": 99,
        "global_step": 5_064_048,
        "pytorch-lightning_version": "2.2.0",
        "state_dict": dict(_file_entries(seeded_weights(shapes))),
        "loops": {},
        "callbacks": {},
        "optimizer_states": [],
        # Until torch 2.3 a schedule's state held its curve, a function, which is no plain setting.
        "lr_schedulers": [{"last_epoch": 99, "anneal_func": torch.optim.lr_scheduler.OneCycleLR._annealing_cos}],
        "hparams_name": "kwargs",
        "hyper_parameters": dict(hyper_parameters),
        "real_train_step": 3_220_074,
    }


def _file_entries(weights: Mapping[str, Tensor]) -> Iterator[tuple[str, Any]]:
    for name, value in weights.items():
        if name.startswith(BACKBONE):
            yield BACKBONE + COMPILED + name.removeprefix(BACKBONE), value
            continue
        yield name, value
        if name.startswith(ACTOR):
            yield from _actor_copies(name.removeprefix(ACTOR), value)
        if name.startswith(CRITICS):
            yield from _other_critics(name.removeprefix(CRITICS), tuple(value.shape))
    scalars = {"alpha_init": 1.0, "log_alpha": -3.0, "_target_entropy": -3.0, "_value_estimator.gamma": 0.99}
    for name, number in scalars.items():
        yield f"rl_loss_module.{name}", torch.tensor(number)
    for net, batch in {"actor_network": (), "qvalue_network": (2,), "target_qvalue_network": (2,)}.items():
        yield f"rl_loss_module.{net}_params.__batch_size", torch.Size(batch)
        yield f"rl_loss_module.{net}_params.__device", None


def _actor_copies(tail: str, value: Tensor) -> Iterator[tuple[str, Tensor]]:
    if tail.endswith(STATISTICS):
        value = _seeded_entry(ACTOR_COPIES[0] + tail, tuple(value.shape))
    for prefix in ACTOR_COPIES:
        yield prefix + tail, value


def _other_critics(tail: str, shape: tuple[int, ...]) -> Iterator[tuple[str, Tensor]]:
    yield TARGET_CRITICS + tail, _seeded_entry(TARGET_CRITICS + tail, shape)
    stale = _seeded_entry(STALE_CRITICS[0] + tail, shape[1:])
    for prefix in STALE_CRITICS:
        yield prefix + tail, stale


def hyper_parameters(name: str) -> dict[str, Any]:
    """The settings that the official command line would have saved with a model of this case; the rest as by default.

    The sizes of their three backbones are fixed, so ``backbone_size`` says nothing about these small ones. Whatever the
    command line knew is saved, data paths too, and files of older versions of their code have other settings.
    """
    case = CASES[name]
    return {
        "backbone_size": "base", "pretrained_mae_path": None, "num_glimpses": case.num_glimpses,
        "max_glimpse_size_ratio": 1.0, "glimpse_grid_size": case.grid, "rl_iters_per_step": 1, "epochs": 100,
        "init_random_batches": 10000, "freeze_backbone_epochs": 10, "rl_batch_size": 128, "replay_buffer_size": 10000,
        "lr": 0.001, "backbone_lr": 1e-05, "parallel_games": 2, "backbone_training_type": "alternating",
        "rl_loss_function": "l2", "glimpse_size_penalty": 0.0, "reward_type": "diff", "early_stop_threshold": None,
        "extract_latent_layer": None, "rl_target_entropy": None, "teacher_type": None, "teacher_path": None,
        "pretraining": False, "pretrained_checkpoint": None, "exclude_rl_inputs": None, "teacher_pretraining": False,
        "backbone_decay": 0.0001, "fixed_scale": None, "freeze_encoder": False,
        "arch": f"{case.task.capitalize()}RlMAE", "dataset": "ImageNet1k", "data_dir": "/data", "seed": 1,
        "image_size": (case.side_px, case.side_px), "train_batch_size": 128, "eval_batch_size": 128, "num_workers": 8,
    }  # fmt: skip
