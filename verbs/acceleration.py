"""How the image of a falling point accelerates: what a constant acceleration in the world becomes in the picture.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, supplement S.3, equations (16) to (22).
A point falls as q(t) = g t^2 / 2 + v0 t + p0. Homogeneous, g and v0 have a fourth entry of 0 and p0 one of 1; the
camera is P = K [R | t] with rows P1, P2, P3. At constant depth the picture's acceleration is constant as well (19),
which is what the gravity loss supposes; at a depth that changes it is not (22), the less so the farther the camera.
Differs from the paper: nothing known; the formulas are derived anew and hold against finite differences.

Axes: T moments, 4 = x y z 1. World in mm, +z up; time in s; image in pixels, +y down.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.errors import DataError
from ..core.interfaces import Array
from ..media.camera import Camera


@dataclass(frozen=True, slots=True)
class Fall:
    """A point under constant acceleration, in homogeneous form.

    Args:
        gravity_4: (x, y, z, 0), mm/s^2.
        velocity_4: (x, y, z, 0) at t = 0, mm/s.
        start_4: (x, y, z, 1) at t = 0, mm.

    Raises:
        DataError: If a fourth entry is another.
    """

    gravity_4: Array
    velocity_4: Array
    start_4: Array

    def __post_init__(self) -> None:
        for name, last in (("gravity_4", 0.0), ("velocity_4", 0.0), ("start_4", 1.0)):
            value = np.asarray(getattr(self, name), np.float64)
            if value.shape != (4,) or value[3] != last:
                raise DataError(f"{name} must be (x, y, z, {last:g}): got {value.tolist()}", where="a fall")
            object.__setattr__(self, name, value)

    def point(self, time_T: Array) -> Array:
        """q(t), (T, 4)."""
        t = np.asarray(time_T, np.float64)[:, None]
        return np.asarray(self.gravity_4 * t**2 / 2 + self.velocity_4 * t + self.start_4)

    def velocity(self, time_T: Array) -> Array:
        """q'(t), (T, 4)."""
        return np.asarray(self.gravity_4 * np.asarray(time_T, np.float64)[:, None] + self.velocity_4)


def projection(camera: Camera) -> Array:
    """P = K [R | t], (3, 4).

    Raises:
        DataError: If the camera's lens bends rays: the equations are those of a pinhole.
    """
    if camera.distortion is not None and any(camera.distortion):
        raise DataError("the equations are those of a camera without distortion", hint="undistort its images first")
    outer_34 = np.concatenate([camera.rotation_33, camera.translation_3[:, None]], axis=1)
    return np.asarray(camera.intrinsics_33 @ outer_34)


def depth(projection_34: Array, point_T4: Array) -> Array:
    """Z of equation (17), (T,), mm.

    Raises:
        DataError: If the point is not always before the camera.
    """
    depth_T = point_T4 @ projection_34[2]
    if not (depth_T > 0).all():
        raise DataError("the falling point is not always before the camera", hint="move the camera away")
    return np.asarray(depth_T)


def image_point(projection_34: Array, point_T4: Array) -> Array:
    """Equations (16), (17) and (20): x = X / Z and y = Y / Z, (T, 2), pixels."""
    return np.asarray(point_T4 @ projection_34[:2].T / depth(projection_34, point_T4)[:, None])


def constant_depth_acceleration(projection_34: Array, gravity_4: Array, depth_mm: float) -> Array:
    """Equation (19), from (18): x'' = P1 g / c and y'' = P2 g / c, whatever the time, (2,), pixels/s^2."""
    if not depth_mm > 0:
        raise DataError(f"a depth of {depth_mm:g} mm is not before the camera")
    return np.asarray(projection_34[:2] @ gravity_4 / depth_mm)


def image_velocity(projection_34: Array, fall: Fall, time_T: Array) -> Array:
    """Equation (21): [(P1 q')(P3 q) - (P1 q)(P3 q')] / (P3 q)^2 and likewise for y, (T, 2), pixels/s."""
    q_T4, dq_T4 = fall.point(time_T), fall.velocity(time_T)
    z_T1, dz_T1 = depth(projection_34, q_T4)[:, None], (dq_T4 @ projection_34[2])[:, None]
    return np.asarray((dq_T4 @ projection_34[:2].T * z_T1 - q_T4 @ projection_34[:2].T * dz_T1) / z_T1**2)


def image_acceleration(projection_34: Array, fall: Fall, time_T: Array) -> Array:
    """Equation (22), (T, 2), pixels/s^2.

    [(P1 g)(P3 q) - (P1 q)(P3 g)] / (P3 q)^2 - 2 (P3 q') [(P1 q')(P3 q) - (P1 q)(P3 q')] / (P3 q)^3.
    """
    q_T4, dq_T4 = fall.point(time_T), fall.velocity(time_T)
    z_T1, dz_T1 = depth(projection_34, q_T4)[:, None], (dq_T4 @ projection_34[2])[:, None]
    pull_2, pull_z = projection_34[:2] @ fall.gravity_4, projection_34[2] @ fall.gravity_4
    pull_T2 = pull_2 * z_T1 - q_T4 @ projection_34[:2].T * pull_z
    return np.asarray(pull_T2 / z_T1**2 - 2 * dz_T1 / z_T1 * image_velocity(projection_34, fall, time_T))


def relative_spread(values_T: Array) -> float:
    """How far values are from constant: (largest - smallest) / |mean|.

    Raises:
        DataError: If their mean is 0, so that there is nothing to compare with.
    """
    mean = abs(float(np.mean(values_T)))
    if not mean > 0:
        raise DataError("the relative spread of values with a mean of 0 is not defined")
    return float(np.ptp(values_T)) / mean
