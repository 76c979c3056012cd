"""Runs of a few steps on a small studio, and a video of a moving square: real files, made once."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from poserep.core.registry import Registry
from poserep.core.run import Run
from poserep.verbs.probe import probe
from poserep.verbs.session import open_session
from poserep.verbs.train import Machine, compose_and_train

STUDIO = (
    *("dataset.subjects=1", "dataset.validation_subjects=0", "dataset.test_subjects=2", "dataset.seconds=3"),
    *("dataset.cameras=1", "dataset.size=32", 'dataset.actions=["gait", "squats"]'),
)
QUICK = (
    *("crop_size=16", "detector.input_size=32", "encoder.variant=6", "encoder.invariant=4", "decoder.channels=[8, 8]"),
    *("sampler.negative_min_s=1.0", "training.steps=2", "training.warmup_steps=0"),
    *("training.batch=2", 'training.precision="32-true"', "probe.steps=5", "probe.head.hidden=8"),
)
TIMES_S = np.array([0.0, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.45])  # a variable frame rate


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def train(folder: Path, *sets: str, uses: tuple[str, ...] = ()) -> Run:
    machine = Machine(accelerator="cpu")
    return compose_and_train("temporal", folder, machine, Registry(), sets=[*QUICK, *sets], uses=list(uses))


@pytest.fixture(scope="session")
def studio_run(frame_cache: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained for two steps and probed."""
    run = train(tmp_path_factory.mktemp("runs") / "studio", *STUDIO)
    probe(open_session(run.folder))
    return run.folder


@pytest.fixture(scope="session")
def unsplit_run(frame_cache: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "unsplit"
    return train(folder, *STUDIO, "encoder.invariant=0", uses=("exchange=none",)).folder


@pytest.fixture(scope="session")
def nsd_run(frame_cache: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained for two steps to see each of two cameras' views from the other's."""
    sets = [text for text in (*QUICK, *STUDIO) if not text.startswith(("sampler.", "dataset.cameras"))]
    folder, machine = tmp_path_factory.mktemp("runs") / "nsd", Machine(accelerator="cpu")
    return compose_and_train("nsd", folder, machine, Registry(), sets=[*sets, "dataset.cameras=2"], uses=[]).folder


@pytest.fixture(scope="session")
def video_run(frame_cache: None, video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained on a video, of which the right half is kept."""
    sets = (f"dataset.path={video}", "dataset.height=32", "dataset.crop_x=[50, 100]", "sampler.negative_min_s=0.3")
    return train(tmp_path_factory.mktemp("runs") / "video", *sets, uses=("dataset=video",)).folder


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A white square that falls through a grey picture of 96x64."""
    path = tmp_path_factory.mktemp("clips") / "square.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=20, options={"q": "2"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for index, time_s in enumerate(TIMES_S):
            picture_HW3 = np.full((64, 96, 3), 90, np.uint8)
            picture_HW3[6 * index : 6 * index + 16, 56:72] = 255
            frame = av.VideoFrame.from_ndarray(picture_HW3, format="rgb24")
            frame.pts = round(time_s * 20)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
