"""The bad parts that need no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np

from poserep.core.errors import DataError
from poserep.core.interfaces import Array, Clip, Draw
from poserep.core.skeleton import HUMAN36M_17
from poserep.media.camera import Camera
from poserep.testing import MovingSquare

CAMERA = Camera(np.eye(3), np.zeros(3), np.array([[40.0, 0, 15.5], [0, 40.0, 15.5], [0, 0, 1.0]]), (32, 32))


class Poses(MovingSquare):
    """Seventeen joints that move about, three metres before the camera."""

    skeleton = HUMAN36M_17
    mirror = 1.0

    def cameras(self, clip: int) -> list[Camera]:
        return [CAMERA] * len(self.clips[clip])

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        if name not in ("pose", "pose_2d"):
            return super().labels(name, clip, indices)
        poses = [np.random.default_rng(int(index)).normal(size=(17, 3)) * 300 for index in indices]
        pose_NJ3 = np.stack(poses) * (1, 1, self.mirror if name == "pose" else 1)
        pose_NJ3 -= pose_NJ3[:, :1]
        if name == "pose":
            return pose_NJ3.astype(np.float32)
        return CAMERA.to_frame(CAMERA.project_camera(pose_NJ3 + np.array([100, 0, 3000]))).astype(np.float32)


class Mirrored(Poses):
    mirror = -1.0


class FlatPoses(Poses):
    def labels(self, name: str, clip: int, indices: Array) -> Array:
        found = super().labels(name, clip, indices)
        return found[..., :2] if name == "pose" else found


class OneName(MovingSquare):
    def __init__(self) -> None:
        super().__init__()
        self.clips = [self.clips[0], self.clips[0]]


class FloatFrames(MovingSquare):
    def frames(self, clip: int, indices: Array) -> Array:
        return super().frames(clip, indices).astype(np.float32)


class Streams(MovingSquare):
    """Reads on from the first frame that is asked for, whatever comes then."""

    def frames(self, clip: int, indices: Array) -> Array:
        return super().frames(clip, indices[0] + np.arange(len(indices)))


class FloatBackground:
    def at(self, dataset: Any, clip: int, indices: Array) -> Array:
        return np.zeros((1, 3, *dataset.frame_size), np.float32)


# ---------------------------------------------------------------- samplers


class Line:
    """Three frames, 0, 1 and 10 steps after a random one."""

    roles = ("reference", "positive", "negative")
    steps = (0, 1, 10)

    def prepare(self, clips: Sequence[Clip], allowed: Array) -> None:
        long = [c for c in allowed if len(clips[c]) > max(self.steps)]
        if not long:
            raise DataError("too short")
        self.length = min(len(clips[c]) for c in long)
        self.allowed = np.array([c for c in long if np.ptp(np.diff(clips[c].times_s)) < 0.01])

    def draw(self, rng: np.random.Generator, count: int) -> Draw:
        first = rng.integers(self.length - max(self.steps), size=count)
        clip = self.allowed[rng.integers(len(self.allowed), size=count)]
        return Draw(np.repeat(clip[:, None], 3, axis=1), first[:, None] + np.array(self.steps))


class OtherRoles(Line):
    roles = ("reference", "positive", "other")


class Outside(Line):
    def draw(self, rng: np.random.Generator, count: int) -> Draw:
        drawn = super().draw(rng, count)
        return Draw(drawn.clip, drawn.frame + 100)


class Dice(Line):
    def draw(self, rng: np.random.Generator, count: int) -> Draw:
        return super().draw(np.random.default_rng(), count)


class Anywhere(Line):
    def prepare(self, clips: Sequence[Clip], allowed: Array) -> None:
        super().prepare(clips, allowed)
        self.allowed = np.array([c for c in allowed if len(clips[c]) > max(self.steps)])

    def draw(self, rng: np.random.Generator, count: int) -> Draw:
        drawn = super().draw(rng, count)
        return Draw(self.allowed[rng.integers(len(self.allowed), size=(count, 3))], drawn.frame)


class Far(Line):
    steps = (0, 5, 10)


class Accepts(Line):
    def prepare(self, clips: Sequence[Clip], allowed: Array) -> None:
        self.allowed, self.length = np.array([0]), 200


class NeverOne(Line):
    def draw(self, rng: np.random.Generator, count: int) -> Draw:
        if count == 1:
            raise ValueError("one is not enough")
        return super().draw(rng, count)


# ---------------------------------------------------------------- executors


class Here:
    """Does each job at once."""

    slots = 1

    def submit(self, job: Callable[..., object], *arguments: object) -> Future[object]:
        task: Future[object] = Future()
        try:
            task.set_result(job(*arguments))
        except Exception as error:
            task.set_exception(error)
        return task

    def close(self) -> None:
        pass


class Wrong(Here):
    """Passes the same result to whoever asks, once there are two jobs or more."""

    def submit(self, job: Callable[..., object], *arguments: object) -> Future[object]:
        return super().submit(job, *(0 if argument == 1 else argument for argument in arguments))


class Silent(Here):
    def submit(self, job: Callable[..., object], *arguments: object) -> Future[object]:
        task = super().submit(job, *arguments)
        if task.exception() is None:
            return task
        silent: Future[object] = Future()
        silent.set_result(None)
        return silent


class Unkind(Future[object]):
    def cancel(self) -> bool:
        raise RuntimeError("too late")


class Offended(Here):
    def submit(self, job: Callable[..., object], *arguments: object) -> Future[object]:
        task = Unkind()
        found = super().submit(job, *arguments)
        if error := found.exception():
            task.set_exception(error)
        else:
            task.set_result(found.result())
        return task


class Once(Here):
    def __init__(self) -> None:
        self.open = True

    def close(self) -> None:
        if not self.open:
            raise RuntimeError("closed already")
        self.open = False


def poserep_register(register: Callable[[Any], None]) -> None:
    """Not marked as a hook: it registers nothing."""
