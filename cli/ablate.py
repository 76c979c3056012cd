"""`poserep ablate`: ablation studies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ..core.console import show_json, show_table
from .words import (
    AsJson,
    StageStore,
    StudyFile,
)

ablate_app = typer.Typer(no_args_is_help=True, help="Ablation studies: arms by seeds, run once and compared.")


@ablate_app.command("list")
def ablate_list(as_json: AsJson = False) -> None:
    """Every shipped study: a published table on the studio, by one command.

    Example: [bold]poserep ablate list[/]
    """
    from ..verbs.ablate import list_rows as list_studies

    rows = list(list_studies())
    if as_json:
        show_json(rows)
    else:
        show_table("", ("study", "what it asks", "size"), [tuple(row.values()) for row in rows])


@ablate_app.command("plan")
def ablate_plan(study: StudyFile, store: StageStore = None, as_json: AsJson = False) -> None:
    """Arms and what they change, what is impossible and why, the stages to run and about how long they take.

    Example: [bold]poserep ablate plan docs/examples/studies/contrast.toml[/]
    """
    from ..verbs.ablate import plan_command

    plan_command(study, store, as_json)


@ablate_app.command("run")
def ablate_run(
    study: StudyFile,
    executor: Annotated[str, typer.Option(help="serial, processes, slurm, ray; serial if not given.")] = "",
    sets: Annotated[list[str], typer.Option("--set", metavar="KEY=VALUE", help="An option of the executor.")] = [],
    jobs: Annotated[int, typer.Option(help="So many processes on this machine.", min=0)] = 0,
    store: StageStore = None,
    threads: Annotated[int, typer.Option(help="Threads of torch in each job; 0 leaves its own number.", min=0)] = 0,
    stop_on_failure: Annotated[bool, typer.Option("--stop-on-failure", help="Start nothing after a failure.")] = False,
) -> None:
    """Run what is left of a study. Ctrl-C stops cleanly; the same command goes on where it stopped.

    Example: [bold]poserep ablate run docs/examples/studies/contrast.toml --jobs 2[/]
    """
    from ..verbs.ablate_run import Where, run_command

    if code := run_command(study, store, Where(executor, tuple(sets), jobs, threads), not stop_on_failure):
        raise typer.Exit(code)


@ablate_app.command("report")
def ablate_report(
    study: StudyFile,
    store: StageStore = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder; runs/studies/NAME.")] = None,
    test: Annotated[Literal["permutation", "wilcoxon"], typer.Option(help="The test behind p.")] = "permutation",
    as_json: AsJson = False,
) -> None:
    """The table of what is done so far: terminal, CSV, Markdown, LaTeX, and one HTML page with plots.

    Example: [bold]poserep ablate report docs/examples/studies/contrast.toml[/]
    """
    from ..verbs.ablate import report_command

    report_command(study, store, output, test, as_json)
