"""What a plugin is made of: its options, its declaration, and what each kind of component promises.

Nothing here imports torch, and a module that declares a component must not either: options, reads and writes of
every installed plugin can then be checked in milliseconds. What needs torch is imported inside ``build``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from pydantic import BaseModel, ConfigDict
from pydantic.dataclasses import dataclass as checked

from .bodies import BodyModel as BodyModel
from .bodies import OpenBody as OpenBody
from .bodies import no_bodies
from .choosing import Choosy as Choosy
from .choosing import Looking as Looking
from .inventory import Count as Count
from .inventory import Found as Found
from .inventory import Inventory as Inventory
from .tasks import TaskHead as TaskHead

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from .skeleton import Skeleton

    Array = NDArray[Any]
else:
    Array = Any  # a listing of parts needs no numpy, whose import would take a third of its time

API_LEVEL = 1
SPOKEN = (1,)
"""Levels that this version speaks: its own and, where there is one, the level before it."""
STRICT = ConfigDict(extra="forbid", strict=True)

Slot = Literal["dataset", "sampler", "background", "detector", "corruption", "encoder", "exchange", "decoder"]
"""Kinds of which a recipe has one part, in the order in which they act."""
Kind = Literal[Slot, "loss", "head", "body_model", "executor"]
KINDS: tuple[Kind, ...] = get_args(Kind)

Setting = bool | int | float | str | tuple[bool | int | float | str, ...]
"""A value that an option may hand through to another library."""


class Options(BaseModel):
    """Base of every component's options: frozen, strict, unknown keys refused.

    The sentence under a field is its documentation and is shown by ``poserep plugins show``.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        use_attribute_docstrings=True,
        validate_default=True,
        allow_inf_nan=False,
    )


@dataclass(frozen=True, slots=True)
class Context:
    """What a component is told about the others when it is built.

    Attributes:
        crop_size: Side of the square crop in pixels.
        facts: Numbers that parts state about themselves: ``variant`` and ``invariant`` (latent widths),
            ``joints`` (of the dataset's skeleton), ``subjects`` (boxes of a detector in each frame, one if not stated),
            of an encoder of patches ``patch`` (side in pixels), ``tokens`` (width) and ``rotary`` (0 or 1).
        readers: How many stages and losses read each field that one of them writes; empty where that is not known.
        open_body: Builds the body model of a name, with its own options as in a recipe; told which option names it, for
            messages. Raises `ConfigError` with the nearest name if there is none or its options are wrong, another
            `PoserepError` if it cannot be built.
    """

    crop_size: int
    facts: Mapping[str, int] = field(default_factory=dict)
    readers: Mapping[str, int] = field(default_factory=dict)
    open_body: OpenBody = field(default=no_bodies, compare=False, repr=False)


Names = tuple[str, ...]
Declared = Names | Callable[[Any], Names]
Example = Mapping[str, Any] | Callable[[Path], Mapping[str, Any]]


@checked(frozen=True, slots=True, kw_only=True, config=STRICT)
class Component:
    """A plugin's declaration of one component.

    Attributes:
        kind: The slot that it fills.
        name: Its key in ``registry.toml``.
        options: Its options model.
        build: Makes the component from ``(options, context)``; the place to import torch.
        reads: Fields that it reads, or a function of its options that tells them. A trailing ``?`` marks one that
            it takes where somebody writes it and does without otherwise.
        writes: Fields that it writes; one with ``?`` is written where its optional reads are met. For a dataset:
            the labels that it has; for a loss: what its own network reads off the latents, see `Loss`.
        roles: Of a sampler, the roles that it draws; of a loss or an exchange, those that it needs.
        facts: Numbers about itself that other components need, see `Context`.
        example: Options with which the conformance kit builds it: small, and what it cannot do without. Or a function
            that writes the files it needs into a folder, and returns the options that name them.
        several: Whether it works where the detector finds several subjects in a frame, so that there are more boxes
            than frames. Asked of parts that read fields of both; the others work box by box, or frame by frame.
        api: The API level that it was written for.
    """

    kind: Kind
    name: str
    options: type[Options]
    build: Callable[[Any, Context], Any]
    reads: Declared = ()
    writes: Declared = ()
    roles: Declared = ()
    facts: Callable[[Any], Mapping[str, int]] = lambda _options: {}
    example: Example = field(default_factory=dict)
    several: bool = False
    api: int = API_LEVEL


def declared(names: Declared, options: Options) -> tuple[str, ...]:
    """The names that a component declares under these options."""
    return names(options) if callable(names) else names


# ---------------------------------------------------------------- data


@dataclass(frozen=True, slots=True)
class Clip:
    """One take of one subject seen by one camera.

    Attributes:
        name: Unique in the dataset.
        subject: Who is seen, or "" where unknown. Splits and identities go by it.
        take: The recording; clips of equal take are simultaneous views.
        camera: Which camera; clips of equal camera share a background unless the camera moves.
        split: "train", "validation" or "test".
        times_s: Timestamps in seconds, increasing, (N,) float64.
    """

    name: str
    subject: str
    take: str
    camera: str
    split: str
    times_s: Array

    def __len__(self) -> int:
        return len(self.times_s)


class Dataset(Protocol):
    """Which frames exist, and their labels if any. Random access; holds no more than an index in memory.

    It may also have what `core.inventory` describes, for ``poserep data inspect``; and names of what labels count, from
    0 on: ``classes`` of ``gesture``, and ``parts`` of ``part_map``, whose sides their names tell as joints' names do.
    """

    clips: Sequence[Clip]
    frame_size: tuple[int, int]
    skeleton: Skeleton | None

    def frames(self, clip: int, indices: Array) -> Array:
        """Frames of one clip, (N, 3, H, W) uint8 RGB."""
        ...

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        """A declared label field of one clip, (N, ...) float32 with axes as in the vocabulary.

        ``background`` and ``true_mask`` come as uint8 like frames; ``background`` may be (1, 3, H, W) if static. A
        field whose unit is "index" comes as int64.
        """
        ...


@dataclass(frozen=True, slots=True)
class Draw:
    """Frames chosen by a sampler: clip index and frame index, both (B, T) int64."""

    clip: Array
    frame: Array


class Sampler(Protocol):
    """Which frames make one training tuple, as named roles."""

    roles: tuple[str, ...]

    def prepare(self, clips: Sequence[Clip], allowed: Array) -> None:
        """Look at the clips once. ``allowed`` are indices of the clips that may be drawn from.

        Raises:
            DataError: When no clip can hold a tuple, naming the longest.
        """
        ...

    def draw(self, rng: np.random.Generator, count: int) -> Draw:
        """Draw ``count`` tuples; equal generator state, equal draw."""
        ...


class Background(Protocol):
    """What the scene looks like without the subject."""

    def at(self, dataset: Dataset, clip: int, indices: Array) -> Array:
        """Background behind the given frames of a clip, (N, 3, H, W) uint8, or (1, 3, H, W) if static."""
        ...


# ---------------------------------------------------------------- model


class Roles:
    """The roles of a tuple by name; a family like ``negative`` also covers ``negative_1``, ``negative_2``."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)

    def index(self, name: str) -> int:
        """Position of a single role on axis T."""
        return self.names.index(name)

    def family(self, name: str) -> list[int]:
        """Positions of a role and of its numbered siblings."""
        return [t for t, role in enumerate(self.names) if role == name or role.rpartition("_")[0] == name]

    def missing(self, wanted: Sequence[str]) -> list[str]:
        """Which of the wanted roles or families are not drawn."""
        return [name for name in wanted if not self.family(name)]


class Stage(Protocol):
    """Detector, corruption, encoder, exchange, decoder: the fields it reads in, the fields it writes out.

    An ``nn.Module``, or any callable if it has no weights. Randomness comes from `core.ranks.uniform_rows`, so that
    several processes draw what one would. An exchange between cameras may have ``seen_from(variant, rotation, other)``:
    time-variant latents (..., V) as a camera of another rotation (..., 3, 3) has them; `poserep view` asks for it.
    """

    def __call__(self, **fields: Tensor) -> Mapping[str, Tensor]:
        """Read the declared fields by name, return the declared ones."""
        ...


class Loss(Protocol):
    """One scalar from named fields.

    It may have ``adversary`` (a module with its own optimiser) and then also ``adversary_loss(**fields)``.
    It may have ``apart``: terms of its last call by name, detached scalars, recorded beside it as ``role.name``.
    NaN is one that the step does not have.
    One that declares ``writes`` has ``predict(**fields)``, which gives them from those of its reads that are there:
    a label that it learns from need not be.
    """

    def __call__(self, **fields: Tensor) -> Tensor:
        """Mean over this process's tuples, a scalar; the processes' values are averaged."""
        ...


# ---------------------------------------------------------------- studies


class Task(Protocol):
    """One job that an executor has taken, as a `concurrent.futures.Future`."""

    def done(self) -> bool:
        """Whether it has ended, well or not."""
        ...

    def result(self) -> object:
        """Wait for its end; what it returned, or raise what it raised."""
        ...

    def cancel(self) -> object:
        """Keep it from starting, or stop it, if that is possible."""
        ...


class Executor(Protocol):
    """Where the jobs of a study run. Jobs hand over everything by folders, so any machine that sees them will do."""

    slots: int
    """How many jobs may run at a time."""

    def submit(self, job: Callable[..., object], *arguments: object) -> Task:
        """Start a job: a function of a module, with arguments that can be pickled."""
        ...

    def close(self) -> None:
        """Give back processes and machines; running jobs are asked to stop as by Ctrl-C."""
        ...
