"""`poserep analyse`: what a representation knows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .words import (
    AsJson,
    Picture,
    RunFolder,
    Sets,
    TargetName,
    Threads,
)

analyse_app = typer.Typer(no_args_is_help=True, help="What a representation knows, and whether its premises hold.")


@analyse_app.command("leak")
def analyse_leak(
    run: RunFolder,
    split: Annotated[str, typer.Option(help="Whose subjects are told apart.")] = "test",
    output: Picture = None,
    threads: Threads = 0,
    as_json: AsJson = False,
) -> None:
    """How much each part of the latent knows of the subject, and how much of the pose; chance beside it.

    Example: [bold]poserep analyse leak runs/demo[/]
    """
    from ..verbs.analyse_leak import leak_command
    from ..verbs.session import use_threads

    use_threads(threads)
    leak_command(run, split, output, as_json)


@analyse_app.command("swap")
def analyse_swap(
    run: RunFolder,
    split: Annotated[str, typer.Option(help="Whose frames; the held-out split if not given.")] = "",
    count: Annotated[int, typer.Option(help="Frames swapped among each other.", min=2, max=64)] = 24,
    output: Picture = None,
    as_json: AsJson = False,
) -> None:
    """Whether a swap keeps the pose of the one and the colours of the other: mask IoU, colour distance, a matrix.

    Example: [bold]poserep analyse swap runs/demo --count 12[/]
    """
    from ..verbs.analyse_swap import swap_command

    swap_command(run, split, count, output, as_json)


@analyse_app.command("completion")
def analyse_completion(
    run: RunFolder,
    sets: Sets = [],
    split: Annotated[str, typer.Option(help="Whose frames; the held-out split if not given.")] = "",
    after: Annotated[float, typer.Option(help="Only frames from this second of their clip on.", min=0.0)] = 0.0,
    count: Annotated[int, typer.Option(help="Pairs of each kind.", min=2)] = 200,
    seed: Annotated[int, typer.Option(help="Draws pairs and masks.", min=0)] = 0,
    output: Picture = None,
    threads: Threads = 0,
    as_json: AsJson = False,
) -> None:
    """How well hidden patches are completed, and how much the second image helps: errors, reference gain, a picture.

    Needs a run whose decoder predicts patches, as `crocoman`.

    Example: [bold]poserep analyse completion runs/crocoman --count 100[/]
    """
    from ..verbs.analyse_completion import completion_command
    from ..verbs.completion_pairs import Wanted
    from ..verbs.session import open_session, use_threads

    use_threads(threads)
    completion_command(open_session(run, sets=sets), Wanted(count, seed, split, after), sets, output, as_json)


@analyse_app.command("time")
def analyse_time(
    target: TargetName,
    sets: Sets = [],
    split: Annotated[str, typer.Option(help="Whose clips.")] = "train",
    most: Annotated[float, typer.Option("--max", help="Most seconds apart; half a clip if 0.", min=0.0)] = 0.0,
    output: Picture = None,
    threads: Threads = 0,
    as_json: AsJson = False,
) -> None:
    """How unlike two frames are by their distance in time; proposes the sampler's distances and DSL's threshold.

    Of a recipe the labelled poses are compared; of a run also the latents, which need no labels.

    Example: [bold]poserep analyse time temporal[/]
    """
    from ..verbs.analyse_time import time_command
    from ..verbs.session import use_threads

    use_threads(threads)
    time_command(target, sets, split, most, output, as_json)


@analyse_app.command("labels")
def analyse_labels(
    runs: Annotated[list[Path], typer.Argument(help="Folders of probed runs.", show_default=False)],
    names: Annotated[list[str], typer.Option("--name", help="What to call each run; as often as there are runs.")] = [],
    metric: Annotated[str, typer.Option(help="Which error.")] = "N-MPJPE",
    output: Annotated[Path, typer.Option("--output", "-o", help="PNG.")] = Path("labels.png"),
    as_json: AsJson = False,
) -> None:
    """The error of several runs by their number of labels, in one picture; runs that differ by seed alone are averaged.

    Example: [bold]poserep analyse labels runs/temporal runs/imagenet --name ours --name ImageNet[/]
    """
    from ..verbs.analyse_labels import labels_command

    labels_command(runs, names, metric, output, as_json)


@analyse_app.command("gravity")
def analyse_gravity(
    target: TargetName,
    sets: Sets = [],
    split: Annotated[str, typer.Option(help="Whose clips; the held-out split if not given.")] = "",
    output: Picture = None,
    as_json: AsJson = False,
) -> None:
    """The centre of gravity of a falling body beside the middle of its box: the true one, and of a run the found one.

    Example: [bold]poserep analyse gravity temporal-dive[/]
    """
    from ..verbs.analyse_gravity import gravity_command

    gravity_command(target, sets, split, output, as_json)


@analyse_app.command("acceleration")
def analyse_acceleration(
    distance: Annotated[float, typer.Option(help="Metres from the fall's foot to the camera, on the ground.")] = 12.0,
    height: Annotated[float, typer.Option(help="Metres of the camera above the fall's end.")] = 2.5,
    azimuth: Annotated[float, typer.Option(help="Degrees from the way it travels: 90 from the side.")] = 90.0,
    focal: Annotated[float, typer.Option(help="Focal length in heights of the frame.")] = 1.85,
    aim: Annotated[float, typer.Option(help="Height in metres looked at; the fall's middle if nan.")] = float("nan"),
    drop: Annotated[float, typer.Option(help="Metres that it falls below its start.")] = 4.0,
    up: Annotated[float, typer.Option(help="Metres per second upwards at the start.")] = 2.8,
    forward: Annotated[float, typer.Option(help="Metres per second forwards.")] = 1.1,
    output: Annotated[Path, typer.Option("--output", "-o", help="PNG.")] = Path("acceleration.png"),
    as_json: AsJson = False,
) -> None:
    """How constant a fall's acceleration is in a camera's picture, as the gravity loss supposes; and from farther away.

    Example: [bold]poserep analyse acceleration --distance 6 --azimuth 45[/]
    """
    from ..verbs.analyse_acceleration import Jump, View, acceleration_command

    acceleration_command(View(distance, height, azimuth, focal, aim), Jump(drop, up, forward), output, as_json)
