"""Names in AdaGlimpse's checkpoints, and where each tensor goes in ours; the same whatever the task and the size.

Names are those of a checkpoint in the shortest form: ``mae.…`` without the ``_orig_mod.`` that ``torch.compile`` puts
there, and the agent as their loss holds it, ``rl_loss_module.…``, of which there are copies.
"""

from __future__ import annotations

from foveate.importing.fitting import BLOCK, Modules, inside
from foveate.models.elastic_config import ElasticTokensConfig
from foveate.policies.elements import FACTS

BACKBONE = "mae."
ACTOR = "rl_loss_module.actor_network_params.module.0.module."
CRITICS = "rl_loss_module.qvalue_network_params.module."
"""Two, stacked: every tensor has a first dimension of 2."""

COMPILED = "_orig_mod."
"""Between ``mae.`` and the rest of a name in their files, because they wrap the backbone in ``torch.compile``."""
ACTOR_COPIES = ("actor_critic.actor_net.", "actor_critic.policy_module.module.0.module.")
"""Equal to the actor but for the running statistics: these are of the net that acts during training, the actor's own of
the batches that it is trained on. A model that moved to a GPU has them apart; their predict.py uses the actor's own."""
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
TARGET_CRITICS = "rl_loss_module.target_qvalue_network_params.module."
STALE_CRITICS = ("actor_critic.qvalue_net.", "actor_critic.qvalue_module.module.")
"""What a critic was before it was made into two; training never touches it."""

POSITIONS, CANVAS_POSITIONS = "mae.pos_embed", "mae.decoder_pos_embed"
"""Fixed: computed anew, and compared."""
CLASSIFIER = ("mae.head.weight", "mae.head.bias")
"""In every file, and trained only where there is no decoder."""
TEACHER = "teacher_model."
"""The net that training distilled from, in files of runs that had one."""
SCALARS = tuple(
    f"rl_loss_module.{name}" for name in ("log_alpha", "alpha_init", "_target_entropy", "_value_estimator.gamma")
)
NO_TENSORS = ("__batch_size", "__device")
"""Ends of the names of entries that are no tensors."""

GAINED_BLOCK = {**BLOCK, "scale_attention.gain": "gamma_1", "scale_mlp.gain": "gamma_2"}


def model_modules(config: ElasticTokensConfig, *, depth: int) -> Modules:
    """Modules and single parameters of our model and theirs."""
    yield "encoder.patches", "mae.patch_embed.proj"
    yield "encoder.start", "mae.cls_token"
    for i in range(depth):
        yield from inside(f"encoder.blocks.{i}", f"mae.blocks.{i}", GAINED_BLOCK)
    yield "encoder.norm", "mae.norm"
    if config.canvas is None:
        yield "answer.logits", "mae.head"
        return
    yield "canvas.tokens", "mae.decoder_embed"
    yield "canvas.cell", "mae.mask_token"
    for i in range(config.canvas["depth"]):
        yield from inside(f"canvas.blocks.{i}", f"mae.decoder_blocks.{i}", GAINED_BLOCK)
    yield "canvas.norm", "mae.decoder_norm"
    yield "answer.pixels", "mae.decoder_pred"
    widths = config.answer.get("widths", ())
    for i in range(4 * len(widths)):
        part, number = ("up", i) if i < 4 * len(widths) - 4 else ("last", i - 4 * len(widths) + 4)
        yield f"answer.{part}.{number}", f"mae.decoder_segment.conv_head.{i}"


def actor_modules() -> Modules:
    """Modules of our policy and of their actor, without its prefix."""
    yield from _reader_modules()
    yield from inside("head", "head", {"0": "0", "2": "2"})


def critic_modules() -> Modules:
    """Modules of one opinion of our critic and of one of their critics, without its prefix."""
    yield from _reader_modules()
    yield from inside("action", "action_net", {"0": "0", "1": "1"})
    yield from inside("head", "head", {"0": "0", "2": "2"})


def _reader_modules() -> Modules:
    ours, pairs = "reader.pool", {"0": "0", "1": "1"}
    yield from inside(f"{ours}.patch_net", "patch_net_conv", {i: i for i in "0145"})
    for i, fact in enumerate(FACTS):
        yield from inside(f"{ours}.branches.{fact}", f"input_layers.{i}", pairs)
    yield from inside(f"{ours}.into", "pooling.input_layer", pairs)
    yield from inside(f"{ours}.scores", "pooling.attention", {"0": "0", "2": "2"})
    yield from inside(f"{ours}.out", "pooling.output_layer", pairs)
