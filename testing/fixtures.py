"""Small made-up data: clips for samplers, a dataset in memory, and files of videos and images.

Axes: N frames, 3 colour channels, H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..core.errors import DataError
from ..core.interfaces import Array, Clip

FPS = 10.0
LENGTH = 200
SIDE, SQUARE = 32, 10
LABELS = ("background", "true_mask", "true_box")


def takes(length: int = LENGTH) -> list[Clip]:
    """Two takes of two people, each seen by two cameras; the second take has gaps in time."""
    even = np.arange(length) / FPS
    uneven = even + 0.7 * (np.arange(length) // 23)
    times = {"walk": even, "run": uneven}
    return [
        Clip(f"{take}-{camera}", f"who {take}s", take, camera, "train", times[take])
        for take in times
        for camera in ("left", "right")
    ]


class MovingSquare:
    """Two clips of a white square that wanders over a grey slope, with its background, mask and box."""

    frame_size = (SIDE, SIDE)
    skeleton = None

    def __init__(self, length: int = 12) -> None:
        times_s = np.arange(length) / FPS
        self.clips = [Clip(f"clip{n}", f"person{n}", f"take{n}", "left", "train", times_s) for n in range(2)]

    def frames(self, clip: int, indices: Array) -> Array:
        """Frames of a clip, (N, 3, H, W) uint8."""
        mask_N1HW = self.labels("true_mask", clip, indices)
        return np.where(mask_N1HW > 0, np.uint8(255), self.labels("background", clip, indices))

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        """The background (1, 3, H, W), masks (N, 1, H, W), both uint8, or boxes (N, 4).

        Raises:
            DataError: For another name.
        """
        if name not in LABELS:
            raise DataError(f"the moving square has no label {name!r}", hint=f"it has {', '.join(LABELS)}")
        if name == "background":
            grey_HW = np.add.outer(np.arange(SIDE), np.arange(SIDE)).astype(np.uint8)
            return np.broadcast_to(grey_HW, (1, 3, SIDE, SIDE)).copy()
        corners_N2 = np.array([self._corner(clip, int(index)) for index in indices])
        if name == "true_box":
            centres_N2 = (2 * corners_N2[:, ::-1] + SQUARE) / SIDE - 1
            return np.concatenate([np.full_like(centres_N2, SQUARE / SIDE), centres_N2], axis=1).astype(np.float32)
        masks = np.zeros((len(indices), 1, SIDE, SIDE), np.uint8)
        for mask, (top, left) in zip(masks, corners_N2, strict=True):
            mask[0, top : top + SQUARE, left : left + SQUARE] = 255
        return masks

    def _corner(self, clip: int, index: int) -> tuple[int, int]:
        """Row and column of the square's corner: down and to the right, and then from the start again."""
        room = SIDE - SQUARE
        return (2 * index) % room, (3 * index + 5 * clip) % room


def tiny_video(folder: Path, frames: int = 12) -> Path:
    """Write ``tiny.mkv``, a moving square of 32 x 32 pixels at 10 frames per second, without loss."""
    import av

    pictures = MovingSquare().frames(0, np.arange(frames)).transpose(0, 2, 3, 1)
    path = folder / "tiny.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=round(FPS))
        stream.height, stream.width, stream.pix_fmt = SIDE, SIDE, "bgr0"
        for index, picture_HW3 in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture_HW3), format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def tiny_frames(folder: Path, clips: Sequence[str] = ("one", "two"), frames: int = 6) -> Path:
    """Write ``images/CLIP/N.png`` and ``masks/CLIP/N.png`` of a moving square; the folder ``images``."""
    from PIL import Image

    dataset, indices = MovingSquare(), np.arange(frames)
    for number, clip in enumerate(clips):
        pictures = dataset.frames(number % 2, indices).transpose(0, 2, 3, 1)
        masks = dataset.labels("true_mask", number % 2, indices)[:, 0]
        for kind, images in (("images", pictures), ("masks", masks)):
            home = folder / kind / clip
            home.mkdir(parents=True, exist_ok=True)
            for index, image in enumerate(images):
                Image.fromarray(image).save(home / f"{index}.png")
    return folder / "images"
