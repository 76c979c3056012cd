"""`poserep recipes`, `config` and `protocols`: complete experiments, their format, and how they are measured."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ..core.console import show_json, show_table
from .words import (
    AsJson,
    Drops,
    RecipeName,
    Sets,
    Uses,
)

recipes_app = typer.Typer(no_args_is_help=True, help="Complete experiments.")
config_app = typer.Typer(no_args_is_help=True, help="The recipes' format.")
protocols_app = typer.Typer(no_args_is_help=True, help="How poses are measured: printed cards, by name.")


@recipes_app.command("list")
def recipes_list(
    table: Annotated[str, typer.Option(help="Only rows of this published table, as V, 5 or Ski.")] = "",
    as_json: AsJson = False,
) -> None:
    """Every installed recipe, without importing any plugin; rows of published tables by table, with their values.

    Example: [bold]poserep recipes list --table I[/]
    """
    from ..verbs.recipe_list import list_command

    list_command(table, as_json)


@recipes_app.command("show")
def recipes_show(recipe: RecipeName, sets: Sets = [], uses: Uses = [], drops: Drops = []) -> None:
    """A recipe with every default filled in, as TOML: a start for one of your own.

    Example: [bold]poserep recipes show temporal > mine.toml[/]
    """
    from ..verbs.recipes import complete_text

    sys.stdout.write(complete_text(recipe, sets=sets, uses=uses, drops=drops))


@config_app.command("schema")
def config_schema() -> None:
    """JSON schema of a recipe, made from what is installed: editors complete and check with it.

    Example: [bold]poserep config schema > recipe.schema.json[/]
    """
    from ..verbs.recipes import schema

    show_json(schema())


@protocols_app.command("list")
def protocols_list(as_json: AsJson = False) -> None:
    """Every protocol card: how the papers, and the studio, measure poses.

    Example: [bold]poserep protocols list[/]
    """
    from ..verbs.protocols import list_rows as list_cards

    rows = list(list_cards())
    if as_json:
        show_json(rows)
    else:
        show_table("", ("protocol", "what it is", "paper"), [tuple(row.values()) for row in rows])


@protocols_app.command("show")
def protocols_show(
    name: Annotated[str, typer.Argument(help="Name of a card, or a file.", show_default=False)], as_json: AsJson = False
) -> None:
    """A card: what the data must be, what the paper leaves open, and its [probe], to put into a recipe.

    Example: [bold]poserep protocols show h36m_a[/]
    """
    from ..verbs.protocols import show_command as show_card

    show_card(name, as_json)
