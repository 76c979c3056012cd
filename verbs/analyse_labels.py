"""`poserep analyse labels`: the error of several runs by how many labels their regressors saw, in one picture.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, section 4.5, figure of the label fractions: ours, ours with 2D
labels, ImageNet, ImageNet with 2D labels. Reads nothing but run folders that were probed; free of torch.

Axes: S runs that differ by their seed alone.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from ..core.console import note, show_json, show_table
from ..core.errors import ConfigError, DataError
from ..core.measurement import Measurement, digits
from ..core.study.results import MEAN, TRAINED
from .analyse_figure import COLOURS, save_panels
from .summary import NOTHING, RunData, read_runs

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TUNED = ("fine-tuned", "frozen")
"""How methods of `poserep finetune` begin."""
BLIND = (MEAN, "without looking")
"""What needs no network: of poses, and of other tasks."""
TOLD = ("name", "summary", "paper", "published", "probe", "finetune")
"""Tables of a recipe that do not tell two trainings apart."""


@dataclass(frozen=True, slots=True)
class Line:
    """One way to pose: the errors of its runs by number of labels.

    Attributes:
        name: As the picture calls it.
        runs: Folders.
        reader: From which features by which head poses were read.
        values: By number of labels, one of each run.
    """

    name: str
    runs: tuple[str, ...]
    reader: str
    values: dict[int, tuple[float, ...]]

    def spread(self, labels: int) -> tuple[float, float]:
        """Mean and standard deviation over the runs; 0 for one run."""
        values = self.values[labels]
        return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0


def lines_of(runs: Sequence[RunData], names: Sequence[str], metric: str) -> list[Line]:
    """The trained networks' numbers, frozen and fine-tuned, runs of one recipe that differ by the seed alone together.

    The last line is of what is said without looking.

    Raises:
        ConfigError: If there are names, and not as many as runs.
        DataError: If a run was not measured so, or not as the others were.
    """
    if names and len(names) != len(runs):
        raise ConfigError(
            f"{len(runs)} runs and {len(names)} names", where="--name", hint="give each run a name, or none"
        )
    found = [_measured(data, metric) for data in runs]
    _check_alike(runs, found)
    groups: dict[str, list[int]] = {}
    for index, data in enumerate(runs):
        groups.setdefault(names[index] if names else _alike(data, found[index]), []).append(index)
    lines = []
    for key, members in groups.items():
        name = key if names else _name([runs[index] for index in members])
        if any(one.method == TRAINED for index in members for one in found[index]):
            lines.append(_line(name, runs, found, members, TRAINED))
        tuned = dict.fromkeys(one.method for index in members for one in found[index] if one.method.startswith(TUNED))
        lines += [_line(f"{name}, {method}", runs, found, members, method) for method in tuned]
    blind = dict.fromkeys(one.method for own in found for one in own if one.method in BLIND)
    return [*_named_apart(lines), *(_line(method, runs, found, range(len(runs)), method) for method in blind)]


def _measured(data: RunData, metric: str) -> list[Measurement]:
    """A run's numbers of this name that depend on labels; of several ways of measuring the last."""
    own = [one for one in data.measurements if one.name == metric and one.labels]
    if any(one.method not in BLIND for one in own):
        left_out = dict.fromkeys(str(one.protocol) for one in own if one.protocol != own[-1].protocol)
        for words in left_out:
            note(escape(f"left out: {metric} of {data.label}, measured otherwise: {words}"))
        return [one for one in own if one.protocol == own[-1].protocol]
    have = ", ".join(sorted({one.name for one in data.measurements if one.labels})) or "nothing"
    raise DataError(
        f"{data.label} has no {metric} by number of labels",
        where=str(data.run.folder),
        hint=f"it has: {have}; measure it: poserep probe {data.run.folder}",
    )


def _check_alike(runs: Sequence[RunData], found: Sequence[Sequence[Measurement]]) -> None:
    first = found[0][0].protocol
    for data, own in zip(runs, found, strict=True):
        if own[0].protocol != first:
            raise DataError(
                f"{runs[0].label} and {data.label} were not measured alike, so no picture can hold both",
                where=f"{first}  /  {own[0].protocol}",
                hint="measure both by one card: poserep probe RUN --protocol NAME",
            )


def _alike(data: RunData, found: Sequence[Measurement]) -> str:
    """What runs have in common that differ by their seed alone."""
    config: dict[str, Any] = {key: value for key, value in data.config.items() if key not in TOLD}
    config["training"] = {key: value for key, value in config.get("training", {}).items() if key != "seed"}
    return json.dumps([config, _reader(found)], sort_keys=True, default=str)


def _reader(found: Sequence[Measurement]) -> str:
    return next((one.reader for one in found if one.method not in BLIND), "")


def _name(runs: Sequence[RunData]) -> str:
    return runs[0].label if len(runs) == 1 else str(runs[0].config.get("name", runs[0].label))


def _named_apart(lines: Sequence[Line]) -> list[Line]:
    """Lines of one name, of which each says what it reads."""
    names = [line.name for line in lines]
    return [
        Line(f"{line.name}, {line.reader}", line.runs, line.reader, line.values) if names.count(line.name) > 1 else line
        for line in lines
    ]


def _line(
    name: str, runs: Sequence[RunData], found: Sequence[Sequence[Measurement]], members: Sequence[int], method: str
) -> Line:
    values: dict[int, dict[int, float]] = {}
    for index in members:
        for one in found[index]:
            if one.method == method:
                values.setdefault(one.labels, {})[index] = one.value
    folders = tuple(str(runs[index].run.folder) for index in members)
    ordered = {labels: tuple(values[labels].values()) for labels in sorted(values)}
    reader = next((one.reader for one in found[members[0]] if one.method == method), "")
    return Line(name, folders, reader, ordered)


def labels_command(folders: Sequence[Path], names: Sequence[str], metric: str, output: Path, as_json: bool) -> None:
    """Print the numbers and draw them."""
    runs = read_runs(folders)
    lines = lines_of(runs, names, metric)
    shown = [one for one in runs[0].measurements if one.name == metric and one.labels][-1]
    protocol, unit = shown.protocol, shown.unit
    title = f"{metric}, {unit}" if unit else metric
    if as_json:
        show_json({"metric": metric, "unit": unit, "protocol": asdict(protocol), "lines": [asdict(x) for x in lines]})
    else:
        counts = sorted({labels for line in lines for labels in line.values})
        cells = [(line.name, line.reader, *(_cell(line, count, unit) for count in counts)) for line in lines]
        columns = ("run", "read from", *(f"{count} labels" for count in counts))
        show_table(title, columns, cells, str(protocol))
    plot = partial(draw, lines=lines, unit=title)
    note(escape(str(save_panels([plot], str(protocol), output))))


def _cell(line: Line, labels: int, unit: str) -> str:
    if labels not in line.values:
        return NOTHING
    mean, deviation = line.spread(labels)
    return f"{mean:.{digits(unit)}f}" + (f" ± {deviation:.{digits(unit)}f}" if deviation else "")


def draw(axes: Axes, lines: Sequence[Line], unit: str) -> None:
    """Every line over its numbers of labels, which stand on a logarithmic axis; bars are one deviation."""
    counts = sorted({labels for line in lines for labels in line.values})
    for index, line in enumerate(lines):
        mean, deviation = zip(*(line.spread(labels) for labels in line.values), strict=True)
        style: dict[str, Any] = {"color": COLOURS[index % len(COLOURS)], "marker": "o"}
        if line.name in BLIND:
            style = {"color": "#999999", "linestyle": "dotted"}
        bars = deviation if any(deviation) else None
        axes.errorbar(list(line.values), mean, yerr=bars, label=line.name, markersize=4, capsize=2, **style)
    axes.set_xscale("log")
    axes.set_xticks(counts, [f"{count:,}" for count in counts], fontsize=7)
    axes.set_xticks([], minor=True)
    axes.set_xlabel("labelled frames that the regressor saw")
    axes.set_ylabel(unit)
    axes.legend(fontsize=7)
