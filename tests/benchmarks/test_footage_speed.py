"""Frames per second on one core out of a 1000 x 1000 video and out of each form that prepared frames could have.

Run with ``pytest --benchmark-only``. Four-frame tuples as the temporal sampler draws them, and frames in order. All
forms are timed in turns in one run, by the time of the processor.
"""

import io
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture

from poserep.core.interfaces import Array, Clip, Context
from poserep.media.footage import files_in, image_footage, prepared, video_footage
from poserep.plugins.samplers.temporal import Temporal, TemporalOptions

SIDE, FRAMES, FPS, KEY_EVERY = 1000, 250, 50, 50
TUPLES, ROUNDS, CHUNK, QUALITY = 5, 3, 50, 95
Read = Callable[[Array], Array]


def scene(index: int, noise: Array, background: Array) -> Array:
    """A figure walks before a wall, with a sensor's noise."""
    picture = background + noise[index % len(noise)]
    left, top = int(400 + 200 * np.sin(index / 12)), int(300 + 100 * np.cos(index / 17))
    picture[top : top + 400, left : left + 150] = (200, 120, 80)
    picture[top + 50 : top + 100, left : left + 150] = (60, 90, 160)
    return picture


def write_video(path: Path, pictures: list[Array], options: dict[str, str]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options=options)
        stream.height, stream.width, stream.pix_fmt = *pictures[0].shape[:2], "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    wall = Image.fromarray(rng.integers(30, 160, (40, 40, 3), dtype=np.uint8))
    background = np.asarray(wall.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    noise = rng.integers(0, 6, (4, SIDE, SIDE, 1), dtype=np.uint8)
    pictures = [scene(index, noise, background) for index in range(FRAMES)]
    options = {"g": str(KEY_EVERY), "preset": "veryfast"}
    return write_video(tmp_path_factory.mktemp("source") / "clip.mp4", pictures, options)


def one_file(path: Path, pictures: list[Array]) -> Read:
    """JPEG after JPEG in one file, with the place where each begins."""
    ends = [0]
    with path.open("wb") as file:
        for picture in pictures:
            Image.fromarray(picture).save(file, "JPEG", quality=QUALITY)
            ends.append(file.tell())
    data = np.memmap(path, np.uint8, mode="r")

    def read(indices: Array) -> Array:
        files = [io.BytesIO(data[ends[index] : ends[index + 1]].tobytes()) for index in indices]
        return np.stack([np.asarray(Image.open(file).convert("RGB")).transpose(2, 0, 1) for file in files])

    return read


def folder(path: Path, pictures: list[Array], suffix: str) -> Read:
    path.mkdir()
    for index, picture in enumerate(pictures):
        Image.fromarray(picture).save(path / f"{index:04d}.{suffix}", quality=QUALITY)
    return image_footage(files_in(path), pictures[0].shape[:2], np.arange(len(pictures)) / FPS).read


def forms(source: Path, side: int, home: Path) -> dict[str, tuple[Read, Path]]:
    """Every form of the clip at a working size, filled, with the place that it takes."""
    footage = video_footage(source, (side, side))
    kept = prepared(footage)
    frames = np.concatenate([kept.read(np.arange(at, at + CHUNK)) for at in range(0, FRAMES, CHUNK)])
    pictures = [np.ascontiguousarray(frame) for frame in frames.transpose(0, 2, 3, 1)]
    intra = write_video(home / "intra.mp4", pictures, {"g": "1", "crf": "12", "preset": "veryfast"})
    return {
        "video in place": (footage.read, source),
        "memory map": (kept.read, kept.path),
        "JPEGs in one file": (one_file(home / "all.jpegs", pictures), home / "all.jpegs"),
        "intra-only video": (video_footage(intra, (side, side)).read, intra),
        "folder of JPEGs": (folder(home / "jpg", pictures, "jpg"), home / "jpg"),
        "folder of PNGs": (folder(home / "png", pictures, "png"), home / "png"),
    }


def bytes_of(path: Path) -> int:
    return sum(file.stat().st_size for file in path.iterdir()) if path.is_dir() else path.stat().st_size


def frames_per_s(read: Read, requests: list[Array]) -> float:
    begin = time.process_time()
    for indices in requests:
        read(indices)
    return sum(map(len, requests)) / (time.process_time() - begin)


@pytest.mark.benchmark(group="frames of a 1000 x 1000 video")
@pytest.mark.parametrize("side", [128, 256])
def test_the_prepared_form_is_the_fastest(benchmark: BenchmarkFixture, source: Path, side: int, tmp_path: Path) -> None:
    sampler = Temporal(TemporalOptions(), Context(side))
    clip = Clip("clip", "", "", "", "train", np.arange(FRAMES) / FPS)
    sampler.prepare([clip], np.array([0]))
    tuples = list(sampler.draw(np.random.default_rng(0), TUPLES * ROUNDS).frame)
    in_order = [np.arange(at, at + CHUNK) for at in range(0, FRAMES, CHUNK)]
    read = forms(source, side, tmp_path)
    speeds: dict[str, list[tuple[float, float]]] = {name: [] for name in read}
    for turn in range(ROUNDS):
        for name, (of_form, _) in read.items():
            few = tuples[turn * TUPLES : (turn + 1) * TUPLES]
            many = {"video in place": 1, "memory map": 100}.get(name, 5)
            speeds[name].append((frames_per_s(of_form, few * many), frames_per_s(of_form, in_order[turn : turn + 1])))
    best = {name: tuple(max(column) for column in zip(*found, strict=True)) for name, found in speeds.items()}
    for name, (drawn, ordered) in best.items():
        kilobytes = bytes_of(read[name][1]) / FRAMES / 1000
        benchmark.extra_info[name] = f"{drawn:.0f} /s in tuples, {ordered:.0f} /s in order, {kilobytes:.1f} kB a frame"
    benchmark.pedantic(read["memory map"][0], args=(tuples[0],), rounds=20)
    fastest = best.pop("memory map")
    assert fastest[0] > 20 * best["video in place"][0]
    assert fastest[0] > 2 * max(drawn for drawn, _ in best.values())
