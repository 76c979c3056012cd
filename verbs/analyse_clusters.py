"""Whether who is seen can be told from a latent: clusters matched to subjects, and a linear reading.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511: KMeans with as many clusters as subjects; the share of
frames whose cluster is their subject's. Clusters are matched to subjects so that this share is largest (H. W. Kuhn,
1955). KMeans is Lloyd's algorithm (1982) with the start of Arthur and Vassilvitskii (SODA 2007).
Differs from the paper: it does not say how clusters are matched. Its test split shows two subjects, and the share falls
with their number: so subjects are also clustered two at a time, over all pairs. And since clusters find a subject only
where nothing varies more, a linear reading of the subject, fitted on other takes, is measured beside them.

Axes: N frames, F features, K clusters, S subjects.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from ..core.errors import DataError
from ..core.interfaces import Array

ROUNDS = 100  # Lloyd's, at most
RESTARTS = 10
SHUFFLES = 100
RIDGE = 1e-3  # of the features' mean variance: keeps the reading defined where features repeat each other


def squared_distances(x_NF: Array, centre_KF: Array) -> Array:
    """|x - c|^2 of every frame and centre, (N, K)."""
    square = (x_NF**2).sum(1)[:, None] - 2 * x_NF @ centre_KF.T + (centre_KF**2).sum(1)
    return np.asarray(np.maximum(square, 0))


def first_centres(x_NF: Array, count: int, rng: np.random.Generator) -> Array:
    """The start of k-means++, (K, F): each centre a frame, the likelier the farther from those before it."""
    chosen = [int(rng.integers(len(x_NF)))]
    nearest_N = squared_distances(x_NF, x_NF[chosen])[:, 0]
    while len(chosen) < count:
        total = nearest_N.sum()
        share_N = nearest_N / total if total > 0 else None
        chosen.append(int(rng.choice(len(x_NF), p=share_N)))
        nearest_N = np.minimum(nearest_N, squared_distances(x_NF, x_NF[chosen[-1:]])[:, 0])
    return x_NF[chosen]


def lloyd(x_NF: Array, centre_KF: Array) -> tuple[Array, float]:
    """Clusters (N,) that no further round changes, and their summed squared distance; an empty cluster stays put."""
    cluster_N = np.full(len(x_NF), -1)
    centre_KF = centre_KF.copy()
    for _round in range(ROUNDS):
        before_N, cluster_N = cluster_N, squared_distances(x_NF, centre_KF).argmin(1)
        if np.array_equal(before_N, cluster_N):
            break
        for cluster in np.unique(cluster_N):
            centre_KF[cluster] = x_NF[cluster_N == cluster].mean(0)
    return cluster_N, float(((x_NF - centre_KF[cluster_N]) ** 2).sum())


def kmeans(x_NF: Array, count: int, seed: int = 0, restarts: int = RESTARTS) -> Array:
    """The cluster of each frame, (N,): the best of several starts.

    Raises:
        DataError: If there are fewer frames than clusters.
    """
    if not 0 < count <= len(x_NF):
        raise DataError(f"{len(x_NF)} frames cannot be put into {count} clusters")
    rng = np.random.default_rng(seed)
    x_NF = np.asarray(x_NF, np.float64) - x_NF.mean(0)
    tries = [lloyd(x_NF, first_centres(x_NF, count, rng)) for _start in range(restarts)]
    return min(tries, key=lambda found: found[1])[0]


def confusion(cluster_N: Array, subject_N: Array, count: int) -> Array:
    """Frames of each cluster (row) and subject (column), (K, K); the rows in the order that fits the subjects best.

    Raises:
        DataError: If there is not one subject for each frame.
    """
    from scipy.optimize import linear_sum_assignment

    if cluster_N.shape != subject_N.shape:
        raise DataError(f"{cluster_N.shape} clusters and {subject_N.shape} subjects are not frame by frame")
    table_KK = np.zeros((count, count), np.int64)
    np.add.at(table_KK, (cluster_N, subject_N), 1)
    rows, columns = linear_sum_assignment(-table_KK)
    return np.asarray(table_KK[rows[np.argsort(columns)]])


def accuracy(table_KK: Array) -> float:
    """Share of the frames on the diagonal of `confusion`."""
    return float(np.trace(table_KK) / table_KK.sum())


def chance_accuracy(cluster_N: Array, subject_N: Array, count: int, seed: int = 0) -> float:
    """What clusters of these sizes score when they know nothing: the mean over shuffles, each matched anew.

    Matching takes the best of all orders, and one large cluster scores the share of the largest subject: so it is
    above 1 / K.
    """
    rng = np.random.default_rng(seed)
    shuffled = (confusion(rng.permutation(cluster_N), subject_N, count) for _shuffle in range(SHUFFLES))
    return float(np.mean([accuracy(table_KK) for table_KK in shuffled]))


def two_at_a_time(x_NF: Array, subject_N: Array) -> tuple[float, float]:
    """Means over all pairs of subjects: share of the pair's frames in the right one of two clusters, and its chance.

    Raises:
        DataError: If there are not two subjects.
    """
    if len(np.unique(subject_N)) < 2:
        raise DataError("two subjects are told apart: got one")
    shares = []
    for pair in combinations(np.unique(subject_N), 2):
        rows = np.isin(subject_N, pair)
        which_N, cluster_N = (subject_N[rows] == pair[1]).astype(np.int64), kmeans(x_NF[rows], 2)
        shares.append((accuracy(confusion(cluster_N, which_N, 2)), chance_accuracy(cluster_N, which_N, 2)))
    share, chance = np.mean(shares, axis=0)
    return float(share), float(chance)


def linear_reading(x_NF: Array, subject_N: Array, learn_N: Array) -> tuple[float, int]:
    """Share of the other frames whose subject is read off linearly, after least squares on the frames to learn from.

    Every subject counts the same, in the fit and in the share: chance is 1 / S.

    Args:
        x_NF: Latents.
        subject_N: Who is seen, 0 to S - 1.
        learn_N: Which frames are learnt from, bool.

    Returns:
        The share and over how many frames it is.

    Raises:
        DataError: If a subject is not on both sides.
    """
    subjects = np.unique(subject_N)
    for side in (learn_N, ~learn_N):
        if not np.array_equal(np.unique(subject_N[side]), subjects):
            raise DataError("a subject is not among both the frames to learn from and the others")
    read_N = subjects[_scores(np.asarray(x_NF, np.float64), subject_N, learn_N).argmax(1)]
    shares = [(read_N == subject)[~learn_N & (subject_N == subject)].mean() for subject in subjects]
    return float(np.mean(shares)), int((~learn_N).sum())


def _scores(x_NF: Array, subject_N: Array, learn_N: Array) -> Array:
    """Least squares on one-hot subjects, each subject of equal weight, (N, S)."""
    scaled_NF = (x_NF - x_NF[learn_N].mean(0)) / np.maximum(x_NF[learn_N].std(0), 1e-9)
    x_N1 = np.concatenate([scaled_NF, np.ones((len(x_NF), 1))], axis=1)
    weight_L1 = (1 / np.bincount(subject_N[learn_N])[subject_N[learn_N]])[:, None]
    target_LS = subject_N[learn_N][:, None] == np.unique(subject_N)
    weighted_L1 = weight_L1 * x_N1[learn_N]
    normal_FF = weighted_L1.T @ x_N1[learn_N]
    normal_FF += RIDGE * np.trace(normal_FF) / len(normal_FF) * np.eye(len(normal_FF))
    return np.asarray(x_N1 @ np.linalg.solve(normal_FF, weighted_L1.T @ target_LS))
