"""Which plugins exist, from manifests alone; a plugin is imported when one of its components is asked for.

A registry is an object, built, passed and thrown away; nothing is global. What is wrong with one package or part is
kept as its cause, and harms no other.
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from . import hookspecs
from .errors import PluginError, did_you_mean
from .fields import FIELDS, Field
from .interfaces import Component, Kind
from .outside.guard import by_default, check_component, guarded, isolated, limit_s
from .outside.manifest import (
    GROUP,
    LIST,
    SHIPPED,
    Entry,
    Manifest,
    allowed,
    find_manifest,
    installed_points,
    read_manifest,
    without,
)
from .outside.trial import ends, trials
from .recipe import shipped

__all__ = ["GROUP", "Entry", "Registry"]

ROOT = Path(__file__).parent.parent
Points = Iterable[EntryPoint] | None


class Registry:
    """Every declared component, loaded on first use, each isolated from the others.

    Args:
        extra: Entries beside those shipped and installed, as tests use them.
        installed: Entry points of outside packages; those of the environment if not given.
        fields: Fields that the extra entries declare beside the vocabulary.

    Attributes:
        entries: Declared components by ``kind.name``.
        fields: The vocabulary, and the fields of outside packages.
        left_out: Entry points that ``POSEREP_PLUGINS`` leaves out.
    """

    def __init__(self, extra: Iterable[Entry] = (), installed: Points = None, fields: Iterable[Field] = ()) -> None:
        own = read_manifest(ROOT / "registry.toml", SHIPPED)
        self.entries: dict[str, Entry] = {entry.key: entry for entry in own.entries}
        self._refused: dict[str, PluginError] = {}
        self._loaded: dict[str, Component] = {}
        self._tried: dict[str, BaseException | None] = {}
        points, self.left_out = allowed(installed_points() if installed is None else installed)
        self._outside = list(self._read(points))
        given = [one for manifest in self._outside for one in manifest.fields]
        self.fields: Mapping[str, Field] = {**FIELDS, **{one.name: one for one in (*given, *fields)}}
        self._declare([*(entry for manifest in self._outside for entry in manifest.entries), *extra])

    def __getstate__(self) -> dict[str, Any]:
        """For another process, which loads components anew: not every function that they hold can be sent."""
        return {**self.__dict__, "_loaded": {}}

    def _read(self, points: Iterable[EntryPoint]) -> Iterator[Manifest]:
        """The packages' manifests; a fault in one is kept as its cause."""
        for point in points:
            try:
                manifest = read_manifest(find_manifest(point), point.value)
            except Exception as error:
                told = PluginError(f"it cannot be read: {error!r}", where=f"entry point {point.name}")
                self._refused[point.name] = error if isinstance(error, PluginError) else told
            else:
                self._refused |= {f"{point.value}/{key}": error for key, error in manifest.refused.items()}
                yield manifest

    def _declare(self, entries: Iterable[Entry]) -> None:
        """Add outside entries. A shipped name stays what it is; one that two declare is refused to both."""
        for entry in entries:
            other = self.entries.setdefault(entry.key, entry)
            if other.shipped:
                hint = "everything else works; ask its author for another name"
                self._refused[f"{entry.package}/{entry.key}"] = entry.error("bears the name of a shipped part", hint)
            elif other is not entry:
                what = f"{entry.key} is declared by two packages, {other.package} and {entry.package}"
                hint = f"ask an author for another name, or leave one out: {LIST}=-{entry.package}"
                self._refused[entry.key] = PluginError(what, hint=hint)

    @property
    def broken(self) -> dict[str, str]:
        """Why what is refused is refused: a part by ``kind.name``, one not listed by ``package/kind.name``, a package.

        What is wrong with a part's code is known once it is asked for, or after `load_all`.
        """
        return {name: str(error) for name, error in self._refused.items()}

    @cached_property
    def recipes(self) -> Mapping[str, Path]:
        """Installed recipes: shipped ones by name, others by ``package/name``, and by name where no other has it."""
        paths = [(one.package, path) for one in self._outside for path in sorted(one.folder.glob("recipes/*.toml"))]
        full = {f"{package}/{path.stem}": path for package, path in paths}
        count = Counter(path.stem for path in full.values())
        return full | {path.stem: path for path in full.values() if count[path.stem] == 1} | shipped()

    def names(self, kind: Kind) -> list[str]:
        """Declared names of one kind, sorted; imports nothing."""
        return sorted(entry.name for entry in self.entries.values() if entry.kind == kind)

    def refusal(self, name: str) -> PluginError | None:
        """Why a part or package is refused, by its name in ``broken`` or the end of it, or by its package."""
        for key, error in self._refused.items():
            if name == key or key.startswith(f"{name}/") or key.endswith((f"/{name}", f".{name}")):
                return error
        return None

    def get(self, kind: Kind, name: str) -> Component:
        """A component, importing its plugin on first use.

        Raises:
            PluginError: If it is not declared, or its plugin does not import or keep its contract.
        """
        key = f"{kind}.{name}"
        if key not in self.entries:
            hint = did_you_mean(name, self.names(kind), f"installed: {', '.join(self.names(kind)) or 'none'}")
            hint += without(self.left_out)
            raise self.refusal(key) or PluginError(f"there is no {kind} named {name!r}", hint=hint)
        if error := self._refused.get(key):
            raise error
        if key not in self._loaded:
            entry = self.entries[key]
            if not entry.shipped and entry.module not in self._tried:
                self._tried[entry.module] = ends([entry.module], limit_s()).get(entry.module)
            try:
                self._loaded[key] = self._load(entry)
            except PluginError as error:
                self._refused[key] = error
                raise
        return self._loaded[key]

    def _load(self, entry: Entry) -> Component:
        seconds = limit_s()
        with guarded(entry, "on import", seconds=seconds):
            if error := self._tried.get(entry.module):
                raise error
            module = importlib.import_module(entry.module)
        with guarded(entry, "while registering", seconds=seconds):
            handed = components_of(module)
        found = [one for one in handed if (one.kind, one.name) == (entry.kind, entry.name)]
        if not found:
            names = ", ".join(f"{one.kind}.{one.name}" for one in handed) or "nothing"
            what = f"is not what {entry.module} registers, but {names}"
            raise entry.error(what, "Component(name=...) must equal the key in registry.toml")
        with guarded(entry, "while declaring", seconds=seconds):
            check_component(found[0], entry, self.fields)
        return found[0] if entry.shipped else isolated(found[0], entry, self.fields)

    def load_all(self) -> list[Component]:
        """Every component that can be loaded; the causes of the others are in ``broken``."""
        outside = {entry.module: entry for entry in self.entries.values() if not entry.shipped}
        for module, error in trials((name for name in outside if name not in self._tried), limit_s()):
            self._tried[module] = error
            self._loadable([outside[module]])  # while the child is at the next
        return self._loadable(self.entries.values())

    def _loadable(self, entries: Iterable[Entry]) -> list[Component]:
        loaded = []
        for entry in entries:
            with suppress(PluginError):
                loaded.append(self.get(entry.kind, entry.name))
        return loaded

    def writers(self, field: str) -> list[str]:
        """Keys of every loadable component that can write a field, for hints."""
        able = {f"{one.kind}.{one.name}": by_default(one, "writes") for one in self.load_all()}
        return [key for key, writes in able.items() if field in {name.rstrip("?") for name in writes}]


def components_of(module: ModuleType) -> list[Component]:
    """What a plugin's hook hands over.

    Raises:
        TypeError: If that is no component.
        pluggy.PluginValidationError: If it has a hook that there is not, or one with other arguments.
    """
    handed: list[Component] = []

    def register(component: Component) -> None:
        if not isinstance(component, Component):
            raise TypeError(f"{component!r} is no Component")
        handed.append(component)

    plugins = pluggy.PluginManager(hookspecs.PROJECT)
    plugins.add_hookspecs(hookspecs)
    plugins.hook.poserep_register.call_historic(kwargs={"register": register})
    plugins.register(module)  # the historic hook fires here
    plugins.check_pending()
    return handed
