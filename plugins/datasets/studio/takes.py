"""Who does what before which camera: the clips of a studio, planned from its options.

Recorded motions are held out by file: every fourth is for the test split, so that no test motion was trained on.

Axes: T frames, J joints, S people, 2 = x y in mm.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from ....core.interfaces import Array, Clip
from .company import as_long, companions, keep_inside, settled, spots
from .motion.motion import Motion

if TYPE_CHECKING:
    from .body import Subject
    from .figures import Figures
    from .options import StudioOptions
    from .posing import Posed
    from .scenes import Scene

ACTIONS = {"room": ("gait", "gestures", "squats", "bends", "turns"), "dive": ("dive",), "slope": ("ski",)}
ROOM_MM = 800.0  # farther from the room's middle than this, a camera may lose the person
TURNS = 3  # every third take of a person tests, where takes are dealt
HELD_OUT = 4  # every fourth recorded motion is a test motion


@dataclass(frozen=True, slots=True)
class Take:
    """One clip to be drawn: world joints (T, J, 3) in mm, who, the index of the camera, and who else is there.

    Of a body model also how it is posed, and of a hand which gesture each frame shows, (T,) int64.
    """

    clip: Clip
    joints_TJ3: Array
    subject: Subject
    camera: int
    others: tuple[tuple[Array, Subject], ...] = ()
    posed: Posed | None = None
    gesture_T: Array | None = None


def plan_takes(options: StudioOptions, scene: Scene, figures: Figures | None = None) -> list[Take]:
    """All clips, split by split, of people or with ``figures`` of a body model. Equal options, equal clips."""
    if options.scene == "hands" and figures is not None:
        from .hands import plan_hands

        return plan_hands(options, scene, figures.body, cast_of(options))
    pieces = recorded_pieces(options) if options.motion else {}
    takes: list[Take] = []
    for number, split in enumerate(cast_of(options)):
        found = _subject_takes(Repertoire(options, scene, pieces.get(split, [])), number, split, figures)
        takes += found if figures is None else [figures.dressed(take) for take in found]
    return takes


def cast_of(options: StudioOptions) -> list[str]:
    """The split of each subject."""
    return (
        ["train"] * options.subjects + ["validation"] * options.validation_subjects + ["test"] * options.test_subjects
    )


def dealt(clips: Sequence[Clip], protocol: str) -> Iterator[Clip]:
    """Clips in the splits of a protocol: those that they have, or by takes, or all for training."""
    turns: dict[str, list[str]] = {}
    for clip in clips:
        takes = turns.setdefault(clip.subject, [])
        if clip.take not in takes:
            takes.append(clip.take)
        tests = protocol == "takes" and takes.index(clip.take) % TURNS == TURNS - 1
        yield clip if protocol == "poses" else replace(clip, split="test" if tests else "train")


@dataclass(frozen=True, slots=True)
class Repertoire:
    """What a person of a split may do, and where."""

    options: StudioOptions
    scene: Scene
    pieces: Sequence[Motion]

    @property
    def actions(self) -> Sequence[str]:
        """Kinds of motion; a recording has no kinds, but as many takes."""
        if self.options.motion:
            return [""] * len(ACTIONS["room"])
        return self.options.actions or ACTIONS[self.options.scene]

    def motion(self, action: str, rng: np.random.Generator) -> Motion:
        """A recorded piece, or an invented motion of that kind."""
        options = self.options
        return _next_piece(options, self.pieces, rng) if options.motion else _invent(options, action, rng)

    def perform(self, motion: Motion, subject: Subject, spot_2: Array | None = None) -> Array:
        """The motion on a person's bones, where it belongs in the scene or about a spot: (T, J, 3) float32."""
        from .motion.retarget import retarget

        anchor: Literal["floor", "centre"] = "centre" if self.options.scene == "dive" else "floor"
        joints: Array = retarget(motion.joints_TJ3.astype(np.float64), subject.bone_lengths_mm.numpy(), anchor)
        if spot_2 is not None:
            joints = settled(joints, spot_2)
        elif self.options.scene == "room":
            joints = keep_inside(joints, ROOM_MM)
        placed: Array = self.scene.place(joints).astype(np.float32)
        return placed

    def accompany(self, subject: Subject, spot_2: Array, frames: int, rng: np.random.Generator) -> Array:
        """Some motion of a companion, as long as the subject's."""
        action = self.actions[int(rng.integers(len(self.actions)))]
        return as_long(self.perform(self.motion(action, rng), subject, spot_2), frames)


def _subject_takes(does: Repertoire, number: int, split: str, figures: Figures | None) -> Iterator[Take]:
    from .body import make_subject

    options, scene = does.options, does.scene
    name = f"S{number + 1:02d}"
    subject = make_subject(f"{options.seed}-{name}", scene.outfit)
    subject = figures.fitted(subject) if figures is not None else subject
    others = companions(options.seed, name, scene, options.people - 1)
    every = product(enumerate(does.actions), range(options.takes), range(scene.count))
    for (action_index, action), take, camera in every:
        own = 0 if options.synchronised else camera
        rng = np.random.default_rng([options.seed, number, action_index, take, own])
        motion = does.motion(action, rng)
        spot_S2 = spots(options.people, rng)
        joints = does.perform(motion, subject, spot_S2[0] if others else None)
        places = zip(others, spot_S2[1:], strict=True)
        company = tuple((does.accompany(one, spot_2, len(joints), rng), one) for one, spot_2 in places)
        label = f"{name}/{motion.name}{take or ''}" + ("" if options.synchronised else f"-{camera}")
        times = np.arange(len(joints)) / options.fps
        label = f"{label}/{action_index}" if options.motion else label
        clip = Clip(f"{label}/cam{camera}", name, label, f"cam{camera}", split, times)
        yield Take(clip, joints, subject, camera, company)


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
