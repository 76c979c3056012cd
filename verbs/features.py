"""What a probe sees of a frame: latents, and 2D joints beside them, side by side as one row of numbers.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, section 4.5: 2D joints concatenated to the latent, either given or
as the pretraining's own regressor reads them off the latent. Differs from the paper, which does not tell their
coordinates: given joints are relative to the root, in half sides of the network's box, as `loss.pose2d` learns them.

Axes: N frames, F features, J joints, V time-variant latent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.batches import Source
from ..core.compose import Composition
from ..core.errors import ConfigError, DivergedError
from ..core.interfaces import Draw
from ..core.pipeline import Model
from ..core.probe import collect
from .joints import Layout
from .pool import Pool

GIVEN = "pose_2d"


@dataclass(frozen=True, slots=True)
class Features:
    """Features (N, F) of the labelled training frames and of the test frames.

    Boxes (N, 4) where poses are 2D, and features of the mirror images where the probe asks for them.
    """

    train: Tensor
    test: Tensor
    box_train: Tensor | None = None
    box_test: Tensor | None = None
    mirror_train: Tensor | None = None
    mirror_test: Tensor | None = None

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Those that there are, by name."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}


def needed(composition: Composition) -> tuple[str, ...]:
    """Fields of the pipeline that the probe's features are made of, and the box where they depend on it."""
    probe = composition.experiment.probe
    losses = [wire for wire in composition.wires if wire.role.startswith("losses.")]
    told = {name for wire in losses for name in wire.writes}
    stages = {name for wire in composition.wires if wire not in losses for name in wire.writes} - composition.labels
    names = [name for name in probe.fields if name not in told]
    if told & set(probe.fields):
        names += [name for wire in losses if wire.writes for name in wire.reads if name in stages]
    if GIVEN in probe.fields or probe.target == GIVEN:
        names.append("box")
    return tuple(dict.fromkeys(names))


@torch.no_grad()
def rows_of(model: Model, fields: Sequence[str], found: Mapping[str, Tensor], layout: Layout | None) -> Tensor:
    """One row of features of each frame, (N, F).

    Args:
        model: Whose losses read off what no stage gives.
        fields: As the probe names them.
        found: Fields of the pipeline, see `needed`, (N, ...).
        layout: Which of the given 2D joints count.

    Raises:
        ConfigError: If the model does not give all of it.
        DivergedError: If a latent is not finite. A given joint that is not known is NaN.
    """
    record = dict(found)
    if not set(fields) <= set(found):
        training, device = model.training, next(model.parameters(), torch.zeros(())).device
        told = model.eval().predict({name: value[:, None].to(device) for name, value in found.items()})
        model.train(training)
        record |= {name: value[:, 0].cpu() for name, value in told.items()}
    if missing := [name for name in fields if name not in record]:
        what = f"the probe reads {', '.join(missing)}, which nothing in this run gives"
        raise ConfigError(what, where="probe.fields", hint="a loss `pose2d` gives pose_2d_predicted")
    parts = []
    for name in fields:
        value = record[name]
        if name == GIVEN and layout is not None:
            value = layout.centred_2d(value) / found["box"][:, None, :2]
        elif not value.isfinite().all():
            raise DivergedError(f"the {name!r} of some frames is not finite", hint="train anew at a lower rate")
        parts.append(value.flatten(1))
    return torch.cat(parts, dim=1)


def features(model: Model, composition: Composition, source: Source, pool: Pool) -> Features:
    """What the probe reads, of all frames of the pool."""
    probe = composition.experiment.probe

    def read(draw: Draw, mirror: bool = False) -> tuple[Tensor, Tensor | None]:
        found = collect(model.pipeline, source, draw, needed(composition), mirror=mirror)
        box = found["box"] if probe.target == GIVEN else None
        return rows_of(model, probe.fields, found, pool.layout), box

    (train, box_train), (test, box_test) = read(pool.train), read(pool.test)
    mirrors = [read(draw, mirror=True)[0] for draw in (pool.train, pool.test)] if probe.mirror else []
    return Features(train, test, box_train, box_test, *mirrors)
