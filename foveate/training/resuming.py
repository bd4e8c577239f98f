"""What a trainer writes down so that a run that was stopped goes on as if it had not been, and how it is found again.

Everything is the same in all processes but the agent's buffer of transitions: each process keeps its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveate.config import to_plain
from foveate.errors import TrainingError, UsageError
from foveate.training.checkpoint import (
    check_same_run,
    load_checkpoint,
    random_state,
    restore_random_state,
    save_checkpoint,
)
from foveate.training.journal import forget_after

if TYPE_CHECKING:
    from foveate.training.trainer import Trainer

_OTHER = "resume with the same system, or use another run folder"
MAY_CHANGE = ("steps", "seconds", "eval_every", "eval_scenes", "log_every", "checkpoint_every_s")


def save_run(run: Trainer) -> None:
    """Replace the checkpoint in the run's folder; without a folder nothing is kept.

    Raises TrainingError for weights that are not finite, which no run could go on from: the old checkpoint stays."""
    _check_finite(run)
    if run.folder is None:
        return
    if not run.world.is_main:
        save_checkpoint(_own_buffer_path(run.folder, run.world.rank), {"step": run.step, "agent": run.agent.state()})
        return
    content = {
        "config": to_plain(run.config),
        "fingerprint": run.source.fingerprint,
        "step": run.step,
        "elapsed_s": run.elapsed_s,
        "num_broken": run.num_broken,
        "modules": {name: module.state_dict() for name, module in run.system.modules().items()},
        "optimizer": run.optimizer.state_dict(),
        "scaler": run.scaler.state_dict(),
        "agent": run.agent.state(),
        "best": run.best.state() if run.best is not None else None,
        "random": random_state(),
    }
    save_checkpoint(_path(run.folder), content)


def resume_run(run: Trainer) -> list[dict[str, float]]:
    """Bring a fresh trainer to where the folder's checkpoint was written; the lines of metrics up to there.

    Without a checkpoint the run begins. Raises UsageError for one of other data or other settings, DataError for a
    damaged one."""
    if run.folder is None or not _path(run.folder).exists():
        return []
    path = _path(run.folder)
    content = load_checkpoint(path)
    if content["fingerprint"] != run.source.fingerprint:
        raise UsageError(f"{path} was trained on other data ({content['fingerprint']}); use another run folder")
    check_same_run(path, before=content["config"], now=run.config, may_change=MAY_CHANGE)
    _load_modules(run, path, content["modules"])
    run.optimizer.load_state_dict(content["optimizer"])
    run.scaler.load_state_dict(content["scaler"])
    run.agent.restore(content["agent"], run.device)
    _restore_own_buffer(run, run.folder, step=content["step"])
    if run.best is not None:
        run.best.restore(content["best"])
    restore_random_state(content["random"])
    run.step, run.elapsed_s, run.num_broken = content["step"], content["elapsed_s"], content["num_broken"]
    return forget_after(run.folder, run.step) if run.world.is_main else []


def _load_modules(run: Trainer, path: Path, modules: dict[str, Any]) -> None:
    own = run.system.modules()
    if modules.keys() != own.keys():
        raise UsageError(f"{path} holds {', '.join(modules)}, and this system has {', '.join(own)}; {_OTHER}")
    for name, module in own.items():
        try:
            module.load_state_dict(modules[name])
        except RuntimeError as error:  # torch lists the keys that are missing, unknown or of another shape
            raise UsageError(f"{path} holds another {name}; {_OTHER}. {error}") from error


def _check_finite(run: Trainer) -> None:
    """An update of a finite loss may still have ruined the weights, which the next loss would tell too late."""
    weights = {f"{part}.{name}": w for part, m in run.system.modules().items() for name, w in m.state_dict().items()}
    ruined = [name for name, weight in weights.items() if not bool(weight.isfinite().all())]
    if run.world.agree(bool(ruined)):  # all leave, or the others would wait forever
        raise TrainingError(
            f"{len(ruined)} of {len(weights)} weights are not finite after step {run.step} ({', '.join(ruined[:3])}); "
            "the last good checkpoint is kept. A lower lr or max_grad_norm usually mends it"
        )


def _restore_own_buffer(run: Trainer, folder: Path, *, step: int) -> None:
    """The transitions that this process collected itself; none at all if a crash left one process's behind."""
    if run.world.size == 1:
        return
    is_lost = False
    if not run.world.is_main:
        path = _own_buffer_path(folder, run.world.rank)
        content: dict[str, Any] = load_checkpoint(path) if path.exists() else {"step": None}
        is_lost = content["step"] != step
        if not is_lost:
            run.agent.restore(content["agent"], run.device)
    if run.world.agree(is_lost):
        run.agent.forget()


def _path(folder: Path) -> Path:
    return folder / "checkpoint.pt"


def _own_buffer_path(folder: Path, rank: int) -> Path:
    return folder / f"checkpoint.rank{rank}.pt"
