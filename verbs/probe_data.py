"""The data that a probe reads poses off, where they are not the data that the network learnt from.

A recipe may name in its ``[probe]`` a ``dataset``, of which both labelled and test frames are, and a ``test_dataset``,
of which the test frames alone are. So an encoder is measured on people of another set, or one that also saw unlabelled
test videos is read with the labels of the others.

Axes: N frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..core.batches import Source, open_source
from ..core.compose import Composition
from ..core.config import PROBED, Part, Resolved
from ..core.errors import ConfigError
from ..core.interfaces import Array, Clip, Dataset
from ..core.skeleton import Skeleton


def probed(composition: Composition) -> Composition:
    """The composition with the data that are measured on in place of those that were learnt from."""
    return _with_data(composition, PROBED)


def open_probe_source(composition: Composition, source: Source | None = None) -> Source:
    """The data of a probe.

    Args:
        composition: Of the run, not yet `probed`.
        source: That of the run, if it is open already; it serves where the probe has no data of its own.

    Raises:
        ConfigError: If labelled and test frames do not fit each other.
    """
    probe = composition.experiment.probe
    if probe.dataset is None and probe.test_dataset is None:
        return source or open_source(composition)
    measured = open_source(probed(composition))
    if probe.test_dataset is None:
        return measured
    labelled = source if source and probe.dataset is None else open_source(_with_data(composition, PROBED[:1]))
    return Source(
        Joined(labelled.dataset, measured.dataset), measured.background, measured.wanted, probed(composition).labels
    )


def _with_data(composition: Composition, names: Sequence[str]) -> Composition:
    """The composition on the last of the probe's data that there are."""
    experiment, parts = composition.experiment, composition.parts
    for name in names:
        part: Part | None = getattr(experiment.probe, name)
        if part is not None:
            experiment = experiment.model_copy(update={"dataset": part})
            parts = {**parts, "dataset": parts[f"probe.{name}"]}
    return replace(composition, resolved=Resolved(experiment, parts))


class Joined:
    """Clips that train of one dataset and clips that do not of another, as one dataset.

    Attributes:
        clips: Those that train first; the others' names and cameras are told apart.
        frame_size: (H, W) of every frame.
        skeleton: Of both.

    Raises:
        ConfigError: If frames are of two sizes, or skeletons of other joints.
    """

    def __init__(self, labelled: Dataset, measured: Dataset) -> None:
        for what, pair in _facts(labelled, measured).items():
            if pair[0] != pair[1]:
                raise ConfigError(
                    f"labelled and test frames have {what}: {pair[0]} and {pair[1]}",
                    where="probe.test_dataset",
                    hint="set height and skeleton of both alike",
                )
        self.frame_size = measured.frame_size
        self.skeleton: Skeleton | None = measured.skeleton
        own = [(labelled, number) for number, clip in enumerate(labelled.clips) if clip.split == "train"]
        others = [(measured, number) for number, clip in enumerate(measured.clips) if clip.split != "train"]
        self._places = [*own, *others]
        clips: list[Clip] = [labelled.clips[number] for _, number in own]
        for _, number in others:
            clip = measured.clips[number]
            clips.append(replace(clip, name=f"test {clip.name}", camera=f"test {clip.camera}"))
        self.clips: Sequence[Clip] = tuple(clips)

    def frames(self, clip: int, indices: Array) -> Array:
        """Frames of one clip, (N, 3, H, W) uint8 RGB."""
        dataset, number = self._places[clip]
        return dataset.frames(number, indices)

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        """A label of one clip, as its own dataset gives it."""
        dataset, number = self._places[clip]
        return dataset.labels(name, number, indices)


def _facts(labelled: Dataset, measured: Dataset) -> Mapping[str, tuple[object, object]]:
    """What must be equal in both."""
    joints = [one.skeleton.joints if one.skeleton else () for one in (labelled, measured)]
    return {"frame sizes": (labelled.frame_size, measured.frame_size), "joints": (joints[0], joints[1])}
