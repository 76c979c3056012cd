"""`poserep data`: a dataset before training on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..core.console import say
from .words import (
    AsJson,
    DataName,
    RecipeName,
    Sets,
    Uses,
)

data_app = typer.Typer(no_args_is_help=True, help="Look at a dataset before training on it.")


@data_app.command("inspect")
def data_inspect(
    recipe: DataName,
    sets: Sets = [],
    uses: Uses = [],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Also draw a contact sheet (PNG).")] = None,
    as_json: AsJson = False,
) -> None:
    """What a dataset holds and lacks, whether its labels fit each other, and how it looks.

    Example: [bold]poserep data inspect temporal-video --set dataset.path=clips/ -o sheet.png[/]
    """
    from ..verbs.data import inspect_command

    inspect_command(recipe, sets, uses, output, as_json)


@data_app.command("prepare")
def data_prepare(recipe: RecipeName, sets: Sets = [], uses: Uses = []) -> None:
    """Decode every frame of a recipe's dataset once, ahead of training. May be stopped, and goes on where it stopped.

    Example: [bold]poserep data prepare temporal-video --set dataset.path=clips/[/]
    """
    from ..verbs.prepare import prepare

    prepare(recipe, sets, uses)


@data_app.command("pairs")
def data_pairs(
    recipe: RecipeName,
    sets: Sets = [],
    uses: Uses = [],
    steps: Annotated[int, typer.Option(help="So many steps of the training; 0 for all.", min=0)] = 10,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File of pairs (JSONL) to train from.")] = None,
    sheet: Annotated[Path | None, typer.Option(help="Also draw a contact sheet (PNG).")] = None,
    count: Annotated[int, typer.Option(help="Pairs on the sheet.", min=1, max=200)] = 24,
    as_json: AsJson = False,
) -> None:
    """The pairs of frames that a recipe trains on: kinds, angles and distances in time, as a file and as pictures.

    Example: [bold]poserep data pairs runs/croco/config.toml --steps 0 -o pairs.jsonl --sheet pairs.png[/]
    """
    from ..verbs.data_pairs import pairs_command

    pairs_command(recipe, (sets, uses), steps, (output, sheet), count, as_json)


@data_app.command("background")
def data_background(
    recipe: RecipeName,
    sets: Sets = [],
    uses: Uses = [],
    output: Annotated[Path, typer.Option("--output", "-o", help="PNG.")] = Path("background.png"),
) -> None:
    """The estimated background of every camera, beside a frame and their difference.

    Example: [bold]poserep data background temporal-video --set dataset.path=clip.mp4[/]
    """
    from ..verbs.data import background_command

    say(str(background_command(recipe, sets, uses, output)))


@data_app.command("render")
def data_render(
    scene: Annotated[str, typer.Option(help="room, dive, slope or hands.")] = "room",
    motion: Annotated[str, typer.Option(help="BVH, AMC, DeepMimic or AMASS file or folder; procedural if empty.")] = "",
    size: Annotated[int, typer.Option(help="Side of the frames in pixels.")] = 256,
    seconds: Annotated[float, typer.Option(help="Length of a clip.")] = 8.0,
    fps: Annotated[float, typer.Option(help="Frames per second.")] = 25.0,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for mp4 files and a contact sheet.")] = Path(
        "studio"
    ),
) -> None:
    """Draw the studio as videos with skeletons, and a contact sheet.

    Example: [bold]poserep data render --motion walk.bvh -o walk/[/]
    """
    from ..verbs.render import render_command

    for path in render_command(scene, motion, size, seconds, fps, output):
        say(str(path))
