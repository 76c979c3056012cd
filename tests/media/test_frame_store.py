import errno
import os
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from poserep.core.errors import DataError
from poserep.core.interfaces import Array
from poserep.media import frame_store as module
from poserep.media.frame_store import frame_store, store_path

SIZE = (4, 6)
KEY = {"name": "clip", "size": list(SIZE)}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POSEREP_CACHE", str(tmp_path))
    return tmp_path


def chunks(*levels: int) -> Iterator[Array]:
    for level in levels:
        yield np.full((1, 3, *SIZE), level, np.uint8)


def test_frames_come_back_in_order_and_read_only() -> None:
    stored = frame_store("video", KEY, (3, 3, *SIZE), lambda: chunks(1, 2, 3), "test")

    assert stored.shape == (3, 3, *SIZE)
    assert stored.dtype == np.uint8
    assert stored[:, 0, 0, 0].tolist() == [1, 2, 3]
    assert isinstance(stored, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        stored[0] = 0


def test_the_second_call_produces_nothing() -> None:
    def refuse() -> Iterator[Array]:
        raise AssertionError("produced again")

    first = frame_store("video", KEY, (2, 3, *SIZE), lambda: chunks(1, 2), "test")

    np.testing.assert_array_equal(frame_store("video", KEY, (2, 3, *SIZE), refuse, "test"), first)


def test_another_key_is_another_store() -> None:
    frame_store("video", KEY, (1, 3, *SIZE), lambda: chunks(1), "test")

    other = frame_store("video", {**KEY, "name": "other"}, (1, 3, *SIZE), lambda: chunks(9), "test")

    assert other[0, 0, 0, 0] == 9


@pytest.mark.parametrize("expected", [1, 2, 500])
def test_the_store_holds_what_came_not_what_was_expected(expected: int) -> None:
    frame_store("video", KEY, (expected, 3, *SIZE), lambda: chunks(1, 2), "test")

    stored = frame_store("video", KEY, (expected, 3, *SIZE), lambda: chunks(), "test")

    assert stored[:, 0, 0, 0].tolist() == [1, 2]


def test_nothing_produced_is_an_empty_array_and_no_file(cache: Path) -> None:
    stored = frame_store("video", KEY, (5, 3, *SIZE), lambda: chunks(), "test")

    assert stored.shape == (0, 3, *SIZE)
    assert list((cache / "video").iterdir()) == []


def test_a_producer_that_dies_leaves_nothing_to_be_loaded(cache: Path) -> None:
    def dies() -> Iterator[Array]:
        yield from chunks(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        frame_store("video", KEY, (2, 3, *SIZE), dies, "test")

    assert list((cache / "video").iterdir()) == []
    assert len(frame_store("video", KEY, (2, 3, *SIZE), lambda: chunks(1, 2), "test")) == 2


def test_a_store_that_was_cut_short_is_made_again() -> None:
    frame_store("video", KEY, (2, 3, *SIZE), lambda: chunks(1, 2), "test")
    path = store_path("video", KEY)
    path.write_bytes(path.read_bytes()[:-10])

    assert frame_store("video", KEY, (2, 3, *SIZE), lambda: chunks(7, 8), "test")[:, 0, 0, 0].tolist() == [7, 8]


def test_two_writers_at_once_both_end_with_a_whole_store() -> None:
    def with_a_rival() -> Iterator[Array]:
        yield from chunks(1)
        assert len(frame_store("video", KEY, (2, 3, *SIZE), lambda: chunks(1, 2), "rival")) == 2
        yield from chunks(2)

    stored = frame_store("video", KEY, (2, 3, *SIZE), with_a_rival, "test")

    assert stored[:, 0, 0, 0].tolist() == [1, 2]


def test_what_a_killed_writer_left_is_swept_but_not_a_living_one(cache: Path) -> None:
    path = store_path("video", KEY)
    path.parent.mkdir()
    old, young = path.with_name(f"{path.stem}.a.tmp"), path.with_name(f"{path.stem}.b.tmp")
    for left in (old, young):
        left.touch()
    os.utime(old, (time.time() - 7200,) * 2)

    frame_store("video", KEY, (1, 3, *SIZE), lambda: chunks(1), "test")

    assert not old.exists()
    assert young.exists()


def test_a_full_disk_says_where_how_much_and_what_to_do(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "_write", full)
    with pytest.raises(DataError) as caught:
        frame_store("video", KEY, (10**6, 3, *SIZE), lambda: chunks(1), "test")

    assert str(caught.value) == (
        "the frame cache cannot be written: No space left on device; about 72 MB are needed\n"
        f"  at   {cache / 'video'}\n"
        "  hint make room there, or set POSEREP_CACHE to a folder on another disk"
    )
    assert list((cache / "video").iterdir()) == []


def test_too_little_room_is_told_before_the_first_frame() -> None:
    def refuse() -> Iterator[Array]:
        raise AssertionError("produced")

    with pytest.raises(DataError, match=r"No space left on device; about 72000000000000 MB are needed"):
        frame_store("video", KEY, (10**18, 3, *SIZE), refuse, "test")


def test_a_cache_that_is_no_folder_is_refused(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cache / "file").touch()
    monkeypatch.setenv("POSEREP_CACHE", str(cache / "file"))

    with pytest.raises(DataError, match="the frame cache cannot be written: Not a directory; about 0 MB are needed"):
        frame_store("video", KEY, (1, 3, *SIZE), lambda: chunks(1), "test")


def test_memory_does_not_grow_with_length() -> None:
    size, count = (64, 64), 2000  # 25 MB

    def many() -> Iterator[Array]:
        for _ in range(count // 20):
            yield np.zeros((20, 3, *size), np.uint8)

    tracemalloc.start()
    frame_store("video", KEY, (count, 3, *size), many, "test")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 2e6


def test_more_than_colour_may_belong_to_a_pixel() -> None:
    stored = frame_store("video", KEY, (1, 4, *SIZE), lambda: iter([np.ones((1, 4, *SIZE), np.uint8)]), "test")

    assert stored.shape == (1, 4, *SIZE)
