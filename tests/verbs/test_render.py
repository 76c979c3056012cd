import os
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from poserep.cli import app
from poserep.core.errors import ConfigError, DataError
from poserep.media.frame_store import cache_folder
from poserep.verbs.drawing import SIDES, to_pixels
from poserep.verbs.render import render_command, side_by_side, studio, views

SMALL = {"scene": "room", "motion": "", "size": 64, "seconds": 1.0, "fps": 5.0}


def test_a_dive_is_written_as_two_views_and_a_sheet(tmp_path: Path) -> None:
    paths = render_command("dive", "", 47, 1.0, 5.0, tmp_path)

    assert [path.name for path in paths] == ["S01-dive-cam0.mp4", "S01-dive-cam1.mp4", "contact.png"]
    with av.open(str(paths[0])) as container:
        frames = list(container.decode(video=0))
    assert (frames[0].width, frames[0].height) == (96, 48)  # an even height, twice as wide
    np.testing.assert_allclose(np.diff([float(frame.time or 0) for frame in frames]), 0.2, atol=1e-4)
    with Image.open(paths[-1]) as sheet:
        assert sheet.width > 256


def test_each_take_is_shown_once_before_any_second_view() -> None:
    dataset = studio(SMALL)

    shown = [dataset.clips[index].name for index in views(dataset)]
    assert shown == [
        *("S01/gait/cam0", "S01/gestures/cam1", "S01/squats/cam0", "S01/bends/cam1", "S01/turns/cam0"),
        "S01/gait/cam1",
    ]


def test_the_left_copy_is_plain_and_the_right_one_has_both_sides_colours() -> None:
    dataset = studio(SMALL)

    whole = side_by_side(dataset, 0, np.array([2]))
    plain, drawn = whole[:, :64], whole[:, 64:]
    np.testing.assert_array_equal(plain, dataset.frames(0, np.array([2]))[0].transpose(1, 2, 0))
    for side in ("left", "right"):
        assert (drawn == SIDES[side]).all(axis=-1).any()
        assert not (plain == SIDES[side]).all(axis=-1).any()


def test_each_limb_has_the_colour_of_the_subjects_own_side() -> None:
    dataset = studio(SMALL | {"size": 256})
    skeleton = dataset.skeleton
    assert skeleton is not None
    for clip in range(len(dataset.clips)):
        picture = side_by_side(dataset, clip, np.array([2]))[:, 256:]
        joints_J2 = to_pixels(dataset.labels("pose_2d", clip, np.array([2]))[0], (256, 256))
        for side in ("left", "right"):
            shin_2 = joints_J2[[skeleton.index(f"{side}_knee"), skeleton.index(f"{side}_ankle")]].mean(axis=0)
            x, y = shin_2.round().astype(int)
            patch = picture[y - 2 : y + 3, x - 2 : x + 3]
            assert (patch == SIDES[side]).all(axis=-1).any()


def test_nothing_stays_in_the_frame_cache(tmp_path: Path) -> None:
    before = os.environ["POSEREP_CACHE"], sorted(cache_folder().rglob("*"))

    render_command("dive", "", 32, 1.0, 5.0, tmp_path)
    assert (os.environ["POSEREP_CACHE"], sorted(cache_folder().rglob("*"))) == before


def test_an_unknown_scene_is_told_with_its_flag() -> None:
    result = CliRunner().invoke(app, ["data", "render", "--scene", "moon"])

    assert isinstance(result.exception, ConfigError)
    assert result.exception.where == "--scene moon"
    assert "'room', 'dive', 'slope' or 'hands'" in result.exception.what


def test_all_bad_flags_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        render_command("room", "", 64, -1.0, 0.0, tmp_path)
    assert [problem.where for problem in caught.value.problems] == ["--seconds -1.0", "--fps 0.0"]


def test_a_missing_motion_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file or folder"):
        render_command("room", "nowhere.bvh", 64, 1.0, 5.0, tmp_path)
