"""One frame of `poserep predict`: what was found over the picture, and beside it the redrawn frame and the pose.

Axes: 3 colour channels, H W display pixels, h w working pixels, J joints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..core.interfaces import Array
from .drawing import PREDICTED_BOX, caption, draw_box, pose_panel
from .pictures import MASK_COLOUR, View

if TYPE_CHECKING:
    from PIL.Image import Image

    from ..core.skeleton import Skeleton

LEAST, MOST = 384, 720
"""Height of the display in pixels: the source's own inside these bounds."""
TINT = 0.55
VIEWS: tuple[View, ...] = ("front", "side")


def display_size(source_height: float, working_HW: tuple[int, int]) -> tuple[int, int]:
    """(H, W), both even, at the working frame's aspect."""
    height = 4 * round(min(MOST, max(LEAST, source_height)) / 4)  # the two panels of a pose halve it
    return height, 2 * round(height * working_HW[1] / working_HW[0] / 2)


def overlay(picture_3HW: Array, found: dict[str, Array], skeleton: Skeleton | None, time_s: float) -> Array:
    """The panels side by side, (H, W', 3) uint8.

    Args:
        picture_3HW: The source at display size, uint8.
        found: ``box`` (4,), and if there are ``mask`` (h, w) uint8, ``redrawn`` (3, h, w) uint8, ``pose`` (J, 3) mm.
        skeleton: Of the pose.
        time_s: For the caption.
    """
    panels = [caption(_found(picture_3HW, found), f"{time_s:.2f} s")]
    if "redrawn" in found:
        panels.append(caption(_scaled(found["redrawn"].transpose(1, 2, 0), panels[0].size), "redrawn"))
    panels_HW3 = [np.asarray(panel) for panel in panels]
    if "pose" in found and skeleton is not None:
        half = panels[0].height // 2
        views = [caption(pose_panel(found["pose"], skeleton, view, half), view) for view in VIEWS]
        panels_HW3.append(np.concatenate([np.asarray(view) for view in views]))
    return np.concatenate(panels_HW3, axis=1)


def _found(picture_3HW: Array, found: dict[str, Array]) -> Image:
    from PIL import Image, ImageDraw

    picture = Image.fromarray(np.ascontiguousarray(picture_3HW.transpose(1, 2, 0)))
    if "mask" in found:
        opacity = _scaled((found["mask"] * TINT).astype(np.uint8), picture.size)
        picture.paste(Image.new("RGB", picture.size, MASK_COLOUR), mask=opacity)
    draw_box(ImageDraw.Draw(picture), found["box"], picture.size, PREDICTED_BOX)
    return picture


def _scaled(image: Array, size_WH: tuple[int, int]) -> Image:
    from PIL import Image

    return Image.fromarray(np.ascontiguousarray(image)).resize(size_WH, Image.Resampling.BILINEAR)
