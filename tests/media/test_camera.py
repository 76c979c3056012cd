from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from poserep.core.errors import DataError
from poserep.media.camera import Camera, Distortion, distort, horizon

LENS: Distortion = (-0.2, 0.08, 0.001, -0.002, 0.01)
few = settings(max_examples=30, deadline=None)
metres = st.floats(-2000, 2000)
sides = st.integers(8, 2000)


@pytest.fixture
def camera() -> Camera:
    """One metre in front of the origin, on the world's -y side, looking along +y."""
    return Camera.look_at(eye=(0, -1000, 0), target=(0, 0, 0), focal_px=500, size_WH=(201, 101))


def test_look_at_gives_x_right_y_down_z_forward(camera: Camera) -> None:
    np.testing.assert_allclose(camera.rotation_33, [[1, 0, 0], [0, 0, -1], [0, 1, 0]], atol=1e-12)
    np.testing.assert_allclose(camera.to_camera((0, -1000, 0)), (0, 0, 0), atol=1e-9)


def test_a_point_projects_where_it_was_worked_out_by_hand(camera: Camera) -> None:
    # 100 mm right and 50 mm up at 1000 mm: 500 * 0.1 = 50 px right of 100, 500 * 0.05 = 25 px above 50
    np.testing.assert_allclose(camera.to_camera((100, 0, 50)), (100, -50, 1000))
    np.testing.assert_allclose(camera.project((100, 0, 50)), (150, 25))


def test_the_target_lies_in_the_middle_of_the_image(camera: Camera) -> None:
    np.testing.assert_allclose(camera.to_frame(camera.project((0, 0, 0))), (0, 0), atol=1e-12)


@few
@given(eye=st.tuples(metres, metres, metres), target=st.tuples(metres, metres, metres))
def test_look_at_always_gives_a_rotation_with_up_upwards(
    eye: tuple[float, float, float], target: tuple[float, float, float]
) -> None:
    assume(np.hypot(eye[0] - target[0], eye[1] - target[1]) > 1)  # straight up or down is refused, see below
    camera = Camera.look_at(eye, target, focal_px=500, size_WH=(64, 64))

    np.testing.assert_allclose(camera.rotation_33 @ camera.rotation_33.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(camera.rotation_33) > 0
    assert camera.rotation_33[1] @ (0, 0, 1) < 0


def test_projection_keeps_leading_axes(camera: Camera) -> None:
    points = np.random.default_rng(0).normal(0, 100, (2, 5, 17, 3))

    assert camera.project(points).shape == (2, 5, 17, 2)
    np.testing.assert_allclose(camera.project(points)[1, 4, 16], camera.project(points[1, 4, 16]))


def test_points_behind_the_camera_have_no_pixel(camera: Camera) -> None:
    pixels = camera.project([(0, -1500, 0), (0, -1000, 0), (0, 0, 0)])

    assert np.isnan(pixels).all(axis=-1).tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("lens", "expected"),
    [
        ((0.1, 0, 0, 0, 0), (0.5 * 1.025, 0.0)),  # r^2 = 0.25, so 1 + 0.1 * 0.25
        ((0, 0.1, 0, 0, 0), (0.5 * 1.00625, 0.0)),  # r^4 = 0.0625
        ((0, 0, 0, 0, 0.1), (0.5 * 1.0015625, 0.0)),  # r^6 = 0.015625
        ((0, 0, 0.1, 0, 0), (0.5, 0.025)),  # y += p1 (r^2 + 2 y^2)
        ((0, 0, 0, 0.1, 0), (0.575, 0.0)),  # x += p2 (r^2 + 2 x^2)
    ],
)
def test_each_term_of_the_lens_does_what_it_says(lens: Distortion, expected: tuple[float, float]) -> None:
    np.testing.assert_allclose(distort(np.array([0.5, 0.0]), lens), expected)


@few
@given(x=st.floats(-0.7, 0.7), y=st.floats(-0.7, 0.7))
def test_the_lens_equals_its_definition(x: float, y: float) -> None:
    k1, k2, p1, p2, k3 = LENS
    r2 = x * x + y * y
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    expected = (
        x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
        y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
    )

    np.testing.assert_allclose(distort(np.array([x, y]), LENS), expected, atol=1e-12)


def test_frame_coordinates_put_the_first_pixel_half_a_pixel_inside() -> None:
    camera = Camera.look_at((0, -1, 0), (0, 0, 0), focal_px=1, size_WH=(4, 2))

    np.testing.assert_allclose(camera.to_frame([(0, 0), (3, 1), (-0.5, -0.5)]), [(-0.75, -0.5), (0.75, 0.5), (-1, -1)])


@few
@given(pixel=st.tuples(metres, metres), size_WH=st.tuples(sides, sides))
def test_from_frame_undoes_to_frame(pixel: tuple[float, float], size_WH: tuple[int, int]) -> None:
    camera = Camera.look_at((0, -1, 0), (0, 0, 0), focal_px=1, size_WH=size_WH)

    np.testing.assert_allclose(camera.from_frame(camera.to_frame(pixel)), pixel, atol=1e-9)


@few
@given(size_WH=st.tuples(sides, sides), point=st.tuples(metres, metres, metres))
def test_resizing_moves_nothing_in_frame_coordinates(
    size_WH: tuple[int, int], point: tuple[float, float, float]
) -> None:
    camera = replace(Camera.look_at((0, -5000, 300), (0, 0, 0), focal_px=700, size_WH=(640, 360)), distortion=LENS)
    small = camera.scaled(size_WH)

    assert small.size_WH == size_WH
    np.testing.assert_allclose(small.to_frame(small.project(point)), camera.to_frame(camera.project(point)), atol=1e-9)


@pytest.mark.parametrize(
    ("rotation_33", "message"),
    [
        (2 * np.eye(3), "not orthonormal: R R\\^T differs from the identity by 3"),
        (np.full((3, 3), np.nan), "not orthonormal"),
        (np.diag([1.0, 1.0, -1.0]), "reflection"),
        (np.eye(4), "must have the shape \\(3, 3\\), has \\(4, 4\\)"),
    ],
)
def test_what_is_no_rotation_is_refused(rotation_33: NDArray[np.float64], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Camera(rotation_33, np.zeros(3), np.eye(3), (64, 64))


@pytest.mark.parametrize("target", [(0, 0, 0), (0, 0, 500)])
def test_looking_along_up_or_nowhere_is_refused(target: tuple[int, int, int]) -> None:
    with pytest.raises(DataError, match="no camera at"):
        Camera.look_at((0, 0, 0), target, focal_px=1, size_WH=(4, 4))


def test_a_calibration_cannot_be_changed_in_place(camera: Camera) -> None:
    with pytest.raises(ValueError, match="read-only"):
        camera.rotation_33[0, 0] = 2


def test_the_horizon_of_a_level_camera_is_its_middle_row(camera: Camera) -> None:
    ends = horizon(camera.rotation_33, camera.intrinsics_33, camera.size_WH)

    np.testing.assert_allclose(ends, [(-1, 0), (1, 0)], atol=1e-9)


def test_looking_down_raises_the_horizon_by_the_tangent() -> None:
    # one metre down over two metres: 500 px * 1 / 2 = 250 px above the middle of 1000 rows, half of their half
    camera = Camera.look_at((0, -2000, 1000), (0, 0, 0), focal_px=500, size_WH=(800, 1000))

    np.testing.assert_allclose(
        horizon(camera.rotation_33, camera.intrinsics_33, camera.size_WH) or (), [(-1, -0.5), (1, -0.5)], atol=1e-9
    )


def test_a_camera_on_its_side_has_an_upright_horizon() -> None:
    camera = Camera.look_at((0, -1000, 0), (0, 0, 0), focal_px=500, size_WH=(201, 101), up=(1, 0, 0))

    np.testing.assert_allclose(
        horizon(camera.rotation_33, camera.intrinsics_33, camera.size_WH) or (), [(0, -1), (0, 1)], atol=1e-9
    )


@few
@given(around=st.floats(-3, 3), height_mm=st.floats(-100, 100), lean=st.floats(-0.3, 0.3), aside=st.floats(-0.2, 0.2))
def test_distant_points_at_the_cameras_height_lie_on_the_horizon(
    around: float, height_mm: float, lean: float, aside: float
) -> None:
    eye = np.array([1000 * np.cos(around), 1000 * np.sin(around), height_mm])
    camera = Camera.look_at(eye, (0, 0, 0), 300, (200, 120), up=(lean, lean, 1))
    ends = horizon(camera.rotation_33, camera.intrinsics_33, camera.size_WH)
    far_3 = eye - 1e9 * np.array([np.cos(around + aside), np.sin(around + aside), 0])
    x, y = camera.to_frame(camera.project(far_3))

    assert ends is not None
    assert np.abs(ends).max(axis=1) == pytest.approx([1, 1])
    (x0, y0), (x1, y1) = ends
    assert (x1 - x0) * (y - y0) == pytest.approx((y1 - y0) * (x - x0), abs=1e-5)


def test_a_camera_that_looks_down_steeply_sees_no_horizon() -> None:
    steep = Camera.look_at((0, -100, 1000), (0, 0, 0), focal_px=500, size_WH=(200, 200))
    assert horizon(steep.rotation_33, steep.intrinsics_33, steep.size_WH) is None

    straight_33 = np.array([[1.0, 0, 0], [0, -1, 0], [0, 0, -1]])  # down along -z: the horizon is nowhere
    assert horizon(straight_33, steep.intrinsics_33, steep.size_WH) is None
