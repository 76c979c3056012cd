"""Where the studio's people are filmed: a room with several cameras, a diving pool, a ski slope.

A scene answers three questions: where a motion takes place in it, which camera films each frame, and what that camera
would see without the person. The background is exact: what ``render`` gets is what ``background`` returns.

Axes: T frames, J joints, H W pixels, 3 = x y z or R G B. Coordinates: world mm, +z up; the floor is z = 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....core.errors import ConfigError
from ....media.camera import Camera
from . import sets
from .body import Outfit
from .follow import SlopeScene
from .parts import ADULT_HEIGHT_MM
from .render import Light
from .world import Piece, Sky, photograph

Array = NDArray[Any]


class Scene(Protocol):
    """A place to film in."""

    @property
    def name(self) -> str:
        """One of ``SCENES``."""

    @property
    def count(self) -> int:
        """Number of cameras."""

    @property
    def light(self) -> Light:
        """How it is lit."""

    @property
    def outfit(self) -> Outfit:
        """What people wear there."""

    def place(self, joints_TJ3: Array) -> Array:
        """A procedural motion (T, 17, 3) moved to where it belongs in this scene; a translation of the whole clip."""
        ...

    def cameras(self, index: int, pelvis_T3: Array, times_s: Array) -> list[Camera]:
        """The camera of each frame, for a person whose pelvis is there at those times."""
        ...

    def background(self, index: int, cameras: Sequence[Camera]) -> Tensor:
        """The empty scene, (3, H, W) uint8 where the camera stands still, else one per camera, (T, 3, H, W)."""
        ...


def make_scene(name: str, seed: int, frame_size: tuple[int, int], cameras: int = 4, people: int = 1) -> Scene:
    """A scene; equal arguments give the same scene.

    Args:
        name: One of ``SCENES``, or "hands".
        seed: Source of its cameras, colours and furniture.
        frame_size: Width and height of a frame, pixels.
        cameras: How many of them; before each hand.
        people: How many hands.

    Raises:
        ConfigError: No scene has that name, or there is no camera.
    """
    if name not in (*SCENES, "hands"):
        raise ConfigError(f"no scene {name!r}", where="studio", hint=f"choose one of {', '.join(SCENES)}, hands")
    if cameras < 1:
        raise ConfigError("a scene needs a camera", where="studio", hint="cameras = 1 or more")
    if name == "hands":
        from .hands import make_hands

        return make_hands(seed, frame_size, people, cameras)
    return SCENES[name](np.random.default_rng(seed), frame_size, cameras)


def _focal(frame_size: tuple[int, int], share: float, distance_mm: float) -> float:
    """Focal length (px) that shows an adult at a distance with a share of the frame's height."""
    return share * frame_size[1] * distance_mm / ADULT_HEIGHT_MM


# ---------------------------------------------------------------- cameras that stand still


@dataclass(frozen=True)
class StaticScene:
    """Cameras that do not move; each background is painted when first asked for."""

    name: str
    views: tuple[Camera, ...]
    pieces: list[Piece]
    sky: Sky
    light: Light
    outfit: Outfit

    @property
    def count(self) -> int:
        """Number of cameras."""
        return len(self.views)

    def place(self, joints_TJ3: Array) -> Array:
        """The motion as it is: procedural motion already stands in the room or on the board."""
        return joints_TJ3

    def cameras(self, index: int, pelvis_T3: Array, times_s: Array) -> list[Camera]:
        """The same camera for every frame."""
        return [self.views[index]] * len(pelvis_T3)

    @cached_property
    def _painted(self) -> dict[int, Tensor]:
        return {}

    def background(self, index: int, cameras: Sequence[Camera]) -> Tensor:
        """What the camera sees without the person, (3, H, W) uint8."""
        if index not in self._painted:
            self._painted[index] = torch.from_numpy(photograph(self.pieces, self.sky, self.views[index]))
        return self._painted[index]


def _room(rng: np.random.Generator, frame_size: tuple[int, int], count: int) -> Scene:
    """Cameras around a furnished room, about 5 m from its centre, 1.2 to 1.6 m high.

    People within 0.8 m of the centre stay in all frames; at the centre they fill 60 % of its height.
    """
    views = []
    first = rng.uniform(0, 2 * np.pi)
    for index in range(count):
        azimuth = first + 2 * np.pi * (index + rng.uniform(-0.13, 0.13)) / count
        distance, height = rng.uniform(4800, 5100), rng.uniform(1200, 1600)
        eye = (distance * np.cos(azimuth), distance * np.sin(azimuth), height)
        views.append(Camera.look_at(eye, (0, 0, 930), _focal(frame_size, 0.6, distance), frame_size))
    towards = np.array([rng.uniform(-0.5, 0.5), rng.uniform(-0.5, 0.5), 1.0])
    light = Light(tuple(towards / np.linalg.norm(towards)), ambient=0.55, noise=2.5)
    return StaticScene("room", tuple(views), sets.room(rng), sets.dusk, light, "street")


def _dive(rng: np.random.Generator, frame_size: tuple[int, int], count: int) -> Scene:
    """Cameras beside a pool with a 3 m board that ends above x = 0; a diver has a quarter of the frame's height."""
    views = []
    for index in range(count):
        azimuth = np.radians(-90 + rng.uniform(-6, 6) + 22 * ((index + 1) // 2) * (-1) ** index)
        distance = rng.uniform(11500, 12500)
        target = np.array([900.0, 0.0, 2800.0])
        eye = target + np.array([distance * np.cos(azimuth), distance * np.sin(azimuth), rng.uniform(-900, 300)])
        views.append(Camera.look_at(eye, target, _focal(frame_size, 0.27, distance), frame_size))
    light = Light((-0.35, -0.55, 0.76), ambient=0.55, shadow=0.0, noise=2.5)
    return StaticScene("dive", tuple(views), sets.pool(rng), sets.dusk, light, "swim")


# ---------------------------------------------------------------- cameras that follow


def _slope(rng: np.random.Generator, frame_size: tuple[int, int], count: int) -> Scene:
    """Cameras 30 m beside the middle of a run, 8 m apart; a crouching skier has 40 % of the frame's height there."""
    eyes = tuple(np.array([8000.0 * (index - (count - 1) / 2), -30000, 4000]) for index in range(count))
    pieces = sets.slope(rng, eyes[0])
    focal_px = _focal(frame_size, 0.6, 30000)
    light = Light((-0.35, -0.45, 0.82), ambient=0.6, shadow=0.35, ground=(sets.SNOW_NORMAL, 0.0), noise=2.0)
    return SlopeScene(eyes, focal_px, frame_size, rng.uniform(0, 2 * np.pi, (count, 4)), pieces, light)


SCENES: dict[str, Callable[[np.random.Generator, tuple[int, int], int], Scene]] = {
    "room": _room,
    "dive": _dive,
    "slope": _slope,
}
