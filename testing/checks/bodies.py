"""What a body model promises: its mesh follows its joints as a rigid whole where they do not bend, and differentiably.

Axes: N bodies, J joints, V vertices, F faces, S shape parameters, 3 = x y z. Coordinates: mm.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ...core.interfaces import Kind
from ..claims import Check, demand
from ..inputs import rotations
from ..subject import Subject

BODIES = 3
NEAR_MM = 0.05
FAR = 100.0
Inputs = tuple[Tensor, Tensor, Tensor]


def still(body: Any, count: int = BODIES) -> Inputs:
    """Rotations, shape and translation of average bodies at rest."""
    turns = torch.eye(3).expand(count, len(body.joint_names), 3, 3).clone()
    return turns, torch.zeros(count, body.shape_count), torch.zeros(count, 3)


def bent(body: Any, seed: int = 0) -> Inputs:
    """Bodies of other shapes with all joints turned somehow, somewhere."""
    torch.manual_seed(seed)
    turns = rotations((BODIES, len(body.joint_names), 3, 3))
    return turns, torch.randn(BODIES, body.shape_count) * body.shape_spread, FAR * torch.randn(BODIES, 3)


def off(one: Tensor, two: Tensor) -> float:
    """The farthest that points of two meshes are apart."""
    return float((one - two).norm(dim=-1).max().detach())


def _sizes(body: Any) -> dict[str, tuple[Tensor, tuple[int, ...]]]:
    joints, vertices = len(body.joint_names), body.vertices_count
    return {
        "template": (body.template, (vertices, 3)),
        "weights": (body.weights, (vertices, joints)),
        "shape_spread": (body.shape_spread, (body.shape_count,)),
        "faces": (body.faces, (len(body.faces), 3)),
    }


def describes(subject: Subject) -> None:
    """Names, tree, faces, template and weights agree with each other."""
    body = subject.shared
    names, parents = body.joint_names, tuple(body.parents)
    demand(len(set(names)) == len(names) == len(parents), "its joints have no names of their own, or not a parent each")
    demand(parents[0] == -1, "its first joint is not the root")
    late = [names[joint] for joint, parent in enumerate(parents) if joint and not 0 <= parent < joint]
    demand(not late, f"{', '.join(late)} does not come after its parent")
    wrong = [name for name, (values, shape) in _sizes(body).items() if tuple(values.shape) != shape]
    demand(not wrong, f"{', '.join(wrong)} has not the size that its counts tell")
    inside = body.faces.dtype == torch.int64 and bool(((body.faces >= 0) & (body.faces < body.vertices_count)).all())
    demand(inside, "its faces are not int64 indices of its vertices")
    demand(
        torch.allclose(body.weights.sum(1), torch.ones(body.vertices_count), atol=1e-4), "its weights do not sum to 1"
    )


def rests(subject: Subject) -> None:
    """Without rotation, shape and translation it is its template."""
    body = subject.shared
    vertices, joints = body(*still(body))
    wanted = (BODIES, body.vertices_count, 3), (BODIES, len(body.joint_names), 3)
    shapes = tuple(vertices.shape), tuple(joints.shape)
    demand(shapes == wanted, f"it gives vertices and joints of the shapes {shapes}, not {wanted}")
    away = off(vertices, body.template.expand_as(vertices))
    demand(away <= NEAR_MM, f"at rest it is up to {away:.3g} mm off its template")


def rigid(subject: Subject) -> None:
    """A turn of the root turns all about the root, a translation moves all."""
    body = subject.shared
    turns, shape, move = bent(body)
    before, joints = body(turns, shape, move)
    torch.manual_seed(5)
    turn_N33, shift_N3 = rotations((BODIES, 3, 3)), FAR * torch.randn(BODIES, 3)
    turned = torch.cat(((turn_N33 @ turns[:, 0])[:, None], turns[:, 1:]), dim=1)
    after = body(turned, shape, move + shift_N3)
    root_N13 = joints[:, :1]
    wanted = [(points - root_N13) @ turn_N33.mT + root_N13 + shift_N3[:, None] for points in (before, joints)]
    for name, got, should in zip(("vertices", "joints"), after, wanted, strict=True):
        away = off(got, should)
        demand(away <= NEAR_MM, f"with its root turned and moved its {name} are up to {away:.3g} mm off a rigid motion")


def apart(subject: Subject) -> None:
    """Each body is computed by itself, and is finite."""
    body = subject.shared
    whole = body(*bent(body))
    demand(all(bool(one.isfinite().all()) for one in whole), "its vertices or joints are not finite")
    alone = body(*(one[1:2] for one in bent(body)))
    away = max(off(one, all_[1:2]) for one, all_ in zip(alone, whole, strict=True))
    demand(away <= NEAR_MM, f"alone, a body is up to {away:.3g} mm off what it is among others")


def bends(subject: Subject) -> None:
    """Finite gradients of the mesh reach rotations, shape and translation."""
    body = subject.shared
    inputs = [one.requires_grad_() for one in bent(body)]
    vertices, joints = body(*inputs)
    torch.manual_seed(2)
    ((vertices * torch.rand_like(vertices)).sum() + (joints * torch.rand_like(joints)).sum()).backward()
    names = ("rotations", "shape", "translation")
    for name, one in zip(names, inputs, strict=True):
        grad = torch.zeros_like(one) if one.grad is None else one.grad
        demand(not one.numel() or bool((grad != 0).any()), f"no gradient reaches its {name}")
        demand(bool(grad.isfinite().all()), f"the gradient of its {name} is not finite")


def poses(subject: Subject) -> None:
    """Its pose has the joints of its skeleton and goes where the body goes."""
    body = subject.shared
    if body.skeleton is None:
        return
    turns, shape, move = bent(body)
    here = body.pose(*body(turns, shape, move))
    wanted = (BODIES, len(body.skeleton), 3)
    demand(tuple(here.shape) == wanted, f"its pose has the shape {tuple(here.shape)}, not {wanted}")
    there = body.pose(*body(turns, shape, move + FAR))
    away = off(there, here + FAR)
    demand(away <= NEAR_MM, f"moved, its pose is up to {away:.3g} mm off where it should be")


KINDS_OF: tuple[Kind, ...] = ("body_model",)
CHECKS = (
    Check("describes", "its joints, tree, faces, template and weights fit together", KINDS_OF, describes, "builds"),
    Check("rests", "without rotation and shape it is its template", KINDS_OF, rests, "builds"),
    Check("rigid", "a turn of the root and a translation move it rigidly", KINDS_OF, rigid, "builds"),
    Check("apart", "each body is finite and computed by itself", KINDS_OF, apart, "builds"),
    Check("bends", "gradients reach rotations, shape and translation", KINDS_OF, bends, "builds"),
    Check("poses", "its pose has its skeleton's joints and moves with it", KINDS_OF, poses, "builds"),
)
