"""A tiny 3DPW in its true format: pickles as Python 2 writes them, upright and lying pictures, one or two people."""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ....core.interfaces import Array
from ....core.skeleton import SKELETONS
from ....media.camera import Camera
from ..standing import draw_person, person
from .sequence import TO_Y_UP_33

FRAMES, FPS = 40, 30
SEQUENCES = (
    ("train", "street_walk_00", (96, 54), 1),
    ("train", "yard_talk_00", (54, 96), 2),
    ("validation", "park_sit_00", (96, 54), 1),
    ("test", "yard_climb_00", (54, 96), 1),
)
"""Split, name, size of pictures and people."""
INVALID = 7
"""The frame of each sequence whose camera failed."""


class Python2Pickler(pickle._Pickler):
    """Protocol 2 with strings of bytes, which Python 3 no longer writes."""

    write: Callable[[bytes], object]
    memoize: Callable[[object], None]

    def save_string(self, text: bytes) -> None:
        """A BINSTRING: length and bytes."""
        self.write(b"T" + struct.pack("<I", len(text)) + text)
        self.memoize(text)

    dispatch: ClassVar[dict[type, Callable[..., None]]] = {**pickle._Pickler.dispatch, bytes: save_string}


def python2_pickle(told: Mapping[str, Any]) -> bytes:
    """A dictionary as Python 2 and its numpy pickle it."""
    buffer = io.BytesIO()
    Python2Pickler(buffer, 2).dump({name.encode(): value for name, value in told.items()})
    return buffer.getvalue().replace(b"numpy._core.multiarray\n", b"numpy.core.multiarray\n")


def camera_at(frame: int, size_WH: tuple[int, int]) -> Camera:
    """A phone that is carried past the scene."""
    time_s = frame / FPS
    return Camera.look_at((-800 + 900 * time_s, -5000, 300), (0, 0, 100 * time_s), 1.1 * max(size_WH), size_WH)


def told_of(name: str, size_WH: tuple[int, int], people: int) -> dict[str, Any]:
    """What a sequence file says; fields that nobody reads are there, and empty."""
    cameras = [camera_at(frame, size_WH) for frame in range(FRAMES)]
    extrinsics = np.tile(np.eye(4), (FRAMES, 1, 1))
    extrinsics[:, :3, :3] = [camera.rotation_33 @ TO_Y_UP_33.T for camera in cameras]
    extrinsics[:, :3, 3] = [camera.translation_3 / 1000 for camera in cameras]
    joints, found = [], []
    for number in range(people):
        world = np.stack([person(SKELETONS["smpl_24"], frame / FPS) for frame in range(FRAMES)])
        world[..., 0] += number
        joints.append((world @ TO_Y_UP_33.T).reshape(FRAMES, 72))
        found.append(openpose(world, cameras))
    valid = np.ones(FRAMES, np.uint8)
    valid[INVALID] = 0
    return {
        "sequence": name.encode(),
        "betas": [np.zeros(10)] * people,
        "genders": [b"f", b"m"][:people],
        "poses": [np.zeros((FRAMES, 72))] * people,
        "trans": [np.zeros((FRAMES, 3))] * people,
        "poses_60Hz": [np.zeros((2 * FRAMES, 72))] * people,
        "trans_60Hz": [np.zeros((2 * FRAMES, 3))] * people,
        "texture_maps": [],
        "img_frame_ids": np.arange(0, 2 * FRAMES, 2, dtype=np.uint16),
        "jointPositions": joints,
        "poses2d": found,
        "cam_poses": extrinsics,
        "campose_valid": [valid] * people,
        "cam_intrinsics": cameras[0].intrinsics_33,
    }


def openpose(world_NJ3: Array, cameras: list[Camera]) -> Array:
    """Pixels and confidence of the joints that both skeletons have, (N, 3, 18); nothing at all in one frame."""
    smpl, coco = SKELETONS["smpl_24"], SKELETONS["coco_18"]
    out = np.zeros((len(world_NJ3), 3, len(coco)))
    for joint, name in enumerate(coco.joints):
        if name in smpl.joints:
            for frame, camera in enumerate(cameras):
                out[frame, :2, joint] = camera.project(1000 * world_NJ3[frame, smpl.index(name)])
                out[frame, 2, joint] = 0.9
    out[3] = 0
    return out


def write_example(folder: Path) -> dict[str, Any]:
    """Write it, and return the options that name it."""
    for split, name, size_WH, people in SEQUENCES:
        told = told_of(name, size_WH, people)
        path = folder / "sequenceFiles" / split / f"{name}.pkl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(python2_pickle(told))
        seen_NJ2 = told["poses2d"][0][:, :2, 1:14].swapaxes(1, 2)
        for frame in range(FRAMES):
            draw_person(folder / "imageFiles" / name / f"image_{frame:05d}.jpg", size_WH, seen_NJ2[frame], 5 * frame)
    return {"root": str(folder), "height": 32}
