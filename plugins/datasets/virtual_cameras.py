"""Views of cameras that were not there but are known exactly: rolled ones, and those of the mirrored scene.

A camera rolled about its axis sees its own picture turned; the cameras of a mirrored scene see mirrored pictures, at
other rotations than any true one. So a few cameras show many ways to turn somebody, which view synthesis for a camera
that it was not trained on needs.
Differs from a true roll: the picture is turned about its middle, not about the principal point: a small shift.

Axes: N frames, 3 colour channels (RGB), H W pixels.
Coordinates: +x right, +y down, +z forward; rotations are world to camera.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from ...core.interfaces import Array, Clip, Dataset, Options
from ...core.skeleton import Skeleton

MIRROR_33 = np.diag([-1.0, 1.0, 1.0])
"""Of a camera's picture, and of the scene in its world."""


class VirtualOptions(Options):
    """Which cameras are added to those that one trains on."""

    rolled: tuple[float, ...] = ()
    """Degrees: each camera that is not held out is there once more as if rolled by so much about its axis, for each of
    these. Few cameras show few ways to turn; with `rotation`, these are exact further ones."""
    mirrored: bool = False
    """Every take that is not held out is there once more mirrored, before the mirrored cameras."""


@dataclass(frozen=True, slots=True)
class Virtual:
    """How a virtual camera's view is made of a true one's.

    Attributes:
        clip: Index of the true clip.
        roll_deg: Degrees by which the picture turns clockwise.
        mirrored: Whether the scene is mirrored before.
    """

    clip: int
    roll_deg: float
    mirrored: bool

    def picture(self, frames_N3HW: Array) -> Array:
        """Frames of the true camera as this one sees them, of the same shape; black where nothing was seen."""
        if self.mirrored:
            frames_N3HW = frames_N3HW[..., ::-1]
        if not self.roll_deg:
            return frames_N3HW
        pictures = [Image.fromarray(np.ascontiguousarray(one.transpose(1, 2, 0))) for one in frames_N3HW]
        turned = [np.asarray(one.rotate(-self.roll_deg, Image.Resampling.BILINEAR)) for one in pictures]
        return np.stack(turned).transpose(0, 3, 1, 2)

    def rotation(self, true_N33: Array) -> Array:
        """World to camera, from that of the true camera, (N, 3, 3) float32."""
        if self.mirrored:
            true_N33 = MIRROR_33 @ true_N33 @ MIRROR_33
        cosine, sine = np.cos(np.deg2rad(self.roll_deg)), np.sin(np.deg2rad(self.roll_deg))
        roll_33 = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
        return np.asarray(roll_33 @ true_N33, np.float32)

    def named(self, true: Clip) -> Clip:
        """The clip, under names of its own: a mirrored take is another take."""
        mirror = " mirrored" if self.mirrored else ""
        mark = mirror + (f" rolled {self.roll_deg:g}" if self.roll_deg else "")
        return replace(true, name=true.name + mark, take=true.take + mirror, camera=true.camera + mark)


class WithVirtual:
    """A dataset, and behind its clips those of virtual cameras, made when they are asked for.

    Attributes:
        clips: The true ones first.
        frame_size: (H, W) of every frame.
        skeleton: That of the true clips.
        virtual_cameras: Those that there were not.
    """

    def __init__(self, true: Dataset, options: VirtualOptions) -> None:
        kinds = [
            (roll, mirrored) for mirrored in (False, True)[: 1 + options.mirrored] for roll in (0, *options.rolled)
        ]
        self._true = true
        self._virtual = [
            Virtual(index, roll, mirrored)
            for roll, mirrored in kinds
            for index, clip in enumerate(true.clips)
            if clip.split == "train" and (roll or mirrored)
        ]
        self.clips: Sequence[Clip] = (*true.clips, *(one.named(true.clips[one.clip]) for one in self._virtual))
        self.virtual_cameras = frozenset(clip.camera for clip in self.clips[len(true.clips) :])
        self.frame_size = true.frame_size
        self.skeleton: Skeleton | None = true.skeleton

    def frames(self, clip: int, indices: Array) -> Array:
        """Frames of one clip, (N, 3, H, W) uint8 RGB."""
        if clip < len(self._true.clips):
            return self._true.frames(clip, indices)
        one = self._virtual[clip - len(self._true.clips)]
        return one.picture(self._true.frames(one.clip, indices))

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        """Those of the true clips; of the others ``rotation`` alone is known, the rest is NaN.

        Raises:
            DataError: For a label that the true clips have not.
        """
        if clip < len(self._true.clips):
            return self._true.labels(name, clip, indices)
        one = self._virtual[clip - len(self._true.clips)]
        found = self._true.labels(name, one.clip, indices)
        return one.rotation(found) if name == "rotation" else np.full_like(found, np.nan)
