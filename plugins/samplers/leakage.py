"""Which clips a representation may be learned from, so that nobody it is tested on later was seen before.

A dataset's own test split is one such test; a downstream dataset's test subjects are another, which only who trains
knows, and names.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

import numpy as np

from ...core.errors import DataError
from ...core.interfaces import Array, Clip

log = logging.getLogger("poserep")
NAMED = 12
"""At most so many names in one message."""


def unseen(sampler: str, clips: Sequence[Clip], allowed: Array, tested_on: Collection[str], leakage: str) -> Array:
    """The allowed clips that show nobody and no take of a test, (A,).

    Args:
        sampler: Its name, for messages.
        clips: All clips.
        allowed: Which of them may be drawn from, (A,).
        tested_on: Subjects and takes of a test elsewhere, which are never drawn.
        leakage: What becomes of clips that share a subject or take with the test split: "drop" them, or "warn".

    Raises:
        DataError: When nothing is left.
    """
    tests = [clip for clip in clips if clip.split == "test"]
    own = {clip.subject for clip in tests} | {clip.take for clip in tests}
    elsewhere = {index for index in allowed if shared(clips[index], tested_on)}
    here = {index for index in allowed if shared(clips[index], own)} - elsewhere
    if elsewhere:
        log.warning(
            "sampler '%s': %d clips are left out, for they show who or what is tested on: %s",
            *(sampler, len(elsewhere), named([clips[index] for index in elsewhere], tested_on)),
        )
    if here:
        became = "left out, for" if leakage == "drop" else "trained on, though"
        log.warning(
            "sampler '%s': %d clips are %s they show subjects or takes of the dataset's test split: %s",
            *(sampler, len(here), became, named([clips[index] for index in here], own)),
        )
    kept = [index for index in allowed if index not in elsewhere and (leakage == "warn" or index not in here)]
    if len(allowed) and not kept:
        raise DataError(
            f"the sampler '{sampler}' is left without a clip: all {len(allowed)} show subjects or takes that are "
            f"tested on: {named([clips[index] for index in allowed], {*own, *tested_on})}",
            where="sampler.tested_on" if elsewhere else "dataset",
            hint="name fewer of them" if elsewhere else 'sampler.leakage = "warn" trains on them all the same',
        )
    return np.array(kept, np.int64)


def shared(clip: Clip, names: Collection[str]) -> list[str]:
    """The clip's subject and take, as far as they are among the names; an unknown subject is nobody's."""
    return [name for name in (clip.subject, clip.take) if name and name in names]


def named(clips: Sequence[Clip], names: Collection[str]) -> str:
    """Which of the names the clips show, subjects before takes."""
    found = {
        f"{what} {name!r}": None
        for what in ("subject", "take")
        for clip in clips
        if (name := getattr(clip, what)) and name in names
    }
    listed = sorted(found, key=lambda one: (one.startswith("take"), one))
    more = f" and {len(listed) - NAMED} more" if len(listed) > NAMED else ""
    return ", ".join(listed[:NAMED]) + more
