"""The report's pictures of fine-tuned networks: what each start says of the same test frames. Free of torch.

Axes: N frames, 3 colour channels, S pixels, C classes.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import DataError
from ..core.interfaces import Array
from ..core.run import Run
from .page import Html, figure, tag
from .pictures import image, poses
from .summary import read_samples

FOLDER = "finetune"
FRAMES = {"task_frame": "test frame", "task_second": "second image"}
PAIRS = {"": "", "_uv": ", places"}
"""Kinds of drawings by the end of their names, and what is added to their captions."""
TITLES = (*FRAMES, *(f"task_{whose}{kind}" for kind in PAIRS for whose in ("true", "said")))
"""Pictures in the order in which they are shown."""
NOTES = {
    "vertices": "Meshes are drawn over the frame in grey, brighter where they face the camera; predicted ones stand at "
    "the true place, for only what is relative to the root is learnt.",
    "part_map": "Each part has a colour. Places: red grows round the part, green along it.",
}


@dataclass(frozen=True, slots=True)
class Tuned:
    """A fine-tuned network's pictures.

    Attributes:
        task: What it learns, by which head, with which second image.
        learns: Its first label.
        start: From which weights, as measurements call it.
        labels: How many frames carried labels.
        samples: Arrays of its ``samples.npz``.
    """

    task: str
    learns: str
    start: str
    labels: int
    samples: Mapping[str, Array]


def tuned(run: Run) -> dict[str, list[Tuned]]:
    """Of each task the networks with the most labels, the newest of each start.

    Raises:
        DataError: If a file of theirs cannot be read.
    """
    found: dict[str, dict[str, Tuned]] = {}
    paths = (run.folder / FOLDER).glob("*/samples.npz")
    for path in sorted(paths, key=lambda path: path.stat().st_mtime):
        one = _read(path.parent)
        own = found.setdefault(one.task, {})
        most = max((other.labels for other in own.values()), default=0)
        if one.labels > most:
            own.clear()
        if one.labels >= most:
            own[one.start] = one
    return {task: list(found[task].values()) for task in sorted(found)}


def _read(folder: Path) -> Tuned:
    run = Run(folder)
    try:
        config, about = tomllib.loads(run.config.read_text(encoding="utf-8")), run.about()
        table = config["finetune"]
        head = table.get("head", config["probe"]["head"])["use"]
        second = {"none": "", "view": ", two views", "copy": ", the frame twice"}[table["second"]]
        learns, start, labels = str(about["learns"]), table["weights"][0], int(about["labels"])
    except (OSError, ValueError, KeyError) as error:
        hint = f"remove this folder, and run again: poserep finetune {folder.parent.parent}"
        raise DataError(f"a fine-tuned network cannot be read: {error}", where=str(folder), hint=hint) from None
    way = "frozen" if table["frozen"] else "fine-tuned"
    return Tuned(f"{learns} by {head}{second}", learns, f"{way} from {start}", labels, read_samples(run))


def tasks(run: Run) -> Iterator[Html]:
    """Every task of a run: its frames, their truth, and what is said of them from each start."""
    for task, networks in tuned(run).items():
        first = networks[0]
        yield tag("h4", f"Learnt: {task}")
        note = f"{first.labels} labelled frames. {NOTES.get(first.learns, '')}"
        yield tag("p", note, class_="muted")
        if first.learns == "gesture":
            yield from _classes(networks)
        elif first.learns == "pose":
            for one in networks:
                yield tag("details", tag("summary", one.start), *poses(one.samples))
        else:
            yield from _rows(networks)


def _rows(networks: Sequence[Tuned]) -> Iterator[Html]:
    """A row of pictures for each frame."""
    samples = networks[0].samples
    columns = [(samples[name], title) for name, title in FRAMES.items() if name in samples]
    for kind, more in PAIRS.items():
        if f"task_true{kind}" in samples:
            columns.append((samples[f"task_true{kind}"], f"truth{more}"))
            columns += [(one.samples[f"task_said{kind}"], f"{one.start}{more}") for one in networks]
    for row in range(min(len(pictures) for pictures, _ in columns)):
        cells = (figure(image(pictures[row], f"{title}, frame {row + 1}"), title) for pictures, title in columns)
        yield tag("div", *cells, class_="strip task")


# ---------------------------------------------------------------- classes


def _classes(networks: Sequence[Tuned]) -> Iterator[Html]:
    """Frames with their true and predicted classes, then of each network which classes it takes for which."""
    samples = networks[0].samples
    names = [str(name) for name in samples["classes"]]
    cells = []
    for row, frame in enumerate(samples["task_frame"]):
        said = [part for one in networks for part in (tag("br"), _said(one, names, row))]
        truth = tag("strong", names[samples["class_true"][row]])
        cells.append(figure(image(frame, f"test frame {row + 1}"), truth, *said))
    yield tag("div", *cells, class_="strip task")
    yield tag(
        "p", "Row: the true class. Column: what it is taken for, in percent of the row's n frames.", class_="muted"
    )
    for one in networks:
        yield confusion(one.samples["confusion"], names, one.start)


def _said(one: Tuned, names: Sequence[str], row: int) -> str:
    return f"{one.start}: {names[one.samples['class_said'][row]]}"


def confusion(count_CC: Array, names: Sequence[str], caption: str) -> Html:
    """A matrix of shares in percent, the darker the more; classes that no frame shows are left out of the rows."""
    top = (tag("th", tag("span", name), scope="col") for name in names)
    rows = []
    for name, count_C in zip(names, count_CC, strict=True):
        if total := int(count_C.sum()):
            cells = (
                _share(100 * int(count) / total, name == other) for count, other in zip(count_C, names, strict=True)
            )
            rows.append(tag("tr", tag("th", f"{name} (n={total})", scope="row"), *cells))
    inner = tag("table", tag("thead", tag("tr", tag("th", ""), *top)), tag("tbody", *rows), class_="confusion")
    scroll = tag("div", inner, class_="scroll", tabindex="0", role="group", aria_label=f"confusion, {caption}")
    return tag("figure", tag("figcaption", caption), scroll, class_="tabular")


def _share(percent: float, right: bool) -> Html:
    colour = "var(--c0)" if right else "var(--c1)"
    tint = f"background: color-mix(in srgb, {colour} {percent * 0.6:.0f}%, transparent)"
    return tag("td", f"{percent:.0f}" if percent >= 0.5 else "", class_="right", style=tint)
