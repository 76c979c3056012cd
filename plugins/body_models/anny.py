"""Body model ``anny``: a body of people of all ages, or a right hand, of the package of that name.

Source: Bregier et al., "Human Mesh Modeling for Anny Body", arXiv:2511.03589; the package ``anny``, Apache-2.0, with
assets of MakeHuman, CC0. Its mesh, bones, weights and blend shapes are used; skinning is that of `networks.skinning`,
so that rotations are relative to the parent in the axes of `core.bodies`, as for every body model here.

Shape parameters are differences of its phenotypes (gender, age, muscle, weight, height, proportions) from those of a
grown person. The first build takes a minute or more; the package keeps what it computes.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from ...core.errors import PluginError
from ...core.hookspecs import hookimpl
from ...core.interfaces import BodyModel, Component, Context, Options

if TYPE_CHECKING:
    from types import ModuleType


class AnnyOptions(Options):
    """Options of Anny."""

    of: Literal["body", "hand"] = "body"
    """A whole body, or a right hand."""
    topology: str = ""
    """Which mesh, by the package's own names; the whole one, of 13,718 vertices, or the hand's, of 1,609, if empty.
    Coarser ones, as "notoes_collapse10pc", need the package `warp`, too."""


RIGS = {"body": "anny", "hand": "anny-hand.R"}
MESHES = {"body": "anny", "hand": "hand.R"}


def library() -> ModuleType:
    """The package.

    Raises:
        PluginError: It is not installed.
    """
    try:
        return import_module("anny")
    except ImportError as error:
        what = f"body_model.anny needs the package {error.name or 'anny'!r}, which is not installed"
        raise PluginError(what, hint='pip install "poserep[anny]"') from None


def build(options: AnnyOptions, context: Context) -> BodyModel:
    """The model, a module without weights that learn."""
    from .anny_net import FromAnny

    made: Any = library().Anny(
        rig=RIGS[options.of],
        topology=options.topology or MESHES[options.of],
        skinning_method="lbs",
        phenotype_blendshapes="original",
    )
    return FromAnny(made, options.of == "hand")


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the body model ``anny``."""
    register(Component(kind="body_model", name="anny", options=AnnyOptions, build=build))
