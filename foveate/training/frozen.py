"""Parts of a model that do not learn, by the beginnings of their names.

A part of which nothing learns is also kept in evaluation mode (:meth:`foveate.system.System.train`), so that its
running statistics stand still too.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from foveate.errors import UsageError, suggest


def freeze(model: nn.Module, prefixes: Sequence[str]) -> None:
    """Parameters that are called so, or lie in a part that is ("encoder", "encoder.blocks.0"), get no gradient from now
    on. Raises UsageError for a name of nothing, and where nothing would be left to learn."""
    weights = dict(model.named_parameters())
    for prefix in prefixes:
        inside = [name for name in weights if name == prefix or name.startswith(f"{prefix}.")]
        if not inside:
            parts = list(dict.fromkeys(name.partition(".")[0] for name in weights))
            raise UsageError(
                f"frozen names {prefix!r}, which no parameter of {type(model).__name__} lies in."
                f"{suggest(prefix, parts)} Its parts: {', '.join(parts)}"
            )
        for name in inside:
            weights[name].requires_grad_(False)
    if prefixes and not any(weight.requires_grad for weight in weights.values()):
        raise UsageError(
            f'frozen is {tuple(prefixes)}, which is all that learns: say backbone="frozen" to train the agent alone'
        )
