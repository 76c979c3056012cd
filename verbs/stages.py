"""The work of a study's stages: what an executor calls, on whatever machine, knowing a folder and an address.

A stage is quiet: what it would tell goes to ``log.txt`` in its folder, for several may run at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.batches import Source, open_source
from ..core.checkpoint import load_model
from ..core.compose import Composition
from ..core.console import log, track
from ..core.files import write_text
from ..core.measurement import write_measurements
from ..core.pipeline import Model
from ..core.registry import Registry
from ..core.run import Run, create
from ..core.study.results import MEAN, RANDOM, TRAINED, write_outcomes
from ..core.study.stages import Stage, StageKind, composition_of
from ..core.study.store import StageStoppedError, Store
from . import stage_features
from .finetune import tune
from .pool import reader_of
from .probe import Ledger, keep, measure
from .protocols import show_card, title_of, write_card
from .samples import save_samples, skeletons
from .session import Session, use_threads
from .train import Machine, train

Work = Callable[[Store, Stage, Path, Registry], None]
LINKED = ("steps.jsonl", "checkpoints")  # what makes a probe stage, beside its own files, a whole run folder


def run_stage(folder: str, address: str, threads: int = 0) -> None:
    """Do one stage, unless it is done or another process is at it.

    Args:
        folder: The store.
        address: The stage, ``KIND/KEY``.
        threads: Threads of torch; 0 leaves their number.

    Raises:
        StageStoppedError: If it was asked to stop before it was done.
        PoserepError: As the stage raised it; the cause is kept in its ``stage.json``.
    """
    store = Store(Path(folder))
    stage = store.read(address)
    with store.claim(stage) as place:
        if place is None:
            return
        with notes_to(place / "log.txt"):
            use_threads(threads)
            WORK[stage.kind](store, stage, place, Registry())


@contextmanager
def notes_to(path: Path) -> Iterator[None]:
    """Append what would go to the screen to a file: for work that others watch by other means."""
    before = log.propagate, log.handlers[:]
    with path.open("a", encoding="utf-8", buffering=1) as file, redirect_stdout(file), redirect_stderr(file):
        log.propagate, log.handlers[:] = False, [logging.StreamHandler(file)]
        try:
            yield
        finally:
            log.propagate, log.handlers[:] = before


# ---------------------------------------------------------------- background


def fill_cache(_store: Store, stage: Stage, place: Path, registry: Registry) -> None:
    """Draw or decode every clip into the frame cache, estimate its background, and tell what data that is."""
    composition = composition_of(stage, registry)
    with alone(place.parent / f".{digest(stage.config['dataset'])}.lock"):
        source = open_source(composition)
        about = fingerprint(source, "pose" in composition.labels)
    if source.background is not None:
        for index in track(range(len(source.dataset.clips)), "backgrounds", len(source.dataset.clips), "clips"):
            source.background.at(source.dataset, index, np.array([0]))
    write_text(place / "data.json", json.dumps(about, indent=1))


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait until no other process is inside; two stages with one dataset need its frames but once."""
    with path.open("w") as file:
        with suppress(OSError):  # a file system without locks: they are drawn twice, to the same end
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def digest(value: Any) -> str:
    """Short name of a config."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def fingerprint(source: Source, posed: bool) -> dict[str, Any]:
    """What tells this data from other data: its clips, and of each the first, middle and last frame and their poses."""
    dataset = source.dataset
    found = hashlib.sha256()
    for index, clip in enumerate(track(dataset.clips, "frames", len(dataset.clips), "clips")):
        names = (clip.name, clip.subject, clip.take, clip.camera, clip.split)
        rows = np.unique([0, len(clip) // 2, len(clip) - 1])
        found.update(json.dumps(names).encode())
        found.update(np.ascontiguousarray(clip.times_s, np.float64).tobytes())
        found.update(np.ascontiguousarray(dataset.frames(index, rows)).tobytes())
        if posed:
            found.update(np.ascontiguousarray(dataset.labels("pose", index, rows)).tobytes())
    return {
        "fingerprint": found.hexdigest(),
        "clips": len(dataset.clips),
        "frames": {
            split: sum(len(clip) for clip in dataset.clips if clip.split == split)
            for split in sorted({clip.split for clip in dataset.clips})
        },
    }


# ---------------------------------------------------------------- pretraining


def pretrain(_store: Store, stage: Stage, place: Path, registry: Registry) -> None:
    """Train into the stage's folder, which is an ordinary run folder, from its newest checkpoint on.

    Raises:
        StageStoppedError: If it was asked to stop; the checkpoint is written.
    """
    run = train(composition_of(stage, registry), place, Machine())
    about = run.about()
    if about["state"] != "done":
        raise StageStoppedError(f"stopped at step {about['step']} of {about['steps']}", where=str(place))


# ---------------------------------------------------------------- probe


def read_poses(store: Store, stage: Stage, place: Path, registry: Registry) -> None:
    """Fit the regressors, measure, and leave a run folder that can be reported on."""
    composition = composition_of(stage, registry)
    background, trained, initial = stage.needs
    seen = stage_features.read_seen(store.path(trained))
    (pretraining,) = store.read(trained).needed("pretraining")
    run = create(composition.resolved, place)
    link(run, store.path(pretraining))
    # other experiments may share the features: what the probe alone decides is this one's
    protocol = replace(seen.protocol, card=title_of(composition))
    poses = replace(seen.poses, metrics=composition.experiment.probe.metrics)
    ledger = Ledger(protocol, place, reader_of(composition))
    show_card(composition, protocol)
    latents = {TRAINED: seen.latents}
    if composition.steps:  # a network that was not trained is its own start
        latents = {RANDOM: stage_features.read_latents(store.path(initial)), **latents}
    regressor = measure(ledger, composition, poses, latents)
    ledger.add_scene(seen.scene, seen.scene_frames)
    keep(place, composition, seen.skeleton, regressor, len(poses.train))
    write_card(place, composition, protocol)
    if composition.experiment.finetune is not None:
        tune_all(ledger, Session(run, composition, open_source(composition), _trained(composition, store, pretraining)))
    save_samples(run.samples, {**seen.pictures, **skeletons(seen.shown, poses, regressor)})
    data = json.loads(store.result_of(background, "data.json").read_text(encoding="utf-8"))["fingerprint"]
    write_outcomes(place / "outcomes.json", ledger.outcomes, protocol, data)
    write_measurements(run.measurements, ledger.rows)
    run.tell(state="done")


def _trained(composition: Composition, store: Store, pretraining: str) -> Model:
    model = Model(composition)
    load_model(store.path(pretraining), model)
    return model


def tune_all(ledger: Ledger, session: Session) -> None:
    """Fine-tune as the recipe says, beside the probe: of poses the errors stand in the study, of all else in the run.

    Raises:
        StageStoppedError: If it was asked to stop; what is trained stays.
    """
    tuned, whole = tune(session, ledger.protocol.split)
    if not whole:
        raise StageStoppedError("stopped while fine-tuning", where=str(session.run.folder))
    ledger.rows.extend(one for one in tuned.rows if one.method != MEAN)
    if tuned.protocol == ledger.protocol:
        ledger.outcomes.extend(one for one in tuned.outcomes if one.method != MEAN)


def link(run: Run, pretraining: Path) -> None:
    """Let a probe's folder have the training's losses and weights, by relative links, and say where they are."""
    way = Path(os.path.relpath(pretraining, run.folder))
    about: Mapping[str, Any] = Run(pretraining).about()
    run.tell(pretraining=str(way), **{key: about[key] for key in ("step", "steps")})
    for name in LINKED:
        with suppress(FileExistsError):
            (run.folder / name).symlink_to(way / name)


WORK: dict[StageKind, Work] = {
    "background": fill_cache,
    "pretraining": pretrain,
    "features": stage_features.work,
    "probe": read_poses,
}
