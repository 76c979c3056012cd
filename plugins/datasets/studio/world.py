"""The empty set of a scene: flat textured pieces, looked at along rays.

Every piece is a parallelogram with a procedural texture; some have holes (foliage, fences).
A camera's background is painted once, so this favours brevity over speed.

Axes: N points or rays, H W pixels, 3 = x y z or R G B.
Coordinates: world mm, +z up; texture coordinates (u, v) in mm along a piece's two edges.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ....media.camera import Camera

Array: TypeAlias = NDArray[np.float64]
Texture: TypeAlias = Callable[[Array, Array, Array], tuple[Array, Array | None]]
Sky: TypeAlias = Callable[[Array], Array]
Colour: TypeAlias = tuple[float, float, float]


@dataclass(frozen=True)
class Piece:
    """A parallelogram: a corner, two edges (world mm), its texture and how bright it lies in the light."""

    corner_3: Array
    edge_u_3: Array
    edge_v_3: Array
    texture: Texture
    brightness: float = 1.0


def piece(corner: ArrayLike, edge_u: ArrayLike, edge_v: ArrayLike, texture: Texture, brightness: float = 1.0) -> Piece:
    """A piece from plain numbers."""
    u_3, v_3 = np.asarray(edge_u, np.float64), np.asarray(edge_v, np.float64)
    return Piece(np.asarray(corner, np.float64), u_3, v_3, texture, brightness)


def box(low: ArrayLike, high: ArrayLike, texture: Texture) -> list[Piece]:
    """The five visible sides of an upright box; the top is the brightest."""
    low_3, high_3 = np.asarray(low, np.float64), np.asarray(high, np.float64)
    x, y, z = np.diag(high_3 - low_3)
    return [
        piece(low_3, x, z, texture, 0.85),
        piece(low_3 + y, x, z, texture, 0.75),
        piece(low_3, y, z, texture, 0.7),
        piece(low_3 + x, y, z, texture, 0.9),
        piece(low_3 + z, x, y, texture, 1.1),
    ]


# ---------------------------------------------------------------- looking


def look(pieces: list[Piece], sky: Sky, eye_3: Array, rays_N3: Array) -> Array:
    """Colour of the nearest piece along each ray, or of the sky, (N, 3) in [0, 1].

    Args:
        pieces: The set.
        sky: Colour by unit direction, (N, 3) -> (N, 3).
        eye_3: Where the rays start, world mm.
        rays_N3: Their directions.
    """
    rays_N3 = rays_N3 / np.linalg.norm(rays_N3, axis=1, keepdims=True)
    colour_N3 = sky(rays_N3)
    far_N = np.full(len(rays_N3), np.inf)
    for part in pieces:
        near = _towards(part, eye_3, rays_N3)
        index, seen_N3, depth_N = _hit(part, eye_3, rays_N3[near], far_N[near])
        colour_N3[near[index]] = seen_N3 * part.brightness
        far_N[near[index]] = depth_N
    return colour_N3.clip(0, 1)


def _towards(part: Piece, eye_3: Array, rays_N3: Array) -> NDArray[np.intp]:
    """Rays that pass the sphere around a piece: all that need a closer look."""
    half_3 = np.maximum(*(np.abs(part.edge_u_3 + sign * part.edge_v_3) for sign in (1, -1))) / 2
    to_3, radius = part.corner_3 + (part.edge_u_3 + part.edge_v_3) / 2 - eye_3, np.linalg.norm(half_3)
    distance = np.linalg.norm(to_3)
    if distance <= radius:
        return np.arange(len(rays_N3))
    cosine = np.sqrt(1 - (radius / distance) ** 2)
    return np.flatnonzero(rays_N3 @ (to_3 / distance) >= cosine)


def _hit(part: Piece, eye_3: Array, rays_N3: Array, far_N: Array) -> tuple[NDArray[np.intp], Array, Array]:
    """Which rays hit a piece nearer than ``far_N``, with the colour and the depth that they find."""
    # eye + depth * ray = corner + u * edge_u + v * edge_v, by Cramer's rule for all rays.
    normal, start = np.cross(part.edge_u_3, part.edge_v_3), eye_3 - part.corner_3
    facing_N = rays_N3 @ normal
    facing_N = np.where(np.abs(facing_N) < 1e-9, 1e-9, facing_N)
    depth_N = -(start @ normal) / facing_N
    u_N = -(rays_N3 @ np.cross(part.edge_v_3, start)) / facing_N
    v_N = (rays_N3 @ np.cross(part.edge_u_3, start)) / facing_N
    inside = (np.abs(u_N - 0.5) <= 0.5) & (np.abs(v_N - 0.5) <= 0.5)
    index = np.flatnonzero(inside & (depth_N > 0) & (depth_N < far_N))
    extent = np.array([np.linalg.norm(part.edge_u_3), np.linalg.norm(part.edge_v_3)])
    seen_N3, solid_N = part.texture(u_N[index] * extent[0], v_N[index] * extent[1], extent)
    if solid_N is not None:
        index, seen_N3 = index[solid_N > 0], seen_N3[solid_N > 0]
    return index, seen_N3, depth_N[index]


def photograph(pieces: list[Piece], sky: Sky, camera: Camera, samples: int = 3) -> NDArray[np.uint8]:
    """The set as a camera without distortion sees it, (3, H, W) uint8; each pixel is the mean of samples squared."""
    fine = camera.scaled((camera.size_WH[0] * samples, camera.size_WH[1] * samples))
    width, height = fine.size_WH
    pixel = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).reshape(-1, 2)
    ray = np.column_stack([pixel, np.ones(len(pixel))]) @ np.linalg.inv(fine.intrinsics_33).T @ fine.rotation_33
    eye_3 = np.asarray(-camera.rotation_33.T @ camera.translation_3)
    colour = look(pieces, sky, eye_3, ray.astype(np.float64))
    mean = colour.reshape(height // samples, samples, width // samples, samples, 3).mean(axis=(1, 3))
    return np.asarray(np.round(255 * mean.transpose(2, 0, 1)), np.uint8)


# ---------------------------------------------------------------- textures


def grain(u_N: Array, v_N: Array, scale_mm: float, seed: int = 0) -> Array:
    """Smooth value noise in [0, 1] with features of the given size."""
    x, y = u_N / scale_mm, v_N / scale_mm
    column, row = np.floor(x), np.floor(y)
    fx, fy = x - column, y - row
    fx, fy = fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy)

    def at(i: int, j: int) -> Array:
        return scatter(column + i, row + j, seed)

    low, high = at(0, 0) * (1 - fx) + at(1, 0) * fx, at(0, 1) * (1 - fx) + at(1, 1) * fx
    return np.asarray(low * (1 - fy) + high * fy)


def scatter(column_N: Array, row_N: Array, seed: int) -> Array:
    """A fixed pseudo-random number in [0, 1) for each cell of a grid."""
    mixed = np.sin(column_N * 12.9898 + row_N * 78.233 + seed * 37.719) * 43758.5453
    return np.asarray(mixed - np.floor(mixed))


def _tinted(colour: Colour, level_N: Array) -> Array:
    return np.asarray(colour) * level_N[:, None]


def plain(colour: Colour, seed: int = 0, contrast: float = 0.12, scale_mm: float = 300.0) -> Texture:
    """Plaster, cloth, snow: one colour with soft stains."""

    def texture(u: Array, v: Array, extent_2: Array) -> tuple[Array, None]:
        stain = 0.6 * grain(u, v, scale_mm, seed) + 0.4 * grain(u, v, scale_mm / 4, seed + 1)
        return _tinted(colour, 1 + contrast * (2 * stain - 1)), None

    return texture


def blocks(
    colour: Colour, size_mm: tuple[float, float], seed: int = 0, contrast: float = 0.25, shift: float = 0.5
) -> Texture:
    """Planks, bricks, tiles: cells of varied brightness with dark joints; every other row is shifted."""

    def texture(u: Array, v: Array, extent_2: Array) -> tuple[Array, None]:
        row = np.floor(v / size_mm[1])
        along = u / size_mm[0] + shift * row
        tone = 1 + contrast * (scatter(np.floor(along), row, seed) - 0.5)
        edge = np.minimum((along % 1) * size_mm[0], (v / size_mm[1] % 1) * size_mm[1])
        return _tinted(colour, tone * np.where(edge < 0.03 * min(size_mm) + 4, 0.72, 1.0)), None

    return texture


def patches(colours: list[Colour], cells: tuple[int, int], seed: int = 0) -> Texture:
    """Posters, shelves of books, flags: cells of the given colours, with a pale frame."""
    table = np.array(colours)

    def texture(u: Array, v: Array, extent_2: Array) -> tuple[Array, None]:
        column, row = np.floor(u / extent_2[0] * cells[0]), np.floor(v / extent_2[1] * cells[1])
        colour = table[(scatter(column, row, seed) * len(table)).astype(int)]
        rim = np.minimum(np.minimum(u, extent_2[0] - u), np.minimum(v, extent_2[1] - v)) < 0.03 * extent_2.min()
        return np.where(rim[:, None], 0.93, colour), None

    return texture


def pane(sky: Colour, ground: Colour, bars: tuple[int, int]) -> Texture:
    """A window: a bright view behind white bars."""

    def texture(u: Array, v: Array, extent_2: Array) -> tuple[Array, None]:
        blend = np.clip((v / extent_2[1] - 0.3) * 5, 0, 1)[:, None]
        view = np.asarray(ground) * (1 - blend) + np.asarray(sky) * blend
        cell = extent_2 / np.array(bars)
        off = np.minimum((u + 25) % cell[0], (v + 25) % cell[1]) < 50
        return np.where(off[:, None], 0.95, view), None

    return texture


def waves(colour: Colour, seed: int = 0) -> Texture:
    """Water: bright ripples on a colour."""

    def texture(u: Array, v: Array, extent_2: Array) -> tuple[Array, None]:
        ripple = grain(u, v * 0.4, 260, seed) * grain(u * 0.6, v, 420, seed + 1)
        return np.asarray(colour) * (0.8 + 0.3 * ripple[:, None]) + 0.35 * (ripple[:, None] > 0.52), None

    return texture


def fir(colour: Colour, seed: int = 0) -> Texture:
    """A conifer: tiers of a triangle, with holes outside."""

    def texture(u: Array, v: Array, extent_2: Array) -> tuple[Array, Array]:
        height = v / extent_2[1]
        tier = (1 - height) * (0.75 + 0.25 * ((1 - height) * 6 % 1))
        aside = np.abs(2 * u / extent_2[0] - 1)
        solid = (aside < np.where(height < 0.1, 0.1, tier)).astype(np.float64)
        level = (0.65 + 0.6 * grain(u, v, extent_2[0] / 9, seed)) * (0.75 + 0.5 * u / extent_2[0])
        tint = np.where((height < 0.1)[:, None], (0.3, 0.22, 0.16), np.asarray(colour))
        return tint * level[:, None], solid

    return texture


def ridge(colour: Colour, snow: Colour, seed: int = 0) -> Texture:
    """A chain of mountains: a jagged outline, pale on top."""

    def texture(u: Array, v: Array, extent_2: Array) -> tuple[Array, Array]:
        step = extent_2[0] / 24
        zero = np.zeros_like(u)
        line = 0.4 + 0.3 * grain(u, zero, step, seed) + 0.2 * grain(u, zero, step / 3, seed + 1)
        line += 0.08 * grain(u, zero, step / 9, seed + 4)
        height = v / extent_2[1]
        white = height + 0.12 * grain(u, v, step / 5, seed + 2) > 0.6
        level = 0.85 + 0.3 * grain(u, v * 0.6, step / 3, seed + 3)
        return np.where(white[:, None], snow, colour) * level[:, None], (height < line).astype(np.float64)

    return texture


def fence(colour: Colour, spacing_mm: float = 2000.0) -> Texture:
    """Posts and two rails, with holes between."""

    def texture(u: Array, v: Array, extent_2: Array) -> tuple[Array, Array]:
        rail = np.abs(v / extent_2[1] % 0.5 - 0.3) < 0.07
        solid = rail | (u % spacing_mm < 110)
        return _tinted(colour, 0.9 + 0.2 * grain(u, v, 400)), solid.astype(np.float64)

    return texture
