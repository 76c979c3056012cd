"""What a copy of MPI-INF-3DHP holds, and how much of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ....core.errors import DataError, did_you_mean
from ....core.interfaces import Count, Found, Inventory
from ....media.missing import tell_missing
from ..thinning import kept
from .held_out import held_out_root, held_out_views
from .protocol import (
    EVERY_CAMERA,
    HELD_OUT,
    PAPER_ALL,
    PAPER_POOL,
    PAPER_TEST,
    PAPER_TRAIN,
    REGISTER,
    STRIDE,
    SUBJECTS,
    TESTED,
    Name,
)
from .train import train_root, train_views
from .view import View


def find(
    root: str, subjects: Sequence[str], cameras: Sequence[str], protocol: Name
) -> tuple[tuple[View, ...], tuple[str, ...]]:
    """The views of a copy, and what it lacks, one sentence each.

    Raises:
        DataError: If there is nothing of what is asked for.
    """
    home = Path(root).expanduser()
    _check_cameras(cameras)
    wanted = tuple(subjects) or (*SUBJECTS, *TESTED)
    missing: list[str] = []
    taught = [subject for subject in wanted if not subject.startswith("TS")]
    views: list[View] = []
    if (folder := train_root(home)) is not None:
        views += train_views(folder, taught, tuple(cameras), missing)
    if (folder := held_out_root(home)) is not None:
        tested = [subject for subject in wanted if subject not in taught]
        views += held_out_views(folder, tested, protocol != "all_data", missing)
    seen = {view.place.subject for view in views}
    told = " ".join(missing)
    there = f"of those asked for there is: {', '.join(sorted(seen)) or 'nobody'}; the data are at {REGISTER}"
    for name in subjects:
        if name not in seen:
            raise DataError(
                f"this copy of MPI-INF-3DHP has nothing of the subject {name!r} that could be read",
                where=str(home),
                hint=next((line for line in missing if line.startswith(name)), there),
            )
    missing += [f"{name}: nothing of this subject" for name in wanted if name not in seen and f"{name}:" not in told]
    if not views:
        raise DataError(
            "there is no copy of MPI-INF-3DHP that could be read" if home.is_dir() else "there is no such folder",
            where=str(home),
            hint="; ".join(missing[:1])
            or f"dataset.root holds S1/Seq1/annot.mat or mpi_inf_3dhp_test_set/TS1; the data are at {REGISTER}",
        )
    tell_missing(f"mpi_inf_3dhp: {home}", missing)
    return tuple(views), tuple(missing)


def _check_cameras(cameras: Sequence[str]) -> None:
    every = [str(number) for number in range(EVERY_CAMERA)]
    for name in cameras:
        if name not in every:
            raise DataError(f"there is no camera {name!r}", where="dataset.cameras", hint=did_you_mean(name, every))


def counted(views: Sequence[View], missing: Sequence[str], protocol: Name) -> Inventory:
    """What there is, and the numbers that the paper states beside those of this copy."""
    found = []
    for subject in dict.fromkeys(view.place.subject for view in views):
        places = [view.place for view in views if view.place.subject == subject]
        cameras = tuple(dict.fromkeys(place.camera for place in places))
        frames = sum(len(place.numbers_N) for place in places)
        found.append(Found(subject, len({place.take for place in places}), cameras, frames))

    def frames_of(names: Sequence[str], stride: int) -> int:
        return sum(len(kept(view.place.numbers_N, stride)) for view in views if view.place.subject in names)

    labelled = [name for name in SUBJECTS if name not in HELD_OUT]
    counts = [
        Count("frames of S1 to S8, each 5th", frames_of(SUBJECTS, STRIDE), PAPER_TRAIN),
        Count("frames of S1 to S5 and S8, all", frames_of(labelled, 1), PAPER_POOL),
    ]
    if protocol == "all_data":
        counts.append(
            Count("frames of S1 to S8 and TS1 to TS4, each 5th", frames_of((*SUBJECTS, *TESTED), STRIDE), PAPER_ALL)
        )
    else:
        counts.append(Count("valid frames of TS1 to TS4", frames_of(TESTED, 1), PAPER_TEST))
    return Inventory(tuple(found), tuple(missing), tuple(counts), REGISTER)
