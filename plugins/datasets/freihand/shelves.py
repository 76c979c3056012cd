"""Which pictures make which clip of FreiHAND, and reading one.

Axes: N samples, H W pixels.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field, PositiveInt

from ....core.errors import ConfigError, DataError
from ....core.interfaces import Array, Clip, Options
from ....media.images import read_image
from .layout import REGISTER, VERSIONS, Part, Version

log = logging.getLogger("poserep")

MADE_UP_S = 60.0
"""Between pictures that have no time."""


class FreihandOptions(Options):
    """Where the pictures lie, and which of them."""

    root: str
    """The folder that holds `training` and `evaluation` and the json files."""
    versions: tuple[Version, ...] = VERSIONS
    """Backgrounds of the training pictures: the green screen (gs), and what replaced it: homogenised (hom), coloured
    by a network from samples (sample) or by itself (auto)."""
    height: PositiveInt = 224
    """Side of the square working frame in pixels."""
    stride: PositiveInt = 1
    """Keep each n-th sample."""
    validation: float = Field(default=0.0, ge=0, lt=1)
    """Share of the training samples, the last ones before each background, that are for choosing settings."""
    prepared: bool = False
    """Keep decoded frames in the cache folder."""
    masks: bool = False
    """Give the silhouette `true_mask` of training pictures; that of the green screen is true of each background."""
    mesh: bool = False
    """Give the label `vertices`, the 778 of the hand; the first use converts a file of a gigabyte, once."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where the frames of a clip are from: the samples (N,) of one version of one part."""

    part: Part
    version: int
    samples: Array


def plan(training: Part, evaluation: Part | None, options: FreihandOptions) -> Sequence[tuple[str, Shelf]]:
    """The clips' names and samples.

    Raises:
        ConfigError: If there is no training picture with the wanted backgrounds.
    """
    first = training.count - round(options.validation * training.count)
    found = []
    for split, low, high in (("training", 0, first), ("validation", first, training.count)):
        for name in dict.fromkeys(options.versions):
            version = VERSIONS.index(name)
            there = np.flatnonzero(training.files[training.rows(version)] != b"")
            samples = there[(there >= low) & (there < high)][:: options.stride]
            if len(samples):
                found.append((f"{split}/{name}", Shelf(training, version, samples)))
    if not found:
        have = ", ".join(VERSIONS[version] for version in training.versions())
        raise ConfigError(
            "there is no picture with these backgrounds",
            where=f"dataset.versions = {', '.join(options.versions) or 'none'}",
            hint=f"this copy has: {have}",
        )
    if evaluation is None:
        log.warning("%s: there is no evaluation_xyz.json, so no test split", training.folder.parent)
    else:
        samples = np.flatnonzero(evaluation.files != b"")[:: options.stride]
        found.append(("evaluation", Shelf(evaluation, 0, samples)))
    return found


def clip_of(name: str, shelf: Shelf) -> Clip:
    """A shelf's clip; its timestamps are made up."""
    split = {"training": "train", "validation": "validation", "evaluation": "test"}[name.split("/")[0]]
    return Clip(name, "", name, name, split, MADE_UP_S * np.arange(len(shelf.samples), dtype=np.float64))


def read_picture(shelf: Shelf, sample: int, size_HW: tuple[int, int]) -> tuple[Array, DataError | None, str]:
    """A sample's picture (3, H, W), or else that of the same hand before another background.

    Returns:
        The picture, what was wrong with the sample's own if it is another, and the name of its file.

    Raises:
        DataError: If there is none that can be read.
    """
    fault = None
    for version in (shelf.version, *(v for v in shelf.part.versions() if v != shelf.version)):
        if (path := shelf.part.picture(version, sample)) is None:
            continue
        try:
            return read_image(path, size_HW), fault, path.name
        except DataError as error:
            fault = fault or error
    hint = "nor can one of the same hand before another background: copy the pictures again"
    raise DataError(
        "there is no such picture" if fault is None else fault.what,
        where=str(shelf.part.folder) if fault is None else fault.where,
        hint=hint,
    )


def check_masks(training: Part) -> None:
    """Refuse a copy that lacks masks, before anything is trained.

    Raises:
        DataError: With how many.
    """
    lost = training.count - int((training.masks != b"").sum())
    if lost:
        raise DataError(
            f"{lost} of {training.count} masks are missing",
            where=str(training.folder / "mask"),
            hint=f"unpack them from {REGISTER}, or set dataset.masks to false",
        )
