from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from poserep.cli import app
from poserep.core.errors import ConfigError
from poserep.core.interfaces import Clip, Draw
from poserep.verbs.samples import differing, swap_grid
from poserep.verbs.session import open_session
from poserep.verbs.sheet import GAP, HEADING
from poserep.verbs.swap import swap

TIMES_S = np.arange(10.0)


def clips(*subjects: str) -> list[Clip]:
    return [Clip(f"c{n}", subject, f"c{n}", "cam", "test", TIMES_S) for n, subject in enumerate(subjects)]


def every_frame(count: int) -> Draw:
    return Draw(np.repeat(np.arange(count), 10)[:, None], np.tile(np.arange(10), count)[:, None])


def test_frames_come_from_each_subject_in_turn() -> None:
    few = differing(clips("a", "a", "b", "c"), every_frame(4), 3)

    assert few.clip[:, 0].tolist() == [0, 2, 3]
    assert few.frame[:, 0].tolist() == [3, 5, 8]  # a sixth, a half, five sixths of what there is of each


def test_without_known_subjects_they_come_from_each_clip_in_turn() -> None:
    few = differing(clips("", "", ""), every_frame(3), 6)

    assert few.clip[:, 0].tolist() == [0, 1, 2, 0, 1, 2]
    assert len(set(zip(few.clip[:, 0].tolist(), few.frame[:, 0].tolist(), strict=True))) == 6


def test_one_clip_gives_moments_spread_over_it() -> None:
    assert differing(clips("a"), every_frame(1), 5).frame[:, 0].tolist() == [1, 3, 5, 7, 9]


def test_the_diagonal_is_each_frame_redrawn_from_its_own_latents(studio_run: Path) -> None:
    session = open_session(studio_run)
    test = [index for index, clip in enumerate(session.source.dataset.clips) if clip.split == "test"]
    draw = Draw(np.array(test)[:, None], np.full((len(test), 1), 3))

    found = swap_grid(session, draw, 2)
    few = differing(session.source.dataset.clips, draw, 2)
    from poserep.core.probe import collect

    own = collect(session.model.pipeline, session.source, few, ("redrawn",), until="")["redrawn"]
    for index in range(2):
        np.testing.assert_allclose(found["swap"][index, index] / 255, own[index].clamp(0, 1), atol=0.003)


def test_the_picture_has_a_row_and_a_column_of_sources(studio_run: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["swap", str(studio_run), "-o", str(tmp_path / "a.png"), "--count", "3"])

    assert result.stdout.strip() == str(tmp_path / "a.png")
    sheet = np.asarray(Image.open(tmp_path / "a.png"))
    side, step = 256, 256 + GAP
    assert sheet.shape == (4 * (step + HEADING) + GAP, 4 * step + GAP, 3)
    top, left = GAP + HEADING, GAP
    first_look = sheet[top + step + HEADING :, left:][:side, :side]
    first_pose = sheet[top:, left + step :][:side, :side]
    np.testing.assert_array_equal(first_look, first_pose)


def test_a_video_run_swaps_moments_of_its_clip(video_run: Path) -> None:
    assert swap(video_run, None, 2) == video_run / "swap.png"
    assert (video_run / "swap.png").is_file()


def test_a_whole_code_cannot_be_swapped(unsplit_run: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        swap(unsplit_run, None, 2)
    assert caught.value.what == "this recipe's code is whole: there is no invariant part to swap"
    assert "encoder.invariant" in caught.value.hint
