import numpy as np
import pytest

from poserep.core.errors import ConfigError
from poserep.core.skeleton import HUMAN36M_17
from poserep.plugins.datasets.studio.motion.body import (
    ANKLES,
    HIPS,
    KNEES,
    centre_of_gravity,
    gravity_weights,
    rotation,
    upper_body,
)
from poserep.plugins.datasets.studio.motion.flight import dive_motion
from poserep.plugins.datasets.studio.motion.motion import ANKLE_HEIGHT_MM, Motion
from poserep.plugins.datasets.studio.motion.procedural import KINDS, procedural_motion
from poserep.plugins.datasets.studio.motion.slope import SLOPE_DEG
from poserep.plugins.datasets.studio.motion.tracks import ease, key_track

INDOORS = ("gait", "gestures", "squats", "bends", "turns")
FPS = 60.0
PELVIS, HEAD = 0, 10


def made(kind: str, seed: int = 0, seconds: float = 6.0) -> Motion:
    return procedural_motion(kind, seconds, FPS, np.random.default_rng(seed))


def facing(joints_TJ3: np.ndarray) -> np.ndarray:
    left = joints_TJ3[:, HIPS[0]] - joints_TJ3[:, HIPS[1]]
    forward = np.cross(left, [0.0, 0.0, 1.0])
    return forward / np.linalg.norm(forward, axis=1, keepdims=True)


@pytest.mark.parametrize("kind", KINDS)
def test_bones_keep_their_length(kind: str) -> None:
    joints = made(kind).joints_TJ3.astype(float)
    lengths = np.linalg.norm(joints[:, 1:] - joints[:, list(HUMAN36M_17.parents[1:])], axis=-1)

    assert joints.shape[1:] == (17, 3)
    assert lengths.std(axis=0).max() < 0.05
    np.testing.assert_allclose(lengths[:, [0, 1, 2]], lengths[:, [3, 4, 5]], atol=0.05)  # right leg, left leg


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_generator_gives_the_same_motion_and_another_one_does_not(kind: str) -> None:
    np.testing.assert_array_equal(made(kind, 1).joints_TJ3, made(kind, 1).joints_TJ3)

    one, other = made(kind, 1).joints_TJ3, made(kind, 2).joints_TJ3
    frames = min(len(one), len(other))
    assert np.abs(one[:frames] - other[:frames]).mean() > 30


@pytest.mark.parametrize("kind", INDOORS)
@pytest.mark.parametrize("seed", range(4))
def test_people_stand_upright_in_the_room(kind: str, seed: int) -> None:
    joints = made(kind, seed).joints_TJ3

    assert len(joints) == 360
    assert np.abs(joints[:, PELVIS, :2]).max() < 1200
    assert (joints[:, HEAD, 2] > joints[:, ANKLES, 2].min(axis=1) + 300).all()
    np.testing.assert_allclose(joints[:, ANKLES, 2].min(axis=1), ANKLE_HEIGHT_MM, atol=120)
    assert joints[..., 2].min() > -1


@pytest.mark.parametrize("kind", INDOORS)
def test_motion_is_smooth(kind: str) -> None:
    joints = made(kind).joints_TJ3.astype(float)
    speed = np.linalg.norm(np.diff(joints, axis=0), axis=-1) * FPS
    acceleration = np.linalg.norm(np.diff(joints, 2, axis=0), axis=-1) * FPS**2

    assert speed.max() < 8000  # mm/s: hands and feet
    assert acceleration.max() < 2.5e5
    assert speed.mean() > 50


@pytest.mark.parametrize("kind", [*INDOORS, "ski"])
def test_knees_bend_forwards_and_elbows_do_too(kind: str) -> None:
    joints = made(kind).joints_TJ3.astype(float)
    for hip, knee, ankle in zip(HIPS, KNEES, ANKLES, strict=True):
        hinge = np.cross(joints[:, knee] - joints[:, hip], joints[:, ankle] - joints[:, knee])
        left = joints[:, HIPS[0]] - joints[:, HIPS[1]]
        assert ((hinge * left).sum(axis=1) > -1e4).mean() > 0.97  # the shank turns backwards about the left axis


def test_walkers_walk_the_way_they_face() -> None:
    for seed in range(5):
        joints = made("gait", seed).joints_TJ3.astype(float)
        velocity = np.gradient(joints[:, PELVIS], axis=0) * FPS
        along = (velocity * facing(joints)).sum(axis=1)
        assert along.mean() > 0.95 * np.linalg.norm(velocity[:, :2], axis=1).mean() > 350


def test_the_standing_foot_of_a_walker_does_not_slide() -> None:
    joints = made("gait").joints_TJ3.astype(float)
    for ankle in ANKLES:
        down = joints[:, ankle, 2] < ANKLE_HEIGHT_MM + 0.5
        slide = np.linalg.norm(np.diff(joints[:, ankle, :2], axis=0), axis=1)[down[1:] & down[:-1]]
        assert down.mean() > 0.3
        assert np.median(slide) < 0.1


def test_poses_of_many_people_differ_from_their_mean() -> None:
    rng = np.random.default_rng(0)
    clips = [procedural_motion(kind, 6.0, 10.0, rng).joints_TJ3 for kind in INDOORS for _ in range(8)]
    poses = np.concatenate([clip - clip[:, :1] for clip in clips]).astype(float)
    mean = poses.mean(axis=0)
    scale = (poses * mean).sum(axis=(1, 2)) / (mean**2).sum()
    error = np.linalg.norm(scale[:, None, None] * mean - poses, axis=-1).mean()

    assert 170 < error < 280  # mm: what a constant answer would score


def test_the_centre_of_gravity_falls_under_gravity_alone() -> None:
    for seed in range(12):
        dive = dive_motion(2.0, FPS, np.random.default_rng(seed))
        assert dive.free_fall is not None
        first, end = dive.free_fall
        centre = centre_of_gravity(dive.joints_TJ3)[first:end]
        assert end == len(dive.joints_TJ3)
        assert len(centre) > 0.6 * FPS
        np.testing.assert_allclose(np.diff(centre, 3, axis=0), 0, atol=5e-3)
        np.testing.assert_allclose(np.diff(centre, 2, axis=0) * FPS**2, [[0, 0, -9810]] * (len(centre) - 2), atol=10)


@pytest.mark.parametrize("height_m", [1.0, 3.0, 10.0])
def test_divers_leave_the_board_on_their_feet_and_enter_head_first(height_m: float) -> None:
    for seed in range(8):
        joints = dive_motion(3.0, FPS, np.random.default_rng(seed), height_m).joints_TJ3
        assert joints[0, ANKLES, 2] == pytest.approx(1000 * height_m + ANKLE_HEIGHT_MM, abs=1)
        assert joints[-1, HEAD, 2] < joints[-1, PELVIS, 2] < joints[-1, ANKLES, 2].min()
        assert 0 <= joints[-1, :, 2].min() < 350  # the next frame would be in the water
        assert joints[-1, PELVIS, 0] > 500


def test_the_jump_has_no_break_at_take_off() -> None:
    for seed in range(8):
        dive = dive_motion(2.0, 240.0, np.random.default_rng(seed))
        assert dive.free_fall is not None
        steps = np.linalg.norm(np.diff(dive.joints_TJ3, axis=0), axis=-1).max(axis=1) * 240
        around = steps[dive.free_fall[0] - 4 : dive.free_fall[0] + 4]
        assert np.abs(np.diff(around)).max() < 0.25 * around.max()


def test_a_board_at_the_water_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"no dive from 0\.2 m"):
        dive_motion(2.0, FPS, np.random.default_rng(0), height_m=0.2)


def test_skiers_go_down_a_slope_of_fifteen_degrees_at_eight_metres_a_second() -> None:
    joints = made("ski").joints_TJ3.astype(float)
    velocity = np.diff(joints[:, PELVIS], axis=0) * FPS / 1000
    steepness = np.degrees(np.arctan2(joints[0, PELVIS, 2] - joints[-1, PELVIS, 2], np.ptp(joints[:, PELVIS, 0])))

    assert np.linalg.norm(velocity, axis=1).mean() == pytest.approx(8, abs=1.2)
    assert steepness == pytest.approx(SLOPE_DEG, abs=0.5)
    assert np.ptp(joints[:, PELVIS, 1]) > 1000  # weaving
    assert facing(joints)[:, 0].min() > 0.7


@pytest.mark.parametrize(("kind", "seconds"), [("moonwalk", 3.0), ("gait", 0.0)])
def test_what_cannot_be_made_is_refused(kind: str, seconds: float) -> None:
    with pytest.raises(ConfigError):
        procedural_motion(kind, seconds, 30.0, np.random.default_rng(0))


def test_weights_share_the_whole_mass() -> None:
    weights = gravity_weights()

    assert weights.sum() == pytest.approx(1)
    # shank 0.04353 with its centre at 37.05 %, and the foot as a point: 0.04353 * 0.3705 + 0.01471
    assert weights[ANKLES[0]] == pytest.approx(0.03084, abs=1e-4)
    np.testing.assert_allclose(centre_of_gravity(np.full((2, 17, 3), 7.0)), 7)


def test_a_raised_arm_is_where_the_angles_say() -> None:
    zero = np.zeros(1)
    forward = upper_body(np.zeros((1, 3)), {"heading": zero, "left_arm_fwd": zero + 90})
    side = upper_body(np.zeros((1, 3)), {"heading": zero, "right_arm_out": zero + 90, "right_elbow": zero + 90})

    np.testing.assert_allclose(forward[0, 12] - forward[0, 11], [280, 0, 0], atol=1e-6)
    np.testing.assert_allclose(side[0, 15] - side[0, 14], [0, -280, 0], atol=1e-6)
    np.testing.assert_allclose(side[0, 16] - side[0, 15], [250, 0, 0], atol=1e-6)


def test_a_rotation_vector_turns_right_handed() -> None:
    np.testing.assert_allclose(rotation(np.array([[0.0, 0.0, 90.0]]))[0] @ [1, 0, 0], [0, 1, 0], atol=1e-12)


def test_a_key_track_visits_its_keys_and_rests_there() -> None:
    curve = key_track(np.array([0.0, 1.0, 1.5, 2.0]), np.array([0.0, 2.0]), np.array([5.0, 9.0]), moving=0.5)

    np.testing.assert_allclose(curve, [5, 9, 9, 9])
    np.testing.assert_allclose(ease(np.array([-1.0, 0.0, 0.5, 1.0, 2.0])), [0, 0, 0.5, 1, 1])
