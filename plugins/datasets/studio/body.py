"""The studio's people: 17 Human3.6M joints dressed as tapered capsules.

A table of parts says between which anchors each capsule lies; an anchor is a point on a bone plus an offset in a
local frame (pelvis, chest, head, feet, hands), so one gather and one product place every part of every frame.
Hair, nose, eyes and a chest panel tell front from back.

Axes: T frames, J joints, K capsules, N local frames.
Coordinates: world, millimetres, +z up; a local frame is (left, up, forward), so that left x up = forward.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.linalg import cross
from torch.nn.functional import normalize

from ....core.skeleton import HUMAN36M_17
from .parts import ADULT_HEIGHT_MM, ADULT_MM, FRAMES, PARTS

Outfit = Literal["street", "ski", "swim"]
FACE_WITH_CHEST_MM = 20.0

# ---------------------------------------------------------------- subjects


@dataclass(frozen=True)
class Subject:
    """One person: proportions and colours.

    Attributes:
        name: What it was made from.
        height_mm: Standing height.
        bone_lengths_mm: From the parent to each joint, (17,) float32; 0 for the pelvis.
        radii_mm: Of each capsule's two ends, (K, 2) float32; 0 hides a capsule.
        colours: RGB in [0, 1] of each capsule, (K, 3) float32.
    """

    name: str
    height_mm: float
    bone_lengths_mm: Tensor
    radii_mm: Tensor
    colours: Tensor


@dataclass(frozen=True)
class Capsules:
    """A body ready to draw: ends (T, K, 2, 3) in world mm, radii (K, 2) in mm, colours (K, 3) in [0, 1]."""

    ends_TK23: Tensor
    radii_K2: Tensor
    colours_K3: Tensor


def make_subject(seed: int | str, outfit: Outfit = "street") -> Subject:
    """A person of random proportions and garments; equal seed (or name), equal person.

    Args:
        seed: A number, or any name.
        outfit: ``ski`` is long and helmeted, ``swim`` bare but for the trunks.
    """
    rng = np.random.default_rng(zlib.crc32(str(seed).encode()))
    height = float(np.clip(rng.normal(1715, 85), 1500, 1950))
    stature = height / ADULT_HEIGHT_MM
    legs, arms, shoulders, hips = rng.uniform((0.96, 0.95, 0.92, 0.9), (1.04, 1.05, 1.08, 1.08))
    shape = np.ones(17)
    shape[[2, 3, 5, 6]], shape[[12, 13, 15, 16]], shape[[11, 14]], shape[[1, 4]] = legs, arms, shoulders, hips
    build = rng.uniform(0.88, 1.16)
    girths = {
        "limb": build * rng.uniform(0.95, 1.05),
        "torso": build * (0.5 + 0.5 * shoulders),
        "belly": build * rng.uniform(0.9, 1.15),
        "head": rng.uniform(0.96, 1.06),
        "tail": 0.0 if outfit == "ski" else float(rng.random() < 0.4),
    }
    tints = _tints(rng, outfit)
    return Subject(
        name=str(seed),
        height_mm=height,
        bone_lengths_mm=torch.tensor(np.array(ADULT_MM) * shape * stature, dtype=torch.float32),
        radii_mm=torch.tensor([[r * stature * girths[p.girth] for r in p.radii] for p in PARTS], dtype=torch.float32),
        colours=torch.tensor([tints[p.tint] for p in PARTS], dtype=torch.float32),
    )


Colour = Sequence[float]
SKIN = ((0.97, 0.80, 0.69), (0.91, 0.70, 0.56), (0.80, 0.58, 0.43), (0.62, 0.42, 0.29), (0.42, 0.27, 0.19))
HAIR = ((0.10, 0.08, 0.07), (0.28, 0.17, 0.10), (0.52, 0.33, 0.16), (0.86, 0.70, 0.40), (0.60, 0.25, 0.12))
LEGWEAR = ((0.16, 0.22, 0.38), (0.15, 0.15, 0.17), (0.62, 0.54, 0.40), (0.36, 0.38, 0.30), (0.33, 0.20, 0.17))


def _hue(rng: np.random.Generator, low: float, high: float, pale: tuple[float, float] = (0.1, 0.45)) -> Colour:
    """A colour of random hue: share of white between the bounds ``pale``, value between ``low`` and ``high``."""
    hue, grey, value = rng.random(), rng.uniform(*pale), rng.uniform(low, high)
    wheel = np.clip(np.abs((hue * 6 + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
    return tuple(float(c) for c in value * (grey + (1 - grey) * wheel))


def _pick(rng: np.random.Generator, palette: Sequence[Colour]) -> Colour:
    """One colour of the palette, slightly varied."""
    colour = np.array(palette[int(rng.integers(len(palette)))]) * rng.uniform(0.9, 1.1)
    return tuple(float(c) for c in np.clip(colour + rng.normal(0, 0.015, 3), 0.02, 1))


def _tints(rng: np.random.Generator, outfit: Outfit) -> dict[str, Colour]:
    """Colour of every tint named in the table of parts."""
    skin, hair, legwear = _pick(rng, SKIN), _pick(rng, HAIR), _pick(rng, LEGWEAR)
    shirt, shoes, bright = _hue(rng, 0.4, 0.8), _hue(rng, 0.2, 0.9), _hue(rng, 0.6, 0.9)
    panel = _hue(rng, 0.9, 1.0, pale=(0.7, 1.0))
    long_sleeves, shorts = rng.random() < 0.4, rng.random() < 0.25
    tints = {
        "skin": skin,
        "hair": hair,
        "shirt": shirt,
        "panel": panel,
        "shoes": shoes,
        "hand": skin,
        "trousers": legwear,
        "calf": skin if shorts else legwear,
        "upper_arm": shirt if long_sleeves else skin,
        "forearm": shirt if long_sleeves else skin,
        "nose": (skin[0] * 0.95, skin[1] * 0.78, skin[2] * 0.75),
        "eyes": (0.12, 0.10, 0.10),
    }
    if outfit == "ski":
        tints |= {"hair": bright, "trousers": bright, "calf": bright, "upper_arm": shirt, "forearm": shirt}
        tints |= {"hand": (0.12, 0.12, 0.14), "eyes": (0.1, 0.1, 0.3), "shoes": (0.2, 0.2, 0.22)}
    if outfit == "swim":
        tints |= dict.fromkeys(("shirt", "shoes", "calf", "upper_arm", "forearm"), skin)
        tints |= {"trousers": shirt, "panel": tuple(c * 0.93 for c in skin)}
    return tints


# ---------------------------------------------------------------- placing


def capsules(joints_TJ3: Tensor, subject: Subject) -> Capsules:
    """Dress a motion.

    Args:
        joints_TJ3: World positions of the 17 joints in mm, (T, 17, 3).
        subject: Who wears it; its girths and colours are used as they are, the joints are not moved.
    """
    near_K2, far_K2, share_K2, frame_K2, offset_K23 = (x.to(joints_TJ3.device) for x in _table())
    stature = subject.height_mm / ADULT_HEIGHT_MM
    axes_TN33 = local_frames(joints_TJ3)
    bone_TK23 = torch.lerp(joints_TJ3[:, near_K2], joints_TJ3[:, far_K2], share_K2[..., None])
    offset_TK23 = torch.einsum("tkeac,kea->tkec", axes_TN33[:, frame_K2], offset_K23 * stature)
    return Capsules(
        bone_TK23 + offset_TK23, subject.radii_mm.to(joints_TJ3.device), subject.colours.to(joints_TJ3.device)
    )


def local_frames(joints_TJ3: Tensor) -> Tensor:
    """Axes (left, up, forward) of pelvis, chest, head, feet and hands, as rows of (T, N, 3, 3).

    The face looks where the neck joint (at the nose) stands out from the line from thorax to crown, and with the
    chest where it does not. A foot hinges about the knee's axis (that of the hips while the leg is straight), level
    under an upright shin and at a right angle to a lying one. A hand goes on from the forearm.
    """

    def bone(start: str, end: str) -> Tensor:
        return joints_TJ3[:, HUMAN36M_17.index(end)] - joints_TJ3[:, HUMAN36M_17.index(start)]

    hips, shoulders = bone("right_hip", "left_hip"), bone("right_shoulder", "left_shoulder")
    skull, chest = bone("thorax", "head"), bone("spine", "thorax")
    up, left = [bone("pelvis", "spine"), chest, skull], [hips, shoulders]
    facing = _across(bone("thorax", "neck"), skull) + FACE_WITH_CHEST_MM * normalize(cross(shoulders, chest), dim=-1)
    left.append(cross(skull, facing))
    for side in ("right", "left"):
        thigh = normalize(bone(f"{side}_hip", f"{side}_knee"), dim=-1)
        shin = normalize(bone(f"{side}_knee", f"{side}_ankle"), dim=-1)
        up.append(_levelled(-shin))
        left.append(0.25 * normalize(hips, dim=-1) + cross(thigh, shin))
    up += [bone(f"{side}_elbow", f"{side}_wrist") for side in ("right", "left")]
    left += [shoulders, shoulders]
    up_TN3, left_TN3 = normalize(torch.stack(up, dim=1), dim=-1), torch.stack(left, dim=1)
    left_TN3 = normalize(_across(left_TN3, up_TN3), dim=-1)
    return torch.stack([left_TN3, up_TN3, cross(left_TN3, up_TN3)], dim=2)


def _levelled(up_T3: Tensor) -> Tensor:
    """The foot's up: from that of the shin towards the world's, the more the shin itself is upright."""
    share_T1 = 0.8 * ((up_T3[:, 2:] - 0.2) / 0.5).clamp(0, 1)
    return torch.lerp(up_T3, torch.tensor([0.0, 0.0, 1.0], device=up_T3.device), share_T1)


def _across(vector: Tensor, axis: Tensor) -> Tensor:
    """The part of a vector at a right angle to an axis, both (..., 3)."""
    axis = normalize(axis, dim=-1)
    return vector - (vector * axis).sum(-1, keepdim=True) * axis


@lru_cache(maxsize=1)
def _table() -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The table of parts as tensors: two joints, share, local frame and offset of each end."""
    ends = [part.ends for part in PARTS]
    return (
        torch.tensor([[HUMAN36M_17.index(a.joint) for a in pair] for pair in ends]),
        torch.tensor([[HUMAN36M_17.index(a.towards) for a in pair] for pair in ends]),
        torch.tensor([[a.share for a in pair] for pair in ends], dtype=torch.float32),
        torch.tensor([[FRAMES.index(a.frame) for a in pair] for pair in ends]),
        torch.tensor([[a.offset for a in pair] for pair in ends], dtype=torch.float32),
    )
