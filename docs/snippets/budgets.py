"""Budgets from traces: one full-length pass over held-out scenes, then thresholds for any budget without a network."""

import numpy as np

from foveate.core import Step
from foveate.errors import BudgetError
from foveate.stopping.budgets import BudgetTable
from foveate.stopping.traces import Traces

# Traces of 1000 made-up scenes and 3 looks; `foveate.evaluation.record.record` makes them from a model.
rng = np.random.default_rng(0)
needed = rng.integers(0, 4, 1000)  # looks after which a scene's answer is right
looks = np.tile(np.arange(4.0), (1000, 1))
traces = Traces(
    scores=(looks >= needed[:, None]).astype(float),
    costs={"looks": looks, "macs": 1e9 + 1.2e9 * looks},
    values=np.clip(needed[:, None] - looks, 0, 1) + 0.1 * rng.normal(size=(1000, 4)),
    noise=rng.random((1000, 4)),
    scene_noise=rng.random(1000),
)
table = BudgetTable.build(traces, rules=["value", "count"])

budget = "1.2 looks"
value, count = table.expected_score(budget), table.expected_score(budget, rule="count")
assert value > count  # the critic knows who needs more

stop = table.stopper("2.2GMAC")  # the same table, another unit
outcome = traces.evaluate(stop.rule, stop.thresholds, unit="macs")
assert abs(outcome.cost - 2.2e9) <= 0.02 * 2.2e9
first = Step(num_looks=np.zeros(2, int), value=np.float32([2.0, -0.5]), scene_noise=np.array([0.5, 0.5]))
assert stop(first).tolist() == [False, True]  # who expects a gain goes on

too_low = None
try:
    table.stopper("0.5GMAC")
except BudgetError as error:
    too_low = error
assert too_low is not None
assert too_low.nearest == 1e9  # opening and answering take that much; the message says so too
