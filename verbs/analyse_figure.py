"""Figures of the analyses, written as PNG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANEL_INCHES = (4.6, 3.6)
DPI = 130
COLUMNS = 3
COLOURS = ("#1f6fb4", "#d9622b", "#2f9e6e", "#8a55c0", "#b0892a", "#555555")


def save_panels(plots: Sequence[Callable[[Axes], None]], title: str, path: Path) -> Path:
    """Draw plots side by side, three in a row.

    Args:
        plots: Each draws on the axes that it is given.
        title: Above all of them.
        path: Where the PNG goes.

    Raises:
        DataError: If it cannot be written.
    """
    from matplotlib.figure import Figure

    columns = min(COLUMNS, len(plots))
    rows = -(-len(plots) // columns)
    figure = Figure(figsize=(PANEL_INCHES[0] * columns, PANEL_INCHES[1] * rows + 0.3), dpi=DPI, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, plot in zip(panels, plots, strict=False):
        plot(axes)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in panels[len(plots) :]:
        axes.set_axis_off()
    figure.suptitle(title, fontsize=10)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="png")
    except OSError as error:
        raise DataError(f"the picture cannot be written: {error.strerror or error}", where=str(path)) from None
    return path
