"""The perceptron of the 2D pose loss.

Axes: B tuples, T frames of a tuple, V time-variant latent, J joints.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from ...core.fields import expect
from ...core.interfaces import Context
from ...networks.mlp import resnet_mlp
from .pose2d import Pose2DOptions, in_box, pose_term


class Pose2D(nn.Module):
    """Equation (13) with its regressor, which no other part shares."""

    def __init__(self, options: Pose2DOptions, context: Context) -> None:
        super().__init__()
        self.root = options.root
        self.regressor = resnet_mlp(
            context.facts["variant"],
            2 * context.facts["joints"],
            width=options.width,
            blocks=options.blocks,
            dropout=options.dropout,
        )

    def forward(self, *, variant: Tensor, pose_2d: Tensor, box: Tensor) -> Tensor:
        """From variant (B, T, V), pose_2d (B, T, J, 2) and box (B, T, 4), the mean over frames and joints.

        Raises:
            ShapeError: When sizes disagree.
        """
        expect(("variant", variant, "B T V"), ("pose_2d", pose_2d, "B T J 2"), ("box", box, "B T 4"))
        return pose_term(self._joints(variant), in_box(pose_2d, box, self.root))

    def predict(self, *, variant: Tensor, **_labels: Tensor) -> Mapping[str, Tensor]:
        """From variant (B, T, V), pose_2d_predicted (B, T, J, 2): relative to the root, in half sides of the box.

        Raises:
            ShapeError: When variant is no latent.
        """
        expect(("variant", variant, "B T V"))
        return {"pose_2d_predicted": self._joints(variant)}

    def _joints(self, variant_BTV: Tensor) -> Tensor:
        numbers: Tensor = self.regressor(variant_BTV.flatten(0, 1))
        return numbers.view(*variant_BTV.shape[:2], -1, 2)
