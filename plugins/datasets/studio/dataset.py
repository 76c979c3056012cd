"""The studio as a dataset: invented or recorded motion, on rendered people, in a scene with exact truth.

Every clip is one subject doing one thing before one camera, alone or with companions in the room. Frames are drawn once
and kept in the frame cache; poses and cameras stay in memory, so that every label is exact and free. Subjects of the
three splits are different people, and so are their companions.

``pose``, ``pose_2d``, ``true_box`` and ``true_mask`` are of the clip's own subject, ``poses`` and ``true_boxes`` of all
people, the own subject first. Boxes and masks are of what is seen: NaN, and 0, of a person who is hidden.

Axes: N frames, T frames of a clip, J joints, S people, C = R G B and mask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, PositiveFloat, PositiveInt

from ....core.errors import ConfigError, DataError
from ....core.hookspecs import hookimpl
from ....core.interfaces import Array, Component, Context, Options
from ....core.skeleton import HUMAN36M_17
from ....media.frame_store import frame_store
from ..pasting import Each, Pictures, paste
from .company import WHOLE, together
from .takes import plan_takes

if TYPE_CHECKING:
    from ....core.camera import Camera
    from .scenes import Scene

PASTED = {"paste_on", "paste_each"}  # drawn before, pasted afterwards
DRAWING = 2  # goes up when the renderer draws other pixels, so that old caches are not used
LABELS = ("pose", "pose_2d", "true_box", "true_mask", "rotation", "background", "true_boxes", "poses")


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
    """A BVH, AMC, DeepMimic or AMASS (.npz) file, or a folder of them, instead of procedural motion. Joints at rest of
    AMASS come from an offsets.json or offsets.npz beside or above it, or else are an average adult's."""
    takes: PositiveInt = 1
    """Clips of each subject, action and camera."""
    seconds: PositiveFloat = 8.0
    """Length of a clip; a dive ends at the water."""
    fps: PositiveFloat = 10.0
    """Frames per second."""
    people: int = Field(default=1, ge=1, le=4)
    """People in every frame, each clip's subject and its companions; more than one in the room alone."""
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

        if options.people > 1 and options.scene != "room":
            raise ConfigError(
                f"the studio has {options.people} people in a frame in the room alone, not in the scene "
                f"{options.scene!r}",
                where="dataset.people",
                hint='dataset.scene = "room", or dataset.people = 1',
            )
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
        anybody = np.where(drawn[:, 3:] > 0, WHOLE, 0).astype(np.uint8)
        return paste(drawn[:, :3], anybody, self._pictures.behind(self.clips[clip].name, indices))

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        """Exact truth of a clip's frames, see `core.interfaces.Dataset.labels`."""
        if name == "background":
            return self._background(clip, indices)
        if name in ("true_mask", "true_box", "true_boxes"):
            return _seen(name, self._store()[self._starts[clip] + indices, 3:], self.options.people)
        cameras = [self.cameras(clip)[index] for index in indices]
        if name == "rotation":
            return np.stack([camera.rotation_33 for camera in cameras]).astype(np.float32)
        take = self._takes[clip]
        joints_NJ3 = take.joints_TJ3[indices]
        if name == "pose_2d":
            pairs = zip(cameras, joints_NJ3, strict=True)
            return np.stack([camera.to_frame(camera.project(joints)) for camera, joints in pairs]).astype(np.float32)
        if name == "poses":
            everybody = (joints_NJ3, *(joints[indices] for joints, _ in take.others))
            return np.stack([_centred(cameras, joints) for joints in everybody], axis=1)
        return _centred(cameras, joints_NJ3)

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
                "options": self.options.model_dump(mode="json", exclude=PASTED | self._unused),
                "drawing": DRAWING,
                **_stamp(self.options.motion),
            }
            self._drawn = frame_store("studio", key, shape, self._draw_all, "drawing the studio")
        return self._drawn

    @property
    def _unused(self) -> set[str]:
        """Options younger than caches that are still good: not of their key as long as they change nothing."""
        return {"people"} if self.options.people == 1 else set()

    def _draw_all(self) -> Iterator[Array]:
        """Frames and masks, clip by clip: (T, 4, H, W) uint8."""
        import torch

        from .body import capsules
        from .render import render

        for index, take in enumerate(self._takes):
            everybody = ((take.joints_TJ3, take.subject), *take.others)
            body, marks = together([capsules(torch.from_numpy(joints), who) for joints, who in everybody])
            cameras = self.cameras(index)
            background = self.scene.background(take.camera, cameras)
            seeds = torch.arange(int(self._starts[index]), int(self._starts[index + 1]))
            frames, masks = render(body, cameras, background, self.scene.light, seeds, marks)
            yield torch.cat((frames, masks[:, None]), dim=1).numpy()


def _seen(name: str, marks_N1HW: Array, people: int) -> Array:
    """The own subject's mask or box, or the boxes of everybody, from what each left in the mask."""
    if name == "true_mask":
        own: Array = np.where(marks_N1HW == WHOLE, marks_N1HW, 0)
        return own
    boxes = [_boxes(marks_N1HW[:, 0] == WHOLE - index) for index in range(people if name == "true_boxes" else 1)]
    return np.stack(boxes, axis=1) if name == "true_boxes" else boxes[0]


def _centred(cameras: Sequence[Camera], joints_NJ3: Array) -> Array:
    """World joints in each frame's camera, relative to their root: (N, J, 3) float32."""
    pose: Array = np.stack([c.to_camera(joints) for c, joints in zip(cameras, joints_NJ3, strict=True)])
    centred: Array = (pose - pose[:, :1]).astype(np.float32)
    return centred


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
    files = sorted(path.rglob("*")) if path.is_dir() else [path, *sorted(path.parent.glob("offsets.*"))]
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
