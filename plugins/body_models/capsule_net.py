"""What of `body_model.capsule` needs torch.

Axes: N bodies, J joints, V vertices, S shape parameters, K joints of a pose, 3 = x y z. Coordinates: `core.bodies`, mm.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...core.interfaces import Array
from ...core.skeleton import SKELETONS, Skeleton
from ...networks.skinning import check_pose, posed
from .rig import Rig


class Capsule(nn.Module):
    """A rig that computes; see `core.bodies.BodyModel`."""

    faces: Tensor
    template: Tensor
    weights: Tensor
    shape_spread: Tensor
    offsets_J3: Tensor
    stretch_J3S: Tensor
    ends_V2: Tensor
    share_V: Tensor
    away_V3: Tensor
    girth_V3S: Tensor
    skeleton: Skeleton | None

    def __init__(self, rig: Rig) -> None:
        super().__init__()
        self.joint_names, self.parents = rig.joints, rig.parents
        skeleton = SKELETONS[rig.skeleton]
        self.skeleton = skeleton
        self.vertices_count, self.shape_count = len(rig.share_V), len(rig.spread_S)
        self._posed = [rig.joints.index(name) for name in skeleton.joints]
        for name in ("offsets_J3", "stretch_J3S", "share_V", "away_V3", "girth_V3S"):
            self._keep(name, getattr(rig, name))
        self._keep("ends_V2", rig.ends_V2, torch.int64)
        self._keep("faces", rig.faces_F3, torch.int64)
        self._keep("weights", rig.weights_VJ)
        self._keep("shape_spread", rig.spread_S)
        self.register_buffer("template", self.rest(torch.zeros(1, self.shape_count))[0][0], persistent=False)

    def _keep(self, name: str, values: Array, dtype: torch.dtype = torch.float32) -> None:
        self.register_buffer(name, torch.as_tensor(values, dtype=dtype), persistent=False)

    def rest(self, shape_NS: Tensor) -> tuple[Tensor, Tensor]:
        """Vertices (N, V, 3) and joints (N, J, 3) of bodies at rest: each length is stretched by exp(shape)."""
        offsets_NJ3 = self.offsets_J3 * torch.einsum("jcs,ns->njc", self.stretch_J3S, shape_NS).exp()
        joints = [offsets_NJ3[:, 0]]
        for joint, parent in enumerate(self.parents[1:], 1):
            joints.append(joints[parent] + offsets_NJ3[:, joint])
        joints_NJ3 = torch.stack(joints, dim=1)
        start_NV3, end_NV3 = (joints_NJ3[:, ends_V] for ends_V in self.ends_V2.T)
        away_NV3 = self.away_V3 * torch.einsum("vcs,ns->nvc", self.girth_V3S, shape_NS).exp()
        return torch.lerp(start_NV3, end_NV3, self.share_V[:, None]) + away_NV3, joints_NJ3

    def forward(self, rotations: Tensor, shape: Tensor, translation: Tensor) -> tuple[Tensor, Tensor]:
        """Vertices (N, V, 3) and joints (N, J, 3) in mm from rotations (N, J, 3, 3), shape (N, S), translation (N, 3).

        Raises:
            ShapeError: Some of them have another shape.
        """
        check_pose(self, rotations, shape, translation)
        return posed(self, *self.rest(shape), rotations, translation)

    def pose(self, vertices: Tensor, joints: Tensor) -> Tensor:
        """The joints of its skeleton, (N, K, 3), in order."""
        return joints[:, self._posed]
