"""Outside packages, made on the fly: a folder on the import path with a manifest and an entry point."""

from __future__ import annotations

from pathlib import Path

PLUGIN = """
from poserep.core.hookspecs import hookimpl
from poserep.core.interfaces import Component, Options


class Nothing(Options):
    pass


@hookimpl
def poserep_register(register):
    register(Component(kind={kind!r}, name={name!r}, options=Nothing, build=lambda o, c: None, {more}))
"""


def plugin(kind: str, name: str, more: str = "") -> str:
    """Source of a plugin with one component."""
    return PLUGIN.format(kind=kind, name=name, more=more)


def install(folder: Path, package: str, manifest: str, **modules: str) -> Path:
    """Write a package and the metadata by which an installer would declare it; ``folder`` must be on the path."""
    home = folder / package
    home.mkdir(parents=True)
    (home / "__init__.py").touch()
    (home / "registry.toml").write_text(manifest, encoding="utf-8")
    for name, source in modules.items():
        (home / f"{name}.py").write_text(source, encoding="utf-8")
    about = folder / f"{package}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text(f"[poserep.plugins]\n{package} = {package}\n", encoding="utf-8")
    return home
