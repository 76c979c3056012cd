"""`poserep data render`: the studio as videos with skeletons, and a contact sheet.

Axes: N frames, 3 colour channels, H W pixels.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..core.config import pick, with_bodies
from ..core.console import track
from ..core.interfaces import Array, Context, Dataset
from ..core.recipe import Source
from ..core.registry import Registry
from ..media.frame_store import cache_at, cache_folder
from .data import SHEET_FRAMES
from .data_sheet import contact_sheet, draw_labels
from .video_io import video_writer

VIDEOS = 6
CAST = {"subjects": 1, "validation_subjects": 0, "test_subjects": 0, "cameras": 2}


def render_command(scene: str, motion: str, size: int, seconds: float, fps: float, output: Path) -> list[Path]:
    """Draw a small studio and show it: one person, two cameras.

    Args:
        scene: Its name.
        motion: A file or folder of recorded motion; invented if empty.
        size: Side of the frames in pixels; rounded up to an even number.
        seconds: Length of a clip.
        fps: Frames per second.
        output: Folder for the videos and ``contact.png``.

    Returns:
        The videos, then the contact sheet.

    Raises:
        ConfigError: If a flag is out of range.
        DataError: If the motion cannot be read or a file not be written.
    """
    flags = {"scene": scene, "motion": motion, "size": size + size % 2, "seconds": seconds, "fps": fps}
    with passing_cache():
        dataset = studio(flags)
        shown = views(dataset)
        paths = [write_clip(dataset, clip, output, fps) for clip in shown]
        return [*paths, contact_sheet(dataset, SHEET_FRAMES, output / "contact.png", ("pose_2d", "true_box"))]


@contextmanager
def passing_cache() -> Iterator[None]:
    """A frame cache that is gone afterwards: large frames that are looked at once are not worth the disk."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="render-") as temporary, cache_at(Path(temporary)):
        yield


def studio(flags: dict[str, Any]) -> Dataset:
    """The studio dataset with these options.

    Raises:
        ConfigError: With every flag that is out of range.
    """
    source = Source("data render", flags={("dataset", name): f"--{name} {value}" for name, value in flags.items()})
    registry = Registry()
    chosen = pick("dataset", "dataset", "studio", CAST | flags, source, registry)
    dataset: Dataset = chosen.component.build(chosen.options, with_bodies(Context(crop_size=1), registry))
    return dataset


def views(dataset: Dataset) -> list[int]:
    """Clips to show: each take once, by the cameras in turn, then the takes' other views."""
    takes: dict[str, list[int]] = {}
    for index, clip in enumerate(dataset.clips):
        takes.setdefault(clip.take, []).append(index)
    first = [clips[number % len(clips)] for number, clips in enumerate(takes.values())]
    return [*first, *(index for index in range(len(dataset.clips)) if index not in first)][:VIDEOS]


def write_clip(dataset: Dataset, clip: int, folder: Path, fps: float) -> Path:
    """One clip as a video: the frames as they are, and beside them with skeleton and box."""
    one = dataset.clips[clip]
    path = folder / f"{one.name.replace('/', '-')}.mp4"
    with video_writer(path, fps) as write:
        for index in track(range(len(one)), f"writing {path.name}", len(one), "frames"):
            write(side_by_side(dataset, clip, np.array([index])), float(one.times_s[index]))
    return path


def side_by_side(dataset: Dataset, clip: int, frame: Array) -> Array:
    """A frame, (1,), and its copy with the labels drawn: (H, 2 W, 3) uint8."""
    from PIL import Image

    plain_HW3 = dataset.frames(clip, frame)[0].transpose(1, 2, 0)
    copy = Image.fromarray(np.ascontiguousarray(plain_HW3))
    draw_labels(copy, dataset, clip, frame, ("pose_2d", "true_box"))
    return np.concatenate([plain_HW3, np.asarray(copy)], axis=1)
