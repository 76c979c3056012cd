import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from poserep.core.interfaces import Array
from poserep.media import video_reader
from poserep.media.packets import packets_of
from poserep.media.video_file import shown
from poserep.media.video_reader import DECODERS, OPEN, Decoder
from poserep.tests.fakes.videos import damage, in_sequence, pictures, write_video

COUNT, SIZE = 60, (24, 24)
LONG = {"g": "250", "bf": "3"}
OPEN_GROUPS = {"g": "15", "bf": "3", "x264-params": "open-gop=1:scenecut=0"}
CASES = {
    "long group with B-frames": ("a.mp4", "libx264", LONG, False),
    "variable frame rate": ("a.mkv", "libx264", LONG, True),
    "variable rate in MP4": ("b.mp4", "libx264", OPEN_GROUPS, True),
    "open groups": ("b.mkv", "libx264", OPEN_GROUPS, False),
    "AVI that stamps in decoding order": ("a.avi", "libx264", {"g": "20", "bf": "3"}, False),
    "MPEG-4 in AVI": ("b.avi", "mpeg4", {"g": "12", "bf": "2"}, False),
    "raw stream without timestamps": ("a.h264", "libx264", {"g": "20", "bf": "2"}, False),
    "transport stream": ("a.ts", "libx264", {"g": "20", "bf": "2"}, False),
    "HEVC with open groups": ("c.mkv", "libx265", {"x265-params": "keyint=20:open-gop=1:log-level=none"}, True),
    "VP9 with hidden frames": ("a.webm", "libvpx-vp9", {"g": "25", "lag-in-frames": "16", "b": "200k"}, False),
    "AV1": ("d.mkv", "libsvtav1", {"g": "32", "preset": "12"}, False),
    "groups refreshed piece by piece": ("c.mp4", "libx264", {"x264-params": "intra-refresh=1:keyint=20"}, False),
    "key frames alone": ("c.avi", "mjpeg", {}, False),
}


def uneven(count: int) -> list[int]:
    """Timestamps in milliseconds that a mean frame rate would map to wrong frames."""
    return np.cumsum(np.random.default_rng(1).choice([7, 20, 40, 150], count)).tolist()


@pytest.fixture(params=CASES, scope="module")
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    name, codec, options, varies = CASES[request.param]
    if codec not in av.codecs_available:
        pytest.skip(f"no encoder {codec} in this build of FFmpeg")
    times = uneven(COUNT) if varies else None
    return write_video(tmp_path_factory.mktemp("video") / name, pictures(COUNT), codec, options, times)


def read(path: Path, wanted: list[int]) -> Array:
    with DECODERS.lend(path, packets_of(path)) as decoder:
        frames = [frame for _, frame in decoder.frames(wanted)]
    assert None not in frames
    return np.stack([shown(frame, SIZE) for frame in frames if frame is not None])


def test_any_frame_is_the_one_that_decoding_in_order_gives(video: Path) -> None:
    expected = in_sequence(video, SIZE)
    assert len(expected) == COUNT
    rng = np.random.default_rng(0)
    for size in (1, 1, 1, 2, 4, 4, 4, 9):
        wanted = sorted(rng.choice(COUNT, size, replace=False).tolist())
        np.testing.assert_array_equal(read(video, wanted), expected[wanted])


def test_reading_on_in_pieces_gives_every_frame(video: Path) -> None:
    pieces = [read(video, list(range(at, min(at + 7, COUNT)))) for at in range(0, COUNT, 7)]
    np.testing.assert_array_equal(np.concatenate(pieces), in_sequence(video, SIZE))


def test_reading_on_decodes_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.mp4", pictures(COUNT), options=LONG)
    decoder = Decoder(path, packets_of(path))
    jumps: list[int] = []
    monkeypatch.setattr(decoder, "_go_to", jumps.append)
    for at in range(0, COUNT, 7):
        assert all(frame is not None for _, frame in decoder.frames(range(at, min(at + 7, COUNT))))
    assert jumps == []


def test_a_container_that_seeks_badly_costs_time_and_not_frames(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", pictures(COUNT), options={"g": "10", "bf": "2"})
    known = packets_of(path)
    wrong = replace(known, stamp_P=known.stamp_P[::-1].copy())
    expected = in_sequence(path, SIZE)
    decoder = Decoder(path, wrong)
    for wanted in ([55], [3], [30, 31], [12]):
        found = [shown(frame, SIZE) for _, frame in decoder.frames(wanted) if frame is not None]
        np.testing.assert_array_equal(np.stack(found), expected[wanted])


def test_a_damaged_packet_is_no_frame_and_the_next_key_frame_heals(tmp_path: Path) -> None:
    path = damage(write_video(tmp_path / "a.mp4", pictures(COUNT), options={"g": "10", "bf": "0"}), [23])
    with DECODERS.lend(path, packets_of(path)) as decoder:
        found = {index: frame is not None for index, frame in decoder.frames(range(COUNT))}
    assert not found[23]
    assert all(found[index] for index in [*range(23), *range(30, COUNT)])


def test_few_decoders_stay_open(tmp_path: Path) -> None:
    paths = [write_video(tmp_path / f"{n}.mp4", pictures(3)) for n in range(OPEN + 3)]
    for path in paths:
        read(path, [1])
    kept = {decoder.path for decoder in DECODERS._idle.values()}
    assert kept == set(paths[-OPEN:])


def test_an_open_decoder_is_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.mp4", pictures(5))
    read(path, [1])
    monkeypatch.setattr(video_reader, "open_video", None)
    read(path, [4])


def test_threads_get_the_right_frames(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", pictures(COUNT), options={"g": "20", "bf": "2"})
    expected = in_sequence(path, SIZE)

    def check(seed: int) -> bool:
        wanted = sorted(np.random.default_rng(seed).choice(COUNT, 3, replace=False).tolist())
        return bool((read(path, wanted) == expected[wanted]).all())

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(check, range(24)))


def _forked(path: Path, wanted: list[int], answers: "multiprocessing.Queue[Array]") -> None:
    answers.put(read(path, wanted))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_and_its_parent_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", pictures(COUNT), options={"g": "20", "bf": "2"})
    expected = in_sequence(path, SIZE)
    fork = multiprocessing.get_context("fork")
    answers = fork.Queue()
    with DECODERS.lend(path, packets_of(path)) as decoder:
        running = decoder.frames([10, 50])
        first = next(running)[1]
        DECODERS._idle[packets_of(path).key] = decoder  # as if it were idle: the child must not take it
        child = fork.Process(target=_forked, args=(path, [5, 33], answers))
        child.start()
        theirs = answers.get(timeout=300)
        child.join(60)
        second = next(running)[1]
        DECODERS._idle.clear()
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(theirs, expected[[5, 33]])
    np.testing.assert_array_equal(np.stack([shown(first, SIZE), shown(second, SIZE)]), expected[[10, 50]])
