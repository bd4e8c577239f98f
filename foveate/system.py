"""A system: a model with the policy that guides it, the critic that judges it and the task it is for.

This is what is trained, saved, loaded and asked. A spec names the parts and their configs in plain values; building one
checks that they fit together. Model configs take the number of answers from the task, policy and critic configs what
they must know of the model (feature_dim, grid, ...) from its :class:`foveate.core.ObservationShape`, by field name,
unless the spec says it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from torch import nn

from foveate.config import from_plain, to_plain
from foveate.core import ObservationShape
from foveate.critics import CRITICS
from foveate.errors import IncompatibleError
from foveate.models import MODELS
from foveate.policies import POLICIES
from foveate.registry import Registry, resolve
from foveate.tasks import TASKS


@dataclass(frozen=True, kw_only=True)
class PartSpec:
    """A registered part and its config, in plain values."""

    name: str
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SystemSpec:
    """Names and configs of the parts; JSON-able."""

    model: PartSpec
    policy: PartSpec
    task: PartSpec
    critic: PartSpec | None = None

    def to_plain(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> SystemSpec:
        parts = {
            key: from_plain(PartSpec, part, where=f"the {key}") for key, part in values.items() if part is not None
        }
        return from_plain(cls, parts, where="the system")


@dataclass(frozen=True, kw_only=True)
class System:
    """The parts, built. ``spec`` holds their full configs, so that the system can be built again."""

    spec: SystemSpec
    model: Any
    policy: Any
    task: Any
    critic: Any | None = None

    @property
    def is_drawn(self) -> bool:
        """Whether the policy's looks are draws even in evaluation: without noise they would all be at one place."""
        return bool(POLICIES.facts(self.spec.policy.name).get("drawn"))

    def modules(self) -> dict[str, nn.Module]:
        """The parts that have weights, by name."""
        parts = {"model": self.model, "policy": self.policy, "critic": self.critic}
        return {name: part for name, part in parts.items() if isinstance(part, nn.Module)}

    def to(self, device: Any) -> System:
        """Moves the parts in place and returns the system."""
        for module in self.modules().values():
            module.to(device)
        return self

    def train(self, mode: bool = True) -> System:
        """Switches the parts in place (dropout, stochastic depth) and returns the system. What is frozen stays in
        evaluation mode: running statistics would drift without a single gradient."""
        for module in self.modules().values():
            module.train(mode)
            for part in module.modules():
                weights = list(part.parameters())
                if weights and not any(weight.requires_grad for weight in weights):
                    part.train(False)
        return self


def build(spec: SystemSpec, *, num_outputs: int | None = None) -> System:
    """Fresh parts, randomly initialised (seed torch first); ``num_outputs`` of the model, as many as the task asks for
    when None.

    Raises UsageError for unknown names and settings, IncompatibleError for a model of another number of answers."""
    task, task_spec = _part(TASKS, spec.task)
    wanted = task.num_outputs if num_outputs is None else num_outputs
    model, model_spec = _part(MODELS, spec.model, {"num_outputs": wanted})
    given = model_spec.config.get("num_outputs", wanted)
    if given != wanted and TASKS.facts(spec.task.name).get("tells_apart", True):
        raise IncompatibleError(
            f"the model {spec.model.name!r} has num_outputs={given}, and the task {spec.task.name!r} asks for "
            f"{wanted}: leave num_outputs out, or name as many things in the task"
        )
    told = vars(model.observation_shape)
    policy, policy_spec = _part(POLICIES, spec.policy, told)
    critic, critic_spec = _part(CRITICS, spec.critic, told) if spec.critic else (None, None)
    full = SystemSpec(model=model_spec, policy=policy_spec, task=task_spec, critic=critic_spec)
    return System(spec=full, model=model, policy=policy, task=task, critic=critic)


def with_outputs(system: System, num_outputs: int) -> SystemSpec:
    """The spec of the same system with another number of answers: what its policy and critic were told of the model is
    left for the new model to tell. The task stays as it is.

    Raises IncompatibleError for a family whose config has no ``num_outputs``."""
    spec, told = system.spec, vars(system.model.observation_shape)
    if "num_outputs" not in spec.model.config:
        raise IncompatibleError(
            f"the model {spec.model.name!r} has no setting num_outputs, so its answers cannot be exchanged; settings: "
            f"{', '.join(spec.model.config)}: start from a model of another family"
        )

    def untold(part: PartSpec) -> PartSpec:
        own = {key: value for key, value in part.config.items() if key not in told or value != told[key]}
        return replace(part, config=own)

    return replace(
        spec,
        model=replace(spec.model, config={**spec.model.config, "num_outputs": num_outputs}),
        policy=untold(spec.policy),
        critic=untold(spec.critic) if spec.critic else None,
    )


def fresh_policy(name: str, shape: ObservationShape, **config: Any) -> Any:
    """A registered policy for models of this shape, with its default settings but for ``config``: how controls are
    made."""
    return _part(POLICIES, PartSpec(name=name, config=config), vars(shape))[0]


def _part(registry: Registry[Any], spec: PartSpec, told: Mapping[str, Any] | None = None) -> tuple[Any, PartSpec]:
    """The part, and its spec with the full config; of what it is ``told`` it takes what its config has and lacks."""
    part_class, facts = registry.get(spec.name), registry.facts(spec.name)
    if facts.get("needs_grid") and told is not None and told.get("grid") is None and "grid" not in spec.config:
        known = {name: registry.facts(name) for name in registry}
        others = [name for name, its in known.items() if its.get("learned") == facts.get("learned")]
        raise IncompatibleError(
            f"the {registry.kind} {spec.name!r} needs candidates on a regular grid, which this model does not offer: "
            f"choose another, such as {', '.join(name for name in others if not known[name].get('needs_grid'))}"
        )
    config_class = resolve(facts["config"])
    wanted = {f.name for f in fields(config_class)}
    known = {key: value for key, value in (told or {}).items() if key in wanted}
    values = {**known, **facts.get("defaults", {}), **spec.config}
    config = from_plain(config_class, values, where=f"the {registry.kind} {spec.name!r}")
    return part_class(config), PartSpec(name=spec.name, config=to_plain(config))
