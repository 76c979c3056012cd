"""A part under test: declared, built from its example and run on made-up fields, each as often as a check asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..core.config import freeze, with_bodies
from ..core.fields import Field
from ..core.interfaces import Component, Context, Declared, Options, declared
from ..core.registry import Entry, Registry
from .claims import MODEL, SkippedError
from .inputs import CROP, PATCH, ROLES, SIZES, value

if TYPE_CHECKING:
    from .bench import Bench

FACTS = {"variant": SIZES["V"], "invariant": SIZES["I"], "joints": SIZES["J"], "features": 6, "outputs": 51}
FACTS |= {"patch": PATCH, "tokens": SIZES["D"], "classes": 5, "parts": 5, "vertices": SIZES["P"]}


def fake_context(registry: Registry | None = None) -> Context:
    """What a part under test is told about the others: small crops and latents, 17 joints; the registry's body models.

    Args:
        registry: Which parts there are; those of this environment if not given.
    """
    return with_bodies(Context(CROP, dict(FACTS)), registry or Registry())


class Subject:
    """One part under test.

    Args:
        entry: Its entry in a manifest.
        load: Loads its declaration.
        vocabulary: Every field that may be declared.
        folder: An empty folder of its own.
        bench: What it shares with the other parts of the target.
    """

    def __init__(
        self, entry: Entry, load: Callable[[], Component], vocabulary: Mapping[str, Field], folder: Path, bench: Bench
    ) -> None:
        self.entry, self.load, self.vocabulary, self.bench = entry, load, vocabulary, bench
        self.key, self.kind = entry.key, entry.kind
        self.context = fake_context(bench.registry)
        self._folder = folder

    @cached_property
    def component(self) -> Component:
        """Its declaration."""
        return self.load()

    @cached_property
    def folder(self) -> Path:
        """A folder of its own."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder

    @cached_property
    def options(self) -> Options:
        """Those of its example."""
        example = self.component.example
        data = example(self.folder) if callable(example) else example
        return self.component.options.model_validate(freeze(dict(data)))

    def names(self, names: Declared) -> tuple[str, ...]:
        """Declared names under the example's options, with their marks."""
        return declared(names, self.options)

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """Fields that it reads, with their marks."""
        return self.names(self.component.reads)

    @cached_property
    def writes(self) -> tuple[str, ...]:
        """Fields that it writes, with their marks."""
        return self.names(self.component.writes)

    def build(self, seed: int = 0, train: bool = True) -> Any:
        """A new one, its weights drawn from the seed."""
        torch.manual_seed(seed)
        part = self.component.build(self.options, self.context)
        return part.train(train) if isinstance(part, nn.Module) else part

    @cached_property
    def shared(self) -> Any:
        """One that all checks share, for parts that only read or that are slow to start."""
        return self.build()

    def module(self, seed: int = 0, train: bool = True) -> nn.Module:
        """A new one that has weights.

        Raises:
            SkippedError: If it has none.
        """
        part = self.build(seed, train)
        if not isinstance(part, nn.Module):
            raise SkippedError("it is a plain callable without weights")
        return part

    def inputs(self, tuples: int = 2, seed: int = 0, *, frames: int = 0, optional: bool = True) -> dict[str, Any]:
        """Made-up values of the fields that it reads.

        Args:
            tuples: Size of axis B; rows of features for a head.
            seed: Of the values.
            frames: Size of axis T; as many as it declares roles, or four, if 0.
            optional: Whether to give what it can do without.
        """
        torch.manual_seed(seed)
        if self.kind == "head" and not self.reads:
            return {"features": torch.randn(tuples, FACTS["features"])}
        if self.kind == "head":  # what it reads is of one frame each
            return {name: value(self.field(name), tuples, ("frame",))[:, 0] for name in self.reads}
        roles = self.names(self.component.roles) or ROLES
        roles = roles[:frames] if frames else roles
        wanted = sorted(name.rstrip("?") for name in self.reads if optional or not name.endswith("?"))
        return {name: value(self.field(name), tuples, roles) for name in wanted}

    def field(self, name: str) -> Field:
        """A field of the vocabulary.

        Raises:
            SkippedError: If nobody tells its axes.
        """
        if name not in self.vocabulary:
            raise SkippedError(f"no manifest tells the axes of {name!r}, so that no value can be made up")
        return self.vocabulary[name]

    def call(self, part: Any, fields: Mapping[str, Any], seed: int = 1) -> dict[str, Any]:
        """Run it on named fields; what it gives, by name."""
        return call(self.kind, part, fields, seed)


def call(kind: str, part: Any, fields: Mapping[str, Any], seed: int = 1) -> dict[str, Any]:
    """Run a part on named fields; what it gives, by name."""
    torch.manual_seed(seed)
    if kind not in MODEL:
        raise TypeError(f"a {kind} does not compute on fields")
    if kind == "head" and "features" in fields:
        return {"outputs": part(fields["features"])}
    out = part(**fields)
    return {"loss": out} if kind == "loss" else dict(out)


def pull(out: Mapping[str, Any]) -> bool:
    """Send a gradient back from everything that can carry one; whether there was anything."""
    torch.manual_seed(2)
    carrying = [one for one in out.values() if isinstance(one, Tensor) and one.requires_grad]
    if carrying:
        torch.stack([(one * torch.rand_like(one)).sum().float() for one in carrying]).sum().backward()
    return bool(carrying)


def learns(part: Any) -> dict[str, nn.Parameter]:
    """Weights that learn, by name."""
    named = part.named_parameters() if isinstance(part, nn.Module) else ()
    return {name: weight for name, weight in named if weight.requires_grad}


def not_finite(values: Mapping[str, Any]) -> list[str]:
    """Names of the tensors that are not finite throughout."""
    return [
        name
        for name, one in values.items()
        if isinstance(one, Tensor) and one.is_floating_point() and not bool(one.isfinite().all())
    ]
