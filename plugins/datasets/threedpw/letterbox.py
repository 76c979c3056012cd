"""Pictures of two shapes in one frame: each as large as fits, black beside it.

Axes: N frames, 3 colour channels, H W frame pixels.
Coordinates: a pixel's centre has integer coordinates; frames span [-1, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ....core.interfaces import Array
from ....media.camera import Camera

if TYPE_CHECKING:
    from ....media.footage import Footage


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Where a picture lies in the frame.

    Args:
        picture_WH: Width and height of the picture.
        frame_HW: Of the frame.
    """

    picture_WH: tuple[int, int]
    frame_HW: tuple[int, int]

    @property
    def inner_HW(self) -> tuple[int, int]:
        """Size of the picture in the frame."""
        (width, height), (frame_h, frame_w) = self.picture_WH, self.frame_HW
        scale = min(frame_h / height, frame_w / width)
        return min(frame_h, max(1, round(scale * height))), min(frame_w, max(1, round(scale * width)))

    @property
    def corner_YX(self) -> tuple[int, int]:
        """Pixels above it and left of it."""
        return (self.frame_HW[0] - self.inner_HW[0]) // 2, (self.frame_HW[1] - self.inner_HW[1]) // 2

    def frames(self, footage: Footage, indices: Array) -> Array:
        """Frames (N, 3, H, W) uint8 of footage at the inner size."""
        inner = footage.read(indices)
        (top, left), (height, width) = self.corner_YX, self.inner_HW
        out = np.zeros((len(inner), 3, *self.frame_HW), np.uint8)
        out[..., top : top + height, left : left + width] = inner
        return out

    def camera(self, camera: Camera) -> Camera:
        """The camera of the frame, of that of the picture."""
        (top, left), (height, width) = self.corner_YX, self.inner_HW
        inner = camera.scaled((width, height))
        intrinsics_33 = inner.intrinsics_33 + np.array([[0, 0, left], [0, 0, top], [0, 0, 0]])
        return Camera(inner.rotation_33, inner.translation_3, intrinsics_33, self.frame_HW[::-1])

    def framed(self, pixels: Array) -> Array:
        """(..., 2) pixels of the picture to [-1, 1] coordinates of the frame."""
        share = (np.asarray(pixels, np.float64) + 0.5) / self.picture_WH
        places = share * self.inner_HW[::-1] + self.corner_YX[::-1]
        return np.asarray(2 * places / self.frame_HW[::-1] - 1)
