"""Training as a generator: it yields a record per step, and whatever else happens is said around a ``for``.

Randomness is reseeded from (seed, step) before every step, so that a resumed run goes on bit by bit as one that
was never stopped.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from .batches import Batches, Source, build_sampler
from .compose import Composition, PhasePlan
from .config import Training
from .errors import ConfigError, DivergedError
from .pipeline import Learner, Model
from .ranks import gather_batch_norm, global_mean

SEED_STRIDE = 1_000_003  # a prime: seeds of runs and of steps do not meet


@dataclass(frozen=True, slots=True)
class Step:
    """What one optimiser step came to. Seconds are wall time; ``waited_s`` of them went by waiting for data."""

    index: int
    phase: str
    total: float
    terms: Mapping[str, float]
    rate: float
    seconds: float
    waited_s: float


@dataclass(slots=True)
class State:
    """What training changes, and a checkpoint holds."""

    model: Learner
    optimizers: dict[str, torch.optim.Optimizer]
    step: int = 0
    wrapped: Any = field(default=None, repr=False)
    precision: Any = field(default=None, repr=False)


def learning_rate(step: int, steps: int, training: Training) -> float:
    """Rate at a step: a linear rise over the warm-up, then full height, then a fall to zero at the end."""
    rise = min(1.0, (step + 1) / training.warmup_steps) if training.warmup_steps else 1.0
    tail = training.decay * steps
    fall = min(1.0, (steps - step) / tail) if tail else 1.0
    fall = (1 - math.cos(math.pi * fall)) / 2 if training.fall == "cosine" else fall
    return training.learning_rate * rise * fall


def make_state(composition: Composition, fabric: Fabric) -> State:
    """Model and optimisers at step 0, on the fabric's device.

    Raises:
        ConfigError: If the batch does not divide among the processes.
    """
    training = composition.experiment.training
    if training.batch % fabric.world_size:
        raise ConfigError(
            f"training.batch = {training.batch} does not divide among {fabric.world_size} processes",
            hint=f"choose a multiple of {fabric.world_size}",
        )
    torch.manual_seed(training.seed)
    model = Model(composition)
    if fabric.world_size > 1:
        gather_batch_norm(model)
    groups = {role: list(module.parameters()) for role, module in model.adversaries().items()}
    theirs = {id(parameter) for group in groups.values() for parameter in group}
    own = [p for p in model.parameters() if id(p) not in theirs and p.requires_grad]
    fused = training.precision != "16-mixed"  # a fused optimiser unscales gradients itself: they could not be clipped
    main = optimizer_of(own, training, fused)
    wrapped, main = fabric.setup(model, main)
    optimizers = {"main": main}
    for role, group in groups.items():
        optimizers[role] = fabric.setup_optimizers(optimizer_of(group, training, fused))
    return State(model, optimizers, wrapped=wrapped, precision=fabric.strategy.precision)


def optimizer_of(weights: Sequence[nn.Parameter], training: Training, fused: bool) -> torch.optim.Optimizer:
    """Adam, or with a decay AdamW, which spares biases and norms."""
    settings: dict[str, Any] = {"lr": training.learning_rate, "betas": (0.9, training.beta_2), "fused": fused}
    if not training.weight_decay:
        return torch.optim.Adam(weights, **settings)
    decayed, spared = [w for w in weights if w.ndim > 1], [w for w in weights if w.ndim <= 1]
    groups: list[dict[str, Any]] = [{"params": decayed}, {"params": spared, "weight_decay": 0.0}]
    return torch.optim.AdamW([one for one in groups if one["params"]], weight_decay=training.weight_decay, **settings)


def fit(composition: Composition, source: Source, fabric: Fabric, state: State) -> Iterator[Step]:
    """Train in place from ``state.step`` on, yielding after each step. Stop by leaving the loop.

    Raises:
        DivergedError: When a term is not finite; the weights are those before that step.
        DataError: When a sampler finds no clip that can hold its tuple.
    """
    training = composition.experiment.training
    begin = 0
    for phase in composition.phases:
        end = begin + phase.steps
        if state.step < end:
            sampler = build_sampler(composition, phase.sampler, source.dataset, composition.context)
            batches = Batches(source, sampler, training.batch, training.seed)
            yield from fit_phase(composition, phase, batches.run(state.step, end), fabric, state)
        begin = end


def fit_phase(
    composition: Composition,
    phase: PhasePlan,
    batches: Iterator[Mapping[str, Any]],
    fabric: Fabric,
    state: State,
    rate_at: Callable[[int], float] | None = None,
) -> Iterator[Step]:
    """One step for each batch, yielding after each; `learning_rate` tells the rates where ``rate_at`` does not."""
    training = composition.experiment.training
    state.wrapped.train()
    asked = time.perf_counter()
    for batch in batches:
        started = time.perf_counter()
        rate = rate_at(state.step) if rate_at else learning_rate(state.step, composition.steps, training)
        torch.manual_seed(training.seed * SEED_STRIDE + state.step)
        device_batch = {k: v.to(fabric.device) if isinstance(v, Tensor) else v for k, v in batch.items()}
        terms = optimise(state, device_batch, phase.losses, rate, fabric, training.clip)
        state.step += 1
        now = time.perf_counter()
        total = sum(weight * terms[role] for role, weight in state.model.weights.items() if role in terms)
        yield Step(state.step, phase.name, total, terms, rate, now - asked, started - asked)
        asked = time.perf_counter()


def optimise(
    state: State, batch: Mapping[str, Any], roles: Sequence[str], rate: float, fabric: Fabric, clip: float = 0.0
) -> dict[str, float]:
    """One step of the main optimiser, then one of each adversary. Returns the terms, averaged over processes."""
    main = state.optimizers["main"]
    _prepare(main, rate)
    terms, record = state.wrapped(batch, tuple(roles))
    values = _mean_over_processes(terms)
    weights = {role: weight for role, weight in state.model.weights.items() if role in terms}
    check_finite({role: values[role] for role in weights}, state.step)
    total: Tensor = sum((weight * terms[role] for role, weight in weights.items()), torch.zeros(()))
    fabric.backward(total)
    if clip:
        fabric.clip_gradients(state.wrapped, main, max_norm=clip, error_if_nonfinite=False)
    main.step()
    with fabric.autocast():  # outside of the wrapped forward
        adversary_terms = state.model.adversary_terms(record, tuple(roles))
    for role, term in adversary_terms.items():
        optimizer = state.optimizers[role]
        _prepare(optimizer, rate)
        fabric.backward(term)
        _average_gradients(optimizer)
        optimizer.step()
    return {name: value for name, value in values.items() if math.isfinite(value)}


def _prepare(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("scale", 1.0)
    optimizer.zero_grad(set_to_none=True)


def _mean_over_processes(terms: Mapping[str, Tensor]) -> dict[str, float]:
    stacked = torch.stack([term.detach().float() for term in terms.values()])
    return dict(zip(terms, global_mean(stacked[None]).tolist(), strict=True))


def _average_gradients(optimizer: torch.optim.Optimizer) -> None:
    """The adversary's step is outside of the wrapped forward, so its gradients are averaged here."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if parameter.grad is not None:
                parameter.grad.copy_(global_mean(parameter.grad[None]))


def check_finite(terms: Mapping[str, float], step: int) -> None:
    """Refuse a term that is not finite.

    Raises:
        DivergedError: Naming the terms and the step.
    """
    bad = [role for role, value in terms.items() if not math.isfinite(value)]
    if bad:
        raise DivergedError(
            f"losses.{', losses.'.join(bad)} became {terms[bad[0]]} at step {step + 1}",
            hint="the last good checkpoint is kept; lower training.learning_rate or that loss's weight, and go on",
        )


def parameters_finite(model: nn.Module) -> bool:
    """Whether every weight is finite: a checkpoint with one that is not is worth nothing."""
    return all(bool(torch.isfinite(p).all()) for p in model.parameters())
