import json
from pathlib import Path

import numpy as np
import pytest

from poserep.core.errors import DataError
from poserep.plugins.datasets.studio.motion.library import load_motions, resample
from poserep.plugins.datasets.studio.motion.motion import Motion


def frame(x: float) -> list[float]:
    """The published humanoid at rest, its pelvis at x."""
    upright, limb = [1, 0, 0, 0], [1, 0, 0, 0, 0]
    side = [*limb, *upright, *limb]
    return [0.1, x, 1, 0, *upright, *upright, *upright, *side, *side]


def deepmimic(path: Path, frames: int = 3) -> Path:
    path.write_text(json.dumps({"Frames": [frame(0.2 * n) for n in range(frames)]}))
    return path


def straight(frames: int, fps: float, free_fall: tuple[int, int] | None = None) -> Motion:
    joints = np.zeros((frames, 17, 3), np.float32)
    joints[..., 0] = np.arange(frames)[:, None]
    return Motion("straight", joints, fps, free_fall)


def test_a_file_gives_one_motion_at_its_own_rate_or_another(tmp_path: Path) -> None:
    (own,) = load_motions(deepmimic(tmp_path / "walk.txt"))
    (slow,) = load_motions(tmp_path / "walk.txt", fps=5.0)

    assert (own.name, own.fps, len(own.joints_TJ3)) == ("walk", 10.0, 3)
    assert (slow.fps, len(slow.joints_TJ3)) == (5.0, 2)
    # x forward, y up becomes x forward, z up; 0.2 m a frame, centred
    np.testing.assert_allclose(own.joints_TJ3[:, 0, 0], [-200, 0, 200], atol=0.01)
    assert own.joints_TJ3[0, 4, 1] > own.joints_TJ3[0, 1, 1]  # the left hip on +y


def test_a_folder_is_searched_in_order_and_other_text_left_alone(tmp_path: Path) -> None:
    for folder in ("deep", "characters"):
        (tmp_path / folder).mkdir()
    for name in ("deep/b.txt", "a.txt"):
        deepmimic(tmp_path / name)
    (tmp_path / "characters/character_x.txt").write_text("{}")
    (tmp_path / "README.txt").write_text("words")

    assert [motion.name for motion in load_motions(tmp_path)] == ["a", "b"]


def test_a_broken_file_among_good_ones_is_logged_and_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    deepmimic(tmp_path / "good.txt")
    (tmp_path / "bad.bvh").write_text("nothing")
    (tmp_path / "alone.amc").write_text("1\n")

    assert [motion.name for motion in load_motions(tmp_path)] == ["good"]
    assert "2 of 3 motion files" in caplog.text
    assert "no skeleton for this motion among 0 .asf files" in caplog.text
    assert "bad.bvh:1" in caplog.text


def test_a_folder_of_broken_files_is_refused(tmp_path: Path) -> None:
    for name in ("one.bvh", "two.bvh"):
        (tmp_path / name).write_text("nothing")
    with pytest.raises(DataError, match="none of 2 motion files could be read"):
        load_motions(tmp_path)


@pytest.mark.parametrize("name", ["", "missing", "film.mp4"])
def test_what_holds_no_motion_is_refused_with_the_formats(tmp_path: Path, name: str) -> None:
    (tmp_path / "film.mp4").touch()
    with pytest.raises(DataError) as caught:
        load_motions(tmp_path / name)
    assert "BVH" in caught.value.hint
    assert "DeepMimic" in caught.value.hint


def test_a_single_broken_file_tells_its_own_fault(tmp_path: Path) -> None:
    (tmp_path / "one.bvh").write_text("nothing")
    with pytest.raises(DataError, match="no BVH"):
        load_motions(tmp_path / "one.bvh")


def test_resampling_is_linear_at_exact_times() -> None:
    # 10 frames a second, frames 0..6: at 4 a second the times 0, .25, .5 s are the frames 0, 2.5, 5
    result = resample(straight(7, 10.0, (2, 6)), 4.0)

    np.testing.assert_allclose(result.joints_TJ3[:, 0, 0], [0, 2.5, 5])
    assert result.fps == 4.0
    assert result.free_fall == (1, 3)  # frames 2.5 and 5 lie within 2..5


def test_a_higher_rate_ends_on_the_last_frame() -> None:
    result = resample(straight(4, 10.0), 30.0)

    np.testing.assert_allclose(result.joints_TJ3[:, 5, 0], np.arange(10) / 3, atol=1e-6)
    assert result.joints_TJ3.dtype == np.float32


def test_a_single_frame_stays_what_it_is() -> None:
    assert len(resample(straight(1, 10.0), 30.0).joints_TJ3) == 1


def test_a_rate_that_is_not_positive_is_refused() -> None:
    with pytest.raises(DataError, match="cannot resample to 0"):
        resample(straight(3, 10.0), 0)
