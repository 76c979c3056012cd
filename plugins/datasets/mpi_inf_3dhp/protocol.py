"""Recordings of MPI-INF-3DHP, and which of them teach and test.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, section 4.3. Recordings run at 25 or at 50 frames per second; every
fifth frame is so 0.2 s or 0.1 s apart, as in the paper.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Name = Literal["poses", "multi_view", "all_data"]
REGISTER = "https://vcai.mpi-inf.mpg.de/3dhp-dataset"
CHEST = ("0", "1", "2", "4", "5", "6", "7", "8")
"""Cameras at the height of the chest, which everybody uses; the others look from above or below."""
EVERY_CAMERA = 14
STRIDE = 5
HELD_OUT = ("S6", "S7")
SUBJECTS = tuple(f"S{number}" for number in range(1, 9))
TESTED = ("TS1", "TS2", "TS3", "TS4")
TEST_FPS = 25.0

FRAMES: Mapping[tuple[str, str], tuple[int, int]] = {
    **{("S1", "Seq1"): (6416, 25), ("S1", "Seq2"): (12430, 50), ("S2", "Seq1"): (6502, 25), ("S2", "Seq2"): (6081, 25)},
    **{("S3", "Seq1"): (12488, 50), ("S3", "Seq2"): (12283, 50), ("S4", "Seq1"): (6171, 25)},
    **{("S4", "Seq2"): (6675, 25), ("S5", "Seq1"): (12820, 50), ("S5", "Seq2"): (12312, 50)},
    **{("S6", "Seq1"): (6188, 25), ("S6", "Seq2"): (6145, 25), ("S7", "Seq1"): (6239, 25), ("S7", "Seq2"): (6320, 25)},
    **{("S8", "Seq1"): (6468, 25), ("S8", "Seq2"): (6054, 25)},
}
"""Frames of each recording, of which annotations sometimes have more, and frames per second."""
OPAQUE = frozenset({("S1", "Seq2"), ("S4", "Seq2")})
"""Recordings whose masks do not fit for putting another background behind the subject."""

PAPER_TRAIN, PAPER_ALL = 198_096, 202_905
"""Frames of S1 to S8 that the paper learns from, each fifth; and together with those of TS1 to TS4."""
PAPER_POOL, PAPER_TEST = 856_400, 2207
"""Frames of S1 to S5 and S8 from which it takes labels, and frames that it tests on."""


def split_of(subject: str, protocol: Name) -> str:
    """The split of a subject's clips."""
    if subject.startswith("TS"):
        return "train" if protocol == "all_data" else "test"
    return "validation" if protocol == "poses" and subject in HELD_OUT else "train"
