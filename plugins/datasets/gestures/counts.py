"""How many pictures each release of HaGRID has, beside those of a copy.

Source: the dataset's own page, https://github.com/hukenovs/hagrid.
"""

from __future__ import annotations

import numpy as np

from ....core.interfaces import Count
from .samples import NAMES, Samples

REGISTER = "https://github.com/hukenovs/hagrid"
SECOND = frozenset(("grabbing", "grip", "point", "holy", "hand_heart", "timeout", "xsign", "take_picture"))
"""Some of the gestures that only the second release has."""
RELEASES = {1: (509_323, 0, 43_669), 2: (821_458, 99_200, 165_500)}
"""Pictures for training, validation and test; in the first release validation is drawn from training."""


def counts_of(samples: Samples) -> tuple[Count, ...]:
    """Pictures of a copy by split; one without any class of HaGRID's is compared with nothing."""
    release = 2 if SECOND & set(samples.classes) else 1
    if release == 1 and not {"call", "like", "palm"} & set(samples.classes):
        return ()
    ours = [len(np.unique(samples.picture_S[samples.split_S == number])) for number in range(len(NAMES))]
    rows = list(zip(("training", "validation", "test"), ours, RELEASES[release], strict=True))
    if release == 1:
        rows = [("training and validation", ours[0] + ours[1], RELEASES[1][0]), rows[2]]
    return tuple(Count(f"{what} pictures of release {release}", count, paper) for what, count, paper in rows)
