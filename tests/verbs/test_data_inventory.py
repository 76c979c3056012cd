"""`poserep data inspect` on a dataset that knows what a whole copy of it would hold."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from poserep.cli import app
from poserep.core.errors import DataError
from poserep.core.interfaces import Array, Clip, Context
from poserep.core.skeleton import HUMAN36M_17
from poserep.tests.fakes.copy import Copy, CopyOptions, registry, standing
from poserep.verbs import data
from poserep.verbs.data_inventory import Projection, projection_error
from poserep.verbs.data_sheet import HORIZON, spread
from poserep.verbs.data_sides import Sides, bends, sides_of

OUTPUT = """\
 subject  takes  cameras  frames
 S1           1  c1 c2         8
 S9           1  c1            2
missing  S9 walk: the camera c2 [its video]
missing  S11: the whole subject
to be had at https://example.org/register
 count            here  paper     difference
 training frames     8      8     +0 (+0.0%)
 test frames         2  1,000  -998 (-99.8%)
3 clips, 10 frames, 0.1 s at 50 frames per second; labels: pose
3D labels projected onto 2D labels: median 0.00 px, 95 % within 0.50 px, worst 3.00 px (S1/walk/c2 #0); \
160 joints of 10 frames
left and right: 100% of 20 bent knees bend forwards
"""


def built(**options: object) -> Copy:
    return Copy(CopyOptions(**options), Context(crop_size=1))


@pytest.fixture
def inspect(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setattr(data, "Registry", registry)

    def run(*words: object) -> Result:
        return CliRunner().invoke(app, ["data", "inspect", "copy", *(str(word) for word in words)])

    return run


def test_inspect_prints_what_is_there_what_is_missing_and_whether_the_labels_fit(inspect: object) -> None:
    assert callable(inspect)
    result = inspect()

    lines = [line.rstrip() for line in result.stdout.splitlines()]
    assert (result.exit_code, lines, result.stderr) == (0, OUTPUT.splitlines(), "")


def test_inspect_as_json_has_all_of_it(inspect: object) -> None:
    assert callable(inspect)
    found = json.loads(inspect("--json").stdout)

    assert list(found) == ["clips", "labels", "inventory", "projection", "sides"]
    assert [row["frames"] for row in found["clips"]] == [2, 4, 4]
    assert found["inventory"]["counts"][1] == {"what": "test frames", "ours": 2, "paper": 1000}
    assert found["projection"]["worst_px"] == 3.0
    assert found["sides"] == {"bent": 20, "forwards": 1.0}


def test_pictures_that_are_no_film_are_told_apart_from_footage() -> None:
    assert timing(60.0) == ", 60 s apart"
    assert timing(0.1, 0.2) == ", 0.9 s at 5 to 10 frames per second"
    assert timing() == ""


def timing(*gaps_s: float) -> str:
    dataset = built()
    dataset.clips = [Clip("a", "a", "a", "a", "train", gap_s * np.arange(4)) for gap_s in gaps_s]
    return data._timing(data.inspect(dataset))


def test_sides_that_are_swapped_are_told(inspect: object) -> None:
    assert callable(inspect)
    result = inspect("--set", "dataset.mirrored=true")

    told = "left and right: 0% of 20 bent knees bend forwards: sides are swapped, or the picture is mirrored\n"
    assert result.stdout.endswith(told)


def test_a_sheet_is_drawn_with_the_horizon_where_it_is_known(inspect: object, tmp_path: Path) -> None:
    assert callable(inspect)
    inspect("-o", tmp_path / "a.png")

    sheet = np.asarray(Image.open(tmp_path / "a.png"))
    row = sheet[6 + 16 + 64]  # a quarter down the first row of enlarged frames of 256
    assert row[6 + 128].tolist() == [50, 50, 50]
    assert row[6 + 2 * 262 + 128].tolist() == list(HORIZON)


def test_errors_are_in_pixels_between_the_joints_that_have_both_labels() -> None:
    class Two(Copy):
        def projection(self, clip: int, indices: Array) -> tuple[Array, Array]:
            return np.array([[[3.0, 4.0], [np.nan, 0.0], [0.0, 1.0]]] * len(indices)), np.zeros((len(indices), 3, 2))

    error = projection_error(Two(CopyOptions(), Context(1)), count=2)

    assert error == Projection(2, 4, 3.0, 5.0, 5.0, "S9/walk/c1", 0)  # 5, 1, 5, 1


def test_a_dataset_without_labels_in_common_has_no_error() -> None:
    class Blind(Copy):
        def projection(self, clip: int, indices: Array) -> tuple[Array, Array]:
            return np.full((len(indices), 1, 2), np.nan), np.zeros((len(indices), 1, 2))

    assert projection_error(Blind(CopyOptions(), Context(1))) is None


def test_labels_of_different_joints_are_refused() -> None:
    class Misfit(Copy):
        def projection(self, clip: int, indices: Array) -> tuple[Array, Array]:
            return np.zeros((len(indices), 17, 2)), np.zeros((len(indices), 28, 2))

    with pytest.raises(DataError, match="not of the same joints"):
        projection_error(Misfit(CopyOptions(), Context(1)))


def test_frames_are_spread_over_all_clips_and_none_is_taken_twice() -> None:
    assert {clip: frames.tolist() for clip, frames in spread(built(), 4).items()} == {0: [0], 1: [1], 2: [0, 3]}
    assert sum(map(len, spread(built(), 100).values())) == 10


# ---------------------------------------------------------------- left and right


def test_a_bend_is_measured_by_hand() -> None:
    # hip at 0, ankle 800 below, knee 100 before the line between them
    np.testing.assert_allclose(bends(standing()[None], HUMAN36M_17), [[100, 100]])


def test_a_bend_does_not_depend_on_where_one_looks_from_but_on_the_side() -> None:
    turn_33 = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    turn_33 *= np.sign(np.linalg.det(turn_33))
    pose_J3 = standing()

    np.testing.assert_allclose(bends((pose_J3 @ turn_33)[None] + 5, HUMAN36M_17), [[100, 100]], rtol=1e-5)
    np.testing.assert_allclose(bends((pose_J3 * (-1, 1, 1))[None], HUMAN36M_17), [[-100, -100]], rtol=1e-5)
    np.testing.assert_allclose(bends(pose_J3[None, list(HUMAN36M_17.mirror)], HUMAN36M_17), [[-100, -100]], rtol=1e-5)


def test_a_straight_or_unknown_leg_tells_nothing() -> None:
    pose_J3 = standing()
    pose_J3[HUMAN36M_17.index("left_knee"), 2] = -10
    pose_J3[HUMAN36M_17.index("right_ankle")] = np.nan

    assert np.isnan(bends(pose_J3[None], HUMAN36M_17)).all()
    assert np.isnan(bends(np.zeros((1, 17, 3)), HUMAN36M_17)).all()


def test_sides_need_poses_and_legs() -> None:
    class Hand(Copy):
        skeleton = None

    assert sides_of(built(), ("pose",)) == Sides(20, 1.0)
    assert sides_of(built(), ("pose_2d",)) is None
    assert sides_of(Hand(CopyOptions(), Context(1)), ("pose",)) is None
