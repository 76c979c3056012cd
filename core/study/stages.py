"""The four stages of an experiment, each named by a hash of all that decides its result.

::

    background    dataset and background: data.json
    pretraining   all but the probe: a run folder
    features      latents of the labelled pool and the test frames, of the trained network and of its random start
    probe         measurements.json, outcomes.json

Two experiments that agree in what a stage depends on share it. The key covers the resolved config of the stage, the
keys of the stages that it needs, and name and version of the packages whose components take part. It does not cover
names and summaries, how often checkpoints are written, the order of tables (but that of phases, which is their order
in time), the machine, nor the content of files: a path counts as it is written, and what lies there is told by the
data's fingerprint in ``data.json``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from typing import Any, Literal

from ..compose import Composition, wire
from ..config import complete, resolve
from ..recipe import Source
from ..registry import Registry

WORDS = ("name", "summary", "paper", "published")
"""Keys of a recipe that only speak to people."""
PACE = ("checkpoint_every", "log_every")
"""Keys of training that change no weights."""
DATA = ("crop_size", "dataset", "background")
"""What the frames and their backgrounds depend on."""
POOL = ("fields", "stride", "test_stride", "target", "joints", "root", "mirror", "dataset", "test_dataset")
"""Keys of the probe that decide which features and poses are kept, beside the split."""
SEEING = ("crop_size", "dataset", "background", "detector", "corruption", "encoder", "exchange", "decoder")
"""What the features of a network at its random start depend on, beside the seed: no sampler, no loss, no steps."""
StageKind = Literal["background", "pretraining", "features", "probe"]


@dataclass(frozen=True, slots=True)
class Stage:
    """A piece of work that is done once.

    Attributes:
        kind: Which of the four.
        key: 16 hex digits over config, needs and packages.
        config: The part of the resolved config that decides its result, as plain JSON values. ``background``:
            crop_size, dataset, background. ``pretraining``: the recipe without what changes no weights. ``features``:
            network ("trained" or "initial"), fields, stride, test_stride, split; of the initial network also what its
            weights depend on. ``probe``: head, labels, steps, batch, learning_rate, weight_decay, seed, `[finetune]`.
        needs: Addresses of the stages that must be done before: of pretraining the background; of features the
            background and, of the trained network, the pretraining; of the probe the background, then the features
            of the trained and of the initial network, in this order.
        packages: Version of each package whose components take part.
        title: A few words for people.
        recipe: A complete recipe whose composition this stage is part of; what of it is not in ``config`` may be that
            of any experiment that shares the stage.
    """

    kind: StageKind
    key: str
    config: Mapping[str, Any]
    needs: tuple[str, ...]
    packages: Mapping[str, str] = field(compare=False)
    title: str = field(compare=False)
    recipe: Mapping[str, Any] = field(compare=False, repr=False)

    @property
    def address(self) -> str:
        """``KIND/KEY``: its folder in a store."""
        return f"{self.kind}/{self.key}"

    def needed(self, kind: StageKind) -> tuple[str, ...]:
        """Addresses of the stages of a kind that it needs."""
        return tuple(address for address in self.needs if address.startswith(f"{kind}/"))


def stages_of(composition: Composition, registry: Registry, split: str) -> list[Stage]:
    """Background, pretraining, features of the trained and of the initial network, probe: in order of work."""
    recipe = canonical(complete(composition.resolved))
    probe, seed = recipe["probe"], recipe["training"]["seed"]
    pool = _some(probe, POOL) | {"split": split}

    def stage(kind: StageKind, title: str, config: Mapping[str, Any], roles: Iterable[str], *needs: Stage) -> Stage:
        packages = _packages(composition, registry, roles)
        addresses = tuple(need.address for need in needs)
        return Stage(kind, key_of(kind, config, addresses, packages), config, addresses, packages, title, recipe)

    trained = {key: value for key, value in recipe.items() if key not in (*WORDS, "probe", "finetune")}
    trained["training"] = {key: value for key, value in recipe["training"].items() if key not in PACE}
    losses = [wire for wire in composition.wires if wire.role.startswith("losses.")]
    told = {name for wire in losses for name in wire.writes} & set(probe["fields"])
    seeing = (*SEEING, "losses") if told else SEEING  # a loss's own network sees too
    started = {"network": "initial", "seed": seed} | _some(recipe, seeing) | pool
    reading = {key: value for key, value in probe.items() if key not in POOL} | {"seed": seed}
    reading |= _some(recipe, ("finetune",))
    training_roles = [role for role in composition.parts if not role.startswith(("probe.", "finetune."))]

    data = stage("background", f"data of {recipe['dataset']['use']}", _some(recipe, DATA), DATA)
    pretraining = stage("pretraining", f"{recipe['name']}, seed {seed}", trained, training_roles, data)
    features = stage("features", f"trained, seed {seed}", {"network": "trained"} | pool, (), data, pretraining)
    roles = [role for role in composition.parts if role.partition(".")[0] in seeing]
    initial = stage("features", f"random start, seed {seed}", started, roles, data)
    heads = ("probe.head", "finetune.head")
    head = stage("probe", f"{probe['head']['use']}, seed {seed}", reading, heads, data, features, initial)
    return [data, pretraining, features, initial, head]


def composition_of(stage: Stage, registry: Registry) -> Composition:
    """A stage's recipe composed again.

    Raises:
        ConfigError: If its parts are no longer installed as they were.
    """
    source = Source(f"the recipe of {stage.address}")
    return wire(resolve(stage.recipe, source, registry), source, registry)


def steps_of(config: Mapping[str, Any]) -> int:
    """Optimiser steps of a pretraining stage's config."""
    if not config["training"]["steps"]:
        return 0
    phases = config.get("phases") or {"": config["training"]}
    return sum(phase["steps"] for phase in phases.values())


def key_of(kind: str, config: Mapping[str, Any], needs: Iterable[str], packages: Mapping[str, str]) -> str:
    """16 hex digits that stand for what a stage is made from."""
    made = dict(config)
    if "phases" in made:  # the order of phases has a meaning, that of other tables has none
        made["phases"] = list(made["phases"].items())
    text = json.dumps({"kind": kind, "config": made, "needs": list(needs), "packages": packages}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def canonical(value: Any, path: tuple[str, ...] = ()) -> Any:
    """Plain JSON values, tables sorted by key but for the phases; empty tables and None left out."""
    if isinstance(value, Mapping):
        keys = list(value) if path == ("phases",) else sorted(value)
        return {key: canonical(value[key], (*path, key)) for key in keys if value[key] is not None and value[key] != {}}
    if isinstance(value, list | tuple):
        return [canonical(item, (*path, "")) for item in value]
    return value if isinstance(value, bool | int | float) else str(value)


def _some(table: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    return {key: table[key] for key in keys if key in table}


def _packages(composition: Composition, registry: Registry, roles: Iterable[str]) -> dict[str, str]:
    """Versions of the packages whose components fill these roles, and of this one."""
    names = {"poserep"}
    for role in roles:
        if chosen := composition.parts.get(role):
            names.add(registry.entries[f"{chosen.component.kind}.{chosen.component.name}"].package.partition(".")[0])
    return {name: _version(name) for name in sorted(names)}


@cache
def _version(package: str) -> str:
    """Version of the distribution that holds an import package; "" if it is in none."""
    try:
        return version(package)
    except PackageNotFoundError:
        holders = packages_distributions().get(package, ())
        return ", ".join(sorted({version(name) for name in holders}))
