import numpy as np

from poserep.plugins.datasets.boxes import box_of_edges, box_of_joints, framed

SIZE = (100, 50)


def test_the_corners_of_the_image_are_the_ends_of_the_frame() -> None:
    ends = framed(np.array([[-0.5, -0.5], [99.5, 49.5], [49.5, 24.5]]), SIZE)
    np.testing.assert_allclose(ends, [[-1, -1], [1, 1], [0, 0]], atol=1e-12)


def test_a_box_of_edges_by_hand() -> None:
    # columns 25 to 74, rows 0 to 24
    box = box_of_edges(np.array([[24.5, -0.5, 74.5, 24.5]]), SIZE)
    np.testing.assert_allclose(box, [[0.5, 0.5, 0, -0.5]], atol=1e-12)


def test_a_box_is_cut_at_the_image() -> None:
    box = box_of_edges(np.array([[-50.5, -10.5, 49.5, 99.5], [200, 200, 300, 300]]), SIZE)
    np.testing.assert_allclose(box[0], [0.5, 1, -0.5, 0], atol=1e-12)
    assert np.isnan(box[1]).all()


def test_a_box_of_joints_by_hand() -> None:
    # 20 wide, 10 high: a tenth of 20 more on each side
    pose = np.array([[[30.0, 20], [50, 30], [np.nan, np.nan]]])
    np.testing.assert_allclose(box_of_joints(pose, SIZE), box_of_edges(np.array([[28.0, 18, 52, 32]]), SIZE))


def test_it_moves_with_the_joints() -> None:
    pose = np.array([[[30.0, 20], [50, 30]]])
    moved = box_of_joints(pose + np.array([10, 5]), SIZE) - box_of_joints(pose, SIZE)
    np.testing.assert_allclose(moved, [[0, 0, 0.2, 0.2]], atol=1e-12)


def test_nobody_has_no_box() -> None:
    assert np.isnan(box_of_joints(np.full((2, 3, 2), np.nan), SIZE)).all()
