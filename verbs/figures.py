"""Charts as inline SVG that follow the page's colours.

Matplotlib draws in stand-in colours, which are then exchanged for the page's CSS variables: so one chart is readable
on white and on black.

Axes: N records.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.interfaces import Array
from .page import Html, tag

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = tuple(f"#0400{k:02x}" for k in range(8))
INK, MUTED, RULE = "#010101", "#020202", "#030303"
STAND_INS = {INK: "currentColor", MUTED: "var(--muted)", RULE: "var(--rule)"} | {
    colour: f"var(--c{k})" for k, colour in enumerate(COLOURS)
}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 11,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "grid.color": RULE,
    "grid.linewidth": 0.7,
}
"""Matplotlib's settings: text stays text, in the page's font."""
DASHES = ("solid", "dashed", "dotted", "dashdot")
DASH_ARRAYS = ("none", "5 3", "1.5 2.5", "6 2 1.5 2")
SMOOTHED_SHARE = 0.04
"""Share of the records that the smoothed line averages at each place."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chart: points, and which stand-in colour and which dash it has."""

    x: Sequence[float]
    y: Sequence[float]
    ink: str
    dash: int = 0


def error_chart(lines: Sequence[Line], unit: str, key: str, label: str) -> Html:
    """Error against number of labels, on a logarithmic axis."""
    counts = sorted({x for line in lines for x in line.x})

    def plot(axes: Axes) -> None:
        for line in lines:
            axes.plot(line.x, line.y, color=line.ink, linestyle=DASHES[line.dash], marker="o", markersize=4)
        axes.set_xscale("log")
        axes.set_xticks(counts, [f"{count:g}" for count in counts])
        axes.set_xticks([], minor=True)
        axes.set_xlim(counts[0] / 1.15, counts[-1] * 1.15)
        axes.margins(y=0.12)
        axes.set_xlabel("labelled frames that the regressor saw")
        axes.set_ylabel(unit)

    return draw(plot, (350, 220), key, label)


def term_chart(lines: Sequence[Line], key: str, label: str) -> Html:
    """One loss term over the steps: as recorded, faint, and smoothed."""

    def plot(axes: Axes) -> None:
        for line in lines:
            axes.plot(line.x, line.y, color=line.ink, linewidth=0.8, alpha=0.3)
            marker = "o" if len(line.x) == 1 else None
            smoothed = smooth(np.asarray(line.y, np.float64))
            axes.plot(line.x, smoothed, color=line.ink, linewidth=1.6, marker=marker, markersize=4)
        axes.set_ylim(*_limits([line.y for line in lines]))
        axes.locator_params(nbins=4)

    return draw(plot, (260, 150), key, label)


def smooth(values_N: Array) -> Array:
    """Centred moving mean over `SMOOTHED_SHARE` of the values; the window shrinks towards both ends."""
    half = int(len(values_N) * SMOOTHED_SHARE / 2)
    total = np.concatenate([[0.0], np.cumsum(values_N)])
    index = np.arange(len(values_N))
    reach = np.minimum(half, np.minimum(index, index[::-1]))
    return np.asarray((total[index + reach + 1] - total[index - reach]) / (2 * reach + 1))


def _limits(values: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Axis limits that a few outliers among many records do not stretch."""
    cut = [1, 99] if min(len(one) for one in values) >= 100 else [0, 100]
    spans = [np.nanpercentile(one, cut) for one in values]
    low, high = min(span[0] for span in spans), max(span[1] for span in spans)
    room = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
    return float(low - room), float(high + room)


def draw(plot: Callable[[Axes], None], size: tuple[int, int], key: str, label: str) -> Html:
    """What ``plot`` draws on bare axes of a size in px, as SVG; ``key`` is the prefix of its ids on the page."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE | {"svg.hashsalt": key}):
        chart = Figure(figsize=(size[0] / 72, size[1] / 72), layout="constrained")
        axes = chart.add_subplot()
        axes.grid(axis="y")
        axes.set_axisbelow(True)
        plot(axes)
        buffer = io.StringIO()
        chart.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    return _inline(buffer.getvalue(), key, label)


def _inline(svg: str, key: str, label: str) -> Html:
    """Matplotlib's file as part of a page: no prologue, no fixed size, its own ids, the page's colours."""
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    head, inner = svg.removesuffix("</svg>\n").split(">", 1)
    inner = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{key}-", inner.replace("xlink:href", "href"))
    for stand_in, colour in STAND_INS.items():
        inner = inner.replace(stand_in, colour)
    box = re.findall(r'viewBox="([^"]*)"', head)
    return tag("svg", Html(inner.strip()), viewBox=box[0], role="img", aria_label=label)


def swatch(ink: str, dash: int = 0) -> Html:
    """A short line for a legend."""
    stroke = f"stroke: {STAND_INS[ink]}; stroke-dasharray: {DASH_ARRAYS[dash]}"
    line = tag("line", x1=0, y1=5, x2=28, y2=5, stroke_width=2, style=stroke)
    return tag("svg", line, width=28, height=10, aria_hidden="true")
