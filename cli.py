"""The command line: each command parses, calls one function, and prints through one console module."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape

from .core.console import note, say, show_error, show_json, show_table
from .core.errors import PoserepError

# OpenMP threads wait by spinning without end: fast alone, several times slower beside any other busy process.
# A short spin keeps nearly all of the speed and yields the core.
os.environ.setdefault("GOMP_SPINCOUNT", "20000")

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich", add_completion=False)
plugins_app = typer.Typer(no_args_is_help=True, help="What is installed, and what one part does.")
recipes_app = typer.Typer(no_args_is_help=True, help="Complete experiments.")
config_app = typer.Typer(no_args_is_help=True, help="The recipes' format.")
data_app = typer.Typer(no_args_is_help=True, help="Look at a dataset before training on it.")
runs_app = typer.Typer(no_args_is_help=True, help="What was run, what became of it, and what tells two runs apart.")
app.add_typer(plugins_app, name="plugins")
app.add_typer(recipes_app, name="recipes")
app.add_typer(config_app, name="config")
app.add_typer(data_app, name="data")
app.add_typer(runs_app, name="runs")
ablate_app = typer.Typer(no_args_is_help=True, help="Ablation studies: arms by seeds, run once and compared.")
app.add_typer(ablate_app, name="ablate")
analyse_app = typer.Typer(no_args_is_help=True, help="What a representation knows, and whether its premises hold.")
app.add_typer(analyse_app, name="analyse")
protocols_app = typer.Typer(no_args_is_help=True, help="How poses are measured: printed cards, by name.")
app.add_typer(protocols_app, name="protocols")

Sets = Annotated[list[str], typer.Option("--set", metavar="KEY=VALUE", help="Set a value, as training.steps=500.")]
Uses = Annotated[list[str], typer.Option("--use", metavar="ROLE=NAME", help="Swap a part, as losses.contrast=css.")]
Drops = Annotated[list[str], typer.Option("--drop", metavar="ROLE", help="Leave a part out, as losses.contrast.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Threads = Annotated[int, typer.Option(help="Threads of torch; 0 leaves its own number.")]
RunFolder = Annotated[Path, typer.Argument(help="Folder of a run.", show_default=False)]
StudyFile = Annotated[Path, typer.Argument(help="TOML file of a study, or a shipped one's name.", show_default=False)]
Picture = Annotated[Path | None, typer.Option("--output", "-o", help="PNG; in the run's folder if not given.")]
TargetName = Annotated[str, typer.Argument(help="Folder of a run, or a recipe's name or file.", show_default=False)]
StageStore = Annotated[Path | None, typer.Option("--store", help="Folder of stages; POSEREP_STAGES or runs/stages.")]
RecipeName = Annotated[str, typer.Argument(help="Name of a shipped recipe, or a TOML file.", show_default=False)]
DataName = Annotated[str, typer.Argument(help="Name of a recipe or of a dataset, or a TOML file.", show_default=False)]


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


@app.command()
def demo(
    minutes: Annotated[float, typer.Option(help="Time for drawing, training and probing.", min=1.0)] = 4.8,
    folder: Annotated[Path, typer.Option("--run", help="Where to put it.")] = Path("runs/demo"),
    seed: Annotated[int, typer.Option(help="Seed of the training.", min=0)] = 0,
    threads: Threads = 0,
) -> None:
    """The whole road on the embedded studio: train, probe, table, pictures.

    Example: [bold]poserep demo --minutes 8[/]
    """
    from .verbs.demo import run_demo

    run_demo(minutes, folder, seed, threads)


@app.command()
def compose(recipe: RecipeName, sets: Sets = [], uses: Uses = [], drops: Drops = [], as_json: AsJson = False) -> None:
    """The assembled model: wiring, shapes, parameters, checks.

    Example: [bold]poserep compose temporal --use losses.contrast=css --use sampler=contrastive[/]
    """
    from .core.compose import compose as compose_recipe
    from .verbs.compose import describe, show

    composition = compose_recipe(recipe, sets=sets, uses=uses, drops=drops)
    description = describe(composition)
    if as_json:
        show_json(description)
    else:
        show(composition, description)


@app.command()
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
    from .core.registry import Registry
    from .verbs.next_step import after_training
    from .verbs.train import STOPPED, UNTRAINED, Machine, compose_and_train

    machine = Machine(devices, nodes, strategy, accelerator, threads)
    sets = [*sets, *(UNTRAINED if untrained else ())]
    done = compose_and_train(recipe, run, machine, Registry(), sets=sets, uses=uses, drops=drops)
    about = done.about()
    folder = escape(str(done.folder))
    say(f"{about['state']} at step {about['step']} of {about['steps']}  {folder}")
    note(f"next: {escape(after_training(done.folder))}")
    if about["state"] == "stopped":
        raise typer.Exit(STOPPED)


@app.command()
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

    from .verbs.probe import probe as measure
    from .verbs.protocols import card_sets
    from .verbs.report import show_results
    from .verbs.session import open_session, use_threads

    use_threads(threads)
    found = measure(open_session(run, sets=[*(card_sets(protocol) if protocol else ()), *sets]), split)
    if as_json:
        show_json([asdict(one) for one in found])
    else:
        show_results(run, found)


@app.command()
def finetune(
    run: RunFolder,
    split: Annotated[str, typer.Option(help="test, or validation while choosing settings.")] = "test",
    sets: Sets = [],
    uses: Uses = [],
    accelerator: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    threads: Threads = 0,
    as_json: AsJson = False,
) -> None:
    """Train the whole network on labelled frames, from the run's weights and others; measured as the probe measures.

    Ctrl-C stops cleanly; the same command goes on where it stopped.

    Example: [bold]poserep finetune runs/demo --set finetune.steps=500[/]
    """
    from .verbs.finetune import finetune_command
    from .verbs.train import Machine

    machine = Machine(accelerator=accelerator, threads=threads)
    finetune_command(run, split, machine, as_json, sets=sets, uses=uses)


@app.command()
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
    from .verbs.predict import predict as predict_video
    from .verbs.session import use_threads

    use_threads(threads)
    for path in predict_video(run, video, output, poses_from, accelerator, (start, end)):
        say(str(path))


@app.command()
def swap(
    run: RunFolder,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="PNG; RUN/swap.png if not given.")] = None,
    count: Annotated[int, typer.Option(help="Frames swapped among each other.", min=2, max=12)] = 5,
) -> None:
    """The appearance of one frame in the pose of another, as a picture grid.

    Example: [bold]poserep swap runs/demo --count 6[/]
    """
    from .verbs.swap import swap as draw

    say(str(draw(run, output, count)))


@app.command()
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
    from .verbs.session import open_session
    from .verbs.view import view_command

    view_command(open_session(run, sets=sets), (source, target), output, moments, as_json)


@app.command()
def report(
    folders: Annotated[list[Path], typer.Argument(help="Folders of runs.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML file.")] = Path("report.html"),
    picture: Annotated[Path | None, typer.Option(help="Also draw the first run's overview (PNG).")] = None,
    as_json: AsJson = False,
) -> None:
    """Tables of one or several runs, and one self-contained HTML file. Needs only the folders.

    Example: [bold]poserep report runs/temporal-* --output report.html[/]
    """
    from .verbs.overview import overview
    from .verbs.report import report_command

    report_command(folders, output, as_json)
    if picture is not None:
        note(str(overview(folders[0], picture)))


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Whether this machine has what is needed: versions that match, video, cores, disk, plugins.

    Example: [bold]poserep doctor[/]
    """
    from .verbs.doctor import examine

    findings = examine()
    if as_json:
        show_json([finding._asdict() for finding in findings])
    else:
        show_table("", ("check", "state", "what"), [(f.check, f.state, f.what) for f in findings])
    if any(finding.state == "bad" for finding in findings):
        raise typer.Exit(1)


@plugins_app.command("list")
def plugins_list(
    check: Annotated[bool, typer.Option("--check", help="Import each, and tell which are broken and why.")] = False,
    as_json: AsJson = False,
) -> None:
    """Every installed component by kind, without importing any unless asked to check them.

    Example: [bold]poserep plugins list --check[/]
    """
    from .verbs.plugins import list_rows

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
    from .verbs.plugins import describe, show

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
    from .core.registry import Registry
    from .verbs.catalogue import parts_page

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
    from .verbs.plugin_check import check_command

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
    from .verbs.scaffold import new

    folder, commands = new(name, kind, output)
    say(f"written to {escape(str(folder))}; it has no licence: choose one before you publish")
    say("next:\n" + "\n".join(f"  {escape(command)}" for command in commands))


@recipes_app.command("list")
def recipes_list(
    table: Annotated[str, typer.Option(help="Only rows of this published table, as V, 5 or Ski.")] = "",
    as_json: AsJson = False,
) -> None:
    """Every installed recipe, without importing any plugin; rows of published tables by table, with their values.

    Example: [bold]poserep recipes list --table I[/]
    """
    from .verbs.recipe_list import list_command

    list_command(table, as_json)


@recipes_app.command("show")
def recipes_show(recipe: RecipeName, sets: Sets = [], uses: Uses = [], drops: Drops = []) -> None:
    """A recipe with every default filled in, as TOML: a start for one of your own.

    Example: [bold]poserep recipes show temporal > mine.toml[/]
    """
    from .verbs.recipes import complete_text

    sys.stdout.write(complete_text(recipe, sets=sets, uses=uses, drops=drops))


@protocols_app.command("list")
def protocols_list(as_json: AsJson = False) -> None:
    """Every protocol card: how the papers, and the studio, measure poses.

    Example: [bold]poserep protocols list[/]
    """
    from .verbs.protocols import list_rows as list_cards

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
    from .verbs.protocols import show_command as show_card

    show_card(name, as_json)


@config_app.command("schema")
def config_schema() -> None:
    """JSON schema of a recipe, made from what is installed: editors complete and check with it.

    Example: [bold]poserep config schema > recipe.schema.json[/]
    """
    from .verbs.recipes import schema

    show_json(schema())


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
    from .verbs.data import inspect_command

    inspect_command(recipe, sets, uses, output, as_json)


@data_app.command("prepare")
def data_prepare(recipe: RecipeName, sets: Sets = [], uses: Uses = []) -> None:
    """Decode every frame of a recipe's dataset once, ahead of training. May be stopped, and goes on where it stopped.

    Example: [bold]poserep data prepare temporal-video --set dataset.path=clips/[/]
    """
    from .verbs.prepare import prepare

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
    from .verbs.data_pairs import pairs_command

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
    from .verbs.data import background_command

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
    from .verbs.render import render_command

    for path in render_command(scene, motion, size, seconds, fps, output):
        say(str(path))


@runs_app.command("list")
def runs_list(
    folders: Annotated[list[Path] | None, typer.Argument(help="Folders to search; runs/ if not given.")] = None,
    state: Annotated[str, typer.Option(help="Only runs in this state, as failed or killed.")] = "",
    as_json: AsJson = False,
) -> None:
    """Every run below some folders: its state, how far it came, its main number, why it failed.

    Example: [bold]poserep runs list --state failed[/]
    """
    from .verbs.runs import list_command

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
    from .verbs.run_show import show_command

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
    from .verbs.runs import diff_command

    diff_command(a, b, as_json)


@ablate_app.command("list")
def ablate_list(as_json: AsJson = False) -> None:
    """Every shipped study: a published table on the studio, by one command.

    Example: [bold]poserep ablate list[/]
    """
    from .verbs.ablate import list_rows as list_studies

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
    from .verbs.ablate import plan_command

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
    from .verbs.ablate_run import Where, run_command

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
    from .verbs.ablate import report_command

    report_command(study, store, output, test, as_json)


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
    from .verbs.analyse_leak import leak_command
    from .verbs.session import use_threads

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
    from .verbs.analyse_swap import swap_command

    swap_command(run, split, count, output, as_json)


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
    from .verbs.analyse_time import time_command
    from .verbs.session import use_threads

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
    from .verbs.analyse_labels import labels_command

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
    from .verbs.analyse_gravity import gravity_command

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
    from .verbs.analyse_acceleration import Jump, View, acceleration_command

    acceleration_command(View(distance, height, azimuth, focal, aim), Jump(drop, up, forward), output, as_json)


def main() -> None:
    """Entry point: expected errors as one block with their exit code, after their traceback if asked for."""
    try:
        app(prog_name="poserep")
    except PoserepError as error:
        if os.environ.get("POSEREP_DEBUG"):
            traceback.print_exc()
        show_error(error)
        raise SystemExit(error.exit_code) from None
