"""On other devices, in other arithmetic, outside of Python, and at what cost."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ...core.interfaces import Draw
from ..claims import EVERY, MODEL, Check, Numbers, SkippedError, demand
from ..fixtures import MovingSquare, takes
from ..inputs import with_gradient
from ..jobs import double
from ..subject import Subject, learns, not_finite, pull
from . import bodies

LOOKS = ("_local_scalar_dense", "item() cannot be called on meta", "aten::nonzero", "data-dependent")
"""What torch says where a value decides what is computed; the meta device has none."""
REPEATS = 5


def any_device(subject: Subject) -> None:
    """Moved to the meta device with its inputs, it stays there."""
    part = subject.build()
    if isinstance(part, nn.Module):
        part.to("meta")
    fields = {name: one.to("meta") if isinstance(one, Tensor) else one for name, one in subject.inputs().items()}
    try:
        out = subject.call(part, fields)
    except (RuntimeError, NotImplementedError) as error:
        if any(text in str(error) for text in LOOKS):
            raise SkippedError("it looks at values, which the meta device does not have") from None
        raise
    elsewhere = [name for name, one in out.items() if one.device.type != "meta"]
    demand(not elsewhere, f"{', '.join(elsewhere)} is on {out[elsewhere[0]].device if elsewhere else ''}, not on meta")


def half_weights(subject: Subject) -> None:
    """Weights and inputs in bfloat16 pass through, and gradients come back."""
    part = subject.build()
    if isinstance(part, nn.Module):
        part.to(torch.bfloat16)
    fields = {
        name: one.to(torch.bfloat16) if isinstance(one, Tensor) and one.is_floating_point() else one
        for name, one in subject.inputs().items()
    }
    _stays_finite(subject, part, fields)


def half_autocast(subject: Subject) -> None:
    """Under autocast, as mixed-precision training has it."""
    with torch.autocast("cpu", torch.bfloat16):
        _stays_finite(subject, subject.build(), subject.inputs())


def _stays_finite(subject: Subject, part: Any, fields: Mapping[str, Any]) -> None:
    given = with_gradient(fields)
    out = subject.call(part, given)
    demand(not not_finite(out), f"{', '.join(not_finite(out))} is not finite")
    with torch.autocast("cpu", enabled=False):
        pull(out)
    grads = {name: weight.grad for name, weight in learns(part).items()}
    demand(not not_finite(grads), f"the gradient of {', '.join(not_finite(grads))} is not finite")


def export(subject: Subject) -> None:
    """torch.export gives a program that computes the same in evaluation."""
    if subject.kind == "loss":
        raise SkippedError("a loss is used in training alone")
    part = subject.module(train=False)
    if not part.state_dict():
        raise SkippedError("it has no weights")
    fields = subject.inputs()
    if not all(isinstance(one, Tensor) for one in fields.values()):
        raise SkippedError("it reads names, which are no tensors")
    arguments = ((fields["features"],), {}) if "features" in fields else ((), fields)
    with quiet(), torch.no_grad():
        program = torch.export.export(part, arguments[0], kwargs=arguments[1]).module()
        wanted, got = subject.call(part, fields), subject.call(program, fields)
    wrong = [name for name in wanted if not torch.allclose(wanted[name], got[name], rtol=1e-4, atol=1e-5)]
    demand(not wrong, f"exported, it gives another {', '.join(wrong)}")


@contextmanager
def quiet() -> Iterator[None]:
    """Torch's own warnings are not the part's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def cost(subject: Subject) -> Numbers:
    """Parameters, millions of operations and milliseconds for one tuple; for parts of other kinds milliseconds."""
    if subject.kind in MODEL:
        return _model_cost(subject)
    kinds = {"dataset": _read, "sampler": _draw, "background": _fill, "body_model": _pose, "executor": _submit}
    work = kinds[subject.kind](subject)
    return {"milliseconds": milliseconds(work, 1 if subject.kind == "executor" else REPEATS)}


def _model_cost(subject: Subject) -> Numbers:
    part, fields = subject.build(train=False), subject.inputs(1)
    with torch.no_grad(), quiet():
        with FlopCounterMode(display=False) as counter:
            subject.call(part, fields)
        took = milliseconds(lambda: subject.call(part, fields))
    parameters = sum(weight.numel() for weight in part.parameters()) if isinstance(part, nn.Module) else 0
    return {
        "parameters": float(parameters),
        "megaflops": round(counter.get_total_flops() / 1e6, 3),
        "milliseconds": took,
    }


def milliseconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Median time of some repetitions, after one that does not count."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return round(1000 * median(times), 3)


def _read(subject: Subject) -> Callable[[], object]:
    dataset = subject.shared
    indices = np.arange(min(4, len(dataset.clips[0])))
    return lambda: dataset.frames(0, indices)


def _draw(subject: Subject) -> Callable[[], object]:
    sampler, rng, clips = subject.build(), np.random.default_rng(0), takes()
    sampler.prepare(clips, np.arange(len(clips)))

    def work() -> Draw:
        drawn: Draw = sampler.draw(rng, 1)
        return drawn

    return work


def _fill(subject: Subject) -> Callable[[], object]:
    background, dataset = subject.shared, MovingSquare()
    return lambda: background.at(dataset, 0, np.arange(4))


def _pose(subject: Subject) -> Callable[[], object]:
    body = subject.shared
    inputs = bodies.still(body, 1)
    return lambda: body(*inputs)


def _submit(subject: Subject) -> Callable[[], object]:
    executor = subject.shared
    return lambda: executor.submit(double, 1).result()


CHECKS = (
    Check("any_device", "it hard-codes no device: on the meta device it stays there", MODEL, any_device),
    Check("half_weights", "it hard-codes no number format: bfloat16 weights and inputs", MODEL, half_weights),
    Check("half_autocast", "it works under bfloat16 autocast", MODEL, half_autocast),
    Check("export", "torch.export gives a program that computes the same", MODEL, export),
    Check("cost", "its cost can be measured", EVERY, cost, "runs"),
)
