"""Distance of two frames by their distance in time: the curve, and the sampler's distances that it proposes.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, section 3.1.2: DSL supposes that poses differ the more the farther
apart they are in time, up to a distance from which on they are as unlike as any two.
Differs from the paper: seconds, not frames; the distances are proposed by a rule instead of chosen.

Axes: N pairs or frames, K bins of time distance, J joints, F features.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..core.errors import DataError
from ..core.interfaces import Array
from ..core.probe import every_kth

NEAR, FAR = 0.1, 0.9
"""Shares of the plateau that a positive may reach, and that a negative must."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Mean distance of two frames by their distance in time, bin by bin.

    Attributes:
        what: Distance of what.
        unit: Its unit; "" for a share.
        time_s: Mean time distance of each bin's pairs, (K,).
        mean: Mean distance, (K,).
        low: 10 % of the pairs are nearer, (K,).
        high: 10 % of the pairs are farther, (K,).
        pairs: How many, (K,).
        clips: From how many clips.
        frames: From how many frames.
    """

    what: str
    unit: str
    time_s: Array
    mean: Array
    low: Array
    high: Array
    pairs: Array
    clips: int
    frames: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """Distances for the sampler and for DSL, read off a curve.

    Attributes:
        plateau: Mean over the pairs of the curve's second half, in its unit.
        positive_max_s: Where the curve first reaches 10 % of the plateau, but at least one frame.
        negative_min_s: Where it first reaches 90 %; also the threshold of DSL.
        first_share: Share of the plateau that the curve has at its first bin: above 10 %, the frames lie too far apart
            in time for the rule, and the positive is the next frame.
        lowest_after: Least share of the plateau behind ``negative_min_s``: how far poses come back.
    """

    plateau: float
    positive_max_s: float
    negative_min_s: float
    first_share: float
    lowest_after: float


def pose_distance(a_NJ3: Array, b_NJ3: Array) -> Array:
    """MPJPE of root-centred poses, (N,), in their unit."""
    return np.asarray(np.linalg.norm(a_NJ3 - b_NJ3, axis=-1).mean(axis=-1))


def latent_distance(a_NF: Array, b_NF: Array) -> Array:
    """1 - cosine, as DSL compares, (N,): 0 for equal directions, 1 for unlike ones."""
    lengths_N = np.linalg.norm(a_NF, axis=-1) * np.linalg.norm(b_NF, axis=-1)
    return np.asarray(1 - (a_NF * b_NF).sum(-1) / np.maximum(lengths_N, 1e-12))


def pairs_within(times_s: Array, most_s: float, references: int) -> tuple[Array, Array]:
    """Pairs (N,) (N,) of frames of a clip: evenly spread references, each with all frames up to a distance after it."""
    last_N = np.searchsorted(times_s, times_s + most_s + 1e-6, side="right")
    rows = every_kth(len(times_s), references)
    first = [np.full(last_N[row] - row - 1, row) for row in rows]
    second = [np.arange(row + 1, last_N[row]) for row in rows]
    return np.concatenate(first), np.concatenate(second)


def binned(gap_s: Array, distance_N: Array, width_s: float) -> dict[str, Array]:
    """Statistics of the pairs by time distance, as `Curve` holds them; empty bins are left out."""
    bin_N = np.round(gap_s / width_s).astype(np.int64)
    order = np.argsort(bin_N, kind="stable")
    starts = np.unique(bin_N[order], return_index=True)[1][1:]
    groups = np.split(distance_N[order], starts)
    return {
        "time_s": np.array([group.mean() for group in np.split(gap_s[order], starts)]),
        "mean": np.array([group.mean() for group in groups]),
        "low": np.array([np.quantile(group, 0.1) for group in groups]),
        "high": np.array([np.quantile(group, 0.9) for group in groups]),
        "pairs": np.array([len(group) for group in groups]),
    }


def first_reaches(time_s: Array, mean_K: Array, level: float) -> float:
    """When a curve that starts at (0, 0) first reaches a level, between the bins linearly; infinite if never."""
    time_s, mean_K = np.concatenate([[0.0], time_s]), np.concatenate([[0.0], mean_K])
    above = np.flatnonzero(mean_K >= level)
    if not len(above):
        return float("inf")
    after = int(above[0])
    if after == 0:
        return 0.0
    rise = mean_K[after] - mean_K[after - 1]
    return float(time_s[after - 1] + (time_s[after] - time_s[after - 1]) * (level - mean_K[after - 1]) / rise)


def propose(curve: Curve) -> Proposal:
    """The sampler's distances by the rule of `Proposal`.

    Raises:
        DataError: If nothing changes in time.
    """
    late = curve.time_s >= curve.time_s[-1] / 2
    plateau = float(np.average(curve.mean[late], weights=curve.pairs[late]))
    if not plateau > 0:
        raise DataError(f"the {curve.what} never changes: there is no distance in time to propose")
    share_K = curve.mean / plateau
    negative_s = first_reaches(curve.time_s, share_K, FAR)
    behind = share_K[curve.time_s >= negative_s]
    return Proposal(
        plateau=plateau,
        positive_max_s=whole_ms(max(first_reaches(curve.time_s, share_K, NEAR), float(curve.time_s[0]))),
        negative_min_s=whole_ms(negative_s),
        first_share=float(share_K[0]),
        lowest_after=float(behind.min()) if len(behind) else FAR,
    )


def whole_ms(seconds: float) -> float:
    """Rounded up to milliseconds, so that the next frame, 1/30 s away, is not lost in print."""
    return math.ceil(seconds * 1000 - 1e-6) / 1000 if math.isfinite(seconds) else seconds
