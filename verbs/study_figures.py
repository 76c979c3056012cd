"""Charts of a study: error against labels with bands over seeds, and boxes of the paired differences.

Axes: S seeds, Q sequences.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..core.study.statistics import Difference
from .figures import DASHES, INK, MUTED
from .figures import draw as draw
from .page import Html

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 350
PANEL = (260, 150)
BOX_HEIGHT = 46
BELOW = 58
"""Room for the axis of a chart, px."""


@dataclass(frozen=True, slots=True)
class Band:
    """Error of one arm at each number of labels: mean and standard deviation over seeds (0 for one seed)."""

    labels: tuple[int, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    ink: str
    dash: int = 0


def label_chart(bands: Sequence[Band], unit: str, limits: tuple[float, float], key: str, label: str) -> Html:
    """Error against number of labels, on a logarithmic axis; a band is one deviation to both sides.

    A chart for a panel of many, its axes unnamed, has an empty ``unit``.
    """
    counts = sorted({count for band in bands for count in band.labels})

    def plot(axes: Axes) -> None:
        for band in bands:
            mean, deviation = np.array(band.mean), np.array(band.deviation)
            axes.fill_between(band.labels, mean - deviation, mean + deviation, color=band.ink, alpha=0.2, linewidth=0)
            axes.plot(band.labels, mean, color=band.ink, linestyle=DASHES[band.dash], marker="o", markersize=4)
        axes.set_xscale("log")
        axes.set_xticks(counts, [f"{count:,}" for count in counts])
        axes.set_xticks([], minor=True)
        axes.set_xlim(counts[0] / 1.15, counts[-1] * 1.15)
        axes.set_ylim(*limits)
        axes.locator_params(axis="y", nbins=5)
        axes.set_xlabel("labelled frames that the regressor saw" if unit else "")
        axes.set_ylabel(unit)

    return draw(plot, (WIDTH, 220) if unit else PANEL, key, label)


def limits_of(bands: Sequence[Band]) -> tuple[float, float]:
    """One axis for the charts of all bands, so that they can be compared."""
    ends = [m + side * d for band in bands for m, d in zip(band.mean, band.deviation, strict=True) for side in (-1, 1)]
    room = 0.1 * (max(ends) - min(ends)) or 1.0
    return min(ends) - room, max(ends) + room


def difference_chart(found: Sequence[Difference], inks: Sequence[str], unit: str, key: str, label: str) -> Html:
    """Arm by arm: a box of all paired differences, a ring per seed, and the mean with its 95 % interval."""

    def plot(axes: Axes) -> None:
        axes.grid(False, axis="y")
        axes.grid(axis="x")
        for row, (one, ink) in enumerate(zip(found, inks, strict=True)):
            _difference(axes, one, ink, -row)
        axes.set_ylim(-len(found) + 0.45, 0.75)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.margins(x=0.06)
        axes.set_xlabel(unit)

    return draw(plot, (WIDTH, BOX_HEIGHT * len(found) + BELOW), key, label)


def _difference(axes: Axes, one: Difference, ink: str, y: float) -> None:
    """One arm, its name above it."""
    place = axes.get_yaxis_transform()
    axes.text(0, y + 0.3, one.arm, transform=place, color=INK, va="bottom", ha="left", fontsize=10)
    axes.plot([0, 0], [y - 0.45, y + 0.27], color=INK, linewidth=1)  # not across the names
    line = {"color": MUTED, "linewidth": 1.0}
    axes.boxplot(
        [one.pairs.values_SQ.ravel()],
        orientation="horizontal",
        positions=[y + 0.05],
        widths=0.26,
        flierprops={"marker": ".", "markersize": 3, "markeredgecolor": MUTED},
        boxprops=line,
        whiskerprops=line,
        capprops=line,
        medianprops=line,
    )
    by_seed_S = one.pairs.values_SQ.mean(axis=1)
    axes.plot(by_seed_S, np.full(len(by_seed_S), y + 0.05), "o", color=ink, markersize=5, fillstyle="none")
    if not math.isnan(one.interval.low):
        axes.plot(one.interval, [y - 0.25] * 2, color=ink, linewidth=3, solid_capstyle="butt")
    axes.plot([one.mean], [y - 0.25], "D", color=ink, markersize=5)
