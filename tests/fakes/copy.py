"""A copy of a dataset that lacks something, for the commands that look at one: three clips of a stick person."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from poserep.core.hookspecs import hookimpl
from poserep.core.interfaces import Array, Clip, Component, Context, Count, Found, Inventory, Options
from poserep.core.registry import Entry, Registry
from poserep.core.skeleton import HUMAN36M_17

ENTRY = Entry("dataset", "copy", module="poserep.tests.fakes.copy", summary="A copy", package="fakes")
LEFT = {"hip": (100, 0, 0), "knee": (100, 400, -100), "ankle": (100, 800, 0), "shoulder": (200, -500, 0)}


def registry() -> Registry:
    """What ships, and the copy."""
    return Registry((ENTRY,), installed=())


def standing() -> Array:
    """Someone who faces the camera with bent knees: (17, 3) mm; joints beside legs and shoulders at the pelvis."""
    pose_J3 = np.zeros((17, 3), np.float32)
    for part, (x, y, z) in LEFT.items():
        pose_J3[HUMAN36M_17.index(f"left_{part}")] = (x, y, z)
        pose_J3[HUMAN36M_17.index(f"right_{part}")] = (-x, y, z)
    return pose_J3


class CopyOptions(Options):
    """Options of the copy."""

    mirrored: bool = False
    """Whether the poses are seen in a mirror."""


class Copy:
    """Subjects S1 and S9, of whom one camera is missing; labels that are off by up to 3 pixels."""

    skeleton = HUMAN36M_17
    frame_size = (64, 64)

    def __init__(self, options: CopyOptions, context: Context) -> None:
        self.sign = np.array([-1 if options.mirrored else 1, 1, 1], np.float32)
        self.clips = [
            Clip(f"{subject}/walk/{camera}", subject, "walk", camera, split, np.arange(count) / 50)
            for subject, camera, split, count in (
                ("S9", "c1", "test", 2),
                ("S1", "c1", "train", 4),
                ("S1", "c2", "train", 4),
            )
        ]

    def frames(self, clip: int, indices: Array) -> Array:
        return np.full((len(indices), 3, 64, 64), 50, np.uint8)

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        return np.broadcast_to(standing() * self.sign, (len(indices), 17, 3)).copy()

    def inventory(self) -> Inventory:
        return Inventory(
            found=(Found("S9", 1, ("c1",), 2), Found("S1", 1, ("c1", "c2"), 8)),
            missing=("S9 walk: the camera c2 [its video]", "S11: the whole subject"),
            counts=(Count("training frames", 8, 8), Count("test frames", 2, 1000)),
            register="https://example.org/register",
        )

    def projection(self, clip: int, indices: Array) -> tuple[Array, Array]:
        labelled = np.zeros((len(indices), 17, 2))
        labelled[:, 16] = np.nan
        off = np.zeros_like(labelled)
        off[:, 0, 0] = 3.0 if clip == 2 else 0.5  # 1 of 16 known joints
        return labelled + off, labelled

    def horizon(self, clip: int, index: int) -> tuple[tuple[float, float], tuple[float, float]] | None:
        return None if clip == 0 else ((-1.0, -0.5), (1.0, -0.5))


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    register(Component(kind="dataset", name="copy", options=CopyOptions, build=Copy, writes=("pose",)))
