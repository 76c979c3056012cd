import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from poserep.cli import app
from poserep.core.batches import Batches, build_sampler, open_source
from poserep.core.compose import compose
from poserep.core.interfaces import Array, Clip
from poserep.core.registry import Registry
from poserep.media.pairs import Pair, read_pairs
from poserep.verbs.data_pairs import Angles, Drawn, caption, figures, pairs_sheet
from poserep.verbs.sheet import GAP, HEADING, TILE
from poserep.verbs.train import Machine, compose_and_train

DATA = Path(os.environ.get("POSEREP_DATA", Path(__file__).parents[3] / "shared/data")) / "video/pose2sim_single"
RECIPE = """
name = "pairs"
crop_size = 16

[dataset]
use = "studio"
subjects = 1
validation_subjects = 0
test_subjects = 1
seconds = 2.0
cameras = 4
size = 32
actions = ["gait"]

[sampler]
use = "mixed"

[detector]
use = "provided"
square = true
jitter = 0.1

[corruption]
use = "patch_mask"

[encoder]
use = "vit"
preset = "tiny"
width = 16
depth = 1
heads = 2

[exchange]
use = "reference_memory"

[decoder]
use = "cross_attention"
width = 16
depth = 1
heads = 2

[losses.completion]
use = "masked_patches"

[training]
steps = 2
batch = 6
warmup_steps = 0
log_every = 1
precision = "32-true"
"""
VIEW = Pair("view", "Ann", "walk", ("walk-l", "walk-r"), ("l", "r"), (3, 3), (0.3, 0.3))
POSE = Pair("pose", "Ann", "walk", ("walk-l", "walk-l"), ("l", "l"), (3, 9), (0.3, 0.9))
BOTH = Pair("both", "", "walk", ("walk-l", "walk-r"), ("l", "r"), (3, 0), (0.3, 0.0))


class Fake:
    frame_size = (TILE, 128)
    skeleton = None
    clips = tuple(Clip(f"walk-{camera}", "Ann", "walk", camera, "train", np.arange(20) / 10) for camera in "lr")

    def frames(self, clip: int, indices: Array) -> Array:
        return np.stack([np.full((3, *self.frame_size), 100 * clip + index, np.uint8) for index in indices])

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        turn = {0: np.eye(3), 1: np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]])}[clip]
        return np.stack([turn for _ in indices]).astype(np.float32)


@pytest.fixture
def recipe(frame_cache: None, tmp_path: Path) -> Path:
    path = tmp_path / "pairs.toml"
    path.write_text(RECIPE)
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["data", "pairs", *arguments])


def test_figures_by_hand() -> None:
    pairs = [
        Drawn(VIEW, (0, 1), 90.0),
        Drawn(VIEW, (0, 1), 90.0),
        Drawn(POSE, (0, 0), 0.0),
        Drawn(BOTH, (0, 1), np.nan),
    ]
    view, pose, both = figures(pairs)
    assert (view["kind"], view["pairs"], view["share"], view["different"]) == ("view", 2, 0.5, 1)
    assert view["degrees"] == [90, 90, 90]
    assert pose["gap_s"] == [0.6, 0.6, 0.6]
    assert both["gap_s"] == [0.3, 0.3, 0.3]
    assert both["degrees"] is None


def test_captions_tell_kind_angle_and_distance_in_time() -> None:
    assert caption(Drawn(VIEW, (0, 1), 89.7)) == "view 90 deg  Ann l | r"
    assert caption(Drawn(POSE, (0, 0), 0.0)) == "pose +0.600 s  Ann l"
    assert caption(Drawn(BOTH, (0, 1), np.nan)) == "both -0.300 s  walk l | r"


def test_angles_between_cameras_are_those_of_the_labels() -> None:
    angles = Angles(Fake(), known=True)
    assert angles.between((0, 1), (3, 3)) == pytest.approx(90)
    assert angles.between((0, 0), (3, 9)) == 0
    assert np.isnan(Angles(Fake(), known=False).between((0, 1), (3, 3)))


def test_the_sheet_shows_the_masked_frame_at_the_left_of_its_reference(tmp_path: Path) -> None:
    path = pairs_sheet(Fake(), [Drawn(VIEW, (0, 1), 90.0)], tmp_path / "new" / "pairs.png")
    sheet = np.asarray(Image.open(path))
    row = sheet[GAP + HEADING + 100]
    assert row[GAP + 10].tolist() == [3, 3, 3]
    assert row[GAP + 128 + 10].tolist() == [103, 103, 103]


def test_the_file_holds_the_very_pairs_of_the_training(recipe: Path, tmp_path: Path) -> None:
    places = "-o", str(tmp_path / "pairs.jsonl"), "--sheet", str(tmp_path / "pairs.png")
    found = run(str(recipe), "--steps", "0", *places, "--count", "4")
    assert found.exit_code == 0, found.output
    pairs = read_pairs(tmp_path / "pairs.jsonl")
    assert len(pairs) == 12
    assert {pair.kind for pair in pairs} == {"view", "pose"}
    assert all(0.1 - 1e-6 <= abs(pair.gap_s) <= 2 for pair in pairs if pair.kind == "pose")

    composition = compose(recipe, Registry(installed=()))
    source = open_source(composition)
    batches = Batches(source, build_sampler(composition, "sampler", source.dataset, composition.context), 6, 0)
    names = [clip.name for clip in source.dataset.clips]
    clips = np.array([[names.index(name) for name in pair.clips] for pair in pairs])
    times = np.array([pair.times_s for pair in pairs], np.float32)
    for step in range(2):
        batch = batches.at(step)
        rows = slice(6 * step, 6 * step + 6)
        assert np.array_equal(batch["clip"].numpy(), clips[rows])
        assert np.array_equal(batch["time"].numpy(), times[rows])
    with Image.open(tmp_path / "pairs.png") as sheet:
        assert sheet.size[0] > 2 * TILE


def test_json_tells_the_figures(recipe: Path) -> None:
    found = run(str(recipe), "--steps", "1", "--json", "--set", "sampler.p_view=1.0")
    told = json.loads(found.stdout)
    (view,) = told["pairs"]
    assert (view["kind"], view["pairs"]) == ("view", 6)
    assert 10 <= view["degrees"][0] <= view["degrees"][2] <= 100
    assert sum(told["subjects"].values()) == 6


def test_a_run_trains_from_the_file_and_again_alike(recipe: Path, tmp_path: Path) -> None:
    run(str(recipe), "--steps", "0", "-o", str(tmp_path / "pairs.jsonl"))
    losses = []
    for folder in ("one", "two"):
        sets = [f"sampler.manifest={tmp_path / 'pairs.jsonl'}"]
        made = compose_and_train(str(recipe), tmp_path / folder, Machine(accelerator="cpu"), Registry(), sets=sets)
        losses.append([step["terms"]["completion"] for step in made.steps()])
    assert losses[0] == losses[1]
    assert len(losses[0]) == 2


def test_a_file_of_another_dataset_stops_the_training(recipe: Path, tmp_path: Path) -> None:
    run(str(recipe), "-o", str(tmp_path / "pairs.jsonl"))
    sets = "--set", f"sampler.manifest={tmp_path / 'pairs.jsonl'}", "--set", "dataset.fps=5.0"
    found = run(str(recipe), *sets)
    assert found.exit_code != 0
    assert "the list of pairs is of another dataset" in str(found.exception)


def test_a_sampler_of_other_roles_is_refused(frame_cache: None) -> None:
    found = run("temporal", "--set", "dataset.subjects=1", "--set", "dataset.size=32")
    assert str(found.exception).startswith(
        "the sampler 'temporal' draws reference, positive, intermediate, negative, not pairs"
    )


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason=f"no {DATA}")
def test_pairs_of_four_real_calibrated_cameras(frame_cache: None, tmp_path: Path) -> None:
    recipe = tmp_path / "real.toml"
    studio = RECIPE[RECIPE.index("[dataset]") : RECIPE.index("[sampler]")]
    pattern = r"(?P<take>.*)_cam(?P<camera>[^_]+)$"
    video = f"[dataset]\nuse = 'video'\npath = '{DATA}'\ncalibration = '{DATA}/Calib.qca.txt'\n"
    video += f"camera_pattern = '{pattern}'\nheight = 64\nend_s = 0.3\n"
    text = RECIPE.replace(studio, video).replace('use = "provided"\nsquare = true\njitter = 0.1', 'use = "full_frame"')
    recipe.write_text(text)
    found = run(str(recipe), "--json", "--steps", "20", "--set", "training.steps=20")
    view, pose = json.loads(found.stdout)["pairs"]
    assert view["pairs"] + pose["pairs"] == 120
    assert view["gap_s"][2] <= 0.02
    assert 10 <= view["degrees"][0] <= view["degrees"][2] <= 100
    assert 0.1 - 1e-6 <= pose["gap_s"][0] <= pose["gap_s"][2] <= 0.3
