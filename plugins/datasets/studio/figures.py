"""The studio's people and hands as a body model: built once, fitted to each person, drawn, and told.

Axes: N frames, T frames of a clip, P vertices, H W pixels, 3 = x y z.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ....core.interfaces import Array, BodyModel, Context
from ....media.camera import Camera
from .body import Subject, capsules
from .charts import chart_of
from .dress import dress
from .mesh import Shot, render_mesh
from .posing import bone_lengths, follow, shape_of
from .render import Light

if TYPE_CHECKING:
    from .options import StudioOptions
    from .takes import Take


class Figures:
    """One body model for all people of a studio.

    Args:
        body: The model.

    Attributes:
        body: The model.
        chart: Its parts.
    """

    def __init__(self, body: BodyModel) -> None:
        self.body = body
        self.chart = chart_of(body)

    def fitted(self, subject: Subject) -> Subject:
        """A person with the bones of the body model in the person's own shape, so that motions fit it.

        Raises:
            ConfigError: The model is none of a body.
        """
        return replace(subject, bone_lengths_mm=bone_lengths(self.body, shape_of(self.body, subject.name)))

    def dressed(self, take: Take) -> Take:
        """A take whose truth is the body model's own."""
        joints_TJ3 = torch.from_numpy(take.joints_TJ3)
        posed = follow(self.body, shape_of(self.body, take.subject.name), joints_TJ3)
        own = self.body.pose(*posed.at(self.body, torch.arange(len(joints_TJ3)))).numpy()
        return replace(take, joints_TJ3=own, posed=posed)

    def draw(self, take: Take, cameras: Sequence[Camera], background: Tensor, light: Light, seeds_T: Tensor) -> Array:
        """All channels of a take, (T, 7, H, W) uint8, see `mesh.render_mesh`."""
        vertices_TP3, _ = self._posed(take, np.arange(len(cameras)))
        casts = None
        if take.gesture_T is None:
            casts = capsules(torch.from_numpy(take.joints_TJ3), take.subject)
        look = dress(self.body, self.chart, take.subject)
        drawn: Array = render_mesh(
            Shot(self.body, vertices_TP3, look, casts), cameras, background, light, seeds_T
        ).numpy()
        return drawn

    def labels(
        self, name: str, take: Take, cameras: Sequence[Camera], indices: Array, kept_N7HW: Array | None
    ) -> Array:
        """``vertices``, ``part_map``, ``uv_map`` or ``gesture`` of some frames, with the vocabulary's axes.

        Vertices are in the camera of each frame, relative to the root joint; maps come from what was kept of drawing.
        """
        if name == "gesture" and take.gesture_T is not None:
            return np.asarray(take.gesture_T[indices])
        if kept_N7HW is not None:
            if name == "part_map":
                return kept_N7HW[:, 4:5].astype(np.int64)
            return np.asarray(kept_N7HW[:, 5:7], np.float32) / 255
        vertices_NP3, roots_N3 = self._posed(take, indices)
        pairs = zip(cameras, vertices_NP3.numpy(), roots_N3.numpy(), strict=True)
        told = [(points - root_3) @ camera.rotation_33.T for camera, points, root_3 in pairs]
        return np.stack(told).astype(np.float32)

    def _posed(self, take: Take, indices: Array) -> tuple[Tensor, Tensor]:
        """Vertices (N, P, 3) and roots (N, 3) of some frames, world mm."""
        if take.posed is None:
            raise TypeError(f"{take.clip.name} is not posed")
        vertices, joints = take.posed.at(self.body, torch.as_tensor(indices))
        return vertices, self.body.pose(vertices, joints)[:, 0]


def open_figures(options: StudioOptions, context: Context) -> Figures:
    """The body model that a studio's options name.

    Raises:
        ConfigError: There is none of that name, or its options are wrong.
        PoserepError: It cannot be built.
    """
    name, own = options.body, options.body_options
    if name == "impostors":  # which hands are not
        name, own = "capsule", {"of": "hand"}
    return Figures(context.open_body(name, own, "dataset.body"))
