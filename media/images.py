"""Reading pictures and bringing them to the working size: one way for every part that does.

Axes: 3 colour channels (RGB), H W pixels.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from ..core.errors import DataError
from ..core.interfaces import Array

if TYPE_CHECKING:
    from PIL.Image import Image

Range = tuple[float, float]
WHOLE: Range = (0.0, 100.0)
SQUEEZE = 0.05
"""Share by which a picture's aspect may differ from the working one; people would look wrong beyond."""


def working_size(width: float, height: float, target_height: int) -> tuple[int, int]:
    """(H, W) of the given height at the picture's aspect; the width is even."""
    return target_height, max(2, 2 * round(target_height * width / height / 2))


def squeeze(width: float, height: float, size_HW: tuple[int, int]) -> float:
    """Share by which a picture is widened (above 0) or narrowed when it is brought to a size."""
    return (size_HW[1] / size_HW[0]) / (width / height) - 1


def resized(image: Image, size_HW: tuple[int, int], crop_x: Range = WHOLE, crop_y: Range = WHOLE) -> Array:
    """A part of a picture at another size, without aliasing: fine patterns average out.

    Args:
        image: RGB or grey.
        size_HW: Wanted height and width.
        crop_x: Part to keep, from the left, in percent of the width.
        crop_y: Part to keep, from the top, in percent of the height.

    Returns:
        (3, H, W) uint8 for an RGB picture, (1, H, W) for a grey one.
    """
    from PIL.Image import Resampling

    width, height = image.width, image.height
    box = (crop_x[0] * width / 100, crop_y[0] * height / 100, crop_x[1] * width / 100, crop_y[1] * height / 100)
    shrinks = box[2] - box[0] >= size_HW[1] and box[3] - box[1] >= size_HW[0]
    # the box filter skips and doubles pixels at ratios like 1.5; Hamming is nearly as sharp and does not
    filter_ = Resampling.HAMMING if shrinks else Resampling.BICUBIC
    small = image.resize(size_HW[::-1], filter_, box=box, reducing_gap=3.0)
    return np.atleast_3d(np.asarray(small)).transpose(2, 0, 1)


def read_image(
    path: Path, size_HW: tuple[int, int], mode: Literal["RGB", "L"] = "RGB", tolerance: float = SQUEEZE
) -> Array:
    """A picture file at the working size.

    Args:
        path: Any format that Pillow reads.
        size_HW: Wanted height and width.
        mode: RGB, or L for grey.
        tolerance: Refuse a picture whose aspect differs by a larger share.

    Returns:
        (3, H, W) uint8, or (1, H, W) for grey.

    Raises:
        DataError: If there is no such picture, it is broken, or its aspect is another one.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as file:
            file.draft(mode, (2 * size_HW[1], 2 * size_HW[0]))  # JPEG: decode no more than is needed
            image = ImageOps.exif_transpose(file).convert(mode)
    except FileNotFoundError:
        raise DataError("there is no such image", where=str(path)) from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"the image cannot be read: {error}", where=str(path)) from None
    if abs(squeeze(image.width, image.height, size_HW)) > tolerance:
        raise DataError(
            f"the image is {image.width}x{image.height}, another shape than the working frame "
            f"({size_HW[1]}x{size_HW[0]})",
            where=str(path),
            hint="keep pictures of one shape in one dataset",
        )
    return resized(image, size_HW)


def image_size(path: Path) -> tuple[int, int]:
    """(H, W) of a picture file as it is shown, from its header.

    Raises:
        DataError: If there is no such picture or it is broken.
    """
    from PIL import Image

    try:
        with Image.open(path) as file:
            # asked for what its header does not tell, a PNG is decoded to its end
            told = file.format != "PNG" or "exif" in file.info
            turned = told and file.getexif().get(0x0112, 1) >= 5
            width, height = file.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"the image cannot be read: {error}", where=str(path)) from None
    return (width, height) if turned else (height, width)
