"""The studio as a dataset: invented or recorded motion, on rendered people, in a scene with exact truth.

Every clip is one subject doing one thing before one camera, alone or with companions in the room. Frames are drawn once
and kept in the frame cache; poses and cameras stay in memory, so that every label is exact and free. Subjects of the
three splits are different people, and so are their companions.

``pose``, ``pose_2d``, ``true_box`` and ``true_mask`` are of the clip's own subject, ``poses`` and ``true_boxes`` of all
people, the own subject first. Boxes and masks are of what is seen: NaN, and 0, of a person who is hidden.

Drawn with a body model, the model's own joints are the truth, and there are its ``vertices``, and for each pixel the
part that it shows and where on it. Places on a part are kept in steps of 1/255.

Axes: N frames, T frames of a clip, J joints, S people, C = R G B and mask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ....core.errors import ConfigError, DataError
from ....core.hookspecs import hookimpl
from ....core.interfaces import Array, Component, Context
from ....media.frame_store import frame_store
from ..pasting import Pictures, paste
from .company import WHOLE, together
from .options import OF_MESHES, classes_of, facts_of, labels_of, skeleton_of
from .options import StudioOptions as StudioOptions
from .takes import cast_of, dealt, plan_takes
from .truth import joint_labels, seen

if TYPE_CHECKING:
    from ....media.camera import Camera
    from .figures import Figures
    from .scenes import Scene

UNDRAWN = {"paste_on", "paste_each", "protocol"}  # pasted, or told, after it is drawn
DRAWING = 2  # goes up when the renderer draws other pixels, so that old caches are not used


class Studio:
    """The rendered clips and their truth."""

    def __init__(self, options: StudioOptions, context: Context) -> None:
        from .figures import open_figures
        from .scenes import make_scene

        _check_people(options)
        self.options = options
        self.skeleton = skeleton_of(options)
        self.classes = classes_of(options)
        self.frame_size = (options.size, options.size)
        self.scene: Scene = make_scene(
            options.scene, options.seed, self.frame_size, options.cameras, len(cast_of(options))
        )
        self._figures: Figures | None = open_figures(options, context) if options.meshes else None
        self._takes = plan_takes(options, self.scene, self._figures)
        if not self._takes:
            raise DataError("the studio has no clips", hint="it needs subjects, actions and cameras")
        self.clips = tuple(dealt([take.clip for take in self._takes], options.protocol))
        self._starts = np.cumsum([0, *(len(clip) for clip in self.clips)])
        self._cameras: dict[int, list[Camera]] = {}
        self._drawn: Array | None = None
        self._pictures: Pictures | None = None
        if options.paste_on:
            self._pictures = Pictures(options.paste_on, options.seed, options.paste_each, self.frame_size)

    @property
    def faces(self) -> Array | None:
        """Three vertices of each triangle of ``vertices``, (F, 3); None where no mesh is drawn."""
        return None if self._figures is None else np.asarray(self._figures.body.faces.cpu())

    @property
    def parts(self) -> tuple[str, ...]:
        """What the label ``part_map`` counts; nothing where no mesh is drawn."""
        return () if self._figures is None else ("background", *self._figures.chart.names)

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
        anybody = np.where(drawn[:, 3:4] > 0, WHOLE, 0).astype(np.uint8)
        return paste(drawn[:, :3], anybody, self._pictures.behind(self.clips[clip].name, indices))

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        """Exact truth of a clip's frames, see `core.interfaces.Dataset.labels`."""
        if name == "background":
            return self._background(clip, indices)
        if name in ("true_mask", "true_box", "true_boxes"):
            return seen(name, self._store()[self._starts[clip] + indices, 3:4], self.options.people)
        take, cameras = self._takes[clip], [self.cameras(clip)[index] for index in indices]
        if self._figures is not None and name in ("gesture", *OF_MESHES):
            kept = self._store()[self._starts[clip] + indices] if name in ("part_map", "uv_map") else None
            return self._figures.labels(name, take, cameras, indices, kept)
        if name == "rotation":
            return np.stack([camera.rotation_33 for camera in cameras]).astype(np.float32)
        return joint_labels(name, [take.joints_TJ3[indices], *(joints[indices] for joints, _ in take.others)], cameras)

    def _background(self, clip: int, indices: Array) -> Array:
        if self._pictures is not None:
            return self._pictures.behind(self.clips[clip].name, indices)
        cameras = [self.cameras(clip)[index] for index in indices]
        background: Array = self.scene.background(self._takes[clip].camera, cameras).numpy()
        return background if background.ndim == 4 else background[None]

    def _store(self) -> Array:
        if self._drawn is None:
            shape = (int(self._starts[-1]), 7 if self.options.meshes else 4, *self.frame_size)
            key = {
                "options": self.options.model_dump(mode="json", exclude=UNDRAWN | self.options.younger),
                "drawing": DRAWING,
                **_stamp(self.options.motion),
            }
            self._drawn = frame_store("studio", key, shape, self._draw_all, "drawing the studio")
        return self._drawn

    def _draw_all(self) -> Iterator[Array]:
        """Frames and masks, and of body models parts and places on them, clip by clip: (T, 4 or 7, H, W) uint8."""
        import torch

        from .body import capsules
        from .render import render

        for index, take in enumerate(self._takes):
            cameras = self.cameras(index)
            background = self.scene.background(take.camera, cameras)
            seeds = torch.arange(int(self._starts[index]), int(self._starts[index + 1]))
            if self._figures is not None:
                yield self._figures.draw(take, cameras, background, self.scene.light, seeds)
                continue
            everybody = ((take.joints_TJ3, take.subject), *take.others)
            body, marks = together([capsules(torch.from_numpy(joints), who) for joints, who in everybody])
            frames, masks = render(body, cameras, background, self.scene.light, seeds, marks)
            yield torch.cat((frames, masks[:, None]), dim=1).numpy()


def _check_people(options: StudioOptions) -> None:
    """Refuse several people where there is no room for them."""
    if options.people > 1 and options.scene != "room":
        raise ConfigError(
            f"the studio has {options.people} people in a frame in the room alone, not in the scene {options.scene!r}",
            where="dataset.people",
            hint='dataset.scene = "room", or dataset.people = 1',
        )
    if options.people > 1 and options.meshes:
        raise ConfigError(
            f"the studio draws {options.people} people in a frame as impostors alone, not as {options.body!r}",
            where="dataset.people",
            hint='dataset.body = "impostors", or dataset.people = 1',
        )


def _stamp(motion: str) -> Mapping[str, str]:
    """What tells one state of the motion files from another."""
    if not motion:
        return {}
    path = Path(motion).expanduser()
    files = sorted(path.rglob("*")) if path.is_dir() else [path, *sorted(path.parent.glob("offsets.*"))]
    return {"files": ";".join(f"{file}:{file.stat().st_size}:{file.stat().st_mtime_ns}" for file in files)}


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Hand over the dataset."""
    register(
        Component(
            kind="dataset",
            name="studio",
            options=StudioOptions,
            build=Studio,
            writes=labels_of,
            facts=facts_of,
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
