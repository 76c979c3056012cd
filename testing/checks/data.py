"""What parts that read data promise: datasets and backgrounds.

Axes: N frames, J joints, H W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ...core.errors import PoserepError
from ...core.interfaces import Array, Dataset
from ...media.camera import Camera
from ..claims import Check, SkippedError, demand
from ..fixtures import MovingSquare
from ..subject import Subject

SPLITS = ("train", "validation", "test")
IMAGES = ("background", "true_mask")
LOOKED_AT = 4
PROJECTS_WITHIN = 0.02
"""Largest distance between a label and its projection, in [-1, 1] coordinates: a pixel of a frame 100 wide."""


def looked_at(dataset: Dataset) -> Iterator[tuple[int, Array]]:
    """Some clips, and the positions of all of their first frames."""
    for clip in range(min(LOOKED_AT, len(dataset.clips))):
        yield clip, np.arange(min(8, len(dataset.clips[clip])))


# ---------------------------------------------------------------- dataset


def clips(subject: Subject) -> None:
    """Clips have names of their own, known splits and rising times."""
    found = subject.shared.clips
    demand(len(found) > 0, "it has no clips")
    names = [clip.name for clip in found]
    demand(len(set(names)) == len(names), "two of its clips have one name")
    for clip in found:
        demand(clip.split in SPLITS, f"clip {clip.name!r} is of the split {clip.split!r}")
        times_s = np.asarray(clip.times_s)
        demand(times_s.dtype == np.float64 and times_s.ndim == 1, f"times of clip {clip.name!r} are not (N,) float64")
        demand(bool(np.isfinite(times_s).all() and (np.diff(times_s) > 0).all()), f"times of {clip.name!r} do not rise")


def frames(subject: Subject) -> None:
    """Frames are uint8 RGB of the stated size."""
    dataset = subject.shared
    for clip, indices in looked_at(dataset):
        got, wanted = dataset.frames(clip, indices), (len(indices), 3, *dataset.frame_size)
        demand(got.dtype == np.uint8, f"its frames are {got.dtype}, not uint8")
        demand(got.shape == wanted, f"its frames are {got.shape}, not {wanted}")


def labels(subject: Subject) -> None:
    """Labels have the vocabulary's axes."""
    dataset = subject.shared
    if not subject.writes:
        raise SkippedError("it has no labels")
    for name in subject.writes:
        for clip, indices in looked_at(dataset):
            got = dataset.labels(name, clip, indices)
            whole = np.int64 if subject.field(name).unit == "index" else np.float32
            dtype = np.uint8 if name in IMAGES else whole
            demand(got.dtype == dtype, f"{name} is {got.dtype}, not {np.dtype(dtype)}")
            wanted = label_shape(subject, name, dataset)
            lengths = (1, len(indices)) if name == "background" else (len(indices),)
            fits = len(got) in lengths and len(got.shape) == len(wanted) + 1
            fits = fits and all(size in (None, have) for size, have in zip(wanted, got.shape[1:], strict=True))
            shape = ", ".join(str(size or "*") for size in (len(indices), *wanted))
            demand(fits, f"{name} is {got.shape}, not ({shape})")


def label_shape(subject: Subject, name: str, dataset: Dataset) -> list[int | None]:
    """Sizes of a label's axes after the frames; None where any will do."""
    height, width = dataset.frame_size
    joints = len(dataset.skeleton) if dataset.skeleton is not None else None
    sizes: Mapping[str, int | None] = {"H": height, "W": width, "J": joints}
    axes = subject.field(name).axes.split()[2:]  # without tuples and roles
    return [int(axis) if axis.isdigit() else sizes.get(axis) for axis in axes]


def joints(subject: Subject) -> None:
    """The skeleton has as many joints as it states."""
    skeleton, stated = subject.shared.skeleton, subject.component.facts(subject.options).get("joints")
    poses = {"pose", "pose_2d"} & set(subject.writes)
    if skeleton is None and not poses:
        raise SkippedError("it has no poses")
    demand(skeleton is not None, f"it has {' and '.join(sorted(poses))}, but no skeleton")
    demand(stated == len(skeleton), f"it states {stated} joints, its skeleton has {len(skeleton)}")


def random_access(subject: Subject) -> None:
    """A frame or label asked for alone is that which comes in order."""
    dataset = subject.shared
    for clip, indices in looked_at(dataset):
        turned = indices[::-1]
        readers = {"frame": dataset.frames} | {
            name: lambda c, i, name=name: dataset.labels(name, c, i) for name in subject.writes
        }
        for name, read in readers.items():
            whole, back, alone = read(clip, indices), read(clip, turned), read(clip, indices[-1:])
            if len(whole) != len(indices):
                continue  # a static background
            same = np.array_equal(whole[::-1], back, equal_nan=name not in (*IMAGES, "frame"))
            same = same and np.allclose(whole[-1:], alone, equal_nan=True)
            demand(same, f"{name} depends on what else is asked for, or in which order")


def projects(subject: Subject) -> None:
    """3D poses, moved to where the camera sees them best, fall on the 2D poses."""
    dataset = subject.shared
    if not {"pose", "pose_2d"} <= set(subject.writes):
        raise SkippedError("it has not both of 3D and 2D poses")
    for clip, indices in looked_at(dataset):
        cameras = cameras_of(dataset, clip)
        if cameras is None:
            raise SkippedError("it knows no cameras")
        pose_NJ3 = dataset.labels("pose", clip, indices).astype(np.float64)
        pose_NJ2 = dataset.labels("pose_2d", clip, indices).astype(np.float64)
        for index, pose_J3, pose_J2 in zip(indices, pose_NJ3, pose_NJ2, strict=True):
            camera = cameras[index] if isinstance(cameras, list) else cameras
            off = best_offset(camera, pose_J3, pose_J2)
            where = f"{dataset.clips[clip].name!r}, frame {index}"
            demand(off <= PROJECTS_WITHIN, f"3D joints of {where} fall {off:.3g} off the 2D joints")


def cameras_of(dataset: Any, clip: int) -> list[Camera] | Camera | None:
    """The camera of each frame of a clip, or of all of them."""
    cameras = getattr(dataset, "cameras", None)
    if callable(cameras):
        return list(cameras(clip))
    return cameras.get(dataset.clips[clip].camera) if isinstance(cameras, Mapping) else None


def best_offset(camera: Camera, pose_J3: Array, pose_J2: Array) -> float:
    """Largest distance left when the pose is put where its projection fits best, in frame coordinates."""
    from scipy.optimize import least_squares

    pixels_J2 = camera.from_frame(pose_J2)
    focal_2, middle_2 = np.diag(camera.intrinsics_33)[:2], camera.intrinsics_33[:2, 2]
    rays_J2 = (pixels_J2 - middle_2) / focal_2
    # x + t_x = r (z + t_z) is linear in t; a lens bends it a little, which the search below makes up for.
    rows = [[[1, 0, -ray[0]], [0, 1, -ray[1]]] for ray in rays_J2]
    values = rays_J2 * pose_J3[:, 2:] - pose_J3[:, :2]
    start_3 = np.linalg.lstsq(np.concatenate(rows), values.ravel(), rcond=None)[0]

    def residuals(offset_3: Array) -> Array:
        off: Array = np.nan_to_num(camera.to_frame(camera.project_camera(pose_J3 + offset_3)) - pose_J2, nan=1e3)
        return off.ravel()

    found = least_squares(residuals, start_3, x_scale=100.0).x
    return float(np.abs(residuals(found)).max())


# ---------------------------------------------------------------- background


def fills(subject: Subject) -> None:
    """Backgrounds are uint8 pictures of the frame's size; a static one is the same for all frames."""
    dataset = MovingSquare()
    for clip in range(len(dataset.clips)):
        whole = np.arange(len(dataset.clips[clip]))
        got = subject.shared.at(dataset, clip, whole)
        demand(got.dtype == np.uint8, f"it gives {got.dtype}, not uint8")
        wanted = (3, *dataset.frame_size)
        fits = len(got) in (1, len(whole)) and got.shape[1:] == wanted
        demand(fits, f"it gives {got.shape}, not (N, {', '.join(map(str, wanted))})")
        for indices in (whole[:1], whole[-3:], whole[::-1]):
            part = subject.shared.at(dataset, clip, indices)
            same = got if len(got) == 1 else got[indices]
            demand(np.array_equal(part, same), "it gives another background when other frames are asked for with it")
    try:
        alone = subject.build().at(MovingSquare(1), 0, np.zeros(1, np.int64))
    except PoserepError:
        return  # footage in which nothing moves may be refused
    demand(alone.shape == (1, 3, *dataset.frame_size), f"behind a clip of one frame it gives {alone.shape}")


CHECKS = (
    Check("clips", "its clips have names of their own, known splits and rising times", ("dataset",), clips, "builds"),
    Check("frames", "its frames are uint8 RGB of the size that it states", ("dataset",), frames, "builds"),
    Check("labels", "its labels have the vocabulary's axes", ("dataset",), labels, "builds"),
    Check("joints", "its skeleton has as many joints as it states", ("dataset",), joints, "builds"),
    Check("random_access", "any frame can be read alone and in any order", ("dataset",), random_access, "builds"),
    Check("projects", "its 3D poses project onto its 2D poses", ("dataset",), projects, "builds"),
    Check("fills", "its backgrounds are pictures of the frame's size, each its own", ("background",), fills, "builds"),
)
