"""Which dives train, validate and test.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, section 4 (Diving): one diver trains and validates and the other
tests, or the dives of both are split.
Differs from the paper: which dives of a diver validate is not told there. Here every other dive does in `diver`, and of
five dives in a row two train, one validates and two test in `dive`, which comes near the paper's shares.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from ....core.errors import ConfigError
from ..label_table import Run

Protocol = Literal["diver", "dive", "all"]
SPLITS = ("train", "validation", "test")
TURNS = ("train", "test", "train", "test", "validation")
PAPER: Mapping[Protocol, tuple[int, ...]] = {
    "diver": (2_419, 2_288, 2_112),
    "dive": (2_789, 1_278, 2_724),
    "all": (16_469,),
}
"""Frames of each split; of learning from all dives, those of several cameras."""


def split_of(runs: Sequence[Run], protocol: Protocol, test_subjects: Collection[int]) -> Mapping[str, str]:
    """Split of each take by its name, as the protocol says.

    Raises:
        ConfigError: If a split by divers is asked for and there is one diver, or `test_subjects` are not there.
    """
    dives: dict[int, list[int]] = {}
    for run in runs:
        own = dives.setdefault(run.subject, [])
        if run.sequence not in own:
            own.append(run.sequence)
    test = set(test_subjects) or {max(dives)}
    if protocol == "diver" and (len(dives) < 2 or not test < set(dives)):
        have = ", ".join(map(str, sorted(dives)))
        raise ConfigError(
            f"a split by divers needs some that test and some that train; there is {have}",
            where=f"dataset.test_subjects = {sorted(test)}",
            hint="take --set dataset.protocol=dive, or all",
        )
    splits = {}
    for subject, sequences in dives.items():
        for number, sequence in enumerate(sorted(sequences)):
            name = f"seq_{sequence:03d}"
            if protocol == "all":
                splits[name] = "train"
            elif protocol == "dive":
                splits[name] = TURNS[number % len(TURNS)]
            else:
                splits[name] = "test" if subject in test else ("train", "validation")[number % 2]
    return splits
