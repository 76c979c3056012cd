"""The command line: each command parses, calls one function, and prints through one console module."""

from __future__ import annotations

import logging
import os
import traceback
from typing import Annotated

import typer

from ..core.console import show_error
from ..core.errors import PoserepError
from .ablate import ablate_app
from .analyse import analyse_app
from .data import data_app
from .experiments import experiments_app
from .plugins import plugins_app
from .recipes import config_app, protocols_app, recipes_app
from .runs import runs_app

# OpenMP threads wait by spinning without end: fast alone, several times slower beside any other busy process.
# A short spin keeps nearly all of the speed and yields the core.
os.environ.setdefault("GOMP_SPINCOUNT", "20000")

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich", add_completion=False)
app.add_typer(experiments_app)
app.add_typer(plugins_app, name="plugins")
app.add_typer(recipes_app, name="recipes")
app.add_typer(config_app, name="config")
app.add_typer(data_app, name="data")
app.add_typer(runs_app, name="runs")
app.add_typer(ablate_app, name="ablate")
app.add_typer(analyse_app, name="analyse")
app.add_typer(protocols_app, name="protocols")


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of expected errors too.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Tell more.")] = False,
    no_plugins: Annotated[bool, typer.Option("--no-plugins", help="Use what is shipped alone.")] = False,
) -> None:
    """Learn pose representations from ordinary video, out of parts that can be swapped.

    Start here: [bold]poserep demo[/]
    """
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("poserep").setLevel(logging.DEBUG if verbose else logging.INFO)
    logging.getLogger("poserep").propagate = True
    if debug:
        os.environ["POSEREP_DEBUG"] = "1"
    if no_plugins:
        os.environ["POSEREP_PLUGINS"] = "none"  # so that the processes of a training or a study agree


def main() -> None:
    """Entry point: expected errors as one block with their exit code, after their traceback if asked for."""
    try:
        app(prog_name="poserep")
    except PoserepError as error:
        if os.environ.get("POSEREP_DEBUG"):
            traceback.print_exc()
        show_error(error)
        raise SystemExit(error.exit_code) from None
