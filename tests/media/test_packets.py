import os
from pathlib import Path

import numpy as np
import pytest

from poserep.core.errors import DataError
from poserep.media import packets as module
from poserep.media.footage import video_length, video_size
from poserep.media.packets import packets_of
from poserep.media.video_file import shown
from poserep.tests.fakes.videos import pictures, write_video

TIMES_MS = [0, 40, 47, 200, 205, 1000, 1033, 2500]


def test_times_are_the_files_own_and_not_a_mean_rates(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", pictures(8), options={"bf": "3"}, times_ms=TIMES_MS)
    np.testing.assert_allclose(packets_of(path).times_s, np.array(TIMES_MS) / 1000, atol=1e-9)


def test_every_frame_has_its_packet_and_a_key_frame_to_start_from(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", pictures(25), options={"g": "10", "bf": "0", "sc_threshold": "0"})
    found = packets_of(path)
    assert found.order_N.tolist() == list(range(25))
    assert found.start_N.tolist() == [0] * 10 + [10] * 10 + [20] * 5


def test_b_frames_are_put_into_order(tmp_path: Path) -> None:
    found = packets_of(write_video(tmp_path / "a.mp4", pictures(25), options={"bf": "2", "b_strategy": "0"}))
    assert found.order_N.tolist() != list(range(25))
    assert sorted(found.order_N.tolist()) == list(range(25))
    assert found.rank_P[found.order_N].tolist() == list(range(25))
    assert (np.diff(found.times_s) > 0).all()


def test_nothing_is_decoded_to_know_length_and_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.mp4", pictures(25), options={"bf": "2"})

    def refuse(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(module, "_numbers", refuse)
    assert video_length(path) == len(packets_of(path)) == 25


@pytest.mark.parametrize("name", ["a.mkv", "a.h264", "a.ts"])
def test_a_length_that_the_container_does_not_tell_is_counted(tmp_path: Path, name: str) -> None:
    assert video_length(write_video(tmp_path / name, pictures(13))) == 13


def test_size_is_width_by_height(tmp_path: Path) -> None:
    wide = [picture[:32] for picture in pictures(3)]
    assert video_size(write_video(tmp_path / "a.mp4", wide)) == (64, 32)


def test_a_file_is_looked_at_once_and_again_when_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSEREP_CACHE", str(tmp_path / "cache"))
    path = write_video(tmp_path / "a.mp4", pictures(9))
    first = packets_of(path)
    with monkeypatch.context() as patch:
        patch.setattr(module, "open_video", None)
        again = packets_of(path)
    np.testing.assert_array_equal(first.times_s, again.times_s)
    write_video(path, pictures(11))
    os.utime(path, ns=(1, 1))
    assert len(packets_of(path)) == 11


def test_what_was_learnt_and_cut_short_on_the_disk_is_learnt_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSEREP_CACHE", str(tmp_path / "cache"))
    path = write_video(tmp_path / "a.mp4", pictures(9))
    packets_of(path)
    for store in (tmp_path / "cache" / "packets").iterdir():
        store.write_bytes(store.read_bytes()[:100])
    assert len(packets_of(path)) == 9


def test_a_cache_that_cannot_be_written_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("POSEREP_CACHE", str(tmp_path / "file"))
    assert len(packets_of(write_video(tmp_path / "a.mp4", pictures(9)))) == 9


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "empty"), (b"no video at all" * 50, "cannot be opened"), (None, "cannot be")]
)
def test_a_file_that_is_no_video_is_refused_in_one_sentence(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)
    for ask in (packets_of, video_length, video_size):
        with pytest.raises(DataError, match=message) as caught:
            ask(path)
        assert caught.value.where == str(path)


def test_a_shrunk_frame_is_the_mean_of_what_it_covers(tmp_path: Path) -> None:
    import av

    checks = np.indices((64, 64)).sum(axis=0) % 2 * 200 + 20
    frame = av.VideoFrame.from_ndarray(np.repeat(checks[..., None], 3, axis=2).astype(np.uint8), "rgb24")
    assert np.abs(shown(frame, (16, 16)).astype(int) - 120).max() <= 2
    assert shown(frame, (48, 40)).shape == (3, 48, 40)
