"""What a report is made of: numbers and pictures of a run. Accuracies are shares in [0, 1]; costs are per scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class StopRuleRow:
    """One rule at one budget, executed: rows that stopped really left the batch."""

    rule: str
    """Name in the registry of stop rules: value, confidence, count, ..."""
    mean_glimpses: float
    """Mean looks after the opening."""
    accuracy: float
    macs: float
    seconds_per_scene: float


@dataclass(frozen=True, kw_only=True)
class CostPoint:
    """One budget of a rule's curve, from stored traces."""

    mean_glimpses: float
    macs: float
    accuracy: float


@dataclass(frozen=True, kw_only=True)
class StaticNet:
    """A net that reads the whole picture once, trained for the same seconds."""

    name: str
    """Short, e.g. ``84² × 32``: it stands beside a point."""
    macs: float
    seconds_per_scene: float
    accuracy: float


@dataclass(frozen=True, kw_only=True)
class ValueBin:
    """Scenes of one depth to which the critic gave about the same value."""

    num_looks: int
    predicted: float
    """Mean value that the critic gave."""
    measured: float
    """Mean of what really came: see :attr:`SceneSection.value_measured`."""
    count: int


@dataclass(frozen=True, kw_only=True)
class ExitHistogram:
    """How many looks scenes took under one budget."""

    budget: float
    """Mean looks asked for."""
    fractions: Sequence[float]
    """Share of scenes that left after 0, 1, ... T looks; sums to 1."""
    rule: str = "value"


@dataclass(frozen=True, kw_only=True)
class TrainingPoint:
    """One evaluation during training."""

    seconds: float
    accuracy: float
    random_accuracy: float
    """The same reader with random looks."""


@dataclass(frozen=True, kw_only=True)
class ScanpathPicture:
    """One scene with its numbered looks."""

    image: bytes
    """An encoded PNG, JPEG or WebP."""
    caption: str
    is_failure: bool


@dataclass(frozen=True, kw_only=True)
class PanelPicture:
    """One thing that is shown of a step."""

    title: str
    image: bytes
    """An encoded PNG, JPEG or WebP."""
    alt: str
    """What is to be seen, for those who do not see it."""
    notes: Sequence[tuple[str, tuple[int, int, int] | None]] = ()
    """Words below it, each with the colour that it explains, if any."""


@dataclass(frozen=True, kw_only=True)
class EpisodeStep:
    """What is known after some looks."""

    heading: str
    facts: Sequence[str]
    panels: Sequence[PanelPicture]


@dataclass(frozen=True, kw_only=True)
class EpisodeExample:
    """One episode, step by step."""

    kind: str
    """What it is an example of, in a few words."""
    caption: str
    is_right: bool | None
    """None where answers are more or less good."""
    steps: Sequence[EpisodeStep]


@dataclass(frozen=True, kw_only=True)
class Check:
    """A claim, what was aimed at, and what came out."""

    claim: str
    target: str
    measured: str
    is_met: bool | None
    """None: not measured in this run."""


@dataclass(frozen=True, kw_only=True)
class SceneSection:
    """One task: everything measured on it. Empty parts are left out of the page."""

    name: str
    """Key in metrics.json."""
    title: str
    what_the_task_is: str
    """In plain words, and what counts as right."""
    num_scenes: int
    """Held-out scenes behind every accuracy; gives the 95 % bands."""
    num_seeds: int = 1
    """Trainings behind every accuracy."""
    accuracy_by_glimpse: Mapping[str, Sequence[float]]
    """Policy -> accuracy after 0, 1, ... T looks. The first is ours; ``random`` is the honest control."""
    policy_labels: Mapping[str, str] = field(default_factory=dict)
    """Short labels for policies that the page does not know."""
    policy_notes: Mapping[str, str] = field(default_factory=dict)
    """One sentence each: what this control is; replaces the page's own."""
    chance: float | None = None
    """Accuracy of guessing."""
    stop_rules: Sequence[StopRuleRow] = ()
    stop_curves: Mapping[str, Sequence[CostPoint]] = field(default_factory=dict)
    """Rule -> points over the grid of budgets."""
    static_nets: Sequence[StaticNet] = ()
    value_vs_loss: Sequence[ValueBin] = ()
    value_measured: str = "gain that really came"
    """What :attr:`ValueBin.measured` is."""
    value_same_unit: bool = True
    """Predicted and measured share a unit: a perfect critic lies on the diagonal."""
    value_rank_correlation: float | None = None
    """Spearman's, over scenes and depths, if computed."""
    exit_histograms: Sequence[ExitHistogram] = ()
    training_curve: Sequence[TrainingPoint] = ()
    scanpaths: Sequence[ScanpathPicture] = ()
    scanpaths_chosen: str = ""
    """How they were chosen, so that nobody need suspect the best."""
    examples: Sequence[EpisodeExample] = ()
    examples_chosen: str = ""
    """The same of them."""
    learned_in_words: Sequence[str] = ()
    did_not_work: Sequence[str] = ()
    checks: Sequence[Check] = ()


@dataclass(frozen=True, kw_only=True)
class Report:
    """A whole run."""

    title: str
    sections: Sequence[SceneSection]
    seconds: Mapping[str, float]
    """At least train, evaluate and total."""
    environment: Mapping[str, str | int | float | bool | None]
    command: str
