"""Pictures of what a fine-tuned network says of a few test frames, kept in ``samples.npz`` and, to look at, as a PNG.

Meshes, parts and places on them are drawn at once, so that a report needs neither network nor body model. Frames are
cut out as the network sees them. A mesh is put where the true joints are seen; without them it stands alone.

Axes: N sample frames, 3 S S their pictures as uint8, V vertices, P parts, C classes, h w crop pixels.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.geometry import crop, to_box
from ..core.interfaces import Array
from ..core.metrics import n_mpjpe
from ..core.run import Run
from .finetune_measure import Trained, joined
from .finetune_task import batches
from .mesh_picture import Camera, camera_around, camera_of, drawn
from .samples import as_bytes, differing, save_samples
from .sheet import save_sheet, titled
from .task_pictures import TITLES

SHOWN, SIDE = 6, 144
FAINT = 0.4
"""How much is left of the frame behind what is drawn over it."""
PAPER = 128


@dataclass(frozen=True, slots=True)
class Look:
    """A few test frames: the network with them alone, what it sees of them, uint8, their boxes, and second images."""

    few: Trained
    frame_N3SS: Array
    box_N4: Tensor
    second_N3SS: Array | None

    @property
    def behind_NSS3(self) -> Array:
        """Faint and grey, for drawings over it."""
        grey_NSS = self.frame_N3SS.mean(axis=1) * FAINT + PAPER * (1 - FAINT)
        return np.repeat(grey_NSS[..., None], 3, axis=3).astype(np.uint8)


def save_pictures(one: Trained, run: Run, split: str) -> None:
    """Keep pictures of a network in its folder: those of test frames for the report, those of any split as a PNG."""
    look = look_at(one)
    pairs = list(look.few.said())
    said, true = joined([pair[0] for pair in pairs]), joined([pair[1] for pair in pairs])
    arrays = {"task_frame": look.frame_N3SS}
    if look.second_N3SS is not None:
        arrays["task_second"] = look.second_N3SS
    drawing = DRAWINGS.get(one.model.setting.labels[0])
    if drawing is not None:
        arrays |= drawing(look, said, true)
    if one.model.setting.labels[0] == "gesture":
        arrays |= confusion(one)
    if split == "test":
        save_samples(run.samples, arrays)
    tiles = [_image(picture) for name in TITLES if name in arrays for picture in arrays[name]]
    if "classes" in arrays:
        names = [arrays["classes"][arrays[f"class_{whose}"]] for whose in ("true", "said")]
        rows = zip(look.frame_N3SS, *names, strict=True)
        tiles = [titled(_image(frame), f"{true} as {told}") for frame, true, told in rows]
    save_sheet(tiles, len(look.frame_N3SS), run.folder / f"{split}.png")


@torch.no_grad()
def look_at(one: Trained) -> Look:
    """A few test frames of different people."""
    test = one.frames.test
    few = replace(
        one, frames=replace(one.frames, test=differing(one.source.dataset.clips, test, min(SHOWN, len(test.clip))))
    )
    seen: list[Mapping[str, Any]] = []
    for batch in batches(one.model, one.source, few.frames.test):
        seen.append(one.model.pipeline(batch, until="encoder"))
    box_NT4 = torch.cat([record["box"] for record in seen]).float()
    frame_NT3HW = torch.cat([record["frame"] for record in seen])
    images = [as_bytes(crop(frame_NT3HW[:, t], box_NT4[:, t], (SIDE, SIDE))) for t in range(box_NT4.shape[1])]
    return Look(few, images[0], box_NT4[:, 0].cpu(), images[1] if len(images) > 1 else None)


def _image(picture_3SS: Array) -> Any:
    from PIL import Image

    return Image.fromarray(np.ascontiguousarray(picture_3SS.transpose(1, 2, 0)))


# ---------------------------------------------------------------- meshes


def meshes(look: Look, said: Mapping[str, Tensor], true: Mapping[str, Tensor]) -> dict[str, Array]:
    """True and predicted meshes over the frames."""
    faces = faces_of(look.few)
    cameras = cameras_of(look)
    found: dict[str, Array] = {}
    for name, values in (("true", true), ("said", said)):
        rows = zip(look.behind_NSS3, values["vertices"].numpy(), true["vertices"].numpy(), strict=True)
        pictures = [
            drawn(behind, vertices, cameras[row] if cameras else camera_around(own), faces)
            for row, (behind, vertices, own) in enumerate(rows)
        ]
        found[f"task_{name}"] = np.stack(pictures).transpose(0, 3, 1, 2)
    return found


def faces_of(one: Trained) -> Array | None:
    """Triangles of the labels' meshes: the dataset tells them, or the body model that the head knows."""
    head: Any = one.model.head
    faces = getattr(one.source.dataset, "faces", None)
    if faces is None and (body := getattr(head, "body", None)) is not None:
        faces = body.faces.cpu().numpy()
    return faces


def cameras_of(look: Look) -> list[Camera]:
    """Of each frame the camera that sees points relative to the root in its box; none where joints are not known."""
    source = look.few.source
    if not {"pose", "pose_2d"} <= source.labels:
        return []
    batch = source.read(look.few.frames.test, extra=("pose", "pose_2d"))
    pose_NJ3, pose_NJ2 = batch["pose"][:, 0], to_box(batch["pose_2d"][:, 0], look.box_N4)
    return [camera_of(pose.numpy(), seen.numpy()) for pose, seen in zip(pose_NJ3, pose_NJ2, strict=True)]


# ---------------------------------------------------------------- parts and places on them


def parts(look: Look, said: Mapping[str, Tensor], true: Mapping[str, Tensor]) -> dict[str, Array]:
    """True and predicted parts, each in a colour, and places on them: red grows round the part, green along it."""
    count = said["part_map"].shape[1]
    part_Nhw = said["part_map"].argmax(dim=1)
    index = part_Nhw[:, None, None].expand(-1, 1, 2, -1, -1)
    own_N2hw = said["uv_map"].gather(1, index)[:, 0]
    colours_P3 = palette(count)
    found: dict[str, Array] = {}
    for name, part, uv_N2hw in (("true", true["part_map"][:, 0], true["uv_map"]), ("said", part_Nhw, own_N2hw)):
        blue = torch.full_like(uv_N2hw[:, :1], 0.35)
        places = (255 * torch.cat((uv_N2hw, blue), dim=1)).round().byte().numpy().transpose(0, 2, 3, 1)
        colours = colours_P3[part.numpy() % count]
        found[f"task_{name}"] = over(look.behind_NSS3, part.numpy() > 0, colours)
        found[f"task_{name}_uv"] = over(look.behind_NSS3, part.numpy() > 0, places)
    return found


def palette(count: int) -> Array:
    """Colours of parts, (P, 3) uint8, those of neighbouring numbers far from each other."""
    hues = [(part * 0.382) % 1 for part in range(count)]
    rows = [colorsys.hls_to_rgb(hue, 0.42 + 0.2 * (part % 2), 0.75) for part, hue in enumerate(hues)]
    return (255 * np.array(rows)).round().astype(np.uint8)


def over(behind_NSS3: Array, shown_Nhw: Array, colour_Nhw3: Array) -> Array:
    """Pictures (N, 3, S, S) with the crop's pixels over them where they are shown."""
    rows, columns = (np.arange(SIDE) * size // SIDE for size in shown_Nhw.shape[1:])
    grid = np.ix_(np.arange(len(shown_Nhw)), rows, columns)
    return np.where(shown_Nhw[grid][..., None], colour_Nhw3[grid], behind_NSS3).transpose(0, 3, 1, 2)


# ---------------------------------------------------------------- poses, classes


def poses(look: Look, said: Mapping[str, Tensor], true: Mapping[str, Tensor]) -> dict[str, Array]:
    """True and predicted skeletons, mm, as the samples of a probe have them."""
    error_N = n_mpjpe(said["pose"], true["pose"])
    return {
        "pose_true": true["pose"].numpy(),
        "pose_predicted": said["pose"].numpy(),
        "pose_frame": look.frame_N3SS,
        "pose_error": error_N.numpy(),
    }


def classes(_look: Look, said: Mapping[str, Tensor], true: Mapping[str, Tensor]) -> dict[str, Array]:
    """The true and the likeliest class of each frame."""
    return {"class_true": true["gesture"].numpy(), "class_said": said["gesture"].argmax(dim=1).numpy()}


def confusion(one: Trained) -> dict[str, Array]:
    """How many test frames of each class (row) are taken for each (column), and what the classes are called."""
    pairs = [(said["gesture"].argmax(dim=1).cpu(), true["gesture"].cpu()) for said, true in one.said()]
    said_M, true_M = (torch.cat([pair[i] for pair in pairs]).numpy() for i in (0, 1))
    head: Any = one.model.head
    count = len(head.guess(1)["gesture"][0])
    table_CC = np.zeros((count, count), np.int64)
    np.add.at(table_CC, (true_M, said_M), 1)
    names = getattr(one.source.dataset, "classes", None) or [str(number) for number in range(count)]
    return {"confusion": table_CC, "classes": np.array(names)}


DRAWINGS: Mapping[str, Callable[[Look, Mapping[str, Tensor], Mapping[str, Tensor]], dict[str, Array]]] = {
    "vertices": meshes,
    "part_map": parts,
    "pose": poses,
    "gesture": classes,
}
