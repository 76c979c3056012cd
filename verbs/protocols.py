"""`poserep protocols`, and the card that every probe prints and keeps: a number never travels without its protocol.

A card is a TOML file: a sentence, the paper, what the data must be, what the paper leaves open, and a `[probe]` table
that states every setting. Free of torch.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..core.compose import Composition
from ..core.config import PROBED, Probe, complete, freeze, to_toml
from ..core.console import note, say, show_json
from ..core.errors import ConfigError, did_you_mean
from ..core.files import write_text
from ..core.measurement import Protocol, every

CARDS = Path(__file__).parent.parent / "plugins" / "protocols"
KEPT = "protocol.json"
WORDS = ("summary", "paper", "data", "open")


@dataclass(frozen=True, slots=True)
class Card:
    """A protocol by name.

    Attributes:
        name: As `--protocol` takes it.
        summary: One sentence.
        paper: Where it was published.
        data: What the dataset must be: who trains, who tests, which frames are kept.
        open: What the paper does not say, and what stands here instead.
        probe: The `[probe]` table.
    """

    name: str
    summary: str
    paper: str
    data: str
    open: str
    probe: Mapping[str, Any]


def shipped_cards() -> dict[str, Path]:
    """Cards by name."""
    return {path.stem: path for path in sorted(CARDS.glob("*.toml"))}


def read_named(kind: str, name: str, shipped: Mapping[str, Path], otherwise: str = "") -> tuple[Path, dict[str, Any]]:
    """A TOML file by the name of a shipped one, or by its own, and what it holds.

    Raises:
        ConfigError: If there is none, or it is not TOML.
    """
    path = shipped.get(name, Path(name))
    try:
        return path, tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        hint = did_you_mean(name, shipped, otherwise)
        raise ConfigError(f"there is no {kind} {name!r}", where=f"--{kind}", hint=hint) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not valid TOML: {error}", where=str(path)) from None


def read_card(name: str) -> Card:
    """A card by the name of a shipped one, or by its file.

    Raises:
        ConfigError: If there is no such card, or it is not one.
    """
    path, data = read_named("protocol", name, shipped_cards(), "`poserep protocols list` names them all")
    probe = data.pop("probe", None)
    if strange := [key for key in data if key not in WORDS] + ([] if isinstance(probe, dict) else ["no [probe]"]):
        hint = f"a card has {', '.join(WORDS)} and the table [probe]"
        raise ConfigError(f"this is no protocol card: {', '.join(strange)}", where=str(path), hint=hint)
    words = {word: str(data.get(word, "")) for word in WORDS}
    return Card(name, **words, probe={**_defaults(), **dict(probe or {}), "protocol": name})


def _defaults() -> dict[str, Any]:
    """Every setting of a probe that a card does not state: of what a recipe says, a card keeps the data alone."""
    settings = {name: field.default for name, field in Probe.model_fields.items() if name not in PROBED}
    return settings | {"head": {"use": "mlp"}}


def card_sets(name: str) -> list[str]:
    """A card as the values of `--set`: they replace a recipe's whole `[probe]`."""
    probe = read_card(name).probe
    return [f"probe.{key}={inline(value)}" for key, value in probe.items()]


def inline(value: Any) -> str:
    """A value as TOML on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {inline(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(inline, value)) + "]"
    return to_toml({"value": value}).removeprefix("value = ").rstrip("\n")


# ---------------------------------------------------------------- of an experiment


def settings_of(composition: Composition) -> dict[str, Any]:
    """Every setting of an experiment's probe, by dotted key."""
    table = complete(composition.resolved)["probe"]
    values = {key: value for key, value in (_defaults() | table).items() if key != "head"}
    return values | {f"head.{key}": value for key, value in table["head"].items()}


def title_of(composition: Composition) -> str:
    """Name of the card that an experiment claims, with what it does differently; empty if it claims none."""
    name = composition.experiment.probe.protocol
    if not name:
        return ""
    try:
        changed = differences(read_card(name), settings_of(composition))
    except ConfigError:
        return f"{name} (not installed here)"
    return f"{name} but for {', '.join(changed)}" if changed else name


def differences(card: Card, settings: Mapping[str, Any]) -> list[str]:
    """Settings that are not those of a card. What a card leaves out of its head is the head's own default."""
    stated = {key: value for key, value in card.probe.items() if key != "head"}
    stated |= {f"head.{key}": value for key, value in card.probe["head"].items()}
    return [key for key, value in stated.items() if freeze(settings.get(key)) != freeze(value)]


def card_rows(composition: Composition, protocol: Protocol) -> dict[str, str]:
    """What was done, in words."""
    probe, settings = composition.experiment.probe, settings_of(composition)
    head = ", ".join(f"{key.removeprefix('head.')} {v}" for key, v in settings.items() if key.startswith("head."))
    where = f"{protocol.split} of {protocol.dataset}: {protocol.subjects}"
    subjects = composition.context.facts.get("subjects", 1)
    whose = f", of {subjects} boxes in a frame the one nearest to the true box" if subjects > 1 else ""
    counts = ", ".join(str(count or "all") for count in probe.labels)
    aligned = {"pose": ", ".join(probe.metrics), "pose_2d": "2D MSE, 2D distance, over the longer side of the frame"}
    return {
        "card": protocol.card or "none, the recipe's own [probe]",
        "reads off": {"pose": "3D joints, mm", "pose_2d": "2D joints in the frame"}[probe.target],
        "joints": f"{protocol.joints or 'all'} of {protocol.skeleton}",
        "root": protocol.root,
        "errors": aligned[probe.target],
        "measured on": f"{where}, {every(protocol.stride, 'frame')}{whose}",
        "labels": f"{counts}, evenly from {every(probe.stride, 'training frame')}",
        "features": " + ".join(probe.fields) + (", of mirror images too" if probe.mirror else ""),
        "head": head.removeprefix("use "),
        "fitted": f"{probe.steps} steps of {probe.batch} frames, rate {probe.learning_rate:g} {probe.schedule}"
        + (f", weight decay {probe.weight_decay:g}" if probe.weight_decay else ""),
    }


def show_card(composition: Composition, protocol: Protocol) -> None:
    """Print the card of a measurement that begins."""
    for key, words in card_rows(composition, protocol).items():
        note(f"{key:<12}{words}")


def write_card(folder: Path, composition: Composition, protocol: Protocol) -> None:
    """Keep the card beside the measurements; of another split, under its name."""
    path = folder / (KEPT if protocol.split == "test" else f"protocol-{protocol.split}.json")
    card = {"card": card_rows(composition, protocol), "protocol": asdict(protocol)}
    content = card | {"probe": settings_of(composition)}
    write_text(path, json.dumps(content, indent=1))


def read_rows(folder: Path) -> dict[str, str]:
    """The words of the card that a run folder keeps; empty for a folder that is older than cards, or not measured."""
    path = folder / KEPT
    return dict(json.loads(path.read_text(encoding="utf-8"))["card"]) if path.is_file() else {}


# ---------------------------------------------------------------- commands


def list_rows() -> Iterator[dict[str, str]]:
    """Name, sentence and paper of each card."""
    for name in shipped_cards():
        card = read_card(name)
        yield {"protocol": name, "summary": card.summary, "paper": card.paper}


def card_text(card: Card) -> str:
    """A card as TOML: its words as comments, and a `[probe]` to put into a recipe."""
    words: Sequence[tuple[str, str]] = [(word, getattr(card, word)) for word in WORDS if getattr(card, word)]
    comments = "".join(f"# {word}: {text}\n" for word, text in words)
    values = {key: value for key, value in card.probe.items() if key != "head"}
    return f"{comments}\n{to_toml({'probe': {**values, 'head': card.probe['head']}})}"


def show_command(name: str, as_json: bool) -> None:
    """Print a card."""
    card = read_card(name)
    if as_json:
        show_json(asdict(card))
    else:
        say(card_text(card).rstrip("\n").replace("[", r"\["))
