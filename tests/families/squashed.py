"""A throw-away policy for free centre and zoom: a Gaussian in raw space, squashed to legal looks, reparameterised (the
action and its log-probability keep their gradient when there is one, as SAC needs)."""

import math
from dataclasses import dataclass

import torch
from torch import nn

from foveate.core import Look, Score
from foveate.geometry.viewpoint import clamp_inside


@dataclass(frozen=True, kw_only=True)
class SquashedConfig:
    summary_dim: int


class Squashed(nn.Module):
    noise_shape = (1, 3)

    def __init__(self, config: SquashedConfig) -> None:
        super().__init__()
        self.net = nn.Linear(config.summary_dim, 6)

    def moments(self, observation):
        mean, log_sigma = self.net(observation.summary.float()).chunk(2, -1)
        return mean, log_sigma.clamp(-3, 1)

    def look(self, observation, noise=None):
        mean, log_sigma = self.moments(observation)
        normal = torch.zeros_like(mean)
        if noise is not None:
            normal = torch.special.ndtri(torch.as_tensor(noise)[:, 0].double()).float()
        raw = mean + log_sigma.exp() * normal
        half = 0.1 + 0.9 * torch.sigmoid(raw[:, 2:]).expand(-1, 2)
        viewpoints = clamp_inside(torch.cat([torch.tanh(raw[:, :2]), half], -1))[:, None]
        valid = torch.ones(len(raw), 1, dtype=torch.bool)
        log_prob = self.log_prob(raw, mean, log_sigma)
        return Look(action={"raw": raw[:, None]}, viewpoints=viewpoints, valid=valid, log_prob=log_prob, behaviour={})

    def log_prob(self, raw, mean, log_sigma):
        z = (raw - mean) / log_sigma.exp()
        return -(0.5 * z.square() + log_sigma + 0.5 * math.log(2 * math.pi)).sum(-1)

    def score(self, observation, action, behaviour):
        mean, log_sigma = self.moments(observation)
        entropy = (log_sigma + 0.5 * math.log(2 * math.pi * math.e)).sum(-1)
        return Score(log_prob=self.log_prob(action["raw"][:, 0].detach(), mean, log_sigma), entropy=entropy)

    def anneal(self, remaining):
        pass

    def macs(self, observation):
        return self.net.in_features * 6
