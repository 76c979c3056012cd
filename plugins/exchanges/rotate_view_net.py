"""The stage that exchanges time-variant latents between cameras and time-invariant ones between moments.

Axes: B tuples, T frames of a tuple, K redrawn frames, S subjects, N = T S and M = K S boxes, V and I latents,
P = V / 3 points.
Coordinates: points as camera coordinates, +x right, +y down, +z forward; rotations are world to camera.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.errors import ConfigError, ShapeError
from ...core.fields import expect
from ...core.interfaces import Roles
from ...core.ranks import uniform_rows
from ...core.select import boxes_of, select
from .choose import choose
from .rotate_view import ROLES, RotateViewOptions

LOOKS = 16  # numbers of the time-invariant latent by which subjects are matched


def relative_rotation(source: Tensor, target: Tensor) -> Tensor:
    """``R_target R_source^T``, which turns source camera coordinates into the target's, (..., 3, 3) each."""
    # Products and sums, not a matrix product: that would be rounded to bfloat16 in mixed precision.
    return (target[..., :, None, :] * source[..., None, :, :]).sum(dim=-1)


def turn_points(latent: Tensor, rotation: Tensor) -> Tensor:
    """Latents (..., V) as points x1 y1 z1 x2 y2 z2 ..., each turned by the rotation (..., 3, 3): ``L R^T``."""
    points: Tensor = latent.unflatten(-1, (-1, 3))
    return (points[..., :, None, :] * rotation[..., None, :, :]).sum(dim=-1).flatten(-2)


def match_crops(here: Tensor, there: Tensor, sharpness: float, hard: bool) -> Tensor:
    """Which of another view's subjects each of this view's is, by the cosines of their looks.

    Args:
        here: Time-invariant latents (..., S, I) of this view; the first 16 numbers count.
        there: Those of the other view, (..., S, I).
        sharpness: Of the softmax over the other view's subjects.
        hard: Take the one that fits best, without gradient.

    Returns:
        (..., S, S): row j has the shares of the other view's subjects in j, and sums to 1.

    Raises:
        ShapeError: When the two views have different shapes.
    """
    if here.shape != there.shape:
        raise ShapeError(
            f"views of equally many subjects are matched: got {tuple(here.shape)} and {tuple(there.shape)}"
        )
    one, other = (F.normalize(look[..., :LOOKS].float(), dim=-1) for look in (here, there))
    cosine = (one[..., :, None, :] * other[..., None, :, :]).sum(dim=-1)
    if hard:
        return F.one_hot(cosine.argmax(dim=-1), cosine.shape[-1]).to(cosine)
    return (sharpness * cosine).softmax(dim=-1)


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
        self.refuses = options.others == "refuse"
        self.other_view = options.other_view
        self.sharpness = options.sharpness

    def forward(
        self, *, variant: Tensor, invariant: Tensor, rotation: Tensor, roles: Roles, depth: Tensor | None = None
    ) -> Mapping[str, Tensor]:
        """From variant (B, N, V), invariant (B, N, I), rotation (B, T, 3, 3), world to camera, and depth (B, N).

        There is a depth where there are several subjects; only how many it orders counts here.

        Returns:
            decode_variant (B, M, V), decode_invariant (B, M, I) and target (B, K); of several subjects also
            mix (B, K, S, S).

        Raises:
            ConfigError: When tuples are not two cameras at two moments, while training.
            ShapeError: When they disagree in B, T or N.
        """
        subjects = self._subjects(variant, invariant, rotation, depth)
        target = choose(rotation, self.redraw if self.training else 0)
        pose_from = look_from = target
        written = {"decode_variant": variant, "decode_invariant": invariant, "target": target}
        if self.training and (self.refuses or set(roles.names) == set(ROLES)):
            pose_from, look_from = (select(one, target) for one in sources(roles, variant, self.other_view))
            look_from = look_from if subjects == 1 else pose_from
            turn = relative_rotation(select(rotation, pose_from), select(rotation, target))
            pose = select(variant, boxes_of(pose_from, subjects))
            written["decode_variant"] = turn_points(pose, turn.repeat_interleave(subjects, dim=1))
            written["decode_invariant"] = select(invariant, boxes_of(look_from, subjects))
        if depth is not None:
            written["mix"] = self._mix(invariant, target, pose_from, subjects)
        return written

    def matches(self, here: Tensor, there: Tensor) -> Tensor:
        """`match_crops` as this stage does it: softly while training, one to one in evaluation."""
        return match_crops(here, there, self.sharpness, hard=not self.training)

    def _mix(self, invariant: Tensor, target: Tensor, source: Tensor, subjects: int) -> Tensor:
        """What each box of the targets takes from the crops of the sources, (B, K, S, S); its own of its own frame."""
        here, there = (select(invariant, boxes_of(one, subjects)) for one in (target, source))
        mix = self.matches(here.unflatten(1, (-1, subjects)), there.unflatten(1, (-1, subjects)))
        return torch.where((target == source)[..., None, None], torch.eye(subjects).to(mix), mix)

    @staticmethod
    def _subjects(variant: Tensor, invariant: Tensor, rotation: Tensor, depth: Tensor | None) -> int:
        """How many there are in each frame."""
        if depth is None:
            expect(("variant", variant, "B T V"), ("invariant", invariant, "B T I"), ("rotation", rotation, "B T 3 3"))
            return 1
        expect(("variant", variant, "B N V"), ("invariant", invariant, "B N I"), ("depth", depth, "B N"))
        expect(("depth", depth, "B N"), ("rotation", rotation, "B T 3 3"))
        return depth.shape[1] // rotation.shape[1]

    def seen_from(self, variant: Tensor, rotation: Tensor, other: Tensor) -> Tensor:
        """Time-variant latents (..., V) as another camera has them, from both cameras' rotations (..., 3, 3)."""
        return turn_points(variant, relative_rotation(rotation, other))
