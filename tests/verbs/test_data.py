import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from poserep.cli import app
from poserep.core.errors import ConfigError, DataError
from poserep.core.interfaces import Array, Clip
from poserep.core.registry import Registry
from poserep.core.skeleton import Skeleton
from poserep.verbs.data import Row, background_command, choose_dataset, inspect
from poserep.verbs.data_sheet import background_sheet, contact_sheet
from poserep.verbs.drawing import SIDES, TRUE_BOX
from poserep.verbs.sheet import GAP, HEADING

from .conftest import STUDIO

SKELETON = Skeleton("stick", ("pelvis", "head"), (-1, 0))


@dataclass
class Fake:
    frame_size: tuple[int, int] = (256, 128)
    skeleton: Skeleton | None = SKELETON

    def __post_init__(self) -> None:
        self.clips = tuple(
            Clip(name, "s1", "walk", name, "train", np.arange(count) / 25) for name, count in (("c1", 11), ("c2", 5))
        )

    def frames(self, clip: int, indices: Array) -> Array:
        return np.full((len(indices), 3, *self.frame_size), 50 + 50 * clip, np.uint8)

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        one = {"pose_2d": [[0.0, 0.5], [0.0, -0.5]], "true_box": [0.5, 0.75, 0.0, 0.0]}[name]
        return np.array([one] * len(indices), np.float32)


class Black:
    def at(self, dataset: object, clip: int, indices: Array) -> Array:
        return np.zeros((1, 3, 256, 128), np.uint8)


def test_rows_tell_each_clip_in_figures() -> None:
    assert inspect(Fake(), ("pose",)) == [
        Row("c1", "s1", "c1", "train", 11, 25.0, 0.4, "128x256", ("pose",)),
        Row("c2", "s1", "c2", "train", 5, 25.0, 0.16, "128x256", ("pose",)),
    ]


def test_the_contact_sheet_draws_box_and_bones_where_the_labels_are(tmp_path: Path) -> None:
    path = contact_sheet(Fake(), 1, tmp_path / "new/a.png", ("pose_2d", "true_box"))

    sheet = np.asarray(Image.open(path))
    frame = sheet[6 + 16 : 6 + 16 + 256, 6 : 6 + 128]
    assert frame.shape == (256, 128, 3)
    assert frame[128, 63].tolist() == list(SIDES["centre"])  # between pelvis and head
    assert frame[100, 32].tolist() == list(TRUE_BOX)  # the left edge: -0.5 of the width
    assert frame[5, 5].tolist() == [50, 50, 50]


def test_without_labels_nothing_is_drawn(tmp_path: Path) -> None:
    sheet = np.asarray(Image.open(contact_sheet(Fake(), 1, tmp_path / "a.png")))

    assert np.unique(sheet[6 + 16 : 6 + 16 + 256, 6 : 6 + 128]).tolist() == [50]


def test_a_sheet_shows_no_more_frames_than_there_are(tmp_path: Path) -> None:
    height, width, _ = np.asarray(Image.open(contact_sheet(Fake(), 100, tmp_path / "a.png"))).shape

    columns, rows = (width - 6) // 134, (height - 6) // 278
    assert (columns, rows) == (8, 2)


def test_the_background_sheet_has_frame_background_and_difference_per_camera(tmp_path: Path) -> None:
    sheet = np.asarray(Image.open(background_sheet(Fake(), Black(), tmp_path / "a.png")))

    middle = 6 + 16 + 128
    assert [sheet[middle, 6 + 134 * column + 64, 0] for column in range(3)] == [50, 0, 100]
    assert [sheet[278 + middle, 6 + 134 * column + 64, 0] for column in range(3)] == [100, 0, 200]


def test_a_picture_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(DataError, match="the picture cannot be written: File exists"):
        contact_sheet(Fake(), 1, tmp_path / "file/a.png")


def test_nobody_in_the_picture_draws_no_box(tmp_path: Path) -> None:
    class Empty(Fake):
        def labels(self, name: str, clip: int, indices: Array) -> Array:
            return np.full((len(indices), *((2, 2) if name == "pose_2d" else (4,))), np.nan, np.float32)

    sheet = np.asarray(Image.open(contact_sheet(Empty(), 1, tmp_path / "a.png", ("pose_2d", "true_box"))))
    assert np.unique(sheet[6 + 16 : 6 + 16 + 256, 6 : 6 + 128]).tolist() == [50]


def command(*words: object) -> Result:
    return CliRunner().invoke(app, ["data", *(str(word) for word in words)])


def on_video(video: Path) -> list[str]:
    return ["temporal", "--use", "dataset=video", "--set", f"dataset.path={video}", "--set", "dataset.height=32"]


def test_inspect_prints_the_clips_and_draws_a_sheet(video: Path, tmp_path: Path) -> None:
    result = command("inspect", *on_video(video), "-o", tmp_path / "a.png")

    assert "1 clip, 8 frames, 0.5 s at 20 frames per second; no labels" in result.stdout  # 0.45 s
    assert "square.mp4" in result.stdout
    assert (tmp_path / "a.png").is_file()


def test_inspect_as_json_is_json_alone(video: Path) -> None:
    found = json.loads(command("inspect", *on_video(video), "--json").stdout)

    (row,) = found.pop("clips")
    assert found == {"labels": [], "inventory": None, "projection": None, "sides": None}
    assert (row["clip"], row["frames"], row["size"], row["labels"]) == ("square.mp4", 8, "48x32", [])


def test_the_background_of_a_recipe_is_drawn(video: Path, tmp_path: Path) -> None:
    result = command("background", *on_video(video), "-o", tmp_path / "a.png")

    assert result.stdout.strip() == str(tmp_path / "a.png")
    sheet = np.asarray(Image.open(tmp_path / "a.png")).astype(int)
    left, width = GAP, 48 * 8 + GAP
    middle = sheet[GAP + HEADING + 128, left + 32 * 8 :: width][:3, 0]  # where the square falls
    assert middle[0] > 200
    assert abs(middle[1] - 90) < 12


def test_without_background_there_is_nothing_to_draw(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this recipe has no background"):
        background_command("dsl", STUDIO, (), tmp_path / "a.png")


def test_a_background_that_moves_is_shown_at_several_times(tmp_path: Path) -> None:
    class Moves:
        def at(self, dataset: object, clip: int, indices: Array) -> Array:
            return np.broadcast_to(indices.astype(np.uint8)[:, None, None, None], (len(indices), 3, 256, 128))

    sheet = np.asarray(Image.open(background_sheet(Fake(), Moves(), tmp_path / "a.png")))

    backgrounds = sheet[6 + 16 + 128 :: 278, 6 + 134 + 64, 0]
    assert backgrounds.tolist() == [0, 2, 5, 8, 10, 0, 1, 2, 3, 4]  # of clips of 11 and 5 frames


def test_a_dataset_is_looked_at_by_its_own_name(video: Path) -> None:
    result = command("inspect", "video", "--set", f"dataset.path={video}", "--set", "dataset.height=32")

    assert result.exit_code == 0
    assert "1 clip, 8 frames, 0.5 s at 20 frames per second; no labels" in result.stdout


def test_a_recipe_goes_before_a_dataset_and_a_file_is_a_recipe(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").touch()

    assert choose_dataset("temporal", (), (), Registry(installed=())) is None
    assert choose_dataset(str(tmp_path / "mine.toml"), (), (), Registry(installed=())) is None


@pytest.mark.parametrize(
    ("name", "sets", "uses", "told"),
    [
        ("studoi", (), (), "there is no recipe or dataset 'studoi'\n  hint did you mean 'studio'?"),
        ("nothing-like-it", (), (), "datasets: "),
        ("studio", ["dataset.sise=3"], (), "--set dataset.sise=3\n  hint did you mean 'size'?"),
        ("studio", ["training.steps=3"], (), "a dataset alone has no 'training'\n  at   --set training.steps=3"),
        ("studio", (), ["background=median"], "a dataset alone has no 'background'\n  at   --use background=median"),
    ],
)
def test_a_wrong_name_or_value_of_a_dataset_is_told(name: str, sets: list[str], uses: list[str], told: str) -> None:
    with pytest.raises(ConfigError) as error:
        choose_dataset(name, sets, uses, Registry(installed=()))
    assert told in str(error.value)
