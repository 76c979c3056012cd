import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

from poserep.cli import app
from poserep.core.compose import compose
from poserep.core.errors import ConfigError, DataError, PoserepError
from poserep.core.interfaces import Draw
from poserep.core.probe import collect
from poserep.core.skeleton import HUMAN36M_17
from poserep.verbs.drawing import PREDICTED_BOX, SIDES, pose_panel
from poserep.verbs.footage import open_footage
from poserep.verbs.overlay import display_size, overlay
from poserep.verbs.predict import Watcher, device_of, predict, stems
from poserep.verbs.samples import as_bytes
from poserep.verbs.session import open_model
from poserep.verbs.video_io import pictures_at, video_writer

from .conftest import TIMES_S


def decoded(path: Path) -> tuple[list[float], list[np.ndarray]]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return [float(frame.time or 0) for frame in frames], [frame.to_ndarray(format="rgb24") for frame in frames]


def command(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_a_probed_run_gives_box_mask_and_pose_of_every_frame(studio_run: Path, video: Path, tmp_path: Path) -> None:
    paths = predict(studio_run, video, tmp_path, None)

    assert [path.name for path in paths] == ["square.mp4", "square.npz", "square.json"]
    arrays = np.load(tmp_path / "square.npz")
    np.testing.assert_allclose(arrays["time_s"], TIMES_S, atol=1e-6)
    assert arrays["box"].shape == (8, 4)
    assert arrays["mask"].shape == (8, 32, 48)
    assert arrays["mask"].dtype == np.uint8
    assert arrays["pose_mm"].shape == (8, 17, 3)
    assert tuple(arrays["joints"]) == HUMAN36M_17.joints
    assert np.abs(arrays["pose_mm"]).max() < 3000  # a body, in millimetres


def test_the_json_says_the_same_with_units_and_where_it_is_from(studio_run: Path, video: Path, tmp_path: Path) -> None:
    predict(studio_run, video, tmp_path, None)

    words = json.loads((tmp_path / "square.json").read_text())
    arrays = np.load(tmp_path / "square.npz")
    assert (words["run"], words["recipe"], words["video"]) == (str(studio_run), "temporal", str(video))
    assert words["checkpoint"] == "step-00000002"
    assert set(words["units"]) == {"time_s", "box", "pose_mm"}
    for name in words["units"]:
        np.testing.assert_allclose(words[name], arrays[name], atol=0.051)


def test_the_overlay_keeps_the_gaps_between_frames(studio_run: Path, video: Path, tmp_path: Path) -> None:
    predict(studio_run, video, tmp_path, None)

    times_s, pictures = decoded(tmp_path / "square.mp4")
    np.testing.assert_allclose(times_s, TIMES_S, atol=1e-4)
    assert pictures[0].shape == (384, 2 * 576 + 192, 3)  # picture, redrawn, two views of the pose


def test_a_video_run_passes_its_crop_on_and_says_why_there_is_no_pose(
    video_run: Path, video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predict(video_run, video, None, None)

    arrays = np.load(video_run / "predict/square.npz")
    assert arrays["mask"].shape == (8, 32, 24)  # half of the width
    assert "pose_mm" not in arrays
    assert "no regressor was fitted here" in capsys.readouterr().err


def test_only_the_seconds_that_are_asked_for_are_looked_at(studio_run: Path, video: Path, tmp_path: Path) -> None:
    result = command("predict", studio_run, video, "-o", tmp_path, "--start", "0.1", "--end", "0.3")

    assert result.exit_code == 0, result.output
    np.testing.assert_allclose(np.load(tmp_path / "square.npz")["time_s"], [0.1, 0.2, 0.25, 0.3], atol=1e-6)


def test_of_a_video_that_it_was_trained_on_a_run_looks_at_the_part_that_it_knows(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def times_s(shown: Path, *seconds: float | None) -> list[float]:
        source, _ = open_footage(compose("temporal-video", sets=sets), shown, seconds=seconds or (None, None))
        return source.dataset.clips[0].times_s.tolist()

    other = tmp_path / "other.mp4"
    shutil.copy(video, other)
    sets = [f"dataset.path={video}", "dataset.start_s=0.1", "dataset.end_s=0.35"]

    assert times_s(video) == pytest.approx([0.1, 0.2, 0.25, 0.3])
    assert "from 0.1 s to 0.35 s, as trained; --start 0 looks at all" in " ".join(capsys.readouterr().err.split())
    assert times_s(video, 0.0, None) == pytest.approx(TIMES_S)
    assert times_s(other) == pytest.approx(TIMES_S)
    sets[0] = f"dataset.path={video.parent}"
    assert times_s(video) == pytest.approx([0.1, 0.2, 0.25, 0.3])


def test_seconds_that_are_out_of_order_are_refused(studio_run: Path, video: Path) -> None:
    result = command("predict", studio_run, video, "--start", "2", "--end", "1")
    assert isinstance(result.exception, ConfigError)
    assert "end_s must be greater than start_s" in result.exception.what


def test_poses_come_from_another_run_of_the_same_widths(
    video_run: Path, studio_run: Path, video: Path, tmp_path: Path
) -> None:
    predict(video_run, video, tmp_path, studio_run)

    assert np.load(tmp_path / "square.npz")["pose_mm"].shape == (8, 17, 3)


def test_a_run_between_calibrated_cameras_looks_at_a_video_without_calibration(
    nsd_run: Path, video: Path, tmp_path: Path
) -> None:
    predict(nsd_run, video, tmp_path, None)

    assert np.load(tmp_path / "square.npz")["mask"].shape == (8, 32, 48)


def test_each_frame_is_redrawn_as_the_whole_pipeline_does(studio_run: Path, video: Path) -> None:
    _run, composition, model = open_model(studio_run)
    source, _ = open_footage(composition, video)
    (first, *_) = Watcher(model, source, None, torch.device("cpu")).watch(0)

    whole = collect(model.pipeline, source, Draw(np.zeros((1, 1), int), np.zeros((1, 1), int)), ("redrawn",), until="")
    np.testing.assert_array_equal(first["redrawn"], as_bytes(whole["redrawn"][0]))


def test_a_regressor_of_other_widths_is_refused(video_run: Path, studio_run: Path, video: Path, tmp_path: Path) -> None:
    shutil.copytree(studio_run / "regressor", tmp_path / "regressor")
    about = json.loads((tmp_path / "regressor/about.json").read_text())
    (tmp_path / "regressor/about.json").write_text(json.dumps(about | {"fields": {"variant": 600}}))

    message = f"the regressor of {tmp_path} reads the latent 'variant' with 600 numbers; 'temporal' has 6"
    with pytest.raises(ConfigError) as caught:
        predict(video_run, video, tmp_path / "out", tmp_path)
    assert caught.value.what == message


def test_another_run_without_regressor_is_refused(video_run: Path, unsplit_run: Path, video: Path) -> None:
    with pytest.raises(DataError, match="this run has no regressor"):
        predict(video_run, video, None, unsplit_run)


def test_another_shape_than_that_trained_on_is_told(
    studio_run: Path, video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predict(studio_run, video, tmp_path, None)

    said = " ".join(capsys.readouterr().err.split())
    assert "frames are 48x32, the run was trained on 32x32: people look 33% narrower to it" in said


def test_a_regressor_older_than_the_weights_is_told(
    studio_run: Path, video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    later = tmp_path / "later"
    shutil.copytree(studio_run, later)
    (later / "checkpoints/step-00000002").rename(later / "checkpoints/step-00000004")

    predict(later, video, tmp_path / "out", None)
    said = " ".join(capsys.readouterr().err.split())
    assert "the regressor was fitted at step-00000002; this is step-00000004: probe again" in said


def test_a_missing_video_is_told(studio_run: Path) -> None:
    result = command("predict", studio_run, "nowhere/clip.mp4")

    assert isinstance(result.exception, DataError)
    assert result.exception.what == "there is no such file or folder"
    assert result.exception.where == "nowhere/clip.mp4"


def test_text_called_mp4_is_told(studio_run: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("no video at all")

    result = command("predict", studio_run, tmp_path / "notes.mp4")
    assert isinstance(result.exception, DataError)
    assert result.exception.what == "the file cannot be opened as a video: Invalid data found when processing input"


def test_a_run_without_checkpoint_is_told(studio_run: Path, video: Path, tmp_path: Path) -> None:
    shutil.copy(studio_run / "config.toml", tmp_path)

    result = command("predict", tmp_path, video)
    assert isinstance(result.exception, PoserepError)
    assert result.exception.what == "this run has no checkpoint yet"


def test_the_video_is_never_replaced_by_its_overlay(studio_run: Path, video: Path) -> None:
    before = video.read_bytes()

    with pytest.raises(ConfigError, match="the overlay would replace the video"):
        predict(studio_run, video, video.parent, None)
    assert video.read_bytes() == before
    assert list(video.parent.iterdir()) == [video]


def test_the_command_prints_what_it_wrote(studio_run: Path, video: Path, tmp_path: Path) -> None:
    result = command("predict", studio_run, video, "-o", tmp_path)

    assert result.exit_code == 0
    assert result.stdout.split() == [str(tmp_path / f"square.{kind}") for kind in ("mp4", "npz", "json")]


@pytest.mark.parametrize(
    ("asked", "cuda", "found"),
    [("auto", True, "cuda"), ("auto", False, "cpu"), ("cpu", True, "cpu"), ("cuda", True, "cuda")],
)
def test_networks_look_on_cuda_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, asked: str, cuda: bool, found: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    assert device_of(asked).type == found


def test_an_accelerator_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="this machine has no CUDA device"):
        predict(tmp_path, tmp_path, None, None, "cuda")
    with pytest.raises(ConfigError, match="there is no accelerator 'tpu'"):
        predict(tmp_path, tmp_path, None, None, "tpu")


def test_frames_are_taken_to_where_the_networks_are() -> None:
    seen: list[str] = []

    def look(batch: dict[str, Any]) -> dict[str, torch.Tensor]:
        seen.append(batch["frame"].device.type)
        return {"box": torch.zeros(len(batch["frame"]), 1, 4)}

    clips = [range(40)]
    source = SimpleNamespace(
        dataset=SimpleNamespace(clips=clips), read=lambda draw: {"frame": torch.zeros(*draw.frame.shape, 3, 2, 2)}
    )
    pipeline = SimpleNamespace(observe=look, wires={})
    watcher = Watcher(SimpleNamespace(pipeline=pipeline), source, None, torch.device("meta"))

    assert len(list(watcher.watch(0))) == 40
    assert set(seen) == {"meta"}


def test_clips_that_share_a_stem_get_names_of_their_own() -> None:
    assert stems(["a.mp4", "a.mov", "b.mp4"]) == ["a-mp4", "a-mov", "b"]


def test_the_display_has_the_sources_height_inside_its_bounds() -> None:
    assert display_size(1080, (128, 228)) == (720, 1282)
    assert display_size(480, (100, 100)) == (480, 480)
    assert display_size(64, (64, 32)) == (384, 192)


def test_the_overlay_tints_where_the_mask_is_and_draws_the_box() -> None:
    found = {"box": np.array([0.25, 0.5, 0.5, 0.0]), "mask": np.zeros((2, 2), np.uint8)}
    found["mask"][:, 0] = 255

    picture = overlay(np.full((3, 64, 64), 100, np.uint8), found, None, 0.0)
    assert picture.shape == (64, 64, 3)
    assert picture[40, 8, 0] > 160  # pink over grey
    assert picture[60, 60].tolist() == [100, 100, 100]
    assert picture[20, 40].tolist() == list(PREDICTED_BOX)  # x = 0.25


@pytest.mark.parametrize(("view", "x", "z"), [("front", 1, 0), ("side", 0, 1)])
def test_a_pose_is_drawn_x_right_y_down_and_from_the_side_z_right(view: str, x: int, z: int) -> None:
    pose_J3 = np.zeros((17, 3))
    wrist, elbow = HUMAN36M_17.index("left_wrist"), HUMAN36M_17.index("left_elbow")
    pose_J3[elbow] = pose_J3[wrist] = (0, -1000, 0)
    pose_J3[wrist] += (800 * x, 0, 800 * z)

    panel = np.asarray(pose_panel(pose_J3, HUMAN36M_17, "front" if view == "front" else "side", 250))
    assert panel[25, 190].tolist() == list(SIDES["left"])  # 1 m up, 0.65 m to the right
    assert panel[25, 60].tolist() != list(SIDES["left"])


def test_a_detector_that_reads_the_truth_cannot_look_at_a_video(video: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        open_footage(compose("temporal", uses=["detector=provided"]), video)
    assert caught.value.what == "detector (provided) reads 'true_box', a label that a video does not have"


def test_where_the_dataset_gave_the_background_the_median_stands_in(
    video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = ["dataset.subjects=1", "dataset.test_subjects=0", "dataset.cameras=1", "dataset.size=32"]
    source, _ = open_footage(compose("temporal", sets=sets, uses=["background=provided"]), video)

    background = source.read(Draw(np.array([[0]]), np.array([[0]])))["background"]
    assert abs(background.float().median() - 90) < 12
    assert "taking the median of the frames" in " ".join(capsys.readouterr().err.split())


def test_a_place_that_cannot_be_written_is_told(studio_run: Path, video: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(DataError, match="the video cannot be written: File exists"):
        predict(studio_run, video, tmp_path / "file", None)


def test_a_writer_that_is_broken_off_leaves_nothing(tmp_path: Path) -> None:
    def break_off() -> None:
        with video_writer(tmp_path / "a.mp4", 10) as write:
            write(np.zeros((32, 32, 3), np.uint8), 0.0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert list(tmp_path.iterdir()) == []


def test_frames_are_found_again_by_their_times(video: Path) -> None:
    pictures = [np.asarray(picture) for picture in pictures_at(video, TIMES_S[[1, 4]])]

    assert [picture.shape for picture in pictures] == [(64, 96, 3)] * 2
    tops = [int(np.flatnonzero(picture[:, 64, 0] > 180)[0]) for picture in pictures]
    assert tops == pytest.approx([6, 24], abs=1)


def test_a_frame_that_is_gone_is_told(video: Path) -> None:
    with pytest.raises(DataError, match=r"the frame at 0\.150 s could not be decoded a second time"):
        list(pictures_at(video, np.array([0.0, 0.15])))
