import logging
import shutil
from pathlib import Path

import av
import numpy as np
import pytest
from lightning_fabric import Fabric
from PIL import Image

from poserep.core.batches import Source
from poserep.core.errors import DataError
from poserep.core.fit import fit, make_state
from poserep.core.interfaces import Array, Clip
from poserep.core.skeleton import HUMAN36M_17
from poserep.media.footage import FileNames, Footage, files_in, image_footage, video_footage
from poserep.tests.fakes.toy import toy
from poserep.tests.fakes.videos import damage, in_sequence, pictures, write_video

SIZE = (24, 24)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Each frame is a key frame, so that damage stays where it is."""
    return write_video(tmp_path / "a.mp4", pictures(20), options={"g": "1"})


def photos(folder: Path, count: int = 6) -> FileNames:
    folder.mkdir()
    for index in range(count):
        Image.fromarray(np.full((24, 24, 3), 40 * index % 256, np.uint8)).save(folder / f"img_{index}.png")
    return files_in(folder)


def levels(frames: Array) -> list[int]:
    return frames[:, 0, 0, 0].tolist()


def test_frames_come_in_the_order_asked_and_as_often(video: Path) -> None:
    expected = in_sequence(video, SIZE)
    wanted = np.array([7, 3, 19, 3])
    np.testing.assert_array_equal(video_footage(video, SIZE).read(wanted), expected[wanted])
    assert video_footage(video, SIZE).read(np.array([], np.int64)).shape == (0, 3, *SIZE)


def test_a_number_outside_the_clip_is_refused(video: Path) -> None:
    for wrong in (-1, 20):
        with pytest.raises(IndexError, match="20 frames"):
            video_footage(video, SIZE).read(np.array([wrong]))


def test_opening_with_count_and_rate_touches_no_file(tmp_path: Path) -> None:
    footage = video_footage(tmp_path / "not there.mp4", SIZE, count=5, fps=50)
    assert len(footage) == 5
    assert footage.times_s.tolist() == [0, 0.02, 0.04, 0.06, 0.08]
    images = image_footage(FileNames(tmp_path / "nowhere", np.array(["a.png"])), SIZE, np.array([0.0]))
    assert len(images) == 1
    with pytest.raises(DataError, match="cannot be read"):
        footage.read(np.array([0]))


def test_a_count_cuts_the_clip_to_its_labels(video: Path) -> None:
    footage = video_footage(video, SIZE, count=12)
    assert len(footage) == len(footage.times_s) == 12


def test_pictures_are_read_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    files = photos(folder, 3)
    shutil.copy(folder / "img_1.png", folder / "img_10.png")
    (folder / "notes.txt").write_text("no picture")
    files = files_in(folder)
    assert [path.name for path in files] == ["img_0.png", "img_1.png", "img_2.png", "img_10.png"]
    assert [path.name for path in files[1:3]] == ["img_1.png", "img_2.png"]
    assert levels(image_footage(files, SIZE, np.arange(4.0)).read(np.array([3, 0, 2]))) == [40, 0, 80]


def test_another_picture_under_the_same_name_is_another_identity(tmp_path: Path) -> None:
    files = photos(tmp_path / "pictures")
    footage = image_footage(files, SIZE, np.arange(6.0))
    before = footage.identity()
    assert footage.identity() == before
    Image.fromarray(np.zeros((30, 30, 3), np.uint8)).save(files[4])
    assert footage.identity() != before


def test_pictures_and_timestamps_must_be_as_many(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="2 timestamps"):
        image_footage(photos(tmp_path / "pictures"), SIZE, np.arange(2.0))
    with pytest.raises(DataError, match="at least one"):
        image_footage([], SIZE, np.arange(0.0))


# ---------------------------------------------------------------- bad frames


def test_the_nearest_usable_frame_stands_in_for_a_damaged_one(video: Path, caplog: pytest.LogCaptureFixture) -> None:
    expected = in_sequence(video, SIZE)
    damage(video, [9, 10, 11])
    footage = video_footage(video, SIZE)
    with caplog.at_level(logging.WARNING, "poserep"):
        found = footage.read(np.arange(20))
        footage.read(np.array([10, 11]))
    stands_in = [*range(9), 8, 12, 12, *range(12, 20)]
    assert footage.instead[9] == 8
    assert footage.instead[11] == 12
    assert footage.instead[10] in (8, 12)
    stands_in[10] = footage.instead[10]
    np.testing.assert_array_equal(found, expected[stands_in])
    assert footage.skipped == 3
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1
    assert "a.mp4: frame 9" in told[0]


def test_a_video_shorter_than_its_labels_gives_its_last_frame(video: Path, caplog: pytest.LogCaptureFixture) -> None:
    footage = video_footage(video, SIZE, count=500)
    assert len(footage) == len(footage.times_s) == 500
    assert np.diff(footage.times_s) == pytest.approx(0.04)
    with caplog.at_level(logging.WARNING, "poserep"):
        found = footage.read(np.array([18, 20, 499]))
    np.testing.assert_array_equal(found, in_sequence(video, SIZE)[[18, 19, 19]])
    assert footage.skipped == 2
    assert [record.getMessage() for record in caplog.records] == [
        f"{video}: frame 20: there is no such frame; frame 19 stands in for it (told once per clip)"
    ]


def test_a_video_cut_off_in_its_middle_gives_what_is_left(video: Path) -> None:
    expected = in_sequence(video, SIZE)
    movie = write_video(video.with_suffix(".mkv"), pictures(20), options={"g": "1"})
    movie.write_bytes(movie.read_bytes()[: movie.stat().st_size // 2])
    footage = video_footage(movie, SIZE, count=20)
    found = footage.read(np.arange(20))
    good = 20 - footage.skipped
    assert 4 < good < 16
    np.testing.assert_array_equal(found[good:], np.repeat(found[good - 1 : good], 20 - good, axis=0))
    assert np.abs(found[0].astype(int) - expected[0]).mean() < 3


def test_an_index_that_promises_more_than_the_file_holds_is_mended(tmp_path: Path) -> None:
    options = {"movflags": "faststart"}  # the index before the frames, as of files meant for the web
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width, stream.pix_fmt, stream.gop_size = 64, 64, "yuv420p", 1
        for picture in pictures(20):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    footage = video_footage(path, SIZE, count=20)
    footage.read(np.arange(20))
    assert 0 < footage.skipped < 15


@pytest.mark.parametrize("harm", ["empty", "cut", "missing", "foreign"])
def test_a_bad_picture_is_mended(tmp_path: Path, harm: str) -> None:
    files = photos(tmp_path / "pictures")
    path = files[3]
    whole = path.read_bytes()
    path.write_bytes({"empty": b"", "cut": whole[: len(whole) // 2]}.get(harm, b"no picture"))
    if harm == "missing":
        path.unlink()
    footage = image_footage(files, SIZE, np.arange(6.0))
    assert levels(footage.read(np.array([3, 4, 3]))) in ([80, 160, 80], [160, 160, 160])
    assert footage.skipped == 1


def test_frames_that_must_not_be_shown_are_skipped(tmp_path: Path) -> None:
    footage = image_footage(photos(tmp_path / "pictures"), SIZE, np.arange(6.0), skip=lambda frame: frame.mean() > 130)
    assert levels(footage.read(np.arange(6))) == [0, 40, 80, 120, 120, 120]
    assert footage.skipped == 2


def test_a_clip_without_any_usable_frame_is_one_clear_error(tmp_path: Path) -> None:
    files = photos(tmp_path / "pictures")
    for path in files:
        path.write_bytes(b"")
    with pytest.raises(DataError, match="no frame of the clip can be used") as caught:
        image_footage(files, SIZE, np.arange(6.0)).read(np.array([2]))
    assert caught.value.where == str(tmp_path / "pictures")


class Labelled:
    """Clips of the toy recipe's kind, with the frames of some footage."""

    frame_size = (8, 8)
    skeleton = HUMAN36M_17

    def __init__(self, footage: list[Footage]) -> None:
        self.footage = footage
        self.clips = [Clip(str(n), "", str(n), "", "train", one.times_s) for n, one in enumerate(footage)]

    def frames(self, clip: int, indices: Array) -> Array:
        return self.footage[clip].read(indices)

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        return np.zeros((len(indices), 17, 3), np.float32)


def test_training_goes_on_over_bad_frames(tmp_path: Path, video: Path, caplog: pytest.LogCaptureFixture) -> None:
    damage(video, [4, 5, 11])
    files = photos(tmp_path / "pictures", 12)
    files[5].write_bytes(b"")
    dataset = Labelled(
        [video_footage(video, (8, 8), count=26, fps=25), image_footage(files, (8, 8), np.arange(12) / 25)]
    )
    composition = toy(tmp_path, "training.steps=30")
    fabric = Fabric(accelerator="cpu", devices=1)
    with caplog.at_level(logging.WARNING, "poserep"):
        steps = list(
            fit(composition, Source(dataset, None, composition.wanted), fabric, make_state(composition, fabric))
        )
    assert len(steps) == 30
    assert all(np.isfinite(step.total) for step in steps)
    assert dataset.footage[0].skipped == 3 + 6
    assert dataset.footage[1].skipped == 1
    assert len(caplog.records) == 2
