"""Lines over pictures: boxes, skeletons in the picture and skeletons of their own.

Axes: J joints, 2 = x y, 3 = x y z. Boxes (s_x, s_y, u_x, u_y) in [-1, 1] coordinates; poses in mm, x right, y down,
z away from the camera.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..core.interfaces import Array
from .pictures import AXIS_TO_THE_RIGHT, View

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

    from ..core.skeleton import Skeleton

Colour = tuple[int, int, int]
SIDES: dict[str, Colour] = {"left": (90, 200, 255), "right": (255, 140, 60), "centre": (255, 255, 255)}
"""The subject's own left and right."""
TRUE_BOX: Colour = (80, 255, 80)
PREDICTED_BOX: Colour = (255, 210, 31)
PANEL: Colour = (24, 26, 30)
SPAN_MM = 1250.0
"""From the pelvis to the edge of a skeleton's panel: an adult with raised arms fits in."""


def to_pixels(points: Array, size_WH: tuple[int, int]) -> Array:
    """Frame coordinates in [-1, 1], (..., 2), as pixels of a picture (a pixel's centre is a whole number)."""
    return np.asarray(((points + 1) * np.array(size_WH) - 1) / 2)


def draw_box(draw: ImageDraw, box_4: Array, size_WH: tuple[int, int], colour: Colour) -> None:
    """The outline of a box; nothing where nobody is seen (NaN)."""
    if not np.isfinite(box_4).all():
        return
    s_x, s_y, u_x, u_y = box_4
    low, high = to_pixels(np.array([[u_x - s_x, u_y - s_y], [u_x + s_x, u_y + s_y]]), size_WH)
    draw.rectangle([tuple(low), tuple(high)], outline=colour, width=max(2, size_WH[1] // 200))


def draw_bones(
    draw: ImageDraw, skeleton: Skeleton, joints_J2: Array, width: int, order: Sequence[tuple[int, int]] = ()
) -> None:
    """The bones between joints in pixels; those with an end that is not in the picture's world (NaN) are left out."""
    for parent, child in order or skeleton.bones:
        ends_22 = joints_J2[[parent, child]]
        if np.isfinite(ends_22).all():
            draw.line([tuple(ends_22[0]), tuple(ends_22[1])], fill=SIDES[skeleton.side(child)], width=width)


def pose_panel(pose_J3: Array, skeleton: Skeleton, view: View, side: int) -> Image:
    """A root-centred pose from the front or from the side, in a square panel of fixed scale; nearer bones last."""
    from PIL import Image, ImageDraw

    panel = Image.new("RGB", (side, side), PANEL)
    far_J = pose_J3[:, 2] if view == "front" else -pose_J3[:, 0]
    order = sorted(skeleton.bones, key=lambda bone: -float(far_J[bone[0]] + far_J[bone[1]]))
    joints_J2 = to_pixels(pose_J3[:, [AXIS_TO_THE_RIGHT[view], 1]] / SPAN_MM, panel.size)
    draw_bones(ImageDraw.Draw(panel), skeleton, joints_J2, max(2, side // 70), order)
    return panel


def caption(picture: Image, text: str) -> Image:
    """The picture with a small text on its upper left, on a dark ground; drawn in place."""
    from PIL import ImageDraw, ImageFont

    font = ImageFont.load_default(max(11, picture.height // 30))
    draw = ImageDraw.Draw(picture)
    left, top, right, bottom = draw.textbbox((6, 4), text, font=font)
    draw.rectangle((left - 4, top - 3, right + 4, bottom + 3), fill=(0, 0, 0))
    draw.text((6, 4), text, font=font, fill="white")
    return picture
