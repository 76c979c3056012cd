"""Which subjects of Human3.6M teach and which test, and which of their frames, as papers have it.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, section 4.2. It does not say how frames of its test with all labels
are chosen ("as in NSD"); every 64th is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Name = Literal["poses", "keypoints", "every_frame"]
REGISTER = "http://vision.imar.ro/human3.6m"
FPS = 50.0
TRAIN = ("S1", "S5", "S6", "S7", "S8")
TEST = ("S9", "S11")
SUBJECTS = (*TRAIN, *TEST)
PAPER_FRAMES = 308_760
"""Frames that the paper learns from: each fifth of the five subjects, four cameras."""
EVERY_FRAME = 1_559_752
"""Frames of the same subjects and cameras as the paper's authors count them."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """Keep each n-th frame of the subjects that teach, and of those that test."""

    train: int
    test: int


PROTOCOLS: Mapping[Name, Protocol] = {
    "poses": Protocol(train=5, test=64),
    "keypoints": Protocol(train=5, test=10),
    "every_frame": Protocol(train=1, test=1),
}


def split_of(subject: str) -> str:
    """The split of a subject; one that the paper does not name teaches."""
    return "test" if subject in TEST else "train"
