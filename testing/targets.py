"""Whose parts are meant: ``kind.name``, a name, a package, or all."""

from __future__ import annotations

from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, distribution

from ..core.errors import PluginError
from ..core.registry import GROUP, Entry, Registry


def entries_of(target: str, registry: Registry) -> list[Entry]:
    """The parts that a target names, sorted; none if it is a package that cannot be read.

    Raises:
        PluginError: If it names nothing.
    """
    packages = packages_of(target)
    found = [
        entry
        for entry in registry.entries.values()
        if target in ("all", entry.key, entry.name) or entry.package in packages
    ]
    if not found and not broken_packages(target, registry):
        known = {entry.package for entry in registry.entries.values()} | set(registry.broken)
        every = [*known, *registry.entries, *(entry.name for entry in registry.entries.values())]
        near = get_close_matches(target, every, 1)
        raise PluginError(
            f"there is no part and no package named {target!r}",
            hint=f"did you mean {near[0]!r}?" if near else "name a part, a package, or all",
        )
    return sorted(found, key=lambda entry: (entry.kind, entry.name))


def packages_of(target: str) -> set[str]:
    """Import packages that a name may mean: itself, or those that the distribution of that name declares."""
    try:
        points = distribution(target).entry_points
    except (PackageNotFoundError, ValueError):
        points = None
    declared = [point for point in points or () if point.group == GROUP]
    return {target, *(point.value for point in declared), *(point.name for point in declared)}


def broken_packages(target: str, registry: Registry) -> dict[str, str]:
    """What a target's packages declare and the registry does not list: by name, with the cause."""
    wanted = packages_of(target)
    return {
        name: cause
        for name, cause in registry.broken.items()
        if name not in registry.entries and (target == "all" or name.partition("/")[0] in wanted)
    }
