"""Labels of the studio from what is kept: what each person left in the masks, and where their joints are.

Axes: N frames, J joints, H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ....core.interfaces import Array
from .company import WHOLE

if TYPE_CHECKING:
    from ....media.camera import Camera


def seen(name: str, marks_N1HW: Array, people: int) -> Array:
    """The own subject's mask or box, or the boxes of everybody, from what each left in the mask."""
    if name == "true_mask":
        own: Array = np.where(marks_N1HW == WHOLE, marks_N1HW, 0)
        return own
    boxes = [_boxes(marks_N1HW[:, 0] == WHOLE - index) for index in range(people if name == "true_boxes" else 1)]
    return np.stack(boxes, axis=1) if name == "true_boxes" else boxes[0]


def joint_labels(name: str, everybody: Sequence[Array], cameras: Sequence[Camera]) -> Array:
    """``pose`` or ``pose_2d`` of the first of some people, or ``poses`` of all, from world joints (N, J, 3) of each."""
    if name == "pose_2d":
        pairs = zip(cameras, everybody[0], strict=True)
        return np.stack([camera.to_frame(camera.project(joints)) for camera, joints in pairs]).astype(np.float32)
    if name == "poses":
        return np.stack([centred(cameras, joints) for joints in everybody], axis=1)
    return centred(cameras, everybody[0])


def centred(cameras: Sequence[Camera], joints_NJ3: Array) -> Array:
    """World joints in each frame's camera, relative to their root: (N, J, 3) float32."""
    pose: Array = np.stack([c.to_camera(joints) for c, joints in zip(cameras, joints_NJ3, strict=True)])
    own: Array = (pose - pose[:, :1]).astype(np.float32)
    return own


def _boxes(mask_NHW: Array) -> Array:
    """Boxes around masks, (N, 4); NaN where nobody is seen."""
    import torch

    from .render import box_of_mask

    boxes: Array = box_of_mask(torch.from_numpy(np.ascontiguousarray(mask_NHW))).numpy()
    return boxes
