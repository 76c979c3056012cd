"""The one place that writes to the screen: results on standard output, progress and notes on standard error."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from .errors import ConfigError, PoserepError

Item = TypeVar("Item")
Cells = tuple[str, Sequence[str], Sequence[Sequence[str]], str]
"""A table: its title, columns, rows, caption."""
log = logging.getLogger("poserep")

LOG_EVERY_S = 10.0


def out() -> Console:
    """Console for results. Made on use, so that tests and pipes see the current stream."""
    return Console(highlight=False, soft_wrap=True, emoji=False)


def err() -> Console:
    """Console for progress and notes."""
    return Console(stderr=True, highlight=False, emoji=False)


def say(text: str) -> None:
    """Print a result; rich markup is understood."""
    out().print(text)


def note(text: str) -> None:
    """Tell what is going on, beside the results."""
    err().print(text, soft_wrap=True)


def show_json(value: Any) -> None:
    """Print a value as JSON, for ``--json``."""
    out().file.write(f"{json.dumps(value, indent=2)}\n")  # by `print` a long schema takes a quarter of a second


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> None:
    """Print a table; numbers (columns whose cells all start with a digit or sign) are right-aligned."""
    console = Console(highlight=False, emoji=False)
    if not console.is_terminal:  # a pipe or a file: do not fold at 80 columns
        console = Console(highlight=False, emoji=False, width=160)
    console.print(make_table(title, columns, rows, caption))


def make_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> Table:
    """What `show_table` prints."""
    cells = [list(row) for row in rows]
    table = Table(title=title or None, caption=caption or None, title_justify="left", caption_justify="left", box=None)
    for index, column in enumerate(columns):
        numeric = bool(cells) and all(row[index][:1].isdigit() or row[index][:1] in "+-." for row in cells)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in cells:
        table.add_row(*(escape(cell) for cell in row))
    return table


@contextmanager
def live_table(draw: Callable[[], Cells]) -> Iterator[None]:
    """Show a table that is drawn anew twice a second, on a terminal; nothing elsewhere."""
    if not err().is_terminal:
        yield
        return
    console = Console(file=sys.stderr, highlight=False, emoji=False)  # this stream, whatever a job does to it
    options: dict[str, Any] = {"refresh_per_second": 2, "redirect_stdout": False, "redirect_stderr": False}
    with Live(console=console, get_renderable=lambda: make_table(*draw()), **options):
        yield


def show_error(error: PoserepError) -> None:
    """Print an expected error as one readable block."""
    console = err()
    problems = error.problems if isinstance(error, ConfigError) else (error,)
    for problem in problems:
        console.print(f"[bold red]{error.title}[/]  {escape(problem.what)}", soft_wrap=True)
        if problem.where:
            console.print(f"  [dim]at[/]    {escape(problem.where)}", soft_wrap=True)
        if problem.hint:
            console.print(f"  [dim]hint[/]  {escape(problem.hint)}", soft_wrap=True)


def progress_bar() -> Progress:
    """A rich progress bar with rate and time left, for `track` and for training."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[info]}"),
        TimeRemainingColumn(),
        console=err(),
    )


def track(items: Iterable[Item], label: str, total: int, unit: str = "it") -> Iterator[Item]:
    """Pass items through while showing progress: a bar on a terminal, a log line every few seconds elsewhere."""
    start = time.monotonic()
    if err().is_terminal:
        with progress_bar() as bar:
            task = bar.add_task(label, total=total, info="")
            for count, item in enumerate(items, 1):
                yield item
                bar.update(task, advance=1, info=f"{count / (time.monotonic() - start):.1f} {unit}/s")
        return
    said = start
    for count, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - said > LOG_EVERY_S:
            said = now
            log.info("%s %d/%d, %.1f %s/s", label, count, total, count / (now - start), unit)
