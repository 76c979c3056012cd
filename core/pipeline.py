"""The stages in their fixed order over one record of named fields, and the losses on top.

Where a frame has several subjects, core repeats it for each of their boxes; corruption, encoder and decoder then work
box by box and know nothing of it.

Axes: B tuples, T roles, K redrawn frames, S subjects, N = T S boxes, M = K S redrawn boxes, H W frame, h w crop; the
fields are those of `core.fields`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from .compose import Composition, Wire
from .errors import DataError, PluginError, ShapeError
from .fields import FIELDS, Field, expect
from .geometry import composite, composite_layers, crop, layer_weights, paste
from .select import boxes_of, select

Record = dict[str, Any]
STAGES = ("detector", "crop", "corruption", "encoder", "exchange", "decoder", "composite")


def subjects_in(box: Tensor, frame: Tensor) -> int:
    """How many boxes (B, N, 4) there are for each frame (B, T, ...).

    Raises:
        ShapeError: If it is no whole number.
    """
    boxes, frames = box.shape[1], frame.shape[1]
    if not frames or boxes % frames or not boxes:
        raise ShapeError(f"each frame of a tuple needs as many boxes: got {boxes} boxes for {frames} frames")
    return boxes // frames


def crop_stage(size: int) -> Callable[..., dict[str, Tensor]]:
    """Core's own step after the detector."""

    def run(*, frame: Tensor, box: Tensor) -> dict[str, Tensor]:
        subjects = subjects_in(box, frame)
        seen = frame if subjects == 1 else frame.repeat_interleave(subjects, dim=1)
        return {"crop": crop(seen, box, (size, size))}

    return run


def composite_stage(
    *,
    crop_decoded: Tensor,
    mask_decoded: Tensor,
    box: Tensor,
    target: Tensor,
    background: Tensor,
    **several: Tensor,
) -> dict[str, Tensor]:
    """Core's own step after the decoder: paste crops and masks into the target's boxes, equation (1).

    Several subjects are ordered by their ``depth``, `geometry.layer_weights`, and their crops may be a ``mix`` of those
    that were decoded. With one subject neither matters.

    Raises:
        ShapeError: If there are several boxes in a frame, and no depth.
    """
    subjects = subjects_in(box, background)
    rows = boxes_of(target, subjects)
    size = (background.shape[-2], background.shape[-1])
    behind = select(background, target)
    if subjects > 1 and "mix" in several:
        crop_decoded, mask_decoded = (mixed(one, several["mix"]) for one in (crop_decoded, mask_decoded))
    box_BM4 = select(box, rows)
    rgb = paste(crop_decoded, box_BM4, size, "border")
    mask = paste(mask_decoded, box_BM4, size, "zeros")
    if subjects == 1:
        return {"redrawn": composite(mask, rgb, behind), "mask": mask}
    if "depth" not in several:
        raise ShapeError(f"{subjects} boxes in a frame need a depth each, which the detector does not write")
    rgb, mask, depth = (one.unflatten(1, (-1, subjects)) for one in (rgb, mask, select(several["depth"], rows)))
    weight = layer_weights(mask, depth)
    return {"redrawn": composite_layers(weight, rgb, behind), "mask": weight.flatten(1, 2)}


def mixed(x_BM: Tensor, mix_BKSS: Tensor) -> Tensor:
    """What each box shows of its frame's decoded crops or masks (B, M, ...), of the same shape."""
    x_BKS: Tensor = x_BM.unflatten(1, mix_BKSS.shape[1:3])
    weight = mix_BKSS.reshape(*mix_BKSS.shape, *(1,) * (x_BM.ndim - 2))
    return (weight * x_BKS.unsqueeze(2)).sum(dim=3).flatten(1, 2)


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
        self.subjects = composition.context.facts.get("subjects", 1)
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

    def forward(self, batch: Mapping[str, Any], until: str = "", everybody: bool = False) -> Record:
        """Run the stages over a batch and return the record with every field.

        Args:
            batch: What the sampler drew, as `core.batches` makes it.
            until: Last stage to run; all if empty.
            everybody: Where frames have several subjects, return the boxes of all, and what belongs to them; otherwise
                of each frame the box of the clip's own subject, as who reads off a pose needs it.

        Raises:
            DataError: If the own subject is asked for, and the dataset does not tell where it is.
        """
        record = float_images(batch)
        for stage, step in self._steps.items():
            wire = self.wires[stage]
            written = step(**{name: record[name] for name in wire.reads})
            check_written(wire, written, self.fields)
            record.update(written)
            if stage == until:
                break
        return record if everybody or self.subjects == 1 else self._own_subject(record)

    def observe(self, batch: Mapping[str, Any]) -> Record:
        """The record up to the latents."""
        record: Record = self(batch, until="encoder")
        return record

    def redraw(self, record: Mapping[str, Any], variant: Tensor, invariant: Tensor | None) -> Record:
        """Decode latents (B, M, V) and (B, M, I) into the boxes and backgrounds of the record's first K frames."""
        latents = {"decode_variant": variant, "decode_invariant": invariant}
        out: Record = dict(record) | {name: value for name, value in latents.items() if value is not None}
        out.pop("mix", None)  # each box shows the crop of its own latents
        count = variant.shape[1] // subjects_in(record["box"], record["background"])
        out["target"] = torch.arange(count, device=variant.device).expand(len(variant), -1)
        for stage in ("decoder", "composite"):
            out.update(self._steps[stage](**{name: out[name] for name in self.wires[stage].reads if name in out}))
        return out

    def _own_subject(self, record: Record) -> Record:
        """The record with one box in each frame: the one whose centre is nearest to that of the true box."""
        if "true_box" not in record:
            raise DataError(
                f"which of the {self.subjects} boxes in a frame is the clip's subject is told by the label true_box, "
                "which the dataset has not",
                hint="use a dataset with true boxes, or a run with detector.subjects = 1",
            )
        away = record["box"][..., 2:].unflatten(1, (-1, self.subjects)) - record["true_box"][:, :, None, 2:]
        nearest_BT = away.square().sum(dim=-1).nan_to_num().argmin(dim=-1)
        frames_T = torch.arange(nearest_BT.shape[1], device=away.device)
        rows = {"N": frames_T * self.subjects + nearest_BT}
        if "target" in record:
            redrawn_K = torch.arange(record["target"].shape[1], device=away.device)
            rows["M"] = redrawn_K * self.subjects + select(nearest_BT, record["target"])
        axes = {name: self.fields[name].axes.split() for name in record if name in self.fields}
        chosen = {name: rows[letters[1]] for name, letters in axes.items() if letters[1:] and letters[1] in rows}
        return dict(record) | {name: select(record[name], row) for name, row in chosen.items()}


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


class Learner(nn.Module):
    """What `core.fit` can train: called with a batch and roles, it gives unweighted terms by role, and a record."""

    weights: Mapping[str, float]
    """Of each role in the total; terms of other names are only recorded."""

    def adversaries(self) -> dict[str, nn.Module]:
        """Modules that are trained against it, by role."""
        return {}

    def adversary_terms(self, record: Mapping[str, Any], roles: tuple[str, ...]) -> dict[str, Tensor]:
        """The adversaries' own losses on the record that a call gave."""
        return {}


class Model(Learner):
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
        """Unweighted terms by role and those that losses tell apart, and the record, with its gradients cut.

        Were they not cut, several processes would take every weight behind the record for one that is used.
        """
        record = self.pipeline(batch, everybody=True)
        terms: dict[str, Tensor] = {}
        for role in roles:
            loss: Any = self._losses[role]
            terms[role] = loss(**{name: record[name] for name in self.reads[role]})
            terms |= {f"{role}.{name}": value for name, value in getattr(loss, "apart", {}).items()}
        return terms, {name: value.detach() if isinstance(value, Tensor) else value for name, value in record.items()}

    def predict(self, record: Mapping[str, Any]) -> Record:
        """What losses' own networks read off a record of latents, under the names that they declare."""
        found: Record = {}
        for role in self.weights:
            loss: Any = self._losses[role]
            wire = self.pipeline.wires[f"losses.{role}"]
            if wire.writes:
                told = loss.predict(**{name: record[name] for name in wire.reads if name in record})
                check_written(wire, told, self.pipeline.fields)
                found.update(told)
        return found

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
