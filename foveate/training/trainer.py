"""One trainer: representation by the task's loss, looking by reinforcement, in one pass over fresh episodes.

A run that was stopped and resumed equals one that was not: everything random is a function of the step, and the rest
is in the checkpoint.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler

from foveate.compatible import check_observed
from foveate.core import LearnedPolicy
from foveate.episode import Episode, Player
from foveate.errors import TrainingError, UsageError
from foveate.geometry.viewpoint import whole_scene
from foveate.noise import Noise
from foveate.rollout import rollout
from foveate.rows import to_device
from foveate.system import System
from foveate.training.best import Best
from foveate.training.config import TrainConfig
from foveate.training.curriculum import Curriculum, Stage
from foveate.training.divergence import MEND, playing
from foveate.training.evaluating import evaluating
from foveate.training.feed import ahead
from foveate.training.frozen import freeze
from foveate.training.interrupt import Interrupt
from foveate.training.journal import Journal
from foveate.training.learners import LEARNERS, Played
from foveate.training.lesson import Lesson, lesson, lesson_metrics
from foveate.training.optimizer import decay_groups, set_lr
from foveate.training.parallel import join_world
from foveate.training.probe import Probe
from foveate.training.resuming import resume_run, save_run
from foveate.training.sources import Batch, Source
from foveate.training.work import Work, work_of

PREDICTION = frozenset({"prediction"})


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """How a training ended. ``finished`` is False after Ctrl-C: resume goes on from the checkpoint."""

    finished: bool
    steps: int
    kept_step: int
    """The step whose weights the system has now: the last, or where ``keep="best"`` found them."""
    seconds: float
    metrics: list[dict[str, float]]  # the lines of metrics.jsonl


class Trainer:
    """Trains a system in place. See the module's docstring; ``TrainConfig`` says how."""

    def __init__(
        self,
        system: System,
        source: Source,
        config: TrainConfig,
        *,
        held_out: Source | None = None,
        folder: Path | None = None,
        device: str | torch.device = "cpu",
        console: Console | None = None,
        title: str = "training",
    ) -> None:
        self.device = torch.device(device)
        self.world = join_world(self.device)
        self.system, self.source = system.to(self.device), to_device(source, self.device)  # a teacher may be in it
        self.config, self.folder = config, folder
        if config.batch_size % (self.world.size * config.accumulate):
            raise UsageError(
                f"batch_size is {config.batch_size}; it must be a multiple of {self.world.size} processes x "
                f"{config.accumulate} accumulated parts"
            )
        if len(source) < self.world.size * config.accumulate:
            raise UsageError(
                f"{len(source)} training scenes are too few for {self.world.size} processes x {config.accumulate} parts"
            )
        most = system.model.max_looks
        if most is not None and config.num_looks > most:
            raise UsageError(f"num_looks is {config.num_looks}; the model has room for {most}: give 1 to {most}")
        at_once = system.policy.noise_shape[0]
        if 0 < config.num_looks < at_once:
            raise UsageError(
                f"num_looks is {config.num_looks}; the policy takes {at_once} looks at once: give {at_once} or more"
            )
        for part in (system.policy, system.critic):
            check_observed(part, system.model)
        freeze(system.model, config.frozen)
        self.parameters = [p for p in system.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(decay_groups(system.model, config.weight_decay), lr=config.lr)
        self.scaler = GradScaler(self.device.type, enabled=config.amp == "fp16")
        settings = getattr(config, LEARNERS.facts(config.learner)["settings"])
        self.agent = LEARNERS.get(config.learner)(system.model, system.policy, system.critic, settings, self.world)
        self.curriculum = Curriculum(config, system)
        self.probe = Probe(held_out, config, self.device) if held_out is not None else None
        self.best = _best(config, held_out)
        self.console, self.title = (console if self.world.is_main else None), title
        for module in system.modules().values():
            self.world.share([*module.parameters(), *module.buffers()])
        self.step, self.elapsed_s, self.num_broken = 0, 0.0, 0
        self._seen_since_report, self._reported_s = 0, 0.0
        self._times: dict[str, float] = defaultdict(float)

    # -- the run ---------------------------------------------------------------------------------------------------

    def run(self, *, resume: bool = False) -> TrainResult:
        """Train to the end, or to Ctrl-C. With ``resume``, go on from the folder's checkpoint if there is one."""
        rows = resume_run(self) if resume else []
        main_folder = self.folder if self.world.is_main else None
        journal = Journal(main_folder, console=self.console, total_steps=self.config.steps, title=self.title)
        journal.rows[:0] = rows
        self.system.train()
        try:
            with Interrupt() as interrupt:
                self._steps(journal, interrupt)
                if self.progress >= 1 and self.best is not None and self.best.judged_step != self.step:
                    # A run bounded by time does not know beforehand which step is its last.
                    journal.log(self.step, {"time/elapsed_s": self.elapsed_s, **self._probed()})
                save_run(self)  # with the last weights: a run that is made longer goes on from them
                finished = self.progress >= 1 and not self.world.agree(interrupt.asked)
        finally:
            journal.close()
        kept_step = self._take_best() if finished else self.step
        self.system.train(False)
        return TrainResult(
            finished=finished,
            steps=self.step,
            kept_step=kept_step,
            seconds=self.elapsed_s,
            metrics=journal.rows,
        )

    def _steps(self, journal: Journal, interrupt: Interrupt) -> None:
        """Steps until the end or Ctrl-C. Every process takes the same decisions, so none waits for the others."""
        if self.progress >= 1:
            return
        last_save_s = last_s = time.perf_counter()
        for work in ahead(self._work, range(self.step, self.config.steps)):
            self._times["time/data_s"] += time.perf_counter() - last_s
            self._step(work, journal)
            now_s = time.perf_counter()
            since_save_s = now_s - last_save_s
            passed_s, asked, since_save_s = self.world.means(now_s - last_s, float(interrupt.asked), since_save_s)
            self.elapsed_s, last_s = self.elapsed_s + passed_s, now_s
            if self.progress >= 1 or asked > 0:
                return
            if since_save_s > self.config.checkpoint_every_s:
                save_run(self)
                last_save_s = time.perf_counter()

    @property
    def progress(self) -> float:
        """Share of the training that is done."""
        by_time = self.elapsed_s / self.config.seconds if self.config.seconds else 0.0
        return max(self.step / self.config.steps, by_time)

    def lr_scale(self, *, delay: float = 0.0) -> float:
        """Learning rate now, as a share of its peak: linear warm-up, then cosine."""
        done = (self.progress - delay) / (1 - delay)
        warmup, floor = self.config.warmup_frac, self.config.final_lr_frac
        if done < warmup:
            return max(done / warmup, 1e-3)
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, (done - warmup) / (1 - warmup))))

    # -- one step --------------------------------------------------------------------------------------------------

    def _work(self, step: int) -> Work:
        return work_of(step, source=self.source, config=self.config, world=self.world)

    def _step(self, work: Work, journal: Journal) -> None:
        parts = work.parts
        lr_scale = self.lr_scale()
        set_lr(self.optimizer, self.config.lr * lr_scale)
        if isinstance(self.system.policy, LearnedPolicy):
            self.system.policy.anneal(1.0 if self.progress < self.config.warmup_frac else lr_scale)
        self.optimizer.zero_grad(set_to_none=True)
        num_scenes = round(self.world.means(sum(len(part.scenes) for part in parts))[0] * self.world.size)
        self.num_broken += work.num_asked - num_scenes
        self._seen_since_report += num_scenes
        stage = self.curriculum.at(self.step, progress=self.world.means(self.progress)[0])  # all processes agree
        taught = [self._learn(part, stage, share=len(part.scenes) * self.world.size / num_scenes) for part in parts]
        lessons = [one for one, _ in taught]
        if work.opened is not None and stage.backbone_learns:
            self._learn(work.opened, replace(stage, num_looks=0), share=1.0)
        report: Mapping[str, float] = {}
        if stage.backbone_learns:
            with self._timed("time/backward_s"):
                self._update_backbone()
        if stage.agent_learns:
            self.agent.collect([played for _, played in taught])
            with self._timed("time/agent_s"):
                report = self._update_agent()
        self.step += 1
        self._report(lessons, report, lr_scale, journal)

    def _learn(self, part: Batch, stage: Stage, *, share: float) -> tuple[Lesson, Played]:
        """Plays, and adds the part's gradient, weighted by its share of the scenes of this step."""
        target = to_device(part.target, self.device)
        noise = Noise(seed=self.config.seed * 1_000_003 + self.step, scenes=part.indices)
        # Without a backbone to train, playing needs no graph, and leaves its running statistics alone.
        mode = nullcontext() if stage.backbone_learns else evaluating(self.system.model)
        with self._timed("time/rollout_s"), self._autocast(), torch.set_grad_enabled(stage.backbone_learns), mode:
            with playing(is_first=self.step == 0):
                episode = play(
                    self.system, part, num_looks=stage.num_looks, noise=noise, policy=stage.policy_of(target)
                )
            taught = lesson(episode, self.system.task, target, self._auxiliary(part, episode, target), self.config.loss)
        loss, reward = float(taught.loss.detach()), float(taught.rewards.sum())
        if self.world.agree(not math.isfinite(loss + reward)):  # all leave, or the others would wait forever
            raise TrainingError(f"the loss is {loss} and the sum of rewards {reward} at step {self.step}; {MEND}")
        if stage.backbone_learns:
            with self._timed("time/backward_s"):
                self.scaler.scale(taught.loss * share).backward()
        return taught, Played(episode=episode, rewards=taught.rewards)

    def _auxiliary(self, part: Batch, episode: Episode, target: Any) -> Mapping[str, tuple[Tensor, float]]:
        losses = {}
        for look in self.system.model.training_looks():
            readout = getattr(self.system.model, look.readout)
            if look.size_px is None:
                predictions = [readout(event.state) for event in episode.events]
            else:
                predictions = [readout(part.scenes.read(whole_scene(len(part.scenes)), look.size_px).pixels[:, 0])]
            each = torch.stack([self.system.task.loss(prediction, target) for prediction in predictions])
            losses[look.name] = (each.mean(0), look.weight)
        return losses

    def _update_backbone(self) -> None:
        self.scaler.unscale_(self.optimizer)
        self.world.average_gradients(self.parameters)
        if self.config.max_grad_norm is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.config.max_grad_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def _update_agent(self) -> Mapping[str, float]:
        if self.world.agree(not self.agent.is_ready):
            return {}
        lr_scale = self.lr_scale(delay=self.curriculum.agent_starts)
        return self.agent.learn(lr_scale=lr_scale, seed=self.config.seed * 7919 + self.step)

    def _report(self, lessons: list[Lesson], agent: Mapping[str, float], lr_scale: float, journal: Journal) -> None:
        config = self.config
        is_last = self.progress >= 1 or self.step == config.steps
        if self.step % config.log_every and not is_last and self.step % config.eval_every:
            return
        values = lesson_metrics(lessons)
        values = dict(zip(values, self.world.means(*values.values()), strict=True))
        now_s = time.perf_counter()
        rate = self._seen_since_report / max(now_s - self._reported_s, 1e-9) if self._reported_s else 0.0
        self._seen_since_report, self._reported_s = 0, now_s
        values |= {"train/lr": config.lr * lr_scale, "time/elapsed_s": self.elapsed_s}
        values |= {"train/scenes_per_s": rate} if rate else {}
        values |= {f"losses/{name}": value for name, value in agent.items()}
        values |= {"train/broken": self.num_broken, **self._times}
        self._times.clear()
        if self.probe is not None and (self.step % config.eval_every == 0 or is_last):
            values |= self._probed()
        journal.log(self.step, values)
        gap = {name: row[name] for row in journal.rows for name in ("eval/metric", "eval/gap") if name in row}
        facts = [f"{rate:.0f} scenes/s"] if rate else []
        if gap:  # what matters most comes first, as narrow terminals cut the end
            metric = self.system.task.primary_metric
            facts = [f"{metric} {gap['eval/metric']:.1%}", f"learned − random {gap['eval/gap']:+.1%}", *facts]
        journal.show(self.progress, config.steps, " · ".join([*facts, f"loss {values['train/loss']:.2f}"]))

    def _probed(self) -> dict[str, float]:
        """The probe's metrics; with ``keep="best"``, the weights compete for being kept."""
        assert self.probe is not None
        values = self.probe(self.system)
        if self.best is not None:
            (metric,) = self.world.means(values["eval/metric"])  # rounding may differ, and all must decide alike
            values["eval/kept_step"] = self.best.offer(self.system.modules(), metric=metric, step=self.step)
        self._reported_s = time.perf_counter()
        return values

    def _take_best(self) -> int:
        """Put the kept weights into the system; the step they are of."""
        if self.best is None or self.best.step is None:
            return self.step
        self.best.put_into(self.system.modules())
        return self.best.step

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        start_s = time.perf_counter()
        yield
        self._times[name] += time.perf_counter() - start_s

    def _autocast(self) -> Any:
        dtype = torch.float16 if self.config.amp == "fp16" else torch.bfloat16
        return torch.autocast(self.device.type, dtype=dtype, enabled=self.config.amp != "off")


def _best(config: TrainConfig, held_out: Source | None) -> Best | None:
    if config.keep != "best":
        return None
    if held_out is None:
        raise UsageError("keep is 'best', and there are no scenes to judge by: give held_out, or keep 'last'")
    return Best(f"{min(config.eval_scenes, len(held_out))} of {held_out.fingerprint}")


def play(system: System, batch: Batch, *, num_looks: int, noise: Noise | None, policy: Any = None) -> Episode:
    """Full-length episodes with every prediction kept; exploring when there is noise. By another policy if given."""
    player = Player(
        model=system.model, policy=policy or system.policy, max_looks=num_looks, ask=PREDICTION, together=True
    )
    return rollout(batch.scenes, player, noise=noise, explore=noise is not None, keep_events=True)
