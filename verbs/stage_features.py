"""The features stage of a study: what a frozen network makes of the labelled pool and of the test frames.

::

    features/latents.safetensors   train (P, F) and test (N, F), boxes where poses are 2D; of the trained network poses
    features/about.json            of the trained network: protocol, each test frame's sequence, skeleton, box and mask
    samples.npz                    of the trained network: pictures, and frames whose poses can be drawn

A probe needs neither network nor data beside these.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..core.checkpoint import load_model, write_whole
from ..core.errors import DataError
from ..core.interfaces import Array
from ..core.measurement import Protocol
from ..core.registry import Registry
from ..core.run import Run
from ..core.skeleton import Skeleton
from ..core.study.stages import Stage, composition_of
from ..core.study.store import Store
from .features import Features, features
from .pool import Poses, open_pool, protocol_of
from .probe_data import open_probe_source, probed
from .regressor_file import skeleton_of
from .samples import Shown, pictures, save_samples, shown
from .scene import measure_scene
from .session import Session, initial_model

FOLDER = "features"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the stage of a trained network kept."""

    latents: Features
    poses: Poses
    protocol: Protocol
    skeleton: Skeleton | None
    scene: Mapping[str, float]
    scene_frames: int
    shown: Shown
    pictures: Mapping[str, Array]


def work(store: Store, stage: Stage, place: Path, registry: Registry) -> None:
    """Do the stage in its folder."""
    composition = composition_of(stage, registry)
    source, composition = open_probe_source(composition), probed(composition)
    pool = open_pool(composition, source, stage.config["split"])
    model = initial_model(composition).eval()
    if stage.config["network"] == "initial":
        _write(place, features(model, composition, source, pool).tensors, {})
        return
    (pretraining,) = stage.needed("pretraining")
    load_model(store.path(pretraining), model)
    latents = features(model, composition, source, pool)
    values, frames = measure_scene(composition, source, model.pipeline, pool.test)
    session = Session(Run(place), composition, source, model)
    few = shown(session, pool)
    skeleton = pool.layout.skeleton
    about = {
        "protocol": asdict(protocol_of(composition, source, stage.config["split"])),
        "sequences": pool.poses.sequences,
        "size_HW": pool.poses.size_HW,
        "metrics": pool.poses.metrics,
        "swap": pool.poses.swap,
        "skeleton": asdict(skeleton) if skeleton else None,
        "scene": values,
        "scene_frames": frames,
    }
    save_samples(Run(place).samples, pictures(session, pool.test) | {"rows": few.rows, "shown": few.frames})
    poses = {"pose_train": pool.poses.train, "pose_test": pool.poses.test, "shown": few.latents}
    _write(place, latents.tensors | poses, about)


def _write(place: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    def fill(temporary: Path) -> None:
        whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
        save_file(whole, temporary / "latents.safetensors")
        (temporary / "about.json").write_text(json.dumps(about), encoding="utf-8")

    write_whole(place / FOLDER, fill)


def read_latents(place: Path) -> Features:
    """The features that a stage kept.

    Raises:
        DataError: If they cannot be read.
    """
    return _latents(_tensors(place))


def read_seen(place: Path) -> Seen:
    """All that the stage of a trained network kept.

    Raises:
        DataError: If it cannot be read.
    """
    tensors = _tensors(place)
    try:
        about = json.loads((place / FOLDER / "about.json").read_text(encoding="utf-8"))
        with np.load(Run(place).samples, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError) as error:
        raise _unreadable(place, error) from None
    size_HW = tuple(about["size_HW"]) if about.get("size_HW") else None
    return Seen(
        _latents(tensors),
        Poses(
            tensors["pose_train"],
            tensors["pose_test"],
            tuple(about["sequences"]),
            size_HW,
            tuple(about.get("metrics", ())),
            tuple(about.get("swap", ())),
        ),
        Protocol(**about["protocol"]),
        skeleton_of(about) if about["skeleton"] else None,
        about["scene"],
        about["scene_frames"],
        Shown(arrays.pop("rows"), tensors["shown"], arrays.pop("shown")),
        arrays,
    )


def _latents(tensors: Mapping[str, Tensor]) -> Features:
    return Features(**{name: tensors[name] for name in Features.__slots__ if name in tensors})


def _tensors(place: Path) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = load_file(place / FOLDER / "latents.safetensors")
    except (OSError, SafetensorError) as error:
        raise _unreadable(place, error) from None
    return tensors


def _unreadable(place: Path, error: Exception) -> DataError:
    hint = "remove this folder and run the study again"
    return DataError(f"the features cannot be read: {error}", where=str(place), hint=hint)
