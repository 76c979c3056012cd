from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from poserep.core.errors import DataError
from poserep.core.interfaces import Clip, Context
from poserep.media.pairs import Pair, pair_of, write_pairs
from poserep.plugins.samplers import cross_pose, cross_view, mixed
from poserep.plugins.samplers.pairs import PairSampler

CONTEXT = Context(crop_size=8)
CLIPS = [Clip(f"walk-{camera}", "Ann", "walk", camera, "train", np.arange(30) / 10) for camera in "lmr"]
HINT = "open the dataset with the options that the pairs were drawn with, or draw new ones: poserep data pairs"


def drawn(path: Path, clips: list[Clip] = CLIPS, count: int = 40) -> list[Pair]:
    """Pairs of the sampler `mixed`, written."""
    sampler = mixed.build(mixed.MixedOptions(), CONTEXT)
    sampler.prepare(clips, np.arange(len(clips)))
    draw = sampler.draw(np.random.default_rng(0), count)
    pairs = [pair_of(clips, c, f, 0.02) for c, f in zip(draw.clip.tolist(), draw.frame.tolist(), strict=True)]
    write_pairs(pairs, path)
    return pairs


def reading(path: Path, clips: list[Clip] = CLIPS, **options: float) -> PairSampler:
    sampler = mixed.build(mixed.MixedOptions(manifest=str(path), **options), CONTEXT)
    sampler.prepare(clips, np.flatnonzero([clip.split == "train" for clip in clips]))
    return sampler


def test_a_list_is_drawn_from_as_it_stands_and_whole(tmp_path: Path) -> None:
    pairs = drawn(tmp_path / "pairs.jsonl")
    sampler = reading(tmp_path / "pairs.jsonl")
    draw = sampler.draw(np.random.default_rng(1), 2000)
    found = {(*c, *f) for c, f in zip(draw.clip.tolist(), draw.frame.tolist(), strict=True)}
    names = [clip.name for clip in CLIPS]
    assert found == {(*(names.index(name) for name in pair.clips), *pair.frames) for pair in pairs}
    assert sampler.tries == 1  # near-duplicates were turned down when the list was drawn


def test_a_list_fits_a_dataset_whose_clips_come_in_another_order(tmp_path: Path) -> None:
    pairs = drawn(tmp_path / "pairs.jsonl")
    clips = [Clip("other", "Bob", "run", "l", "train", np.arange(7.0)), *CLIPS[::-1]]
    draw = reading(tmp_path / "pairs.jsonl", clips).draw(np.random.default_rng(1), 2000)
    names = np.array([clip.name for clip in clips])
    found = set(map(tuple, np.column_stack((names[draw.clip], draw.frame.astype(str))).tolist()))
    assert found == {(*pair.clips, *map(str, pair.frames)) for pair in pairs}


def test_the_share_of_each_kind_is_the_samplers(tmp_path: Path) -> None:
    drawn(tmp_path / "pairs.jsonl")
    draw = reading(tmp_path / "pairs.jsonl", p_view=0.9).draw(np.random.default_rng(1), 4000)
    assert (draw.clip[:, 0] != draw.clip[:, 1]).mean() == pytest.approx(0.9, abs=0.02)


def test_samplers_of_one_kind_take_its_lines_alone(tmp_path: Path) -> None:
    drawn(tmp_path / "pairs.jsonl")
    for module, options, one_clip in (
        (cross_view, cross_view.CrossViewOptions, False),
        (cross_pose, cross_pose.CrossPoseOptions, True),
    ):
        sampler = module.build(options(manifest=str(tmp_path / "pairs.jsonl")), CONTEXT)
        sampler.prepare(CLIPS, np.arange(3))
        draw = sampler.draw(np.random.default_rng(1), 100)
        assert ((draw.clip[:, 0] == draw.clip[:, 1]) == one_clip).all()


def refused(path: Path, clips: list[Clip] = CLIPS, **options: float) -> DataError:
    with pytest.raises(DataError) as caught:
        reading(path, clips, **options)
    return caught.value


def test_a_list_of_another_dataset_is_refused_and_told_why(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    base = Pair("view", "Ann", "walk", ("walk-l", "walk-r"), ("l", "r"), (3, 3), (0.3, 0.3))
    good = Pair("pose", "Ann", "walk", ("walk-l", "walk-l"), ("l", "l"), (3, 9), (0.3, 0.9))
    for wrong, what in (
        (replace(base, clips=("run-l", "walk-r")), "this one has no clip 'run-l', but 'walk-l', 'walk-m', 'walk-r'"),
        (replace(base, frames=(3, 30)), "clip 'walk-r' has 30 frames here, no #30"),
        (replace(base, times_s=(0.3, 0.36)), "#3 of clip 'walk-r' is at 0.3 s, not 0.36 s"),
    ):
        write_pairs([good, wrong], path)
        error = refused(path)
        assert error.what == f"the list of pairs is of another dataset: {what}"
        assert error.where == f"{path}, pair 2"
        assert error.hint == HINT


def test_a_list_that_asks_for_a_clip_of_a_test_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    drawn(path)
    held_out = [CLIPS[0], CLIPS[1], replace(CLIPS[2], split="test", subject="", take="else")]
    told = "the list of pairs asks for clip 'walk-r', which is not trained on: it is of the split 'test'"
    assert refused(path, held_out).what == told
    other = Clip("other", "Bob", "run", "l", "train", np.arange(7.0))
    told = refused(path, [*CLIPS, other], tested_on=("Ann",)).what
    assert told.startswith("the list of pairs asks for clip 'walk-")
    assert told.endswith("which is not trained on: it shows who or what is tested on")


def test_a_list_without_a_kind_and_a_wrong_kind_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    pose = Pair("pose", "Ann", "walk", ("walk-l", "walk-l"), ("l", "l"), (3, 9), (0.3, 0.9))
    write_pairs([pose], path)
    assert refused(path).what == (
        "the sampler 'mixed' draws pairs of the kind 'view', of which the list has none: it has pose"
    )
    write_pairs([replace(pose, kind="view")], path)
    assert refused(path).what == "a pair of the kind 'view' cannot be of clips walk-l and walk-l"
