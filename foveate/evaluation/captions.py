"""One sentence per figure, saying what to see, from the numbers that it shows."""

from __future__ import annotations

from foveate.evaluation import units
from foveate.evaluation.headlines import equal_static, value_and_count
from foveate.evaluation.report_data import SceneSection
from foveate.evaluation.series import POLICIES, styles


def accuracy(section: SceneSection) -> str:
    curves = section.accuracy_by_glimpse
    name, ours = next(iter(curves.items()))
    others = {key: curve[-1] for key, curve in curves.items() if key != name}
    looks = units.looks(len(ours) - 1)
    sentence = f"After {looks} our policy is right in {units.percent(ours[-1])} of scenes"
    if others:
        best = max(others, key=lambda key: others[key])
        label = styles([best], POLICIES, section.policy_labels)[best].label
        sentence += f"; the best of the others ({label}) in {units.percent(others[best])}"
    if "random" in others and best != "random":
        sentence += f", the same reader with random looks in {units.percent(others['random'])}"
    return f"{sentence}. Bands: 95 % intervals over {section.num_scenes:,} held-out scenes, {_seeds(section)}."


def _seeds(section: SceneSection) -> str:
    return "one seed" if section.num_seeds == 1 else f"mean of {section.num_seeds} seeds"


def stopping(section: SceneSection) -> str:
    how = "Lines are budgets solved on stored episodes, rings were executed: scenes that stopped left the batch."
    pair = value_and_count(section.stop_rules)
    if pair is None:
        return f"Higher at the same looks is better. {how}"
    value, count = pair
    gain = 100 * (value.accuracy - count.accuracy)
    word = "better than" if gain > 0 else "worse than" if gain < 0 else "as good as"
    points = f"{abs(gain):.1f} points " if gain else ""
    return f"At {units.looks(value.mean_glimpses)} on average, stopping by value is {points}{word} a fixed count. {how}"


def cost(section: SceneSection) -> str:
    pair = equal_static(section)
    if pair is None:
        return "The same curves against arithmetic, where a rule pays for the heads and critics that it runs."
    ours, net = pair
    if net is None:
        return f"Further left is cheaper; no static net reached the {units.percent(ours.accuracy)} of looking."
    ratio = net.macs / ours.macs
    word, ratio = ("fewer", ratio) if ratio >= 1 else ("more", 1 / ratio)
    return (
        f"Further left is cheaper: for {units.percent(ours.accuracy)}, looking takes {units.times(ratio)} {word} MACs "
        f"than the cheapest static net as accurate ({net.name})."
    )


def value(section: SceneSection) -> str:
    how = "Larger dots are more scenes"
    if section.value_same_unit:
        how = "On the dotted line the critic would be exactly right; larger dots are more scenes"
    if section.value_rank_correlation is None:
        return f"{how}."
    return f"{how}. Rank correlation over scenes: {section.value_rank_correlation:.2f} (1 is perfect, 0 is none)."


def exits(section: SceneSection) -> str:
    return "A budget is a mean, not a fixed count: scenes that leave early pay for those that look longer."


def training(section: SceneSection) -> str:
    last = section.training_curve[-1]
    gap = 100 * (last.accuracy - last.random_accuracy)
    return (
        f"The shaded gap is what choosing the places is worth: {gap:.0f} points after {units.duration(last.seconds)}, "
        "with the very same reader."
    )
