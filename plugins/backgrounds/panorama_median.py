"""The panorama: per pixel the median of the frames that show it; and what of it each frame would show.

It is made tile by tile, of a bounded number of frames each, so that memory depends on neither the clip's length nor
the panorama's size, but for the panorama itself.

Axes: N frames, S frames of a tile, H W pixels of a frame or h w of a tile, 3 colour channels.
Coordinates: pixels whose centres are integer, as in OpenCV.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...core.interfaces import Array
from .panorama_match import moved, opencv, to_pixels
from .panorama_place import extent

Read = Callable[[int], Array]
TILE = 192


def rastered(places: Sequence[Array], size_HW: tuple[int, int], largest: int) -> tuple[list[Array], tuple[int, int]]:
    """From each frame's pixels to the panorama's, homographies (3, 3), and the panorama's height and width.

    It has the resolution of the frame in its middle, or less where it would be wider or higher than ``largest``.

    Raises:
        ValueError: If the frames do not fit into one plane.
    """
    low_2, high_2 = extent(places, size_HW)
    span = float((high_2 - low_2).max())
    if not np.isfinite(span):
        raise ValueError("the frames do not fit into one plane")
    scale = min(max(size_HW) / 2, largest / span)
    width, height = (int(side) for side in np.ceil((high_2 - low_2) * scale))
    into_33 = np.array([[scale, 0, -low_2[0] * scale - 0.5], [0, scale, -low_2[1] * scale - 0.5], [0, 0, 1]])
    from_pixels_33 = np.linalg.inv(to_pixels(size_HW))
    return [into_33 @ place_33 @ from_pixels_33 for place_33 in places], (height, width)


def panorama(
    read: Read, homographies: Sequence[Array], size_HW: tuple[int, int], shape_HW: tuple[int, int], most: int
) -> Array:
    """Median of the frames that show each pixel, (H, W, 3) uint8.

    Args:
        read: Gives a frame, (3, H, W) uint8.
        homographies: From each frame's pixels to the panorama's.
        size_HW: Of the frames.
        shape_HW: Of the panorama.
        most: Frames that are looked at for a tile, spread evenly over those that show some of it.
    """
    height, width = size_HW
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) - 0.5
    boxes = [(at.min(axis=0), at.max(axis=0)) for at in (moved(matrix, corners) for matrix in homographies)]
    picture = np.zeros((*shape_HW, 3), np.uint8)
    seen = np.zeros(shape_HW, bool)
    for top in range(0, shape_HW[0], TILE):
        for left in range(0, shape_HW[1], TILE):
            low, high = np.array([left, top]), np.array([left + TILE, top + TILE])
            shows = [n for n, (first, last) in enumerate(boxes) if (first < high).all() and (last > low).all()]
            shows = [shows[i] for i in np.unique(np.linspace(0, len(shows) - 1, min(most, len(shows))).astype(int))]
            if shows:
                part = np.s_[top : top + TILE, left : left + TILE]
                moved_here = [(read(n), shifted(-left, -top) @ homographies[n]) for n in shows]
                picture[part], seen[part] = tile_median(moved_here, picture[part].shape[:2])
    return with_rim(picture, seen)


def shifted(right: float, down: float) -> Array:
    """A homography that moves by pixels."""
    return np.array([[1, 0, right], [0, 1, down], [0, 0, 1]], np.float64)


def tile_median(frames: Sequence[tuple[Array, Array]], shape_hw: tuple[int, int]) -> tuple[Array, Array]:
    """Median (h, w, 3) over the frames (3, H, W) that show a pixel, each with its homography; and who is shown."""
    cv2 = opencv()
    values, counted = [], []
    for frame_3HW, matrix_33 in frames:
        image = np.ascontiguousarray(frame_3HW.transpose(1, 2, 0))
        whole = np.full(image.shape[:2], 255, np.uint8)
        size = shape_hw[::-1]
        warped = cv2.warpPerspective(image, matrix_33, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        values.append(warped)
        counted.append(cv2.warpPerspective(whole, matrix_33, size, flags=cv2.INTER_LINEAR) == 255)
    return masked_median(np.stack(values), np.stack(counted))


def masked_median(values_Shw3: Array, counted_Shw: Array) -> tuple[Array, Array]:
    """Median over the values that count, (h, w, 3) uint8, zero where none does; and where some do, (h, w).

    Of an even number it is the mean of the middle two.
    """
    ordered = np.sort(np.where(counted_Shw[..., None], values_Shw3, np.uint8(255)), axis=0)
    number_hw = counted_Shw.sum(axis=0)
    lower, upper = np.maximum(number_hw - 1, 0) // 2, np.minimum(number_hw // 2, len(ordered) - 1)
    pair = [np.take_along_axis(ordered, at[None, :, :, None], axis=0)[0].astype(np.uint16) for at in (lower, upper)]
    middle = ((pair[0] + pair[1] + 1) // 2).astype(np.uint8)
    return np.where(number_hw[..., None] > 0, middle, np.uint8(0)), number_hw > 0


def with_rim(picture_HW3: Array, seen_HW: Array) -> Array:
    """What nobody saw next to what somebody did takes its colour, so that interpolation finds no black there."""
    cv2 = opencv()
    weight_HW = cv2.blur(seen_HW.astype(np.float32), (7, 7))
    around_HW3 = cv2.blur(picture_HW3.astype(np.float32) * seen_HW[..., None], (7, 7))
    rim = around_HW3 / np.maximum(weight_HW, 1e-3)[..., None]
    return np.where(seen_HW[..., None], picture_HW3, rim.round().clip(0, 255).astype(np.uint8))


def shown(picture_HW3: Array, matrix_33: Array, size_HW: tuple[int, int]) -> Array:
    """What a frame shows of the panorama, (3, H, W) uint8; its homography is as in `panorama`."""
    cv2 = opencv()
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    size = size_HW[::-1]
    image = cv2.warpPerspective(picture_HW3, matrix_33, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(image.transpose(2, 0, 1))
