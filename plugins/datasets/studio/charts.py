"""Where on a body a point of its surface lies: which part, round it and along it. The same for every body model.

A part is what follows one of the joints that the project knows by name; joints of a model beyond those belong to the
nearest of them above. Round the part counts from its back; along it from its joint outwards.

Axes: P points of the surface, V vertices, G parts, J joints, 3 = x y z.
Coordinates: the model's own, at rest (`core.bodies`), mm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ....core.interfaces import BodyModel
from ....core.skeleton import SKELETONS

KNOWN = {name for skeleton in ("human36m_17", "smpl_24", "hand_21") for name in SKELETONS[skeleton].joints} | {"skull"}
TOO_STEEP = 0.8  # cosine: a part that points this much forwards counts its turn from above


@dataclass(frozen=True)
class Chart:
    """Parts of a body model.

    Attributes:
        names: Of the parts, the joints that they follow.
        weights_VG: How much each vertex belongs to each.
        origin_G3: Their joints.
        frame_G33: Of each part as rows: the direction from which its turn counts, the one after it, along it.
        span_G2: Where each begins and ends along itself, mm.
    """

    names: tuple[str, ...]
    weights_VG: Tensor
    origin_G3: Tensor
    frame_G33: Tensor
    span_G2: Tensor

    def part(self, weights_PG: Tensor) -> Tensor:
        """The part that each point belongs to most, (P,)."""
        return weights_PG.argmax(dim=1)

    def uv(self, rest_P3: Tensor, part_P: Tensor) -> Tensor:
        """Round and along their part, (P, 2) in [0, 1], of points on the body at rest."""
        off_P3 = (self.frame_G33[part_P] @ (rest_P3 - self.origin_G3[part_P])[..., None])[..., 0]
        turn_P = 0.5 + torch.atan2(off_P3[:, 1], off_P3[:, 0]) / (2 * math.pi)
        low_P, high_P = self.span_G2[part_P].unbind(1)
        return torch.stack((turn_P, (off_P3[:, 2] - low_P) / (high_P - low_P)), dim=1).clamp(0, 1)


def owners(names: tuple[str, ...], parents: tuple[int, ...]) -> list[int]:
    """For each joint the nearest known one, itself or above; the root counts as known."""
    found: list[int] = []
    for joint, parent in enumerate(parents):
        found.append(joint if parent < 0 or names[joint] in KNOWN else found[parent])
    return found


def chart_of(body: BodyModel) -> Chart:
    """The parts of a body model that have some surface."""
    owner_J = torch.tensor(owners(body.joint_names, body.parents))
    joints, weights = len(body.joint_names), body.weights.cpu()
    of_V = torch.zeros(len(weights), joints).index_add_(1, owner_J, weights)
    kept = [joint for joint in range(joints) if (of_V.argmax(dim=1) == joint).any()]
    at_rest = torch.eye(3).expand(1, joints, 3, 3)
    _, joints_1J3 = body(at_rest, torch.zeros(1, body.shape_count), torch.zeros(1, 3))
    weights_VG, template_V3 = of_V[:, kept], body.template.cpu()
    frames, spans = [], []
    for group, joint in enumerate(kept):
        own_N3 = template_V3[weights_VG.argmax(dim=1) == group] - joints_1J3[0, joint]
        frame_33 = _frame(_outwards(body, joint, joints_1J3[0].detach(), own_N3))
        frames.append(frame_33)
        spans.append(torch.stack(torch.aminmax(own_N3 @ frame_33[2])))
    names = tuple(body.joint_names[joint] for joint in kept)
    return Chart(names, weights_VG, joints_1J3[0, kept].detach(), torch.stack(frames), torch.stack(spans))


def _outwards(body: BodyModel, joint: int, joints_J3: Tensor, own_N3: Tensor) -> Tensor:
    """Along a part: to the middle of the next joints, or where there are none to the middle of its surface."""
    after = [child for child, parent in enumerate(body.parents) if parent == joint and body.joint_names[child] in KNOWN]
    way_3 = joints_J3[after].mean(dim=0) - joints_J3[joint] if after else own_N3.mean(dim=0)
    return way_3 if float(way_3.norm()) > 1 else own_N3.mean(dim=0)


def _frame(along_3: Tensor) -> Tensor:
    """Front (of a part that points forwards, up), what follows it in the turn, and along; as rows."""
    along_3 = normalize(along_3, dim=0)
    front_3 = torch.tensor([0.0, 0.0, 1.0]) if abs(float(along_3[2])) < TOO_STEEP else torch.tensor([0.0, 1.0, 0.0])
    front_3 = normalize(front_3 - (front_3 @ along_3) * along_3, dim=0)
    return torch.stack((front_3, torch.linalg.cross(along_3, front_3), along_3))
