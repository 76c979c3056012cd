"""A tiny copy of MPI-INF-3DHP in the true formats, of a made-up person before made-up cameras.

Axes: N frames, J = 28 joints. World mm, +y up; cameras stand 4 m away and look at the person's middle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ....core.interfaces import Array
from .protocol import EVERY_CAMERA

SIDE = 64
FRAMES = 12
FOCAL, MIDDLE = 80.0, 32.0
RECORDINGS = (("S1", "Seq1"), ("S3", "Seq1"), ("S6", "Seq2"))
FILMED = ("0", "1")

# x to the person's left, y up, z forward, mm, in the order of the files
STANDING: Array = np.array(
    [
        *((0, 1250, 0), (0, 1330, 0), (0, 1120, 0), (0, 1000, 0), (0, 900, 0)),
        *((0, 1430, 0), (0, 1520, 40), (0, 1650, 20)),
        *((40, 1400, 0), (160, 1400, 0), (210, 1130, 0), (230, 890, 60), (230, 810, 80)),
        *((-40, 1400, 0), (-160, 1400, 0), (-210, 1130, 0), (-230, 890, 60), (-230, 810, 80)),
        *((110, 900, 0), (120, 490, 20), (120, 90, -20), (120, 40, 90), (120, 30, 160)),
        *((-110, 900, 0), (-120, 490, 20), (-120, 90, -20), (-120, 40, 90), (-120, 30, 160)),
    ],
    np.float64,
)
AS_TESTED = (7, 5, 14, 15, 16, 9, 10, 11, 23, 24, 25, 18, 19, 20, 4, 3, 6)


def world(count: int) -> Array:
    """The person raising the left hand, (N, 28, 3) in mm."""
    pose_NJ3 = np.repeat(STANDING[None], count, axis=0)
    pose_NJ3[:, 10:13, 1] += 20 * np.arange(count)[:, None]
    return pose_NJ3


def extrinsics(camera: int) -> tuple[Array, Array]:
    """Rotation from the file's world, +y up, and translation of a camera around the person."""
    around = camera * 2 * np.pi / EVERY_CAMERA
    back_3 = np.array([np.sin(around), 0, np.cos(around)])
    rotation_33 = np.stack([np.cross(back_3, [0, -1.0, 0]), [0, -1.0, 0], -back_3])
    return rotation_33, -rotation_33 @ (4000 * back_3 + np.array([0, 900.0, 0]))


def calibration(cameras: int = EVERY_CAMERA) -> str:
    """Text of ``camera.calibration``; its lines end in blanks, as some of the true ones do."""
    lines = ["Skeletool Camera Calibration File V1.0"]
    for camera in range(cameras):
        rotation_33, translation_3 = extrinsics(camera)
        extrinsic_34 = np.concatenate([rotation_33, translation_3[:, None]], axis=1)
        intrinsic_44 = np.diag([FOCAL, FOCAL, 1, 1])
        intrinsic_44[:2, 2] = MIDDLE
        lines += [
            f"name          {camera}",
            "  sensor      10 10 ",
            f"  size        {SIDE} {SIDE} ",
            "  animated    0 ",
            f"  intrinsic   {' '.join(f'{number:.9g}' for number in intrinsic_44.ravel())} ",
            f"  extrinsic   {' '.join(f'{number:.9g}' for number in extrinsic_34.ravel())} 0 0 0 1 ",
            "  radial      0 ",
        ]
    return "\n".join(lines) + "\n"


def seen(camera: int, count: int) -> tuple[Array, Array]:
    """Joints in a camera's coordinates and in its image."""
    rotation_33, translation_3 = extrinsics(camera)
    pose_NJ3 = world(count) @ rotation_33.T + translation_3
    return pose_NJ3, FOCAL * pose_NJ3[..., :2] / pose_NJ3[..., 2:] + MIDDLE


def write_annotation(path: Path, rows: int, cameras: int = EVERY_CAMERA) -> None:
    """``annot.mat`` of MATLAB's version 5: cells of one array per camera."""
    from scipy.io import savemat

    cells = {name: np.empty((cameras, 1), object) for name in ("annot2", "annot3", "univ_annot3")}
    for camera in range(cameras):
        pose_NJ3, pose_NJ2 = seen(camera, rows)
        root_N13 = pose_NJ3[:, [4]]
        cells["annot2"][camera, 0] = pose_NJ2.reshape(rows, -1)
        cells["annot3"][camera, 0] = pose_NJ3.reshape(rows, -1)
        cells["univ_annot3"][camera, 0] = (root_N13 + 0.9 * (pose_NJ3 - root_N13)).reshape(rows, -1)
    numbers = {"cameras": np.arange(cameras)[None], "frames": np.arange(rows)[:, None]}
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {**cells, **numbers}, do_compression=True)


def person(number: int) -> Array:
    """Where the subject is in frame ``number``, bool (H, W): a square that wanders to the right."""
    inside = np.zeros((SIDE, SIDE), bool)
    inside[16:48, 8 + 2 * number : 32 + 2 * number] = True
    return inside


def pictures(count: int, flash: Sequence[int] = ()) -> list[Array]:
    """A grey person before a green wall, (H, W, 3); frames of ``flash`` are white."""
    found = []
    for number in range(count):
        picture = np.where(person(number)[..., None], np.uint8(128), np.array([0, 200, 0], np.uint8))
        found.append(np.full_like(picture, 255) if number in flash else picture)
    return found


def masks(count: int) -> list[Array]:
    """Frames of ``FGmasks``: inverted, the first channel is the subject, the others its clothing."""
    found = []
    for number in range(count):
        picture = np.full((SIDE, SIDE, 3), 255, np.uint8)
        picture[person(number)] = 0, 255, 0
        found.append(picture)
    return found


def write_video(path: Path, frames: Sequence[Array], fps: int) -> None:
    """An AVI file of motion JPEG."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=fps)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuvj444p"
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        container.mux(stream.encode(None))


def write_pictures(folder: Path, frames: Sequence[Array], name: str = "img_{:06d}.jpg") -> None:
    """Picture files, counted from 1."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(frames, 1):
        Image.fromarray(picture).save(folder / name.format(number), quality=95)


def write_recording(home: Path, fps: int = 25, rows: int = FRAMES + 3, cameras: Sequence[str] = FILMED) -> None:
    """One recording, whose annotation goes on after its videos end."""
    write_annotation(home / "annot.mat", rows)
    (home / "camera.calibration").write_text(calibration(), encoding="utf-8")
    for camera in cameras:
        write_video(home / "imageSequence" / f"video_{camera}.avi", pictures(FRAMES), fps)
        write_video(home / "FGmasks" / f"video_{camera}.avi", masks(FRAMES), fps)


def write_held_out(home: Path, rows: int = FRAMES, invalid: Sequence[int] = (0, 5)) -> None:
    """One sequence of the test set."""
    import h5py

    write_pictures(home / "imageSequence", pictures(rows))
    pose_NJ3, pose_NJ2 = (joints[:, AS_TESTED] for joints in seen(0, rows))
    valid_N1 = np.ones((rows, 1))
    valid_N1[list(invalid)] = 0
    with h5py.File(home / "annot_data.mat", "w", userblock_size=512) as file:
        file["annot2"], file["annot3"] = pose_NJ2[:, None], pose_NJ3[:, None]
        file["univ_annot3"] = pose_NJ3[:, None]
        file["valid_frame"], file["activity_annotation"] = valid_N1, np.ones((rows, 1))


def write_example(folder: Path) -> Mapping[str, Any]:
    """A copy below the folder, and the options that read it."""
    root = folder / "mpi"
    for subject, take in RECORDINGS:
        write_recording(root / "train" / subject / take, fps=50 if subject == "S3" else 25)
    write_held_out(root / "test" / "mpi_inf_3dhp_test_set" / "TS1")
    return {"root": str(root), "cameras": FILMED, "height": 32, "stride": 2}
