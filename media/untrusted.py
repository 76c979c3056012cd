"""Files of data sets, which anybody may have made: read as data, never run, and every fault is one clear message.

`load_pickle` reads pickles without running them, `extract` unpacks archives without leaving the folder.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.errors import DataError
from ..core.interfaces import Array
from .archives import extract as extract
from .pickle_names import Stub as Stub
from .pickles import BROKEN_ZIP, array_type
from .pickles import load_object as load_object
from .pickles import load_pickle as load_pickle

if TYPE_CHECKING:
    import h5py

HDF5 = b"\x89HDF\r\n\x1a\n"
USER_BLOCKS = (0, 512, 1024, 2048)
"""Where an HDF5 file may begin; MATLAB's begin at 512."""


def load_npz(path: Path, names: Collection[str] = ()) -> dict[str, Array]:
    """The arrays of an npz; objects, which would need a pickle, are not read (but see `load_object`).

    Args:
        path: The file.
        names: Which arrays; if empty, all but those of objects.

    Raises:
        DataError: If it is missing or broken, lacks one of the names, or that is an array of objects.
    """
    _check_file(path)
    try:
        with zipfile.ZipFile(path) as file:
            have = [name.removesuffix(".npy") for name in file.namelist()]
            if lacking := sorted(set(names) - set(have)):
                hint = f"it has: {', '.join(have)}"
                raise DataError(f"the npz has no {', '.join(lacking)}", where=str(path), hint=hint)
            found = {name: _of_npz(file, name) for name in names or have}
    except BROKEN_ZIP as error:
        raise DataError(f"the npz cannot be read: {error}", where=str(path)) from None
    if objects := [name for name in names if found[name] is None]:
        raise DataError(f"{', '.join(objects)}: objects, not plain numbers, and not read", where=str(path))
    return {name: values for name, values in found.items() if values is not None}


def _of_npz(file: zipfile.ZipFile, name: str) -> Array | None:
    with file.open(f"{name}.npy") as member:
        if array_type(member).hasobject:
            return None
    with file.open(f"{name}.npy") as member:
        return np.asarray(np.lib.format.read_array(member, allow_pickle=False))


@contextmanager
def open_h5(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file, open for reading inside ``with``; faults met while reading from it are told alike.

    Raises:
        DataError: If it is missing, truncated or no HDF5, lacks what is asked of it, or h5py is not installed.
    """
    _check_file(path)
    h5py = _library("h5py")
    if not is_hdf5(path):
        raise DataError("this is not an HDF5 file", where=str(path), hint="was it downloaded to its end?")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except KeyError as error:
        raise DataError(f"the file lacks what is read: {error.args[0]}", where=str(path)) from None
    except (OSError, RuntimeError) as error:
        hint = "it seems cut off: compare its size with the source's, and download it again"
        raise DataError(f"the HDF5 file cannot be read: {error}", where=str(path), hint=hint) from None


def is_hdf5(path: Path) -> bool:
    """Whether a file bears HDF5's signature."""
    with path.open("rb") as file:
        head = file.read(USER_BLOCKS[-1] + len(HDF5))
    return any(head[start:].startswith(HDF5) for start in USER_BLOCKS)


def load_mat(path: Path, names: Collection[str] = ()) -> dict[str, Array]:
    """The variables of a MATLAB file up to version 7.2, as scipy gives them.

    Args:
        path: The file.
        names: Which variables; all if empty.

    Raises:
        DataError: If it is missing or broken, lacks one of the names, or is of version 7.3, which is HDF5.
    """
    from scipy.io import loadmat

    _check_file(path)
    if is_hdf5(path):
        hint = "it is read as HDF5 (open_h5); look whether a file of another part of the data stands in its place"
        raise DataError("this MATLAB file is of version 7.3, and an older one is expected", where=str(path), hint=hint)
    try:
        found = loadmat(path, appendmat=False, variable_names=list(names) or None)
    except Exception as error:  # scipy's reader fails in many ways on a broken file
        raise DataError(f"the MATLAB file cannot be read: {error}", where=str(path)) from None
    variables = {name: value for name, value in found.items() if not name.startswith("__")}
    if lacking := set(names) - set(variables):
        raise DataError(f"the MATLAB file has no {', '.join(sorted(lacking))}", where=str(path))
    return variables


def load_cdf(path: Path, variable: str) -> Array:
    """One variable of a CDF file (NASA's Common Data Format), in the shape in which it is stored.

    Raises:
        DataError: If the file is missing or broken, lacks the variable, or cdflib is not installed.
    """
    return np.asarray(_of_cdf(path, variable, lambda file: file.varget(variable)))


def cdf_shape(path: Path, variable: str) -> tuple[int, ...]:
    """Shape of one record of a variable of a CDF file, from its header.

    Raises:
        DataError: As `load_cdf`.
    """
    return tuple(map(int, _of_cdf(path, variable, lambda file: file.varinq(variable).Dim_Sizes)))


def _of_cdf(path: Path, variable: str, ask: Callable[[Any], Any]) -> Any:
    _check_file(path)
    cdflib = _library("cdflib")
    try:
        file = cdflib.CDF(path)
        names = [*file.cdf_info().zVariables, *file.cdf_info().rVariables]
        if not any(names):  # a variable without a name is what a cut file seems to have
            raise ValueError("it holds nothing")
        value = ask(file) if variable in names else None
    except Exception as error:  # cdflib follows offsets in the file, wherever they lead
        raise DataError(f"the CDF file cannot be read: {error or type(error).__name__}", where=str(path)) from None
    if value is None:
        hint = f"it has: {', '.join(names)}"
        raise DataError(f"the CDF file has no variable {variable!r}", where=str(path), hint=hint)
    return value


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise DataError("there is no such file", where=str(path))


def _library(name: str) -> Any:
    """A library of the extra `datasets`."""
    from importlib import import_module

    try:
        module: ModuleType = import_module(name)
    except ImportError:
        hint = 'pip install "poserep[datasets]"'
        raise DataError(f"{name} is needed to read this file and is not installed", hint=hint) from None
    return module
