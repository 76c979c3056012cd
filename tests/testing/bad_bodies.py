"""Body models that are bad in one way each: a triangle on a stick of two joints that bends in the middle.

Axes: N bodies, J joints, V vertices, 3 = x y z.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from poserep.core.skeleton import SKELETONS
from poserep.networks.skinning import follow_tree, skin


class Stick(nn.Module):
    joint_names = ("pelvis", "spine")
    parents = (-1, 0)
    vertices_count, shape_count = 3, 1
    skeleton = SKELETONS["common_14"]
    rest_J3 = torch.tensor([[0.0, 0, 0], [0, 10, 0]])
    template = torch.tensor([[0.0, 0, 0], [5, 10, 0], [0, 20, 5]])
    weights = torch.tensor([[1.0, 0], [0.5, 0.5], [0, 1]])
    faces = torch.tensor([[0, 1, 2]])
    shape_spread = torch.tensor([0.1])

    def forward(self, rotations: Tensor, shape: Tensor, translation: Tensor) -> tuple[Tensor, Tensor]:
        size_N11 = shape.exp()[..., None]
        rest_NJ3 = size_N11 * self.rest_J3
        turned, places = follow_tree(rotations, rest_NJ3, self.parents)
        vertices = skin(size_N11 * self.template, rest_NJ3, turned, places, self.weights)
        return vertices + translation[:, None], places + translation[:, None]

    def pose(self, vertices: Tensor, joints: Tensor) -> Tensor:
        return joints[:, [0] * len(self.skeleton)]


class Unweighted(Stick):
    weights = torch.tensor([[1.0, 0], [0.5, 0.4], [0, 1]])

    def forward(self, rotations: Tensor, shape: Tensor, translation: Tensor) -> tuple[Tensor, Tensor]:
        whole = Stick()
        return whole(rotations, shape, translation)


class OtherTemplate(Stick):
    template = Stick.template + 1

    def forward(self, rotations: Tensor, shape: Tensor, translation: Tensor) -> tuple[Tensor, Tensor]:
        whole = Stick()
        return whole(rotations, shape, translation)


class Adrift(Stick):
    """Its translation goes half as far."""

    def forward(self, rotations: Tensor, shape: Tensor, translation: Tensor) -> tuple[Tensor, Tensor]:
        vertices, joints = super().forward(rotations, shape, translation)
        return vertices - translation[:, None] / 2, joints

    def pose(self, vertices: Tensor, joints: Tensor) -> Tensor:
        return joints[:, [0] * len(self.skeleton)]


class Sees(Stick):
    """A body's size is the mean of all."""

    def forward(self, rotations: Tensor, shape: Tensor, translation: Tensor) -> tuple[Tensor, Tensor]:
        return super().forward(rotations, shape.mean(dim=0, keepdim=True).expand_as(shape), translation)


class Stiff(Stick):
    """No gradient reaches its shape."""

    def forward(self, rotations: Tensor, shape: Tensor, translation: Tensor) -> tuple[Tensor, Tensor]:
        return super().forward(rotations, shape.detach(), translation)


class Stays(Stick):
    def pose(self, vertices: Tensor, joints: Tensor) -> Tensor:
        return torch.zeros(len(joints), len(self.skeleton), 3)
