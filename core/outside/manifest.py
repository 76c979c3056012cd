"""What a package declares as data: parts, fields, recipes. Finding and reading it imports nothing of the package.

A manifest is a TOML file, ``registry.toml``, with one table per component::

    api = 1                                    # the API level that the package was written for

    [loss.dsl]
    module  = "poserep.plugins.losses.dsl"     # imported on first use
    summary = "Similarity of latents falls linearly with distance in time"
    paper   = "Honari et al. 2022, arXiv:2012.01511, section 3.1.2"

    [field."mypackage:depth"]                  # a field of its own, under its own prefix
    axes    = "B T 1 H W"
    unit    = "mm"
    meaning = "distance from the camera"

Outside packages name theirs in the entry-point group ``poserep.plugins``: the value is a package that holds a
``registry.toml`` and may hold recipes in ``recipes/*.toml`` beside it.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from typing import Annotated, Any

from pydantic import StringConstraints, ValidationError
from pydantic.dataclasses import dataclass as checked

from ..errors import PluginError
from ..fields import Field
from ..interfaces import SPOKEN, STRICT, Kind

GROUP = "poserep.plugins"
SHIPPED = "poserep"
LIST = "POSEREP_PLUGINS"
log = logging.getLogger("poserep")


@checked(frozen=True, slots=True, config=STRICT)
class Entry:
    """One component as its manifest declares it."""

    kind: Kind
    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
    module: Annotated[str, StringConstraints(min_length=1)]
    summary: str = ""
    paper: str = ""
    extra: str = ""
    package: str = SHIPPED

    @property
    def key(self) -> str:
        """``kind.name``."""
        return f"{self.kind}.{self.name}"

    @property
    def where(self) -> str:
        """The table that declares it."""
        return f"registry.toml of {self.package} [{self.key}]"

    @property
    def shipped(self) -> bool:
        """Whether it is poserep's own."""
        return self.package == SHIPPED

    def error(self, what: str, hint: str = "") -> PluginError:
        """What is wrong with it, to be raised."""
        return PluginError(f"{self.key} {what}", where=self.where, hint=hint)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one package declares; tables that cannot be understood are kept with their cause, by ``kind.name``."""

    package: str
    folder: Path
    entries: list[Entry] = field(default_factory=list)
    fields: list[Field] = field(default_factory=list)
    refused: dict[str, PluginError] = field(default_factory=dict)


def read_manifest(path: Path, package: str) -> Manifest:
    """One package's manifest.

    Raises:
        PluginError: If the file cannot be read, or is for another API level.
    """
    where = f"{path} ({package})"
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PluginError(f"the manifest cannot be read: {error}", where=where) from None
    check_level(tables.pop("api", SPOKEN[-1]), package, package, where)
    manifest = Manifest(package, path.parent)
    for kind, parts in tables.items():
        for name, values in parts.items() if isinstance(parts, dict) else [("", parts)]:
            try:
                _add(manifest, kind, name, values)
            except (TypeError, ValueError) as error:
                manifest.refused[f"{kind}.{name}"] = PluginError(f"[{kind}.{name}] {reasons(error)}", where=where)
    return manifest


def _add(manifest: Manifest, kind: Any, name: str, values: dict[str, Any]) -> None:
    own = manifest.package.partition(".")[0]
    if kind != "field":
        manifest.entries.append(Entry(kind=kind, name=name, package=manifest.package, **values))
    elif name.startswith(f"{own}:"):
        manifest.fields.append(Field(name=name, **values))
    else:
        raise ValueError(f"is not under the package's own prefix: '{own}:NAME'")


def reasons(error: Exception) -> str:
    """What an exception says, in one line."""
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())


def check_level(level: object, what: str, package: str, where: str) -> None:
    """Refuse what was written for an API level that this version does not speak.

    Raises:
        PluginError: Naming both levels.
    """
    if type(level) is not int or level not in SPOKEN:
        spoken = " and ".join(map(str, SPOKEN))
        what = f"{what} speaks API level {level!r}, this poserep speaks {spoken}"
        raise PluginError(what, where=where, hint=f"install a version of {package} made for this poserep")


# ---------------------------------------------------------------- which packages there are


def installed_points() -> list[EntryPoint]:
    """Entry points of outside packages; a package whose metadata cannot be read harms no other."""
    found: dict[str, EntryPoint] = {}
    for package in distributions():
        try:
            for point in package.entry_points.select(group=GROUP):
                found.setdefault(point.value, point)
        except Exception as error:
            log.warning("the entry points of an installed package cannot be read: %s", error)
    return list(found.values())


def allowed(points: Iterable[EntryPoint]) -> tuple[list[EntryPoint], list[str]]:
    """The entry points that ``POSEREP_PLUGINS`` lets in, and the names of those that it leaves out.

    Unset: all. Empty or ``none``: none. ``a,b``: only those. ``-a``: all but that. A name is that of a distribution,
    of its import package or of its entry point; case and ``-`` or ``_`` do not matter.
    """
    points = list(points)
    said = os.environ.get(LIST)
    if said is None:
        return points, []
    words = {_plain(word) for word in said.split(",")} - {"", "none"}
    denied = {word[1:] for word in words if word.startswith("-")}
    only = {word for word in words if not word.startswith("-")}
    names = {point: _names(point) for point in points} if words else {}
    for word in sorted((only | denied).difference(*names.values())):
        log.warning("%s=%s: there is no %s installed", LIST, said, word)
    kept = {point for point, own in names.items() if not own & denied and (own & only or not only)}
    return [point for point in points if point in kept], [point.name for point in points if point not in kept]


def without(left_out: Sequence[str]) -> str:
    """What a hint adds where a name is unknown and entry points are left out, one of which may have it."""
    return f"; --no-plugins or {LIST} leaves out the parts of {', '.join(left_out)}" if left_out else ""


def _names(point: EntryPoint) -> set[str]:
    distribution = point.dist.name if point.dist else ""
    return {_plain(name) for name in (point.name, point.value, distribution)}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def find_manifest(point: EntryPoint) -> Path:
    """Where the manifest of an outside package should be.

    Raises:
        PluginError: If there is no such package.
    """
    paths = [folder / "registry.toml" for folder in _folders(point.value)]
    if not paths:
        raise PluginError(f"the package {point.value!r} is not installed", where=f"entry point {point.name}")
    return next((path for path in paths if path.is_file()), paths[0])


def _folders(name: str) -> list[Path]:
    """Folders of a package. Asks the finders, as importing does, but never imports the package or its parents."""
    parent, _, last = name.rpartition(".")
    above = _folders(parent) if parent else []
    if found := [folder / last for folder in above if (folder / last).is_dir()]:
        return found
    for finder in sys.meta_path if above or not parent else ():
        spec = finder.find_spec(name, [str(folder) for folder in above] or None)
        if spec is not None:
            return [Path(folder) for folder in spec.submodule_search_locations or ()]
    return []
