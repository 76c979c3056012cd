"""Meshes over pictures: the camera that joints tell, and what is drawn."""

import numpy as np
import pytest

from poserep.verbs.mesh_picture import Camera, camera_around, camera_of, drawn


def test_a_camera_is_found_from_joints_and_where_they_are_seen() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(scale=400, size=(17, 3))
    true = Camera(np.array([2.0, 2.4]), np.array([0.1, -0.2]), np.array([300.0, -150.0]), 4000.0)
    found = camera_of(points.astype(np.float32), true.see(points).astype(np.float32))
    more = rng.normal(scale=400, size=(50, 3))
    np.testing.assert_allclose(found.see(more), true.see(more), atol=2e-4)


def test_a_point_is_seen_where_the_formula_says() -> None:
    camera = Camera(np.array([2.0, 3.0]), np.array([0.5, 0.0]), np.array([10.0, 20.0]), 1000.0)
    point = np.array([[100.0, -50.0, 200.0]])
    assert camera.see(point)[0] == pytest.approx([(200 + 100 + 10) / 1200, (-150 + 20) / 1200])


def test_a_mesh_without_joints_fills_the_picture() -> None:
    mesh = np.array([[-10.0, 0, 5], [30, 0, 7], [0, 100, 9]])
    place = camera_around(mesh).see(mesh)
    assert place[:, 1].min() == pytest.approx(-0.9)
    assert place[:, 1].max() == pytest.approx(0.9)
    assert place[:, 0].min() == pytest.approx(-place[:, 0].max())


def test_the_nearer_of_two_faces_is_seen_and_one_that_faces_the_camera_is_brighter() -> None:
    corners = np.array([[-1.0, -1], [1, -1], [0, 1]])
    near, far = (np.column_stack((corners, np.full(3, depth))) for depth in (0.0, 5.0))
    far[0, 2] = 100.0  # tilted, so that it is darker
    camera = Camera(np.full(2, 0.9), np.zeros(2), np.zeros(2))
    empty = np.full((16, 16, 3), 7, np.uint8)

    def middle(*meshes: np.ndarray) -> np.ndarray:
        faces = np.arange(3 * len(meshes)).reshape(-1, 3)
        return drawn(empty, np.concatenate(meshes), camera, faces)[8, 8]

    assert (middle(near, far) == middle(near)).all()
    assert (middle(far, near) == middle(near)).all()
    assert middle(near).sum() > middle(far).sum() > 21
    assert (drawn(empty, near, camera, np.array([[0, 1, 2]]))[15, 0] == 7).all()


def test_a_mesh_of_unknown_faces_is_drawn_as_dots() -> None:
    points = np.array([[-0.5, -0.5, 0.0], [0.5, 0.5, 10.0]])
    picture = drawn(np.zeros((16, 16, 3), np.uint8), points, Camera(np.ones(2), np.zeros(2), np.zeros(2)), None)
    assert picture[4, 4].sum() > picture[12, 12].sum() > 0
    assert picture[4, 12].sum() == 0
