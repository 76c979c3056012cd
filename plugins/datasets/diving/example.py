"""Tiny dives in the documented layout: two divers, two cameras that stand still, pictures of two kinds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ....core.interfaces import Array
from ....core.skeleton import HUMAN36M_17
from ....media.camera import Camera
from ..standing import draw_person, person

SIZE_WH = (96, 64)
FPS = 25.0
FRAMES = 36
DIVES = ((0, 1), (1, 1), (2, 1), (3, 2), (4, 2))
"""Sequence and diver."""
EYES_M = ((0.0, -12.0, 4.0), (9.0, -9.0, 4.0))
SUFFIXES = ("png", "jpg")
"""What each camera writes."""


def dive(sequence: int, frame: int) -> Array:
    """Joints (17, 3) of a falling diver, world metres."""
    time_s = frame / FPS
    place_3 = np.array([0.6 * time_s, 0.0, 7.0 - 9.81 / 2 * (time_s / 1.3) ** 2])
    return np.asarray(person(HUMAN36M_17, time_s + sequence) + place_3)


def write_example(folder: Path) -> dict[str, Any]:
    """Write them, and return the options that name them."""
    import h5py

    rows: dict[str, list[Any]] = {}
    for sequence, subject in DIVES:
        for number, (eye_m, suffix) in enumerate(zip(EYES_M, SUFFIXES, strict=True)):
            camera = Camera.look_at(1000 * np.array(eye_m), (500, 0, 4000), 70, SIZE_WH)
            home = folder / f"seq_{sequence:03d}" / f"cam_{number:02d}"
            for frame in range(FRAMES):
                world_J3 = 1000 * dive(sequence, frame)
                pixels_J2 = camera.project(world_J3)
                told = {
                    "seq": sequence,
                    "cam": number,
                    "frame": frame,
                    "subj": subject,
                    "fps": FPS,
                    "3D": camera.to_camera(world_J3) / 1000,
                    "2D": pixels_J2 / np.array(SIZE_WH),
                    "R_cam_2_world": camera.rotation_33.T,
                    "cam_intrinsic": camera.intrinsics_33 / np.array([*SIZE_WH, 1.0])[:, None],
                    "cam_position": np.array(eye_m),
                }
                for name, value in told.items():
                    rows.setdefault(name, []).append(value)
                draw_person(home / f"img_{frame:06d}.{suffix}", SIZE_WH, pixels_J2, 60)
            draw_person(home / f"bg.{suffix}", SIZE_WH, np.full((1, 2), -9.0), 60)
    with h5py.File(folder / "labels.h5", "w") as file:
        for name, values in rows.items():
            file[name] = np.array(values)
    labels = ("pose", "rotation", "pose_2d", "true_box", "background")
    return {"root": str(folder), "height": 32, "labels": labels}
