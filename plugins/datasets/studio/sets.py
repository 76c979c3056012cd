"""The sets of the studio's scenes: what stands in the room, at the pool and on the slope, out of textured pieces.

Coordinates: world mm, +z up. Room: walls 5.7 m from the centre. Pool: the board ends at x = 0, 3 m above the water
z = 0. Slope: the snow is the plane through the origin that falls by 15 degrees towards +x; cameras look along +y.
"""

from __future__ import annotations

import numpy as np

from .world import (
    Array,
    Colour,
    Piece,
    blocks,
    box,
    fence,
    fir,
    pane,
    patches,
    piece,
    plain,
    ridge,
    waves,
)

WALL_MM, CEILING_MM = 5700.0, 3300.0
SLOPE_RAD = np.radians(15.0)
SNOW_NORMAL = (float(np.sin(SLOPE_RAD)), 0.0, float(np.cos(SLOPE_RAD)))
ANKLE_MM = 80.0  # the ankle joint of an adult above the sole


def dusk(ray_N3: Array) -> Array:
    """What shows behind an open set: a plain grey."""
    return np.full((len(ray_N3), 3), 0.5)


def daylight(ray_N3: Array) -> Array:
    """A blue sky, paler towards the horizon."""
    blend = np.clip(ray_N3[:, 2:] * 2.2, 0, 1)
    return np.asarray((1 - blend) * np.array([0.82, 0.89, 0.95]) + blend * np.array([0.36, 0.58, 0.86]))


def _colour(rng: np.random.Generator, low: float, high: float, chroma: float) -> Colour:
    """A random colour of limited chroma."""
    red, green, blue = np.clip(rng.uniform(low, high) + rng.uniform(-chroma, chroma, 3), 0.05, 0.98)
    return float(red), float(green), float(blue)


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(1000))


# ---------------------------------------------------------------- room


def room(rng: np.random.Generator) -> list[Piece]:
    """Floor, ceiling, four walls, and on each wall a window or posters, and furniture before it."""
    side = 2 * WALL_MM
    wood, tile = (0.62, 0.47, 0.32), _colour(rng, 0.5, 0.7, 0.06)
    floor = (
        blocks(wood, (1800, 190), _seed(rng)) if rng.random() < 0.6 else blocks(tile, (620, 620), _seed(rng), 0.15, 0)
    )
    pieces = [
        piece((-WALL_MM, -WALL_MM, 0), (side, 0, 0), (0, side, 0), floor),
        piece(
            (-WALL_MM, -WALL_MM, CEILING_MM), (side, 0, 0), (0, side, 0), blocks((0.9, 0.9, 0.88), (1200, 600), 5, 0.06)
        ),
        piece(
            (-1900, -1400, 5),
            (3800, 0, 0),
            (0, 2800, 0),
            patches([_colour(rng, 0.35, 0.65, 0.12) for _ in range(3)], (9, 6), _seed(rng)),
        ),
    ]
    for turn in range(4):
        pieces += _wall(rng, turn)
    return pieces


def _wall(rng: np.random.Generator, turn: int) -> list[Piece]:
    """One wall with what hangs on it and stands before it, built at y = +WALL and turned by quarters."""
    colour = _colour(rng, 0.62, 0.82, 0.12)
    brick = blocks(_colour(rng, 0.5, 0.62, 0.1), (420, 140), _seed(rng), 0.3)
    paint = plain(colour, _seed(rng), 0.1, 900) if rng.random() < 0.7 else brick
    w, near = WALL_MM, WALL_MM - 15
    pieces = [
        piece((-w, w, 0), (2 * w, 0, 0), (0, 0, CEILING_MM), paint, 0.86 + 0.05 * turn),
        piece((-w, near, 0), (2 * w, 0, 0), (0, 0, 130), plain((0.85, 0.83, 0.8))),
    ]
    spots = np.array([-4200, -2100, 0, 2100, 4200]) + rng.uniform(-350, 350, 5)
    kinds = rng.permutation(["window", "poster", "shelf", "sofa", "cupboard"])
    for x, kind in zip(spots, kinds, strict=True):
        pieces += _furnish(rng, kind, x, near)
    return [_turned(p, turn) for p in pieces]


def _furnish(rng: np.random.Generator, kind: str, x: float, wall: float) -> list[Piece]:
    """One thing at a wall."""
    bright, deep = _colour(rng, 0.5, 0.75, 0.28), _colour(rng, 0.3, 0.5, 0.15)
    if kind == "window":
        return [
            piece(
                (x - 800, wall, 900),
                (1600, 0, 0),
                (0, 0, 1500),
                pane((0.75, 0.87, 0.97), (0.5, 0.62, 0.42), (2, 2)),
                1.08,
            )
        ]
    if kind == "poster":
        colours = [bright, deep, _colour(rng, 0.5, 0.8, 0.3), (0.9, 0.88, 0.82)]
        return [piece((x - 450, wall, 1150), (900, 0, 0), (0, 0, 1250), patches(colours, (4, 6), _seed(rng)))]
    if kind == "shelf":
        colours = [_colour(rng, 0.3, 0.7, 0.25) for _ in range(6)]
        front = piece((x - 550, wall - 360, 80), (1100, 0, 0), (0, 0, 1900), patches(colours, (16, 5), _seed(rng)))
        return [*box((x - 600, wall - 350, 0), (x + 600, wall, 2050), plain((0.5, 0.37, 0.25))), front]
    if kind == "sofa":
        cloth = plain(bright, _seed(rng), 0.15, 120)
        return [
            *box((x - 850, wall - 650, 0), (x + 850, wall, 430), cloth),
            *box((x - 850, wall - 250, 0), (x + 850, wall, 850), cloth),
        ]
    return box(
        (x - 450, wall - 500, 0), (x + 450, wall, rng.uniform(700, 1500)), blocks(deep, (450, 400), _seed(rng), 0.15, 0)
    )


def _turned(part: Piece, quarters: int) -> Piece:
    """A piece turned about the room's axis by quarters of a circle."""
    turn = np.linalg.matrix_power(np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]), quarters)
    return Piece(turn @ part.corner_3, turn @ part.edge_u_3, turn @ part.edge_v_3, part.texture, part.brightness)


# ---------------------------------------------------------------- pool


def pool(rng: np.random.Generator) -> list[Piece]:
    """Water with lane ropes, the deck, the board on its stand, and the wall of the hall behind."""
    tiles, water = _colour(rng, 0.62, 0.8, 0.08), (0.16, 0.5 + rng.uniform(-0.06, 0.06), 0.66)
    deck, steel = (0.68, 0.66, 0.62), (0.55, 0.58, 0.6)
    pieces = [
        piece((-30000, -30000, 0), (60000, 0, 0), (0, 42000, 0), waves(water, _seed(rng))),
        *box((-30000, 12000, 0), (30000, 14000, 350), blocks(deck, (600, 350), 3, 0.15)),
        piece((-30000, 14000, 0), (60000, 0, 0), (0, 0, 12000), blocks(tiles, (900, 450), _seed(rng), 0.12), 0.9),
        *box((-9000, -4000, -200), (-1700, 4000, 350), blocks(deck, (400, 400), 4, 0.15, 0)),
        *box((-5000, -260, 2920), (0, 260, 3000), plain((0.86, 0.84, 0.76))),
        *box((-2600, -180, 350), (-2350, 180, 2920), plain(steel)),
        *box((-4700, -180, 350), (-4450, 180, 2920), plain(steel)),
        *box((-5000, -330, 3000), (-2000, -290, 3900), patches([steel, (0.8, 0.82, 0.84)], (10, 3), 2)),
    ]
    for x in range(-12000, 14000, 4200):
        shift = x + rng.uniform(-500, 500)
        kind = "window" if rng.random() < 0.55 else "flag"
        if kind == "window":
            pieces.append(
                piece(
                    (shift, 13980, 3200),
                    (2600, 0, 0),
                    (0, 0, 3600),
                    pane((0.8, 0.9, 0.98), (0.55, 0.68, 0.5), (3, 3)),
                    1.08,
                )
            )
        else:
            colours = [_colour(rng, 0.4, 0.75, 0.3) for _ in range(3)]
            pieces.append(
                piece((shift + 400, 13980, 1800), (1800, 0, 0), (0, 0, 2600), patches(colours, (1, 3), _seed(rng)))
            )
    for y in (3500, 6500, 9500):
        pieces.append(
            piece(
                (-30000, y, 12), (60000, 0, 0), (0, 160, 0), patches([(0.85, 0.2, 0.15), (0.93, 0.92, 0.9)], (60, 1), y)
            )
        )
    return pieces


# ---------------------------------------------------------------- slope


def slope(rng: np.random.Generator, eye_3: Array) -> list[Piece]:
    """Snow, a fence, trees that face the camera, mountains."""
    fall = -np.tan(SLOPE_RAD)
    along = np.array([1.0, 0, fall])
    pieces = [
        piece(-1e6 * along - (0, 3e5, 0), 2e6 * along, (0, 9e5, 0), plain((0.93, 0.95, 0.98), _seed(rng), 0.1, 1500)),
        piece(
            (-2.2e6, 8e5, -3e5), (4.4e6, 0, 0), (0, 0, 6e5), ridge((0.42, 0.47, 0.56), (0.9, 0.93, 0.97), _seed(rng))
        ),
    ]
    for y, colour in ((7500.0, (0.82, 0.25, 0.18)), (12500.0, (0.2, 0.35, 0.7))):
        start = -150000 * along + (0, y, 0)
        pieces.append(piece(start, 300000 * along, (0, 0, 1300), fence(colour)))
    for _ in range(110):
        x, y = rng.uniform(-110000, 110000), 17500 + 60000 * rng.random() ** 1.7
        height = rng.uniform(4000, 11000)
        foot = x * along + (0, y, 0)
        across = np.array([foot[1] - eye_3[1], eye_3[0] - foot[0], 0])
        across *= 0.42 * height / np.linalg.norm(across)
        green = (0.13 + rng.uniform(0, 0.06), 0.27 + rng.uniform(0, 0.1), 0.2)
        pieces.append(piece(foot - across / 2, across, (0, 0, height), fir(green, _seed(rng)), rng.uniform(0.8, 1.1)))
    for x in range(-100000, 100001, 12500):
        pole = piece(
            x * along + (0, 4200, 0),
            (90, 0, 0),
            (0, 0, 1800),
            plain((0.85, 0.1, 0.12) if x % 25000 else (0.1, 0.2, 0.8)),
        )
        pieces.append(pole)
    return pieces
