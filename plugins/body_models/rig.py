"""A mesh and its skeleton as numbers: rings of vertices hung on bones, and what each shape parameter stretches.

Axes: J joints, V vertices, F faces, S shape parameters, 3 = x y z. Coordinates as in `core.bodies`, mm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ...core.interfaces import Array

Point = tuple[float, float, float]
Shares = Mapping[str, float]
Rows = Mapping[str, Mapping[str, float | Point]]


@dataclass(frozen=True)
class Rig:
    """All that makes a body model of rings.

    Attributes:
        joints: Names of the joints, each after its parent.
        parents: Their parents' indices, -1 for the root.
        skeleton: Name of the skeleton of the joints that a pose has.
        offsets_J3: From the parent to each joint at rest; of the root, where it is.
        stretch_J3S: Natural logarithm by which a unit of each shape parameter stretches each offset.
        ends_V2: The two joints between which a vertex hangs.
        share_V: How far it is from the first to the second.
        away_V3: How far it stands off from there.
        girth_V3S: As ``stretch_J3S``, of ``away_V3``.
        weights_VJ: How much each joint moves it.
        faces_F3: Triangles, counter-clockwise from outside.
        spread_S: How far each shape parameter commonly is from 0.
    """

    joints: tuple[str, ...]
    parents: tuple[int, ...]
    skeleton: str
    offsets_J3: Array
    stretch_J3S: Array
    ends_V2: Array
    share_V: Array
    away_V3: Array
    girth_V3S: Array
    weights_VJ: Array
    faces_F3: Array
    spread_S: Array


@dataclass(frozen=True)
class Ring:
    """One ring of a tube: an ellipse about a point between two joints.

    Attributes:
        start: The joint at share 0.
        end: The joint at share 1.
        share: How far from one to the other.
        radii: Half axes along the tube's two cross axes, mm.
        weights: By joint, how much each moves it.
        away: How far its centre stands off from the line between the joints, mm.
    """

    start: str
    end: str
    share: float
    radii: tuple[float, float]
    weights: Shares
    away: Point = (0.0, 0.0, 0.0)


@dataclass
class Mesh:
    """Tubes put together; ``axes`` of a tube are its cross axes, of which the first cross the second leads along it."""

    joints: tuple[str, ...]
    ends: list[tuple[int, int]] = field(default_factory=list)
    share: list[float] = field(default_factory=list)
    away: list[Array] = field(default_factory=list)
    weights: list[Array] = field(default_factory=list)
    faces: list[tuple[int, int, int]] = field(default_factory=list)
    girths: list[str] = field(default_factory=list)

    def add(self, rings: Sequence[Ring], axes: tuple[Point, Point], sides: int, *girths: str) -> None:
        """A tube closed at both ends; ``girths`` name what stretches the width, of all rings or of each."""
        girths = girths if len(girths) == len(rings) else girths * len(rings)
        first = len(self.share)
        angle = 2 * np.pi * np.arange(sides) / sides
        u_3, v_3 = np.array(axes[0]), np.array(axes[1])
        for ring, girth in zip(rings, girths, strict=True):
            for a in angle:
                self._vertex(ring, ring.radii[0] * np.cos(a) * u_3 + ring.radii[1] * np.sin(a) * v_3, girth)
        for end in (0, -1):
            self._vertex(rings[end], np.zeros(3), girths[end])
        self.faces += [(a + first, b + first, c + first) for a, b, c in tube_faces(len(rings), sides)]

    def _vertex(self, ring: Ring, off_3: Array, girth: str) -> None:
        self.ends.append((self.joints.index(ring.start), self.joints.index(ring.end)))
        self.share.append(ring.share)
        self.away.append(np.array(ring.away) + off_3)
        row = np.zeros(len(self.joints))
        for name, weight in ring.weights.items():
            row[self.joints.index(name)] = weight
        self.weights.append(row / row.sum())
        self.girths.append(girth)

    def rig(
        self, skeleton: str, parents: tuple[int, ...], offsets_J3: Array, shape: Shares, lengths: Rows, girths: Rows
    ) -> Rig:
        """The tubes as numbers, hung on these bones.

        Args:
            skeleton: Name of the skeleton of the joints that a pose has.
            parents: Of each joint.
            offsets_J3: From the parent to each joint at rest.
            shape: How far each shape parameter commonly is from 0, by name.
            lengths: What a unit of each stretches of the offsets, by joint; see `table`.
            girths: And of the width, by the names given to `add`.
        """
        return Rig(
            joints=self.joints,
            parents=parents,
            skeleton=skeleton,
            offsets_J3=offsets_J3,
            stretch_J3S=table(lengths, self.joints, tuple(shape)),
            ends_V2=np.array(self.ends),
            share_V=np.array(self.share),
            away_V3=np.stack(self.away),
            girth_V3S=table(girths, self.girths, tuple(shape)),
            weights_VJ=np.stack(self.weights),
            faces_F3=np.array(self.faces),
            spread_S=np.array(list(shape.values())),
        )


def tube_faces(rings: int, sides: int) -> list[tuple[int, int, int]]:
    """Triangles of a closed tube: rings one after the other, then the centres of the first and of the last."""
    faces = []
    for ring in range(rings - 1):
        for side in range(sides):
            a, b = ring * sides + side, ring * sides + (side + 1) % sides
            faces += [(a, b, b + sides), (a, b + sides, a + sides)]
    bottom, top, last = rings * sides, rings * sides + 1, (rings - 1) * sides
    for side in range(sides):
        after = (side + 1) % sides
        faces += [(bottom, after, side), (top, last + side, last + after)]
    return faces


def table(rows: Rows, names: Sequence[str], shape: Sequence[str]) -> Array:
    """What stretches each of some things, (len(names), 3, S): by shape parameter, a number or one per axis."""
    found = np.zeros((len(names), 3, len(shape)))
    for parameter, things in rows.items():
        for name, amount in things.items():
            which = [index for index, one in enumerate(names) if name in (one, "*")]
            found[which, :, shape.index(parameter)] = amount
    return found
