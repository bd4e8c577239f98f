"""foveate: models that glance at a picture, decide where and how closely to look, and stop when they know enough.

Each public name is imported on first use, so that `import foveate` is instant and loads no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# No name may equal that of a submodule: whichever was imported first would decide what `foveate.<name>` is. That is
# why the loop is spelt `foveate.rollout.rollout`.
_PUBLIC: dict[str, str] = {
    "load": "foveate.looker:load",
    "search": "foveate.searching.search:search",
    "create_model": "foveate.models:create_model",
    "list_models": "foveate.models:list_models",
    "MODELS": "foveate.models:MODELS",
    "POLICIES": "foveate.policies:POLICIES",
    "CRITICS": "foveate.critics:CRITICS",
    "STOP_RULES": "foveate.stopping:STOP_RULES",
    "SCENES": "foveate.scenes:SCENES",
    "TASKS": "foveate.tasks:TASKS",
    "Scene": "foveate.scenes.scene:Scene",
    "Observation": "foveate.core:Observation",
    "Look": "foveate.core:Look",
    "Glimpses": "foveate.core:Glimpses",
    "Step": "foveate.core:Step",
    "Episode": "foveate.episode:Episode",
    "FoveateError": "foveate.errors:FoveateError",
}

if TYPE_CHECKING:  # the same once more, for type checkers and editors
    from foveate.core import Glimpses as Glimpses
    from foveate.core import Look as Look
    from foveate.core import Observation as Observation
    from foveate.core import Step as Step
    from foveate.critics import CRITICS as CRITICS
    from foveate.episode import Episode as Episode
    from foveate.errors import FoveateError as FoveateError
    from foveate.looker import load as load
    from foveate.models import MODELS as MODELS
    from foveate.models import create_model as create_model
    from foveate.models import list_models as list_models
    from foveate.policies import POLICIES as POLICIES
    from foveate.scenes import SCENES as SCENES
    from foveate.scenes.scene import Scene as Scene
    from foveate.searching.search import search as search
    from foveate.stopping import STOP_RULES as STOP_RULES
    from foveate.tasks import TASKS as TASKS

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'foveate' has no attribute {name!r}")
    from foveate.registry import resolve

    value = resolve(_PUBLIC[name])
    globals()[name] = value  # the next use is an ordinary attribute
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
