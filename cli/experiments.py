"""What stands under no group: train an experiment, read it, look at it; the demo and the doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from ..core.console import note, say, show_json, show_table
from .words import (
    AsJson,
    Drops,
    RecipeName,
    RunFolder,
    Sets,
    Threads,
    Uses,
)

experiments_app = typer.Typer()


@experiments_app.command()
def demo(
    minutes: Annotated[float, typer.Option(help="Time for drawing, training and probing.", min=1.0)] = 4.8,
    folder: Annotated[Path, typer.Option("--run", help="Where to put it.")] = Path("runs/demo"),
    seed: Annotated[int, typer.Option(help="Seed of the training.", min=0)] = 0,
    threads: Threads = 0,
) -> None:
    """The whole road on the embedded studio: train, probe, table, pictures.

    Example: [bold]poserep demo --minutes 8[/]
    """
    from ..verbs.demo import run_demo

    run_demo(minutes, folder, seed, threads)


@experiments_app.command()
def compose(recipe: RecipeName, sets: Sets = [], uses: Uses = [], drops: Drops = [], as_json: AsJson = False) -> None:
    """The assembled model: wiring, shapes, parameters, checks.

    Example: [bold]poserep compose temporal --use losses.contrast=css --use sampler=contrastive[/]
    """
    from ..core.compose import compose as compose_recipe
    from ..verbs.compose import describe, show

    composition = compose_recipe(recipe, sets=sets, uses=uses, drops=drops)
    description = describe(composition)
    if as_json:
        show_json(description)
    else:
        show(composition, description)


@experiments_app.command()
def train(
    recipe: RecipeName,
    sets: Sets = [],
    uses: Uses = [],
    drops: Drops = [],
    run: Annotated[Path | None, typer.Option("--run", help="Run folder; runs/NAME-FINGERPRINT if not given.")] = None,
    devices: Annotated[int, typer.Option(help="Processes, one per device.")] = 1,
    nodes: Annotated[int, typer.Option(help="Machines.")] = 1,
    strategy: Annotated[str, typer.Option(help="Lightning Fabric's strategy: auto, ddp, fsdp.")] = "auto",
    accelerator: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    untrained: Annotated[bool, typer.Option("--untrained", help="No step: the networks as they start.")] = False,
    threads: Threads = 0,
) -> None:
    """Train a recipe into a run folder. Ctrl-C stops cleanly; the same command goes on where it stopped.

    Example: [bold]poserep train temporal --set training.steps=500[/]
    """
    from ..core.registry import Registry
    from ..verbs.next_step import after_training
    from ..verbs.train import STOPPED, UNTRAINED, Machine, compose_and_train

    machine = Machine(devices, nodes, strategy, accelerator, threads)
    sets = [*sets, *(UNTRAINED if untrained else ())]
    done = compose_and_train(recipe, run, machine, Registry(), sets=sets, uses=uses, drops=drops)
    about = done.about()
    folder = escape(str(done.folder))
    say(f"{about['state']} at step {about['step']} of {about['steps']}  {folder}")
    note(f"next: {escape(after_training(done.folder))}")
    if about["state"] == "stopped":
        raise typer.Exit(STOPPED)


@experiments_app.command()
def probe(
    run: RunFolder,
    split: Annotated[str, typer.Option(help="test, or validation while choosing settings.")] = "test",
    protocol: Annotated[str, typer.Option(help="A card in place of the run's own [probe]: a name or file.")] = "",
    sets: Sets = [],
    threads: Threads = 0,
    as_json: AsJson = False,
) -> None:
    """Pose from frozen features at several label counts, beside the mean pose and a random encoder.

    Example: [bold]poserep probe runs/demo[/]
    """
    from dataclasses import asdict

    from ..verbs.probe import probe as measure
    from ..verbs.protocols import card_sets
    from ..verbs.report import show_results
    from ..verbs.session import open_session, use_threads

    use_threads(threads)
    found = measure(open_session(run, sets=[*(card_sets(protocol) if protocol else ()), *sets]), split)
    if as_json:
        show_json([asdict(one) for one in found])
    else:
        show_results(run, found)


@experiments_app.command()
def finetune(
    run: RunFolder,
    task: Annotated[str, typer.Option(help="What to learn, as body-mesh: a name or file; or else [finetune].")] = "",
    split: Annotated[str, typer.Option(help="test, or validation while choosing settings.")] = "test",
    sets: Sets = [],
    uses: Uses = [],
    accelerator: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    threads: Threads = 0,
    as_json: AsJson = False,
) -> None:
    """Train the whole network on labelled frames, from the run's weights and others; measured as the probe measures.

    Ctrl-C stops cleanly; the same command goes on where it stopped.

    Example: [bold]poserep finetune runs/crocoman --task body-mesh[/]
    """
    from ..verbs.finetune import finetune_command
    from ..verbs.tasks import task_sets
    from ..verbs.train import Machine

    machine = Machine(accelerator=accelerator, threads=threads)
    finetune_command(run, split, machine, as_json, sets=[*task_sets(task), *sets], uses=uses)


@experiments_app.command()
def predict(
    run: RunFolder,
    video: Annotated[Path, typer.Argument(help="A video file, or a folder of them.", show_default=False)],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder; RUN/predict if not given.")] = None,
    poses_from: Annotated[Path | None, typer.Option(help="A probed run whose regressor reads 3D poses.")] = None,
    start: Annotated[float | None, typer.Option(help="Look from this second on; as trained if not given.")] = None,
    end: Annotated[float | None, typer.Option(help="Look up to this second.")] = None,
    accelerator: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    threads: Threads = 0,
) -> None:
    """Boxes, masks and 3D pose per frame: an overlay video, and npz and JSON with timestamps.

    Example: [bold]poserep predict runs/demo clip.mp4[/]
    """
    from ..verbs.predict import predict as predict_video
    from ..verbs.session import use_threads

    use_threads(threads)
    for path in predict_video(run, video, output, poses_from, accelerator, (start, end)):
        say(str(path))


@experiments_app.command()
def swap(
    run: RunFolder,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="PNG; RUN/swap.png if not given.")] = None,
    count: Annotated[int, typer.Option(help="Frames swapped among each other.", min=2, max=12)] = 5,
) -> None:
    """The appearance of one frame in the pose of another, as a picture grid.

    Example: [bold]poserep swap runs/demo --count 6[/]
    """
    from ..verbs.swap import swap as draw

    say(str(draw(run, output, count)))


@experiments_app.command()
def view(
    run: RunFolder,
    source: Annotated[str, typer.Option("--from", metavar="CAMERA", help="Camera looked at; the nearest.")] = "",
    target: Annotated[str, typer.Option("--to", metavar="CAMERA", help="Whose view is made; a held-out one.")] = "",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="PNG; RUN/view.png if not given.")] = None,
    moments: Annotated[int, typer.Option(help="Rows of the picture.", min=1, max=24)] = 5,
    sets: Sets = [],
    as_json: AsJson = False,
) -> None:
    """A camera's view synthesised from another camera's frames, beside the true one and the latent not turned.

    Needs a run whose exchange turns latents between calibrated cameras, as `nsd` and `nsd-video`.

    Example: [bold]poserep view runs/nsd --to cam02 -o view.png[/]
    """
    from ..verbs.session import open_session
    from ..verbs.view import view_command

    view_command(open_session(run, sets=sets), (source, target), output, moments, as_json)


@experiments_app.command()
def report(
    folders: Annotated[list[Path], typer.Argument(help="Folders of runs.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML file.")] = Path("report.html"),
    picture: Annotated[Path | None, typer.Option(help="Also draw the first run's overview (PNG).")] = None,
    as_json: AsJson = False,
) -> None:
    """Tables of one or several runs, and one self-contained HTML file. Needs only the folders.

    Example: [bold]poserep report runs/temporal-* --output report.html[/]
    """
    from ..verbs.overview import overview
    from ..verbs.report import report_command

    report_command(folders, output, as_json)
    if picture is not None:
        note(str(overview(folders[0], picture)))


@experiments_app.command()
def doctor(as_json: AsJson = False) -> None:
    """Whether this machine has what is needed: versions that match, video, cores, disk, plugins.

    Example: [bold]poserep doctor[/]
    """
    from ..verbs.doctor import examine

    findings = examine()
    if as_json:
        show_json([finding._asdict() for finding in findings])
    else:
        show_table("", ("check", "state", "what"), [(f.check, f.state, f.what) for f in findings])
    if any(finding.state == "bad" for finding in findings):
        raise typer.Exit(1)
