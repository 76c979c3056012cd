"""`poserep data pairs`: the pairs that a recipe trains on, as a file, as figures, and as a sheet of pictures.

The draw follows from the seed, so these are the very pairs of the training, after near-duplicates are drawn again.

Axes: 2 frames of a pair, 3 colour channels, H W pixels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.markup import escape

from ..core.batches import Batches, Source, build_sampler, open_source
from ..core.compose import Composition, compose
from ..core.console import note, show_json, show_table
from ..core.errors import ConfigError
from ..core.interfaces import Array, Dataset, declared
from ..media.pairs import KindOfPair, Pair, degrees_apart, pair_of, viewing_directions, write_pairs
from .drawing import TRUE_BOX, draw_box
from .sheet import columns_for, enlarged, save_sheet, titled

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

ROLES = ("target", "reference")
MOMENT_S = 0.02
"""Up to this distance frames of two cameras are of one moment, where the sampler does not say."""
KINDS: tuple[KindOfPair, ...] = ("view", "pose", "both")
BETWEEN = 2
"""Pixels of white between the frames of a pair."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One pair, its frames' places in the dataset, and the angle between its cameras.

    Attributes:
        pair: What the file says of it.
        clip: Indices of the clips.
        degrees: Angle between the viewing directions; NaN where it is not known, 0 of one camera.
    """

    pair: Pair
    clip: tuple[int, int]
    degrees: float


def drawn_pairs(composition: Composition, dataset: Dataset, steps: int) -> Iterator[Drawn]:
    """The pairs of the first steps of the training, in their order; of all steps for 0.

    Raises:
        DataError: If a sampler finds none.
    """
    training, context = composition.experiment.training, composition.context
    pictures = Source(dataset, None, frozenset())
    angles = Angles(dataset, "rotation" in composition.labels)
    begin, last = 0, steps or composition.steps
    for phase in composition.phases:
        first, begin = begin, begin + phase.steps
        if first >= last:
            return
        chosen = composition.parts[phase.sampler]
        sampler = build_sampler(composition, phase.sampler, dataset, context)
        moment_s = getattr(chosen.options, "tolerance_ms", 1000 * MOMENT_S) / 1000 + 1e-6
        batches = Batches(pictures, sampler, training.batch, training.seed)
        for step in range(first, min(begin, last)):
            draw, _ = batches.choose(step, slice(0, training.batch))
            for clip, frame in zip(draw.clip.tolist(), draw.frame.tolist(), strict=True):
                pair = pair_of(dataset.clips, clip, frame, moment_s)
                yield Drawn(pair, (clip[0], clip[1]), angles.between(clip, frame))


def check_pairs(composition: Composition) -> None:
    """Refuse a recipe with a phase that trains on no pairs.

    Raises:
        ConfigError: Naming the sampler.
    """
    for phase in composition.phases:
        component, options = (chosen := composition.parts[phase.sampler]).component, chosen.options
        if (roles := declared(component.roles, options)) != ROLES:
            what = f"the sampler {component.name!r} draws {', '.join(roles)}, not pairs"
            raise ConfigError(what, where=phase.sampler, hint="--use sampler=mixed, cross_view or cross_pose")


class Angles:
    """Degrees between cameras, each clip's rotations being read once."""

    def __init__(self, dataset: Dataset, known: bool) -> None:
        self._dataset = dataset
        self._known = known
        self._ahead: dict[int, Array] = {}

    def between(self, clip: Sequence[int], frame: Sequence[int]) -> float:
        """Of two frames by clip and position; 0 of one clip, NaN where it is not known."""
        if clip[0] == clip[1]:
            return 0.0
        if not self._known:
            return float("nan")
        return float(degrees_apart(*(self._at(index, at) for index, at in zip(clip, frame, strict=True))))

    def _at(self, clip: int, frame: int) -> Array:
        if clip not in self._ahead:
            frames = np.arange(len(self._dataset.clips[clip]))
            self._ahead[clip] = viewing_directions(self._dataset, clip, frames)
        ahead_N3 = self._ahead[clip]
        return np.asarray(ahead_N3[frame if len(ahead_N3) > 1 else 0])


def pairs_sheet(dataset: Dataset, pairs: Sequence[Drawn], path: Path, labels: Sequence[str] = ()) -> Path:
    """Masked frame and reference side by side, with kind, angle and distance in time, as a PNG.

    Raises:
        DataError: If it cannot be written.
    """
    tiles = [titled(_beside(dataset, one, "true_box" in labels), caption(one)) for one in pairs]
    return save_sheet(tiles, columns_for(len(tiles), tiles[0]), path)


def caption(one: Drawn) -> str:
    """Kind, angle, distance in time, and whom and where it shows."""
    pair = one.pair
    told: list[str] = [pair.kind]
    if pair.kind != "pose" and np.isfinite(one.degrees):
        told.append(f"{one.degrees:.0f} deg")
    if pair.kind != "view" or abs(pair.gap_s) >= 0.0005:
        told.append(f"{pair.gap_s:+.3f} s")
    cameras = pair.cameras[0] if pair.kind == "pose" else " | ".join(pair.cameras)
    return " ".join([*told, "", pair.subject or pair.take, cameras])


def _beside(dataset: Dataset, one: Drawn, boxes: bool) -> Picture:
    """Both frames of a pair in one picture."""
    from PIL import Image, ImageDraw

    pictures = []
    for clip, frame in zip(one.clip, one.pair.frames, strict=True):
        index = np.array([frame])
        picture = enlarged(dataset.frames(clip, index)[0])
        if boxes:
            draw_box(ImageDraw.Draw(picture), dataset.labels("true_box", clip, index)[0], picture.size, TRUE_BOX)
        pictures.append(picture)
    width, height = pictures[0].size
    both = Image.new("RGB", (2 * width + BETWEEN, height), "white")
    for number, picture in enumerate(pictures):
        both.paste(picture, (number * (width + BETWEEN), 0))
    return both


def figures(pairs: Sequence[Drawn]) -> list[dict[str, Any]]:
    """Per kind: how many, their share, and the middle and the ends of angles and of distances in time."""
    rows = []
    for kind in KINDS:
        chosen = [one for one in pairs if one.pair.kind == kind]
        if not chosen:
            continue
        gaps_s = [abs(one.pair.gap_s) for one in chosen]
        degrees = [one.degrees for one in chosen if np.isfinite(one.degrees)]
        rows.append(
            {
                "kind": kind,
                "pairs": len(chosen),
                "share": round(len(chosen) / len(pairs), 4),
                "gap_s": _spread(gaps_s),
                "degrees": _spread(degrees),
                "takes": len({one.pair.take for one in chosen}),
                "different": len({_frames(one.pair) for one in chosen}),
            }
        )
    return rows


def _frames(pair: Pair) -> frozenset[tuple[str, int]]:
    """Which frames a pair is of, whichever is masked."""
    return frozenset(zip(pair.clips, pair.frames, strict=True))


def _spread(values: Sequence[float]) -> list[float] | None:
    """Least, middle, greatest."""
    return [round(float(value), 4) for value in np.quantile(values, (0, 0.5, 1))] if values else None


def pairs_command(
    recipe: str,
    overrides: tuple[Sequence[str], Sequence[str]],
    steps: int,
    places: tuple[Path | None, Path | None],
    count: int,
    as_json: bool,
) -> list[Drawn]:
    """`poserep data pairs`: draw, tell, and write the file and the sheet if places for them are given."""
    composition = compose(recipe, sets=overrides[0], uses=overrides[1])
    check_pairs(composition)
    dataset = open_source(composition).dataset
    pairs = list(drawn_pairs(composition, dataset, steps))
    if not pairs:
        raise ConfigError(
            "this recipe has no step of training", where=recipe, hint="--steps 10 --set training.steps=10"
        )
    rows = figures(pairs)
    if as_json:
        show_json({"pairs": rows, "subjects": Counter(one.pair.subject for one in pairs)})
    else:
        table = [tuple(_cell(value) for value in row.values()) for row in rows]
        show_table("", ("kind", "pairs", "share", "s apart", "degrees apart", "takes", "different"), table)
    manifest, sheet = places
    if manifest is not None:
        note(f"pairs  {escape(str(write_pairs((one.pair for one in pairs), manifest)))}")
    if sheet is not None:
        chosen = [pairs[index] for index in np.linspace(0, len(pairs) - 1, min(count, len(pairs))).round().astype(int)]
        note(f"contact sheet  {escape(str(pairs_sheet(dataset, chosen, sheet, sorted(composition.labels))))}")
    return pairs


def _cell(value: Any) -> str:
    if value is None:
        return "not known"
    if not isinstance(value, list):
        return str(value)
    return " · ".join(f"{one:g}" for one in (value if len(set(value)) > 1 else value[:1]))
