"""What each kind of part that computes promises beside its fields.

Axes: B tuples, T frames of a tuple, K redrawn frames, H W frame, h w crop, N rows of features.
Coordinates: boxes (s_x, s_y, u_x, u_y) in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ...core.geometry import crop, paste, pixel_centres
from ..claims import Check, SkippedError, demand
from ..inputs import HARD, harden, of_unit
from ..subject import FACTS, Subject, learns

DRAWS = 8
TUPLES, FRAMES = 4, 4
FINE, SIDE = 64, 128
ALMOST = 1e-3


# ---------------------------------------------------------------- detector


def boxes(subject: Subject) -> None:
    """Boxes are finite and have an extent, whatever is seen."""
    part = subject.build(train=False)
    for case in ("ordinary frames", *HARD[:-1]):
        box = subject.call(part, harden(subject.inputs(), case))["box"]
        demand(bool(box.isfinite().all()), f"on {case} a box is not finite")
        demand(bool((box[..., :2] > 0).all()), f"on {case} a box has no extent")


def pastes_back(subject: Subject) -> None:
    """A crop of its box, pasted back, gives the frame again inside the box."""
    box_BT4 = subject.call(subject.build(train=False), subject.inputs())["box"].detach()
    line = pixel_centres(SIDE)
    ramp_3HW = torch.stack((line.expand(SIDE, SIDE), line[:, None].expand(SIDE, SIDE), (line + line[:, None]) / 2))
    frame = ramp_3HW.expand(*box_BT4.shape[:2], 3, SIDE, SIDE)
    again = paste(crop(frame, box_BT4, (FINE, FINE)), box_BT4, (SIDE, SIDE))
    scale, centre = box_BT4[..., :2, None], box_BT4[..., 2:, None]
    near = (line - centre).abs() <= scale * (1 - 1 / FINE)  # between the centres of the crop's pixels
    inside = near & (line.abs() <= 1 - 1 / SIDE - 2 * scale / FINE)  # and between those of the frame's
    mask = inside[..., 1, :, None] & inside[..., 0, None, :]
    demand(bool(mask.flatten(2).any(-1).all()), f"no pixel of a frame {SIDE} wide can be compared inside of a box")
    off = ((again - frame).abs() * mask[:, :, None]).max()
    demand(bool(off <= ALMOST), f"pasted back, a crop of its box differs from the frame by {float(off):.3g}")


# ---------------------------------------------------------------- corruption, encoder, decoder


def keeps_range(subject: Subject) -> None:
    """A corrupted crop has the crop's shape and stays in [0, 1]."""
    if "crop_corrupted" not in subject.writes:
        raise SkippedError("it writes no corrupted crop")
    for case in ("ordinary crops", "zeros", "ones"):
        fields = harden(subject.inputs(), case)
        for seed in range(DRAWS):
            out = subject.call(subject.build(), fields, seed)["crop_corrupted"].detach()
            shape = tuple(out.shape)
            demand("crop" not in fields or shape == tuple(fields["crop"].shape), f"it gives crops of {shape}")
            low, high = float(out.min()), float(out.max())
            demand(low >= -ALMOST and high <= 1 + ALMOST, f"on {case} it gives {low:.3g} to {high:.3g}")


def widths(subject: Subject) -> None:
    """Latents are as wide as it states to the others."""
    facts = subject.component.facts(subject.options)
    out = subject.call(subject.build(train=False), subject.inputs())
    for name in ("variant", "invariant"):
        stated = facts.get(name)
        demand(stated is not None, f"it does not state its fact {name}")
        got = out[name].shape[-1] if name in out else 0
        demand(got == stated, f"it states that {name} is {stated} wide, it is {got}")


def decoded(subject: Subject) -> None:
    """Crops have the crop's size, one for each latent, and masks lie in [0, 1]."""
    if "crop_decoded" not in subject.writes:
        raise SkippedError("it writes no crops")
    part, fields = subject.build(), subject.inputs()
    with torch.no_grad():
        out = subject.call(part, fields)
    size = (subject.context.crop_size,) * 2
    for name, channels in (("crop_decoded", 3), ("mask_decoded", 1)):
        shape = (*fields["decode_variant"].shape[:2], channels, *size)
        demand(tuple(out[name].shape) == shape, f"{name} is {tuple(out[name].shape)}, not {shape}")
    low, high = float(out["mask_decoded"].min()), float(out["mask_decoded"].max())
    demand(0 <= low <= high <= 1, f"its mask goes from {low:.3g} to {high:.3g}")


# ---------------------------------------------------------------- exchange


def unmixed(subject: Subject) -> None:
    """While training, nothing of another tuple, and nothing of another subject that it is told of, is decoded."""
    for seed in range(DRAWS):
        part = subject.build()
        fields = subject.inputs(TUPLES, frames=FRAMES) | groups(subject)
        before = subject.call(part, fields, seed)
        for b in range(TUPLES):
            after = subject.call(part, changed(fields, (b, slice(None))), seed)
            moved = {name for name in decodes(before) if differs(before[name], after[name], others(b))}
            demand(not moved, f"{', '.join(sorted(moved))} of a tuple comes from another tuple")
        for person in (0, 1) if groups(subject) else ():
            who_BT = next(iter(groups(subject).values()))
            after = subject.call(part, changed(fields, who_BT == person), seed)
            else_BK = who_BT.gather(1, before["target"]) != person
            moved = {name for name in decodes(before) if differs(before[name], after[name], else_BK)}
            demand(not moved, f"{', '.join(sorted(moved))} of one subject comes from another subject")


def groups(subject: Subject) -> dict[str, Tensor]:
    """Two subjects in every tuple, in clips of their own, for an exchange that asks whom a frame shows."""
    who_BT = torch.tensor([0, 0, 1, 1]).expand(TUPLES, FRAMES).clone()
    return {name: who_BT for name in ("subject", "clip") if name in {read.rstrip("?") for read in subject.reads}}


def changed(fields: Mapping[str, Any], where: Any) -> dict[str, Any]:
    """Other latents at some places."""
    out = dict(fields)
    for name in {"variant", "invariant", "tokens"} & set(fields):
        out[name] = fields[name].clone()
        out[name][where] += 10
    return out


def decodes(out: Mapping[str, Tensor]) -> list[str]:
    """Latents that the decoder is handed."""
    return [name for name in ("decode_variant", "decode_invariant", "memory") if name in out]


def others(b: int) -> Tensor:
    """All tuples but one, (B,)."""
    return torch.arange(TUPLES) != b


def differs(one: Tensor, two: Tensor, where: Tensor) -> bool:
    """Whether two tensors differ at some places."""
    return not torch.equal(one[where], two[where])


def targets(subject: Subject) -> None:
    """Each target is the position of a frame in its tuple."""
    for train in (True, False):
        fields = subject.inputs(TUPLES)
        frames = next(one for one in fields.values() if isinstance(one, Tensor)).shape[1]
        target = subject.call(subject.build(train=train), fields)["target"]
        demand(target.dtype == torch.int64, f"its targets are {target.dtype}, not int64")
        demand(bool(((target >= 0) & (target < frames)).all()), f"a target lies outside of 0 to {frames - 1}")


# ---------------------------------------------------------------- loss, head


def order_free(subject: Subject) -> None:
    """The value does not depend on the order of the tuples, and is finite."""
    part, fields = subject.build(train=False), subject.inputs(TUPLES)
    turned = {name: one.flip(0) if isinstance(one, Tensor) else one for name, one in fields.items()}
    one, two = (subject.call(part, given)["loss"] for given in (fields, turned))
    demand(bool(one.isfinite()), "its value is not finite")
    demand(torch.allclose(one, two, rtol=1e-4, atol=1e-6), f"tuples in another order give {two:.6g}, not {one:.6g}")


def head_learns(subject: Subject) -> None:
    """Some steps bring it nearer to what can be read off the features."""
    head, given = subject.module(), subject.inputs(16, seed=3)
    own: Any = head
    if subject.reads:
        labels = task_labels(subject, head(**given))
        own.settle(given, labels)
    else:
        x_NF = given["features"]
        y_NO = x_NF @ torch.randn(FACTS["features"], FACTS["outputs"])
    optimizer = torch.optim.Adam(list(learns(head).values()), lr=1e-2)
    losses = []
    for _ in range(30):
        loss = own.loss(head(**given), labels) if subject.reads else F.mse_loss(head(x_NF), y_NO)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    first, last = sum(losses[:3]), sum(losses[-3:])
    demand(last < first, f"after 30 steps its error is {last / 3:.3g}, at first {first / 3:.3g}")


def task_labels(subject: Subject, predicted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Made-up labels of the frames that a task head has spoken of; what counts has class scores on axis 1."""
    labels = {}
    for name in subject.writes:
        if name.endswith("?"):
            continue
        field, told = subject.field(name), predicted[name]
        if field.unit == "index":
            shape = (len(told), 1, *told.shape[2:]) if told.ndim > 2 else (len(told),)
            labels[name] = torch.randint(told.shape[1], shape)
        elif field.axes.endswith("H W"):
            labels[name] = torch.rand(len(told), int(field.axes.split()[2]), *told.shape[-2:])
        else:
            labels[name] = of_unit(field.unit, told.shape)
    return labels


def task(subject: Subject) -> None:
    """A head with a task gives an error for each frame, with a unit, and guesses without looking."""
    if not subject.reads:
        raise SkippedError("it is a plain map from features to numbers")
    head: Any = subject.module(train=False)
    given = subject.inputs(TUPLES)
    labels = task_labels(subject, head(**given))
    head.settle(given, labels)
    loss = head.loss(head(**given), labels)
    demand(loss.shape == () and bool(loss.isfinite()), "its loss is no finite number")
    for what, said in (("what it says", head(**given)), ("its guess", head.guess(TUPLES))):
        found = head.errors(said, labels)
        wrong = [name for name, one in found.items() if tuple(one.shape) != (TUPLES,)]
        demand(not wrong, f"of {what} {', '.join(wrong)} is not one number for each frame")
        more = head.scores(said, labels) if hasattr(head, "scores") else {}
        missing = [name for name in (*found, *more) if name not in head.units]
        demand(not missing, f"{', '.join(missing)} has no unit")


CHECKS = (
    Check("boxes", "its boxes are finite and have an extent", ("detector",), boxes),
    Check("pastes_back", "crop and paste with its boxes are inverse inside the box", ("detector",), pastes_back),
    Check("keeps_range", "corrupted crops keep their shape and stay in [0, 1]", ("corruption",), keeps_range),
    Check("widths", "its latents are as wide as it states", ("encoder",), widths),
    Check("unmixed", "it never decodes with a latent of another tuple or subject", ("exchange",), unmixed),
    Check("targets", "its targets are positions of frames in the tuple", ("exchange",), targets),
    Check("decoded", "its crops have the crop's size, its masks lie in [0, 1]", ("decoder",), decoded),
    Check("order_free", "its value does not depend on the order of the tuples", ("loss",), order_free),
    Check("head_learns", "it learns to read off what the features hold", ("head",), head_learns),
    Check("task", "a task's errors are told frame by frame, with units", ("head",), task),
)
