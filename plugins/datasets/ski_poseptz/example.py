"""A tiny Ski-PosePTZ in its true format: three skiers, two cameras that turn after them, gaps between frames."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ....core.interfaces import Array
from ....core.skeleton import HUMAN36M_17
from ....media.camera import Camera
from ..standing import draw_person, person

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 256
FRAMES = (3, 4, 5, 8, 9, 10, 14, 18, 20, 24, 26, 30, 34, 38, 40, 44, 47, 50, 52, 60, 66, 70)
WALL_PX, WALL_M = 1024, 90.0
"""Side of the wall behind the slope."""
MATRICES = ("cam_intrinsic", "R_cam_2_world")
SKIERS = {"train": ((0, 1), (1, 2)), "test": ((2, 6),)}
"""Sequence and subject of each folder."""
LATE_M = np.array([0.05, -0.1, 0.1])
EYES_M = ((-6.0, -9.0, 4.0), (7.0, -8.0, 5.0))


def centre(sequence: int, frame: int) -> Array:
    """Where the pelvis is, world metres: down a slope in turns."""
    time_s = frame / 30
    return np.array([0.6 * np.sin(2 * time_s + sequence), time_s, 3 - 0.4 * time_s])


def camera_at(eye_m: tuple[float, float, float], sequence: int, frame: int) -> Camera:
    """It follows the skier a little late and zooms."""
    place_m = centre(sequence, frame)
    zoom = 0.1 * float(np.linalg.norm(place_m - eye_m))
    return Camera.look_at(1000 * np.array(eye_m), 1000 * (place_m + LATE_M), 1000 * zoom, (SIDE, SIDE))


def wall() -> Image:
    """A picture of a spotted wall, whose spots tell how a camera moved."""
    from PIL import Image, ImageDraw

    rng = np.random.default_rng(3)
    image = Image.new("RGB", (WALL_PX, WALL_PX), (150, 160, 175))
    draw = ImageDraw.Draw(image)
    for x, y, width, height, level in rng.integers((0, 0, 6, 6, 20), (WALL_PX, WALL_PX, 30, 30, 230), (1600, 5)):
        draw.rectangle([x, y, x + width, y + height], fill=(int(level), int(255 - level), int(level) // 2 + 60))
    return image


def seen(wall: Image, camera: Camera) -> Image:
    """The wall behind the slope, 45 m beyond the cameras, as a camera sees it."""
    from PIL import Image

    scale = 1000 * WALL_M / WALL_PX
    corner_3 = 1000 * np.array([-WALL_M / 2, 45, WALL_M / 2])
    right_3, down_3 = camera.rotation_33[:, 0] * scale, -camera.rotation_33[:, 2] * scale
    to_picture_33 = camera.intrinsics_33 @ np.stack([right_3, down_3, camera.to_camera(corner_3)], axis=1)
    to_wall_33 = np.linalg.inv(to_picture_33)
    numbers = (to_wall_33 / to_wall_33[2, 2]).ravel()[:8]
    return wall.transform((SIDE, SIDE), Image.Transform.PERSPECTIVE, tuple(numbers), Image.Resampling.BILINEAR)


def row(sequence: int, camera: Camera, frame: int) -> Mapping[str, Array]:
    """What the table says of one picture."""
    place_mm = 1000 * centre(sequence, frame)
    world_J3 = 1000 * person(HUMAN36M_17, frame / 30) + place_mm
    lens = camera.intrinsics_33 / np.array([SIDE, SIDE, 1.0])[:, None]
    return {
        "3D": (camera.to_camera(world_J3) - camera.to_camera(place_mm)).ravel() / 1000,
        "2D": camera.project(world_J3).ravel() / SIDE,
        "cam_intrinsic": lens,
        "cam_position": -camera.rotation_33.T @ camera.translation_3 / 1000,
        "R_cam_2_world": camera.rotation_33.T,
    }


def write_example(folder: Path) -> dict[str, Any]:
    """Write it, and return the options that name it."""
    import h5py

    root, behind = folder / "Ski-PosePTZ-CameraDataset-png", wall()
    centres = []
    for part, skiers in SKIERS.items():
        columns: dict[str, list[Any]] = {}
        for sequence, subject in skiers:
            centres += [(sequence, frame, *centre(sequence, frame)) for frame in FRAMES]
            for number, eye_m in enumerate(EYES_M):
                for frame in FRAMES:
                    camera = camera_at(eye_m, sequence, frame)
                    told = row(sequence, camera, frame)
                    names = {"seq": sequence, "cam": number, "frame": frame, "subj": subject}
                    for name, value in (names | dict(told)).items():
                        columns.setdefault(name, []).append(value)
                    path = root / part / f"seq_{sequence:03d}" / f"cam_{number:02d}" / f"image_{frame:06d}.png"
                    draw_person(path, (SIDE, SIDE), SIDE * told["2D"].reshape(-1, 2), frame, seen(behind, camera))
        with h5py.File(root / part / "labels.h5", "w") as file:
            for name, values in columns.items():
                flat = np.array(values, np.float64).reshape(len(values), -1)
                file[name] = flat.reshape(-1, 3, 3) if name in MATRICES else flat
    lines = "\n".join(" ".join(f"{value:.9g}" for value in line) for line in centres)
    (folder / "ski_centers.csv").write_text(lines + "\n", encoding="utf-8")
    return {"root": str(root), "height": 64}
