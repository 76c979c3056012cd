"""Colours of a body model's surface: painted on the body at rest, by part and place, so that any mesh wears them.

Hair, eyes, mouth, a pale front and sleeves of the same garments as the studio's capsules; nails and a cuff on a hand.

Axes: P points of the surface, G parts, N tints, 3 = x y z or R G B.
Coordinates: the model's own, at rest (`core.bodies`), mm.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ....core.interfaces import BodyModel
from .body import Subject
from .charts import Chart
from .parts import PARTS

TINTS = tuple(dict.fromkeys((*(part.tint for part in PARTS), "lips", "nails", "cuff")))
WORN = {
    **dict.fromkeys(("pelvis", "left_hip", "right_hip"), "trousers"),
    **dict.fromkeys(("left_knee", "right_knee"), "calf"),
    **dict.fromkeys(("left_ankle", "right_ankle", "left_foot", "right_foot"), "shoes"),
    **dict.fromkeys(("spine", "spine1", "spine2", "spine3", "thorax", "left_collar", "right_collar"), "shirt"),
    **dict.fromkeys(("left_shoulder", "right_shoulder"), "upper_arm"),
    **dict.fromkeys(("left_elbow", "right_elbow"), "forearm"),
    **dict.fromkeys(("left_wrist", "right_wrist", "left_hand", "right_hand"), "hand"),
}
"""What each part of a body wears; the rest is skin."""
SLEEVE = 0.55  # of the upper arm, as the capsules' short sleeves
WAIST = 0.35  # share of the way from pelvis to spine up to which trousers reach


@dataclass(frozen=True)
class Dress:
    """What one person or hand looks like.

    Attributes:
        chart: Parts of the body model.
        tint_G: Index of what each part wears, in `TINTS`.
        colours_N3: Of the tints.
        marks_J3: The model's pose at rest: joints of its skeleton, by which the painting goes.
        hand: Whether it is a hand.
    """

    chart: Chart
    tint_G: Tensor
    colours_N3: Tensor
    marks_J3: Tensor
    hand: bool

    def colours(self, rest_P3: Tensor, part_P: Tensor) -> Tensor:
        """RGB in [0, 1] of points on the body at rest, (P, 3)."""
        tint_P = self.tint_G[part_P].clone()
        paint = _paint_hand if self.hand else _paint_body
        paint(self, rest_P3, part_P, tint_P)
        return self.colours_N3[tint_P]

    def put(self, tint_P: Tensor, name: str, where: Tensor) -> None:
        """Give some points another tint, in place."""
        tint_P[where] = TINTS.index(name)

    def of(self, part_P: Tensor, *names: str) -> Tensor:
        """Which points belong to parts of these names."""
        known = torch.tensor([name in names for name in self.chart.names])
        return known[part_P]


def dress(body: BodyModel, chart: Chart, subject: Subject) -> Dress:
    """A body model in the colours of a studio's person."""
    found = dict(zip((part.tint for part in PARTS), subject.colours, strict=True))
    skin = found["skin"]
    found |= {
        "lips": skin * torch.tensor([0.85, 0.55, 0.55]),
        "nails": torch.lerp(skin, torch.tensor([1.0, 0.85, 0.83]), 0.45),
        "cuff": found["shirt"],
    }
    hand = body.skeleton is not None and body.skeleton.name == "hand_21"
    tint_G = torch.tensor([TINTS.index(WORN.get(name, "skin")) for name in chart.names])
    at_rest = torch.eye(3).expand(1, len(body.joint_names), 3, 3)
    marks = body.pose(*body(at_rest, torch.zeros(1, body.shape_count), torch.zeros(1, 3)))[0].detach()
    colours = torch.stack([found[tint] for tint in TINTS]).float()
    if hand:
        tint_G = torch.full_like(tint_G, TINTS.index("skin"))
    return Dress(chart, tint_G, colours, marks, hand)


def _paint_body(one: Dress, rest_P3: Tensor, part_P: Tensor, tint_P: Tensor) -> None:
    """Waist, sleeves, the pale front, hair, eyes and mouth, in place."""
    x, y, z = rest_P3.unbind(1)
    pelvis, spine, thorax, nose, crown = (one.marks_J3[joint] for joint in (0, 7, 8, 9, 10))
    size = float(crown[1] - nose[1])  # of half a head
    waist = float(torch.lerp(pelvis, spine, WAIST)[1])
    trunk = one.of(part_P, "pelvis", "spine", "spine1", "spine2", "spine3", "thorax")
    one.put(tint_P, "shirt", trunk & (y > waist))
    one.put(tint_P, "trousers", trunk & (y <= waist))
    front = trunk & (z > pelvis[2]) & (x.abs() < 75) & (y > waist) & (y < thorax[1] - 25)
    one.put(tint_P, "panel", front)
    for shoulder, elbow in ((11, 12), (14, 15)):
        a_3, b_3 = one.marks_J3[shoulder], one.marks_J3[elbow]
        share_P = (rest_P3 - a_3) @ (b_3 - a_3) / (b_3 - a_3).square().sum()
        arm = one.of(part_P, ("left" if shoulder == 11 else "right") + "_shoulder")
        one.put(tint_P, "shirt", arm & (share_P < SLEEVE))
    head = one.of(part_P, "skull", "head", "neck", "jaw")
    up, back = (y - nose[1]) / size, (nose[2] - z) / size
    one.put(tint_P, "skin", head & (y > thorax[1]))
    one.put(tint_P, "hair", head & ((up > 0.62 + 0.0 * back) | (back > 0.15) & (up > -0.25) | (up + back > 0.9)))
    for side in (-1, 1):
        eye = (x - side * 0.29 * size).square() / 0.020 + (y - nose[1] - 0.24 * size).square() / 0.010
        one.put(tint_P, "eyes", head & (z > nose[2]) & (eye < size**2))
    mouth = (x / 0.22).square() + ((y - nose[1] + 0.36 * size) / 0.07).square()
    one.put(tint_P, "lips", head & (z > nose[2]) & (mouth < size**2))


def _paint_hand(one: Dress, rest_P3: Tensor, part_P: Tensor, tint_P: Tensor) -> None:
    """Nails and a cuff, in place."""
    wrist, knuckle = one.marks_J3[0], one.marks_J3[9]
    share_P = (rest_P3 - wrist) @ (knuckle - wrist) / (knuckle - wrist).square().sum()
    one.put(tint_P, "cuff", one.of(part_P, "wrist") & (share_P < -0.3))
    for finger in range(5):
        last, tip = one.marks_J3[4 * finger + 3], one.marks_J3[4 * finger + 4]
        along = (rest_P3 - last) @ (tip - last) / (tip - last).square().sum()
        up_3 = torch.tensor([0.0, 0.9, -0.45] if finger == 0 else [0.0, 1.0, 0.0])
        raised = ((rest_P3 - last) - along[:, None] * (tip - last)) @ up_3
        name = ("thumb_ip", "index_dip", "middle_dip", "ring_dip", "little_dip")[finger]
        one.put(tint_P, "nails", one.of(part_P, name) & (along > 0.42) & (along < 0.98) & (raised > 4))
