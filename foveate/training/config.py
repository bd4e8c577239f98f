"""The trainer's configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from foveate.config import check_numbers
from foveate.errors import UsageError, suggest
from foveate.training.learners import LEARNERS
from foveate.training.lesson import LossConfig
from foveate.training.ppo import PpoConfig
from foveate.training.sac import SacConfig

ENDLESS = 10_000_000  # steps of a training that is bounded by time


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a system is trained. Training ends at ``steps`` or ``seconds``, whichever is first; schedules follow the
    larger share of the two that is done, so a run bounded by time still ends with a small learning rate."""

    steps: int
    """Updates of the backbone."""
    seconds: float | None = None
    """Wall-clock bound over all resumes; None: none. A run bounded by time is not exactly repeatable."""
    batch_size: int = 128
    """Scenes per step, over all processes and accumulated parts."""
    accumulate: int = 1
    """Parts that a step's batch is split into, to save memory."""
    num_looks: int = 4
    """T: looks of every training episode."""
    lr: float = 3e-3
    """Peak learning rate of the backbone."""
    weight_decay: float = 0.01
    warmup_frac: float = 0.1
    """Share of the training with a rising learning rate; then cosine to ``final_lr_frac``."""
    final_lr_frac: float = 0.01
    max_grad_norm: float | None = 5.0
    loss: LossConfig = field(default_factory=LossConfig)
    learner: str = "ppo"
    """How the agent learns: "ppo" or "sac", each with its own settings below."""
    ppo: PpoConfig = field(default_factory=PpoConfig)
    sac: SacConfig = field(default_factory=SacConfig)
    opening_frac: float = 0.0
    """Share of the training, at its start, without looks: only what the opening teaches is learned, at a fraction of an
    episode's cost. Looks chosen by features that were never trained teach the rest little."""
    opening_scenes: int = 0
    """Further scenes of every step that are opened and no more: an overview costs a fraction of an episode, and leads
    all its looks."""
    guided_frac: float = 0.0
    """Share of the training, from its start, until looks are the policy's; after the opening they are at what targets
    say is there, and the agent waits. Reading is learned soonest from looks that show something to read."""
    random_frac: float = 0.0
    """Share of the training, at its start, with uniformly random looks instead of the policy's: the backbone learns to
    read any glimpse (AdaGlimpse's pretraining), the agent waits."""
    agent_warmup_frac: float = 0.0
    """Share of the training before the agent's first update: early states are not worth learning from."""
    backbone: Literal["constant", "alternating", "frozen"] = "constant"
    """After the random looks: backbone and agent learn at every step; in turns, ``alternate_every`` steps each, the
    agent first (AdaGlimpse's alternating epochs); or only the agent does."""
    alternate_every: int = 50
    frozen: tuple[str, ...] = ()
    """Parts of the model that stay as they are while the rest of it learns, by the beginnings of their parameters'
    names: ("encoder",)."""
    amp: Literal["off", "bf16", "fp16"] = "off"
    """Automatic mixed precision of the backbone; policy maths stays fp32."""
    seed: int = 0
    eval_every: int = 50
    """Steps between evaluations of learned and random looks on held-out scenes."""
    eval_scenes: int = 256
    keep: Literal["last", "best"] = "last"
    """Which weights a finished training ends with: the last, or those of the best evaluation. The best suits few
    scenes, which are learned by heart in the end; its held-out scenes are then no longer fresh, those of a test are."""
    log_every: int = 10
    checkpoint_every_s: float = 60.0
    """Seconds between checkpoints; one is always written at the end and on Ctrl-C."""

    def __post_init__(self) -> None:
        check_numbers(self, "steps", "batch_size", "accumulate", "num_looks", "alternate_every", least=1)
        check_numbers(self, "eval_every", "eval_scenes", "log_every", least=1)
        check_numbers(self, "opening_scenes", "seed", "lr", "weight_decay", "checkpoint_every_s", least=0)
        check_numbers(self, "seconds", "max_grad_norm", above=0)
        shares = ("opening_frac", "guided_frac", "random_frac", "agent_warmup_frac", "warmup_frac")
        check_numbers(self, *shares, least=0, most=1)
        check_numbers(self, "final_lr_frac", least=0, most=1)
        if self.batch_size % self.accumulate:
            raise UsageError(f"accumulate is {self.accumulate}; it must divide batch_size, {self.batch_size}")
        if self.learner not in LEARNERS:
            raise UsageError(
                f"unknown learner {self.learner!r}.{suggest(self.learner, LEARNERS)} Known: {', '.join(LEARNERS)}"
            )
        if self.backbone not in ("constant", "alternating", "frozen"):
            raise UsageError(f"backbone is {self.backbone!r}; allowed are constant, alternating and frozen")
        if self.keep not in ("last", "best"):
            raise UsageError(f"keep is {self.keep!r}; allowed are last and best")
        if self.amp not in ("off", "bf16", "fp16"):
            raise UsageError(f"amp is {self.amp!r}; allowed are off, bf16 and fp16")
