"""Which plugins exist, from manifests alone; a plugin is imported when one of its components is asked for.

A manifest is a TOML file with one table per component::

    [loss.dsl]
    module  = "poserep.plugins.losses.dsl"
    summary = "Similarity of latents falls linearly with distance in time"
    paper   = "Honari et al. 2022, arXiv:2012.01511, section 3.1.2"

Outside packages name theirs in the entry-point group ``poserep.plugins``: the value is a package that holds a
``registry.toml``. A registry is an object, built, passed and thrown away; nothing is global.
"""

from __future__ import annotations

import importlib
import importlib.util
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pluggy

from . import hookspecs
from .errors import PluginError
from .fields import known
from .interfaces import API_LEVEL, KINDS, Component, Declared, Kind

GROUP = "poserep.plugins"
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Entry:
    """One component as its manifest declares it."""

    kind: Kind
    name: str
    module: str
    summary: str = ""
    paper: str = ""
    extra: str = ""
    package: str = "poserep"

    @property
    def key(self) -> str:
        """``kind.name``."""
        return f"{self.kind}.{self.name}"

    @property
    def where(self) -> str:
        """The table that declares it."""
        return f"registry.toml of {self.package} [{self.key}]"


def read_manifest(path: Path, package: str) -> list[Entry]:
    """Entries of one manifest.

    Raises:
        PluginError: If the file cannot be read or declares something that is no component.
    """
    where = f"{path} ({package})"
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise PluginError(f"the manifest cannot be read: {error}", where=where) from None
    entries = []
    for kind, components in tables.items():
        if kind not in KINDS:
            raise PluginError(f"unknown kind {kind!r} in a manifest", where=where, hint=f"kinds: {', '.join(KINDS)}")
        for name, fields in components.items():
            try:
                entries.append(Entry(kind=kind, name=name, package=package, **fields))
            except TypeError:
                raise PluginError(
                    f"[{kind}.{name}] must have `module` and may have `summary`, `paper`, `extra`",
                    where=where,
                    hint=f"it has: {', '.join(fields)}",
                ) from None
    return entries


class Registry:
    """Every declared component, loaded on first use, each isolated from the others.

    Args:
        extra: Entries beside those shipped and installed, as tests use them.
        installed: Entry points of outside packages; those of the environment if not given.
    """

    def __init__(self, extra: Iterable[Entry] = (), installed: Iterable[EntryPoint] | None = None) -> None:
        self.entries: dict[str, Entry] = {}
        self.broken: dict[str, str] = {}
        self._loaded: dict[str, Component] = {}
        self._refused: dict[str, PluginError] = {}
        self._handed: list[Component] = []
        self._plugins = pluggy.PluginManager(hookspecs.PROJECT)
        self._plugins.add_hookspecs(hookspecs)
        self._plugins.hook.poserep_register.call_historic(kwargs={"register": self._handed.append})
        self._declare(read_manifest(ROOT / "registry.toml", "poserep"))
        for point in entry_points(group=GROUP) if installed is None else installed:
            self._declare_outside(point)
        self._declare(extra)

    def _declare(self, entries: Iterable[Entry]) -> None:
        """Add entries. A name that two packages declare is refused to both, lest the order decide what it means."""
        for entry in entries:
            other = self.entries.setdefault(entry.key, entry)
            if other is not entry:
                error = PluginError(
                    f"{entry.key} is declared by two packages, {other.package} and {entry.package}",
                    hint="uninstall one of them, or ask its author for another name",
                )
                self._refuse(entry.key, error)

    def _declare_outside(self, point: EntryPoint) -> None:
        """One package's manifest; a fault in it is kept as its cause and harms nobody else."""
        try:
            spec = importlib.util.find_spec(point.value)
            if spec is None or spec.origin is None:
                raise PluginError(f"the package {point.value!r} is not installed", where=f"entry point {point.name}")
            self._declare(read_manifest(Path(spec.origin).parent / "registry.toml", point.value))
        except Exception as error:  # whatever an outside package does must not take the command down
            self.broken[point.name] = f"{type(error).__name__}: {error}"

    def _refuse(self, key: str, error: PluginError) -> None:
        self._refused[key] = error
        self.broken[key] = str(error)

    def names(self, kind: Kind) -> list[str]:
        """Declared names of one kind, sorted; imports nothing."""
        return sorted(entry.name for entry in self.entries.values() if entry.kind == kind)

    def get(self, kind: Kind, name: str) -> Component:
        """A component, importing its plugin on first use.

        Raises:
            PluginError: If it is not declared, or its plugin does not import or keep its contract.
        """
        key = f"{kind}.{name}"
        if key not in self.entries:
            near = get_close_matches(name, self.names(kind), 1)
            raise PluginError(
                f"there is no {kind} named {name!r}",
                hint=f"did you mean {near[0]!r}?" if near else f"installed: {', '.join(self.names(kind)) or 'none'}",
            )
        if error := self._refused.get(key):
            raise error
        if key not in self._loaded:
            try:
                self._loaded[key] = self._load(self.entries[key])
            except PluginError as error:
                self._refuse(key, error)
                raise
        return self._loaded[key]

    def _load(self, entry: Entry) -> Component:
        self._handed.clear()
        with guarded(entry, "failed on import"):
            module = importlib.import_module(entry.module)
        with guarded(entry, "failed while registering"):
            if self._plugins.is_registered(module):  # it holds several components
                self._plugins.unregister(module)
            self._plugins.register(module)  # the historic hook fires here
            found = [one for one in self._handed if (one.kind, one.name) == (entry.kind, entry.name)]
        if not found:
            names = ", ".join(f"{one.kind}.{one.name}" for one in self._handed) or "nothing"
            raise PluginError(
                f"{entry.module} registered no {entry.kind} named {entry.name!r}, but {names}",
                where=entry.where,
                hint="Component(name=...) must equal the key in registry.toml",
            )
        with guarded(entry, "failed while declaring"):
            check_declaration(found[0], entry)
        return found[0]

    def load_all(self) -> list[Component]:
        """Every component that can be loaded; the causes of the others are in ``broken``."""
        loaded = []
        for entry in self.entries.values():
            try:
                loaded.append(self.get(entry.kind, entry.name))
            except PluginError:
                continue
        return loaded

    def writers(self, field: str) -> list[str]:
        """Keys of every loadable component that can write a field, for hints."""
        found = []
        for component in self.load_all():
            if field in {name.rstrip("?") for name in by_default(component, component.writes)}:
                found.append(f"{component.kind}.{component.name}")
        return found


def by_default(component: Component, names: Declared) -> tuple[str, ...]:
    """What a component declares under its default options; nothing where it has options without a default."""
    try:
        return names(component.options()) if callable(names) else names
    except ValueError:
        return ()


@contextmanager
def guarded(entry: Entry, failed: str) -> Iterator[None]:
    """Whatever a plugin raises as a `PluginError`: the command must go on.

    Raises:
        PluginError: With the cause; a missing outside package is told from a fault in the plugin.
    """
    try:
        yield
    except PluginError:
        raise
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("poserep", entry.package.partition(".")[0]):
            raise PluginError(f"{entry.key} cannot be imported: {error}", where=entry.where) from error
        extra = f"pip install '{entry.package}[{entry.extra}]'" if entry.extra else f"pip install {package}"
        raise PluginError(
            f"{entry.key} needs the package {package!r}, which is not installed", where=entry.where, hint=extra
        ) from None
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"{entry.key} {failed}: {type(error).__name__}: {error}",
            where=entry.where,
            hint=f"everything else works; mend or uninstall {entry.package}",
        ) from error


def check_declaration(component: Component, entry: Entry) -> None:
    """Refuse an API level that this version does not speak, and fields outside the vocabulary.

    Raises:
        PluginError: Naming the level or the field.
    """
    if component.api != API_LEVEL:
        raise PluginError(
            f"{entry.key} speaks API level {component.api}, this poserep speaks {API_LEVEL}",
            where=entry.where,
            hint=f"install a version of {entry.package} made for this poserep",
        )
    for names in (component.reads, component.writes):
        for name in by_default(component, names):
            if not known(name.rstrip("?")):
                raise PluginError(
                    f"{entry.key} declares the field {name!r}, which is not in the vocabulary",
                    where=entry.where,
                    hint="use a field of poserep.core.fields, or your own prefix: 'yourpackage:name'",
                )
