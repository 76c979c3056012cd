import json
import math
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner, Result

from poserep.cli import app
from poserep.core.errors import ConfigError, DataError
from poserep.core.interfaces import Array, Clip, Draw
from poserep.core.probe import collect
from poserep.core.registry import Registry
from poserep.plugins.exchanges.rotate_view_net import relative_rotation, turn_points
from poserep.verbs.session import open_session
from poserep.verbs.sheet import GAP, HEADING
from poserep.verbs.train import Machine, compose_and_train
from poserep.verbs.view import EMPTY, NAIVE, OWN, TURNED, psnr, synthesise
from poserep.verbs.view_pairs import choose_pairs, degrees_between, simultaneous, spread

from .conftest import QUICK

TIMES_S = np.arange(5) / 5
DATA = Path(os.environ.get("POSEREP_DATA", Path(__file__).parents[3] / "shared/data")) / "video/pose2sim_single"


def turn_about_z(degrees: float) -> Array:
    angle = math.radians(degrees)
    return np.array([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]])


class Filmed:
    """Clips before cameras a, b, c at 0, 50 and 80 degrees; c is held out."""

    def __init__(self, *clips: Clip) -> None:
        views = [(camera, "test" if camera == "c" else "train") for camera in "abc"]
        self.virtual_cameras: frozenset[str] = frozenset()
        self.clips = clips or tuple(Clip(f"walk {one}", "", "walk", one, split, TIMES_S) for one, split in views)

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        assert name == "rotation"
        degrees = {"a": 0.0, "b": 50.0, "c": 80.0}[self.clips[clip].camera]
        return np.broadcast_to(turn_about_z(degrees), (len(indices), 3, 3))


def command(*words: object) -> Result:
    return CliRunner().invoke(app, ["view", *(str(word) for word in words)])


# ---------------------------------------------------------------- which frames


def test_frames_of_one_moment_are_the_nearest_to_each_other() -> None:
    here, there = simultaneous(np.array([0.0, 0.1, 0.2, 0.3]), np.array([0.005, 0.105, 0.15, 0.35]))
    assert here.tolist() == [0, 1]
    assert there.tolist() == [0, 1]


@given(st.floats(-100, 100))
def test_when_a_recording_began_does_not_matter(start_s: float) -> None:
    here, there = simultaneous(TIMES_S + start_s, TIMES_S[1:] + start_s)
    assert here.tolist() == [1, 2, 3, 4]
    assert there.tolist() == [0, 1, 2, 3]


@given(st.floats(0, 180), st.floats(0, 360))
def test_the_angle_between_cameras_is_that_of_the_turn_whatever_the_world(degrees: float, world: float) -> None:
    one, other = turn_about_z(0), turn_about_z(degrees)
    turned = np.roll(np.eye(3), 1, axis=0) @ turn_about_z(world)
    assert degrees_between(one, other) == pytest.approx(degrees, abs=1e-4)
    assert degrees_between(one @ turned, other @ turned) == pytest.approx(degrees, abs=1e-4)


def test_a_held_out_camera_is_seen_from_the_nearest_one() -> None:
    (pair,) = choose_pairs(Filmed(), "", "")
    assert (pair.source, pair.target) == (1, 2)
    (pair,) = choose_pairs(Filmed(), "a", "")
    assert (pair.source, pair.target) == (0, 2)
    (pair,) = choose_pairs(Filmed(), "", "a")
    assert (pair.source, pair.target) == (1, 0)


def test_virtual_cameras_are_taken_only_where_they_are_named() -> None:
    filmed = Filmed()
    filmed.virtual_cameras = frozenset("b")
    assert choose_pairs(filmed, "", "")[0].source == 0
    assert choose_pairs(filmed, "b", "")[0].source == 1


def test_moments_are_spread_over_all_takes_and_none_comes_twice() -> None:
    takes = [Clip(f"{take}{camera}", "", take, camera, "test", TIMES_S) for take in "12" for camera in "ab"]
    pairs = choose_pairs(Filmed(*takes), "a", "b")

    draw = spread(pairs, 4)
    assert draw.clip.tolist() == [[1, 0], [1, 0], [3, 2], [3, 2]]
    assert draw.frame.tolist() == [[1, 1], [3, 3], [1, 1], [3, 3]]
    assert len(spread(pairs, 200).clip) == 10


def test_cameras_that_never_saw_one_moment_are_refused() -> None:
    apart = Filmed(Clip("1", "", "walk", "a", "train", TIMES_S), Clip("2", "", "run", "b", "train", TIMES_S))
    with pytest.raises(DataError, match="no moment was seen by two cameras"):
        choose_pairs(apart, "", "")
    later = Filmed(Clip("1", "", "walk", "a", "train", TIMES_S), Clip("2", "", "walk", "b", "train", TIMES_S + 9))
    with pytest.raises(DataError, match="no moment was seen by 'any camera' and 'b'") as caught:
        choose_pairs(later, "", "b")
    assert "dataset.camera_pattern" in caught.value.hint


def test_cameras_that_there_are_not_and_a_camera_with_itself_are_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        choose_pairs(Filmed(), "", "d")
    assert (caught.value.what, caught.value.hint) == ("--to: no clip is of the camera 'd'", "there are: a, b, c")
    with pytest.raises(ConfigError, match="--from and --to are both 'a'"):
        choose_pairs(Filmed(), "a", "a")


# ---------------------------------------------------------------- numbers


def test_a_tenth_off_everywhere_is_twenty_decibel() -> None:
    truth, where = torch.full((1, 3, 4, 4), 0.5), torch.ones(1, 1, 4, 4)
    assert float(psnr(truth + 0.1, truth, where)) == pytest.approx(20, abs=1e-4)
    half = truth.clone()
    half[..., :2, :] += 0.1
    assert float(psnr(half, truth, where)) == pytest.approx(20 + 10 * math.log10(2), abs=1e-4)


def test_what_lies_outside_the_mask_does_not_count_and_an_empty_mask_gives_no_number() -> None:
    torch.manual_seed(0)
    image, truth, where = torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 4), torch.zeros(1, 1, 4, 4)
    assert math.isnan(float(psnr(image, truth, where)))
    where[..., 1:3, 1:3] = 1
    before, image[..., 0, :] = psnr(image, truth, where), 9.0
    assert torch.equal(psnr(image, truth, where), before)


# ---------------------------------------------------------------- a run


def test_the_view_is_decoded_from_the_other_cameras_latent_turned(nsd_run: Path) -> None:
    session = open_session(nsd_run)
    draw = spread(choose_pairs(session.source.dataset, "", ""), 3)
    found = synthesise(session, draw)

    target, source = (Draw(draw.clip[:, [n]], draw.frame[:, [n]]) for n in (0, 1))
    fields = ("variant", "invariant", "rotation", "frame", "box", "background", "redrawn")
    there, here = (collect(session.model.pipeline, session.source, one, fields, until="") for one in (target, source))
    turned = turn_points(here["variant"], relative_rotation(here["rotation"], there["rotation"]))
    record = {name: there[name][:, None] for name in fields}
    with torch.no_grad():
        drawn = session.model.pipeline.redraw(record, turned[:, None], here["invariant"][:, None])["redrawn"][:, 0]
    torch.testing.assert_close(found[TURNED], drawn, atol=1e-5, rtol=0)
    torch.testing.assert_close(found[OWN], there["redrawn"], atol=1e-5, rtol=0)
    assert torch.equal(found["true"], there["frame"])
    assert torch.equal(found["source"], here["frame"])
    assert torch.equal(found[EMPTY], there["background"])
    assert float((found[TURNED] - found[NAIVE]).abs().max()) > 1e-4


def test_the_picture_has_four_columns_and_a_row_for_each_moment(nsd_run: Path, tmp_path: Path) -> None:
    result = command(nsd_run, "-o", tmp_path / "v.png", "--moments", "2")

    assert result.exit_code == 0, result.output
    assert "PSNR of the subject" in result.stdout
    assert "true silhouettes" in result.stdout
    sheet = np.asarray(Image.open(tmp_path / "v.png"))
    assert sheet.shape == (2 * (256 + HEADING + GAP) + GAP, 4 * (256 + GAP) + GAP, 3)


def test_the_json_has_each_way_of_drawing_and_the_cameras(nsd_run: Path, tmp_path: Path) -> None:
    words = (nsd_run, "--from", "cam1", "--to", "cam0", "-o", tmp_path / "v.png", "--json")
    found = json.loads(command(*words).stdout)

    rows = {(row["name"], row["method"]): row for row in found["measurements"]}
    assert {method for name, method in rows if name == "PSNR of the subject"} == {TURNED, NAIVE, OWN, EMPTY}
    assert rows["PSNR of the frame", TURNED]["unit"] == "dB"
    assert (found["from"], found["to"], found["split"]) == ("cam1", "cam0", "test")
    assert 0 < found["degrees"] <= 180


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is absent; POSEREP_DATA names it")
def test_a_real_camera_that_was_held_out_is_seen_from_the_nearest_of_the_others(tmp_path: Path) -> None:
    sets = [text for text in QUICK if not text.startswith(("sampler.", "probe."))]
    sets += [f"dataset.path={DATA}", f"dataset.calibration={DATA / 'Calib.qca.txt'}", 'dataset.test_cameras=["cam02"]']
    sets += ["dataset.height=32", "dataset.end_s=0.3", "background.require_motion=false"]
    run = compose_and_train("nsd-video", tmp_path, Machine(accelerator="cpu"), Registry(), sets=sets)

    found = json.loads(command(run.folder, "--json").stdout)
    assert (found["from"], found["to"], found["split"]) == ("cam01", "cam02", "test")
    assert found["degrees"] == pytest.approx(49, abs=0.5)


def test_another_part_of_the_data_is_looked_at(nsd_run: Path, tmp_path: Path) -> None:
    words = (nsd_run, "-o", tmp_path / "v.png", "--set", "dataset.seconds=1.0", "--json")
    half = json.loads(command(*words).stdout)["measurements"][0]["samples"]
    assert half < json.loads(command(*words[:3], "--json").stdout)["measurements"][0]["samples"]


def test_a_run_that_turns_nothing_is_refused(studio_run: Path) -> None:
    result = command(studio_run)
    assert isinstance(result.exception, ConfigError)
    assert result.exception.what == "this recipe has no exchange that turns latents between cameras"
    assert "`nsd-video`" in result.exception.hint


def test_a_run_without_another_view_is_refused(nsd_run: Path) -> None:
    alone = SimpleNamespace(clips=open_session(nsd_run).source.dataset.clips[:1])
    with pytest.raises(DataError, match="no moment was seen by two cameras"):
        choose_pairs(alone, "", "")
