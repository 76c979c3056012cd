"""Body model ``smplx``: your own files of SMPL, SMPL-X or MANO, read as data and computed by code of our own.

Papers: SMPL, Loper et al., ACM TOG 2015, doi:10.1145/2816795.2818013, equations (2) to (7); SMPL-X, Pavlakos et al.,
CVPR 2019, arXiv:1904.05866; MANO, Romero et al., ACM TOG 2017, doi:10.1145/3130800.3130883. The files are to be had
from their authors after registration, under their licence; nothing of them is shipped, nor written to a run.

Which family a file is of is told by its joints: 24, 55 or 16. Pickles are read without being run, so objects of chumpy
and sparse matrices in them need neither package. Lengths become millimetres.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PositiveInt

from ...core.hookspecs import hookimpl
from ...core.interfaces import BodyModel, Component, Context, Options


class SmplxOptions(Options):
    """Options of the models from files."""

    file: str
    """The model's file: SMPL_NEUTRAL.pkl, SMPLX_NEUTRAL.npz, MANO_RIGHT.pkl or the like."""
    shapes: PositiveInt = 10
    """How many of the shape parameters are used, the first of those in the file."""
    regressor: str = ""
    """A .npy file of the 17 Human3.6M joints as sums of vertices, (17, V); without it SMPL gives its own joints and
    SMPL-X no pose. MANO needs none."""
    fingertips: Annotated[tuple[int, ...], Field(min_length=5, max_length=5)] = (744, 320, 443, 555, 672)
    """Vertices of MANO that are the tips of the thumb and of the fingers from the index on."""


def build(options: SmplxOptions, context: Context) -> BodyModel:
    """The model, a module without weights that learn."""
    from .smplx_files import read_model, read_regressor
    from .smplx_net import FromFile

    path = Path(options.file).expanduser()
    arrays = read_model(path, options.shapes, options.fingertips)
    if options.regressor:
        arrays = read_regressor(arrays, Path(options.regressor).expanduser())
    return FromFile(arrays)


def example(folder: Path) -> dict[str, Any]:
    """A made-up file of SMPL's form with few vertices."""
    from .smplx_files import write_example

    write_example(folder)
    return {"file": str(folder / "smpl.npz"), "shapes": 3, "regressor": str(folder / "regressor.npy")}


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the body model ``smplx``."""
    register(Component(kind="body_model", name="smplx", options=SmplxOptions, build=build, example=example))
