"""Dataset ``freihand``: single pictures of right hands, with 21 joints, silhouettes and the mesh of a hand.

Paper: Zimmermann et al., ICCV 2019, arXiv:1909.04349. 32,560 hands before a green screen, each again with three other
backgrounds; 3,960 more for evaluation.

The pictures come in no order of time. A clip is all pictures of one background in one split, and its timestamps are
made up, a minute apart: a sampler of near and far frames finds nothing near and refuses, where it would otherwise teach
that unlike hands are alike. Samplers that take any frames of a clip work, and so does the probe.

A picture that cannot be read is replaced by the same hand before another background, so that labels stay true.

Axes: N frames, J joints, P vertices, 3 = x y z, 2 = x y.
Coordinates: the camera's own, +x right, +y down, +z forward; there is no world. Pixels of pictures are 224 x 224.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ....core.errors import DataError
from ....core.hookspecs import hookimpl
from ....core.interfaces import Array, Clip, Component, Context, Count, Found, Inventory
from ....core.skeleton import SKELETONS
from ....media.camera import Camera
from ....media.images import image_size, read_image
from ....media.mended import Footage
from ....media.prepared import prepared
from ..boxes import box_of_joints, framed
from .example import write_example
from .footage import HandFootage
from .layout import REGISTER, VERSIONS, read_part
from .shelves import FreihandOptions, Shelf, check_masks, clip_of, plan

HAND = SKELETONS["hand_21"]
PAPER = {"training": 32560, "evaluation": 3960}
M_TO_MM = 1000.0


class Freihand:
    """The pictures by background and split.

    Attributes:
        clips: One per background and split, and one for the evaluation set.
        frame_size: (H, W) of every frame.
        skeleton: Of the hand, its root the wrist.
    """

    skeleton = HAND

    def __init__(self, options: FreihandOptions, context: Context) -> None:
        self.options = options
        root = Path(options.root).expanduser()
        extra = ("verts",) if options.mesh else ()
        self._training = read_part(root, "training", len(VERSIONS), extra)
        has_test = (root / "evaluation_xyz.json").is_file()  # copies from before it was given have no labels of it
        self._evaluation = read_part(root, "evaluation", 1, extra) if has_test else None
        if options.masks:
            check_masks(self._training)
        shelves = dict(plan(self._training, self._evaluation, options))
        self._shelves = list(shelves.values())
        self.clips: Sequence[Clip] = tuple(clip_of(name, shelf) for name, shelf in shelves.items())
        first = self._shelves[0]
        picture = first.part.picture(first.version, int(first.samples[0]))
        self.size_WH = image_size(picture)[::-1] if picture else (0, 0)
        self.frame_size = (options.height, options.height)
        self._footage: list[Footage] = [
            HandFootage(str(root / name), shelf, self.frame_size) for name, shelf in shelves.items()
        ]
        if options.prepared:
            self._footage = [prepared(footage) for footage in self._footage]

    @property
    def skipped(self) -> int:
        """Pictures that were asked for so far and could not be read."""
        return sum(footage.skipped for footage in self._footage)

    def frames(self, clip: int, indices: Array) -> Array:
        """Frames of one clip, (N, 3, H, W) uint8 RGB.

        Raises:
            DataError: If a sample's picture can be read with no background.
        """
        return self._footage[clip].read(indices)

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        """``pose``, ``pose_2d``, ``true_box``; with the options ``true_mask`` and ``vertices``.

        Raises:
            DataError: For another name, or where there is no mask.
        """
        shelf = self._shelves[clip]
        samples = shelf.samples[indices]
        if name == "true_mask" and self.options.masks:
            return self._masks(shelf, samples)
        numbers = shelf.part.numbers
        xyz_NJ3 = numbers["xyz"][samples].astype(np.float64)
        if name == "pose":
            return np.asarray((M_TO_MM * (xyz_NJ3 - xyz_NJ3[:, :1])).astype(np.float32))
        if name == "vertices" and self.options.mesh:
            return np.asarray((M_TO_MM * (numbers["verts"][samples] - xyz_NJ3[:, :1])).astype(np.float32))
        pixels_NJ2 = project(xyz_NJ3, numbers["K"][samples])
        if name == "pose_2d":
            return framed(pixels_NJ2, self.size_WH).astype(np.float32)
        if name == "true_box":
            return box_of_joints(pixels_NJ2, self.size_WH).astype(np.float32)
        givers = {"true_mask": "masks", "vertices": "mesh"}
        hint = f"the option {givers[name]} gives it" if name in givers else ""
        raise DataError(f"dataset freihand has no label {name!r}", where=self.clips[clip].name, hint=hint)

    def cameras(self, clip: int) -> list[Camera]:
        """The camera of each frame of a clip; its world is its own frame."""
        shelf = self._shelves[clip]
        intrinsics = shelf.part.numbers["K"][shelf.samples]
        return [Camera(np.eye(3), np.zeros(3), k_33, self.size_WH) for k_33 in intrinsics]

    def mano(self, clip: int, indices: Array) -> Array:
        """Parameters of the hand model, (N, 61): 48 of pose, 10 of shape, the root in pixels, the scale.

        Raises:
            DataError: If the copy has none.
        """
        return self._numbers("mano", clip, indices)

    def scale_m(self, clip: int, indices: Array) -> Array:
        """Length of the middle finger's first bone in metres, (N,); raises as `mano`."""
        return self._numbers("scale", clip, indices)[:, 0]

    def inventory(self) -> Inventory:
        """Pictures by background, and what a whole copy would have besides."""
        found = [
            Found(clip.name, 1, (clip.camera,), len(shelf.samples))
            for clip, shelf in zip(self.clips, self._shelves, strict=True)
        ]
        missing = list(self._training.missing)
        pictures = int((self._training.files != b"").sum())
        counts = [
            Count("training samples", self._training.count, PAPER["training"]),
            Count("training pictures", pictures, len(VERSIONS) * PAPER["training"]),
        ]
        if self._evaluation is None:
            missing.append("evaluation_xyz.json: without it there is no test split")
        else:
            missing += self._evaluation.missing
            counts.append(Count("evaluation samples", self._evaluation.count, PAPER["evaluation"]))
        return Inventory(tuple(found), tuple(missing), tuple(counts), REGISTER, ("set", "takes", "cameras"))

    def _numbers(self, name: str, clip: int, indices: Array) -> Array:
        shelf = self._shelves[clip]
        if name not in shelf.part.numbers:
            file = f"{shelf.part.folder.name}_{name}.json"
            raise DataError(f"there is no {file}", where=str(shelf.part.folder.parent), hint=f"it is at {REGISTER}")
        return np.array(shelf.part.numbers[name][shelf.samples[indices]])

    def _masks(self, shelf: Shelf, samples: Array) -> Array:
        names = shelf.part.masks
        if not len(names):
            raise DataError(
                "there are masks of training pictures only",
                where=str(shelf.part.folder / "mask"),
                hint="use parts that need no true_mask where it is tested",
            )
        paths = [shelf.part.folder / "mask" / names[sample].decode() for sample in samples]
        return np.stack([read_image(path, self.frame_size, "L") for path in paths])


def project(xyz_NJ3: Array, intrinsics_N33: Array) -> Array:
    """Pixels (N, J, 2) of points in front of the camera, in any unit."""
    rays = xyz_NJ3 / xyz_NJ3[..., 2:]
    return np.asarray((rays @ np.swapaxes(intrinsics_N33.astype(np.float64), 1, 2))[..., :2])


def known(options: FreihandOptions) -> tuple[str, ...]:
    """The labels that it has."""
    given = {"true_mask": options.masks, "vertices": options.mesh}
    return ("pose", "pose_2d", "true_box", *(name for name, wanted in given.items() if wanted))


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Declare ``dataset.freihand``."""
    register(
        Component(
            kind="dataset",
            name="freihand",
            options=FreihandOptions,
            build=Freihand,
            writes=known,
            facts=lambda _options: {"joints": len(HAND)},
            example=write_example,
        )
    )
