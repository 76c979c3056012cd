"""`poserep predict`: boxes, masks and 3D pose of every frame of a video: an overlay, arrays and JSON.

Axes: N frames, J joints, 3 colour channels, H W working pixels.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..core.batches import Source
from ..core.checkpoint import complete_checkpoints
from ..core.compose import Composition
from ..core.console import note, track
from ..core.errors import ConfigError, DataError
from ..core.interfaces import Array, Draw, Roles
from ..core.pipeline import Model
from ..core.probe import Regressor
from ..core.skeleton import Skeleton
from ..media.images import resized
from .features import GIVEN, rows_of
from .footage import Seconds, open_footage
from .overlay import display_size, overlay
from .regressor_file import load_regressor, read_about, skeleton_of
from .samples import as_bytes
from .session import open_model
from .train import Machine, check_machine
from .video_io import pictures_at, video_writer

CHUNK = 32
UNITS = {
    "time_s": "seconds, the video's own timestamps",
    "box": "(s_x, s_y, u_x, u_y): share of the sides, and centre in [-1, 1], x right, y down, of the part kept",
    "mask": "0 to 255: how much of the subject is drawn there, at the working size",
    "pose_mm": "mm from the root joint; x right, y down, z away from the camera",
}


@dataclass(frozen=True, slots=True)
class Reader:
    """How poses are read off the latents: which, by what, and whose joints come out."""

    regressor: Regressor
    fields: tuple[str, ...]
    skeleton: Skeleton


@dataclass(frozen=True, slots=True)
class Watcher:
    """A trained run before a video."""

    model: Model
    source: Source
    reader: Reader | None
    device: torch.device

    def watch(self, clip: int) -> Iterator[dict[str, Array]]:
        """What is found in each frame of a clip: `overlay` says under which names."""
        count = len(self.source.dataset.clips[clip])
        for start in range(0, count, CHUNK):
            found = self._chunk(clip, np.arange(start, min(start + CHUNK, count)))
            for index in range(len(found["box"])):
                yield {name: values[index] for name, values in found.items()}

    @torch.no_grad()
    def _chunk(self, clip: int, frames: Array) -> dict[str, Array]:
        batch = self.source.read(Draw(np.full((len(frames), 1), clip), frames[:, None]))
        moved = {name: value.to(self.device) for name, value in batch.items()}
        pipeline = self.model.pipeline
        record = pipeline.observe(moved | {"roles": Roles(("frame",))})
        if "composite" in pipeline.wires:  # each by its own latents: an exchange may ask for what no video tells
            record = pipeline.redraw(record, record["variant"], record.get("invariant"))
        found = {"box": record["box"][:, 0].float().cpu().numpy()}
        if "redrawn" in record:
            found["mask"] = as_bytes(record["mask"][:, 0, 0])
            found["redrawn"] = as_bytes(record["redrawn"][:, 0])
        if self.reader is not None:
            latents = {name: record[name][:, 0].cpu() for name in ("variant", *self.reader.fields) if name in record}
            seen = rows_of(self.model, self.reader.fields, latents, None)
            found["pose"] = self.reader.regressor(seen).numpy()
        return found


def device_of(accelerator: str) -> torch.device:
    """Where the networks look at the frames: on CUDA where there is one, unless told otherwise.

    Raises:
        ConfigError: If there is no such accelerator here.
    """
    check_machine(Machine(accelerator=accelerator))
    return torch.device("cuda" if accelerator != "cpu" and torch.cuda.is_available() else "cpu")


def predict(
    run: Path,
    video: Path,
    output: Path | None,
    poses_from: Path | None,
    accelerator: str = "auto",
    seconds: Seconds = (None, None),
) -> list[Path]:
    """Look at a video with a trained run, and write per clip an overlay ``.mp4``, an ``.npz`` and a ``.json``.

    Args:
        run: The run folder.
        video: A file, or a folder of them.
        output: Folder to write into; ``predict`` in the run folder if not given.
        poses_from: A probed run whose regressor reads the poses, where the run itself has none.
        accelerator: ``auto``, ``cpu`` or ``cuda``.
        seconds: From where to where; see `open_footage`.

    Returns:
        The files written.

    Raises:
        ConfigError: If the run cannot look at a video, another run's regressor does not fit it, or there is no such
            accelerator here.
        DataError: If the run or the video cannot be read, or a file not be written.
    """
    device = device_of(accelerator)
    folder = output or run / "predict"
    opened, composition, model = open_model(run)
    source, footage = open_footage(composition, video, seconds=seconds)
    watcher = Watcher(model.to(device), source, reader_of(opened.folder, composition, poses_from), device)
    about = {"run": str(run), "recipe": composition.experiment.name, "checkpoint": newest(run)}
    window = {name: getattr(footage.options, name) for name in ("crop_x", "crop_y")}
    written = []
    for clip, stem in enumerate(stems([clip.name for clip in source.dataset.clips])):
        path = video if video.is_file() else video / source.dataset.clips[clip].name
        target = folder / f"{stem}.mp4"
        if target.resolve() == path.resolve():
            raise ConfigError(f"the overlay would replace the video {path}", hint="choose another folder: --output")
        found = draw_clip(watcher, clip, path, target, window)
        facts = about | {"video": str(path), "frame_size": source.dataset.frame_size, **window}
        written += [target, *write_arrays(target, found, watcher.reader, facts)]
    return written


def newest(run: Path) -> str:
    """Name of the checkpoint that is loaded."""
    return complete_checkpoints(run)[-1].name


def stems(names: list[str]) -> list[str]:
    """What the files of each clip are called: its name without suffix, unless two clips would share it."""
    count = Counter(Path(name).stem for name in names)
    return [Path(name).stem if count[Path(name).stem] == 1 else name.replace(".", "-") for name in names]


def reader_of(run: Path, composition: Composition, poses_from: Path | None) -> Reader | None:
    """The regressor of the run, or of another one; says why there is none.

    Raises:
        ConfigError: If another run's regressor does not fit this run's latents.
        DataError: If another run was asked for and has none.
    """
    owner = poses_from or run
    regressor, about = load_regressor(owner, composition), read_about(owner)
    if regressor is None:
        if poses_from is not None:
            raise DataError("this run has no regressor", where=str(owner), hint=f"fit one: poserep probe {owner}")
        note("poses  none: no regressor was fitted here. `poserep probe` does where there are labels; or --poses-from")
        return None
    if GIVEN in about["fields"]:
        note(f"poses  none: the regressor of {owner} reads 2D joints beside the latent, which a video does not give")
        return None
    if poses_from is not None:
        note(f"poses  read by the regressor of {owner}: they mean something only if this run continued its weights")
    elif about["checkpoint"] != newest(owner):
        note(
            f"[yellow]poses[/]  the regressor was fitted at {about['checkpoint']}; this is {newest(owner)}: probe again"
        )
    return Reader(regressor, tuple(about["fields"]), skeleton_of(about))


def draw_clip(watcher: Watcher, clip: int, path: Path, target: Path, window: dict[str, Any]) -> dict[str, Array]:
    """Write a clip's overlay; what was found in all its frames, each (N, ...)."""
    dataset = watcher.source.dataset
    times_s = dataset.clips[clip].times_s
    skeleton = watcher.reader.skeleton if watcher.reader else None
    kept: dict[str, list[Array]] = {"time_s": list(times_s)}
    pairs = zip(watcher.watch(clip), pictures_at(path, times_s), times_s, strict=True)
    with video_writer(target, 1 / float(np.median(np.diff(times_s)))) as write:
        for found, picture, time_s in track(pairs, path.name, len(times_s), "frames"):
            (top, bottom) = window["crop_y"]
            size_HW = display_size(picture.height * (bottom - top) / 100, dataset.frame_size)
            picture_3HW = resized(picture, size_HW, **window)
            write(overlay(picture_3HW, found, skeleton, float(time_s)), float(time_s))
            for name in ("box", "mask", "pose"):
                if name in found:
                    kept.setdefault("pose_mm" if name == "pose" else name, []).append(found[name])
    return {name: np.stack(values) for name, values in kept.items()}


def write_arrays(target: Path, found: dict[str, Array], reader: Reader | None, about: dict[str, Any]) -> list[Path]:
    """The ``.npz`` and the ``.json`` beside an overlay; the JSON holds no masks.

    Raises:
        DataError: If they cannot be written.
    """
    joints = list(reader.skeleton.joints) if reader else []
    digits = {"time_s": 6, "box": 4, "pose_mm": 1}
    text = {name: np.round(found[name], digits[name]).tolist() for name in digits if name in found}
    units = {name: UNITS[name] for name in text}
    arrays, words = target.with_suffix(".npz"), target.with_suffix(".json")
    temporary = target.with_name(f".{target.stem}.{os.getpid()}.npz")
    try:
        np.savez_compressed(temporary, allow_pickle=False, **found, joints=np.array(joints, dtype=np.str_))
        temporary.replace(arrays)
        words.write_text(json.dumps(about | {"units": units, "joints": joints, **text}), encoding="utf-8")
    except OSError as error:
        raise DataError(f"cannot write: {error.strerror or error}", where=str(target.parent)) from None
    return [arrays, words]
