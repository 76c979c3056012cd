from pathlib import Path

import numpy as np
import pytest

from poserep.core.errors import DataError
from poserep.plugins.datasets.studio.motion.asfamc import read_amc

ASF = """# a comment
:version 1.10
:units
  mass 1.0
  length 0.45
  angle deg
:root
   order TX TY TZ RX RY RZ
   axis XYZ
   position 0 0 0
   orientation 0 0 0
:bonedata
  begin
     id 1
     name lhip
     direction 1 0 0
     length 2
     axis 0 0 0 XYZ
  end
  begin
     id 2
     name lfemur
     direction 0 -1 0
     length 4
     axis 0 0 90 XYZ
    dof rx ry rz
    limits (-160.0 20.0)
           (-70.0 70.0)
  end
  begin
     id 3
     name ltibia
     direction 0 -1 0
     length 3
     axis 0 0 0 XYZ
    dof rx
  end
:hierarchy
  begin
    root lhip
    lhip lfemur
    lfemur ltibia
  end
"""
HEADER = "#!OML:ASF somewhere.ASF\n:FULLY-SPECIFIED\n:DEGREES\n"
REST = "1\nroot 0 10 0 0 0 0\nlfemur 0 0 0\nltibia 0\n"


def read(folder: Path, amc: str, asf: str = ASF) -> np.ndarray:
    (folder / "s.asf").write_text(asf)
    (folder / "s_01.amc").write_text(amc)
    return read_amc(folder / "s_01.amc", folder / "s.asf").positions_TJ3


def test_joints_are_the_ends_of_bones(tmp_path: Path) -> None:
    np.testing.assert_allclose(
        read(tmp_path, HEADER + REST), [[[0, 10, 0], [2, 10, 0], [2, 6, 0], [2, 3, 0]]], atol=1e-9
    )
    clip = read_amc(tmp_path / "s_01.amc", tmp_path / "s.asf")
    assert clip.joints == ("root", "lhip_end", "lfemur_end", "ltibia_end")
    assert (clip.fps, clip.up) == (120.0, "y")
    assert clip.metres == pytest.approx(0.0254 / 0.45)


def test_a_bone_turns_about_its_own_axes(tmp_path: Path) -> None:
    # C turns x into y: 90 degrees about the bone's x are 90 about the world's y, which leaves a bone along -y in place.
    # 90 about the bone's y are 90 about the world's -x, which carries -y to +z.
    about_x = read(tmp_path, HEADER + REST.replace("lfemur 0 0 0", "lfemur 90 0 0"))
    about_y = read(tmp_path, HEADER + REST.replace("lfemur 0 0 0", "lfemur 0 90 0"))

    np.testing.assert_allclose(about_x[0, 2], [2, 6, 0], atol=1e-9)
    np.testing.assert_allclose(about_y[0, 2:], [[2, 10, 4], [2, 10, 7]], atol=1e-9)


def test_degrees_of_freedom_act_in_the_order_x_y_z(tmp_path: Path) -> None:
    # the root by 90 about x, then by 90 about z: (2,0,0) stays, then goes to (0,2,0); (0,-4,0) to (0,0,-4), and stays
    joints = read(tmp_path, HEADER + REST.replace("root 0 10 0 0 0 0", "root 0 10 0 90 0 90"))

    np.testing.assert_allclose(joints[0, :3], [[0, 10, 0], [0, 12, 0], [0, 12, -4]], atol=1e-9)


def test_a_last_frame_that_is_cut_off_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    joints = read(tmp_path, HEADER + REST + "2\nroot 0 10 0 0 0 0\nlfemur 0 0 0\n")

    assert len(joints) == 1
    assert "cut off within frame 2" in caplog.text


@pytest.mark.parametrize(
    ("amc", "where", "message"),
    [
        (HEADER + REST.replace("lfemur 0 0 0", "lfemur 0 0"), "s_01.amc:6", "expected 3 numbers"),
        (HEADER + REST.replace("ltibia", "tail"), "s_01.amc:7", "'tail' comes before any frame or is no moving bone"),
        ("hello\n", "s_01.amc:1", "no AMC motion"),
        (HEADER, "s_01.amc", "no frame"),
        (HEADER + REST + "2\nroot 0 0 0 0 0 0\nltibia 0\n" + REST, "s_01.amc", "frame 2 has no lfemur"),
    ],
)
def test_a_motion_that_does_not_fit_is_refused(tmp_path: Path, amc: str, where: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path, amc)
    assert caught.value.where.endswith(where)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (":hierarchy", ":other", "no :hierarchy"),
        ("    lhip lfemur\n", "    lhip tail\n", "not there"),
        ("     length 4\n", "", "no length"),
        ("length 4", "length four", "expected 1 numbers"),
    ],
)
def test_a_broken_skeleton_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path, HEADER + REST, ASF.replace(old, new))
    assert "s.asf" in caught.value.where
