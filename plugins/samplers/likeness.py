"""Whether two frames of one camera show nearly the same picture, which nothing can be learned from.

Source: near-duplicates are a known nuisance of pairs from videos; the share of 2 % and the parts are ours.

Axes: B pairs, 2 frames of a pair, H W pixels, 4 = (s_x, s_y, u_x, u_y) of a box in [-1, 1].
"""

from __future__ import annotations

import numpy as np

from ...core.interfaces import Array

PARTS = 8
"""Without boxes, a frame is looked at in so many parts by so many."""
LOOKED_AT = 64
"""Of larger pictures every n-th pixel is compared, so that at least so many lie along each side."""


def change(frame_2HW: Array, box_24: Array | None) -> float:
    """Mean absolute difference of two frames, (2, 3, H, W) uint8, as a share of the full range.

    Inside of the rectangle around both boxes; without boxes, or where one is not known, in the part of the frame that
    changes most, so that a small person before a large wall counts.
    """
    one, other = frame_2HW
    if box_24 is not None and np.isfinite(box_24).all():
        left, top, right, bottom = around(box_24, one.shape[1:])
        one, other = one[:, top:bottom, left:right], other[:, top:bottom, left:right]
        return float(difference(one, other).mean())
    away_HW = difference(one, other)
    height, width = away_HW.shape
    rows, columns = (np.linspace(0, side, min(PARTS, side) + 1).astype(int)[:-1] for side in (height, width))
    sums = np.add.reduceat(np.add.reduceat(away_HW, rows, axis=0), columns, axis=1)
    sizes = np.diff([*rows, height])[:, None] * np.diff([*columns, width])
    return float((sums / sizes).max())


def difference(one: Array, other: Array) -> Array:
    """Mean absolute difference of the three colours, in [0, 1], at all of the (H, W) pixels or at every n-th."""
    down, right = (slice(None, None, max(side // LOOKED_AT, 1)) for side in one.shape[1:])
    one, other = one[:, down, right], other[:, down, right]
    away: Array = np.maximum(one, other) - np.minimum(one, other)  # uint8 would wrap around
    return np.asarray(away.mean(axis=0, dtype=np.float32) / 255)


def around(box_24: Array, size_HW: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom in pixels of the rectangle around two boxes, inside of the frame and never empty."""
    sides = np.array(size_HW[::-1])
    low_2 = (box_24[:, 2:] - box_24[:, :2]).min(axis=0)
    high_2 = (box_24[:, 2:] + box_24[:, :2]).max(axis=0)
    first_2 = np.clip(np.floor((low_2 + 1) / 2 * sides), 0, sides - 1).astype(int)
    last_2 = np.clip(np.ceil((high_2 + 1) / 2 * sides), first_2 + 1, sides).astype(int)
    return int(first_2[0]), int(first_2[1]), int(last_2[0]), int(last_2[1])
