"""The stage that exchanges time-variant latents between cameras and time-invariant ones between moments.

Axes: B tuples, T frames of a tuple, K redrawn frames, V and I latents, P = V / 3 points.
Coordinates: points as camera coordinates, +x right, +y down, +z forward; rotations are world to camera.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ...core.errors import ConfigError
from ...core.fields import expect
from ...core.interfaces import Roles
from ...core.ranks import uniform_rows
from ...core.select import select
from .choose import choose
from .rotate_view import ROLES, RotateViewOptions


def relative_rotation(source: Tensor, target: Tensor) -> Tensor:
    """``R_target R_source^T``, which turns source camera coordinates into the target's, (..., 3, 3) each."""
    # Products and sums, not a matrix product: that would be rounded to bfloat16 in mixed precision.
    return (target[..., :, None, :] * source[..., None, :, :]).sum(dim=-1)


def turn_points(latent: Tensor, rotation: Tensor) -> Tensor:
    """Latents (..., V) as points x1 y1 z1 x2 y2 z2 ..., each turned by the rotation (..., 3, 3): ``L R^T``."""
    points: Tensor = latent.unflatten(-1, (-1, 3))
    return (points[..., :, None, :] * rotation[..., None, :, :]).sum(dim=-1).flatten(-2)


def sources(roles: Roles, like: Tensor, other_view: float) -> tuple[Tensor, Tensor]:
    """Where each frame's two latents come from, as positions in its tuple, (B, T) each.

    The time-variant one: from the moment's other camera with the given probability, else from the frame itself. The
    time-invariant one: from the other moment, from either camera with equal probability.

    Raises:
        ConfigError: When tuples are not two cameras at two moments.
    """
    if set(roles.names) != set(ROLES):
        raise ConfigError(
            f"the exchange rotate_view needs frames in the roles {', '.join(ROLES)}; the sampler draws "
            f"{', '.join(roles.names)}",
            where="sampler",
            hint="use the sampler two_view_two_time",
        )
    moments = [[roles.index(f"{moment}_{camera}") for camera in (1, 2)] for moment in ("now", "then")]
    own_T = torch.arange(len(ROLES), device=like.device)
    camera_T, moment_T, later_T = own_T.clone(), own_T.clone(), own_T.clone()
    for number, (one, two) in enumerate(moments):
        camera_T[one], camera_T[two] = two, one
        later_T[one], later_T[two] = moments[1 - number]
        moment_T[one] = moment_T[two] = number
    chance_B22 = uniform_rows(len(like), 2, 2, like=like)
    seen, worn = chance_B22[:, 0, moment_T] < other_view, chance_B22[:, 1, moment_T] < 1 / 2
    return torch.where(seen, camera_T, own_T), torch.where(worn, camera_T[later_T], later_T)


class RotateView(nn.Module):
    """Redraws frames from another view and with another moment's appearance while training."""

    def __init__(self, options: RotateViewOptions) -> None:
        super().__init__()
        self.redraw = options.redraw
        self.other_view = options.other_view

    def forward(self, *, variant: Tensor, invariant: Tensor, rotation: Tensor, roles: Roles) -> Mapping[str, Tensor]:
        """From variant (B, T, V), invariant (B, T, I) and rotation (B, T, 3, 3), world to camera.

        Returns:
            decode_variant (B, K, V), decode_invariant (B, K, I) and target (B, K).

        Raises:
            ConfigError: When tuples are not two cameras at two moments, while training.
            ShapeError: When the three disagree in B or T.
        """
        expect(("variant", variant, "B T V"), ("invariant", invariant, "B T I"), ("rotation", rotation, "B T 3 3"))
        target = choose(variant, self.redraw if self.training else 0)
        if not self.training:
            return {"decode_variant": variant, "decode_invariant": invariant, "target": target}
        pose_from, look_from = (select(one, target) for one in sources(roles, variant, self.other_view))
        turn = relative_rotation(select(rotation, pose_from), select(rotation, target))
        return {
            "decode_variant": turn_points(select(variant, pose_from), turn),
            "decode_invariant": select(invariant, look_from),
            "target": target,
        }
