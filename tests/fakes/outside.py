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


def install(folder: Path, package: str, manifest: str | bytes | None, **modules: str) -> Path:
    """Write a package and the metadata by which an installer would declare it; ``folder`` must be on the path.

    Args:
        folder: Where packages are installed.
        package: Its import name, dotted for one inside another; the distribution's name has hyphens in place of both.
        manifest: Its ``registry.toml``; None for a package without one.
        **modules: Source by name; ``__init__`` is empty if not given.
    """
    home = folder.joinpath(*package.split("."))
    home.mkdir(parents=True)
    for name, source in ({"__init__": ""} | modules).items():
        (home / f"{name}.py").write_text(source, encoding="utf-8")
    if manifest is not None:
        (home / "registry.toml").write_bytes(manifest if isinstance(manifest, bytes) else manifest.encode())
    name = package.replace(".", "-").replace("_", "-")
    about = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text(f"[poserep.plugins]\n{package} = {package}\n", encoding="utf-8")
    return home


def install_many(folder: Path, count: int) -> None:
    """Write so many packages of one loss each, ``many_000`` and on; each is imported alone."""
    for number in range(count):
        package = f"many_{number:03}"
        manifest = f'api = 1\n[loss.{package}]\nmodule = "{package}.own"\nsummary = "One of many"\n'
        install(folder, package, manifest, own=plugin("loss", package, "reads=('variant',)"))
