"""A tiny copy of Human3.6M in the true formats, of a made-up person before made-up cameras.

Axes: N frames, J = 32 joints. World mm, +z up; cameras stand 4 m away and look at the origin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ....core.interfaces import Array
from .camera import CAMERAS, LENS, LENSES_AT, NUMBERS, PLACE, SUBJECTS, read_metadata

FRAMES = 12
SIZES_WH = {camera: (100, 102 if camera in (CAMERAS[0], CAMERAS[3]) else 100) for camera in CAMERAS}
TAKES = {"S1": ("WalkingDog 1", "Directions"), "S9": ("WalkDog 1",)}
COCKED = 0.1
"""By how much the cameras look down, rad."""

# x to the person's left, y backwards, z up, mm: pelvis, right leg, left leg, spine and head, left arm, right arm
STANDING: Array = np.array(
    [
        *((0, 0, 900), (-130, 0, 900), (-130, -60, 480), (-130, 20, 60), (-130, -120, 20), (-130, -180, 20)),
        *((130, 0, 900), (130, -60, 480), (130, 20, 60), (130, -120, 20), (130, -180, 20)),
        *((0, 0, 900), (0, 0, 1150), (0, 0, 1400), (0, -60, 1480), (0, -30, 1600)),
        *((0, 0, 1400), (150, 0, 1380), (200, 0, 1120), (220, -60, 880), (220, -60, 880), (240, -90, 860)),
        *((220, -90, 800), (220, -90, 800)),
        *((0, 0, 1400), (-150, 0, 1380), (-200, 0, 1120), (-220, -60, 880), (-220, -60, 880), (-240, -90, 860)),
        *((-220, -90, 800), (-220, -90, 800)),
    ],
    np.float64,
)


def world(count: int, phase: float = 0.0) -> Array:
    """The person turning about the origin and raising the left wrist, (N, 32, 3) in mm."""
    angle_N = 0.1 * np.arange(count) + phase
    turn_N33 = np.zeros((count, 3, 3))
    turn_N33[:, 0, 0] = turn_N33[:, 1, 1] = np.cos(angle_N)
    turn_N33[:, 1, 0], turn_N33[:, 0, 1] = np.sin(angle_N), -np.sin(angle_N)
    turn_N33[:, 2, 2] = 1
    pose_NJ3 = np.repeat(STANDING[None], count, axis=0)
    pose_NJ3[:, 19:24, 2] += 30 * np.arange(count)[:, None]
    return np.asarray(pose_NJ3 @ turn_N33.transpose(0, 2, 1))


def metadata() -> Array:
    """The numbers of ``<w0>``: four cameras around the origin, a quarter turn apart."""
    numbers = np.zeros(NUMBERS)
    for index in range(len(CAMERAS)):
        around = index * np.pi / 2
        for subject in range(SUBJECTS):
            place = numbers[PLACE * (index * SUBJECTS + subject) :][:PLACE]
            # a camera that looks along world +y: right stays x, forward y, down -z, then turned about z
            place[:3] = np.pi / 2 + COCKED, 0, -around
            place[3:] = 4000 * np.sin(around), -4000 * np.cos(around), 1300
        numbers[LENSES_AT + LENS * index :][:LENS] = 115, 114, 51, 50, -0.2, 0.24, -0.003, -0.0014, -0.00098
    return numbers


def write_metadata(path: Path) -> None:
    """An XML file that holds them as the release does."""
    text = " ".join(f"{number:.17g}" for number in metadata())
    path.write_text(f"<metadata><w0>[{text}]</w0></metadata>", encoding="utf-8")


def write_cdf(path: Path, values_NJA: Array) -> None:
    """One variable ``Pose``, (1, N, J times axes)."""
    from cdflib.cdfwrite import CDF

    path.parent.mkdir(parents=True, exist_ok=True)
    flat = np.asarray(values_NJA, np.float32).reshape(len(values_NJA), -1)
    spec = {"Variable": "Pose", "Data_Type": 44, "Num_Elements": 1, "Rec_Vary": True, "Dim_Sizes": list(flat.shape)}
    file = CDF(str(path), delete=True)
    file.write_var(spec, var_data=flat[None])
    file.close()


def write_video(path: Path, pictures: Sequence[Array], fps: int = 50) -> None:
    """Pictures (H, W, 3) as a video."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 4_000_000
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        container.mux(stream.encode(None))


def pictures(count: int, size_WH: tuple[int, int]) -> list[Array]:
    """A grey slope with a white square; frame n is brighter by n, and the square lies further right."""
    width, height = size_WH
    found = []
    for number in range(count):
        picture = np.full((height, width, 3), 60 + 8 * number, np.uint8)
        picture[30:70, 20 + 2 * number : 50 + 2 * number] = 250
        found.append(picture)
    return found


def write_boxes(path: Path, count: int, size_WH: tuple[int, int]) -> None:
    """``Masks`` of references to one mask per frame, stored with its axes swapped as MATLAB does."""
    import h5py

    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        masks = file.create_dataset("Masks", (count, 1), dtype=h5py.ref_dtype)
        for number in range(count):
            mask_WH = np.zeros(size_WH, np.uint8)
            mask_WH[20 + 2 * number : 50 + 2 * number, 30:70] = 1
            masks[number, 0] = file.create_dataset(f"#refs#/{number}", data=mask_WH).ref


def write_raw(
    root: Path,
    spelling: str = "MyPoseFeatures/{}",
    takes: Mapping[str, Sequence[str]] = TAKES,
    cameras: Sequence[str] = CAMERAS[:2],
) -> None:
    """A copy as the archives unpack."""
    root.mkdir(parents=True, exist_ok=True)
    write_metadata(root / "metadata.xml")
    lenses = read_metadata(root / "metadata.xml")
    for subject, names in takes.items():
        for phase, take in enumerate(names):
            for camera in cameras:
                pose_NJ3 = lenses[subject, camera].to_camera(world(FRAMES, phase))
                pose_NJ2 = lenses[subject, camera].project_camera(pose_NJ3)
                labels = {"D3_Positions_mono": pose_NJ3, "D3_Positions_mono_universal": 0.9 * pose_NJ3}
                for kind, values in {**labels, "D2_Positions": pose_NJ2}.items():
                    write_cdf(root / subject / spelling.format(kind) / f"{take}.{camera}.cdf", values)
                size_WH = SIZES_WH[camera]
                write_video(root / subject / "Videos" / f"{take}.{camera}.mp4", pictures(FRAMES, size_WH))
                boxes = root / subject / "MySegmentsMat/ground_truth_bb"
                write_boxes(boxes / f"{take}.{camera}.mat", FRAMES, size_WH)


def write_example(folder: Path, write: Callable[[Path], None] = write_raw) -> Mapping[str, Any]:
    """A copy below the folder, and the options that read it."""
    write(folder / "h36m")
    return {"root": str(folder / "h36m"), "protocol": "every_frame", "height": 32}
