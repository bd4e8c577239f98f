"""How much of everything: what `make bench` measures, and a smoke run that only shows that the code works."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Effort:
    """Sizes of all cells; part of their configs, so each effort has its own results."""

    num_seeds: int = 3
    seconds: float | None = 120.0
    """At most, of every training of a search; of static nets, exactly."""
    search_steps: int | None = 320
    """What ours do in that time on a core like this one: bounded by steps, a training can be repeated."""
    sign_seconds: float | None = 1200.0
    """Of every training on small signs, unless a model is shipped, whose seconds then count."""
    steps: int | None = None
    test_scenes: int = 2048
    calibration_scenes: int = 2048
    sign_scenes: int = 1024
    static_sides: tuple[int, ...] = (28, 42, 56, 84, 112)
    sign_sides: tuple[tuple[int, int], ...] = ((120, 160), (240, 320), (480, 640), (960, 1280))
    widths: tuple[int, ...] = (8, 16, 32)
    repeats: int = 7
    """Of every timing."""
    exit_batches: tuple[int, ...] = (1, 64)
    forward_batch: int = 16
    model: str = "adaptivenn_deit_small"
    """Of the timings."""
    timed_scenes: int = 20
    """Scenes of a timing at batch size 1."""
    elastic_sizes: tuple[str, ...] = ("small", "base")
    """Encoders of the episodes that are set against one pass over the whole picture."""
    glimpse_scenes: int = 640
    """Test scenes of AdaGlimpse's tasks, and as many for calibration."""
    step_size: str = "tiny"
    """Encoder of the environment steps."""
    giant_sides_px: tuple[int, ...] = (10_240, 32_768)
    """Of the tiled TIFFs: 0.1 and 1.07 gigapixels."""
    regions: int = 300
    """Looks at each of them."""
    big_encoders: tuple[str, ...] = ("small", "efficientnet_lite0")
    """Of the search of big scenes."""
    big_sides_px: tuple[int, ...] = (2048, 4096)
    """Of the scenes that are searched and read in full."""
    clock_sides_px: tuple[int, ...] = (4096, 10_240, 24_576)
    """Of the files that are searched and read in full against the clock: 17, 105 and 604 megapixels."""
    big_scenes: int = 480
    """Per seed, of those to test: 1800 are judged in all, for an interval about two points wide of a difference."""
    big_calibration: int = 120
    """Per seed, of those to calibrate: all are judged, by thresholds of others."""
    any_sides_px: tuple[int, ...] = (2048, 4096, 8192, 16_384)
    """Of scenes that a search is tried on that was trained on the smallest of them."""
    any_scenes: int = 100
    """Per seed and size, to test and to calibrate each; all are judged."""
    any_looks: tuple[int, ...] = (0, 8, 16, 24, 32, 40, 48, 64, 96, 128)
    refused_scenes: int = 200
    """Per seed, searched and scanned."""
    refused_calibration: int = 400
    """Others for the threshold of deferring: about half hold a target, and 149 must."""
    big_looks: tuple[int, ...] = (0, 8, 16, 24, 32, 40, 48, 64)
    """After which readers of these are judged."""

    @property
    def seeds(self) -> range:
        return range(self.num_seeds)


FULL = Effort()
SMOKE = Effort(
    num_seeds=1, seconds=None, search_steps=3, sign_seconds=None, steps=3, test_scenes=64, calibration_scenes=64,
    sign_scenes=16, static_sides=(28,), sign_sides=((120, 160),), widths=(8,), repeats=2, exit_batches=(1, 10),
    forward_batch=4, model="adaptivenn_tiny", timed_scenes=10,
    elastic_sizes=("tiny",), step_size="test", glimpse_scenes=64, giant_sides_px=(1024, 2048), regions=5,
    big_encoders=("small",), big_sides_px=(512,), big_scenes=4, big_calibration=4, big_looks=(0, 8),
    clock_sides_px=(512,), any_sides_px=(512, 1024), any_scenes=4, any_looks=(0, 8), refused_scenes=4,
    refused_calibration=4,
)  # fmt: skip
