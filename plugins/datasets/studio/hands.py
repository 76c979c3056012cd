"""The scene ``hands``: one hand after the other close before its own cameras, somewhere in the room.

Each person's hand is held up in the middle of the room, towards another wall for each, so that backgrounds differ; its
cameras stand in an arc before the palm.

Axes: T frames, J joints of a hand. Coordinates: world mm, +z up; the floor is z = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from ....core.errors import ConfigError
from ....core.interfaces import Array, BodyModel, Clip
from ....core.skeleton import SKELETONS
from ....media.camera import Camera
from . import sets
from .body import make_subject
from .gestures import HEIGHT_MM, NAMES, facing, perform, turned
from .motion.body import rotation
from .posing import Posed, shape_of
from .render import Light
from .scenes import StaticScene

if TYPE_CHECKING:
    from .options import StudioOptions
    from .scenes import Scene
    from .takes import Take

HAND = SKELETONS["hand_21"]
HAND_MM, SHARE = 190.0, 0.5  # an adult's hand fills half of a frame's height
ARC_DEG = 80.0  # of azimuth in which a hand's cameras stand
TWO_HUNDRED_DAYS = 137.5  # degrees between the directions of one hand and the next: never the same wall soon


@dataclass(frozen=True)
class HandScene(StaticScene):
    """The room with cameras close to where hands are held up; ``headings_deg`` tells where each palm looks."""

    headings_deg: tuple[float, ...] = ()


def make_hands(seed: int, frame_size: tuple[int, int], people: int, cameras: int) -> HandScene:
    """The scene; the cameras of each person stand together in the order of people.

    Args:
        seed: Source of the room and of where cameras stand.
        frame_size: Width and height of a frame, pixels.
        people: How many hands.
        cameras: Before each of them.
    """
    rng = np.random.default_rng(seed)
    first = rng.uniform(0, 360)
    headings = tuple(float(first + TWO_HUNDRED_DAYS * person) for person in range(people))
    views = []
    for heading in headings:
        for index in range(cameras):
            place = (index + rng.uniform(0.2, 0.8)) / cameras - 0.5
            azimuth = np.radians(heading + ARC_DEG * place)
            distance, rise = rng.uniform(560, 780), rng.uniform(-130, 190)
            eye = (distance * np.sin(azimuth), -distance * np.cos(azimuth), HEIGHT_MM + rise)
            focal = SHARE * frame_size[1] * distance / HAND_MM
            views.append(Camera.look_at(eye, (0, 0, HEIGHT_MM), focal, frame_size))
    light = Light((0.1, -0.35, 0.93), ambient=0.5, shadow=0.0, noise=2.5)
    return HandScene("hands", tuple(views), sets.room(rng), sets.dusk, light, "street", headings)


def plan_hands(options: StudioOptions, scene: Scene, body: BodyModel, splits: list[str]) -> list[Take]:
    """All clips of hands, person by person. Equal options, equal clips.

    Raises:
        ConfigError: The body model is no hand, or a gesture is not known.
    """
    check(options, body)
    if not isinstance(scene, HandScene):
        raise TypeError(f"{scene.name} is no scene of hands")
    takes = []
    for number, split in enumerate(splits):
        for take in range(options.takes):
            takes += _one(options, scene, body, number, split, take)
    return takes


def check(options: StudioOptions, body: BodyModel) -> None:
    """Refuse what is no hand, and gestures that nobody knows.

    Raises:
        ConfigError: With what there is.
    """
    if body.skeleton is not HAND:
        has = body.skeleton.name if body.skeleton else "no mapping to a skeleton"
        what = f"the scene hands needs a body model that gives the joints of hand_21; this one has {has}"
        raise ConfigError(what, where="dataset.body", hint='body_options = { of = "hand" } with capsule or anny')
    if unknown := [name for name in options.actions if name not in NAMES]:
        what = f"no gesture is called {unknown[0]!r}"
        raise ConfigError(what, where="dataset.actions", hint=f"there is: {', '.join(NAMES)}")


def _one(options: StudioOptions, scene: HandScene, body: BodyModel, number: int, split: str, take: int) -> list[Take]:
    """One recording by all cameras of a person."""
    from .takes import Take

    name = f"S{number + 1:02d}"
    subject = make_subject(f"{options.seed}-{name}", scene.outfit)
    times_s = np.arange(max(2, round(options.seconds * options.fps))) / options.fps
    shape_S = shape_of(body, f"{options.seed}-{name}")
    found = []
    for camera in range(options.cameras):
        rng = np.random.default_rng([options.seed, number, take, 0 if options.synchronised else camera, 11])
        posed, told_T = performed(options.actions or NAMES, times_s, body, shape_S, (scene.headings_deg[number], rng))
        vertices, joints = posed.at(body, torch.arange(len(times_s)))
        own = "" if options.synchronised else f"-{camera}"
        label = f"{name}/hand{take or ''}{own}"
        clip = Clip(f"{label}/cam{camera}", name, label, f"{name}-cam{camera}", split, times_s)
        place = number * options.cameras + camera
        found.append(Take(clip, body.pose(vertices, joints).numpy(), subject, place, posed=posed, gesture_T=told_T))
    return found


def performed(
    names: tuple[str, ...],
    times_s: Array,
    body: BodyModel,
    shape_S: torch.Tensor,
    where: tuple[float, np.random.Generator],
) -> tuple[Posed, Array]:
    """A hand going through gestures; ``where`` is the palm's heading in degrees and the source of all variety."""
    heading_deg, rng = where
    angles, turn_T3, middle_T3, told_T = perform(names, times_s, rng)
    count, joints = len(times_s), len(body.joint_names)
    still = Posed(torch.eye(3).expand(1, joints, 3, 3), shape_S, torch.zeros(1, 3))
    rest_J3 = body.pose(*still.at(body, torch.zeros(1, dtype=torch.int64)))[0]
    fingers = turned(angles, rest_J3.double().numpy(), HAND)
    turns = np.tile(np.eye(3), (count, joints, 1, 1))
    for joint, name in enumerate(body.joint_names):
        if name in HAND.joints:
            turns[:, joint] = fingers[:, HAND.index(name)]
    whole = rotation(np.array([[0.0, 0.0, heading_deg]])) @ facing(turn_T3)
    turns[:, 0] = whole
    middle_3 = 0.55 * rest_J3[0] + 0.45 * rest_J3[HAND.index("middle_tip")]
    reach_T3 = whole @ (middle_3 - rest_J3[0]).double().numpy()
    start = middle_T3 - reach_T3 - rest_J3[0].double().numpy()
    return Posed(torch.from_numpy(turns).float(), shape_S, torch.from_numpy(start).float()), told_T
