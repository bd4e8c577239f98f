"""Pixels as the paper's code reads them: exact at whole pixels, in the shared frame, several looks at once."""

import torch

from foveate.geometry.viewpoint import from_boxes_px
from foveate.models.adaptivenn_pixels import paper_crops, paper_glance


def test_whole_pixel_crops_are_copies_on_scenes_that_are_not_square() -> None:
    images = torch.rand(2, 3, 20, 32, generator=torch.Generator().manual_seed(0))
    boxes = torch.tensor([[[0, 0, 8, 16], [12, 16, 20, 32]], [[3, 5, 11, 21], [7, 0, 15, 16]]])
    viewpoints = from_boxes_px(boxes, torch.tensor([[20, 32]] * 2)).float()
    crops = paper_crops(images, viewpoints, (8, 16))
    for scene in range(2):
        for look in range(2):
            top, left, bottom, right = boxes[scene, look].tolist()
            # The frame is float32, so bicubic weights of whole pixels are 1 and 0 to within rounding.
            expected = images[scene, :, top:bottom, left:right]
            torch.testing.assert_close(crops[scene, look], expected, atol=1e-4, rtol=0)


def test_the_glance_is_the_whole_scene() -> None:
    images = torch.rand(2, 3, 20, 32)
    assert paper_glance(images, (10, 8)).shape == (2, 1, 3, 10, 8)
    torch.testing.assert_close(paper_glance(images, (20, 32))[:, 0], images)
