"""Plausible values of fields, by what the vocabulary says about their axes and unit.

Axes: B tuples, T roles, K redrawn frames, N and M the boxes of either, one in each frame; the other letters as in
`core.fields`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..core.fields import Field
from ..core.interfaces import Roles

CROP, FRAME, REDRAWN = 32, 32, 2
PATCH = 8
SIZES = {"H": FRAME, "W": FRAME, "h": CROP, "w": CROP, "V": 6, "I": 4, "J": 17, "D": 16}
SIZES |= {"P": (CROP // PATCH) ** 2, "Q": 3 * PATCH**2}
OTHER = 5
"""Size of an axis that an outside package has named."""
ROLES = ("reference", "positive", "intermediate", "negative")
HARD = ("equal frames", "zeros", "ones", "empty mask", "box at the border", "one frame")
BORDER_BOX = (1.0, 1.0, 0.8, -0.8)
MILLIMETRES = 300.0


def is_box(name: str) -> bool:
    """Whether a field holds boxes."""
    return name.rpartition(":")[2].endswith("box")


def is_mask(name: str) -> bool:
    """Whether a field holds masks."""
    return "mask" in name.rpartition(":")[2]


def shape_of(field: Field, tuples: int, roles: Sequence[str]) -> list[int]:
    """Sizes of a field's axes; frames of the role target are masked, and they alone are redrawn."""
    frames, masked = len(roles), len(Roles(roles).family("target"))
    redrawn = masked or min(REDRAWN, frames)
    sizes = {**SIZES, "S": 1, "B": tuples, "T": frames, "N": frames, "K": redrawn, "M": redrawn, "R": frames - masked}
    return [int(axis) if axis.isdigit() else sizes.get(axis, OTHER) for axis in field.axes.split()]


def value(field: Field, tuples: int, roles: Sequence[str]) -> Any:
    """A plausible value of a field, drawn with torch's current seed."""
    if field.name == "roles":
        return Roles(roles)
    shape = shape_of(field, tuples, roles)
    if field.name in ("target", "visible"):
        return torch.arange(shape[-1]).expand(shape).clone()
    if field.unit == "index":
        return torch.arange(tuples).view(-1, *(1 for _axis in shape[1:])).expand(shape).clone()
    if is_box(field.name):
        return torch.cat((0.3 + 0.4 * torch.rand(*shape[:-1], 2), 0.4 * torch.rand(*shape[:-1], 2) - 0.2), dim=-1)
    if field.name == "rotation":
        return rotations(shape)
    return of_unit(field.unit, shape)


def rotations(shape: Sequence[int]) -> Tensor:
    """Random rotations, (..., 3, 3)."""
    axes: Tensor = torch.linalg.qr(torch.randn(*shape)).Q
    hand: Tensor = torch.linalg.det(axes).sign()
    return axes * hand[..., None, None]  # in 3D a reflection's negative is a rotation


def of_unit(unit: str, shape: Sequence[int]) -> Tensor:
    """Numbers in the range of a unit."""
    if unit == "s":
        return torch.rand(*shape).cumsum(-1)
    if "[0, 1]" in unit:
        return torch.rand(*shape)
    if "[-1, 1]" in unit:
        return 2 * torch.rand(*shape) - 1
    return torch.randn(*shape) * (MILLIMETRES if unit == "mm" else 1.0)


def harden(fields: Mapping[str, Any], case: str) -> dict[str, Any]:
    """Inputs at which divisions and roots go wrong; those without anything to change come back as they are."""
    return {
        name: _hard(name, one, case) if isinstance(one, Tensor) and one.is_floating_point() else one
        for name, one in fields.items()
    }


def _hard(name: str, one: Tensor, case: str) -> Tensor:
    if is_box(name):
        return one.new_tensor(BORDER_BOX).expand_as(one).clone() if case == "box at the border" else one
    if case == "zeros" or (case == "empty mask" and is_mask(name)):
        return torch.zeros_like(one)
    if case == "ones":
        return torch.ones_like(one)
    if case == "equal frames":
        return one[:, :1].expand_as(one).clone()
    return one


def with_gradient(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The same, where all that is floating takes a gradient."""
    return {
        name: one.detach().clone().requires_grad_() if isinstance(one, Tensor) and one.is_floating_point() else one
        for name, one in fields.items()
    }
