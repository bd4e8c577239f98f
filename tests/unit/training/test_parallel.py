"""Two processes on one machine learn what one process learns from the same global batch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from foveate.training.parallel import World, rank_here, world_size_here
from tests.unit.training.tiny import tiny_system, trainer, weights, with_plain_steps

ROOT = Path(__file__).parents[3]

# Other weights in the second process: it must take the first one's.
WORKER = """
import os
import sys
from pathlib import Path
import torch
from tests.unit.training.tiny import tiny_system, trainer, weights, with_plain_steps

out, every = Path(sys.argv[1]), int(sys.argv[2])
system = tiny_system(seed=int(os.environ["RANK"]))
run = with_plain_steps(trainer(out, system=system, steps=3, lr=0.1, ppo={"every": every, "lr": 0.1}))
result = run.run()
losses = [row["train/loss"] for row in result.metrics]
torch.save({"weights": weights(run.system), "loss": losses}, out / f"{run.world.rank}.pt")
run.world.leave()
"""


@pytest.mark.multiprocess
@pytest.mark.parametrize("every", [1, 2])
def test_two_processes_equal_one(tmp_path: Path, every: int) -> None:
    worker = tmp_path / "worker.py"
    worker.write_text(WORKER)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(worker)]
    done = subprocess.run(
        [*command, str(tmp_path), str(every)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    alone = with_plain_steps(trainer(system=tiny_system(seed=0), steps=3, lr=0.1, ppo={"every": every, "lr": 0.1}))
    result = alone.run()
    together = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1)]
    assert together[0]["loss"] == pytest.approx([row["train/loss"] for row in result.metrics], abs=1e-5)
    for name, value in weights(alone.system).items():
        torch.testing.assert_close(together[0]["weights"][name], value, atol=1e-5, rtol=0, msg=name)
        assert torch.equal(together[0]["weights"][name], together[1]["weights"][name]), name
    assert (tmp_path / "checkpoint.rank1.pt").exists()
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 3


def test_a_world_of_one_changes_nothing() -> None:
    world = World()
    value = torch.randn(5)
    assert world.mean(value) is value
    assert world.means(1.0, 2.0) == [1.0, 2.0]
    mean, std = world.moments(value)
    torch.testing.assert_close((mean, std), (value.mean(), value.std()))
    assert (rank_here(), world_size_here()) == (0, 1)
