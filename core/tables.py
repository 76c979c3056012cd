"""The tables of a recipe, as typed and strict models; `core.config` reads them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from .interfaces import Options


class Part(BaseModel):
    """``{ use = "stn", min_size = 0.3 }``: a component's name and, beside it, its options."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)
    use: str

    @property
    def options(self) -> dict[str, Any]:
        """What stands beside ``use``, not yet checked."""
        return dict(self.model_extra or {})


class LossPart(Part):
    """A loss and its weight in the total; the weight belongs to the role and survives ``--use``."""

    weight: float = Field(default=1.0, allow_inf_nan=False)


class Phase(Options):
    """A stretch of training with its own length and, if it differs, its own sampler and losses."""

    steps: PositiveInt
    """Optimiser steps of this phase."""
    sampler: Part | None = None
    """Sampler of this phase; the recipe's if not given."""
    losses: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Roles of the losses that count in this phase; all if not given."""


class Training(Options):
    """How long and how fast to train."""

    steps: int = Field(default=1000, ge=0)
    """Optimiser steps, where the recipe has no phases; with 0 it is left as it starts, phases or not."""
    batch: PositiveInt = 8
    """Tuples per step, over all processes."""
    learning_rate: PositiveFloat = 1e-4
    """Adam's rate at full height."""
    warmup_steps: int = Field(default=0, ge=0)
    """Steps over which the rate rises from zero."""
    decay: float = Field(default=0.0, ge=0, le=1)
    """Share of all steps, at the end, over which the rate falls to zero."""
    fall: Literal["linear", "cosine"] = "linear"
    """How it falls: in a line, or as half a wave."""
    clip: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Largest norm of the gradient, longer ones are shortened to it; 0 leaves them as they are."""
    beta_2: float = Field(default=0.999, ge=0, lt=1)
    """Adam's memory of squared gradients."""
    weight_decay: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Decoupled decay (AdamW) of all weights with more than one axis."""
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    """Lightning Fabric's name for the arithmetic."""
    seed: int = Field(default=0, ge=0)
    """Seed of weights, draws and noise."""
    checkpoint_every: PositiveInt = 500
    """Steps between checkpoints."""
    log_every: PositiveInt = 10
    """Steps between records of the losses."""

    @model_serializer(mode="wrap")
    def _terse(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without later keys at their defaults, see `Probe`."""
        later = {"fall": "linear", "beta_2": 0.999, "weight_decay": 0.0}
        return {key: value for key, value in handler(self).items() if value != later.get(key, ...)}


PoseMetric = Literal["N-MPJPE", "MPJPE", "P-MPJPE"]


class Probe(Options):
    """How pose is read off the frozen features."""

    dataset: Part | None = None
    """Data that poses are read off, where it is not the data that the network learnt from."""
    test_dataset: Part | None = None
    """Data whose test frames are measured, where it is not the data of the labels."""
    protocol: str = ""
    """Name of the card that these settings are of, see `poserep protocols list`; empty if of none."""
    target: Literal["pose", "pose_2d"] = "pose"
    """What is read off: 3D joints in mm, or 2D joints in the frame."""
    joints: str | tuple[str, ...] = "all"
    """Joints that are read off: `all`, a named set as `body_13`, or their names."""
    root: str = "root"
    """Joint that poses are relative to, or `mid_hip`; `root` is the dataset's own."""
    metrics: Annotated[tuple[PoseMetric, ...], Field(min_length=1)] = get_args(PoseMetric)
    """How 3D poses are aligned before their error is taken: by scale, not at all, by scale and rotation."""
    head: Part = Part(use="mlp")
    """The regressor from features to joints."""
    fields: tuple[str, ...] = ("variant",)
    """Latents that it sees, and 2D joints: `pose_2d` from the labels, `pose_2d_predicted` from a loss's network."""
    labels: tuple[Annotated[int, Field(ge=0)], ...] = (100, 500, 0)
    """Numbers of labelled frames; 0 stands for all of the pool."""
    stride: PositiveInt = 1
    """Every K-th labelled training frame is in the pool of labels."""
    test_stride: PositiveInt = 1
    """Every K-th frame of the held-out clips is tested."""
    steps: PositiveInt = 1000
    """Optimiser steps of the regressor."""
    batch: PositiveInt = 128
    """Frames per step."""
    learning_rate: PositiveFloat = 1e-3
    """Adam's rate at the first step."""
    schedule: Literal["linear", "constant"] = "linear"
    """Whether the rate falls to zero over the steps or stays."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Decoupled weight decay."""
    mirror: bool = False
    """Show the regressor each labelled frame's mirror image, too, and take the mean of what it reads off a test frame
    and off its mirror image. For 3D poses."""

    @model_serializer(mode="wrap")
    def _terse(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without later keys at their defaults: run folders and stages that do not know them keep their names."""
        later = ("dataset", "test_dataset", "protocol", "target", "joints", "root", "metrics", "schedule", "mirror")
        return {k: v for k, v in handler(self).items() if k not in later or getattr(self, k) != LATER[k]}


LATER = {name: field.default for name, field in Probe.model_fields.items()}


class FineTune(Options):
    """How the whole network is trained on labelled frames. Frames, joints and metrics are those of the probe."""

    head: Part | None = None
    """What is learnt: a head with a task of its own, or a regressor of poses; the probe's if not given."""
    weights: Annotated[tuple[str, ...], Field(min_length=1)] = ("trained",)
    """Where it starts: `trained`, with the run's weights; `random`, from scratch; or what the encoder's own `weights`
    may be, as a timm name or a file, all else being as the run started."""
    labels: tuple[Annotated[int, Field(ge=0)], ...] = ()
    """Numbers of labelled frames, 0 for all of the pool; those of the probe if empty."""
    second: Literal["none", "view", "copy"] = "none"
    """A second image, through the encoder and the decoder: another camera's view of the moment, or the frame itself."""
    steps: PositiveInt = 1000
    """Optimiser steps at each number of labels."""
    batch: PositiveInt = 64
    """Frames per step."""
    learning_rate: PositiveFloat = 1e-4
    """AdamW's rate for the head, at full height."""
    backbone_rate: PositiveFloat = 5e-5
    """The same for the last block of the backbone."""
    layer_decay: float = Field(default=0.75, gt=0, le=1)
    """By which the rate falls from each block of the backbone to the one before it."""
    warmup: float = Field(default=0.05, ge=0, lt=1)
    """Share of the steps over which rates rise from zero; then they fall to zero along a cosine."""
    weight_decay: float = Field(default=0.05, ge=0)
    """Decoupled weight decay, of all but biases and norms."""
    frozen: bool = False
    """Train the head alone, the network staying as it starts."""
    mirror: bool = False
    """Mirror half of the labelled frames. For poses, gestures, and parts that the dataset names."""
    colour: float = Field(default=0.0, ge=0, lt=1)
    """Most by which brightness, contrast and saturation of a frame are changed, as a share of themselves."""


class Published(Options):
    """A row of a published table, told beside ours: what was measured there, never what is measured here."""

    table: str
    """Its number, as "I", or where else it stands, as "Ski"."""
    row: str
    """Its name there."""
    dataset: str
    """The dataset that it was measured on, by the name of its reader; of other data only the order can be compared."""
    labels: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]
    """Numbers of labelled frames of the columns; 0 stands for all."""
    printed: Literal["mm", "cm"] = "mm"
    """Unit in which the paper prints; the values are mm."""
    values: Annotated[dict[PoseMetric, tuple[PositiveFloat, ...]], Field(min_length=1)]
    """Errors in mm by metric, one for each number of labels."""

    @model_validator(mode="after")
    def _as_many(self) -> Published:
        if wrong := [name for name, values in self.values.items() if len(values) != len(self.labels)]:
            raise ValueError(f"{wrong[0]} has {len(self.values[wrong[0]])} values for {len(self.labels)} labels")
        return self
