"""What policies and rules are called on the page, how they are drawn, and one sentence on what each is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from foveate.evaluation.plot import Series

POLICIES: Mapping[str, Series] = {
    "heatmap": Series(label="heatmap (ours)", colour="blue", is_ours=True),
    "gaussian": Series(label="Gaussian", colour="orange"),
    "random": Series(label="random", colour="grey", dash="2 4"),
    "random_trained": Series(label="random, trained", colour="grey", dash="8 4"),
    "centre_corners": Series(label="centre, corners", colour="purple", dash="6 3"),
    "raster": Series(label="raster", colour="green", dash="10 3 2 3"),
}

POLICY_NOTES: Mapping[str, str] = {
    "heatmap": "our spatial policy: a learned map over the scene, from which each look is taken",
    "gaussian": "the published form: a network names one point, learned in the same number of steps",
    "random": "the very same trained reader, shown random places: the honest control",
    "random_trained": "a reader that was trained on random places, so that it had the chance to adapt to them",
    "centre_corners": "a fixed path: the centre, then the corners",
    "raster": "a fixed path: row by row over a grid",
}

RULES: Mapping[str, Series] = {
    "value": Series(label="value (ours)", colour="blue", is_ours=True),
    "confidence": Series(label="confidence", colour="orange"),
    "entropy": Series(label="entropy", colour="purple", dash="10 3 2 3"),
    "margin": Series(label="margin", colour="green", dash="6 3"),
    "count": Series(label="fixed count", colour="grey"),
    "random": Series(label="random", colour="grey", dash="2 4"),
    "anti_value": Series(label="anti-value", colour="gold", dash="8 4"),
}

STATIC = Series(label="static nets", colour="red")
CHANCE = Series(label="chance", colour="grey", dash="1 5")

_SPARE = (("gold", None), ("red", "6 3"), ("green", "2 4"), ("purple", "2 4"), ("orange", "2 4"))


def styles(
    names: Sequence[str], known: Mapping[str, Series], labels: Mapping[str, str] | None = None
) -> dict[str, Series]:
    """A style for every name; unknown ones get spare colours in order, under the label given or their own name."""
    spare = iter(_SPARE * len(names))
    found: dict[str, Series] = {}
    for name in names:
        style = known.get(name)
        if style is None or (labels and name in labels):
            colour, dash = (style.colour, style.dash) if style else next(spare)
            label = (labels or {}).get(name, name.replace("_", " "))
            style = Series(label=label, colour=colour, dash=dash, is_ours=style.is_ours if style else False)
        found[name] = style
    return found
