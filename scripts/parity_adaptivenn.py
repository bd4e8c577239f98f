"""Compares foveate's AdaptiveNN with the paper's code, step by step, and stores what the golden test needs.

    git clone https://github.com/LeapLabTHU/AdaptiveNN /tmp/AdaptiveNN
    python scripts/parity_adaptivenn.py /tmp/AdaptiveNN            # prints the differences; exit code 1 above 1e-4
    python scripts/parity_adaptivenn.py /tmp/AdaptiveNN --write    # also writes tests/golden/adaptivenn/*.npz

The paper's model is built by its own constructor, every parameter (norms and biases too) is set to numbers made from
its name (foveate.models.seeded), and it runs on the CPU in evaluation mode. The same weights go through the key map of
the import into ours. Only outputs, names and shapes are stored, none of their code. Needs torch and torchvision, which
their vendored timm imports. Traps: their package shadows timm and must come first on the path; it prints while it
builds; it looks at the mean location only in evaluation mode; its pictures must be square.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from foveate.critics.map_value import MapValue, MapValueConfig
from foveate.importing.adaptivenn import convert
from foveate.importing.adaptivenn_parity import Outputs, plain_configs, replay, seeded_images, seeded_weights
from foveate.models.adaptivenn import AdaptiveNN
from foveate.policies.gaussian import Gaussian, GaussianConfig

GOLDEN_DIR = Path(__file__).parents[1] / "tests" / "golden" / "adaptivenn"
TOLERANCE = 1e-4

CASES: dict[str, dict[str, Any]] = {
    # The published sizes; fewer classes, because each costs 4 kB of golden and proves nothing more.
    "deit_small": {
        "num_scenes": 2, "side_px": 288, "glance_px": 112, "focus_px": 112, "focus_only_px": 160,
        "looks": 4, "glance_depth": 12, "focus_depth": 12, "head_blocks": 4, "classes": 10,
    },
    # As few blocks as there can be, and a state grid (4 x 4) that differs from the local one (3 x 3).
    "shallow": {
        "num_scenes": 3, "side_px": 120, "glance_px": 64, "focus_px": 48, "focus_only_px": 80,
        "looks": 2, "glance_depth": 3, "focus_depth": 2, "head_blocks": 1, "classes": 7,
    },
}  # fmt: skip


def official_model(checkout: Path, case: dict[str, Any]) -> nn.Module:
    """The paper's model of this case, with torch's random weights."""
    sys.path[:0] = [str(checkout / "models")]
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import dynamic_deitS  # type: ignore[import-not-found]

        model: nn.Module = dynamic_deitS.dynamic_deitS(
            seq_len=case["looks"], feature_in_chans=384, recover_n=5, remaining_blocks=case["head_blocks"],
            glance_input_size=case["glance_px"], glance_net_depth=case["glance_depth"],
            glance_net_mlp_ratio=4, glance_net_drop_path=0.1,
            focus_patch_size=case["focus_px"], focus_net_reg_size=case["focus_only_px"],
            focus_net_depth=case["focus_depth"], focus_net_mlp_ratio=4, focus_net_drop_path=0.1,
            multi_cls_drop_path=0.1, policy_net_hidden_chans=128, policy_net_kernel_size=3,
            num_classes=case["classes"],
        )  # fmt: skip
    return model.eval()


@torch.no_grad()
def official_outputs(model: nn.Module, images: Tensor, looks: int) -> Outputs:
    """What their evaluation computes, in the layout of :func:`replay`."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = model(images, seq_l=looks)
    stacked = {
        "logits": torch.stack([*out["x_glance"], *out["x_focus"]], 1),
        "values": torch.cat(out["_state_values"], 1),
        "locations": torch.stack(out["actions"], 1),
        "focus_only": out["outputs_reg_focus_net"],
    }
    return {name: value.numpy() for name, value in stacked.items()}


def our_outputs(weights: dict[str, Tensor], images: Tensor, focus_only_px: int) -> Outputs:
    """The same from our nets, their weights having gone through the import's key map."""
    configs = plain_configs(weights, focus_only_px=focus_only_px)
    model, policy = AdaptiveNN(configs.model).eval(), Gaussian(GaussianConfig(**configs.agent))
    critic = MapValue(MapValueConfig(**configs.agent))
    for part, state in zip((model, policy, critic), convert(weights, configs), strict=True):
        part.load_state_dict(state)
    return replay(model, policy, critic, images)


def compare(name: str, checkout: Path, *, write: bool) -> float:
    """Run one case, print the differences step by step, return the largest."""
    case = CASES[name]
    theirs = official_model(checkout, case)
    shapes = {key: tuple(value.shape) for key, value in theirs.state_dict().items()}
    weights = seeded_weights(shapes)
    theirs.load_state_dict(weights)
    images = seeded_images(case["num_scenes"], case["side_px"])
    expected = official_outputs(theirs, images, case["looks"])
    actual = our_outputs(weights, images, case["focus_only_px"])
    print(f"{name}: {len(shapes)} keys, {sum(w.numel() for w in weights.values()):,} numbers")
    worst = 0.0
    for output, value in expected.items():
        difference = np.abs(value - actual[output])
        per_step = difference.reshape(len(value), difference.shape[1] if output != "focus_only" else 1, -1).max((0, 2))
        print(
            f"  {output:10} spread {value.std():.3f}  max difference per step", " ".join(f"{d:.1e}" for d in per_step)
        )
        worst = max(worst, float(difference.max()))
    if write:
        names = np.array(list(shapes))
        sizes = np.array([",".join(map(str, shape)) for shape in shapes.values()])
        settings = {key: np.array(case[key]) for key in ("num_scenes", "side_px", "focus_only_px")}
        made_with = np.array(f"torch {torch.__version__}, AdaptiveNN {_revision(checkout)}")
        np.savez_compressed(
            GOLDEN_DIR / f"{name}.npz", names=names, shapes=sizes, made_with=made_with, **settings, **expected
        )
    return worst


def _revision(checkout: Path) -> str:
    command = ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkout", type=Path, help="a checkout of github.com/LeapLabTHU/AdaptiveNN")
    parser.add_argument("--write", action="store_true", help="write the golden files")
    args = parser.parse_args()
    worst = max(compare(name, args.checkout, write=args.write) for name in CASES)
    print(f"largest difference {worst:.1e}, allowed {TOLERANCE:.0e}")
    sys.exit(worst > TOLERANCE)


if __name__ == "__main__":
    main()
