import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poserep.core.skeleton import SKELETONS
from poserep.plugins.datasets.placing import centred, pinhole, placed
from poserep.plugins.datasets.standing import person

LENS_33 = np.array([[200.0, 0, 128], [0, 100, 64], [0, 0, 1]])
BODY = SKELETONS["human36m_17"]
shifts = st.floats(-2000, 2000)


def test_a_point_falls_where_hand_and_pencil_put_it() -> None:
    point = np.array([[[1.0, 2.0, 4.0]]])
    np.testing.assert_allclose(pinhole(point, LENS_33[None]), [[[200 * 0.25 + 128, 100 * 0.5 + 64]]])


def test_what_is_behind_the_camera_falls_nowhere() -> None:
    assert np.isnan(pinhole(np.array([[[1.0, 2.0, -4.0], [1.0, 2.0, 0.0]]]), LENS_33[None])).all()


@settings(deadline=None)
@given(shifts, shifts, st.floats(2000, 9000))
def test_a_pose_is_put_back_where_it_was_seen(x: float, y: float, z: float) -> None:
    pose_1J3 = 1000 * person(BODY, 0.3)[None]
    shift_13 = np.array([[x, y, z]])
    pixels = pinhole(pose_1J3 + shift_13, LENS_33[None])
    np.testing.assert_allclose(placed(pose_1J3, pixels, LENS_33[None]), shift_13, rtol=1e-6, atol=1e-4)


def test_joints_that_are_not_known_do_not_count() -> None:
    pose_1J3 = 1000 * person(BODY, 0.3)[None]
    pixels = pinhole(pose_1J3 + np.array([10, -20, 5000]), LENS_33[None])
    pixels[0, 4:9] = np.nan
    np.testing.assert_allclose(placed(pose_1J3, pixels, LENS_33[None]), [[10, -20, 5000]], rtol=1e-6)
    assert np.isfinite(placed(pose_1J3, np.full_like(pixels, np.nan), LENS_33[None])).all()


def test_a_pose_without_a_pelvis_is_centred_between_the_hips() -> None:
    limbs = SKELETONS["body_13"]
    pose_NJ3 = np.zeros((1, 13, 3))
    pose_NJ3[0, limbs.index("left_hip")] = [3, 0, 4]
    pose_NJ3[0, limbs.index("right_hip")] = [1, 0, 0]
    np.testing.assert_allclose(centred(pose_NJ3, limbs)[0, limbs.index("left_hip")], [1, 0, 2])
    np.testing.assert_allclose(centred(pose_NJ3, limbs)[0, 0], [-2, 0, -2])


@pytest.mark.parametrize("name", ["human36m_17", "smpl_24", "common_14"])
def test_the_example_person_has_his_left_on_his_left(name: str) -> None:
    pose_J3 = person(SKELETONS[name], 0.0)  # looks along -y, so that left is up x forward = z x -y = +x
    np.testing.assert_allclose(SKELETONS[name].left_axis(pose_J3), [1, 0, 0], atol=1e-9)
