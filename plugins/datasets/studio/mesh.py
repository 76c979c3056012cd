"""Draws body models: a z-buffer of triangles, three samples across a pixel, the light and shadow of the capsules.

What a pixel's centre shows decides mask, part and place on the part; its colour is the mean of nine samples.

Axes: T frames, V vertices, P fragments, H W pixels. Coordinates: world mm, +z up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ....core.interfaces import BodyModel
from ....media.camera import Camera
from .body import Capsules
from .dress import Dress
from .raster import View
from .render import Light, cast_shadow, with_noise
from .triangles import Shown, normals, shown

ACROSS = 3  # samples; odd, so that one lies at the pixel's centre
SAMPLES_AT_ONCE, FACES_AT_ONCE = 2**18, 2**17
CHANNELS = 7  # R G B, mask, part, round it, along it


@dataclass(frozen=True)
class Shot:
    """What is to be drawn.

    Attributes:
        body: Whose mesh it is.
        vertices_TV3: World mm.
        look: Its colours and parts.
        shadows: What casts the contact shadow, if anything does.
    """

    body: BodyModel
    vertices_TV3: Tensor
    look: Dress
    shadows: Capsules | None = None


def render_mesh(
    shot: Shot, cameras: Sequence[Camera], background: Tensor, light: Light, noise_seeds_T: Tensor
) -> Tensor:
    """Draw a body model into the background.

    Args:
        shot: The mesh through a clip.
        cameras: One for each frame, all of one frame size.
        background: The empty scene, (3, H, W) or (T, 3, H, W) uint8 RGB.
        light: Lighting, shadow and noise.
        noise_seeds_T: int64 per frame; equal seed, equal noise.

    Returns:
        (T, 7, H, W) uint8: RGB; the mask, 255 on the body; the part, counted from 1, 0 beside the body; and where on
        the part, 255 for 1.
    """
    body, vertices_TV3, look, shadows = shot.body, shot.vertices_TV3, shot.look, shot.shadows
    count, (height, width) = len(vertices_TV3), background.shape[-2:]
    view = View.of(cameras, vertices_TV3.device)
    out = torch.zeros(count, CHANNELS, height, width, dtype=torch.uint8)
    out[:, :3] = background
    step = max(1, min(SAMPLES_AT_ONCE // (height * width * ACROSS**2), FACES_AT_ONCE // len(body.faces)))
    for start in range(0, count, step):
        part = slice(start, start + step)
        frames_T3HW = out[part, :3].contiguous()
        if shadows is not None:
            some = Capsules(shadows.ends_TK23[part], shadows.radii_K2, shadows.colours_K3)
            cast_shadow(some, view.frames(part), light, frames_T3HW)
        out[part] = _draw(body, vertices_TV3[part], look, view.frames(part), light, frames_T3HW)
    if light.noise > 0:
        out[:, :3] = with_noise(out[:, :3].contiguous(), light.noise, noise_seeds_T)
    return out


def _draw(body: BodyModel, vertices_TV3: Tensor, look: Dress, view: View, light: Light, frames_T3HW: Tensor) -> Tensor:
    """A few frames with all their channels."""
    count, _, height, width = frames_T3HW.shape
    camera_TV3 = view.to_camera(vertices_TV3)
    faces_F3 = body.faces
    size = (height * ACROSS, width * ACROSS)
    seen = shown(view.to_pixels(camera_TV3) * ACROSS, camera_TV3[..., 2], faces_F3, *size)
    corners_P3 = faces_F3[seen.face]

    def between(values_VC: Tensor) -> Tensor:
        """What vertices have, at the fragments."""
        return (values_VC[corners_P3] * seen.share[..., None]).sum(dim=1)

    rest_P3, part_P = between(body.template), look.chart.part(between(look.chart.weights_VG))
    uv_P2 = look.chart.uv(rest_P3, part_P)
    lit_P = _lit(seen, corners_P3, camera_TV3, faces_F3, view, light)
    colour_P3 = (255 * lit_P[:, None] * look.colours(rest_P3, part_P)).clamp(0, 255)

    fine = frames_T3HW.float().repeat_interleave(ACROSS, 2).repeat_interleave(ACROSS, 3)
    flat_3X = fine.permute(1, 0, 2, 3).reshape(3, -1)
    flat_3X[:, seen.pixel] = colour_P3.T
    rgb = flat_3X.reshape(3, count, height, ACROSS, width, ACROSS).mean(dim=(3, 5)).round().byte()
    labels_4X = torch.zeros(4, flat_3X.shape[1], dtype=torch.uint8)
    told = torch.cat((torch.full_like(uv_P2[:, :1], 255), part_P[:, None] + 1.0, (255 * uv_P2).round()), dim=1)
    labels_4X[:, seen.pixel] = told.T.byte()
    middle = ACROSS // 2
    labels = labels_4X.reshape(4, count, *size)[:, :, middle::ACROSS, middle::ACROSS]
    return torch.cat((rgb, labels)).transpose(0, 1)


def _lit(seen: Shown, corners_P3: Tensor, camera_TV3: Tensor, faces_F3: Tensor, view: View, light: Light) -> Tensor:
    """Brightness of fragments, (P,): Lambert's law, darker towards the silhouette, so that fingers stand apart."""
    normal_TV3 = normals(camera_TV3, faces_F3)
    at = seen.frame[:, None]
    normal_P3 = normalize((normal_TV3[at, corners_P3] * seen.share[..., None]).sum(dim=1), dim=-1)
    place_P3 = (camera_TV3[at, corners_P3] * seen.share[..., None]).sum(dim=1)
    bulge_P = -(normal_P3 * normalize(place_P3, dim=-1)).sum(dim=1)
    normal_P3, bulge_P = normal_P3 * bulge_P.sign()[:, None], bulge_P.abs()
    towards_T3 = view.rotation_T33 @ torch.tensor(light.towards, dtype=torch.float32)
    facing_P = (normal_P3 * towards_T3[seen.frame]).sum(dim=1)
    return (light.ambient + (1 - light.ambient) * (0.25 + 0.75 * facing_P).clamp(min=0)) * (0.68 + 0.32 * bulge_P)
