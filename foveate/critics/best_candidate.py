"""V(s_t) from one fact: how relevant the best candidate is that is left. For families whose relevance is what a look
can be expected to find, as a zooming search's is: it judges before anything was reinforced, and can be read.

Shape letters: n rows, m candidates.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foveate.core import Observation


@dataclass(frozen=True, kw_only=True)
class BestCandidateConfig:
    """Everything that determines the critic."""

    gain: float = 1.0
    """Of score per unit of relevance, at first: reinforcement learns it."""


class BestCandidate(nn.Module):
    """See the module's docstring."""

    needs_relevance = True

    def __init__(self, config: BestCandidateConfig) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(config.gain))

    def value(self, observation: Observation) -> Tensor:
        """``[n]`` float32: the gain times the best relevance; 0 where no candidate is left."""
        assert observation.relevance is not None  # checked by compatibility, before the first glimpse
        return self.gain * torch.where(observation.mask, observation.relevance.float(), 0.0).amax(1)

    def macs(self, observation: Observation) -> int:
        """Nothing is multiplied but one number."""
        return 0
