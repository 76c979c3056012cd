"""Body model ``capsule``: a body or a right hand of rounded tubes, generated in code and free of any licence.

Skinning is that of `networks.skinning`. Shape parameters are natural logarithms: of the lengths of limbs and then of
girths, 0.1 being a tenth longer. A body has 20 joints, from which the 17 of Human3.6M are taken: ``skull`` and the two
collars lie on the thorax and let head and shoulders turn by themselves. A hand has the 21 joints of ``hand_21``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from ...core.hookspecs import hookimpl
from ...core.interfaces import BodyModel, Component, Context, Options

if TYPE_CHECKING:
    from .rig import Rig


class CapsuleOptions(Options):
    """Options of the generated body."""

    of: Literal["body", "hand"] = "body"
    """A whole body, or a right hand."""


def rig_of(options: CapsuleOptions) -> Rig:
    """The chosen one as numbers."""
    from .capsule_body import body_rig
    from .capsule_hand import hand_rig

    return hand_rig() if options.of == "hand" else body_rig()


def build(options: CapsuleOptions, context: Context) -> BodyModel:
    """The model, a module without weights that learn."""
    from .capsule_net import Capsule

    return Capsule(rig_of(options))


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the body model ``capsule``."""
    register(Component(kind="body_model", name="capsule", options=CapsuleOptions, build=build))
