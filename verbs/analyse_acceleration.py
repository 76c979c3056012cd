"""`poserep analyse acceleration`: how constant a fall's acceleration is in the picture of a given camera.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, supplement S.3, see `acceleration`. The gravity loss supposes a
constant one. It is when the depth does not change; the farther the camera, the less the change in depth matters.

Axes: T moments. World in mm, +z up: the fall starts at x = 0, travels along +x and ends at z = 0. Frames of a height of
1, so that positions are shares of the frame's height from its middle, +y down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.console import note, say, show_json, show_table
from ..core.errors import ConfigError
from ..core.interfaces import Array
from ..media.camera import Camera
from .acceleration import (
    Fall,
    constant_depth_acceleration,
    depth,
    image_acceleration,
    image_point,
    projection,
    relative_spread,
)
from .analyse_figure import COLOURS, save_panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GRAVITY_M_S2 = 9.81
FRAME_PX = 1000
MOMENTS = 101
ROWS = 9
FARTHER = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.7, 8.0)
"""Factors by which the camera is moved away, its focal length growing with them, so that the picture keeps its size."""


@dataclass(frozen=True, slots=True)
class View:
    """A camera beside a fall.

    Args:
        distance_m: From the fall's start, on the ground, to the camera.
        height_m: Of the camera above where the fall ends.
        azimuth_deg: Between the camera's line of sight and the direction of travel: 90 is from the side, 0 from behind.
        focal: Focal length in heights of the frame.
        aim_m: Height that the camera looks at, above the fall's start on the ground; NaN for the middle of the fall.
    """

    distance_m: float
    height_m: float
    azimuth_deg: float
    focal: float
    aim_m: float


@dataclass(frozen=True, slots=True)
class Jump:
    """A fall: from which height, how fast upwards and forwards at its start."""

    drop_m: float
    up_m_s: float
    forward_m_s: float

    @property
    def seconds(self) -> float:
        """Until it ends at a height of 0."""
        return (self.up_m_s + math.sqrt(self.up_m_s**2 + 2 * GRAVITY_M_S2 * self.drop_m)) / GRAVITY_M_S2

    def fall(self) -> Fall:
        """In homogeneous form, mm and s."""
        gravity_4, velocity_4, start_4 = np.zeros((3, 4))
        gravity_4[2] = -1000 * GRAVITY_M_S2
        velocity_4[[0, 2]] = 1000 * self.forward_m_s, 1000 * self.up_m_s
        start_4[2:] = 1000 * self.drop_m, 1
        return Fall(gravity_4, velocity_4, start_4)


@dataclass(frozen=True, slots=True)
class Seen:
    """A fall in a camera's picture: moments (T,), places and accelerations (T, 2) in frame heights, depths (T,) in mm.

    ``level_2`` is the acceleration at the mean depth, were it constant (19).
    """

    time_T: Array
    point_T2: Array
    acceleration_T2: Array
    depth_T: Array
    level_2: Array

    @property
    def depth_share(self) -> float:
        """Variation of the depth over its mean."""
        return relative_spread(self.depth_T)

    @property
    def spread(self) -> float:
        """Relative spread of y''."""
        return relative_spread(self.acceleration_T2[:, 1])


def camera_of(view: View, jump: Jump) -> Camera:
    """The calibrated camera; a frame is `FRAME_PX` high.

    Raises:
        ConfigError: If a length is not positive.
    """
    for name, value in (("distance", view.distance_m), ("focal", view.focal), ("drop", jump.drop_m)):
        if not value > 0:
            raise ConfigError(f"a {name} of {value:g} is none", where=f"--{name}", hint="give one above 0")
    angle = math.radians(view.azimuth_deg)
    away_m = -view.distance_m * math.cos(angle), -view.distance_m * math.sin(angle)
    aim_m = jump.drop_m / 2 if math.isnan(view.aim_m) else view.aim_m
    eye, target = np.array([*away_m, view.height_m]), np.array([0.0, 0.0, aim_m])
    return Camera.look_at(1000 * eye, 1000 * target, view.focal * FRAME_PX, (FRAME_PX, FRAME_PX))


def see(view: View, jump: Jump) -> Seen:
    """The fall in the camera's picture, equations (16) to (22).

    Raises:
        ConfigError: If a length is not positive.
        DataError: If the fall is not always before the camera.
    """
    p_34, fall = projection(camera_of(view, jump)), jump.fall()
    time_T = np.linspace(0, jump.seconds, MOMENTS)
    depth_T = depth(p_34, fall.point(time_T))
    return Seen(
        time_T,
        (image_point(p_34, fall.point(time_T)) + 0.5) / FRAME_PX - 0.5,
        image_acceleration(p_34, fall, time_T) / FRAME_PX,
        depth_T,
        constant_depth_acceleration(p_34, fall.gravity_4, float(depth_T.mean())) / FRAME_PX,
    )


def farther(view: View, factor: float) -> View:
    """The camera moved away, its focal length growing with the distance."""
    return replace(view, distance_m=view.distance_m * factor, focal=view.focal * factor)


def acceleration_command(view: View, jump: Jump, output: Path, as_json: bool) -> None:
    """Print x'' and y'' over the fall, and the spread of y'' from farther and farther away; draw both."""
    seen = see(view, jump)
    moved = [(factor, see(farther(view, factor), jump)) for factor in FARTHER if fits(view, jump, factor)]
    if as_json:
        show_json(data(seen, view, moved))
    else:
        rows = np.linspace(0, MOMENTS - 1, ROWS).round().astype(int)
        columns = ("s", "x", "y", "x''", "y''", "depth, m")
        show_table("", columns, [row(seen, k) for k in rows])
        say("x, y in frame heights from the middle, +y down; accelerations per s^2")
        say(f"at constant depth: x'' {seen.level_2[0]:.3f}, y'' {seen.level_2[1]:.3f}; {MOMENTS} moments")
        say(f"relative spread of y'' {seen.spread:.3f} at a depth variation / distance of {seen.depth_share:.3f}")
        cells = [(f"{view.distance_m * k:.1f}", f"{one.depth_share:.4f}", f"{one.spread:.4f}") for k, one in moved]
        show_table("", ("distance, m", "depth variation / distance", "relative spread of y''"), cells)
    plots = [partial(plot_fall, seen=seen), partial(plot_spread, seen=seen, moved=[one for _factor, one in moved])]
    title = f"camera {view.distance_m:g} m away, {view.height_m:g} m high, at {view.azimuth_deg:g} degrees"
    note(str(save_panels(plots, title, output)))


def fits(view: View, jump: Jump, factor: float) -> bool:
    """Whether the fall stays before the camera that is moved nearer."""
    p_34 = projection(camera_of(farther(view, factor), jump))
    return bool((jump.fall().point(np.linspace(0, jump.seconds, MOMENTS)) @ p_34[2] > 0).all())


def row(seen: Seen, k: int) -> tuple[str, ...]:
    """A moment as a line of the table."""
    places = (f"{value:+.3f}" for value in (*seen.point_T2[k], *seen.acceleration_T2[k]))
    return f"{seen.time_T[k]:.2f}", *places, f"{seen.depth_T[k] / 1000:.2f}"


def data(seen: Seen, view: View, moved: list[tuple[float, Seen]]) -> dict[str, Any]:
    """Everything for ``--json``."""
    return {
        "unit": "frame heights, s",
        "time_s": seen.time_T.tolist(),
        "point": seen.point_T2.tolist(),
        "acceleration": seen.acceleration_T2.tolist(),
        "depth_m": (seen.depth_T / 1000).tolist(),
        "acceleration_at_constant_depth": seen.level_2.tolist(),
        "relative_spread": seen.spread,
        "depth_variation_over_distance": seen.depth_share,
        "farther": [
            {
                "distance_m": view.distance_m * factor,
                "depth_variation_over_distance": one.depth_share,
                "relative_spread": one.spread,
            }
            for factor, one in moved
        ],
    }


def plot_fall(axes: Axes, seen: Seen) -> None:
    """The picture's acceleration over the fall, and what it were at constant depth."""
    for axis, name in enumerate(("x''", "y''")):
        axes.plot(seen.time_T, seen.acceleration_T2[:, axis], color=COLOURS[axis], label=name)
        axes.axhline(seen.level_2[axis], color=COLOURS[axis], linewidth=0.8, linestyle="dashed")
    axes.set_xlabel("s")
    axes.set_ylabel("frame heights / s^2")
    axes.set_title(f"dashed: at constant depth; spread of y'' {seen.spread:.3f}", fontsize=9)
    axes.legend(fontsize=7)


def plot_spread(axes: Axes, seen: Seen, moved: list[Seen]) -> None:
    """Spread of y'' against depth variation over distance, from near to far."""
    axes.plot([one.depth_share for one in moved], [one.spread for one in moved], ".-", color=COLOURS[0])
    axes.plot([seen.depth_share], [seen.spread], "o", color=COLOURS[1], label="this camera")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("depth variation / distance")
    axes.set_ylabel("relative spread of y''")
    axes.set_title("the same fall from nearer and from farther away", fontsize=9)
    axes.legend(fontsize=7)
