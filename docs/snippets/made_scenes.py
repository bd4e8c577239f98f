"""Big pictures with small clues: scenes of any size, rendered only where they are looked at."""

import numpy as np

from foveate.geometry.viewpoint import from_boxes_px, whole_scene
from foveate.scenes.procedural import ProceduralConfig, ProceduralSet
from foveate.scenes.scent import scent_of

config = ProceduralConfig(size_px=(16384, 16384), object_size_px=(164, 613))  # 0.01 to 0.14 % of the area
scenes = ProceduralSet(config, split="train")
batch, targets = scenes.batch(np.arange(8), epoch_seed=0)  # milliseconds; nothing is rendered yet
overview = batch.read(whole_scene(8), (128, 128)).pixels  # [8, 1, 3, 128, 128]
boxes = targets["thing_boxes_px"][:, -6:-5].astype(float)  # one look-alike of each scene
closely = batch.read(from_boxes_px(boxes, batch.sizes_px), (64, 64)).pixels
assert overview.shape == (8, 1, 3, 128, 128)
assert closely.shape == (8, 1, 3, 64, 64)

# What counts as a search: things can be smelt from afar, so that looking at the right places pays.
small = ProceduralSet(ProceduralConfig(size_px=(2048, 2048), object_size_px=(28, 76)))
assert scent_of(small, overview_px=(224, 224), num_scenes=20).auc > 0.9
