import errno
import logging
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from poserep.core.errors import DataError
from poserep.core.interfaces import Array
from poserep.media import frame_file
from poserep.media import prepared as module
from poserep.media.footage import prepared, video_footage
from poserep.media.mended import SKIPPED
from poserep.tests.fakes.footage import Numbered
from poserep.tests.fakes.videos import damage, pictures, write_video

SIZE, COUNT = (8, 8), 40


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POSEREP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "TOLD", set())
    return tmp_path / "cache"


def numbers(frames: Array) -> list[int]:
    assert (frames == frames[:, :1, :1, :1]).all()
    return frames[:, 0, 0, 0].tolist()


def test_a_frame_is_decoded_once_and_stays_the_same(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", pictures(20), options={"bf": "2"})
    plain, kept = video_footage(path, SIZE), prepared(video_footage(path, SIZE))
    wanted = np.array([7, 3, 19, 3])
    for _ in range(2):
        np.testing.assert_array_equal(kept.read(wanted), plain.read(wanted))
    assert kept.missing() == 17
    np.testing.assert_array_equal(kept.times_s, plain.times_s)


def test_only_what_is_missing_is_decoded() -> None:
    first, second = Numbered(), Numbered()
    assert numbers(prepared(first).read(np.array([5, 2, 5]))) == [5, 2, 5]
    assert numbers(prepared(second).read(np.array([2, 9, 5, 9]))) == [2, 9, 5, 9]
    assert second.asked == [9]


def test_opening_touches_nothing(cache: Path) -> None:
    prepared(Numbered())
    assert not cache.exists()


def test_what_is_not_read_takes_no_room(cache: Path) -> None:
    kept = prepared(Numbered(count=50_000))
    kept.read(np.array([1, 49_999]))
    assert kept.path.stat().st_size > 50_000 * 3 * 64
    assert kept.path.stat().st_blocks * 512 < 200_000


def test_other_files_keys_sizes_and_versions_are_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = {prepared(Numbered()).path, prepared(Numbered(count=9)).path, prepared(Numbered(), {"flash": 0.5}).path}
    monkeypatch.setattr(module, "VERSION", module.VERSION + 1)
    paths.add(prepared(Numbered()).path)
    assert len(paths) == 4


def test_a_changed_video_is_decoded_again(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", pictures(20))
    before = prepared(video_footage(path, SIZE)).read(np.arange(20))
    write_video(path, pictures(40)[20:])
    assert (prepared(video_footage(path, SIZE)).read(np.arange(20)) != before).any()


def test_stand_ins_are_kept_and_remain_counted(tmp_path: Path) -> None:
    path = damage(write_video(tmp_path / "a.mp4", pictures(20), options={"g": "1"}), [9])
    first = prepared(video_footage(path, SIZE)).read(np.arange(20))
    SKIPPED.pop(str(path))
    again = prepared(video_footage(path, SIZE))
    np.testing.assert_array_equal(again.read(np.arange(20)), first)
    assert again.skipped == 1
    assert SKIPPED[str(path)] == {9}


def test_a_number_outside_the_clip_is_refused() -> None:
    for wrong in (-1, COUNT):
        with pytest.raises(IndexError, match="40 frames"):
            prepared(Numbered()).read(np.array([wrong]))


def test_it_goes_to_another_process_without_its_frames() -> None:
    kept = prepared(Numbered(count=2000))
    kept.read(np.arange(200))
    text = pickle.dumps(kept)
    assert len(text) < 40_000
    assert numbers(pickle.loads(text).read(np.array([150]))) == [150]


# ---------------------------------------------------------------- killed, at once, full


def test_a_frame_without_its_flag_is_not_read() -> None:
    kept = prepared(Numbered())
    kept.read(np.array([3, 4]))
    with kept.path.open("r+b") as file:  # as a writer leaves it that was killed between frame and flag
        file.seek(4)
        file.write(b"\0")
        file.seek(frame_file.PAGE + 4 * 3 * 64)
        file.write(b"\x77" * 100)
    again = Numbered()
    assert numbers(prepared(again).read(np.array([3, 4]))) == [3, 4]
    assert again.asked == [4]


WRITER = """
import numpy as np
from poserep.media.footage import prepared
from poserep.tests.fakes.footage import Numbered
kept = prepared(Numbered(count=80, slow_s={pause}))
for at in range(0, 80, 5):
    kept.read(np.arange(at, at + 5))
print(len(kept._footage.asked))
"""


def writer(pause: float) -> "subprocess.Popen[str]":
    code = WRITER.format(pause=pause)
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_killed_writer_leaves_nothing_half_and_the_next_goes_on_where_it_stopped() -> None:
    kept = prepared(Numbered(count=80))
    with writer(pause=0.05) as process:
        deadline = time.monotonic() + 60
        while kept.missing() > 60 and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        assert process.wait(300) == -signal.SIGKILL
        process.communicate()
    left = kept.missing()
    assert 0 < left <= 60
    with writer(pause=0) as process:
        decoded, error = process.communicate(timeout=300)
    assert error == ""
    assert int(decoded) == left
    unread = Numbered(count=80)
    assert numbers(prepared(unread).read(np.arange(80))) == list(range(80))
    assert unread.asked == []


def test_several_writers_at_once_write_the_same() -> None:
    processes = [writer(pause=0.001) for _ in range(2)]
    kept = prepared(Numbered(count=80))
    while any(process.poll() is None for process in processes):
        some = np.random.default_rng().choice(80, 4)
        assert numbers(kept.read(some)) == some.tolist()
        time.sleep(0.05)
    for process in processes:
        assert process.communicate()[1] == ""
        assert process.returncode == 0
    assert prepared(Numbered(count=80)).missing() == 0


def test_threads_share_one_footage() -> None:
    kept = prepared(Numbered(count=200))
    rows = [np.random.default_rng(seed).choice(200, 8) for seed in range(50)]
    with ThreadPoolExecutor(4) as pool:
        assert [numbers(frames) for frames in pool.map(kept.read, rows)] == [row.tolist() for row in rows]


def test_a_full_disk_ends_keeping_and_not_reading(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kept = prepared(Numbered())
    kept.read(np.array([1]))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=frame_file.RESERVE))
    with caplog.at_level(logging.WARNING, "poserep"):
        assert numbers(kept.read(np.array([2, 1]))) == [2, 1]
        assert numbers(kept.read(np.array([3]))) == [3]
    assert kept.missing() == COUNT - 1
    assert len(caplog.records) == 1
    assert os.strerror(errno.ENOSPC) in caplog.text


def test_a_cache_that_cannot_be_written_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("POSEREP_CACHE", str(tmp_path / "file"))
    assert numbers(prepared(Numbered()).read(np.array([2, 1]))) == [2, 1]


def test_room_is_asked_for_ahead(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    module.check_room(1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=frame_file.RESERVE + 999))
    with pytest.raises(DataError, match="500 MB are left free") as caught:
        module.check_room(1000)
    assert str(cache) in caught.value.where
    assert "POSEREP_CACHE" in caught.value.hint
