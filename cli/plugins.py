"""`poserep plugins`: what is installed, and what one part does."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from ..core.console import note, say, show_json, show_table
from .words import (
    AsJson,
)

plugins_app = typer.Typer(no_args_is_help=True, help="What is installed, and what one part does.")


@plugins_app.command("list")
def plugins_list(
    check: Annotated[bool, typer.Option("--check", help="Import each, and tell which are broken and why.")] = False,
    as_json: AsJson = False,
) -> None:
    """Every installed component by kind, without importing any unless asked to check them.

    Example: [bold]poserep plugins list --check[/]
    """
    from ..verbs.plugins import list_rows

    rows, broken = list_rows(check=check)
    if as_json:
        show_json({"components": rows, "broken": broken})
        return
    show_table("", ("kind", "name", "what it does", "from"), [tuple(row.values()) for row in rows])
    for name, cause in broken.items():
        note(f"[yellow]broken[/]  {escape(name)}: {escape(cause)}")


@plugins_app.command("show")
def plugins_show(
    name: Annotated[str, typer.Argument(help="As loss.dsl, or just dsl.", show_default=False)], as_json: AsJson = False
) -> None:
    """What one part does: its options with defaults and meaning, the fields it reads and writes, its paper.

    Example: [bold]poserep plugins show dsl[/]
    """
    from ..verbs.plugins import describe, show

    description = describe(name)
    if as_json:
        show_json(description)
    else:
        show(description)


@plugins_app.command("catalogue")
def plugins_catalogue(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Markdown file; printed if not given.")] = None,
) -> None:
    """One page of every installed part, with its options and fields; at its end what is broken, and why.

    Example: [bold]poserep plugins catalogue -o parts.md[/]
    """
    from ..core.registry import Registry
    from ..verbs.catalogue import parts_page

    page = parts_page(Registry())
    if output is None:
        sys.stdout.write(page)
    else:
        output.write_text(page, encoding="utf-8")
        say(escape(str(output)))


@plugins_app.command("check")
def plugins_check(
    target: Annotated[str, typer.Argument(help="As loss.dsl, dsl, a package, or all.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Whether parts keep to what all parts must: run, skipped with the reason, failed with the cause, and their cost.

    Example: [bold]poserep plugins check dsl[/]
    """
    from ..verbs.plugin_check import check_command

    if not check_command(target, as_json):
        raise typer.Exit(3)


@plugins_app.command("new")
def plugins_new(
    name: Annotated[str, typer.Argument(help="Of the part: lower case, digits, hyphens.", show_default=False)],
    kind: Annotated[str, typer.Option(help="What it shall be: loss, encoder, sampler, ...", show_default=False)] = "",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder; poserep-NAME if not given.")] = None,
) -> None:
    """Write an installable package with one part that works: its recipe, its tests, README and CI file.

    Example: [bold]poserep plugins new slowness --kind loss[/]
    """
    from ..verbs.scaffold import new

    folder, commands = new(name, kind, output)
    say(f"written to {escape(str(folder))}; it has no licence: choose one before you publish")
    say("next:\n" + "\n".join(f"  {escape(command)}" for command in commands))
