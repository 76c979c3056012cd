import os
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from poserep.core.errors import DataError
from poserep.media.camera import Camera
from poserep.plugins.datasets.qualisys import camera_of, cut_out, read_qualisys

# One metre before the world's origin on -y, 0.5 m up, looking along +y: right is +x, up is +z, backward is -y.
CALIBRATION = """<calibration><cameras><camera serial="cam7" viewrotation="{turn}">
<fov_video left="0" right="99" top="0" bottom="199"/>
<transform x="0" y="-1000" z="500" r11="1" r12="0" r13="0" r21="0" r22="0" r23="1" r31="0" r32="-1" r33="0"/>
<intrinsic focalLengthU="6400" focalLengthV="6400" centerPointU="3168" centerPointV="6368" skew="0"
 radialDistortion1="0" radialDistortion2="0" radialDistortion3="0" tangentalDistortion1="0" tangentalDistortion2="0"/>
</camera></cameras></calibration>"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.qca.txt"
    path.write_text(CALIBRATION.format(turn=0))
    return path


def test_a_camera_before_the_origin_sees_right_as_right_and_up_as_up(path: Path) -> None:
    camera = read_qualisys(path)["cam7"]

    assert camera.size_WH == (100, 200)
    # focal length 100 px, depth 1000 mm: 100 mm are 10 px from the principal point (49.5, 99.5)
    np.testing.assert_allclose(camera.project([0, 0, 500]), [49.5, 99.5])
    np.testing.assert_allclose(camera.project([100, 0, 500]), [59.5, 99.5])
    np.testing.assert_allclose(camera.project([0, 0, 600]), [49.5, 89.5])
    np.testing.assert_allclose(camera.to_camera([0, 0, 500]), [0, 0, 1000], atol=1e-9)


def test_a_cut_out_camera_agrees_with_the_picture_in_frame_coordinates(path: Path) -> None:
    whole = read_qualisys(path)["cam7"]
    part = cut_out(whole, (25.0, 75.0), (0.0, 50.0), (32, 64))
    x, y = whole.to_frame(whole.project([100, 0, 700]))

    # the middle half of the width, the upper half of the height: (x, y) -> (2 x, 2 y + 1)
    np.testing.assert_allclose(part.to_frame(part.project([100, 0, 700])), [2 * x, 2 * y + 1], atol=1e-12)


def test_the_serial_is_found_by_camera_or_in_the_file_name(path: Path) -> None:
    known = read_qualisys(path)

    assert camera_of("walk_cam7", "7", known, "here") is known["cam7"]
    assert camera_of("walk", "cam7", known, "here") is known["cam7"]
    with pytest.raises(DataError) as caught:
        camera_of("walk", "8", known, "here")
    assert str(caught.value) == (
        "no camera of the calibration fits the file 'walk'\n  at   here\n"
        "  hint it has the serials cam7; one must be the camera's name or stand in the file's name"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no xml", "this is no Qualisys calibration: syntax error: line 1, column 0"),
        ("<calibration/>", "there is no camera in the calibration"),
        (CALIBRATION.format(turn=90), "camera cam7 has viewrotation 90, only 0 is understood"),
        (CALIBRATION.replace("transform", "other"), "a camera has no element 'transform'"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text(content.replace("{turn}", "0"))

    with pytest.raises(DataError, match=message):
        read_qualisys(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the calibration cannot be read: No such file or directory"):
        read_qualisys(tmp_path / "no.txt")


DATA = Path(os.environ.get("POSEREP_DATA", Path(__file__).parents[3] / "shared/data")) / "video/pose2sim_single"


def centre(camera: Camera) -> np.ndarray:
    return -camera.rotation_33.T @ camera.translation_3


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is absent; POSEREP_DATA names it")
class TestRecorded:
    path = DATA / "Calib.qca.txt"

    def test_centres_are_where_the_file_says(self) -> None:
        cameras = read_qualisys(self.path)

        for element in ElementTree.parse(self.path).iter("camera"):
            told = [float(element.find("transform").attrib[axis]) for axis in "xyz"]
            np.testing.assert_allclose(centre(cameras[element.attrib["serial"]]), told, atol=1e-6)

    def test_the_four_cameras_look_at_one_point_where_a_person_stands(self) -> None:
        cameras = list(read_qualisys(self.path).values())
        away = [np.eye(3) - np.outer(camera.rotation_33[2], camera.rotation_33[2]) for camera in cameras]
        met = np.linalg.solve(sum(away), sum(a @ centre(camera) for a, camera in zip(away, cameras, strict=True)))

        assert 500 < met[2] < 1500
        for project_away, camera in zip(away, cameras, strict=True):
            assert np.linalg.norm(project_away @ (met - centre(camera))) < 600
            assert camera.to_camera(met)[2] > 0
            assert np.abs(camera.to_frame(camera.project(met))).max() < 0.3

    def test_the_cameras_stand_upright(self) -> None:
        for camera in read_qualisys(self.path).values():
            feet, head = camera.project([[-950.0, 0, 0], [-950.0, 0, 1700]])
            assert head[1] < feet[1] - 300
