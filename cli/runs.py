"""`poserep runs`: what was run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .words import (
    AsJson,
    RunFolder,
)

runs_app = typer.Typer(no_args_is_help=True, help="What was run, what became of it, and what tells two runs apart.")


@runs_app.command("list")
def runs_list(
    folders: Annotated[list[Path] | None, typer.Argument(help="Folders to search; runs/ if not given.")] = None,
    state: Annotated[str, typer.Option(help="Only runs in this state, as failed or killed.")] = "",
    as_json: AsJson = False,
) -> None:
    """Every run below some folders: its state, how far it came, its main number, why it failed.

    Example: [bold]poserep runs list --state failed[/]
    """
    from ..verbs.runs import list_command

    list_command(folders or [Path("runs")], state, as_json)


@runs_app.command("show")
def runs_show(
    run: RunFolder,
    recipe: Annotated[str, typer.Option(help="Compare its config with this recipe, not that of its name.")] = "",
    as_json: AsJson = False,
) -> None:
    """One run: what was set differently from its recipe, versions, losses, numbers, and what to do next.

    Example: [bold]poserep runs show runs/demo[/]
    """
    from ..verbs.run_show import show_command

    show_command(run, recipe, as_json)


@runs_app.command("diff")
def runs_diff(
    a: Annotated[Path, typer.Argument(help="Folder of a run.", show_default=False)],
    b: Annotated[Path, typer.Argument(help="Folder of another run.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Two runs' difference, explained by the settings that differ. Numbers of other protocols are not subtracted.

    Example: [bold]poserep runs diff runs/dsl runs/css[/]
    """
    from ..verbs.runs import diff_command

    diff_command(a, b, as_json)
