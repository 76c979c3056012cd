"""The stages in their fixed order over one record of named fields, and the losses on top.

Axes: B tuples, T roles, K redrawn frames, H W frame, h w crop; the fields are those of `core.fields`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from .compose import Composition, Wire
from .errors import PluginError
from .fields import FIELDS, Field, expect
from .geometry import composite, crop, paste
from .select import select

Record = dict[str, Any]
STAGES = ("detector", "crop", "corruption", "encoder", "exchange", "decoder", "composite")


def crop_stage(size: int) -> Callable[..., dict[str, Tensor]]:
    """Core's own step after the detector."""

    def run(*, frame: Tensor, box: Tensor) -> dict[str, Tensor]:
        return {"crop": crop(frame, box, (size, size))}

    return run


def composite_stage(
    *, crop_decoded: Tensor, mask_decoded: Tensor, box: Tensor, target: Tensor, background: Tensor
) -> dict[str, Tensor]:
    """Core's own step after the decoder: paste crop and mask into the target's box, equation (1)."""
    box_BK4 = select(box, target)
    size = (background.shape[-2], background.shape[-1])
    rgb = paste(crop_decoded, box_BK4, size, "border")
    mask = paste(mask_decoded, box_BK4, size, "zeros")
    return {"redrawn": composite(mask, rgb, select(background, target)), "mask": mask}


def float_images(batch: Mapping[str, Any]) -> Record:
    """A batch with its uint8 images as float32 in [0, 1]; they travel as bytes."""
    return {
        name: value.float() / 255 if isinstance(value, Tensor) and value.dtype == torch.uint8 else value
        for name, value in batch.items()
    }


class Pipeline(nn.Module):
    """Every stage of an experiment, built.

    Args:
        composition: The checked plan. Weights are drawn from torch's current seed.
    """

    def __init__(self, composition: Composition) -> None:
        super().__init__()
        self.wires = {wire.role: wire for wire in composition.wires}
        self.fields = composition.fields
        context = composition.context
        self._steps: dict[str, Callable[..., Mapping[str, Tensor]]] = {}
        for stage in STAGES:
            if stage not in self.wires:
                continue
            if stage == "crop":
                step: Any = crop_stage(context.crop_size)
            elif stage == "composite":
                step = composite_stage
            else:
                chosen = composition.parts[stage]
                step = chosen.component.build(chosen.options, context)
            if isinstance(step, nn.Module):
                self.add_module(stage, step.to(memory_format=torch.channels_last))
            self._steps[stage] = step

    def forward(self, batch: Mapping[str, Any], until: str = "") -> Record:
        """Run the stages over a batch and return the record with every field.

        Args:
            batch: What the sampler drew, as `core.batches` makes it.
            until: Last stage to run; all if empty.
        """
        record = float_images(batch)
        for stage, step in self._steps.items():
            wire = self.wires[stage]
            written = step(**{name: record[name] for name in wire.reads})
            check_written(wire, written, self.fields)
            record.update(written)
            if stage == until:
                break
        return record

    def observe(self, batch: Mapping[str, Any]) -> Record:
        """The record up to the latents."""
        record: Record = self(batch, until="encoder")
        return record

    def redraw(self, record: Mapping[str, Any], variant: Tensor, invariant: Tensor | None) -> Record:
        """Decode latents (N, K, V) and (N, K, I) into the boxes and backgrounds of the record's first K frames."""
        latents = {"decode_variant": variant, "decode_invariant": invariant}
        out: Record = dict(record) | {name: value for name, value in latents.items() if value is not None}
        out["target"] = torch.arange(variant.shape[1], device=variant.device).expand(len(variant), -1)
        for stage in ("decoder", "composite"):
            out.update(self._steps[stage](**{name: out[name] for name in self.wires[stage].reads}))
        return out


def check_written(wire: Wire, written: Mapping[str, Tensor], fields: Mapping[str, Field] = FIELDS) -> None:
    """Hold a component to its declaration: exactly the declared fields, each with its axes.

    Raises:
        PluginError: Naming the component and the field.
    """
    if set(written) != set(wire.writes):
        what = f"{wire.role} ({wire.use}) declares that it writes {', '.join(sorted(wire.writes))}, "
        what += f"but wrote {', '.join(sorted(written)) or 'nothing'}"
        raise PluginError(what, hint="declaration and component must agree")
    expect(*((name, value, fields[name].axes) for name, value in written.items() if name in fields))


class Model(nn.Module):
    """Pipeline and losses as one module, so that one forward call serves every way of distributing it."""

    def __init__(self, composition: Composition) -> None:
        super().__init__()
        self.pipeline = Pipeline(composition)
        self.loss_modules = nn.ModuleDict()
        self._losses: dict[str, Callable[..., Tensor]] = {}
        self.weights = {role: part.weight for role, part in composition.experiment.losses.items()}
        self.reads = {role: self.pipeline.wires[f"losses.{role}"].reads for role in self.weights}
        for role in self.weights:
            chosen = composition.parts[f"losses.{role}"]
            loss = chosen.component.build(chosen.options, composition.context)
            if isinstance(loss, nn.Module):
                self.loss_modules[f"losses_{role}"] = loss  # a bare role might be the name of a method
            self._losses[role] = loss

    def forward(self, batch: Mapping[str, Any], roles: tuple[str, ...]) -> tuple[dict[str, Tensor], Record]:
        """Unweighted terms by role, and the record that they were read from with its gradients cut.

        Were they not cut, several processes would take every weight behind the record for one that is used.
        """
        record = self.pipeline(batch)
        terms = {role: self._losses[role](**{name: record[name] for name in self.reads[role]}) for role in roles}
        return terms, {name: value.detach() if isinstance(value, Tensor) else value for name, value in record.items()}

    def adversaries(self) -> dict[str, nn.Module]:
        """Modules that losses train against the pipeline, by role."""
        return {f"losses.{role}": loss.adversary for role, loss in self._losses.items() if hasattr(loss, "adversary")}

    def adversary_terms(self, record: Mapping[str, Any], roles: tuple[str, ...]) -> dict[str, Tensor]:
        """The adversaries' own losses on the record that a forward call gave."""
        terms = {}
        for role in roles:
            loss: Any = self._losses[role]
            if hasattr(loss, "adversary"):
                terms[f"losses.{role}"] = loss.adversary_loss(**{name: record[name] for name in self.reads[role]})
        return terms
