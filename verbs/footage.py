"""A video given to a trained run: opened at the size that the run knows, with the run's own kind of background."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..core.batches import Source
from ..core.compose import Composition
from ..core.config import Chosen, pick
from ..core.console import note
from ..core.errors import ConfigError, DataError
from ..core.interfaces import Background, Dataset
from ..core.recipe import Source as Origin
from ..core.registry import Registry
from ..media.images import SQUEEZE, squeeze

VIDEO = "video"
KEPT = ("height", "crop_x", "crop_y")
"""What a run trained on video passes on to the video that it is shown."""
Seconds = tuple[float | None, float | None]
"""From where to where one looks; None where it was not said."""


def open_footage(
    composition: Composition, video: Path, registry: Registry | None = None, seconds: Seconds = (None, None)
) -> tuple[Source, Chosen]:
    """The video as a source for the run's pipeline, and the video dataset with its options.

    Args:
        composition: The run's plan.
        video: A file, or a folder of them.
        registry: Which plugins there are.
        seconds: Which part to look at; where nothing is said, of a file that the run was trained on the part that it
            was trained on, of others all.

    Raises:
        ConfigError: If the run's stages read a label that no video has, or the seconds are out of order.
        DataError: If the video cannot be read.
    """
    if not video.exists():
        raise DataError("there is no such file or folder", where=str(video), hint="give a video file, or a folder")
    check_labels(composition)
    registry = registry or Registry()
    part, context = composition.parts["dataset"], composition.context
    trained = None if part.component.name == VIDEO else part.component.build(part.options, context)
    kept = part.options.model_dump() if trained is None else {"height": trained.frame_size[0]}
    options = {name: kept[name] for name in KEPT if name in kept} | part_of(video, kept, seconds)
    chosen = pick("dataset", "dataset", VIDEO, {"path": str(video), **options}, Origin("predict"), registry)
    dataset = chosen.component.build(chosen.options, context)
    if trained is not None:
        tell_squeeze(dataset, trained)
    return Source(dataset, background_for(composition, registry), frozenset({"background"})), chosen


def part_of(video: Path, kept: dict[str, Any], seconds: Seconds) -> dict[str, float]:
    """``start_s`` and ``end_s`` for the video: as told, or as trained on if the run knows this file."""
    start_s, end_s = seconds
    if start_s is None and end_s is None and "path" in kept:
        trained, shown = (path.expanduser().resolve() for path in (Path(kept["path"]), video))
        if trained in (shown, shown.parent):
            start_s, end_s = kept["start_s"], kept["end_s"]
            if start_s or end_s is not None:
                until = "the end" if end_s is None else f"{end_s:g} s"
                note(f"time  from {start_s:g} s to {until}, as trained; --start 0 looks at all")
    found = {"start_s": start_s, "end_s": end_s}
    return {name: float(value) for name, value in found.items() if value is not None}


def check_labels(composition: Composition) -> None:
    """Refuse a run whose stages read truth; exchange and losses are not asked when one looks at a video.

    Raises:
        ConfigError: Naming the stage and the label.
    """
    known = composition.labels - {"background"}
    for wire in composition.wires:
        for name in wire.reads:
            if name in known and wire.role != "exchange" and not wire.role.startswith("losses."):
                raise ConfigError(
                    f"{wire.role} ({wire.use}) reads {name!r}, a label that a video does not have",
                    hint="predict with a run that finds the subject by itself, as detector stn does",
                )


def background_for(composition: Composition, registry: Registry) -> Background | None:
    """The run's estimator, to be asked about the new video; the median where the run's dataset gave the truth."""
    if "background" not in composition.parts:
        return None
    chosen = composition.parts["background"]
    if chosen.component.name == "provided":
        note("background  the run's dataset provided it, a video does not: taking the median of the frames")
        chosen = pick("background", "background", "median", {}, Origin("predict"), registry)
    options = chosen.options
    if chosen.component.name == "median":
        # a still video is useless for training, but may be looked at
        options = options.model_copy(update={"require_motion": False})
    background: Background = chosen.component.build(options, composition.context)
    return background


def tell_squeeze(dataset: Dataset, trained: Dataset) -> None:
    """Say when frames have another shape than those trained on: crops then show people wider or narrower."""
    (height, width), known = dataset.frame_size, trained.frame_size
    change = squeeze(width, height, known)
    if abs(change) > SQUEEZE:
        shape = "narrower" if change < 0 else "wider"
        note(
            f"[yellow]aspect[/]  frames are {width}x{height}, the run was trained on {known[1]}x{known[0]}: "
            f"people look {abs(change):.0%} {shape} to it, and results will suffer"
        )
