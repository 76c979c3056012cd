"""The network of `head.mesh`.

Axes: N frames, V vertices, J joints of the body model, K of its skeleton, S shape parameters, 3 = x y z (mm), 2 = x y.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import ConfigError
from ...core.interfaces import Context
from ...core.metrics import closest_rotation, mpjpe
from ...networks.rotations import matrix_from_6d
from .mesh import MeshOptions
from .reading_net import Reading, perceptron
from .scores import mesh_errors

METRE = 1000.0
CAMERA = 3
START = 1e-2  # of the last layer's weights: the first guess is nearly the body at rest


def weak_perspective(points_NK3: Tensor, camera_N3: Tensor) -> Tensor:
    """Points in mm as a far camera sees them, (N, K, 2): ``exp(c_0)`` box half sides per metre, moved by c_1, c_2."""
    return camera_N3[:, None, :1].exp() * points_NK3[..., :2] / METRE + camera_N3[:, None, 1:]


class Mesh(nn.Module):
    """Features to a posed body."""

    units: Mapping[str, str] = {"PVE": "mm", "PA-PVE": "mm", "MPJPE": "mm", "F@5": "", "F@15": ""}
    facing_33: Tensor
    mean_V3: Tensor

    def __init__(self, options: MeshOptions, context: Context) -> None:
        super().__init__()
        self.options = options
        self.body: Any = context.open_body(options.body, options.body_options, "finetune.head.body")
        self.joints, self.shapes = len(self.body.joint_names), self.body.shape_count
        skeleton = self.body.skeleton
        self.poses = skeleton is not None and context.facts.get("joints") == len(skeleton.joints)
        self.reading = Reading(options.sees, context)
        outputs = 6 * self.joints + self.shapes + CAMERA
        self.out = perceptron(self.reading.width, options.hidden, outputs, options.dropout)
        last: Any = self.out[-1]
        with torch.no_grad():
            last.weight *= START
            last.bias.zero_()
        self.register_buffer("rest_6", torch.tensor((1.0, 0, 0, 0, 1, 0)), persistent=False)
        self.register_buffer("facing_33", torch.eye(3))
        self.register_buffer("mean_V3", self.body.template.clone())

    def settle(self, features: Mapping[str, Tensor], labels: Mapping[str, Tensor]) -> None:
        """Take over statistics of labelled frames: of latents, the mean mesh, and which way bodies are up in it.

        Raises:
            ConfigError: If the labels are other meshes than the body model's.
        """
        count = labels["vertices"].shape[1]
        if count != self.body.vertices_count:
            raise ConfigError(
                f"the labels' meshes have {count} vertices, {self.options.body} has {self.body.vertices_count}",
                where="finetune.head.body",
                hint="name the body model that the dataset's meshes are of, or use the head mesh_free",
            )
        self.reading.settle(features)
        self.mean_V3.copy_(labels["vertices"].mean(dim=0))
        template, mean = (mesh.double() - mesh.double().mean(dim=0) for mesh in (self.body.template, self.mean_V3))
        self.facing_33.copy_(closest_rotation((template.T @ mean)[None])[0].T)

    def forward(self, **features: Tensor) -> dict[str, Tensor]:
        """``vertices`` (N, V, 3) relative to the root, ``shape``; where there are, ``pose`` (N, K, 3), ``pose_2d``."""
        told = self.out(self.reading(features)[:, 0])
        six, shape_NS, camera_N3 = told.split((6 * self.joints, self.shapes, CAMERA), dim=1)
        rotations_NJ33 = matrix_from_6d(six.unflatten(1, (self.joints, 6)) + self.rest_6)
        turned = torch.cat((self.facing_33 @ rotations_NJ33[:, :1], rotations_NJ33[:, 1:]), dim=1)
        spread_NS = shape_NS * self.body.shape_spread
        vertices, joints = self.body(turned, spread_NS, torch.zeros_like(camera_N3))
        own = self.body.pose(vertices, joints) if self.body.skeleton is not None else joints
        root = own[:, self.body.skeleton.root if self.body.skeleton is not None else 0, None]
        found = {"vertices": vertices - root, "shape": shape_NS}
        if self.poses:
            found |= {"pose": own - root, "pose_2d": weak_perspective(own - root, camera_N3)}
        return found

    def guess(self, count: int) -> dict[str, Tensor]:
        """The mean mesh."""
        return {"vertices": self.mean_V3.expand(count, -1, -1)}

    def loss(self, predicted: Mapping[str, Tensor], labels: Mapping[str, Tensor]) -> Tensor:
        """Mean absolute distances of what there is, weighted."""
        weights = self.options
        total = weights.shape_weight * predicted["shape"].square().mean()
        scaled = (
            ("vertices", weights.vertex_weight / METRE),
            ("pose", weights.joint_weight / METRE),
            ("pose_2d", weights.image_weight),
        )
        for name, weight in scaled:
            if name in predicted and name in labels:
                away = (predicted[name] - labels[name]).abs()
                total = total + weight * away[away.isfinite()].mean()
        return total

    def errors(self, predicted: Mapping[str, Tensor], labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """PVE, PA-PVE, MPJPE where joints are told, F-scores if asked for."""
        found = mesh_errors(predicted["vertices"], labels["vertices"], self.options.f_scores)
        if "pose" in predicted and "pose" in labels:
            found["MPJPE"] = mpjpe(predicted["pose"], labels["pose"])
        return found
