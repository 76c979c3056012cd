"""Draws capsules as analytic impostors: a z-buffer, Lambert shading, a soft contact shadow, sensor noise.

No ray is solved for: the normal follows from a fragment's offset from the capsule's axis. Silhouettes are soft over
one pixel; a pixel belongs to the mask when its centre lies inside a silhouette.

Axes: T frames, K capsules, P pairs (frame, capsule), R rows, F fragments, H W pixels.
Coordinates: world mm, +z up; camera +x right, +y down, +z forward.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from ....media.camera import Camera
from .body import Capsules
from .raster import NEAR_MM, Fragments, View, fragments, nearest, project, ragged, window

PIXELS_AT_ONCE = 2**17  # keeps the buffers of one pass within a core's cache
SHADOW_FADE_MM = 260.0  # height above the ground at which a contact shadow has lost 63 %
SHADOW_REACH = 2.4  # standard deviations that are drawn


@dataclass(frozen=True)
class Light:
    """How a scene is lit and sensed.

    Attributes:
        towards: World direction to the lamp or sun, unit length.
        ambient: Brightness of a surface turned away from it; a surface facing it has 1.
        shadow: Darkness of the contact shadow, 0 for none.
        ground: Unit normal of the plane that receives the shadow, and its distance from the origin in mm.
        noise: Standard deviation of the sensor's noise in grey levels of 255.
    """

    towards: tuple[float, float, float] = (0.42, -0.32, 0.85)
    ambient: float = 0.5
    shadow: float = 0.6
    ground: tuple[tuple[float, float, float], float] = ((0.0, 0.0, 1.0), 0.0)
    noise: float = 0.0


def render(
    body: Capsules,
    cameras: Sequence[Camera],
    background: Tensor,
    light: Light,
    noise_seeds_T: Tensor | None = None,
    marks_K: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Draw a body, or several as one, into the background.

    Args:
        body: Capsules of T frames, world mm.
        cameras: One for each frame, all of one frame size.
        background: The empty scene, (3, H, W) or (T, 3, H, W) uint8 RGB.
        light: Lighting, shadow and noise.
        noise_seeds_T: int64 per frame; equal seed, equal noise, whatever else is drawn. None draws without noise.
        marks_K: What each capsule leaves in the mask where it is seen, uint8; 255 if not given.

    Returns:
        Frames (T, 3, H, W) uint8, and masks (T, H, W) uint8: the marks on the body, else 0.
    """
    device, count = body.ends_TK23.device, len(body.ends_TK23)
    height, width = background.shape[-2:]
    view = View.of(cameras, device)
    frames_T3HW = background.to(device).expand(count, 3, height, width).clone(memory_format=torch.contiguous_format)
    masks_THW = torch.zeros(count, height, width, dtype=torch.uint8, device=device)
    step = max(1, PIXELS_AT_ONCE // (height * width))
    if marks_K is None:
        marks_K = torch.full((len(body.radii_K2),), 255, dtype=torch.uint8, device=device)
    for start in range(0, count, step):
        part = slice(start, start + step)
        some = Capsules(body.ends_TK23[part], body.radii_K2, body.colours_K3)
        solid = _draw(some, view.frames(part), light, frames_T3HW[part])
        seen_F = marks_K.index_select(0, solid.pair % len(marks_K))
        masks_THW[part].view(-1).scatter_(0, solid.pixel, seen_F)
    if noise_seeds_T is not None and light.noise > 0:
        frames_T3HW = with_noise(frames_T3HW, light.noise, noise_seeds_T)
    return frames_T3HW, masks_THW


def _draw(body: Capsules, view: View, light: Light, frames_T3HW: Tensor) -> Fragments:
    """Draw shadow and body into a few frames, in place; what is seen of the body, whole pixels."""
    cast_shadow(body, view, light, frames_T3HW)
    height, width = frames_T3HW.shape[2:]
    pixels = len(frames_T3HW) * height * width
    shots = fragments(project(body, view), height, width)
    inside = shots.coverage >= 0.5
    solid, depth = nearest(shots, inside, pixels)
    edge, _ = nearest(shots, ~inside & (shots.depth < depth.index_select(0, shots.pixel)), pixels)
    alpha = torch.zeros_like(depth).scatter_reduce_(0, shots.pixel, shots.coverage, "amax")
    for index, whole in ((solid, True), (edge, False)):
        seen = shots.at(index)
        opacity = alpha.index_select(0, seen.pixel) if whole else seen.coverage
        _paint(frames_T3HW, seen.pixel, _shade(seen, body, view, light), opacity)
    return shots.at(solid)


def _shade(seen: Fragments, body: Capsules, view: View, light: Light) -> Tensor:
    """Colour of fragments, (3, F) in [0, 255]: Lambert's law, a little darker towards the silhouette."""
    towards = torch.tensor(light.towards, dtype=torch.float32, device=seen.depth.device)
    towards_T3 = view.rotation_T33 @ towards
    parts = len(body.colours_K3)
    x, y, z = (row.repeat_interleave(parts).index_select(0, seen.pair) for row in towards_T3.T)
    facing = seen.offset_x * x + seen.offset_y * y - seen.bulge * z
    lit = light.ambient + (1 - light.ambient) * (0.25 + 0.75 * facing).clamp(min=0)
    lit = 255 * lit * (0.82 + 0.18 * seen.bulge)
    capsule = seen.pair % parts
    return torch.stack([lit * channel.index_select(0, capsule) for channel in body.colours_K3.T])


def _paint(frames_T3HW: Tensor, pixel_F: Tensor, colour_3F: Tensor, opacity_F: Tensor) -> None:
    """Blend colours over distinct pixels, in place."""
    area = frames_T3HW.shape[2] * frames_T3HW.shape[3]
    flat = frames_T3HW.view(-1)
    at_F = pixel_F + torch.div(pixel_F, area, rounding_mode="floor") * (2 * area)
    for channel in range(3):
        below_F = flat.index_select(0, at_F).float()
        flat.scatter_(0, at_F, torch.lerp(below_F, colour_3F[channel], opacity_F).round_().clamp_(0, 255).byte())
        at_F = at_F + area


def cast_shadow(body: Capsules, view: View, light: Light, frames_T3HW: Tensor) -> None:
    """Darken the ground under what is near it: each capsule leaves a Gaussian blob below its middle, in place."""
    if light.shadow <= 0:
        return
    count, _, height, width = frames_T3HW.shape
    centre_P2, spread_P22, weight_P = _blobs(body, view, light)
    kept = (weight_P > 0.03).nonzero()[:, 0]
    centre_P2, spread_P22, weight_P = (v.index_select(0, kept) for v in (centre_P2, spread_P22, weight_P))
    frame_P = torch.div(kept, body.ends_TK23.shape[1], rounding_mode="floor")
    half_P2 = SHADOW_REACH * spread_P22.diagonal(dim1=1, dim2=2).sqrt()
    first_P, count_P = window(centre_P2[:, 1] - half_P2[:, 1], centre_P2[:, 1] + half_P2[:, 1], height)
    pair_R, row_R = ragged(first_P, count_P)
    left, columns = window(centre_P2[:, 0] - half_P2[:, 0], centre_P2[:, 0] + half_P2[:, 0], width)
    row_F, column_F = ragged(left.index_select(0, pair_R), columns.index_select(0, pair_R))
    pair_F = pair_R.index_select(0, row_F)
    inverse_P22 = torch.linalg.inv(spread_P22)
    a, b, c, x, y, weight = (
        v.index_select(0, pair_F)
        for v in (inverse_P22[:, 0, 0], inverse_P22[:, 0, 1], inverse_P22[:, 1, 1], *centre_P2.T, weight_P)
    )
    row_F = row_R.index_select(0, row_F)
    dx, dy = column_F + 0.5 - x, row_F + 0.5 - y
    dark_F = weight * torch.exp(-0.5 * (a * dx * dx + 2 * b * dx * dy + c * dy * dy))
    pixel_F = (frame_P.index_select(0, pair_F) * height + row_F) * width + column_F
    dark = torch.zeros(count * height * width, device=dark_F.device).scatter_add_(0, pixel_F, dark_F)
    at = (dark > 0).nonzero()[:, 0]
    opacity = light.shadow * (1 - torch.exp(-dark.index_select(0, at)))
    _paint(frames_T3HW, at, torch.zeros(3, len(at), device=at.device), opacity)


def _blobs(body: Capsules, view: View, light: Light) -> tuple[Tensor, Tensor, Tensor]:
    """Centre (P, 2) px, covariance (P, 2, 2) px^2 and weight (P,) of each capsule's blob on the ground."""
    normal = torch.tensor(light.ground[0], dtype=torch.float32, device=body.ends_TK23.device)
    middle_TK3 = body.ends_TK23.mean(2)
    height_TK = (middle_TK3 @ normal - light.ground[1]).clamp(min=0)
    below_TK3 = view.to_camera(middle_TK3 - height_TK[..., None] * normal)
    sigma_TK = 25 + 0.8 * body.radii_K2.mean(1) + 0.3 * height_TK
    # A disc on the ground with unit axes u, v is seen as the ellipse J (I - n n') J', J the projection's derivative.
    depth_TK = below_TK3[..., 2].clamp(min=NEAR_MM)
    focal_T12 = view.focal_T2[:, None]
    slope_TK2 = below_TK3[..., :2] / depth_TK[..., None]
    jacobian_TK23 = torch.cat(
        [torch.eye(2, device=depth_TK.device).expand(*depth_TK.shape, 2, 2), -slope_TK2[..., None]], -1
    )
    jacobian_TK23 = jacobian_TK23 * (focal_T12 / depth_TK[..., None])[..., None] * sigma_TK[..., None, None]
    across_T2 = (jacobian_TK23 @ (view.rotation_T33 @ normal)[:, None, :, None])[..., 0]
    spread = jacobian_TK23 @ jacobian_TK23.mT - across_T2[..., None] * across_T2[..., None, :]
    spread = spread + 0.1 * torch.eye(2, device=spread.device)
    seen = (below_TK3[..., 2] > NEAR_MM) & (body.radii_K2.amin(1) > 0)
    weight_TK = torch.exp(-height_TK / SHADOW_FADE_MM) * seen
    return view.to_pixels(below_TK3).flatten(0, 1), spread.flatten(0, 1), weight_TK.flatten()


def with_noise(frames_T3HW: Tensor, noise: float, seeds_T: Tensor) -> Tensor:
    """Add a seeded window of one large noise image to every frame."""
    height, width = frames_T3HW.shape[2:]
    windows = _noise(noise, height, width).to(frames_T3HW.device).unfold(1, height, 1).unfold(2, width, 1)
    mixed_T = (seeds_T.to(frames_T3HW.device) * 0x9E3779B1) % 2**31
    shift_y, shift_x = torch.div(mixed_T, 2**11, rounding_mode="floor") % height, mixed_T % width
    noise_T3HW = windows[:, shift_y, shift_x].transpose(0, 1)
    return frames_T3HW.short().add_(noise_T3HW).clamp_(0, 255).byte()


@lru_cache(maxsize=4)
def _noise(noise: float, height: int, width: int) -> Tensor:
    """White noise of twice the frame's sides, (3, 2H, 2W) int8."""
    generator = torch.Generator().manual_seed(0)
    return (torch.randn(3, 2 * height, 2 * width, generator=generator) * noise).round_().clamp_(-127, 127).char()


def box_of_mask(mask_THW: Tensor) -> Tensor:
    """Boxes (s_x, s_y, u_x, u_y) around masks, in [-1, 1] coordinates, (T, 4) float32; NaN where a mask is empty."""
    bounds = []
    for axis in (1, 2):
        on_TN = mask_THW.ne(0).any(dim=axis)
        size = on_TN.shape[1]
        first_T = on_TN.int().argmax(1)
        end_T = size - on_TN.flip(1).int().argmax(1)
        bounds.append(((end_T - first_T) / size, (end_T + first_T) / size - 1))
    (share_x, centre_x), (share_y, centre_y) = bounds
    box_T4 = torch.stack([share_x, share_y, centre_x, centre_y], dim=1)
    return box_T4.masked_fill(~mask_THW.ne(0).flatten(1).any(1, keepdim=True), torch.nan)
