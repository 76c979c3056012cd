"""A body model that does what a motion of 17 joints does: each bone of the motion gives a joint of the model its turn.

The frames of trunk, head and feet are those of the studio's capsules (`body.local_frames`). A leg turns with its knee's
hinge. An arm is swung from the chest by the shortest way, and then turned to where its elbow bends.

Axes: T frames, J joints of the motion, K joints of the model, 3 = x y z.
Coordinates: world mm, +z up; the model's own are left, up, forward (`core.bodies`).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.linalg import cross
from torch.nn.functional import normalize

from ....core.errors import ConfigError
from ....core.interfaces import BodyModel
from ....core.skeleton import HUMAN36M_17
from .body import local_frames

TO_WORLD = ((0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))  # a body at rest looks along world +x
HINGE = 0.25  # below this sine of its angle an elbow or a knee leaves its axis to the trunk
DRIVEN = {
    "pelvis": "pelvis",
    **dict.fromkeys(("spine", "spine2", "thorax"), "chest"),
    "skull": "head",
    "head": "head",
    **{
        f"{side}_{joint}": f"{side}_{frame}"
        for side in ("left", "right")
        for joint, frame in (
            *(("hip", "thigh"), ("knee", "shin"), ("ankle", "foot")),
            *(("collar", "collar"), ("shoulder", "upper_arm"), ("elbow", "forearm")),
        )
    },
}
"""Which of a model's joints follow which frame of the motion; the others stay as they are relative to their parent."""


@dataclass(frozen=True)
class Posed:
    """A body model through a clip: rotations (T, K, 3, 3) relative to the parent, shape (S,), translation (T, 3) mm."""

    rotations_TK33: Tensor
    shape_S: Tensor
    translation_T3: Tensor

    def at(self, body: BodyModel, index: Tensor) -> tuple[Tensor, Tensor]:
        """Vertices and joints of some frames, world mm."""
        with torch.no_grad():
            return body(self.rotations_TK33[index], self.shape_S.expand(len(index), -1), self.translation_T3[index])


def shape_of(body: BodyModel, name: str) -> Tensor:
    """A person's shape parameters, (S,): drawn by the name, as far from the average as is common."""
    rng = np.random.default_rng([zlib.crc32(name.encode()), 7])
    drawn = np.clip(rng.normal(size=body.shape_count), -2, 2)
    return torch.from_numpy(drawn).float() * body.shape_spread.cpu()


def at_rest(body: BodyModel, shape_S: Tensor) -> Tensor:
    """The pose (J, 3) of a body at rest, world mm."""
    turn = torch.eye(3).expand(1, len(body.joint_names), 3, 3)
    with torch.no_grad():
        found = body.pose(*body(turn, shape_S[None], torch.zeros(1, 3)))[0]
    return found @ torch.tensor(TO_WORLD).T


def bone_lengths(body: BodyModel, shape_S: Tensor) -> Tensor:
    """From the parent to each of the 17 joints, (17,) mm; 0 for the pelvis.

    Raises:
        ConfigError: The body model is none of a body, or has no mapping to these joints.
    """
    if body.skeleton is not HUMAN36M_17:
        has = body.skeleton.name if body.skeleton else "no mapping to a skeleton"
        raise ConfigError(
            f"people need a body model that gives the joints of human36m_17; this one has {has}",
            where="dataset.body",
            hint='a hand goes with dataset.scene = "hands"; a model of files may need its joint regressor',
        )
    rest_J3 = at_rest(body, shape_S)
    bones_J3: Tensor = rest_J3 - rest_J3[[max(parent, 0) for parent in HUMAN36M_17.parents]]
    lengths_J: Tensor = bones_J3.norm(dim=1)
    return lengths_J


def follow(body: BodyModel, shape_S: Tensor, joints_TJ3: Tensor) -> Posed:
    """The body model in the poses of a motion, its pelvis where the motion's is.

    Args:
        body: One that gives the 17 joints.
        shape_S: Its shape parameters.
        joints_TJ3: World positions of the 17 joints, mm.
    """
    rest_J3 = at_rest(body, shape_S)
    rest, moved = frames(rest_J3[None], rest_J3), frames(joints_TJ3, rest_J3)
    turns = {name: moved[name] @ rest[name].mT for name in moved}
    whole: list[Tensor] = []
    to_world_33 = torch.tensor(TO_WORLD)
    for joint, name in enumerate(body.joint_names):
        frame = DRIVEN.get(name)
        if frame is not None and not (name == "head" and "skull" in body.joint_names):
            whole.append(turns[frame] @ to_world_33)
        else:
            whole.append(whole[body.parents[joint]] if joint else to_world_33.expand(len(joints_TJ3), 3, 3))
    relative = [whole[0], *(whole[parent].mT @ whole[child] for child, parent in enumerate(body.parents) if child)]
    posed = Posed(torch.stack(relative, dim=1), shape_S, torch.zeros(len(joints_TJ3), 3))
    pelvis_T3 = body.pose(*posed.at(body, torch.arange(len(joints_TJ3))))[:, 0]
    return Posed(posed.rotations_TK33, shape_S, joints_TJ3[:, 0] - pelvis_T3)


def frames(joints_TJ3: Tensor, rest_J3: Tensor) -> dict[str, Tensor]:
    """Axes of each part of a body by name, as columns of (T, 3, 3).

    Args:
        joints_TJ3: World positions of the 17 joints.
        rest_J3: The same body at rest.
    """
    trunk = local_frames(joints_TJ3).mT
    found = {"pelvis": trunk[:, 0], "chest": trunk[:, 1], "head": trunk[:, 2]}
    found |= {"right_foot": trunk[:, 3], "left_foot": trunk[:, 4]}
    chest_33 = local_frames(rest_J3[None])[0, 1]  # rows: into the chest's frame
    hips = _bone(joints_TJ3, "right_hip", "left_hip")
    for side, sign in (("right", 1.0), ("left", -1.0)):
        thigh, shin = (_bone(joints_TJ3, f"{side}_{a}", f"{side}_{b}") for a, b in (("hip", "knee"), ("knee", "ankle")))
        axis = HINGE * hips + cross(thigh, shin)
        found |= {f"{side}_thigh": _along(thigh, axis), f"{side}_shin": _along(shin, axis)}
        girdle = _bone(joints_TJ3, "thorax", f"{side}_shoulder")
        upper, fore = (
            _bone(joints_TJ3, f"{side}_{a}", f"{side}_{b}") for a, b in (("shoulder", "elbow"), ("elbow", "wrist"))
        )
        girdle_0, upper_0 = (
            found["chest"] @ (chest_33 @ _bone(rest_J3, a, f"{side}_{b}"))
            for a, b in (("thorax", "shoulder"), (f"{side}_shoulder", "elbow"))
        )
        found[f"{side}_collar"] = swing(girdle_0, girdle) @ found["chest"]
        up = (swing(upper_0, upper) @ found["chest"][..., 1:2])[..., 0]
        axis = HINGE * up + sign * cross(upper, fore)
        found |= {f"{side}_upper_arm": _along(upper, axis), f"{side}_forearm": _along(fore, axis)}
    return found


def swing(start_T3: Tensor, end_T3: Tensor) -> Tensor:
    """The rotation by the shortest way from one unit vector to another, (T, 3, 3); they must not be opposite."""
    axis, cosine = cross(start_T3, end_T3), (start_T3 * end_T3).sum(-1)[..., None, None]
    zero = torch.zeros_like(axis[..., 0])
    x, y, z = axis.unbind(-1)
    turn: Tensor = torch.stack((zero, -z, y, z, zero, -x, -y, x, zero), dim=-1).unflatten(-1, (3, 3))
    return torch.eye(3) + turn + turn @ turn / (1 + cosine).clamp(min=1e-3)


def _bone(joints: Tensor, start: str, end: str) -> Tensor:
    """Unit vector from one joint to another, (..., 3)."""
    return normalize(joints[..., HUMAN36M_17.index(end), :] - joints[..., HUMAN36M_17.index(start), :], dim=-1)


def _along(bone_T3: Tensor, axis_T3: Tensor) -> Tensor:
    """A frame whose first column is as near to an axis as a bone, the second column, lets it be."""
    side = normalize(axis_T3 - (axis_T3 * bone_T3).sum(-1, keepdim=True) * bone_T3, dim=-1)
    return torch.stack((side, bone_T3, cross(side, bone_T3)), dim=-1)
