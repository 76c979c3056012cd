import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poserep.core.errors import DataError
from poserep.core.interfaces import Array, Clip
from poserep.media.camera import Camera
from poserep.plugins.datasets.virtual_cameras import MIRROR_33, Virtual, VirtualOptions, WithVirtual

ANGLES = st.floats(-180, 180)
SIDE = 33
TIMES_S = np.arange(3.0)


class Filmed:
    """A white spot before camera a, and before b, which is held out."""

    clips = tuple(Clip(f"walk {c}", "", "walk", c, s, TIMES_S) for c, s in (("a", "train"), ("b", "test")))
    frame_size = (SIDE, SIDE)
    skeleton = None

    def frames(self, clip: int, indices: Array) -> Array:
        return np.repeat(spot(24, 16)[None], len(indices), axis=0)

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        if name == "pose":
            raise DataError("no label pose")
        shape = (3, 3) if name == "rotation" else (17, 2)
        return np.broadcast_to(np.eye(*shape, dtype=np.float32), (len(indices), *shape))


def spot(x: int, y: int) -> Array:
    frame_3HW = np.zeros((3, SIDE, SIDE), np.uint8)
    frame_3HW[:, y - 1 : y + 2, x - 1 : x + 2] = 255
    return frame_3HW


def place(frame_3HW: Array) -> Array:
    """(x, y) of the light's centroid, in pixels from the picture's middle."""
    light_HW = frame_3HW[0].astype(float)
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    return np.array([(light_HW * x).sum(), (light_HW * y).sum()]) / light_HW.sum()


def camera(rotation_33: Array) -> Camera:
    """At a distance of 10 from the world's origin, which it has in its middle."""
    intrinsics_33 = np.array([[300.0, 0, 16], [0, 300, 16], [0, 0, 1]])
    return Camera(rotation_33, np.array([0.0, 0, 10]), intrinsics_33, (SIDE, SIDE))


def test_a_quarter_roll_takes_what_is_right_to_below() -> None:
    quarter = Virtual(0, 90, False)
    np.testing.assert_allclose(place(quarter.picture(spot(24, 16)[None])[0]), [0, 8], atol=1e-6)
    np.testing.assert_allclose(quarter.rotation(np.eye(3)[None])[0], [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-7)


def test_a_mirrored_picture_has_left_and_right_changed() -> None:
    mirrored = Virtual(0, 0, True)
    np.testing.assert_allclose(place(mirrored.picture(spot(24, 20)[None])[0]), [-8, 4])


@given(ANGLES, st.booleans(), st.integers(0, 1000))
def test_the_rotation_is_that_of_a_camera_which_sees_the_made_picture(roll: float, mirrored: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    true_33, _r = np.linalg.qr(rng.normal(size=(3, 3)))
    true_33 *= np.linalg.det(true_33)
    point_3 = rng.uniform(-0.2, 0.2, 3)
    one = Virtual(0, roll, mirrored)

    made_33 = one.rotation(true_33[None])[0]
    np.testing.assert_allclose(made_33 @ made_33.T, np.eye(3), atol=1e-6)
    assert np.linalg.det(made_33) == pytest.approx(1, abs=1e-5)
    seen = camera(true_33).project(point_3[None])[0] - 16
    there = camera(made_33.astype(float)).project((MIRROR_33 @ point_3 if mirrored else point_3)[None])[0] - 16
    angle = np.deg2rad(roll)
    turn_22 = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    np.testing.assert_allclose(there, turn_22 @ (seen * [-1, 1] if mirrored else seen), atol=1e-3)


@given(ANGLES)
def test_the_picture_turns_as_the_rotation_says(roll: float) -> None:
    one = Virtual(0, roll, False)
    turned = one.rotation(np.eye(3)[None])[0, :2, :2] @ place(spot(24, 16))
    np.testing.assert_allclose(place(one.picture(spot(24, 16)[None])[0]), turned, atol=0.15)


def test_cameras_that_are_held_out_have_no_virtual_ones_and_mirrored_takes_are_takes_of_their_own() -> None:
    found = WithVirtual(Filmed(), VirtualOptions(rolled=(20.0,), mirrored=True))

    assert [(clip.take, clip.camera, clip.split) for clip in found.clips] == [
        ("walk", "a", "train"),
        ("walk", "b", "test"),
        ("walk", "a rolled 20", "train"),
        ("walk mirrored", "a mirrored", "train"),
        ("walk mirrored", "a mirrored rolled 20", "train"),
    ]
    assert len({clip.name for clip in found.clips}) == 5
    assert found.virtual_cameras == {clip.camera for clip in found.clips[2:]}


def test_frames_and_labels_are_those_of_the_clip() -> None:
    found, two = WithVirtual(Filmed(), VirtualOptions(rolled=(90.0,))), np.array([0, 2])

    np.testing.assert_array_equal(found.frames(0, two), Filmed().frames(0, two))
    assert found.frames(2, two).shape == (2, 3, SIDE, SIDE)
    assert found.frames(2, two).dtype == np.uint8
    np.testing.assert_allclose(place(found.frames(2, two)[1]), [0, 8], atol=1e-6)
    assert found.labels("rotation", 2, two).dtype == np.float32
    np.testing.assert_allclose(found.labels("rotation", 2, two)[1, 0], [0, -1, 0], atol=1e-7)
    np.testing.assert_array_equal(found.labels("rotation", 1, two)[0], np.eye(3))
    assert np.isnan(found.labels("pose_2d", 2, two)).all()  # a joint that is not known
    with pytest.raises(DataError, match="no label pose"):
        found.labels("pose", 2, two)
