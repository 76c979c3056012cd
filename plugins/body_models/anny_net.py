"""What of `body_model.anny` needs torch: its arrays in the axes of `core.bodies`, with joints by the names used here.

Axes: N bodies, J joints, V vertices, S shape parameters, L bones that move a vertex, K joints of a pose, 3 = x y z.
Coordinates: millimetres; the package's own are metres, turned by what its bones tell to be up, left and forward.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from ...core.skeleton import HUMAN36M_17, SKELETONS, Skeleton
from ...networks.skinning import check_pose, posed

M_TO_MM = 1000.0
GROWN = {"age": 0.7}  # a phenotype is 0.5 if not told
SPREAD = {"gender": 0.3, "age": 0.08}
OTHERS_SPREAD = 0.15
FINGERS = ("thumb", "index", "middle", "ring", "little")
BONES = {
    "root": "pelvis",
    "spine03": "spine",
    "neck01": "neck",
    "head": "head",
    **{
        f"{bone}.{letter}": f"{side}_{joint}"
        for letter, side in (("L", "left"), ("R", "right"))
        for bone, joint in (
            *(("upperleg01", "hip"), ("lowerleg01", "knee"), ("foot", "ankle"), ("clavicle", "collar")),
            *(("upperarm01", "shoulder"), ("lowerarm01", "elbow"), ("wrist", "wrist")),
        )
    },
}
"""Its bones by the names of joints that begin there; the others keep theirs."""
PHALANXES = {
    f"finger{number}-{place}.R": f"{finger}_{joint}"
    for number, finger in enumerate(FINGERS, 1)
    for place, joint in enumerate(("cmc", "mcp", "ip") if finger == "thumb" else ("mcp", "pip", "dip"), 1)
}


class FromAnny(nn.Module):
    """A model of the package; see `core.bodies.BodyModel`.

    Args:
        made: What the package built.
        hand: Whether it is a right hand.
    """

    faces: Tensor
    template: Tensor
    weights: Tensor
    shape_spread: Tensor
    turn_33: Tensor
    origin_3: Tensor
    middle_S: Tensor
    skeleton: Skeleton | None

    def __init__(self, made: Any, hand: bool) -> None:
        super().__init__()
        self.made, self._hand = made, hand
        self.phenotypes = tuple(made.phenotype_labels)
        names = {"wrist.R": "wrist", **PHALANXES} if hand else BONES
        self.joint_names = tuple(names.get(bone, bone) for bone in made.bone_labels)
        self.parents = (-1, *(int(parent) for parent in made.bone_parents[1:]))
        own = SKELETONS["hand_21"] if hand else HUMAN36M_17
        self.skeleton, self._posed = own, own.joints
        self.shape_count, self.vertices_count = len(self.phenotypes), len(made.template_vertices)
        spread = torch.tensor([SPREAD.get(name, OTHERS_SPREAD) for name in self.phenotypes])
        self._keep("shape_spread", spread)
        self._keep("middle_S", torch.tensor([GROWN.get(name, 0.5) for name in self.phenotypes]))
        bones_VL = made.vertex_bone_indices
        if hand:  # what follows the root is part of the wrist
            bones_VL = torch.where(bones_VL == 0, self.joint_names.index("wrist"), bones_VL)
        self._keep("weights", dense(made.vertex_bone_weights, bones_VL, len(self.joint_names)))
        self._keep("faces", made.get_triangular_faces().long())
        heads = {name: made.template_bone_heads[joint].float() for joint, name in enumerate(self.joint_names)}
        self._keep("turn_33", hand_axes(heads) if hand else body_axes(heads))
        self._keep("origin_3", torch.zeros(3))
        self._keep("origin_3", self.rest(torch.zeros(1, self.shape_count))[1][0, 0])
        self._keep("template", self.rest(torch.zeros(1, self.shape_count))[0][0])
        self._marks = self._fingertips() if hand else self._nose_and_crown()

    def _keep(self, name: str, values: Tensor) -> None:
        self.register_buffer(name, values.detach().clone(), persistent=False)

    def rest(self, shape_NS: Tensor) -> tuple[Tensor, Tensor]:
        """Vertices (N, V, 3) and joints (N, J, 3) at rest."""
        values = (self.middle_S + shape_NS).clamp(0, 1).unbind(1)
        share_NB = self.made.get_phenotype_blendshape_coefficients(**dict(zip(self.phenotypes, values, strict=True)))
        shapes = (
            (self.made.template_vertices, self.made.blendshapes),
            (self.made.template_bone_heads, self.made.bone_heads_blendshapes),
        )
        points = [plain + torch.einsum("nb,bpc->npc", share_NB.to(adds), adds) for plain, adds in shapes]
        vertices, heads = (M_TO_MM * one.to(shape_NS) @ self.turn_33.mT - self.origin_3 for one in points)
        if self._hand:  # the package hangs a hand on the root of a body, far away
            heads = torch.cat((heads[:, self.joint_names.index("wrist"), None], heads[:, 1:]), dim=1)
        return vertices, heads

    def forward(self, rotations: Tensor, shape: Tensor, translation: Tensor) -> tuple[Tensor, Tensor]:
        """Vertices (N, V, 3) and joints (N, J, 3) from rotations (N, J, 3, 3), shape (N, S), translation (N, 3).

        Raises:
            ShapeError: Some of them have another shape.
        """
        check_pose(self, rotations, shape, translation)
        return posed(self, *self.rest(shape), rotations, translation)

    def pose(self, vertices: Tensor, joints: Tensor) -> Tensor:
        """The joints of its skeleton, (N, K, 3): heads of bones, between them the pelvis, and vertices of the ends."""
        found = {name: joints[:, joint] for joint, name in enumerate(self.joint_names)}
        if self.skeleton is HUMAN36M_17:
            found["pelvis"] = (found["left_hip"] + found["right_hip"]) / 2
            found["thorax"] = found["neck"]
        found |= {name: vertices[:, vertex] for name, vertex in self._marks.items()}
        return torch.stack([found[name] for name in self._posed], dim=1)

    def _fingertips(self) -> dict[str, int]:
        """The farthest vertex of each last phalanx."""
        _, joints = self.rest(torch.zeros(1, self.shape_count))
        found = {}
        for finger in FINGERS:
            last = self.joint_names.index(f"{finger}_ip" if finger == "thumb" else f"{finger}_dip")
            before = self.parents[last]
            along = (self.template - joints[0, last]) @ (joints[0, last] - joints[0, before])
            own = self.weights.argmax(dim=1) == last
            found[f"{finger}_tip"] = int(along.masked_fill(~own, -torch.inf).argmax())
        return found

    def _nose_and_crown(self) -> dict[str, int]:
        """Human3.6M's neck, at the nose: the foremost vertex of the head; and its head, the highest."""
        own = self.weights.argmax(dim=1) == self.joint_names.index("head")
        height, front = (self.template[:, axis].masked_fill(~own, -torch.inf) for axis in (1, 2))
        return {"neck": int(front.argmax()), "head": int(height.argmax())}


def dense(weights_VL: Tensor, bones_VL: Tensor, joints: int) -> Tensor:
    """Weights (V, J) from those of the few bones that move each vertex."""
    found = torch.zeros(len(weights_VL), joints)
    found.scatter_add_(1, bones_VL.long(), weights_VL.float())
    return found / found.sum(dim=1, keepdim=True)


def axes(left: Tensor, up: Tensor) -> Tensor:
    """Rows left, up and forward as near to two directions as a rotation can be: into the axes of `core.bodies`."""
    up = normalize(up, dim=0)
    left = normalize(left - (left @ up) * up, dim=0)
    return torch.stack((left, up, torch.linalg.cross(left, up)))


def body_axes(heads: dict[str, Tensor]) -> Tensor:
    """Of a body: left from hip to hip, up to the neck, rounded to the package's own axes."""
    turn_33 = axes(heads["left_hip"] - heads["right_hip"], heads["neck"] - heads["pelvis"])
    return turn_33.round()


def hand_axes(heads: dict[str, Tensor]) -> Tensor:
    """Of a right hand: x away from the middle finger, z from the little finger's side to the index's."""
    along = normalize(heads["middle_mcp"] - heads["wrist"], dim=0)
    across = heads["index_mcp"] - heads["little_mcp"]
    return axes(-along, torch.linalg.cross(along, across))
