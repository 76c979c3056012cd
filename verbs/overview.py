"""One picture of what a run learnt: box, mask, redrawn frame and 3D pose of a few held-out frames, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..core.errors import DataError
from ..core.interfaces import Array
from ..core.run import open_run
from ..core.skeleton import HUMAN36M_17
from .drawing import PREDICTED_BOX, TRUE_BOX, draw_box, pose_panel
from .pictures import View, tinted
from .sheet import enlarged, save_sheet, titled
from .summary import read_samples

if TYPE_CHECKING:
    from PIL.Image import Image

COLUMNS = 5
VIEWS: tuple[View, ...] = ("front", "side")


def overview(folder: Path, output: Path) -> Path:
    """Draw the samples of a run as a PNG, one column a frame.

    Raises:
        DataError: If the run has no samples, or the picture cannot be written.
    """
    samples = read_samples(open_run(folder))
    if "frame" not in samples:
        raise DataError("this run has no samples to show", where=str(folder), hint=f"make them: poserep probe {folder}")
    count = min(COLUMNS, len(samples["frame"]))
    rows = [[_boxed(samples, index) for index in range(count)]]
    if "mask" in samples:
        masks = [tinted(samples["frame"][index], samples["mask"][index]) for index in range(count)]
        rows.append([titled(enlarged(mask), "mask") for mask in masks])
    if "redrawn" in samples:
        rows.append([titled(enlarged(samples["redrawn"][index]), "redrawn") for index in range(count)])
    drawable = samples.get("pose_predicted", np.empty((0, 0, 3))).shape[1] == len(HUMAN36M_17)
    if drawable and _same_frames(samples):
        rows.append([_posed(samples, index, rows[0][0]) for index in range(count)])
    return save_sheet([tile for row in rows for tile in row], count, output)


def _same_frames(samples: dict[str, Array]) -> bool:
    return np.array_equal(samples.get("pose_frame", ()), samples["frame"])


def _boxed(samples: dict[str, Array], index: int) -> Image:
    from PIL import ImageDraw

    picture = enlarged(samples["frame"][index])
    draw = ImageDraw.Draw(picture)
    for name, colour in (("true_box", TRUE_BOX), ("box", PREDICTED_BOX)):
        if name in samples:
            draw_box(draw, samples[name][index], picture.size, colour)
    return titled(picture, "frame, box (yellow), true box (green)")


def _posed(samples: dict[str, Array], index: int, like: Image) -> Image:
    """Predicted pose from the front and from the side: the middle halves of two panels, in a tile like the others."""
    from PIL import Image

    side = like.width
    tile = Image.new("RGB", (side, side), "white")
    for place, view in enumerate(VIEWS):
        panel = pose_panel(samples["pose_predicted"][index], HUMAN36M_17, view, side)
        tile.paste(panel.crop((side // 4, 0, side // 4 + side // 2, side)), (place * (side // 2), 0))
    return titled(tile, f"3D pose, front and side, error {samples['pose_error'][index]:.0f} mm")
