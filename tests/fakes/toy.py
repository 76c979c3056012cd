"""A small world for the engine's tests: grey frames that brighten with time, and losses that watch over the rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from poserep.core.compose import Composition, compose
from poserep.core.fields import Field
from poserep.core.hookspecs import hookimpl
from poserep.core.interfaces import Array, Clip, Component, Context, Options
from poserep.core.registry import Entry, Registry
from poserep.core.skeleton import HUMAN36M_17

MODULE = "poserep.tests.fakes.toy"
PARTS = ("dataset.toy", "encoder.toy", "loss.toy", "loss.nan", "loss.adversary", "loss.needs_depth", "corruption.late")
DEPTH = Field("fakes:depth", "B T", "1", "which frame of the clip")
RECIPE = """name = "toy"
crop_size = 8

[dataset]
use = "toy"

[sampler]
use = "equidistant"

[detector]
use = "full_frame"

[encoder]
use = "toy"

[losses.time]
use = "toy"

[training]
steps = 6
batch = 4
learning_rate = 1e-2
"""


class ToyOptions(Options):
    """Options of all toys."""

    frames: int = 12
    """Frames of a clip."""
    width: int = 4
    """Width of the latent."""
    at: int = 3
    """Call at which the loss `nan` fails."""


class Toy:
    """Three clips of three people; one is held out."""

    skeleton = HUMAN36M_17
    frame_size = (8, 8)

    def __init__(self, options: ToyOptions, context: Context) -> None:
        times = np.arange(options.frames) / 10
        splits = ("train", "train", "test")
        self.clips = [
            Clip(f"clip{n}", f"person{n}", f"take{n}", "left", split, times) for n, split in enumerate(splits)
        ]

    def frames(self, clip: int, indices: Array) -> Array:
        shade = (20 * (clip + 1) + 8 * indices).astype(np.uint8)
        return np.broadcast_to(shade[:, None, None, None], (len(indices), 3, 8, 8)).copy()

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        if name == "fakes:depth":
            return np.asarray(indices, np.float32)
        return np.broadcast_to(np.float32(indices)[:, None, None], (len(indices), 17, 3)).copy()


def build(name: str) -> Callable[[ToyOptions, Context], object]:
    def made(options: ToyOptions, context: Context) -> object:
        from poserep.tests.fakes import toy_net

        return getattr(toy_net, name)(options)

    return made


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    facts = {"facts": lambda options: {"joints": 17}}
    register(
        Component(kind="dataset", name="toy", options=ToyOptions, build=Toy, writes=("pose", "fakes:depth"), **facts)
    )
    register(
        Component(
            kind="encoder",
            name="toy",
            options=ToyOptions,
            build=build("Encoder"),
            reads=("crop_corrupted",),
            writes=("variant",),
            facts=lambda options: {"variant": options.width, "invariant": 0},
        )
    )
    late = {"reads": ("crop", "variant"), "writes": ("crop_corrupted",)}
    register(Component(kind="corruption", name="late", options=ToyOptions, build=build("Late"), **late))
    for name, network in (("toy", "Time"), ("nan", "Nan"), ("adversary", "Adversarial")):
        register(Component(kind="loss", name=name, options=ToyOptions, build=build(network), reads=("variant", "time")))
    register(
        Component(kind="loss", name="needs_depth", options=ToyOptions, build=build("Depth"), reads=("fakes:depth",))
    )


def registry(*extra: Entry) -> Registry:
    """What ships, and the toys."""
    toys = [Entry(*key.split("."), module=MODULE, summary="A toy", package="fakes") for key in PARTS]
    return Registry((*toys, *extra), installed=(), fields=[DEPTH])


def toy(folder: Path, *sets: str, text: str = RECIPE, uses: tuple[str, ...] = ()) -> Composition:
    """The toy recipe, composed."""
    path = folder / "toy.toml"
    path.write_text(text, encoding="utf-8")
    return compose(path, registry(), sets=sets, uses=uses)
