"""Recorded motion from files and folders: BVH, ASF/AMC, DeepMimic, AMASS.

Axes: T frames, J joints of the Human3.6M-17. World: +z up, millimetres.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .....core.errors import DataError
from .amass import OFFSETS, is_amass, names_of, offsets_of, read_amass
from .asfamc import read_amc
from .bvh import read_bvh
from .deepmimic import read_deepmimic
from .motion import Motion
from .recording import Recording
from .retarget import to_human36m

logger = logging.getLogger("poserep")

_SUFFIXES = (".bvh", ".amc", ".txt", ".npz")
_SUPPORTED = "supported: BVH (.bvh), Acclaim (.amc with its .asf beside it), DeepMimic (.txt), AMASS (.npz)"


def load_motions(path: Path | str, fps: float | None = None) -> list[Motion]:
    """The motions of a file, or of every motion file in a folder and its subfolders, sorted by path.

    Args:
        path: A file or folder.
        fps: Resample to this rate; None keeps each file's own.

    Raises:
        DataError: where nothing is there, nothing is of a known format, or no file could be read. In a folder, a file
            that cannot be read is logged and left out as long as another one can.
    """
    path = Path(path)
    files = _motion_files(path)
    motions: list[Motion] = []
    failures: list[DataError] = []
    for file in files:
        try:
            motion = to_human36m(_read(file, path))
        except DataError as error:
            failures.append(error)
        else:
            motions.append(motion if fps is None else resample(motion, fps))
    if not motions and len(files) == 1:
        raise failures[0]
    if not motions:
        raise DataError(f"none of {len(files)} motion files could be read", where=str(path), hint=str(failures[0]))
    for failure in failures:
        logger.warning("motion left out: %s", failure)
    _tell_generic(files, path)
    if failures:
        logger.warning("%d of %d motion files in %s were left out", len(failures), len(files), path)
    return motions


def _motion_files(path: Path) -> list[Path]:
    if not path.exists():
        raise DataError("no such file or folder", where=str(path), hint=_SUPPORTED)
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if _is_motion(file))
    if not files or files[0].suffix.lower() not in _SUFFIXES:
        raise DataError("no motion here", where=str(path), hint=_SUPPORTED)
    return files


def resample(motion: Motion, fps: float) -> Motion:
    """The motion at another rate, linear between its frames, at the times n / fps up to its last frame.

    Raises:
        DataError: for a rate that is not positive.
    """
    if not fps > 0:
        raise DataError(f"cannot resample to {fps} frames per second", where=motion.name, hint="give a positive rate")
    if fps == motion.fps:
        return motion
    ratio = motion.fps / fps
    count = int(np.floor((len(motion.joints_TJ3) - 1) / ratio + 1e-6)) + 1
    at = np.minimum(np.arange(count) * ratio, len(motion.joints_TJ3) - 1)
    low = np.minimum(at.astype(int), max(len(motion.joints_TJ3) - 2, 0))
    high = np.minimum(low + 1, len(motion.joints_TJ3) - 1)
    share = (at - low).astype(np.float32)[:, None, None]
    joints = (1 - share) * motion.joints_TJ3[low] + share * motion.joints_TJ3[high]
    free_fall = motion.free_fall
    if free_fall is not None:
        free_fall = (int(np.ceil(free_fall[0] / ratio - 1e-6)), int(np.floor((free_fall[1] - 1) / ratio + 1e-6)) + 1)
    return Motion(motion.name, joints, fps, free_fall)


def _is_motion(file: Path) -> bool:
    """By its name; of text files only DeepMimic's own kind, JSON with Frames, counts, of npz only motion."""
    suffix = file.suffix.lower()
    if not file.is_file() or suffix not in _SUFFIXES or file.name.startswith("character_"):
        return False
    if suffix == ".npz":
        return is_amass(names_of(file))
    return suffix != ".txt" or '"Frames"' in file.read_text(encoding="utf-8", errors="replace")


def _read(file: Path, top: Path) -> Recording:
    if file.suffix.lower() == ".npz":
        return read_amass(file, offsets_of(file, top))
    if file.suffix.lower() == ".bvh":
        return read_bvh(file)
    if file.suffix.lower() == ".amc":
        return read_amc(file, _skeleton_of(file))
    return read_deepmimic(file)


def _tell_generic(files: Sequence[Path], top: Path) -> None:
    """Say of how many motions the joints at rest are not known."""
    rotations = [file for file in files if file.suffix.lower() == ".npz"]
    if lacking := sum(offsets_of(file, top) is None for file in rotations):
        logger.warning(
            "%d of %d motions tell only how joints turn, and no %s tells where they lie at rest: an average adult "
            "moves in them, not the person who was recorded (%s)",
            *(lacking, len(rotations), " or ".join(OFFSETS), top),
        )


def _skeleton_of(amc: Path) -> Path:
    """The .asf of the same name, of the same subject (01_08.amc: 01.asf), or the only one in the folder."""
    skeletons = sorted(file for file in amc.parent.iterdir() if file.suffix.lower() == ".asf")
    for name in (amc.stem, amc.stem.split("_")[0]):
        for skeleton in skeletons:
            if skeleton.stem.lower() == name.lower():
                return skeleton
    if len(skeletons) == 1:
        return skeletons[0]
    raise DataError(
        f"no skeleton for this motion among {len(skeletons)} .asf files beside it",
        where=str(amc),
        hint=f"name it {amc.stem}.asf or {amc.stem.split('_')[0]}.asf",
    )
