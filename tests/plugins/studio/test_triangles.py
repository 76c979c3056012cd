"""The z-buffer of triangles: pixels by hand, order, perspective, and a slow reference."""

import numpy as np
import torch

from poserep.plugins.datasets.studio.triangles import Shown, normals, shown

FACE = torch.tensor([[0, 1, 2]])


def drawn(corners: list[tuple[float, float]], depth: list[float], faces: list[tuple[int, ...]], size: int = 8) -> Shown:
    place, far = torch.tensor([corners], dtype=torch.float64), torch.tensor([depth], dtype=torch.float64)
    return shown(place, far, torch.tensor(faces), size, size)


def test_pixels_whose_centres_lie_inside_are_shown() -> None:
    found = drawn([(0, 0), (4, 0), (0, 4)], [1000.0] * 3, [(0, 1, 2)])
    wanted = {row * 8 + column for row in range(4) for column in range(4 - row)}  # their centres: x + y <= 4
    assert set(found.pixel.tolist()) == wanted
    first = int((found.pixel == 0).nonzero()[0, 0])  # the centre (0.5, 0.5): an eighth of the way along either side
    torch.testing.assert_close(found.share[first], torch.tensor([0.75, 0.125, 0.125], dtype=torch.float64))


def test_either_side_of_a_face_is_seen() -> None:
    one, two = (drawn([(0, 0), (4, 0), (0, 4)], [1000.0] * 3, [face]) for face in ((0, 1, 2), (0, 2, 1)))
    assert one.pixel.tolist() == two.pixel.tolist()


def test_the_nearer_face_hides_the_farther_whatever_their_order() -> None:
    corners, depth = [(0, 0), (8, 0), (0, 8), (0, 0), (8, 0), (0, 8)], [900.0, 900, 900, 800, 800, 800]
    for faces, near in (([(0, 1, 2), (3, 4, 5)], 1), ([(3, 4, 5), (0, 1, 2)], 0)):
        assert set(drawn(corners, depth, faces).face.tolist()) == {near}


def test_a_shared_edge_shows_each_pixel_once() -> None:
    found = drawn([(0, 0), (8, 0), (8, 8), (0, 8)], [1000.0] * 4, [(0, 1, 2), (0, 2, 3)])
    assert sorted(found.pixel.tolist()) == list(range(64))


def test_places_on_a_face_are_corrected_for_perspective() -> None:
    # half way on the screen between 1 m and 3 m: (1/1) / (1/1 + 1/3) = 0.75 of the nearer corner, at 1.5 m
    found = drawn([(0.5, -4), (0.5, 4.5), (0.5 + 8, 0.5)], [1000.0, 1000.0, 3000.0], [(0, 1, 2)], size=9)
    middle = int((found.pixel == 0 * 9 + 4).nonzero()[0, 0])
    assert abs(float(found.share[middle, 2]) - 0.25) < 0.02
    assert abs(float(found.depth[middle]) - 1500) < 20


def test_faces_that_reach_behind_the_camera_or_have_no_area_are_left_out() -> None:
    assert len(drawn([(0, 0), (4, 0), (0, 4)], [1000.0, 1000, 50], [(0, 1, 2)]).pixel) == 0
    assert len(drawn([(0, 0), (4, 4), (2, 2)], [1000.0] * 3, [(0, 1, 2)]).pixel) == 0


def test_random_triangles_come_out_as_a_slow_reference_has_them() -> None:
    rng = np.random.default_rng(0)
    place, depth = rng.uniform(-3, 15, (2, 30, 2)), rng.uniform(500, 900, (2, 30))
    faces = rng.integers(0, 30, (25, 3))
    found = shown(torch.from_numpy(place), torch.from_numpy(depth), torch.from_numpy(faces), 12, 12)
    got = dict(zip(found.pixel.tolist(), found.face.tolist(), strict=True))
    assert got == slow(place, depth, faces, 12)


def slow(place: np.ndarray, depth: np.ndarray, faces: np.ndarray, size: int) -> dict[int, int]:
    """Every pixel against every face."""
    best: dict[int, tuple[float, int]] = {}
    for frame in range(len(place)):
        for number, face in enumerate(faces):
            corners = np.vstack([place[frame, face].T, np.ones(3)])
            if abs(np.linalg.det(corners)) < 1e-12:
                continue
            for pixel in range(size * size):
                share = np.linalg.solve(corners, [pixel % size + 0.5, pixel // size + 0.5, 1])
                if share.min() >= 0:
                    near = (1 / float((share / depth[frame, face]).sum()), number)
                    key = frame * size * size + pixel
                    best[key] = min(best.get(key, (np.inf, 0)), near)
    return {key: number for key, (_, number) in best.items()}


def test_normals_of_a_flat_face_stand_on_it() -> None:
    corners = torch.tensor([[[0.0, 0, 0], [2, 0, 0], [0, 3, 0]]])
    torch.testing.assert_close(normals(corners, FACE), torch.tensor([0.0, 0, 1]).expand(1, 3, 3))
