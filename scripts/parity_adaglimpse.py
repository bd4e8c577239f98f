"""Runs AdaGlimpse's official networks on seeded weights, pictures and actions, and stores what they give.

    git clone https://github.com/apardyl/AdaGlimpse /tmp/AdaGlimpse
    python scripts/parity_adaglimpse.py /tmp/AdaGlimpse --out tests/golden/adaglimpse

Their code has no licence: it is imported from the checkout and called, and only numbers, names and shapes are stored.
The nets are built by their own constructors, small (``CASES`` of foveate.importing.adaglimpse_parity), every parameter
and running statistic is set to numbers made from its name, and they run on the CPU in evaluation mode. Needs torch,
torchvision and timm.

What stands in for packages that are not needed here: their two packages are entered without running their
``__init__`` files, which import Lightning; torchrl is only wrapped around the nets, so its names are empty; of
tensordict a dictionary and the split into location and scale are used, and both are written out below. With the
versions that they pin (Python 3.10, torch 2.2.1, torchrl and tensordict 0.3.1), their whole model and their own loading
of a file, the same numbers come out, to 2e-6 (the score, which is in grey levels: to 1e-5).

Each file has ``names`` and ``shapes`` (short names, see foveate.importing.adaglimpse_parity) and ``made_with``. Rows
have seen 0, 1 and 3 glimpses; arrays of patches or tokens are joined along these, in the order of the rows:

    tokens tapped           [tokens, D] after the last norm; as they enter the tapped block. The class token is first
    rollout importance      [patches] attention rollout before and after its softmax
    pixels segments         [rows, places] the decoded canvas [3 or K, H, W] of each row, at seeded places
    logits score            [rows, K]; [rows] minus the root mean squared error in grey levels
    loc scale               [rows, 3] of the actor, y x s. ``loc`` is the net's output; torchrl 0.3.1, which they pin,
                            adds 0.5 to it before it draws: its "mode" is (tanh(loc + 0.5) + 1) / 2
    q                       [rows, 2 critics, 4 actions] with running statistics; in their own loop the critics never
                            leave training mode, so that a Q depends on the batch
    …_padded                the same from one batch of all rows; those that saw fewer are padded as by early stopping

Without ``_padded`` each row ran alone, with as many tokens as it has seen, which is how a batch whose rows have seen
equally many runs. Padding changes more than rounding: their decoder attends to padded tokens, and the rollout counts
them when it drops the lower half of all entries. The agent's state has all slots of the buffer, with the unseen ones
masked by minus 1e8, which leaves them no weight. At the very first step *all* are masked and the weights are what
rounding leaves of 1e8; as the buffer of a new process is zero, all slots are alike then, and their mean does not
depend on the weights. That is the row that has seen nothing. (Later batches find patches of the one before: noise.)
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import types
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foveate.importing.adaglimpse_keys import ACTOR, BACKBONE, CRITICS
from foveate.importing.adaglimpse_parity import (
    CASES,
    CROP_GRIDS,
    CROP_SIDES_PX,
    Case,
    Floats,
    case_pictures,
    critic_actions,
    crop_actions,
    glimpse_actions,
    normalised,
    sampled,
    seeded_pictures,
    seeded_weights,
)

Arrays = dict[str, np.ndarray[Any, Any]]

NUM_PLACES = 2048
"""Of a large array (all patches of a crop, the canvas of a row) that are stored."""
HIDDEN = 256
"""Width of their agent: not an option of their command line."""


class _Memory(dict[str, Tensor]):
    """What their buffer needs of a TensorDict: tensors by name."""

    def __init__(self, tensors: dict[str, Tensor], **_: Any) -> None:
        super().__init__(tensors)

    def share_memory_(self) -> None: ...


class _LocationAndScale(nn.Module):
    """tensordict's "biased_softplus_0.5": half of the numbers as they are, half made positive, 0.5 at 0, above 0.01."""

    def __init__(self, scale_mapping: str) -> None:
        super().__init__()
        assert scale_mapping == "biased_softplus_0.5", scale_mapping

    def forward(self, both: Tensor) -> tuple[Tensor, Tensor]:
        loc, scale = both.chunk(2, dim=-1)
        return loc, F.softplus(scale + math.log(math.expm1(0.5 - 0.01))) + 0.01


class _Wrapper:
    """Any of torchrl's wrappers: takes what it is given and does nothing."""

    RANDOM = None

    def __init__(self, *_: Any, **__: Any) -> None: ...


_STAND_INS: dict[str, dict[str, type]] = {
    "torchrl": {},
    "torchrl.data": {"BoundedTensorSpec": _Wrapper},
    "torchrl.modules": dict.fromkeys(("ProbabilisticActor", "ValueOperator", "TanhNormal"), _Wrapper),
    "tensordict": {"TensorDict": _Memory},
    "tensordict.nn": {
        "NormalParamExtractor": _LocationAndScale,
        **dict.fromkeys(("TensorDictModule", "InteractionType"), _Wrapper),
    },
}


def enter(checkout: Path) -> None:
    """Make their modules importable without Lightning, torchrl and tensordict."""
    sys.path.insert(0, str(checkout))
    for package in ("architectures", "datasets"):
        module = types.ModuleType(package)
        module.__path__ = [str(checkout / package)]
        sys.modules[package] = module
    for name, attributes in _STAND_INS.items():
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(attributes)


def backbone(case: Case) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # timm: its layers have moved
        from architectures.mae import MaskedAutoencoderViT  # type: ignore[import-not-found]
    decoder = {"reconstruction": "standard", "segmentation": "segment", "classification": "none"}[case.task]
    classes = {"num_classes": case.num_outputs} if case.task == "classification" else {}
    built: nn.Module = MaskedAutoencoderViT(
        img_size=(case.side_px, case.side_px), embed_dim=case.embed_dim, depth=case.depth, num_heads=case.num_heads,
        decoder_embed_dim=case.decoder_dim, decoder_depth=case.decoder_depth, decoder_num_heads=case.decoder_heads,
        norm_layer=partial(nn.LayerNorm, eps=1e-6), decoder_type=decoder,
        out_chans=3 if case.task == "classification" else case.num_outputs, **classes,
    )  # fmt: skip
    return built.eval()


def agent(case: Case) -> tuple[nn.Module, nn.Module]:
    """Their actor and one critic; the second critic is the same net with other weights."""
    from architectures.rl.actor_critic import ActorCritic  # type: ignore[import-not-found]

    both = ActorCritic(embed_dim=case.embed_dim, hidden_dim=HIDDEN, patch_num=case.num_slots).eval()
    return both.actor_net, both.qvalue_net


def short_shapes(mae: nn.Module, actor: nn.Module, critic: nn.Module) -> dict[str, tuple[int, ...]]:
    """Names and shapes as a checkpoint has them, each tensor once."""
    shapes = {BACKBONE + name: tuple(value.shape) for name, value in mae.state_dict().items()}
    shapes |= {ACTOR + name: tuple(value.shape) for name, value in actor.state_dict().items()}
    return shapes | {CRITICS + name: (2, *value.shape) for name, value in critic.state_dict().items()}


def load(module: nn.Module, weights: dict[str, Tensor], prefix: str, index: int | None = None) -> nn.Module:
    """The module with the weights under a prefix; of stacked ones, those at an index."""
    chosen = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
    module.load_state_dict({name: value if index is None else value[index] for name, value in chosen.items()})
    return module


def new_buffer(case: Case, num_rows: int) -> Any:
    from architectures.rl.shared_memory import SharedMemory  # type: ignore[import-not-found]

    return SharedMemory(
        max_glimpses=case.num_glimpses, image_size=(case.side_px, case.side_px), native_patch_size=(16, 16),
        glimpse_grid_size=case.grid, batch_size=num_rows, device=torch.device("cpu"),
        create_target_tensor_fn=lambda rows, _: torch.zeros(rows, 0), copy_target_tensor_fn=lambda *_: None,
    )  # fmt: skip


def sampler(grid: int, num_glimpses: int) -> Any:
    from architectures.rl.interactive_sampler import InteractiveStatelessSampler  # type: ignore[import-not-found]

    return InteractiveStatelessSampler(grid, num_glimpses, (16, 16), max_size_ratio=1.0)


def explore(case: Case, images: Tensor, actions: Tensor, seen: Sequence[int]) -> Any:
    """Their buffer after the rows have done their actions; a row that has seen enough is one that stopped early."""
    buffer, sense = new_buffer(case, len(images)), sampler(case.grid, case.num_glimpses)
    buffer.set_batch({"image": images})
    for step in range(max(seen)):
        buffer.done = torch.tensor(seen)[:, None] <= step
        buffer.action = actions[:, step]
        sense.sample(images, buffer)
    return buffer


@contextmanager
def softmax_inputs() -> Iterator[list[Tensor]]:
    """What the softmax that is called as a function is given: at the end of the rollout, and nowhere in the nets."""
    seen: list[Tensor] = []
    original = F.softmax

    def record(values: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        seen.append(values.clone())
        return original(values, *args, **kwargs)

    F.softmax = record  # type: ignore[assignment]
    try:
        yield seen
    finally:
        F.softmax = original


def encode(mae: Any, case: Case, buffer: Any) -> dict[str, Tensor]:
    """Tokens, latent at the tapped block, rollout and importance of what the buffer's rows have seen."""
    tokens, _ = mae.forward_encoder(
        buffer.current_patches, coords=buffer.current_coords, pad_mask=buffer.current_mask,
        aux_latent_layer=case.tapped_block,
    )  # fmt: skip
    with softmax_inputs() as seen:
        importance = mae.encoder_attention_rollout()[..., 0]
    rollout = seen[0] if seen else importance  # of no patches there is none, and importance is empty
    return {"tokens": tokens, "tapped": mae.aux_latent, "rollout": rollout, "importance": importance}


def decode(mae: Any, case: Case, tokens: Tensor, images: Tensor) -> dict[str, Tensor]:
    """What the task makes of the tokens."""
    if case.task == "classification":
        return {"logits": mae.forward_head(tokens)}
    if case.task == "segmentation":
        return {"segments": mae.forward_decoder(tokens)}
    from architectures.utils import RevNormalizer  # type: ignore[import-not-found]

    pixels = mae.unpatchify(mae.forward_decoder(tokens))
    error = RevNormalizer()(pixels) - RevNormalizer()(images)
    return {"pixels": pixels, "score": -error.square().flatten(1).mean(1).sqrt()}


def agent_state(case: Case, buffer: Any, encoded: dict[str, Tensor]) -> dict[str, Tensor]:
    """The agent's inputs, by the names of its arguments: of all slots, with zeros where nothing was seen."""
    rows, num_tokens, dim = encoded["tokens"].shape
    observation, attention = torch.zeros(rows, case.num_slots + 1, dim), torch.zeros(rows, case.num_slots, 1)
    observation[:, :num_tokens] = encoded["tokens"]
    attention[:, : num_tokens - 1, 0] = encoded["importance"]
    filled = {"mask": buffer.all_mask, "patches": buffer.all_patches, "coords": buffer.all_coords}
    return {**filled, "attention": attention, "observation": observation}


@torch.no_grad()
def outputs(name: str) -> tuple[Arrays, dict[str, tuple[int, ...]]]:
    """All outputs of a case, and the short names and shapes of its weights."""
    case, images, actions = CASES[name], normalised(case_pictures(name)), torch.from_numpy(glimpse_actions(name))
    mae, (actor, critic) = backbone(case), agent(case)
    shapes = short_shapes(mae, actor, critic)
    weights = seeded_weights(shapes)
    report_positions(mae, weights)
    load(mae, weights, BACKBONE), load(actor, weights, ACTOR)
    rows: list[dict[str, Tensor]] = []
    for row, seen in enumerate(case.seen):
        one = slice(row, row + 1)
        buffer = explore(case, images[one], actions[one], [seen])
        encoded = encode(mae, case, buffer)
        report_threshold(mae)
        state = agent_state(case, buffer, encoded)
        loc, scale = actor(**state)
        asked = torch.from_numpy(critic_actions(name))[row]
        q = [[load(critic, weights, CRITICS, net)(action=a[None], **state) for a in asked] for net in range(2)]
        agents = {"loc": loc, "scale": scale, "q": torch.tensor(q)[None]}
        rows.append({**encoded, **decode(mae, case, encoded["tokens"], images[one]), **agents})
    together = encode(mae, case, explore(case, images, actions, case.seen))
    together |= decode(mae, case, together["tokens"], images)
    return {**joined(rows), **padded(together)}, shapes


def joined(rows: list[dict[str, Tensor]]) -> Arrays:
    """The outputs of rows that ran alone: tokens and patches one row after the other, all else a row each."""
    ragged = ("tokens", "tapped", "rollout", "importance")
    parts = {name: [row[name][0] if name in ragged else stored(name, row[name]) for row in rows] for name in rows[0]}
    return {name: torch.cat(part).numpy() for name, part in parts.items()}


def padded(together: dict[str, Tensor]) -> Arrays:
    return {f"{name}_padded": stored(name, value).numpy() for name, value in together.items() if name != "tapped"}


def stored(name: str, values: Tensor) -> Tensor:
    """Rows of values, the same seeded places of each if they are many."""
    if name not in ("pixels", "segments"):
        return values
    return torch.stack([torch.from_numpy(sampled(name, row, NUM_PLACES)) for row in values])


@torch.no_grad()
def crops() -> Arrays:
    """Boxes [actions, g², 4] (top, left, bottom, right, px) and patches [actions, g², 3, 16, 16] at seeded places."""
    found: Arrays = {}
    for name, (height, width) in CROP_SIDES_PX.items():
        for grid in CROP_GRIDS if name == "square" else (2,):
            patches, boxes = crop(normalised(seeded_pictures(name, 1, height, width)), crop_actions(), grid)
            found[f"{name}_boxes_{grid}"] = boxes.numpy().astype(np.int32)
            found[f"{name}_patches_{grid}"] = sampled(f"{name}/{grid}", patches, NUM_PLACES)
    return found


def crop(image: Tensor, actions: Floats, grid: int) -> tuple[Tensor, Tensor]:
    images, sense = image.expand(len(actions), -1, -1, -1), sampler(grid, 1)
    boxes = sense._calculate_crops(torch.from_numpy(actions).clone(), images.shape)
    patches, coords, _ = sense._crop_and_resize(boxes, images, torch.zeros(len(actions), 1, dtype=torch.bool))
    return patches, coords


def report_positions(mae: nn.Module, weights: dict[str, Tensor]) -> None:
    for name, theirs in mae.state_dict().items():
        if name.endswith("pos_embed"):
            difference = float((theirs - weights[BACKBONE + name]).abs().max())
            print(f"  {name}: theirs and the formula of the tests differ by {difference:.1e}")
            assert difference < 2e-6


def report_threshold(mae: Any) -> None:
    """How far the rollout is from dropping another entry: rounding must not decide."""
    flat = mae.encoder_attn_scores.mean(2).flatten(2).sort(-1).values  # [blocks, 1, tokens²]
    kept = flat.shape[-1] // 2
    if kept:
        gap = float((flat[..., kept] - flat[..., kept - 1]).min())
        print(f"  {mae.blocks[0].attn.attn_scores.shape[-1]} tokens: nearest entries at the threshold {gap:.1e} apart")


def write(path: Path, found: Arrays, made_with: str, shapes: dict[str, tuple[int, ...]] | None = None) -> None:
    if shapes is not None:
        found["names"] = np.array(list(shapes))
        found["shapes"] = np.array([",".join(map(str, shape)) for shape in shapes.values()])
    np.savez_compressed(path, made_with=np.array(made_with), **found)  # type: ignore[arg-type]
    for name, value in found.items():
        if value.dtype.kind == "f":
            print(f"  {name:18} {value.shape!s:16} spread {value.std():.4f}")
    print(f"{path}: {path.stat().st_size:,} bytes")


def _revision(checkout: Path) -> str:
    command = ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkout", type=Path, help="a checkout of github.com/apardyl/AdaGlimpse")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write to")
    args = parser.parse_args()
    made_with = f"torch {torch.__version__}, AdaGlimpse {_revision(args.checkout)}"
    args.out.mkdir(parents=True, exist_ok=True)
    enter(args.checkout.resolve())
    write(args.out / "crops.npz", crops(), made_with)
    for name in CASES:
        found, shapes = outputs(name)
        write(args.out / f"{name}.npz", found, made_with, shapes)


if __name__ == "__main__":
    main()
