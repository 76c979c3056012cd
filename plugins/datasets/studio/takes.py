"""Who does what before which camera: the clips of a studio, planned from its options.

Recorded motions are held out by file: every fourth is for the test split, so that no test motion was trained on.

Axes: T frames, J joints.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from ....core.interfaces import Array, Clip
from .motion.motion import Motion

if TYPE_CHECKING:
    from .body import Subject
    from .dataset import StudioOptions
    from .scenes import Scene

ACTIONS = {"room": ("gait", "gestures", "squats", "bends", "turns"), "dive": ("dive",), "slope": ("ski",)}
ROOM_MM = 800.0  # farther from the room's middle than this, a camera may lose the person
HELD_OUT = 4  # every fourth recorded motion is a test motion


@dataclass(frozen=True, slots=True)
class Take:
    """One clip to be drawn: world joints (T, J, 3) in mm, who, and the index of the camera."""

    clip: Clip
    joints_TJ3: Array
    subject: Subject
    camera: int


def plan_takes(options: StudioOptions, scene: Scene) -> list[Take]:
    """All clips, split by split. Equal options, equal clips."""
    pieces = recorded_pieces(options) if options.motion else {}
    takes: list[Take] = []
    for number, split in enumerate(cast_of(options)):
        takes += _subject_takes(options, scene, number, split, pieces.get(split, []))
    return takes


def cast_of(options: StudioOptions) -> list[str]:
    """The split of each subject."""
    return (
        ["train"] * options.subjects + ["validation"] * options.validation_subjects + ["test"] * options.test_subjects
    )


def _subject_takes(
    options: StudioOptions, scene: Scene, number: int, split: str, pieces: Sequence[Motion]
) -> Iterator[Take]:
    from .body import make_subject
    from .motion.retarget import retarget

    name = f"S{number + 1:02d}"
    subject = make_subject(f"{options.seed}-{name}", scene.outfit)
    actions = [""] * max(1, len(ACTIONS["room"])) if options.motion else options.actions or ACTIONS[options.scene]
    for (action_index, action), take, camera in product(enumerate(actions), range(options.takes), range(scene.count)):
        own = 0 if options.synchronised else camera
        rng = np.random.default_rng([options.seed, number, action_index, take, own])
        motion = _next_piece(options, pieces, rng) if options.motion else _invent(options, action, rng)
        anchor: Literal["floor", "centre"] = "centre" if options.scene == "dive" else "floor"
        joints: Array = retarget(motion.joints_TJ3.astype(np.float64), subject.bone_lengths_mm.numpy(), anchor)
        if options.scene == "room":
            joints = keep_inside(joints)
        joints = scene.place(joints).astype(np.float32)
        label = f"{name}/{motion.name}{take or ''}" + ("" if options.synchronised else f"-{camera}")
        times = np.arange(len(joints)) / options.fps
        label = f"{label}/{action_index}" if options.motion else label
        yield Take(Clip(f"{label}/cam{camera}", name, label, f"cam{camera}", split, times), joints, subject, camera)


def _invent(options: StudioOptions, action: str, rng: np.random.Generator) -> Motion:
    """A procedural motion; of a dive the flight alone, as in the paper's clips."""
    from .motion.procedural import procedural_motion

    motion = procedural_motion(action, options.seconds, options.fps, rng)
    if motion.free_fall is None:
        return motion
    return replace(motion, joints_TJ3=motion.joints_TJ3[slice(*motion.free_fall)])


def _next_piece(options: StudioOptions, pieces: Sequence[Motion], rng: np.random.Generator) -> Motion:
    """A recorded piece: in the room turned about the vertical at random, elsewhere travelling along +x."""
    piece = pieces[int(rng.integers(len(pieces)))]
    path_T2 = piece.joints_TJ3[:, 0, :2]
    along = path_T2[-1] - path_T2[0]
    angle = rng.uniform(0, 2 * np.pi) if options.scene == "room" else -float(np.arctan2(along[1], along[0]))
    turn_33 = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    joints = piece.joints_TJ3 @ turn_33.T
    if options.scene == "dive":  # from the end of the board, which is at the origin
        joints = joints - [*joints[0, 0, :2], 0]
    return replace(piece, joints_TJ3=joints.astype(np.float32))


def recorded_pieces(options: StudioOptions) -> dict[str, list[Motion]]:
    """Recorded motions by split, in the room cut into takes of the options' length.

    Four or more files are split by file; fewer are split in time, the last quarter being the test.
    """
    from .motion.library import load_motions, resample

    motions = [resample(motion, options.fps) for motion in load_motions(Path(options.motion).expanduser())]
    length = max(2, round(options.seconds * options.fps))
    if options.scene != "room":  # a dive or a run is one piece, and shown to every split
        return dict.fromkeys(("train", "validation", "test"), motions)
    if len(motions) >= HELD_OUT:
        groups = {
            "train": [m for i, m in enumerate(motions) if i % HELD_OUT != HELD_OUT - 1],
            "test": [m for i, m in enumerate(motions) if i % HELD_OUT == HELD_OUT - 1],
        }
    else:
        groups = {
            "train": [_span(m, 0.0, 0.75) for m in motions],
            "test": [_span(m, 0.75, 1.0) for m in motions],
        }
    groups["validation"] = groups["train"]  # other people, known motions
    return {split: [piece for motion in group for piece in _cut(motion, length)] for split, group in groups.items()}


def _span(motion: Motion, begin: float, end: float) -> Motion:
    count = len(motion.joints_TJ3)
    return replace(motion, joints_TJ3=motion.joints_TJ3[int(begin * count) : max(int(end * count), 2)])


def _cut(motion: Motion, length: int) -> list[Motion]:
    """Pieces of about the given number of frames; a short motion is one piece."""
    count = max(1, round(len(motion.joints_TJ3) / length))
    return [
        replace(motion, name=f"{motion.name}-{index}" if count > 1 else motion.name, joints_TJ3=part)
        for index, part in enumerate(np.array_split(motion.joints_TJ3, count))
        if len(part) >= 2
    ]


def keep_inside(joints_TJ3: Array) -> Array:
    """The motion in the middle of the room; one that travels too far loses its steady drift, as on a treadmill."""
    path_T2 = joints_TJ3[:, 0, :2]
    if np.abs(path_T2).max() <= ROOM_MM:
        return joints_TJ3
    time_T = np.linspace(-0.5, 0.5, len(path_T2))[:, None]
    middle = (path_T2.max(0) + path_T2.min(0)) / 2
    moved = path_T2 - middle
    if np.abs(moved).max() > ROOM_MM:
        moved = moved - time_T * (path_T2[-1] - path_T2[0])
        moved = moved - (moved.max(0) + moved.min(0)) / 2
        moved = moved * min(1.0, ROOM_MM / np.abs(moved).max())
    shift_T3 = np.concatenate([moved - path_T2, np.zeros_like(time_T)], axis=1)
    inside: Array = joints_TJ3 + shift_T3[:, None]
    return inside
