"""The studio as a dataset: invented or recorded motion, on rendered people, in a scene with exact truth.

Every clip is one subject doing one thing before one camera. Frames are drawn once and kept in the frame cache; poses
and cameras stay in memory, so that every label is exact and free. Subjects of the three splits are different people.

Axes: N frames, T frames of a clip, J joints, C = R G B and mask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, PositiveFloat, PositiveInt

from ....core.errors import DataError
from ....core.hookspecs import hookimpl
from ....core.interfaces import Array, Component, Context, Options
from ....core.skeleton import HUMAN36M_17
from ....media.frame_store import frame_store
from ..pasting import Each, Pictures, paste
from .takes import plan_takes

if TYPE_CHECKING:
    from ....core.camera import Camera
    from .scenes import Scene

PASTED = {"paste_on", "paste_each"}  # drawn before, pasted afterwards
DRAWING = 2  # goes up when the renderer draws other pixels, so that old caches are not used
LABELS = ("pose", "pose_2d", "true_box", "true_mask", "rotation", "background")


class StudioOptions(Options):
    """Options of the studio."""

    scene: Literal["room", "dive", "slope"] = "room"
    """Where it is filmed: a furnished room, a pool with a board, a ski slope."""
    subjects: PositiveInt = 10
    """People in the training split."""
    validation_subjects: int = Field(default=1, ge=0)
    """Other people, for choosing settings."""
    test_subjects: int = Field(default=3, ge=0)
    """Other people again, held out."""
    actions: tuple[str, ...] = ()
    """Kinds of procedural motion; those of the scene if empty."""
    motion: str = ""
    """A BVH, AMC or DeepMimic file, or a folder of them, instead of procedural motion."""
    takes: PositiveInt = 1
    """Clips of each subject, action and camera."""
    seconds: PositiveFloat = 8.0
    """Length of a clip; a dive ends at the water."""
    fps: PositiveFloat = 10.0
    """Frames per second."""
    cameras: PositiveInt = 4
    """Cameras in the scene."""
    synchronised: bool = True
    """All cameras film the same motion at once; otherwise each films a motion of its own, for more variety."""
    size: PositiveInt = 64
    """Side of the square frames in pixels."""
    seed: int = Field(default=0, ge=0)
    """Seed of people, motions and scene."""
    paste_on: str = ""
    """A folder of pictures: people are cut out by their masks and pasted on one drawn at random."""
    paste_each: Each = "clip"
    """Draw a picture for each clip, or for each frame."""


class Studio:
    """The rendered clips and their truth."""

    skeleton = HUMAN36M_17

    def __init__(self, options: StudioOptions, context: Context) -> None:
        from .scenes import make_scene

        self.options = options
        self.frame_size = (options.size, options.size)
        self.scene: Scene = make_scene(options.scene, options.seed, self.frame_size, options.cameras)
        self._takes = plan_takes(options, self.scene)
        if not self._takes:
            raise DataError("the studio has no clips", hint="it needs subjects, actions and cameras")
        self.clips = tuple(take.clip for take in self._takes)
        self._starts = np.cumsum([0, *(len(clip) for clip in self.clips)])
        self._cameras: dict[int, list[Camera]] = {}
        self._drawn: Array | None = None
        self._pictures: Pictures | None = None
        if options.paste_on:
            self._pictures = Pictures(options.paste_on, options.seed, options.paste_each, self.frame_size)

    def cameras(self, clip: int) -> list[Camera]:
        """The camera of each frame of a clip."""
        if clip not in self._cameras:
            take = self._takes[clip]
            self._cameras[clip] = self.scene.cameras(take.camera, take.joints_TJ3[:, 0], take.clip.times_s)
        return self._cameras[clip]

    def frames(self, clip: int, indices: Array) -> Array:
        """Frames of a clip, (N, 3, H, W) uint8; all clips are drawn on first use."""
        drawn = self._store()[self._starts[clip] + indices]
        if self._pictures is None:
            rgb: Array = drawn[:, :3]
            return rgb
        return paste(drawn[:, :3], drawn[:, 3:], self._pictures.behind(self.clips[clip].name, indices))

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        """Exact truth of a clip's frames, see `core.interfaces.Dataset.labels`."""
        if name == "background":
            return self._background(clip, indices)
        if name in ("true_mask", "true_box"):
            mask = self._store()[self._starts[clip] + indices, 3:]
            return mask if name == "true_mask" else _boxes(mask[:, 0])
        cameras = [self.cameras(clip)[index] for index in indices]
        if name == "rotation":
            return np.stack([camera.rotation_33 for camera in cameras]).astype(np.float32)
        joints_NJ3 = self._takes[clip].joints_TJ3[indices]
        if name == "pose_2d":
            pairs = zip(cameras, joints_NJ3, strict=True)
            return np.stack([camera.to_frame(camera.project(joints)) for camera, joints in pairs]).astype(np.float32)
        pose: Array = np.stack([c.to_camera(joints) for c, joints in zip(cameras, joints_NJ3, strict=True)])
        centred: Array = (pose - pose[:, :1]).astype(np.float32)
        return centred

    def _background(self, clip: int, indices: Array) -> Array:
        if self._pictures is not None:
            return self._pictures.behind(self.clips[clip].name, indices)
        cameras = [self.cameras(clip)[index] for index in indices]
        background: Array = self.scene.background(self._takes[clip].camera, cameras).numpy()
        return background if background.ndim == 4 else background[None]

    def _store(self) -> Array:
        if self._drawn is None:
            shape = (int(self._starts[-1]), 4, *self.frame_size)
            key = {
                "options": self.options.model_dump(mode="json", exclude=PASTED),
                "drawing": DRAWING,
                **_stamp(self.options.motion),
            }
            self._drawn = frame_store("studio", key, shape, self._draw_all, "drawing the studio")
        return self._drawn

    def _draw_all(self) -> Iterator[Array]:
        """Frames and masks, clip by clip: (T, 4, H, W) uint8."""
        import torch

        from .body import capsules
        from .render import render

        for index, take in enumerate(self._takes):
            joints = torch.from_numpy(take.joints_TJ3)
            cameras = self.cameras(index)
            background = self.scene.background(take.camera, cameras)
            seeds = torch.arange(int(self._starts[index]), int(self._starts[index + 1]))
            frames, masks = render(capsules(joints, take.subject), cameras, background, self.scene.light, seeds)
            yield torch.cat((frames, masks[:, None]), dim=1).numpy()


def _boxes(mask_NHW: Array) -> Array:
    """Boxes around masks, (N, 4); NaN where nobody is seen."""
    import torch

    from .render import box_of_mask

    boxes: Array = box_of_mask(torch.from_numpy(np.ascontiguousarray(mask_NHW))).numpy()
    return boxes


def _stamp(motion: str) -> Mapping[str, str]:
    """What tells one state of the motion files from another."""
    if not motion:
        return {}
    path = Path(motion).expanduser()
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return {"files": ";".join(f"{file}:{file.stat().st_size}:{file.stat().st_mtime_ns}" for file in files)}


def facts(options: StudioOptions) -> Mapping[str, int]:
    """Joints of its skeleton."""
    return {"joints": len(HUMAN36M_17)}


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Hand over the dataset."""
    register(
        Component(
            kind="dataset",
            name="studio",
            options=StudioOptions,
            build=Studio,
            writes=LABELS,
            facts=facts,
            example={
                "subjects": 1,
                "validation_subjects": 0,
                "test_subjects": 1,
                "actions": ("gait",),
                "seconds": 1.0,
                "cameras": 2,
                "size": 32,
            },
        )
    )
