"""`poserep compose`: the assembled model, its wiring, shapes and parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.markup import escape

from ..core.compose import Composition
from ..core.console import say, show_table
from ..core.fields import Field


def describe(composition: Composition) -> dict[str, Any]:
    """Everything about a composition as plain data. Builds the networks to count their parameters."""
    experiment = composition.experiment
    counts = parameters(composition)
    return {
        "name": experiment.name,
        "summary": experiment.summary,
        "paper": experiment.paper,
        "crop_size": experiment.crop_size,
        "facts": dict(composition.context.facts),
        "wiring": [
            {
                "role": wire.role,
                "use": wire.use,
                "reads": list(wire.reads),
                "writes": list(wire.writes),
                "parameters": counts.get(wire.role, 0),
            }
            for wire in composition.wires
        ],
        "phases": [
            {
                "name": phase.name,
                "steps": phase.steps,
                "sampler": composition.parts[phase.sampler].component.name,
                "losses": {role: experiment.losses[role].weight for role in phase.losses},
            }
            for phase in composition.phases
        ],
        "probe": {
            "head": experiment.probe.head.use,
            "fields": list(experiment.probe.fields),
            "labels": list(experiment.probe.labels),
        },
    }


def parameters(composition: Composition) -> dict[str, int]:
    """Trainable weights of each part that has some. Networks are built, so weights they start from must be at hand."""
    from ..core.pipeline import Model

    model = Model(composition)
    modules = dict(model.pipeline.named_children())
    modules |= {name.replace("_", ".", 1): loss for name, loss in model.loss_modules.items()}
    return {role: sum(p.numel() for p in module.parameters() if p.requires_grad) for role, module in modules.items()}


def show(composition: Composition, description: dict[str, Any]) -> None:
    """Print a description."""
    paper = f"  [dim]{escape(description['paper'])}[/]" if description["paper"] else ""
    say(f"[bold]{escape(description['name'])}[/]  {escape(description['summary'])}{paper}\n")
    rows = []
    for wire in description["wiring"]:
        count = f"{wire['parameters'] / 1e6:.2f} M" if wire["parameters"] else ""
        writes = _shaped(wire["writes"], composition.fields)
        rows.append((wire["role"], wire["use"], ", ".join(wire["reads"]), writes, count))
    show_table("", ("part", "is", "reads", "writes", "weights"), rows)
    say("")
    for phase in description["phases"]:
        losses = " + ".join(f"{weight:g} {role}" for role, weight in phase["losses"].items())
        say(f"phase {phase['name']}: {phase['steps']} steps, tuples by {phase['sampler']}, total = {losses}")
    probe = description["probe"]
    counts = ", ".join(str(count or "all") for count in probe["labels"])
    say(f"probe: {probe['head']} on {' + '.join(probe['fields'])} with {counts} labels")
    total = sum(wire["parameters"] for wire in description["wiring"])
    facts = ", ".join(f"{name} {value}" for name, value in description["facts"].items())
    fields = len({name for wire in composition.wires for name in wire.reads})
    say(f"{total / 1e6:.2f} M weights · crop {description['crop_size']} px · {facts} · wiring checked: {fields} fields")


def _shaped(names: list[str], fields: Mapping[str, Field]) -> str:
    return ", ".join(f"{name} ({fields[name].axes})" if name in fields else name for name in names)
