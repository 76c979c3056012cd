from pathlib import Path

import numpy as np
import pytest

from poserep.core.errors import DataError
from poserep.plugins.datasets.studio.motion.bvh import read_bvh

TWO_BONES = """HIERARCHY
ROOT hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT knee
  {
    OFFSET 0 -4 0
    CHANNELS 3 Xrotation Yrotation Zrotation
    End Site
    {
      OFFSET 0 -3 0
    }
  }
}
MOTION
Frames: 2
Frame Time: .5
"""
FRAMES = "1 10 0 0 0 0 0 0 0\n1 10 0 90 0 0 90 0 0\n"


def written(folder: Path, text: str, name: str = "clip.bvh") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def test_positions_follow_from_the_angles_by_hand(tmp_path: Path) -> None:
    clip = read_bvh(written(tmp_path, TWO_BONES + FRAMES))

    assert clip.joints == ("hips", "knee", "knee_end")
    assert clip.fps == 2.0
    np.testing.assert_allclose(clip.positions_TJ3[0], [[1, 10, 0], [1, 6, 0], [1, 3, 0]], atol=1e-9)
    # 90 degrees about z carries -y to +x; then 90 about the thigh's x carries its -y to its -z, which is the world's -z
    np.testing.assert_allclose(clip.positions_TJ3[1], [[1, 10, 0], [5, 10, 0], [5, 10, -3]], atol=1e-9)


def test_the_order_of_channels_is_the_order_of_multiplication(tmp_path: Path) -> None:
    zxy = read_bvh(written(tmp_path, TWO_BONES + "0 0 0 0 0 0 0 0 0\n0 0 0 90 90 0 0 0 0\n"))
    xyz = TWO_BONES.replace("Zrotation Xrotation Yrotation", "Xrotation Yrotation Zrotation")
    xyz = read_bvh(written(tmp_path, xyz + "0 0 0 0 0 0 0 0 0\n0 0 0 90 0 90 0 0 0\n"))

    # Rz Rx (0,-4,0): x first turns -y to -z, z leaves it.  Rx Rz: z first turns -y to +x, x leaves it.
    np.testing.assert_allclose(zxy.positions_TJ3[1, 1], [0, 0, -4], atol=1e-9)
    np.testing.assert_allclose(xyz.positions_TJ3[1, 1], [4, 0, 0], atol=1e-9)


def test_positions_of_an_inner_joint_replace_its_offset(tmp_path: Path) -> None:
    six = "CHANNELS 6 Xposition Yposition Zposition Xrotation Yrotation Zrotation"
    text = TWO_BONES.replace("CHANNELS 3 Xrotation Yrotation Zrotation", six)
    clip = read_bvh(written(tmp_path, text + "0 0 0 0 0 0 7 8 9 0 0 0\n" * 2))

    np.testing.assert_allclose(clip.positions_TJ3[0], [[0, 0, 0], [7, 8, 9], [7, 5, 9]], atol=1e-9)


def test_tabs_carriage_returns_and_spelling_do_not_matter(tmp_path: Path) -> None:
    odd = (TWO_BONES + FRAMES).replace("End Site", "end site").replace("  ", "\t").replace("\n", " \r\n")
    odd = odd.replace("Frame Time: .5", "Frame Time:\t0.5").replace("knee \r\n\t{", "knee {")

    plain = read_bvh(written(tmp_path, TWO_BONES + FRAMES))
    np.testing.assert_array_equal(read_bvh(written(tmp_path, odd)).positions_TJ3, plain.positions_TJ3)


def test_a_rest_pose_put_in_front_is_left_out(tmp_path: Path) -> None:
    text = TWO_BONES.replace("Frames: 2", "Frames: 6").replace("Time: .5", "Time: .01")
    moving = "".join(f"0 0 {z} 80 0 0 0 0 0\n" for z in (0.00, 0.01, 0.02, 0.03, 0.04))
    clip = read_bvh(written(tmp_path, text + "0 0 0 0 0 0 0 0 0\n" + moving))

    assert len(clip.positions_TJ3) == 5
    assert clip.positions_TJ3[0, 1, 0] == pytest.approx(4 * np.sin(np.radians(80)))


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("To whom it may concern\n", 1, "no BVH"),
        ("", 1, "no BVH"),
        (TWO_BONES.replace("CHANNELS 3 X", "CHANNELS 4 X") + FRAMES, 9, "announces 4, but names 3"),
        (
            TWO_BONES.replace("Yrotation Zrotation\n    End", "Yrotation Wrotation\n    End") + FRAMES,
            9,
            "unknown channel",
        ),
        (
            TWO_BONES.replace("    CHANNELS 3 Xrotation Yrotation Zrotation\n", "") + FRAMES,
            13,
            "'knee' has no CHANNELS",
        ),
        (TWO_BONES + "1 10 0 0 0 0 0 0 0\n1 10 0 0\n", 20, "needs 9 numbers, but this line has 4"),
        (TWO_BONES + "1 10 0 0 0 0 0 0 nan\n", 19, "not finite"),
        (TWO_BONES + "1 10 0 0 0 0 0 0 x\n", 19, "no number"),
        (TWO_BONES + "1 10 0 0 0 0 0 0 0\n", 19, "says 2, but there are 1"),
        (TWO_BONES[: TWO_BONES.index("MOTION")], 15, "ends before MOTION"),
        (TWO_BONES.replace("  }\n}\nMOTION", "MOTION") + FRAMES, 14, "before every joint is closed"),
        (TWO_BONES.replace("Frame Time: .5", "Frame Time: 0") + FRAMES, 20, "no Frame Time"),
    ],
)
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(DataError, match=message) as caught:
        read_bvh(path)

    assert caught.value.where == f"{path}:{line}"
    assert caught.value.hint
