"""A human skeleton told by the shape of its tree alone, where its joints have unknown names.

The pelvis is where two equal limbs leave the trunk, the chest is where the next two do and the neck goes on; left is
told from right by the feet, which point forwards.

Axes: J joints of the file, at rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from .body import ANKLES, ELBOWS, HEAD, HIPS, KNEES, SHOULDERS, THORAX, WRISTS
from .motion import FloatArray

_LEG = (HIPS, KNEES, ANKLES)
_ARM = (SHOULDERS, ELBOWS, WRISTS)


def joints_by_shape(parents: Sequence[int], rest_J3: FloatArray) -> dict[int, int] | None:
    """Joints of the Human3.6M-17 -> joints of the file; None where the tree is not plainly that of a human."""
    forks = [joint for joint in range(len(parents)) if len(_children(parents, joint)) >= 3]
    if len(forks) < 2:
        return None
    pelvis, chest = forks[0], next((fork for fork in forks[1:] if _descends(parents, fork, forks[0])), None)
    if chest is None:
        return None
    legs = [_chain(parents, rest_J3, c) for c in _children(parents, pelvis) if not _descends(parents, chest, c)]
    branches = [_chain(parents, rest_J3, c) for c in _children(parents, chest)]
    arms, neck = _apart(branches, rest_J3)
    if len(legs) != 2 or len(arms) != 2 or min(map(len, legs)) < 4 or min(map(len, arms)) < 3:
        return None
    up = rest_J3[chest] - rest_J3[[leg[2] for leg in legs]].mean(axis=0)
    forward = sum(rest_J3[leg[3]] - rest_J3[leg[2]] for leg in legs)
    left = np.cross(up, forward)
    found = {THORAX: neck[0], HEAD: neck[-2] if len(neck) > 1 else neck[-1]}
    for names, limbs in ((_LEG, legs), (_ARM, arms)):
        limbs = sorted(limbs, key=lambda limb: -float(rest_J3[limb[0]] @ left))
        for side, limb in enumerate(limbs):
            skip = int(names is _ARM and len(limb) > 4)  # a collar bone before the shoulder
            found |= {pair[side]: limb[skip + n] for n, pair in enumerate(names)}
    return found


def _children(parents: Sequence[int], joint: int) -> list[int]:
    return [child for child, parent in enumerate(parents) if parent == joint]


def _descends(parents: Sequence[int], joint: int, ancestor: int) -> bool:
    while joint >= 0:
        if joint == ancestor:
            return True
        joint = parents[joint]
    return False


def _chain(parents: Sequence[int], rest_J3: FloatArray, joint: int) -> list[int]:
    """The joint and its first descendants, without those that lie where the one before does."""
    chain = [joint]
    while children := _children(parents, joint):
        joint = children[0]
        if np.linalg.norm(rest_J3[joint] - rest_J3[chain[-1]]) > 1e-6:
            chain.append(joint)
        else:
            chain[-1] = joint
    return chain


def _apart(branches: list[list[int]], rest_J3: FloatArray) -> tuple[list[list[int]], list[int]]:
    """The two branches that mirror each other best (their bones are equally long), and the one left over."""
    best = (np.inf, 0, 1)
    lengths = [[float(np.linalg.norm(rest_J3[b] - rest_J3[a])) for a, b in pairwise(c)] for c in branches]
    for i in range(len(branches)):
        for j in range(i + 1, len(branches)):
            if len(lengths[i]) == len(lengths[j]) >= 2:
                difference = float(np.abs(np.subtract(lengths[i], lengths[j])).sum())
                best = min(best, (difference, i, j))
    rest = [branch for n, branch in enumerate(branches) if n not in best[1:]]
    return [branches[best[1]], branches[best[2]]], rest[0] if rest else branches[0]
