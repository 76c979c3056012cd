"""Cameras that stand beside a slope and turn after the skier.

They only turn, so two frames of one camera differ by a homography and all that it can see is one panorama.

Axes: T frames, J joints, C cameras, H W pixels. Coordinates: world mm, +z up; the slope falls towards +x.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample

from ....core.skeleton import HUMAN36M_17
from ....media.camera import Camera
from . import sets
from .body import Outfit
from .render import Light
from .world import Piece, look

Array = NDArray[Any]
ANKLES = [HUMAN36M_17.index("right_ankle"), HUMAN36M_17.index("left_ankle")]
FRAMES_AT_ONCE = 64
SHARPEST_PX_PER_RAD = 1200.0  # of a panorama; frames of more than 116 px show it enlarged


@dataclass(frozen=True)
class SlopeScene:
    """Cameras that stand beside a slope and turn after the skier: pure rotations, so frames differ by homographies.

    All that a camera can see is one cylindrical panorama: column by azimuth, row by the tangent of the elevation.

    Attributes:
        eyes: Where the cameras stand, world mm.
        focal_px: Their focal length; there is no zoom.
        phases_C4: Of each camera's own slow wander away from the skier.
    """

    eyes: tuple[Array, ...]
    focal_px: float
    frame_size: tuple[int, int]
    phases_C4: Array
    pieces: list[Piece]
    light: Light
    name: str = "slope"
    outfit: Outfit = "ski"

    azimuth_rad = 1.2  # half the panorama's width, about the direction +y
    elevation = (0.30, -0.42)  # tangents at its upper and lower side
    smoothing_s, wander = 0.3, 0.07  # of the camera's aim; the wander is a share of the frame's sides

    @property
    def count(self) -> int:
        """Number of cameras."""
        return len(self.eyes)

    def place(self, joints_TJ3: Array) -> Array:
        """The run moved onto the snow, its middle before the cameras."""
        low, high = joints_TJ3[:, 0, 0].min(), joints_TJ3[:, 0, 0].max()
        moved = joints_TJ3 - np.array([(low + high) / 2, 0, 0], joints_TJ3.dtype)
        rise = float((moved[:, ANKLES] @ np.array(sets.SNOW_NORMAL)).min()) - sets.ANKLE_MM
        return np.asarray(moved - np.array([0, 0, rise / sets.SNOW_NORMAL[2]], joints_TJ3.dtype))

    def cameras(self, index: int, pelvis_T3: Array, times_s: Array) -> list[Camera]:
        """Aims at the smoothed path of the pelvis, and a little beside it."""
        aim_T3 = smoothed(pelvis_T3.astype(np.float64), times_s, self.smoothing_s)
        p = self.phases_C4[index]
        away_T2 = np.stack(
            [
                np.sin(1.1 * times_s + p[0]) + np.sin(2.3 * times_s + p[1]),
                np.sin(0.9 * times_s + p[2]) + np.sin(1.9 * times_s + p[3]),
            ],
            axis=1,
        )
        eye_3 = self.eyes[index]
        distance_T = np.linalg.norm(aim_T3 - eye_3, axis=1)
        away_T2 = away_T2 * (self.wander * np.array(self.frame_size) / self.focal_px) * distance_T[:, None]
        to_T3 = aim_T3 - eye_3
        right_T3 = np.stack([to_T3[:, 1], -to_T3[:, 0], 0 * distance_T], axis=1)
        right_T3 /= np.linalg.norm(right_T3, axis=1, keepdims=True)
        target_T3 = aim_T3 + away_T2[:, :1] * right_T3 + away_T2[:, 1:] * np.array([0, 0, 1.0])
        return [Camera.look_at(eye_3, target_3, self.focal_px, self.frame_size) for target_3 in target_T3]

    @cached_property
    def _painted(self) -> dict[int, Tensor]:
        return {}

    def panorama(self, index: int) -> Tensor:
        """All that a camera can see, (3, H, W) uint8."""
        if index not in self._painted:
            scale = min(self.focal_px, SHARPEST_PX_PER_RAD)
            upper, lower = self.elevation
            columns, rows = round(2 * self.azimuth_rad * scale), round((upper - lower) * scale)
            azimuth = ((np.arange(columns) + 0.5) / columns * 2 - 1) * self.azimuth_rad
            height = upper + (np.arange(rows) + 0.5) / rows * (lower - upper)
            ray = np.stack(np.broadcast_arrays(np.sin(azimuth), np.cos(azimuth), height[:, None]), axis=-1)
            colour = look(self.pieces, sets.daylight, self.eyes[index], ray.reshape(-1, 3)).reshape(rows, columns, 3)
            self._painted[index] = torch.from_numpy(np.round(255 * colour).astype(np.uint8)).permute(2, 0, 1)
        return self._painted[index]

    def background(self, index: int, cameras: Sequence[Camera]) -> Tensor:
        """The panorama as each camera sees it, bilinear, (T, 3, H, W) uint8."""
        panorama = self.panorama(index).float()[None]
        parts = [
            self._grid(cameras[start : start + FRAMES_AT_ONCE]) for start in range(0, len(cameras), FRAMES_AT_ONCE)
        ]
        seen = [
            grid_sample(panorama.expand(len(grid), -1, -1, -1), grid, padding_mode="border", align_corners=False)
            for grid in parts
        ]
        return torch.cat([part.round_().byte() for part in seen])

    def _grid(self, cameras: Sequence[Camera]) -> Tensor:
        """Where in the panorama each pixel of each camera lies, (T, H, W, 2) in [-1, 1]."""
        back = np.stack([camera.rotation_33.T @ np.linalg.inv(camera.intrinsics_33) for camera in cameras])
        width, height = self.frame_size
        column, row = torch.meshgrid(torch.arange(width), torch.arange(height), indexing="xy")
        pixel_HW3 = torch.stack([column, row, torch.ones_like(row)], dim=-1).float()
        x, y, z = torch.einsum("tij,hwj->ithw", torch.from_numpy(back).float(), pixel_HW3)
        upper, lower = self.elevation
        down = (z / torch.hypot(x, y) - upper) / (lower - upper)
        return torch.stack([torch.atan2(x, y) / self.azimuth_rad, 2 * down - 1], dim=-1)


def smoothed(path_T3: Array, times_s: Array, width_s: float) -> Array:
    """A path blurred by a Gaussian in time, around its own parabola so that its ends do not lag behind."""
    powers_TD = np.vander(times_s - times_s.mean(), min(3, len(times_s)))
    trend_T3 = powers_TD @ np.linalg.lstsq(powers_TD, path_T3, rcond=None)[0]
    weight_TT = np.exp(-0.5 * ((times_s[:, None] - times_s[None]) / width_s) ** 2)
    return np.asarray(trend_T3 + weight_TT @ (path_T3 - trend_T3) / weight_TT.sum(1, keepdims=True))
