import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from poserep.cli import app
from poserep.core.errors import ConfigError, DataError
from poserep.media.camera import Camera
from poserep.verbs.acceleration import (
    Fall,
    constant_depth_acceleration,
    depth,
    image_acceleration,
    image_point,
    image_velocity,
    projection,
    relative_spread,
)
from poserep.verbs.analyse_acceleration import Jump, View, farther, see

FRONTAL = np.array([[2.0, 0, 0, 0], [0, 2.0, 0, 0], [0, 0, 1.0, 0]])  # focal length 2, looking along z, y down


def fall(gravity: tuple[float, ...], velocity: tuple[float, ...], start: tuple[float, ...]) -> Fall:
    return Fall(np.array([*gravity, 0.0]), np.array([*velocity, 0.0]), np.array([*start, 1.0]))


def camera(azimuth: float = 0.7, distance: float = 9000.0) -> Camera:
    eye = distance * np.array([np.cos(azimuth), np.sin(azimuth), 0.3])
    return Camera.look_at(eye, (0, 0, 2000), 900.0, (800, 600))


DIVE = fall((0, 0, -9810), (1100, 0, 2800), (0, 0, 4000))


def test_a_point_that_falls_at_a_depth_of_four_is_where_the_hand_says() -> None:
    q = fall((0, 8, 0), (1, 0, 0), (0, 0, 4)).point(np.array([0.0, 1.0]))

    np.testing.assert_allclose(q, [[0, 0, 4, 1], [1, 4, 4, 1]])
    np.testing.assert_allclose(image_point(FRONTAL, q), [[0, 0], [0.5, 2.0]])  # 2 * 1 / 4, 2 * 4 / 4


def test_at_constant_depth_the_acceleration_is_focal_length_times_gravity_over_depth() -> None:
    drop = fall((0, 8, 0), (1, -3, 0), (5, 0, 4))

    np.testing.assert_allclose(constant_depth_acceleration(FRONTAL, drop.gravity_4, 4.0), [0, 4])
    found = image_acceleration(FRONTAL, drop, np.linspace(0, 2, 7))
    np.testing.assert_allclose(found, np.tile([0.0, 4.0], (7, 1)), atol=1e-12)


def test_with_a_depth_that_grows_speed_and_acceleration_are_worked_by_hand() -> None:
    moving = fall((0, 0, 0), (0, 0, 1), (0, 3, 1))  # y = 2 * 3 / (1 + t) = 6 / (1 + t)
    time = np.array([0.0, 1.0])

    np.testing.assert_allclose(image_velocity(FRONTAL, moving, time)[:, 1], [-6.0, -1.5])  # -6 / (1 + t)^2
    np.testing.assert_allclose(image_acceleration(FRONTAL, moving, time)[:, 1], [12.0, 1.5])  # 12 / (1 + t)^3


@given(st.floats(-3, 3), st.floats(6000, 40000))
def test_speed_and_acceleration_are_the_finite_differences_of_the_place(azimuth: float, distance: float) -> None:
    p, time, h = projection(camera(azimuth, distance)), np.linspace(0, 1.2, 9), 1e-4

    def at(shift: float) -> np.ndarray:
        return image_point(p, DIVE.point(time + shift))

    np.testing.assert_allclose(image_velocity(p, DIVE, time), (at(h) - at(-h)) / (2 * h), rtol=1e-4, atol=1e-3)
    second = (at(h) - 2 * at(0) + at(-h)) / h**2
    np.testing.assert_allclose(image_acceleration(p, DIVE, time), second, rtol=1e-3, atol=0.05)


def test_the_projection_is_that_of_the_camera() -> None:
    view, time = camera(), np.linspace(0, 1, 5)

    np.testing.assert_allclose(image_point(projection(view), DIVE.point(time)), view.project(DIVE.point(time)[:, :3]))
    np.testing.assert_allclose(depth(projection(view), DIVE.point(time)), view.to_camera(DIVE.point(time)[:, :3])[:, 2])


def test_a_camera_matrix_means_the_same_at_any_scale() -> None:
    p, time = projection(camera()), np.linspace(0, 1, 5)

    np.testing.assert_allclose(image_acceleration(3 * p, DIVE, time), image_acceleration(p, DIVE, time))


def test_the_spread_vanishes_with_the_distance_and_so_does_the_variation_of_the_depth() -> None:
    view, jump = View(12, 2.5, 60, 1.85, float("nan")), Jump(4, 2.8, 1.1)
    seen = [see(farther(view, factor), jump) for factor in (1, 10, 100)]

    spreads = [one.spread for one in seen]
    assert spreads[0] > 8 * spreads[1] > 64 * spreads[2] > 0
    np.testing.assert_allclose(seen[2].acceleration_T2[:, 1], seen[2].level_2[1], rtol=0.01)
    assert seen[1].depth_share < seen[0].depth_share / 10  # and the camera looks down less


def test_a_level_camera_at_right_angles_sees_a_constant_acceleration_but_for_the_pitch() -> None:
    jump = Jump(4, 2.8, 1.1)
    seen = see(View(12, 2.0, 90, 1.85, 2.0), jump)  # it looks level: no change in depth

    assert seen.spread == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(seen.acceleration_T2, [[0, 1.85 * 9.81 / 12]] * len(seen.time_T), atol=1e-9)


def test_the_fall_ends_on_the_ground() -> None:
    jump = Jump(4, 2.8, 1.1)
    assert jump.fall().point(np.array([jump.seconds]))[0, 2] == pytest.approx(0, abs=1e-6)


def test_relative_spread_is_the_range_over_the_mean() -> None:
    assert relative_spread(np.array([1.0, 2.0, 3.0])) == 1.0
    assert relative_spread(-5 * np.array([1.0, 2.0, 3.0])) == 1.0
    with pytest.raises(DataError, match="mean of 0"):
        relative_spread(np.array([-1.0, 1.0]))


def test_what_cannot_be_seen_or_means_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="start_4"):
        Fall(np.zeros(4), np.zeros(4), np.zeros(4))
    with pytest.raises(DataError, match="before the camera"):
        image_point(FRONTAL, np.array([[0.0, 0, -1, 1]]))
    with pytest.raises(DataError, match="not before"):
        constant_depth_acceleration(FRONTAL, np.zeros(4), -1.0)
    bent = Camera(np.eye(3), np.zeros(3), np.eye(3), (4, 4), (0.1, 0, 0, 0, 0))
    with pytest.raises(DataError, match="distortion"):
        projection(bent)
    with pytest.raises(ConfigError, match="distance"):
        see(View(0, 2, 90, 1, 2), Jump(4, 0, 0))


def test_the_command_prints_and_draws(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    words = ["analyse", "acceleration", "--azimuth", "30", "-o", str(picture)]

    told = CliRunner().invoke(app, words).stdout
    found = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)

    assert f"relative spread of y'' {found['relative_spread']:.3f}" in told
    spreads = [row["relative_spread"] for row in found["farther"]]
    assert spreads == sorted(spreads, reverse=True)
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_moved_nearer_it_leaves_out_where_the_fall_is_behind_the_camera(tmp_path: Path) -> None:
    words = ["analyse", "acceleration", "--azimuth", "180", "--distance", "2", "--forward", "1.3", "--json"]
    found = json.loads(CliRunner().invoke(app, [*words, "-o", str(tmp_path / "a.png")]).stdout)

    assert 1.0 not in [row["distance_m"] for row in found["farther"]]
