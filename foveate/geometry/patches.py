"""Square glimpses of any place and size, and the patches they are made of; array-agnostic, without torch.

An action is AdaGlimpse's (y, x, s) in [0, 1]: s the side between the smallest and the largest glimpse, y and x the
corner in units of the free range. That paper's floors are kept (dossier, section 2): the corner is computed with the
unrounded side, then all three are rounded down; the last row and column of patches take the rest.
Shape letters: n scenes, k looks, g x g patches of a look, C bands, h x w pixels of a patch.
"""

from __future__ import annotations

from array_api_compat import array_namespace, device

from foveate.geometry.viewpoint import Array


def square_boxes(action: Array, sizes_px: Array, *, sides_px: tuple[Array, Array]) -> Array:
    """Pixel boxes ``[n, k, 4]`` (top, left, bottom, right) of actions ``[n, k, 3]`` in scenes ``sizes_px`` ``[n, 2]``,
    corner and side rounded down.

    ``sides_px``: the smallest and the largest side, each ``[n]``. In the action's dtype."""
    xp = array_namespace(action)
    smallest, largest = (xp.asarray(side, dtype=action.dtype)[:, None] for side in sides_px)
    room = xp.asarray(sizes_px, dtype=action.dtype, device=device(action))[:, None, :]
    side = action[..., 2] * (largest - smallest) + smallest
    top, left = action[..., 0] * (room[..., 0] - side), action[..., 1] * (room[..., 1] - side)
    top, left, side = xp.floor(top), xp.floor(left), xp.floor(side)
    return xp.stack([top, left, top + side, left + side], axis=-1)


def patch_boxes(boxes_px: Array, grid: int, *, whole_px: bool = False) -> Array:
    """Boxes ``[n, k * g * g, 4]`` of the patches of boxes ``[n, k, 4]``, row-major in each look.

    With ``whole_px`` boxes are rounded down, and patches are squares of whole pixels; where g does not divide the side,
    those of the last row and column are larger and overlap their neighbours, as in the paper."""
    xp = array_namespace(boxes_px)
    boxes_px = xp.floor(boxes_px) if whole_px else boxes_px
    side = (boxes_px[..., 2:] - boxes_px[..., :2])[..., None, None, :]  # [n, k, 1, 1, 2]
    each = xp.floor(side / grid) if whole_px else side / grid
    step = xp.arange(grid, dtype=boxes_px.dtype, device=device(boxes_px))
    place = xp.stack(xp.meshgrid(step, step, indexing="ij"), axis=-1)  # [g, g, 2]
    low = boxes_px[..., None, None, :2] + place * each
    rest = side - each * (grid - 1)
    is_last = xp.any(place == grid - 1, axis=-1)[..., None]
    patches = xp.concat([low, low + xp.where(is_last, rest, each)], axis=-1)
    return xp.reshape(patches, (boxes_px.shape[0], boxes_px.shape[1] * grid * grid, 4))


def cut(glimpses: Array, grid: int) -> Array:
    """Patches ``[n, k * g * g, C, h, w]`` of glimpses ``[n, k, C, g * h, g * w]``, row-major in each."""
    xp, (n, k, bands, height, width) = array_namespace(glimpses), glimpses.shape
    tiles = xp.reshape(glimpses, (n, k, bands, grid, height // grid, grid, width // grid))
    return xp.reshape(
        xp.permute_dims(tiles, (0, 1, 3, 5, 2, 4, 6)), (n, k * grid * grid, bands, height // grid, width // grid)
    )


def joined(patches: Array, grid: int) -> Array:
    """Inverse of :func:`cut`."""
    xp, (n, count, bands, height, width) = array_namespace(patches), patches.shape
    tiles = xp.reshape(patches, (n, count // grid**2, grid, grid, bands, height, width))
    return xp.reshape(
        xp.permute_dims(tiles, (0, 1, 4, 2, 5, 3, 6)), (n, count // grid**2, bands, grid * height, grid * width)
    )
