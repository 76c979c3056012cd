from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poserep.core.errors import DataError
from poserep.core.interfaces import Array, Clip
from poserep.media.pairs import (
    Pair,
    degrees_apart,
    kind_of,
    pair_of,
    read_pairs,
    viewing_directions,
    write_pairs,
)

ONE = Pair("pose", "Ann", "walk", ("walk-l", "walk-l"), ("l", "l"), (3, 17), (0.3, 1.7))
TWO = Pair("view", "", "größer", ("a", "b"), ("l", "r"), (0, 0), (0.0, 0.004))


class Turning:
    """Two cameras, the first of which stands still; it counts what is read of it."""

    def __init__(self) -> None:
        self.read: list[int] = []

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        assert name == "rotation"
        self.read.append(len(indices))
        turn = 0.1 * indices * clip
        rows = (
            np.stack([np.cos(turn), 0 * turn, -np.sin(turn)], -1),
            np.stack([np.sin(turn), 0 * turn, np.cos(turn)], -1),
        )
        down = np.broadcast_to([0.0, 1.0, 0.0], rows[0].shape)
        return np.stack([rows[0], down, rows[1]], axis=1).astype(np.float32)


def test_a_file_gives_back_the_pairs_and_is_one_line_for_each(tmp_path: Path) -> None:
    path = write_pairs([ONE, TWO], tmp_path / "new" / "pairs.jsonl")
    assert read_pairs(path) == [ONE, TWO]
    assert path.read_text(encoding="utf-8").splitlines()[0] == (
        '{"kind": "pose", "subject": "Ann", "take": "walk", "clips": ["walk-l", "walk-l"], '
        '"cameras": ["l", "l"], "frames": [3, 17], "times_s": [0.3, 1.7]}'
    )


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (('"frames": [3, 17]', '"frames": [3, -1]'), "frames.1: Input should be greater than or equal to 0"),
        (('"pose"', '"posture"'), "kind: Input should be 'view', 'pose' or 'both'"),
        (('"kind": "pose", ', ""), "kind: Field required"),
        (("1.7]", "NaN]"), "times_s.1: Input should be a finite number"),
        (("1.7]}", "1.7]"), "Invalid JSON"),
        (('"take": "walk"', '"path": "/etc", "take": "walk"'), "path: Unexpected keyword argument"),
    ],
)
def test_a_line_that_is_no_pair_is_refused_with_its_number(tmp_path: Path, change: tuple[str, str], what: str) -> None:
    path = write_pairs([TWO, ONE], tmp_path / "pairs.jsonl")
    path.write_text(path.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_pairs(path)
    assert caught.value.what.startswith("this line is no pair: ")
    assert what in caught.value.what
    assert caught.value.where == f"{path}:2"


def test_a_missing_and_an_empty_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the list of pairs cannot be read: No such file or directory"):
        read_pairs(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(DataError, match="the list of pairs is empty"):
        read_pairs(tmp_path / "empty.jsonl")
    (tmp_path / "bytes.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="the list of pairs cannot be read: it is not text"):
        read_pairs(tmp_path / "bytes.jsonl")


def test_the_kind_follows_from_cameras_and_times() -> None:
    assert kind_of(True, 0.5, 0.02) == "pose"
    assert kind_of(False, -0.02, 0.02) == "view"
    assert kind_of(False, 0.021, 0.02) == "both"


def test_a_drawn_pair_tells_clips_cameras_frames_and_times() -> None:
    clips = [Clip(f"walk-{camera}", "Ann", "walk", camera, "train", np.arange(20) / 10) for camera in "lr"]
    assert pair_of(clips, (0, 0), (3, 17), 0.02) == ONE
    assert pair_of(clips, (0, 0), (3, 17), 0.02).gap_s == pytest.approx(1.4)
    assert pair_of(clips, (1, 0), (3, 3), 0.02).kind == "view"
    assert pair_of(clips, (1, 0), (3, 4), 0.02).kind == "both"


def test_angles_by_hand() -> None:
    ahead = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [1.0, 0.0, 1.0] / np.sqrt(2), [0.0, 0.0, -1.0]])
    np.testing.assert_allclose(degrees_apart(ahead[:1], ahead), [0, 90, 45, 180], atol=1e-12)
    assert np.isnan(degrees_apart(ahead[:1], np.full((1, 3), np.nan))).all()


@given(st.floats(1e-4, 179.99), st.floats(-180, 180))
def test_the_angle_between_directions_is_exact_and_the_same_in_any_world(degrees: float, turn: float) -> None:
    angle, roll = np.deg2rad(degrees), np.deg2rad(turn)
    one, other = np.array([[0.0, 0.0, 1.0]]), np.array([[np.sin(angle), 0.0, np.cos(angle)]])
    turned = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    assert degrees_apart(one @ turned, other @ turned) == pytest.approx(degrees, abs=1e-6)
    assert degrees_apart(other, one) == pytest.approx(degrees, abs=1e-6)


def test_of_a_camera_that_stands_still_three_frames_are_read() -> None:
    dataset = Turning()
    assert viewing_directions(dataset, 0, np.arange(500)).shape == (1, 3)
    assert dataset.read == [3]
    moving = viewing_directions(dataset, 1, np.arange(50))
    assert moving.shape == (50, 3)
    assert degrees_apart(moving[:1], moving[10:11]) == pytest.approx(np.rad2deg(1.0), abs=1e-4)
