"""Class activation against its definition, and where it may not be asked for."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from foveate.errors import UsageError
from foveate.models import create_model
from foveate.models.relevance import class_activation


def test_a_linear_head_gives_the_textbook_maps() -> None:
    """Class activation mapping (Zhou et al. 2016): with mean pooling and a linear head, GradCAM is the class's weights
    applied at every cell."""
    torch.manual_seed(0)
    linear, state_map = nn.Linear(5, 3, bias=False), torch.randn(4, 6, 5)
    best = linear(state_map.mean(1)).argmax(1)
    gradient = linear.weight[best][:, None] / 6

    def head(cells: torch.Tensor) -> torch.Tensor:
        return linear(cells.mean(1))

    gradcam = class_activation(head, state_map, "gradcam")
    torch.testing.assert_close(gradcam, (gradient * state_map).sum(-1).relu().detach())
    layercam = class_activation(head, state_map, "layercam")
    torch.testing.assert_close(layercam, (gradient.relu() * state_map).sum(-1).relu().detach())
    assert class_activation(head, state_map, "none") is None
    with torch.inference_mode():
        torch.testing.assert_close(class_activation(head, state_map + 0, "gradcam"), gradcam)
    assert linear.weight.grad is None


def test_settings_that_cannot_work_are_refused() -> None:
    with pytest.raises(UsageError, match="Did you mean 'gradcam'"):
        create_model("glance_focus", num_outputs=3, relevance="grad_cam")
    with pytest.raises(UsageError, match="auxiliary is 'none'"):
        create_model("glance_focus", num_outputs=3, relevance="gradcam", auxiliary="none")
    with pytest.raises(UsageError, match="attends to no cell"):
        create_model("glance_focus", num_outputs=3, relevance="attention", auxiliary="pooled")
    with pytest.raises(UsageError, match="Known: none, gradcam, layercam"):
        create_model("adaptivenn_tiny", num_outputs=3, relevance="x")
