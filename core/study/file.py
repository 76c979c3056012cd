"""A study file: which arms are compared, over which seeds and label counts, and how.

::

    name = "contrast"
    recipe = "temporal"             # name of a recipe, or a TOML file beside this one
    seeds = [0, 1, 2]
    [base]                          # done to every arm first
    set = { "training.steps" = 200 }
    [axes.contrast.dsl]             # axis "contrast", value "dsl": nothing to change
    [axes.contrast.css]
    use = { "losses.contrast" = "css", sampler = "contrastive" }
    [arms.ae]                       # a single arm beside the axes; may name another recipe
    recipe = "ae-stn-dec"
"""

from __future__ import annotations

import itertools
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, ValidationError

from ..config import freeze
from ..errors import ConfigError, Problem, did_you_mean
from ..interfaces import Options
from ..problems import problems_of
from ..recipe import Source

METRICS = ("N-MPJPE", "MPJPE", "P-MPJPE")
"""What arms can be compared by: the errors that are known for each sequence."""
Name = Annotated[str, Field(pattern=r"^[\w.+=-]+( [\w.+=-]+)*$")]
Count = Annotated[int, Field(ge=0)]
Table = tuple[str, ...]
"""Path of a table in the file, as ("axes", "contrast", "css")."""


class Change(Options):
    """What a value of an axis does to a recipe: first ``drop``, then ``use``, then ``set``."""

    use: dict[str, str] = Field(default_factory=dict)
    """Parts to put in, by role, as ``--use``."""
    set: dict[str, Any] = Field(default_factory=dict)
    """Values by dotted key, as ``--set``; inside a table only what is named changes."""
    drop: tuple[str, ...] = ()
    """Roles to leave out, as ``--drop``."""


class Single(Change):
    """An arm beside the axes."""

    recipe: str | None = None
    """The recipe of this arm; the study's if not given."""


class Study(Options):
    """One question: the same measurement of several arms, each trained with several seeds."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")
    """Lower case, digits, hyphens."""
    summary: str = ""
    """What it asks, in one sentence."""
    recipe: str
    """Name of a recipe, or a file (ending in .toml) relative to the study's."""
    seeds: Annotated[tuple[Count, ...], Field(min_length=1)] = (0, 1, 2)
    """Seeds with which every arm is trained."""
    labels: Annotated[tuple[Count, ...], Field(min_length=1)] | None = None
    """Numbers of labelled frames of every arm, 0 for all; each recipe's own if not given."""
    split: Literal["test", "validation"] = "test"
    """The clips that are measured on."""
    metric: str = "N-MPJPE"
    """The error by which arms are compared."""
    compare_at: Count | None = None
    """Number of labels at which arms are compared, 0 for all; the largest if not given."""
    baseline: str | None = None
    """The arm that the others are compared to; the first if not given."""
    cross: bool = True
    """Every value of an axis with every value of the others; else one at a time from the first values."""
    unit: Literal["seed", "sequence"] = "seed"
    """What the test takes as one observation."""
    base: Change = Change()
    """Done to every arm first."""
    axes: dict[Name, Annotated[dict[Name, Change], Field(min_length=1)]] = Field(default_factory=dict)
    """What is varied: axis, value, change."""
    arms: dict[Name, Single] = Field(default_factory=dict)
    """Single arms beside the axes."""

    _source: Source = PrivateAttr(default_factory=lambda: Source("study"))

    @property
    def source(self) -> Source:
        """Where each value was said."""
        return self._source

    @property
    def folder(self) -> Path:
        """What a recipe's file is relative to."""
        return Path(self._source.name).parent

    @property
    def arm_names(self) -> tuple[str, ...]:
        """Names of the arms in order, see `tables_of`."""
        return tuple(dict.fromkeys(name for name, _tables in tables_of(self)))

    @property
    def baseline_arm(self) -> str:
        """The arm that the others are compared to."""
        return self.baseline if self.baseline is not None else self.arm_names[0]


def read_study(path: str | Path) -> Study:
    """Read a study file.

    Raises:
        ConfigError: With every problem of the file, each with its line. What its recipes make of it is not looked
            at here: that is for `plan`.
    """
    source = Source(str(path))
    try:
        source.text = Path(path).read_text(encoding="utf-8")
        data = tomllib.loads(source.text)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        hint = "a study is a TOML file with a recipe and arms"
        raise ConfigError(f"the study {str(path)!r} cannot be read ({reason})", hint=hint) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not valid TOML: {error}", where=str(path)) from None
    problems = [*_shape_problems(data, source), *_change_problems(data, source)]
    if problems:
        raise ConfigError.of(problems)
    study = Study.model_validate(freeze(data))
    study._source = source
    if problems := list(_meaning_problems(study)):
        raise ConfigError.of(problems)
    return study


def tables_of(study: Study) -> Iterator[tuple[str, tuple[Table, ...]]]:
    """Name of each arm, and the tables of the file that change its recipe, in the order in which they act.

    Arms of crossed axes are named by their values, joined with ``/`` in the order of the axes. A study without axes
    has its single arms only; one without either has the one arm ``base``.
    """
    base: Table = ("base",)
    for values in _combinations(study):
        chosen = zip(study.axes, values, strict=True)
        yield "/".join(values), (base, *(("axes", axis, value) for axis, value in chosen))
    for name in study.arms:
        yield name, (base, ("arms", name))
    if not study.axes and not study.arms:
        yield "base", (base,)


def _combinations(study: Study) -> Iterator[tuple[str, ...]]:
    """A value of each axis: all together, or one at a time away from the first values."""
    axes = [tuple(values) for values in study.axes.values()]
    if study.cross:
        yield from itertools.product(*axes) if axes else ()
        return
    first = tuple(values[0] for values in axes)
    if axes:
        yield first
    for index, values in enumerate(axes):
        yield from ((*first[:index], value, *first[index + 1 :]) for value in values[1:])


def _changes(data: Mapping[str, Any]) -> Iterator[tuple[Table, type[Change], Any]]:
    """Every table of changes in data that need not have the shape of a study."""
    axes, arms = (table if isinstance(table := data.get(key), dict) else {} for key in ("axes", "arms"))
    if "base" in data:
        yield ("base",), Change, data["base"]
    for axis, values in axes.items():
        for value, table in values.items() if isinstance(values, dict) else ():
            yield ("axes", axis, value), Change, table
    for name, table in arms.items():
        yield ("arms", name), Single, table


def _change_problems(data: Mapping[str, Any], source: Source) -> Iterator[Problem]:
    """Problems inside of tables of changes."""
    for path, model, table in _changes(data):
        dotted = ".".join(path)
        if path[-1] in model.model_fields:
            hint = f"give it a name: [{'.'.join((*path[:-1], 'NAME'))}]"
            yield Problem(f"{dotted}: here stands the name of what is changed", source.locate(path), hint)
            continue
        try:
            model.model_validate(freeze(table))
        except ValidationError as error:
            yield from problems_of(error, model, path, source, f"[{dotted}]")


def _shape_problems(data: Mapping[str, Any], source: Source) -> Iterator[Problem]:
    """Problems of all but the tables of changes."""
    hollow = dict(data) | {"base": {}}
    if isinstance(axes := data.get("axes"), dict):
        emptied = [{value: {} for value in values} if isinstance(values, dict) else values for values in axes.values()]
        hollow["axes"] = dict(zip(axes, emptied, strict=True))
    if isinstance(arms := data.get("arms"), dict):
        hollow["arms"] = {name: {} for name in arms}
    try:
        Study.model_validate(freeze(hollow))
    except ValidationError as error:
        yield from problems_of(error, Study, (), source, "a study")


def _meaning_problems(study: Study) -> Iterator[Problem]:
    """Problems of values that do not fit each other."""
    at = study.source.locate
    for key, values in (("seeds", study.seeds), ("labels", study.labels or ())):
        if twice := [value for value, count in Counter(values).items() if count > 1]:
            yield Problem(f"{key}: {', '.join(map(str, twice))} is there twice", at((key,)), "name each once")
    if study.metric not in METRICS:
        yield Problem(f"metric: there is no {study.metric!r}", at(("metric",)), did_you_mean(study.metric, METRICS))
    if study.labels is not None and study.compare_at is not None and study.compare_at not in study.labels:
        hint = f"labels has: {', '.join(map(str, study.labels))}"
        yield Problem(f"compare_at: {study.compare_at} is not one of labels", at(("compare_at",)), hint)
    if study.baseline is not None and study.baseline not in study.arm_names:
        what = f"baseline: there is no arm {study.baseline!r}"
        yield Problem(what, at(("baseline",)), did_you_mean(study.baseline, study.arm_names))
    for name, count in Counter(name for name, _tables in tables_of(study)).items():
        if count > 1:
            what = f"arms.{name}: an arm of the axes has this name"
            yield Problem(what, at(("arms", name)), "give it another name")
