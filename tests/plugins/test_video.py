import logging
import os
import re
import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from pydantic import ValidationError

from poserep.core.errors import ConfigError, DataError
from poserep.core.interfaces import Context
from poserep.plugins.datasets.video import Video, VideoOptions, build

MILLI = Fraction(1, 1000)
CONTEXT = Context(crop_size=32)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POSEREP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def record(path: Path, pictures: Sequence[np.ndarray], times_ms: Sequence[int], codec: str = "ffv1") -> Path:
    """Write a video: lossless RGB in Matroska with any timestamps, or MPEG-4 at 25 frames per second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "bgr0" if codec == "ffv1" else "yuv420p"
        stream.gop_size = 5
        if codec == "ffv1":
            stream.codec_context.time_base = MILLI
        for picture, time_ms in zip(pictures, times_ms, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = time_ms, MILLI
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def plain(*colours: tuple[int, int, int], width: int = 64, height: int = 48) -> list[np.ndarray]:
    return [np.full((height, width, 3), colour, np.uint8) for colour in colours]


def greys(count: int, width: int = 64, height: int = 48) -> list[np.ndarray]:
    return plain(*((level, level, level) for level in range(count)), width=width, height=height)


def noise(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, (48, 64, 3), dtype=np.uint8) for _ in range(count)]


def open_video(path: Path, **options: object) -> Video:
    return build(VideoOptions.model_validate({"path": str(path), "height": 24, **options}), CONTEXT)


def error_of(path: Path, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        open_video(path, **options)
    return str(caught.value)


# ---------------------------------------------------------------- frames and times


def test_colours_and_true_timestamps_of_a_variable_frame_rate(tmp_path: Path) -> None:
    path = record(tmp_path / "a.mkv", plain((255, 0, 0), (0, 255, 0), (0, 0, 255)), [0, 40, 500])

    video = open_video(path)

    assert [clip.name for clip in video.clips] == ["a.mkv"]
    np.testing.assert_allclose(video.clips[0].times_s, [0, 0.04, 0.5])
    assert video.frame_size == (24, 32)
    frames = video.frames(0, np.array([2, 0]))
    assert frames.shape == (2, 3, 24, 32)
    assert frames.dtype == np.uint8
    assert frames[:, :, 5, 5].tolist() == [[0, 0, 255], [255, 0, 0]]


def test_start_end_and_stride_choose_frames_by_time(tmp_path: Path) -> None:
    path = record(tmp_path / "a.mkv", greys(20), range(0, 800, 40))

    video = open_video(path, start_s=0.2, end_s=0.6, stride=3)

    np.testing.assert_allclose(video.clips[0].times_s, [0.2, 0.32, 0.44, 0.56])
    assert video.frames(0, np.arange(4))[:, 0, 0, 0].tolist() == [5, 8, 11, 14]


def test_a_crop_in_percent_keeps_that_part(tmp_path: Path) -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[24:, 32:] = 200
    path = record(tmp_path / "a.mkv", [picture, picture], [0, 40])

    video = open_video(path, crop_x=(50, 100), crop_y=(25.0, 75.0))

    assert video.frame_size == (24, 32)
    assert video.frames(0, np.array([0]))[0, 0, [0, 11, 12, 23], 0].tolist() == [0, 0, 200, 200]


def test_a_pattern_finer_than_a_working_pixel_averages_out(tmp_path: Path) -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:, ::2] = 100
    path = record(tmp_path / "a.mkv", [picture, picture], [0, 40])

    video = open_video(path, height=12)

    assert np.abs(video.frames(0, np.array([0]))[..., 1:-1] - 50.0).max() < 6


def test_a_phone_held_upright_is_shown_upright(tmp_path: Path) -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:, :32] = 200  # the left half, which a quarter turn clockwise brings to the top
    path = record(tmp_path / "a.mp4", [picture] * 5, range(0, 200, 40), codec="mpeg4")
    straight = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    turned = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 48 << 16, 0, 1 << 30)
    head, track = path.read_bytes().split(b"tkhd")
    path.write_bytes(head + b"tkhd" + track.replace(straight, turned, 1))

    video = open_video(path, height=64)

    assert video.frame_size == (64, 48)
    frame = video.frames(0, np.array([0]))[0, 0]
    assert frame[:28].mean() > 180
    assert frame[36:].mean() < 20


def test_it_is_decoded_once_and_again_when_the_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = record(tmp_path / "a.mkv", greys(3), [0, 40, 80])
    open_video(path)
    with monkeypatch.context() as patch:
        patch.setattr("poserep.plugins.datasets.video_files._kept", lambda *_: pytest.fail("decoded again"))
        assert len(open_video(path).clips[0]) == 3

    record(path, greys(5), range(0, 200, 40))
    os.utime(path, (1, 1))

    assert len(open_video(path).clips[0]) == 5


def test_a_lost_file_of_times_is_made_again(tmp_path: Path, cache: Path) -> None:
    path = record(tmp_path / "a.mkv", greys(3), [0, 40, 80])
    open_video(path)
    next(cache.rglob("*.times.npy")).unlink()

    np.testing.assert_allclose(open_video(path).clips[0].times_s, [0, 0.04, 0.08])


# ---------------------------------------------------------------- folders and cameras


def test_a_folder_in_natural_order_with_takes_and_cameras(tmp_path: Path) -> None:
    for name in ("s1_run_cam10", "s1_run_cam9", "s2_run_cam9"):
        record(tmp_path / f"{name}.mkv", greys(2), [0, 40])

    video = open_video(tmp_path, camera_pattern=r"(?P<take>(?P<subject>s\d).*)_cam(?P<camera>\d+)")

    told = [(clip.name, clip.subject, clip.take, clip.camera, clip.split) for clip in video.clips]
    assert told == [
        ("s1_run_cam9.mkv", "s1", "s1_run", "9", "train"),
        ("s1_run_cam10.mkv", "s1", "s1_run", "10", "train"),
        ("s2_run_cam9.mkv", "s2", "s2_run", "9", "train"),
    ]


def test_without_a_pattern_each_file_is_its_own_take_and_camera(tmp_path: Path) -> None:
    for name in ("a", "b"):
        record(tmp_path / f"{name}.mkv", greys(2), [0, 40])

    assert [(clip.take, clip.camera) for clip in open_video(tmp_path).clips] == [("a", "a"), ("b", "b")]


def test_without_a_group_take_the_rest_of_the_name_is_the_take(tmp_path: Path) -> None:
    record(tmp_path / "walk-left-1.mkv", greys(2), [0, 40])

    clip = open_video(tmp_path, camera_pattern="(?P<camera>left|right)").clips[0]

    assert (clip.take, clip.camera) == ("walk--1", "left")


def test_cameras_are_held_out_of_training(tmp_path: Path) -> None:
    for name in ("walk_cam1.mkv", "walk_cam2.mkv", "run_cam2.mkv"):
        record(tmp_path / name, greys(3), [0, 40, 80])
    options = {"camera_pattern": r"(?P<take>.*)_cam(?P<camera>\d+)"}

    clips = open_video(tmp_path, **options, test_cameras=("2",)).clips
    assert {clip.name: clip.split for clip in clips} == {
        "run_cam2.mkv": "test",
        "walk_cam1.mkv": "train",
        "walk_cam2.mkv": "test",
    }
    with pytest.raises(ConfigError, match="no clip is of the camera '3'") as caught:
        open_video(tmp_path, **options, test_cameras=("3",))
    assert caught.value.hint == "there are: 1, 2"
    with pytest.raises(ConfigError, match="none is left to train on"):
        open_video(tmp_path, **options, test_cameras=("1", "2"))


def test_a_name_that_does_not_match_is_refused(tmp_path: Path) -> None:
    record(tmp_path / "walk.mkv", greys(2), [0, 40])

    assert error_of(tmp_path, camera_pattern=r"cam(?P<camera>\d)") == (
        "camera_pattern does not match 'walk'\n"
        "  at   camera_pattern = 'cam(?P<camera>\\\\d)'\n"
        "  hint correct the pattern, or move that file elsewhere"
    )


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("cam(", "is not a regular expression: missing )"), (r"cam(\d)", "has no group named camera")],
)
def test_a_pattern_that_cannot_work_is_refused(tmp_path: Path, pattern: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"dataset.camera_pattern {message}")):
        open_video(tmp_path, camera_pattern=pattern)


def test_nearly_equal_shapes_are_brought_to_one_with_a_note(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    record(tmp_path / "a.mkv", greys(2, width=64), [0, 40])
    record(tmp_path / "b.mkv", greys(2, width=66), [0, 40])
    with caplog.at_level(logging.INFO, "poserep"):
        video = open_video(tmp_path)

    assert video.frames(1, np.array([0])).shape == (1, 3, 24, 32)
    assert caplog.messages == ["b.mkv: its width is changed by -3.0 % to fit the common frame size"]


def test_another_shape_is_refused(tmp_path: Path) -> None:
    record(tmp_path / "a.mkv", greys(2), [0, 40])
    record(tmp_path / "b.mkv", greys(2, width=48), [0, 40])

    assert error_of(tmp_path) == (
        "the picture is 48x48, another shape than a.mkv (64x48)\n"
        f"  at   {tmp_path / 'b.mkv'}\n"
        "  hint keep videos of one shape in a folder"
    )


# ---------------------------------------------------------------- faults


def test_a_missing_path(tmp_path: Path) -> None:
    assert error_of(tmp_path / "no.mp4") == (
        f"there is no such file or folder\n  at   {tmp_path / 'no.mp4'}\n  hint dataset.path names the video"
    )


def test_a_folder_without_videos(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")

    assert error_of(tmp_path) == (
        f"there is no video in the folder\n  at   {tmp_path}\n"
        "  hint sub-folders are not searched; looked for .3gp .avi .flv .m2ts .m4v .mkv .mov .mp4 .mpeg "
        ".mpg .mts .mxf .ogv .ts .vob .webm .wmv"
    )


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()

    assert error_of(tmp_path / "a.mp4") == (
        f"the file is empty (0 bytes)\n  at   {tmp_path / 'a.mp4'}\n  hint copy it again"
    )


def test_text_under_the_name_of_a_video(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("this is no video\n" * 100)

    assert error_of(tmp_path / "a.mp4") == (
        "the file cannot be opened as a video: Invalid data found when processing input\n"
        f"  at   {tmp_path / 'a.mp4'}\n"
        "  hint it may be no video, or cut short before its index: copy or convert it again"
    )


def test_a_container_cut_short_before_its_index(tmp_path: Path) -> None:
    path = record(tmp_path / "a.mp4", noise(20), range(0, 800, 40), codec="mpeg4")
    path.write_bytes(path.read_bytes()[:-2000])

    assert error_of(path) == (
        "the file cannot be opened as a video: Invalid data found when processing input\n"
        f"  at   {path}\n"
        "  hint it may be no video, or cut short before its index: copy or convert it again"
    )


def test_sound_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.sample_rate = 44100
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))

    assert error_of(path) == f"there is no video stream in the file\n  at   {path}\n  hint it holds: audio"


def test_a_single_frame(tmp_path: Path) -> None:
    path = record(tmp_path / "a.mkv", greys(1), [0])

    assert error_of(path) == (
        f"the video gives 1 frame; two are the least\n  at   {path}\n  hint is it a still picture?"
    )


def test_a_cut_that_leaves_nothing(tmp_path: Path) -> None:
    path = record(tmp_path / "a.mkv", greys(5), range(0, 200, 40))

    assert error_of(path, start_s=9.0) == (
        f"the video gives 0 frames; two are the least\n  at   {path}\n  hint widen start_s and end_s, or lower stride"
    )


def test_a_stream_that_breaks_off_gives_what_it_has(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = record(tmp_path / "a.mkv", noise(40), range(0, 1600, 40))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    video = open_video(path)

    assert len(video.clips[0]) == 19
    assert caplog.messages == [f"{path}: the stream is broken: 21 frames are lost, 19 can be decoded"]


def test_a_hole_in_a_stream_costs_only_its_frames(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = record(tmp_path / "a.mp4", noise(40), range(0, 1600, 40), codec="mpeg4")
    content, middle = path.read_bytes(), path.stat().st_size // 2
    path.write_bytes(content[:middle] + bytes(4000) + content[middle + 4000 :])

    clip = open_video(path).clips[0]

    assert 20 < len(clip) < 40
    assert clip.times_s[-1] == pytest.approx(1.56)
    assert caplog.messages == [
        f"{path}: the stream is broken: {40 - len(clip)} frames are lost, {len(clip)} can be decoded"
    ]


def test_a_broken_file_in_a_folder_is_skipped_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.mp4").touch()
    record(tmp_path / "b.mkv", greys(2), [0, 40])
    record(tmp_path / "c.mkv", greys(1), [0])

    assert [clip.name for clip in open_video(tmp_path).clips] == ["b.mkv"]
    assert caplog.messages == [
        f"skipped: the file is empty (0 bytes) ({tmp_path / 'a.mp4'})",
        f"skipped: the video gives 1 frame; two are the least ({tmp_path / 'c.mkv'})",
    ]


def test_a_folder_of_broken_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    (tmp_path / "b.mp4").touch()

    assert error_of(tmp_path) == (
        "none of the 2 videos can be used; the first: the file is empty (0 bytes)\n"
        f"  at   {tmp_path / 'a.mp4'}\n"
        "  hint copy it again"
    )


def test_it_has_no_labels(tmp_path: Path) -> None:
    video = open_video(record(tmp_path / "a.mkv", greys(2), [0, 40]))

    with pytest.raises(DataError, match="dataset video has no label 'pose'"):
        video.labels("pose", 0, np.array([0]))


@pytest.mark.parametrize(
    "options",
    [{"crop_x": (50, 20)}, {"crop_y": (0, 101)}, {"start_s": 2.0, "end_s": 1.0}, {"stride": 0}, {"size": 128}],
    ids=str,
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        VideoOptions.model_validate({"path": "a", **options})


# ---------------------------------------------------------------- recorded by others


DATA = Path(os.environ.get("POSEREP_DATA", Path(__file__).parents[3] / "shared/data")) / "video"
recorded = [
    pytest.mark.data,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is absent; POSEREP_DATA names it"),
]
FOUR = {"camera_pattern": r"(?P<take>.*)_cam(?P<camera>\d+)", "height": 64}


class TestRecorded:
    pytestmark = recorded

    def test_four_synchronised_cameras(self) -> None:
        calibration = DATA / "pose2sim_single/Calib.qca.txt"
        video = open_video(DATA / "pose2sim_single", calibration=str(calibration), **FOUR)

        assert [(clip.take, clip.camera, len(clip)) for clip in video.clips] == [
            ("p2s_single", f"0{camera}", 100) for camera in (1, 2, 3, 4)
        ]
        assert video.frame_size == (64, 36)
        for clip in video.clips:
            np.testing.assert_allclose(clip.times_s, np.arange(100) / 60, atol=1e-9)
            camera = video.cameras[clip.camera]
            assert camera.size_WH == (36, 64)
            hips = camera.to_frame(camera.project([-940.0, -20.0, 900.0]))  # above the beam's middle
            assert np.abs(hips).max() < 0.5

    @pytest.mark.parametrize(
        ("name", "count", "fps", "size"),
        [
            ("sports2d/demo.mp4", 230, 30, (64, 114)),
            ("tfjs/tfjs_pose_squats.mp4", 65, 5, (64, 36)),
            ("tfjs/tfjs_pose_1.mp4", 120, 30, (64, 64)),
        ],
    )
    def test_counts_times_and_sizes(self, name: str, count: int, fps: int, size: tuple[int, int]) -> None:
        video = open_video(DATA / name, height=64)

        assert video.frame_size == size
        np.testing.assert_allclose(video.clips[0].times_s, np.arange(count) / fps, atol=1e-6)

    def test_clips_of_different_shape_in_one_folder_are_refused(self) -> None:
        assert error_of(DATA / "tfjs").startswith(
            "the picture is 720x1280, another shape than tfjs_pose_1.mp4 (576x576)\n"
        )
