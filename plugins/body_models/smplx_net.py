"""What of `body_model.smplx` needs torch: shape, bends of the pose, and skinning over a file's arrays.

Axes: N bodies, J joints, V vertices, S shape parameters, K joints of a pose, 3 = x y z. Millimetres.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...core.fields import expect
from ...core.skeleton import SKELETONS, Skeleton
from ...networks.rotations import matrix_from_axis_angle
from ...networks.skinning import check_pose, posed
from .smplx_files import Arrays


class FromFile(nn.Module):
    """A model of SMPL's form; see `core.bodies.BodyModel`."""

    faces: Tensor
    template: Tensor
    weights: Tensor
    shape_spread: Tensor
    shapes_V3S: Tensor
    bends_V3Q: Tensor
    regressor_JV: Tensor
    mean_J3: Tensor
    pose_KV: Tensor | None
    skeleton: Skeleton | None

    def __init__(self, model: Arrays) -> None:
        super().__init__()
        self.joint_names, self.parents = model.joint_names, model.parents
        self.vertices_count, self.shape_count = len(model.template_V3), model.shapes_V3S.shape[-1]
        self.skeleton = SKELETONS[model.skeleton] if model.skeleton else None
        self._order, self._tips = list(model.order_K), list(model.tips)
        for name in ("shapes_V3S", "bends_V3Q", "regressor_JV", "mean_J3"):
            self.register_buffer(name, torch.from_numpy(getattr(model, name)).float(), persistent=False)
        self.register_buffer("template", torch.from_numpy(model.template_V3).float(), persistent=False)
        self.register_buffer("weights", torch.from_numpy(model.weights_VJ).float(), persistent=False)
        self.register_buffer("faces", torch.from_numpy(model.faces_F3), persistent=False)
        self.register_buffer("shape_spread", torch.ones(self.shape_count), persistent=False)
        rows = None if model.pose_KV is None else torch.from_numpy(model.pose_KV).float()
        self.register_buffer("pose_KV", rows, persistent=False)

    def forward(self, rotations: Tensor, shape: Tensor, translation: Tensor) -> tuple[Tensor, Tensor]:
        """Vertices (N, V, 3) and joints (N, J, 3) from rotations (N, J, 3, 3), shape (N, S), translation (N, 3).

        Raises:
            ShapeError: Some of them have another shape.
        """
        check_pose(self, rotations, shape, translation)
        shaped_NV3 = self.template + torch.einsum("vcs,ns->nvc", self.shapes_V3S, shape)
        rest_NJ3 = self.regressor_JV @ shaped_NV3
        off_NQ = (rotations[:, 1:] - torch.eye(3, dtype=rotations.dtype, device=rotations.device)).flatten(1)
        bent_NV3 = shaped_NV3 + torch.einsum("vcq,nq->nvc", self.bends_V3Q, off_NQ)
        return posed(self, bent_NV3, rest_NJ3, rotations, translation)

    def pose(self, vertices: Tensor, joints: Tensor) -> Tensor:
        """Joints of its skeleton, (N, K, 3): from the regressor's file, or its own joints and fingertips."""
        if self.pose_KV is not None:
            return self.pose_KV @ vertices
        return torch.cat((joints, vertices[:, self._tips]), dim=1)[:, self._order]

    def rotations(self, parameters: Tensor) -> Tensor:
        """Rotations (N, J, 3, 3) from pose parameters (N, 3 J) as data sets store them: vectors relative to the parent.

        The mean pose of the hands, where the file has one, is added to them.
        """
        expect(("pose parameters", parameters, f"N {3 * len(self.joint_names)}"))
        return matrix_from_axis_angle(parameters.unflatten(1, (-1, 3)) + self.mean_J3)
