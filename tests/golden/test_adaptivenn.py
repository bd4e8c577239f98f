"""Our AdaptiveNN against stored outputs of the paper's code; made by scripts/parity_adaptivenn.py, which says how."""

from pathlib import Path

import numpy as np
import pytest

from foveate.critics.map_value import MapValue, MapValueConfig
from foveate.importing.adaptivenn import convert
from foveate.importing.adaptivenn_keys import NEVER_USED
from foveate.importing.adaptivenn_parity import plain_configs, replay, seeded_images, seeded_weights
from foveate.models.adaptivenn import AdaptiveNN
from foveate.policies.gaussian import Gaussian, GaussianConfig

GOLDEN_DIR = Path(__file__).parent / "adaptivenn"

# The same arithmetic in another order. Measured: 5e-6 between the two codes and 3e-6 between batches of one and of two
# in ours. The recurrence over looks and the crops amplify rounding, so other machines may see some times more; norms of
# the wrong step, another rule for the nearest cell or a transposed kernel show from 0.1 on.
TOLERANCE = 1e-4


@pytest.mark.parametrize("name", ["shallow", "deit_small"])
def test_logits_values_and_locations_of_every_step_equal_the_papers_code(name: str) -> None:
    golden = np.load(GOLDEN_DIR / f"{name}.npz")
    shapes = {
        key: tuple(int(side) for side in shape.split(","))
        for key, shape in zip(golden["names"].tolist(), golden["shapes"].tolist(), strict=True)
    }
    weights = seeded_weights(shapes)
    configs = plain_configs(weights, focus_only_px=int(golden["focus_only_px"]))
    model, policy = AdaptiveNN(configs.model).eval(), Gaussian(GaussianConfig(**configs.agent))
    critic = MapValue(MapValueConfig(**configs.agent))
    for part, state in zip((model, policy, critic), convert(weights, configs), strict=True):
        part.load_state_dict(state)
    outputs = replay(model, policy, critic, seeded_images(int(golden["num_scenes"]), int(golden["side_px"])))
    assert set(outputs) == {"logits", "values", "locations", "focus_only"}
    for output, value in outputs.items():
        np.testing.assert_allclose(value, golden[output], rtol=0, atol=TOLERANCE, err_msg=output)
        assert golden[output].std() > 0.05, f"{output} hardly varies: the golden would prove nothing"


def test_what_the_paper_never_uses_is_known_by_number() -> None:
    golden = np.load(GOLDEN_DIR / "deit_small.npz")
    shapes = dict(zip(golden["names"].tolist(), golden["shapes"].tolist(), strict=True))
    sides = [[1000 if side == "10" else int(side) for side in shapes[name].split(",")] for name in NEVER_USED]
    assert sum(int(np.prod(shape)) for shape in sides) == 385_768  # with ImageNet's 1000 classes
