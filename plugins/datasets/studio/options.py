"""Options of the studio, and what follows from them alone.

Axes: J joints.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from ....core.interfaces import Options, Setting
from ....core.skeleton import HUMAN36M_17, SKELETONS, Skeleton
from ..pasting import Each

LABELS = ("pose", "pose_2d", "true_box", "true_mask", "rotation", "background", "true_boxes", "poses")
OF_MESHES = ("vertices", "part_map", "uv_map")


class StudioOptions(Options):
    """Options of the studio."""

    scene: Literal["room", "dive", "slope", "hands"] = "room"
    """Where it is filmed: a furnished room, a pool with a board, a ski slope; or hands close up, going from gesture to
    gesture, each before cameras of its own."""
    body: str = "impostors"
    """What people are drawn as: capsules of exact outline, or a body model of that name (`poserep plugins list`), whose
    joints are then the truth. Hands are always a body model: that of `capsule` if none is named."""
    body_options: dict[str, Setting] = Field(default_factory=dict)
    """Options of the body model, as { of = "hand" }."""
    subjects: PositiveInt = 10
    """People in the training split."""
    validation_subjects: int = Field(default=1, ge=0)
    """Other people, for choosing settings."""
    test_subjects: int = Field(default=3, ge=0)
    """Other people again, held out."""
    protocol: Literal["poses", "takes", "all_data"] = "poses"
    """`poses`: people of the three splits differ. `takes`: of every three takes of each person the third tests.
    `all_data`: everybody trains, to learn from held-out people without their labels, and nothing tests; such a network
    is measured on the same studio under `poses`, as probe.dataset."""
    actions: tuple[str, ...] = ()
    """Kinds of procedural motion, or of gestures in the scene `hands`; those of the scene if empty."""
    motion: str = ""
    """A BVH, AMC, DeepMimic or AMASS (.npz) file, or a folder of them, instead of procedural motion. Joints at rest of
    AMASS come from an offsets.json or offsets.npz beside or above it, or else are an average adult's."""
    takes: PositiveInt = 1
    """Clips of each subject, action and camera; a hand goes through all gestures in one clip."""
    seconds: PositiveFloat = 8.0
    """Length of a clip; a dive ends at the water."""
    fps: PositiveFloat = 10.0
    """Frames per second."""
    people: int = Field(default=1, ge=1, le=4)
    """People in every frame, each clip's subject and its companions; more than one in the room alone."""
    cameras: PositiveInt = 4
    """Cameras in the scene; before each hand."""
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

    @property
    def meshes(self) -> bool:
        """Whether a body model is drawn."""
        return self.body != "impostors" or self.scene == "hands"

    @property
    def younger(self) -> set[str]:
        """Options younger than caches that are still good: not of their key as long as they change nothing."""
        left = {"people"} if self.people == 1 else set()
        return left if self.meshes else left | {"body", "body_options"}


def classes_of(options: StudioOptions) -> tuple[str, ...]:
    """Names of the gestures that the label ``gesture`` counts."""
    from .gestures import NAMES

    return NAMES if options.scene == "hands" else ()


def skeleton_of(options: StudioOptions) -> Skeleton:
    """Of the joints that ``pose`` has."""
    return SKELETONS["hand_21"] if options.scene == "hands" else HUMAN36M_17


def labels_of(options: StudioOptions) -> tuple[str, ...]:
    """What is told of every frame."""
    return (*LABELS, *(OF_MESHES if options.meshes else ()), *(("gesture",) if options.scene == "hands" else ()))


def facts_of(options: StudioOptions) -> Mapping[str, int]:
    """Joints of its skeleton."""
    return {"joints": len(skeleton_of(options))}
