"""Where each frame of a turning camera lies in one plane: homographies chained, and held to key frames.

Each frame is placed by its homography to the frame before, and then moved to agree with all the key frames that it
overlaps, so that errors do not add up and a camera that turns back finds what it has seen. A frame that shows mostly
what no key frame does becomes one. When all key frames are known, every frame is brought to agreement once more.

Axes: N frames, K points, M matches, 2 = x y. Coordinates: of a frame as in `panorama_match`; of the plane as in the
frame in the middle of the clip's view.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ...core.interfaces import Array
from .panorama_match import Features, between, fitted, matches, moved

Look = Callable[[int], Features]
NEW_KEY = 0.6
"""Share of a frame that some key frame must show; below, it becomes one."""
SOME = 0.2
"""Share of a frame that a key frame must show to be compared with it."""
COMPARED = 4
"""Key frames with which a frame is compared."""
GUIDED = 0.08
"""Distance of what is seen in a key frame from where the chain expects it."""
CELLS_LEAST = 5
"""Cells of the frame, of 64, that agreeing matches must cover: less may be one moving thing."""
GRID_K2 = np.stack(np.meshgrid(np.linspace(-0.9, 0.9, 7), np.linspace(-0.9, 0.9, 7)), axis=-1).reshape(-1, 2)


class LostError(Exception):
    """A frame that agrees with none of those before it."""

    def __init__(self, frame: int, agreeing: int) -> None:
        super().__init__(frame, agreeing)
        self.frame, self.agreeing = frame, agreeing


@dataclass(slots=True)
class Placing:
    """Places frames one after another.

    Args:
        look: Gives the features of a frame.
        size_HW: Of the frames, pixels.
        least: Matches that must agree on a homography.
        go_on: Leave a frame out that cannot be placed, in place of raising.
    """

    look: Look
    size_HW: tuple[int, int]
    least: int
    go_on: bool
    places: dict[int, Array] = field(default_factory=dict)
    keys: list[int] = field(default_factory=list)

    def run(self, count: int) -> dict[int, Array]:
        """Homographies (3, 3) to the plane, of the frames that could be placed.

        Raises:
            LostError: If one could not, and the rest may not go on.
        """
        self.places, self.keys = {0: np.eye(3)}, [0]
        last, step = 0, None
        for frame in range(1, count):
            guess = self._chained(frame, last, step)
            if guess is None:
                continue
            step = moved(np.linalg.inv(self.places[last]) @ guess, np.zeros((1, 2)))[0] if frame == last + 1 else None
            self.places[frame] = self._agreed(frame, guess)
            if max(self._overlaps(self.places[frame], self.keys)) < NEW_KEY:
                self.keys.append(frame)
            last = frame
        for frame in sorted(self.places):
            self.places[frame] = self._agreed(frame, self.places[frame])
        return centred(self.places, self.keys, self.size_HW)

    def _chained(self, frame: int, last: int, step: Array | None) -> Array | None:
        """Place by the frame before, which probably moved by the step before, or else by the latest key frames."""
        best = 0
        for other in dict.fromkeys((last, *self.keys[: -COMPARED - 1 : -1])):
            fit = between(self.look(frame), self.look(other), step if other == last else None)
            if fit.agreeing >= self.least and fit.cells >= CELLS_LEAST:
                return self.places[other] @ fit.matrix_33
            best = max(best, fit.agreeing)
        if not self.go_on:
            raise LostError(frame, best)
        return None

    def _agreed(self, frame: int, guess_33: Array) -> Array:
        """A place corrected to where overlapping key frames see the same things; the first frame keeps the plane."""
        others = [key for key in self.keys if key != frame] if frame else []
        overlap = self._overlaps(guess_33, others)
        near = sorted((n for n, share in enumerate(overlap) if share > SOME), key=lambda n: -overlap[n])[:COMPARED]
        here, there = [np.zeros((0, 2))], [np.zeros((0, 2))]
        for key in (others[n] for n in near):
            seen, known = self.look(frame), self.look(key)
            pairs_M2 = matches(seen, known)
            here.append(seen.points_F2[pairs_M2[:, 0]])
            there.append(moved(np.linalg.inv(guess_33) @ self.places[key], known.points_F2[pairs_M2[:, 1]]))
        here_M2, there_M2 = np.concatenate(here), np.concatenate(there)
        expected_M = np.linalg.norm(here_M2 - there_M2, axis=1) < GUIDED  # false for NaN
        if expected_M.sum() < self.least:
            return guess_33
        fit = fitted(here_M2[expected_M], there_M2[expected_M], self.look(frame).noise)
        return guess_33 @ fit.matrix_33 if fit.agreeing >= self.least else guess_33

    def _overlaps(self, place_33: Array, keys: Sequence[int]) -> list[float]:
        """Share of a frame that each key frame shows."""
        inside = np.array(self.size_HW[::-1]) / max(self.size_HW)
        grid_K2 = moved(place_33, GRID_K2 * inside)
        seen = (moved(np.linalg.inv(self.places[key]), grid_K2) for key in keys)
        return [float((np.abs(points_K2) < inside).all(axis=1).mean()) for points_K2 in seen]


def corners(size_HW: tuple[int, int]) -> Array:
    """The corners of a frame in its coordinates, (4, 2)."""
    right, down = size_HW[1] / max(size_HW), size_HW[0] / max(size_HW)
    return np.array([[-right, -down], [right, -down], [right, down], [-right, down]])


def extent(places: Sequence[Array], size_HW: tuple[int, int]) -> Array:
    """Least and greatest x and y of all frames in the plane, (2, 2); infinite if one passes the horizon."""
    points = np.concatenate([moved(place_33, corners(size_HW)) for place_33 in places])
    if np.isnan(points).any():
        return np.array([[-np.inf, -np.inf], [np.inf, np.inf]])
    return np.stack([points.min(axis=0), points.max(axis=0)])


def centred(places: dict[int, Array], keys: Sequence[int], size_HW: tuple[int, int]) -> dict[int, Array]:
    """The same in the plane of that key frame in which all frames take the least room."""

    def area(key: int) -> float:
        low_2, high_2 = extent([np.linalg.inv(places[key]) @ place for place in places.values()], size_HW)
        return float((high_2 - low_2).prod())

    back_33 = np.linalg.inv(places[min(keys, key=area)])
    return {frame: back_33 @ place / (back_33 @ place)[2, 2] for frame, place in places.items()}
