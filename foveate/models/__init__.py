"""Model families: each perceives glimpses, keeps a state, offers an observation, predicts.

Facts: ``config`` is the config class, ``defaults`` the settings that make a named variant of a family, ``opening``
"glance" or "free".
"""

from __future__ import annotations

from typing import Any

from foveate.registry import Registry, resolve

MODELS: Registry[Any] = Registry("model")

MODELS.register(
    "glance_focus",
    "foveate.models.glance_focus:GlanceFocus",
    config="foveate.models.glance_focus:GlanceFocusConfig",
    opening="glance",
    summary="glance + fixations with any two backbones and any readout",
)
MODELS.register(
    "adaptivenn_deit_small",
    "foveate.models.adaptivenn:AdaptiveNN",
    config="foveate.models.adaptivenn:AdaptiveNNConfig",
    opening="glance",
    summary="AdaptiveNN-DeiT-S, exactly as its paper's code: 1.077 + 1.187 n GMACs",
)
MODELS.register(
    "adaptivenn_tiny",
    "foveate.models.adaptivenn:AdaptiveNN",
    config="foveate.models.adaptivenn:AdaptiveNNConfig",
    defaults={
        "max_looks": 2,
        "glance_px": (32, 32),
        "focus_px": (32, 32),
        "patch_px": 8,
        "embed_dim": 32,
        "num_heads": 4,
        "glance_depth": 3,
        "focus_depth": 3,
        "head_blocks": 1,
        "focus_only_px": (48, 48),
    },
    opening="glance",
    summary="the same structure, small enough for tests",
)
MODELS.register(
    "elastic_tokens",
    "foveate.models.elastic_tokens:ElasticTokens",
    config="foveate.models.elastic_config:ElasticTokensConfig",
    opening="free",
    summary="tokens of glimpses of any place and zoom, for classes, pixels and segments (AdaGlimpse)",
)
MODELS.register(
    "zoom_search",
    "foveate.models.zoom_search:ZoomSearch",
    config="foveate.models.zoom_config:ZoomSearchConfig",
    opening="glance",
    summary="a frontier of places worth a closer look, for scenes of any size (ours)",
)


def create_model(name: str, **settings: Any) -> Any:
    """A fresh model by name; ``settings`` are fields of its config (``num_outputs`` is always needed)."""
    from foveate.config import from_plain

    facts = MODELS.facts(name)
    config = from_plain(
        resolve(facts["config"]), {**facts.get("defaults", {}), **settings}, where=f"the model {name!r}"
    )
    return MODELS.get(name)(config)


def list_models(pattern: str = "*") -> list[str]:
    """Names of all models that match a shell-style pattern."""
    return MODELS.names(pattern)
