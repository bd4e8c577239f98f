"""The one list of metric names, for every algorithm, so that curves compare; in metrics.jsonl and TensorBoard."""

from __future__ import annotations

METRICS: dict[str, str] = {
    "train/loss": "total representation loss of the batch",
    "train/task_loss_first": "task loss before any look",
    "train/task_loss_last": "task loss after the last look",
    "train/metric_last": "primary metric after the last look, exploring",
    "train/auxiliary_loss": "sum of the family's auxiliary losses, unweighted",
    "train/lr": "learning rate of the backbone",
    "train/scenes_per_s": "scenes trained on per second since the last line",
    "train/broken": "scenes skipped because their file is broken, so far",
    "losses/policy": "clipped surrogate, negated; of SAC the soft value, negated",
    "losses/value": "squared error of the critic, of SAC's opinions and value together",
    "losses/entropy": "entropy of the policy, nats",
    "losses/approx_kl": "KL between behaviour and current policy",
    "losses/clip_fraction": "share of ratios outside the clip range",
    "losses/explained_variance": "of the returns, by the critic at collection",
    "losses/q": "mean opinion of the actions taken (SAC)",
    "losses/temperature": "worth of one nat of entropy, in scaled reward (SAC)",
    "losses/remembered": "transitions in the replay (SAC)",
    "rollout/reward": "mean reward per look",
    "rollout/useless_frac": "share of looks that did not raise the score",
    "eval/metric": "primary metric on held-out scenes, mode policy, all looks",
    "eval/metric_random": "the same weights with uniformly random looks: the honest control",
    "eval/gap": "the difference of the two: what learned looking adds",
    "eval/kept_step": "step of the best weights so far, which the run will end with; with keep='best' only",
    "time/elapsed_s": "seconds of training so far, over all resumes",
    "time/data_s": "seconds spent waiting for scenes since the last line",
    "time/rollout_s": "seconds in episodes since the last line",
    "time/backward_s": "seconds in the backbone's backward and step since the last line",
    "time/agent_s": "seconds in the agent's updates since the last line",
}
