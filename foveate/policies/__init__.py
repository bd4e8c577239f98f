"""Policies: where to look next. Learned ones can be improved by reinforcement; the others are the honest controls.

Facts: ``config`` is the config class, ``learned`` whether reinforcement can improve it, ``drawn``
whether its looks are draws even in evaluation, ``needs_grid`` whether the
candidates must be a regular grid, ``needs_relevance`` whether the family must offer a relevance.
"""

from __future__ import annotations

from typing import Any

from foveate.registry import Registry

POLICIES: Registry[Any] = Registry("policy")

POLICIES.register(
    "spatial",
    "foveate.policies.spatial:Spatial",
    config="foveate.policies.spatial:SpatialConfig",
    learned=True,
    summary="a heatmap over the candidates, times a small offset (our default)",
)
POLICIES.register(
    "gaussian",
    "foveate.policies.gaussian:Gaussian",
    config="foveate.policies.gaussian:GaussianConfig",
    learned=True,
    needs_grid=True,
    summary="a Gaussian whose mean a map network gives (the paper's)",
)
POLICIES.register(
    "squashed_gaussian",
    "foveate.policies.squashed_gaussian:SquashedGaussian",
    config="foveate.policies.squashed_gaussian:SquashedGaussianConfig",
    learned=True,
    summary="a Gaussian over place and zoom, squashed to what is legal, from the set of what was seen (AdaGlimpse's)",
)

# Controls. `control` marks what a learned policy has to beat; only those with `needs_relevance` look at the scene.
POLICIES.register(
    "random",
    "foveate.policies.random_looks:Random",
    config="foveate.policies.random_looks:RandomConfig",
    learned=False,
    drawn=True,
    control=True,
    summary="uniform over every legal position (control)",
)
POLICIES.register(
    "gaussian_random",
    "foveate.policies.random_looks:GaussianRandom",
    config="foveate.policies.random_looks:GaussianRandomConfig",
    learned=False,
    drawn=True,
    control=True,
    summary="a Gaussian cloud around the centre (control)",
)
POLICIES.register(
    "centre_corners",
    "foveate.policies.scans:CentreCorners",
    config="foveate.policies.scans:CentreCornersConfig",
    learned=False,
    control=True,
    summary="the centre, then the corners, then the edges (control)",
)
POLICIES.register(
    "raster",
    "foveate.policies.scans:Raster",
    config="foveate.policies.scans:RasterConfig",
    learned=False,
    control=True,
    summary="tiles the scene in reading order (control)",
)
POLICIES.register(
    "coarse_to_fine",
    "foveate.policies.scans:CoarseToFine",
    config="foveate.policies.scans:CoarseToFineConfig",
    learned=False,
    control=True,
    summary="the nodes of a quadtree, level by level (control)",
)
POLICIES.register(
    "cam",
    "foveate.policies.cam:Cam",
    config="foveate.policies.cam:CamConfig",
    learned=False,
    control=True,
    needs_relevance=True,
    summary="where class activation is high, by the model's relevance setting (control)",
)
POLICIES.register(
    "cam_gmm",
    "foveate.policies.cam_gmm:CamGmm",
    config="foveate.policies.cam_gmm:CamGmmConfig",
    learned=False,
    control=True,
    needs_relevance=True,
    summary="class activation as a Gaussian mixture, the n-th look at its n-th component (control)",
)
