"""Parts that are bad in one way each: the check that must find it is in their name, as `corruption.reads`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from pydantic import Field

from poserep.core.fields import Field as Depth
from poserep.core.hookspecs import hookimpl
from poserep.core.interfaces import Component, Options
from poserep.core.registry import Entry, Registry

HERE = "poserep.tests.testing"
SUMMARY = "A part that is bad in one way"
ROLES = ("reference", "positive", "negative")
DEPTH = Depth("bad:depth", "B T D", "mm", "how far away each of some points is")
LATENT = ("variant", "invariant")
FACTS = {"variant": 6, "invariant": 0}


class Plain(Options):
    """No options."""


class Asks(Options):
    """One without a default."""

    width: int
    """How wide it is."""


class Undocumented(Options):
    """An option of which nothing is said."""

    width: int = 3


class Forgets(Options):
    """What is none comes back as the default."""

    width: int | None = 5
    """None leaves it open, which TOML cannot say."""


class BadDefault(Options):
    """A default that is not valid."""

    width: int = Field(default=-1, ge=0)
    """How wide it is."""


class Bounded(Options):
    """Bounds that samplers state."""

    positive_max_s: float = 0.2
    """Most that the positive may be away from the reference, in seconds."""


def bodies(name: str) -> Callable[[Options, object], object]:
    """Builds a class of `bad_bodies`, which needs torch."""
    return lambda options, context: getattr(import_module(f"{HERE}.bad_bodies"), name)()


def net(name: str) -> Callable[[Any, Any], Any]:
    """Builds a class or function of `bad_net`, which needs torch."""
    return lambda options, context: getattr(import_module(f"{HERE}.bad_net"), name)()


def data(name: str) -> Callable[[Any, Any], Any]:
    """Builds a class of `bad_data`."""
    return lambda options, context: getattr(import_module(f"{HERE}.bad_data"), name)()


def refuse(options: Any, context: Any) -> Any:
    raise RuntimeError("cannot be built")


def refuse_defaults(options: Any, context: Any) -> Any:
    if options.width == 5:
        raise RuntimeError("not so wide")
    return net("Copy")(options, context)


def corruption(name: str, made: str = "Copy", **changes: Any) -> Component:
    usual = {"options": Plain, "build": net(made), "reads": ("crop",), "writes": ("crop_corrupted",)}
    return Component(kind="corruption", name=name, **{**usual, **changes})


def loss(name: str, made: str, **changes: Any) -> Component:
    return Component(kind="loss", name=name, options=Plain, build=net(made), **{"reads": ("variant",), **changes})


def encoder(name: str, made: str, facts: Mapping[str, int] = FACTS) -> Component:
    fields = {"reads": ("crop_corrupted",), "writes": ("variant",), "facts": lambda options: dict(facts)}
    return Component(kind="encoder", name=name, options=Plain, build=net(made), **fields)


def exchange(name: str, made: str, reads: tuple[str, ...] = LATENT) -> Component:
    writes = ("decode_variant", "decode_invariant", "target")
    return Component(kind="exchange", name=name, options=Plain, build=net(made), reads=reads, writes=writes)


def detector(name: str, made: str) -> Component:
    return Component(kind="detector", name=name, options=Plain, build=net(made), reads=("frame",), writes=("box",))


def dataset(name: str, made: str, writes: tuple[str, ...] = (), joints: int = 17) -> Component:
    more = {"writes": writes, "facts": lambda options: {"joints": joints}}
    return Component(kind="dataset", name=name, options=Plain, build=data(made), **more)


def sampler(name: str, made: str, options: type[Options] = Plain) -> Component:
    return Component(kind="sampler", name=name, options=options, build=data(made), roles=ROLES)


def executor(name: str, made: str) -> Component:
    return Component(kind="executor", name=name, options=Plain, build=data(made))


def body(name: str, made: str = "Stick") -> Component:
    return Component(kind="body_model", name=name, options=Plain, build=bodies(made))


COMPONENTS = (
    # what it declares
    corruption("summary"),
    corruption("x"),
    corruption("options", options=Undocumented),
    corruption("example", options=Asks),
    corruption("builds", build=refuse),
    corruption("round_trip", options=Forgets, example={"width": None}),
    corruption("defaults", options=Forgets, example={"width": 4}, build=refuse_defaults),
    corruption("bad_default", options=BadDefault, example={"width": 4}),
    corruption("vocabulary", reads=("crop", "crop?")),
    corruption("facts", options=Asks, example={"width": 4}, facts=lambda options: {"width": 0.5}),
    loss("roles", "Size", roles=("Far away",)),
    # what it does
    corruption("runs", "NeedsMore"),
    corruption("reads", "Ignores", reads=("crop", "time")),
    corruption("writes", "WritesMore"),
    corruption("optional", "Demands", reads=("crop", "time?")),
    corruption("independent", "Mixes"),
    corruption("same_seed", "Noise"),
    loss("finite", "Root"),
    loss("gradients", "Idle"),
    loss("sends_gradients", "Cut"),
    encoder("weights_file", "Unsaved"),
    corruption("two_processes", "OwnNoise"),
    corruption("any_device", "Fixed"),
    corruption("half_weights", "Single"),
    encoder("half_autocast", "Mixed"),
    encoder("export", "Decides"),
    # what its kind promises
    detector("boxes", "Vanishing"),
    detector("pastes_back", "Tiny"),
    corruption("keeps_range", "Bright"),
    encoder("widths", "Encoder", {"variant": 7, "invariant": 0}),
    exchange("unmixed", "FromTheNext"),
    exchange("subjects", "Turned", (*LATENT, "subject")),
    exchange("targets", "ShortTargets"),
    Component(
        kind="decoder",
        name="decoded",
        options=Plain,
        build=net("Overflowing"),
        reads=("decode_variant",),
        writes=("crop_decoded", "mask_decoded"),
    ),
    loss("order_free", "Ordered"),
    Component(kind="head", name="head_learns", options=Plain, build=net("Mute")),
    Component(kind="head", name="task", options=Plain, build=net("Unitless"), reads=("variant",), writes=("pose",)),
    dataset("clips", "OneName"),
    dataset("pictures", "FloatFrames"),
    dataset("labels", "FlatPoses", ("pose",)),
    dataset("joints", "Poses", ("pose",), joints=16),
    dataset("random_access", "Streams"),
    dataset("projects", "Mirrored", ("pose", "pose_2d")),
    Component(kind="background", name="fills", options=Plain, build=data("FloatBackground"), writes=("background",)),
    sampler("draws_roles", "OtherRoles"),
    sampler("inside", "Outside"),
    sampler("follows_generator", "Dice"),
    sampler("one_take", "Anywhere"),
    sampler("bounds", "Far", Bounded),
    sampler("refuses_short", "Accepts"),
    sampler("cost", "NeverOne"),
    executor("runs_jobs", "Wrong"),
    executor("passes_errors", "Silent"),
    executor("cancels", "Offended"),
    executor("closes", "Once"),
    body("describes", "Unweighted"),
    body("rests", "OtherTemplate"),
    body("rigid", "Adrift"),
    body("apart", "Sees"),
    body("bends", "Stiff"),
    body("poses", "Stays"),
    # nothing is wrong with these
    body("good"),
    corruption("good"),
    loss("good", "Size"),
    encoder("good", "Encoder"),
    exchange("good", "Own"),
    corruption("own_field", "Deep", reads=("crop", DEPTH.name)),
    detector("good", "Whole"),
    dataset("good", "Poses", ("pose", "pose_2d")),
    sampler("good", "Line", Bounded),
    executor("good", "Here"),
)
ELSEWHERE = {"loads": "bad_data", "light": "bad_heavy", "docstring": "bad_mute"}
ALSO = {
    "example": {"example"},
    "x": {"name"},
    "bad_default": {"defaults"},
    "good": set(),
    "own_field": set(),
    "pictures": {"frames"},
    "subjects": {"unmixed"},
}
"""What is found, where it is not what the name says."""


def expected(part: str) -> set[str]:
    """The checks that must find a part bad."""
    name = part.partition(".")[2]
    return ALSO.get(name, {name})


def entries() -> list[Entry]:
    """What a manifest would say."""
    listed = [(one.kind, one.name, "bad") for one in COMPONENTS]
    listed += [("corruption", name, module) for name, module in ELSEWHERE.items()]
    return [
        Entry(kind, name, f"{HERE}.{module}", "Short" if name == "summary" else SUMMARY, package="bad")
        for kind, name, module in listed
    ]


def registry() -> Registry:
    """The bad parts beside those shipped."""
    return Registry(entries(), installed=(), fields=[DEPTH])


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    for component in COMPONENTS:
        register(component)
