"""Options of the samplers of pairs, by what is drawn: any pairs, those of two cameras, those of two moments."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from ...core.interfaces import Options

Degrees = Annotated[float, Field(ge=0, le=180)]


class PairOptions(Options):
    """Options of every sampler of pairs."""

    manifest: str = ""
    """A file of pairs that `poserep data pairs` wrote: these are drawn, each as it stands there, and no others."""
    box_min_px: float = Field(default=0.0, ge=0)
    """Frames in which the longer side of the true box is shorter are never drawn, in pixels of the dataset's frames;
    64 is customary for crops of 224. It reads the label `true_box` of every frame once; 0 reads and drops none."""
    tested_on: tuple[str, ...] = ()
    """Names of subjects or takes of a downstream dataset's test split: their clips are never drawn, with a warning."""
    leakage: Literal["drop", "warn"] = "drop"
    """Clips that share a subject or take with the dataset's own test split are left out, or drawn; both with a warning
    that names them."""


class ViewOptions(Options):
    """Options of pairs of two cameras at one moment."""

    angle_min_deg: Degrees = 10.0
    """Least angle between the two viewing directions, where the dataset has the label `rotation`."""
    angle_max_deg: Degrees = 100.0
    """Greatest angle between the two viewing directions."""
    tolerance_ms: float = Field(default=20.0, ge=0)
    """Most that the two frames may be apart in time, in milliseconds, for cameras that do not fire at once. The loss's
    `moment_s` must not be shorter, or it takes such pairs for others."""

    @model_validator(mode="after")
    def _rising_angles(self) -> Self:
        if self.angle_max_deg < self.angle_min_deg:
            raise ValueError("angle_max_deg must not be less than angle_min_deg")
        return self


class PoseOptions(Options):
    """Options of pairs of one camera at two moments."""

    gap_min_s: float = Field(default=0.1, gt=0)
    """Least distance in time, in seconds; 0.05 suits hands."""
    gap_max_s: float = Field(default=2.0, gt=0)
    """Greatest distance in time, in seconds; 1.0 suits hands. The logarithm of the distance is drawn uniformly."""
    change_min: float = Field(default=0.02, ge=0, lt=1)
    """Pairs whose pictures differ by less are drawn again: mean absolute difference inside of the true boxes (without
    that label: in the most changed of 8 x 8 parts of the frame) as a share of the full range. 0 keeps all pairs."""
    tries: PositiveInt = 5
    """So often a pair is drawn at most; the last one is kept."""

    @model_validator(mode="after")
    def _rising_gaps(self) -> Self:
        if self.gap_max_s < self.gap_min_s:
            raise ValueError("gap_max_s must not be less than gap_min_s")
        return self
