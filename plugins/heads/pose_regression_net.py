"""The network of `head.pose_regression`.

Axes: N frames, J joints, 3 = x y z, mm.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional as F

from ...core.interfaces import Context
from ...core.probe import METRICS, frame_errors
from .pose_regression import PoseRegressionOptions
from .reading_net import Reading, Standardised, perceptron


class PoseRegression(nn.Module):
    """Features to poses, learnt standardised."""

    units: Mapping[str, str] = dict.fromkeys(METRICS, "mm")

    def __init__(self, options: PoseRegressionOptions, context: Context) -> None:
        super().__init__()
        self.joints = context.facts["joints"]
        queries = self.joints if options.sees == "tokens" else 1
        self.reading = Reading(options.sees, context, queries)
        outputs = 3 * self.joints // queries
        self.out = perceptron(self.reading.width, options.hidden, outputs, options.dropout)
        self.poses = Standardised(self.joints, 3)

    def settle(self, features: Mapping[str, Tensor], labels: Mapping[str, Tensor]) -> None:
        """Take over mean and deviation of labelled frames."""
        self.reading.settle(features)
        self.poses.settle(labels["pose"])

    def forward(self, **features: Tensor) -> dict[str, Tensor]:
        """Poses (N, J, 3)."""
        told = self.out(self.reading(features)).reshape(-1, self.joints, 3)
        return {"pose": self.poses.undo(told)}

    def guess(self, count: int) -> dict[str, Tensor]:
        """The mean pose."""
        return {"pose": self.poses.mean_F.expand(count, -1, -1)}

    def loss(self, predicted: Mapping[str, Tensor], labels: Mapping[str, Tensor]) -> Tensor:
        """Mean squared distance of standardised poses."""
        return F.mse_loss(self.poses(predicted["pose"]), self.poses(labels["pose"]))

    def errors(self, predicted: Mapping[str, Tensor], labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The probe's metrics of each frame."""
        return frame_errors(predicted["pose"], labels["pose"])
