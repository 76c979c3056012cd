"""The report's pictures: boxes, masks and redrawn frames, swaps, skeletons.

Axes: N M S frames, 3 colour channels, H W pixels, J joints. Boxes (s_x, s_y, u_x, u_y) in [-1, 1] coordinates; poses
in mm, x right, y down, z away from the camera.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np

from ..core.interfaces import Array
from ..core.skeleton import HUMAN36M_17
from .page import Html, figure, picture, tag

View = Literal["front", "side"]
Samples = Mapping[str, Array]

SHOWN = 12
"""Sample frames of one kind that a report shows of each run."""
MASK_COLOUR = (255, 80, 150)
PREDICTED, TRUE = "#ffd21f", "#fff"
AXIS_TO_THE_RIGHT: dict[View, int] = {"front": 0, "side": 2}
"""From the front x, as the camera sees it; from the side z, so the camera is on the left."""
STRIP = {
    "frame": "test frame",
    "crop": "crop",
    "mask": "mask",
    "redrawn": "redrawn",
    "background": "background",
}
"""What a strip shows, in this order."""
NOTES = (
    (("frame", "box"), "Solid yellow: the predicted box."),
    (("frame", "true_box"), "Dashed white: the true box."),
    (("crop",), "Crop: what the encoder sees."),
    (("frame", "mask"), "Mask: its value as tint over the frame in grey."),
)


def strips(samples: Samples) -> Iterator[Html]:
    """Per frame a row of pictures: the frame with its boxes, and what the model made of it."""
    names = [name for name in STRIP if name in samples and (name != "mask" or "frame" in samples)]
    if not names:
        return
    count = len(samples[names[0]])
    yield tag("h4", "Box, mask and redrawn frame" if {"mask", "redrawn"} & set(names) else "Box and crop")
    yield tag("p", _shown(count, "test frames"), _note(samples), class_="muted")
    for index in range(min(count, SHOWN)):
        cells = (_cell(samples, name, index) for name in names)
        yield tag("div", *cells, class_="strip")


def _shown(count: int, what: str) -> str:
    return f"n = {count} {what}. " if count <= SHOWN else f"The first {SHOWN} of n = {count} {what}. "


def _note(samples: Samples) -> str:
    """How to read the pictures that are there."""
    return " ".join(text for names, text in NOTES if all(name in samples for name in names))


def _cell(samples: Samples, name: str, index: int) -> Html:
    picture_3HW, over, alt = samples[name][index], [], f"{STRIP[name]}, frame {index + 1}"
    if name == "mask":
        picture_3HW = tinted(samples["frame"][index], picture_3HW)
    if name == "frame":
        pair = [samples[key][index] if key in samples else None for key in ("box", "true_box")]
        over = [boxes(*pair)]
        alt += " with its boxes" if any(box is not None for box in pair) else ""
    return figure(image(picture_3HW, alt, *over), STRIP[name])


def swap(samples: Samples) -> Iterator[Html]:
    """The appearance of one frame in the pose of another, as a grid."""
    if "swap" not in samples:
        return
    grid, sources = samples["swap"], samples.get("swap_frame")
    count = len(grid)
    yield tag("h4", "Swapped appearance")
    note = f"Row: whose appearance. Column: whose pose. S = {count} test frames; outlined: both from one frame."
    yield tag("p", note, class_="muted")
    heads = [f"frame {index + 1}" for index in range(count)]

    def source(index: int, role: str) -> str:
        return heads[index] if sources is None else image(sources[index], f"{role} of {heads[index]}")

    corner = tag("td", tag("div", "appearance ↓, pose →", class_="corner"))
    top = tag("tr", corner, *(tag("th", source(index, "pose"), scope="col") for index in range(count)))
    rows = []
    for look in range(count):
        cells = [
            tag("td", image(grid[look, pose], f"{heads[look]} in the pose of {heads[pose]}"))
            if look != pose
            else tag("td", image(grid[look, pose], f"{heads[look]} redrawn"), class_="own")
            for pose in range(count)
        ]
        rows.append(tag("tr", tag("th", source(look, "appearance"), scope="row"), *cells))
    inner = tag("table", tag("thead", top), tag("tbody", *rows), class_="swap")
    yield tag("div", inner, class_="scroll", tabindex="0", role="group", aria_label="swaps")


def poses(samples: Samples) -> Iterator[Html]:
    """Frame, true and predicted skeleton from the front and from the side, with the error."""
    named = [(name, samples[f"pose_{name}"]) for name in ("true", "predicted") if f"pose_{name}" in samples]
    if not named or named[0][1].shape[1] != len(HUMAN36M_17):
        return
    count = len(named[0][1])
    yield tag("h4", "3D pose")
    note = (
        "Front as the camera sees it; side with the camera on the left. All views of a frame have one scale. "
        "The error is the frame's N-MPJPE (mean over 17 joints, after the best scale); the skeleton is as predicted."
    )
    yield tag("p", _shown(count, "test frames"), note, class_="muted")
    sides = (("left-side", "subject's left"), ("right-side", "subject's right"), ("centre-side", "spine and head"))
    yield tag("ul", *(tag("li", _side_swatch(side), text) for side, text in sides), class_="legend")
    yield tag("div", *(_pose(samples, named, index) for index in range(min(count, SHOWN))), class_="poses")


def _side_swatch(side: str) -> Html:
    line = tag("line", x1=0, y1=5, x2=28, y2=5, stroke_width=3, class_=side)
    return tag("svg", line, width=28, height=10, aria_hidden="true")


def _pose(samples: Samples, named: list[tuple[str, Array]], index: int) -> Html:
    window = extent(*(pose_MJ3[index] for _, pose_MJ3 in named))
    cells = []
    if "pose_frame" in samples:
        cells.append(figure(image(samples["pose_frame"][index], f"test frame {index + 1}"), "test frame"))
    views: tuple[View, ...] = ("front", "side")
    for name, pose_MJ3 in named:
        for view in views:
            label = f"{name} pose of frame {index + 1} from the {view}"
            drawing = skeleton(pose_MJ3[index], view, window, label)
            cells.append(figure(drawing, f"{name}, {view}", class_="skeleton"))
    error = f"N-MPJPE {samples['pose_error'][index]:.1f} mm" if "pose_error" in samples else ""
    return figure(tag("div", *cells, class_="pose"), tag("strong", error))


def image(image_3HW: Array, alt: str, *over: Html) -> Html:
    """A uint8 picture on the page, with drawings over it."""
    height, width = image_3HW.shape[1:]
    return picture(data_uri(image_3HW), alt, (height, width), *over)


def data_uri(image_3HW: Array) -> str:
    """A uint8 picture as PNG in a data URI."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image_3HW.transpose(1, 2, 0))).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def tinted(frame_3HW: Array, mask_1HW: Array) -> Array:
    """The frame in grey, and in colour where the mask is: opacity is the mask's value."""
    share_1HW = mask_1HW.astype(np.float32) / 255
    grey_3HW = np.broadcast_to(frame_3HW.mean(axis=0, keepdims=True), frame_3HW.shape)
    colour_3HW = 0.45 * grey_3HW + 0.55 * np.asarray(MASK_COLOUR, np.float32)[:, None, None]
    return np.asarray(np.rint(grey_3HW * (1 - share_1HW) + colour_3HW * share_1HW).astype(np.uint8))


def boxes(box_4: Array | None, true_box_4: Array | None) -> Html:
    """Drawing over a frame: the predicted box solid, the true one dashed, each on a dark line to stand out."""
    shapes = []
    for box, colour, dash in ((true_box_4, "#fff", "5 4"), (box_4, "#ffd21f", "none")):
        if box is None or not np.isfinite(box).all():  # nobody is seen
            continue
        s_x, s_y, u_x, u_y = (round(float(value), 4) for value in box)
        place: dict[str, str | float] = {"x": u_x - s_x, "y": u_y - s_y, "width": 2 * s_x, "height": 2 * s_y}
        shapes.append(tag("rect", **place, stroke="#000", stroke_opacity=0.5, stroke_width=3))
        shapes.append(tag("rect", **place, stroke=colour, stroke_width=1.75, stroke_dasharray=dash))
    return tag("svg", *shapes, viewBox="-1 -1 2 2", preserveAspectRatio="none", aria_hidden="true")


def extent(*poses_J3: Array) -> tuple[float, float, float, float]:
    """The viewBox (x, y, width, height) in mm that holds the poses from the front and from the side."""
    points_P3 = np.concatenate(poses_J3)
    across = float(np.abs(points_P3[:, [0, 2]]).max()) + 80
    top, bottom = float(points_P3[:, 1].min()) - 80, float(points_P3[:, 1].max()) + 80
    return -across, top, 2 * across, bottom - top


def skeleton(pose_J3: Array, view: View, window: tuple[float, float, float, float], label: str) -> Html:
    """A Human3.6M pose as lines, the nearer bones drawn last."""
    across = AXIS_TO_THE_RIGHT[view]
    far_J = pose_J3[:, 2] if view == "front" else -pose_J3[:, 0]
    lines = []
    for bone in sorted(HUMAN36M_17.bones, key=lambda bone: -float(far_J[bone[0]] + far_J[bone[1]])):
        (x1, y1), (x2, y2) = (pose_J3[joint, [across, 1]].round() for joint in bone)
        side = HUMAN36M_17.side(bone[1])
        lines.append(tag("line", x1=f"{x1:.0f}", y1=f"{y1:.0f}", x2=f"{x2:.0f}", y2=f"{y2:.0f}", class_=f"{side}-side"))
    box = " ".join(f"{value:.0f}" for value in window)
    return tag("svg", *lines, viewBox=box, stroke_width=round(window[2] / 26), role="img", aria_label=label)
