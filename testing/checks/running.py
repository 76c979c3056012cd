"""What a part that computes does with its fields: it reads and writes what it declares, row by row, from the seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ...core.errors import ConfigError, DataError, ShapeError
from ...core.fields import expect
from ...core.interfaces import Roles
from ..claims import MODEL, STAGES, Check, SkippedError, demand
from ..inputs import HARD, harden, with_gradient
from ..subject import FACTS, Subject, learns, not_finite, pull

TUPLES = (1, 2, 5)
SEEN_ALONE = 4


def runs(subject: Subject) -> None:
    """It takes exactly the fields that it declares."""
    subject.call(subject.build(train=False), subject.inputs())


class Uses(TorchFunctionMode):
    """Notes which of some values any function of torch is given, be it for their shape."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        super().__init__()
        self.waiting = {id(one): name for name, one in fields.items()}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        for one in leaves((args, kwargs or {})):
            self.waiting.pop(id(one), None)
        return func(*args, **(kwargs or {}))


class WatchedRoles(Roles):
    """Roles that know whether they were asked."""

    asked = False

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("__") and name != "asked":
            object.__setattr__(self, "asked", True)
        return object.__getattribute__(self, name)


def leaves(value: Any) -> Iterator[Any]:
    """Everything inside nested lists, tuples and mappings."""
    if isinstance(value, list | tuple):
        for one in value:
            yield from leaves(one)
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from leaves(one)
    else:
        yield value


def reads(subject: Subject) -> None:
    """Each field that it declares is used, while training or in evaluation."""
    unused = [unused_fields(subject, train) for train in (True, False)]
    never = sorted(unused[0] & unused[1])
    demand(not never, f"it declares that it reads {', '.join(never)}, but never looks at it")


def unused_fields(subject: Subject, train: bool) -> set[str]:
    """Declared fields that one run does not look at."""
    fields = with_gradient(subject.inputs())
    if "roles" in fields:
        fields["roles"] = WatchedRoles(fields["roles"].names)
    part = subject.build(train=train)
    with Uses(fields) as uses:
        out = subject.call(part, fields)
    for one in leaves(out):
        uses.waiting.pop(id(one), None)
    pull(out)  # code that torch does not see through still sends gradients back
    return {
        name
        for name in uses.waiting.values()
        if getattr(fields[name], "grad", None) is None and not getattr(fields[name], "asked", False)
    }


def writes(subject: Subject) -> None:
    """For several numbers of tuples it gives what it declares, with the vocabulary's axes."""
    for tuples in TUPLES:
        # Batch norm cannot learn from one row.
        out = subject.call(subject.build(train=tuples > 1), subject.inputs(tuples))
        written(subject, out, tuples)


def written(subject: Subject, out: Mapping[str, Any], tuples: int, optional: bool = True) -> None:
    """Hold an output to the declaration."""
    if subject.kind == "loss":
        demand(isinstance(out["loss"], Tensor) and out["loss"].shape == (), "it does not give a scalar tensor")
        return
    if subject.kind == "head" and subject.reads:
        missing = {name for name in subject.writes if not name.endswith("?")} - set(out)
        demand(not missing, f"it declares that it writes {', '.join(sorted(missing))}, but does not")
        wrong = [name for name, one in out.items() if len(one) != tuples]
        demand(not wrong, f"for {tuples} frames it gives another number of {', '.join(wrong)}")
        return
    if subject.kind == "head":
        shape = tuple(out["outputs"].shape)
        demand(shape == (tuples, FACTS["outputs"]), f"for {tuples} rows it gives {shape}")
        return
    names = {name.rstrip("?") for name in subject.writes if optional or not name.endswith("?")}
    demand(
        set(out) == names,
        f"it declares that it writes {', '.join(sorted(names)) or 'nothing'}, but writes {', '.join(sorted(out))}",
    )
    expect(*((name, one, subject.field(name).axes) for name, one in out.items()))
    wrong = [name for name, one in out.items() if len(one) != tuples]
    demand(not wrong, f"for {tuples} tuples it writes another number of {', '.join(wrong)}")


def optional(subject: Subject) -> None:
    """Without what it can do without it writes the rest."""
    if not any(name.endswith("?") for name in subject.reads):
        raise SkippedError("it declares no optional field")
    context = subject.context
    if {"invariant?", "decode_invariant?"} & set(subject.reads):  # a code that is not split
        subject.context = replace(context, facts={**context.facts, "invariant": 0})
    try:
        out = subject.call(subject.build(train=False), subject.inputs(optional=False))
    finally:
        subject.context = context
    written(subject, out, 2, optional=False)


def independent(subject: Subject) -> None:
    """In evaluation a tuple's result does not depend on the others in the batch."""
    part = subject.build(train=False)
    fields = subject.inputs(SEEN_ALONE)
    whole = subject.call(part, fields)
    one = subject.call(part, {name: v[1:2] if isinstance(v, Tensor) else v for name, v in fields.items()})
    wrong = [name for name, v in one.items() if not torch.allclose(v, whole[name][1:2], rtol=1e-4, atol=1e-5)]
    demand(not wrong, f"alone, a tuple gets other values of {', '.join(wrong)} than among others")


def same_seed(subject: Subject) -> None:
    """Weights and numbers follow from torch's seed alone."""
    with other_noise():
        first, second = (subject.call(subject.build(seed=4), subject.inputs()) for _ in range(2))
    wrong = [name for name in first if not torch.equal(first[name], second[name])]
    demand(not wrong, f"with the same seed {', '.join(wrong)} comes out differently")


@contextmanager
def other_noise() -> Iterator[None]:
    """Leave the generators of Python and numpy to chance, and put them back afterwards."""
    kept = random.getstate(), np.random.get_state()
    random.seed()
    np.random.seed()
    try:
        yield
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])


def finite(subject: Subject) -> None:
    """Values and gradients stay finite on hard inputs; a tuple of one frame may be refused with a cause."""
    for case in HARD:
        part = subject.build()
        fields = with_gradient(harden(subject.inputs(), case))
        if case == "one frame":
            if subject.names(subject.component.roles):
                continue
            fields = with_gradient(subject.inputs(frames=1))
        try:
            out = subject.call(part, fields)
        except (ConfigError, DataError, ShapeError):
            if case == "one frame":
                continue
            raise
        demand(not not_finite(out), f"on {case}: {', '.join(not_finite(out))} is not finite")
        pull(out)
        grads = {name: one.grad for name, one in fields.items() if isinstance(one, Tensor)}
        grads |= {name: weight.grad for name, weight in learns(part).items()}
        demand(not not_finite(grads), f"on {case}: the gradient of {', '.join(not_finite(grads))} is not finite")


CHECKS = (
    Check("runs", "it runs on the fields that it declares", MODEL, runs, "builds"),
    Check("reads", "it uses every field that it declares", (*STAGES, "loss"), reads),
    Check("writes", "it writes what it declares, for 1, 2 and 5 tuples", MODEL, writes),
    Check("optional", "without its optional fields it writes the rest", (*STAGES, "loss"), optional),
    Check("independent", "in evaluation tuples do not see each other", (*STAGES, "head"), independent),
    Check("same_seed", "the same seed gives the same weights and numbers", MODEL, same_seed),
    Check("finite", f"it stays finite on hard inputs: {', '.join(HARD)}", MODEL, finite),
)
