"""Runs twice, as two processes that train together: whether parts see them as one process with the whole batch.

What each process sends back is a share of one objective, so that the gradients of weights add up to those of one
process and the gradients of a row are those that one process gives it.

Axes: B tuples of the whole batch.
"""

from __future__ import annotations

import importlib
import json
import pickle
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ..core.interfaces import Component
from ..core.ranks import gather_batch_norm, own_rows, total_over_processes, world_size
from ..core.registry import components_of
from .inputs import with_gradient
from .subject import call, learns

PATIENCE = timedelta(seconds=60)
APART = 1e-2
"""Largest difference for which rounding may account, as a share of the largest number."""
WORLD = 2

Found = dict[str, Tensor]


def component_of(job: Mapping[str, Any]) -> Component:
    """A part's declaration, from its module alone."""
    handed = components_of(importlib.import_module(job["module"]))
    return next(one for one in handed if (one.kind, one.name) == (job["kind"], job["name"]))


def built(job: Mapping[str, Any]) -> Any:
    """The part, with the batch norm that training in several processes gives it."""
    component = component_of(job)
    torch.manual_seed(0)
    part = component.build(component.options.model_validate(job["options"]), job["context"])
    if isinstance(part, nn.Module) and world_size() > 1:
        holder = nn.Sequential(part)
        gather_batch_norm(holder)
        return holder[0].train()
    return part.train() if isinstance(part, nn.Module) else part


def measured(job: Mapping[str, Any], rows: slice) -> Found:
    """What the part gives for some rows of the batch, and the gradients of inputs and weights."""
    part = built(job)
    own = {name: one[rows] if isinstance(one, Tensor) else one for name, one in job["fields"].items()}
    fields = with_gradient(own)
    out = call(job["kind"], part, fields)
    terms = [share(name, one, rows) for name, one in out.items() if one.requires_grad]
    if terms:
        torch.stack(terms).sum().backward()
    found = {f"output {name}": one.detach() for name, one in out.items()}
    found |= {
        f"gradient of {name}": one.grad
        for name, one in fields.items()
        if isinstance(one, Tensor) and one.grad is not None
    }
    return found | {f"weight {name}": weight.grad for name, weight in learns(part).items() if weight.grad is not None}


def share(name: str, out: Tensor, rows: slice) -> Tensor:
    """This process's share of one objective: a loss is averaged over processes, rows are weighted and summed."""
    if name == "loss":
        return out / world_size()
    generator = torch.Generator().manual_seed(3)
    whole = torch.rand(len(out) * world_size(), *out.shape[1:], generator=generator)
    return (out * whole[rows]).sum()


def difference(job: Mapping[str, Any], alone: Found) -> str:
    """In what the part differs from what it gave in one process; "" if in nothing."""
    own = own_rows(len(next(one for one in job["fields"].values() if isinstance(one, Tensor))) // WORLD)
    shared = measured(job, own)
    if set(shared) != set(alone):
        return f"two processes give {', '.join(sorted(set(shared) ^ set(alone)))} where one does not, or not as one"
    wrong = []
    for name in sorted(alone):
        value, wanted = shared[name], alone[name]
        if name == "output loss" or name.startswith("weight "):
            value = total_over_processes(value) / (WORLD if name == "output loss" else 1)
        else:
            wanted = wanted[own]
        if value.shape != wanted.shape or distance(value, wanted) > APART:
            wrong.append(f"{name} (by {distance(value, wanted):.2g} of its size)")
    return f"two processes differ from one in {', '.join(wrong)}" if wrong else ""


def attempt(job: Mapping[str, Any]) -> Found | str:
    """What the part gives in one process, or why it gives nothing."""
    try:
        return measured(job, slice(None))
    except Exception as error:
        return f"in another process: {type(error).__name__}: {error}"


def distance(value: Tensor, wanted: Tensor) -> float:
    """Largest difference of two tensors of one shape, as a share of the largest number in them."""
    size = max(float(wanted.abs().max()), 1e-3) if wanted.numel() else 1.0
    return float((value - wanted).abs().max()) / size if wanted.numel() else 0.0


def main(folder: Path, rank: int) -> None:
    """Run all parts alone, then all together with the other process."""
    jobs = pickle.loads((folder / "jobs").read_bytes())
    torch.set_num_threads(1)
    alone = {job["key"]: attempt(job) for job in jobs}
    meeting = f"file://{(folder / 'meeting').resolve()}"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=WORLD, timeout=PATIENCE)
    with (folder / f"answers{rank}").open("w", encoding="utf-8") as answers:
        for job in jobs:
            before, stop = alone[job["key"]], False
            try:
                cause = before if isinstance(before, str) else difference(job, before)
            except Exception as error:
                cause, stop = f"in two processes: {type(error).__name__}: {error}", True
            answers.write(json.dumps([job["key"], cause]) + "\n")
            answers.flush()
            if stop:  # the two are out of step now
                sys.exit(1)
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
