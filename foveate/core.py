"""The contract: what scenes, models, policies, critics, stop rules and tasks are, and what passes between them.

Words. A **scene** is one picture of any size and number of bands; a **scene batch** holds many. A **look** is a read
after the opening; the **opening** is ``"glance"`` (the whole scene, shrunk) or ``"free"`` (nothing: all is looks).
A row that was sure enough **stopped**; one that hit a hard limit was **truncated**; one that is not settled and should
be scanned exhaustively is **deferred**. These three are never merged.

Order of a row, run by :mod:`foveate.rollout` and by nothing else::

    opening -> [ observe -> value / certainty only if the stop rule needs them -> stopped or truncated?
                 -> leavers get their prediction and go -> survivors: policy.look -> scenes.read -> update ]

Arrays are numpy arrays or torch tensors; nothing here imports torch. A policy never receives a model, a model never
receives a scene. No method takes a scalar step: the step of a row is ``num_looks[row]``, so rows of different steps may
share a batch, and what happens to one row never depends on the others.

Shape letters: n rows, m candidates, k looks of one step, c features, d summary, C bands, h x w glimpse pixels.
Viewpoints are ``[..., 4]`` (row, col, half height, half width) in the frame of :mod:`foveate.geometry.viewpoint`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from foveate.geometry.viewpoint import Array
from foveate.price import Price
from foveate.rows import Rowwise

CONTRACT_VERSION = 1

Rows = NDArray[np.int64]
Opening = Literal["glance", "free"]
Prediction = Any  # an array [n, ...] or a frozen Rowwise of arrays: the family and the task agree on it


@dataclass(frozen=True, kw_only=True)
class SceneKey:
    """Rebuilds a training scene, its augmentation and its target, bit by bit."""

    dataset: str
    """Fingerprint of the data set: its name and a hash of what determines its content."""
    index: int
    """Position in the data set."""
    epoch_seed: int
    """Seed of the epoch's randomness; a scene's own generator is seeded by (epoch_seed, index)."""


@dataclass(frozen=True, kw_only=True)
class Glimpses(Rowwise):
    """What one read gave, and what it cost."""

    pixels: Array  # [n, k, C, h, w] uint8 | uint16 | float32 within the scenes' value range; zeros where not valid
    decoded_px: NDArray[np.int64]  # [n] pixels that had to be decoded for this read (0 when already in memory)
    read_bytes: NDArray[np.int64]  # [n] bytes fetched from storage for this read


@runtime_checkable
class Scenes(Protocol):
    """A scene batch: many pictures, of any sizes, read only where they are looked at."""

    sizes_px: NDArray[np.int64]  # [n, 2] (height, width)
    num_bands: int
    value_range: tuple[float, float]  # of the pixels that read() gives; the model's preprocessing maps it to [0, 1]

    def __len__(self) -> int: ...

    def read(
        self, viewpoints: Array, size_px: tuple[int, int], valid: Array | None = None, *, antialias: bool = True
    ) -> Glimpses:
        """Pixels under viewpoints ``[n, k, 4]`` (inside the scene), each resized to ``size_px``; with
        ``antialias=False`` sampled at points, bilinearly, which only the cameras of older papers want."""

    def max_read_bytes(self) -> NDArray[np.int64]:
        """The most bytes ``[n]`` that one more look could fetch: lets a byte limit be checked before the look."""

    def select(self, rows: Any) -> Self: ...


Camera = Callable[[Scenes], Scenes]
"""Scenes as a family's sensor sees them: wraps a batch, and is a scene batch again."""


@dataclass(frozen=True, kw_only=True)
class Seen(Rowwise):
    """What was looked at so far, as a set: for agents that reason about what they saw, not about where to look.

    p is the capacity, one number for the whole life of a model; slots beyond what was seen are zeros and masked."""

    viewpoints: Array  # [n, p, 4] float32
    features: Array  # [n, p, c'] float32
    mask: Array  # [n, p] bool, True where something was seen
    pixels: Array | None = None  # [n, p, C, h, w] float32, normalised
    importance: Array | None = None  # [n, p] float32 >= 0, how much each mattered so far


@dataclass(frozen=True, kw_only=True)
class Observation(Rowwise):
    """All that a policy or a critic sees: candidates of where to look next, and a summary.

    m is one number for the whole life of a model: a family whose candidates come and go (a frontier) pads them to its
    capacity and says by ``mask`` which exist. So what a call costs does not depend on who shares the batch, and shapes
    are static for export. A row without any candidate is truncated, unless the policy's looks are not among them.
    """

    shared = ("grid",)

    candidates: Array  # [n, m, 4] float32 viewpoints that a look at this candidate would read, inside the scene
    features: Array  # [n, m, c] float32
    mask: Array  # [n, m] bool, True where the candidate exists
    coverage: Array  # [n, m] float32, past looks that covered the candidate's centre, as closely as it would
    summary: Array  # [n, d] float32
    num_looks: Array  # [n] int64, looks so far
    sizes_px: Array  # [n, 2] int64 (height, width) of the scenes
    relevance: Array | None = None  # [n, m] float32 >= 0: saliency, attention, class activation, if any
    seen: Seen | None = None
    remaining: Array | None = None  # [n] float32 in [0, 1], share of the hard limit that is left; None without a limit
    grid: tuple[int, int] | None = None  # (rows, cols) when the candidates are a regular grid, row-major


@dataclass(frozen=True, kw_only=True)
class Look(Rowwise):
    """A policy's decision: where to read next, and all that is needed to score the decision again later."""

    action: Mapping[str, Array]  # raw, policy-defined, each [n, k, ...]: before any clamp
    viewpoints: Array  # [n, k, 4] float32, inside the scene
    valid: Array  # [n, k] bool; budgets count valid looks: at least one, at most as many as candidates exist
    log_prob: Array | None = None  # [n] joint log-probability of the raw action; None: not learned, or the mode
    behaviour: Mapping[str, Array] | None = None  # each [n, ...]: what it was drawn under (sigma, temperature)


@dataclass(frozen=True, kw_only=True)
class Score(Rowwise):
    """A learned policy's opinion of given actions."""

    log_prob: Array  # [n] joint over k, float32
    entropy: Array  # [n] nats, float32


class State(Protocol):
    """A family's memory of the scenes: frozen, rows selectable. ``num_looks`` is the step of each row."""

    num_looks: Array  # [n] int64

    def select(self, rows: Any) -> Self: ...

    def detach(self) -> Self: ...


@dataclass(frozen=True, kw_only=True)
class ObservationShape:
    """What a policy or a critic must know of a model to be built for it; configs ask for these fields by name."""

    feature_dim: int
    summary_dim: int
    grid: tuple[int, int] | None
    num_steps: int
    """Sets of per-step parts: the family's fixed number of looks, or 1 where all steps share and looks may grow."""
    zoom: bool = False
    """Whether looks may have any extent, so that a policy also chooses how closely to look."""
    has_relevance: bool = False
    """Whether observations carry a relevance."""
    seen_dim: int = 0
    """Features of what was seen; 0 for a family whose observations have no ``seen``."""
    seen_pixels: tuple[int, int, int] | None = None
    """(bands, height, width) of the pixels in ``seen``, if they are there."""
    closest_px: tuple[float, float] | None = None
    """(height, width) in pixels of the scene of the closest look; None where it goes with the scene's size."""
    core_frac: float = 1.0
    """Share of a look's side, in its middle, that it answers for: closest looks read a scene exhaustively only where
    they overlap by the rest of it."""


@dataclass(frozen=True, kw_only=True)
class TrainingLook:
    """An auxiliary read that a family wants in training: the trainer feeds its readout to the task's loss."""

    name: str
    size_px: tuple[int, int] | None
    """The whole scene, shrunk to this size; None: nothing further is read, the readout gets the state at every step,
    and its losses are averaged over the steps."""
    readout: str
    """Name of the model's method that maps these pixels ``[n, C, h, w]``, or the state, to a prediction."""
    weight: float
    """Weight of its loss."""


class ActiveModel(Protocol):
    """A model family: perceives glimpses, keeps a state, offers an observation, predicts.

    Fact, None when absent: ``camera``, a :data:`Camera` for a family that senses in its own way."""

    opening: Opening
    max_looks: int | None  # None: unbounded
    value_range: tuple[float, float]  # of the pixels that its saved preprocessing expects
    num_bands: int
    observation_shape: ObservationShape

    def glimpse_size_px(self, look_index: int) -> tuple[int, int]:
        """(height, width) of the read with this index: 0 is the opening, 1 and more are looks, all of one size (rows of
        different steps may share a read)."""

    def open(self, glance: Array | None, sizes_px: Array) -> Any:
        """A state per row: of the glance ``[n, 1, C, h, w]``, or None for a free opening; ``sizes_px`` is [n, 2]."""

    def update(self, state: Any, glimpses: Array, look: Look) -> Any:
        """Fuse glimpses ``[n, k, C, h, w]`` read at ``look.viewpoints``; ``num_looks`` grows by the valid looks.

        A look that is not valid leaves no trace: its pixels are zeros, and whatever else it holds is not read."""

    def observe(self, state: Any) -> Observation: ...

    def predict(self, state: Any) -> Prediction: ...

    def training_looks(self) -> Sequence[TrainingLook]:
        """Auxiliary losses of training; empty where there are none."""

    def price(self) -> Price: ...


class Policy(Protocol):
    """Where to look next. The mode when ``noise`` is None, else a draw that is a pure function of the noise.

    Facts, False when absent: attributes ``needs_grid`` (candidates on a regular grid), ``needs_relevance`` and
    ``needs_seen``, checked before the first glimpse, of critics too. One that does not choose among the candidates may
    have an end of its own: ``looks_left(observation)`` ``[n]``; a row without any is truncated.
    """

    noise_shape: tuple[int, int]  # (k, dims) of uniform (0, 1) numbers used per row and step

    def look(self, observation: Observation, noise: Array | None = None) -> Look: ...

    def macs(self, observation: Observation) -> int:
        """Multiply-adds of one call, per row."""


@runtime_checkable
class LearnedPolicy(Policy, Protocol):
    """A policy that reinforcement learning can improve.

    The loop detaches looks, so that no loss of the model reaches the policy through where it looked.
    """

    def score(self, observation: Observation, action: Mapping[str, Array], behaviour: Mapping[str, Array]) -> Score:
        """Log-probability and entropy of raw actions, under the behaviour parameters they were drawn with."""

    def anneal(self, remaining: float) -> None:
        """Set the exploration for the share of it that remains: 1 at the start of training, 0 at its end."""


@dataclass(frozen=True, kw_only=True)
class Choices(Rowwise):
    """Actions that together stand for a policy: all there are with their probabilities, or one draw of weight 1."""

    action: Mapping[str, Array]  # as in a look of k = a: each [n, a, ...]; a draw carries the policy's gradient
    log_prob: Array  # [n, a] float32, with gradient
    weight: Array  # [n, a] float32, sums to 1 over a; with gradient where all actions are listed


@runtime_checkable
class OffPolicy(LearnedPolicy, Protocol):
    """A policy that can also learn from what other policies did (soft actor-critic): expectations over its actions are
    weighted sums over its choices, whether those can be listed or are reparameterised draws. One look per step."""

    num_dims: int  # of an action's place: minus this is the usual target entropy of a continuous policy
    is_enumerable: bool

    def choices(self, observation: Observation, noise: Array) -> Choices:
        """Under the present parameters; ``noise`` is as in :meth:`Policy.look`, and not read where all are listed."""


class Critic(Protocol):
    """What further looking is worth."""

    def value(self, observation: Observation) -> Array:
        """Expected (discounted) gain ``[n]`` of further looking: the V(s_t) of the stop rule."""

    def macs(self, observation: Observation) -> int:
        """Multiply-adds of one call, per row."""


@runtime_checkable
class QCritic(Critic, Protocol):
    """A critic that also judges single actions: what off-policy learning needs."""

    def q(self, observation: Observation, action: Mapping[str, Array]) -> Array:
        """``[n, 2, a]``: two independent opinions of actions ``[n, a, ...]``, as in :class:`Choices`."""


@dataclass(frozen=True, kw_only=True)
class Step(Rowwise):
    """What a stop rule may know of the rows that are still looking. Only what it needs is filled."""

    num_looks: NDArray[np.int64]  # [n]
    value: NDArray[np.float32] | None = None  # [n] critic
    certainty: Mapping[str, NDArray[np.float32]] | None = None  # each [n], larger is surer; keys as Task.certainty
    noise: NDArray[np.float64] | None = None  # [n] uniform, fresh at every step
    scene_noise: NDArray[np.float64] | None = None  # [n] uniform, the same at every step of a scene


class StopRule(Protocol):
    """``signal(step) -> [n]``: the appetite for more. A row goes on while it is above the threshold of its step."""

    needs: frozenset[str]  # subset of {"value", "certainty", "noise", "scene_noise"}
    shared_threshold: bool  # one threshold for all steps, instead of one per step

    def signal(self, step: Step) -> NDArray[np.floating[Any]]: ...


class Task(Protocol):
    """What is asked of a scene.

    A task whose answers can miss what is there also says ``has_target(target)`` and ``missed(prediction, target)``,
    each ``[n]`` bool: what a risk is calibrated by."""

    primary_metric: str  # key of metrics() that reports and budgets maximise: of each scene a share in [0, 1]

    @property
    def num_outputs(self) -> int:
        """How many things it tells apart or looks for: what the config of its model calls ``num_outputs``."""

    def loss(self, prediction: Prediction, target: Any) -> Array:
        """Training loss ``[n]``."""

    def score(self, prediction: Prediction, target: Any) -> Array:
        """``[n]``, larger is better; the reward of a look is the increase of this."""

    def certainty(self, prediction: Prediction) -> Mapping[str, Array]:
        """``confidence``, ``entropy`` (negated), ``margin``, each ``[n]``, larger is surer; never sees the target.
        Where an answer may be that nothing is there also ``presence``, how likely something is; where things are found
        also ``finding``, how likely the likeliest of them is."""

    def metrics(self, prediction: Prediction, target: Any) -> Mapping[str, Array]:
        """Per-scene metrics, each ``[n]``, whose mean over scenes is reported."""

    def answers(self, prediction: Prediction) -> Sequence[Mapping[str, Any]]:
        """The answer of each row in plain Python values, for people and JSON."""
