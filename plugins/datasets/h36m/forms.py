"""Which of the forms of Human3.6M lies under a root, told by what is in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ....core.errors import DataError, did_you_mean
from ....media.missing import tell_missing
from ..names import natural
from .camera import CAMERAS, read_metadata
from .mmpose import is_mmpose, mmpose_views
from .processed import is_processed, processed_views
from .protocol import REGISTER, SUBJECTS
from .raw import Lenses, is_raw, raw_views
from .videopose import is_videopose, videopose_views
from .view import View, Wanted

METADATA = "metadata.xml"
INSIDE = ("", "extracted", "processed", "annotated")
"""Folders of a root in which a form may lie; h36m-fetch makes the second and third."""
FORMS = {"raw": is_raw, "mmpose": is_mmpose, "VideoPose3D": is_videopose, "processed": is_processed}


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy on disk.

    Attributes:
        form: Which one it is.
        root: Where it begins.
        views: What it holds, in natural order.
        missing: What it lacks, one sentence each.
    """

    form: str
    root: Path
    views: tuple[View, ...]
    missing: tuple[str, ...]


def find(root: str, subjects: Sequence[str], cameras: Sequence[str], metadata: str, videos: str) -> Copy:
    """Look at a root.

    Args:
        root: Folder of the copy.
        subjects: Those to read; all if empty.
        cameras: Those to read; all if empty.
        metadata: File of the cameras; empty: `METADATA` in the root or beside it.
        videos: Root of the videos for a form without pictures; empty: the same.

    Raises:
        DataError: If there is no form, or nothing of it is asked for or can be read.
    """
    home = Path(root).expanduser()
    form, inside = _form(home)
    missing: list[str] = []
    lenses = _lenses((home, inside, home.parent), metadata)
    _check_names(subjects, cameras)
    wanted = Wanted(tuple(subjects) or SUBJECTS, tuple(cameras) or CAMERAS)
    found = _views(form, inside, wanted, lenses, missing, Path(videos).expanduser() if videos else inside)
    shown = (view for view in found if len(view.place.numbers_N))
    views = tuple(sorted(shown, key=lambda view: natural(view.place.name)))
    if not lenses and not any(view.place.lens for view in views):
        missing.append(f"{METADATA}, without which cameras are not known: no rotation, horizon and projection")
    seen = {view.place.subject for view in views}
    if lost := [name for name in subjects if name not in seen] or ([] if views else list(wanted.subjects)):
        names = ", ".join(sorted(seen, key=natural)) or "nobody"
        there = f"of those asked for there is: {names}; the data are at {REGISTER}"
        raise DataError(
            f"this copy of Human3.6M ({form}) has nothing of {', '.join(lost)} that can be read",
            where=str(inside),
            hint=next((line for line in missing if line.startswith(tuple(lost))), there),
        )
    missing += [f"{subject}: nothing of this subject" for subject in wanted.subjects if subject not in seen]
    tell_missing(f"h36m: {home}", missing)
    return Copy(form, inside, views, tuple(missing))


def _check_names(subjects: Sequence[str], cameras: Sequence[str]) -> None:
    for what, asked, known in (("subject", subjects, SUBJECTS), ("camera", cameras, CAMERAS)):
        for name in asked:
            if name not in known:
                raise DataError(
                    f"Human3.6M has no labels of a {what} {name!r}",
                    where=f"dataset.{what}s",
                    hint=did_you_mean(name, known),
                )


def _form(home: Path) -> tuple[str, Path]:
    if home.is_dir():
        for folder in (home / name for name in INSIDE):
            for form, fits in FORMS.items():
                if folder.is_dir() and fits(folder):
                    return form, folder
    raise DataError(
        "there is no copy of Human3.6M" if home.is_dir() else "there is no such folder",
        where=str(home),
        hint="dataset.root holds S1/MyPoseFeatures/D3_Positions_mono, extracted/S1/Poses_D3_Positions_mono, "
        "processed/S1/*/annot.h5, annotation_body3d/fps10/h36m_train.npz or data_3d_h36m.npz; "
        f"the data are to be had at {REGISTER}",
    )


def _lenses(folders: Sequence[Path], metadata: str) -> Lenses:
    if metadata:
        return read_metadata(Path(metadata).expanduser())
    places = [folder / METADATA for folder in folders]
    return next((read_metadata(path) for path in places if path.is_file()), {})


def _views(form: str, home: Path, wanted: Wanted, lenses: Lenses, missing: list[str], videos: Path) -> Iterator[View]:
    if form == "VideoPose3D":
        yield from videopose_views(home, wanted, lenses, missing, videos)
    elif form == "mmpose":
        yield from mmpose_views(home, wanted, lenses, missing)
    elif form == "processed":
        yield from processed_views(home, wanted, lenses, missing)
    else:
        yield from raw_views(home, wanted, lenses, missing)
