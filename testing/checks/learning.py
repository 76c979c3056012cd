"""Gradients and weights: what learns is reached, what is saved comes back, and two processes learn as one."""

from __future__ import annotations

from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..claims import MODEL, Check, SkippedError, demand
from ..inputs import with_gradient
from ..subject import Subject, learns, not_finite, pull


def gradients(subject: Subject) -> None:
    """Every weight that learns gets a finite gradient."""
    part = subject.module()
    weights = learns(part)
    if not weights:
        raise SkippedError("none of its weights learns")
    fields = with_gradient(subject.inputs())
    out = subject.call(part, fields)
    if subject.kind == "loss" and hasattr(part, "adversary"):
        against: Any = part
        out["adversary"] = against.adversary_loss(**fields)
    pull(out)
    unreached = [name for name, weight in weights.items() if weight.grad is None]
    demand(not unreached, f"no gradient reaches {', '.join(unreached)}")
    wrong = not_finite({name: weight.grad for name, weight in weights.items()})
    demand(not wrong, f"the gradient of {', '.join(wrong)} is not finite")


def sends_gradients(subject: Subject) -> None:
    """A loss sends gradients to something that it reads."""
    fields = with_gradient(subject.inputs())
    loss = subject.call(subject.build(), fields)["loss"]
    demand(loss.requires_grad, "it gives a loss without a gradient")
    loss.backward()
    grads = {name: one.grad for name, one in fields.items() if isinstance(one, Tensor) and one.grad is not None}
    demand(any(bool(grad.abs().sum() > 0) for grad in grads.values()), "it sends no gradient to any field")
    wrong = not_finite(grads)
    demand(not wrong, f"the gradient of {', '.join(wrong)} is not finite")


def weights_file(subject: Subject) -> None:
    """Weights go through a safetensors file, and make another instance the same."""
    part = subject.module()
    state = {name: one.contiguous() for name, one in part.state_dict().items()}
    if not state:
        raise SkippedError("it has no weights")
    path = subject.folder / "weights.safetensors"
    save_file(state, path)
    other = subject.module(seed=9)
    _disturb(other)
    other.load_state_dict(load_file(path))
    before, after = (subject.call(one.eval(), subject.inputs()) for one in (part, other))
    wrong = [name for name in before if not torch.equal(before[name], after[name])]
    demand(not wrong, f"with weights read from a file {', '.join(wrong)} comes out differently")


@torch.no_grad()
def _disturb(part: Any) -> None:
    """Other weights and statistics, so that one that is not loaded shows."""
    for one in part.state_dict().values():
        one.add_(1)


def two_processes(subject: Subject) -> None:
    """Two processes that share a batch give what one gives."""
    cause = subject.bench.pairs.get(subject.key, "two processes did not come to it")
    demand(not cause, cause)


CHECKS = (
    Check("gradients", "a gradient reaches every weight that learns", MODEL, gradients),
    Check("sends_gradients", "a loss sends finite gradients to something that it reads", ("loss",), sends_gradients),
    Check("weights_file", "its weights survive a safetensors file", MODEL, weights_file),
    Check("two_processes", "two processes compute, draw and average as one would", MODEL, two_processes),
)
