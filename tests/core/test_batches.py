from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from poserep.core.batches import Batches, Source, build_sampler, open_source
from poserep.core.compose import compose
from poserep.core.errors import DataError
from poserep.core.interfaces import Array, Clip, Dataset, Draw
from poserep.core.registry import Registry
from poserep.tests.fakes.tiny import TINY
from poserep.tests.fakes.toy import toy


def batches(folder: Path, seed: int = 0, count: int = 4) -> Batches:
    composition = toy(folder)
    source = open_source(composition)
    return Batches(source, build_sampler(composition, "sampler", source.dataset, composition.context), count, seed)


def same(a: dict, b: dict) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a if name != "roles")


def test_a_batch_follows_from_seed_and_step_alone(tmp_path: Path) -> None:
    one, other = batches(tmp_path), batches(tmp_path)
    list(other.run(0, 5))  # what was read before changes nothing
    np.random.default_rng(1).random()
    assert same(one.at(3), other.at(3))
    assert not same(one.at(3), one.at(4))
    assert not same(one.at(3), batches(tmp_path, seed=1).at(3))


def test_reading_ahead_gives_the_same_batches_in_order(tmp_path: Path) -> None:
    made = batches(tmp_path)
    ahead = list(made.run(2, 7))
    assert len(ahead) == 5
    assert all(same(batch, made.at(step)) for step, batch in zip(range(2, 7), ahead, strict=True))


def test_reading_may_stop_early(tmp_path: Path) -> None:
    run = batches(tmp_path).run(0, 1000)
    next(run)
    run.close()


def test_an_error_while_reading_ahead_comes_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = batches(tmp_path)
    monkeypatch.setattr(made.source, "read", lambda draw: (_ for _ in ()).throw(DataError("no such frame")))
    with pytest.raises(DataError, match="no such frame"):
        next(made.run(0, 2))


def test_only_clips_of_the_training_split_are_drawn(tmp_path: Path) -> None:
    made = batches(tmp_path, count=64)
    assert set(made.at(0)["clip"].unique().tolist()) == {0, 1}


def test_a_batch_holds_what_was_drawn(tmp_path: Path) -> None:
    made = batches(tmp_path)
    draw, batch = made.draw(1), made.at(1)
    assert torch.equal(batch["clip"], torch.from_numpy(draw.clip))
    shade = 20 * (draw.clip + 1) + 8 * draw.frame
    assert torch.equal(batch["frame"][..., 0, 0, 0].long(), torch.from_numpy(shade))
    torch.testing.assert_close(batch["time"], torch.from_numpy(draw.frame / 10).float())
    assert torch.equal(batch["subject"], batch["clip"])
    assert batch["frame"].dtype == torch.uint8
    assert batch["roles"].names == ("first", "second", "third", "fourth")


def test_labels_are_read_where_they_are_asked_for(tmp_path: Path) -> None:
    source = open_source(toy(tmp_path))
    draw = Draw(np.array([[0, 2]]), np.array([[3, 4]]))
    assert set(source.read(draw)) == {"frame", "time", "clip", "subject"}
    assert source.read(draw, extra=("pose",))["pose"].shape == (1, 2, 17, 3)


def test_a_label_of_an_outside_package_reaches_the_batch(tmp_path: Path) -> None:
    source = open_source(toy(tmp_path, uses=("losses.depth=needs_depth",)))
    batch = source.read(Draw(np.array([[0, 2]]), np.array([[3, 4]])))
    assert batch["fakes:depth"].tolist() == [[3.0, 4.0]]


def test_an_unknown_subject_is_minus_one(tmp_path: Path) -> None:
    source = open_source(toy(tmp_path))
    dataset = source.dataset
    dataset.clips[1] = dataset.clips[1].__class__("b", "", "b", "left", "train", dataset.clips[1].times_s)
    batch = Source(dataset, None, frozenset()).read(Draw(np.array([[0, 1, 2]]), np.zeros((1, 3), int)))
    assert batch["subject"].tolist() == [[0, -1, 1]]


def test_a_static_background_is_given_to_every_frame() -> None:
    source = open_source(compose("temporal", Registry(installed=()), sets=TINY))
    batch = source.read(Draw(np.array([[0, 0]]), np.array([[3, 4]])))
    assert batch["background"].shape == batch["frame"].shape
    assert torch.equal(batch["background"][:, 0], batch["background"][:, 1])


def test_clips_that_are_too_short_are_refused(tmp_path: Path) -> None:
    composition = toy(tmp_path, "dataset.frames=3")
    source = open_source(composition)
    with pytest.raises(DataError, match="no clip is long enough for the sampler 'equidistant'"):
        build_sampler(composition, "sampler", source.dataset, composition.context)


class Picky:
    """Draws frames at random; accepts those of an even number."""

    roles = ("only",)

    def __init__(self, tries: int = 50) -> None:
        self.tries = tries
        self.looked: list[frozenset[str]] = []

    def look(self, dataset: Dataset, labels: frozenset[str]) -> None:
        self.looked.append(labels)

    def prepare(self, clips: Sequence[Clip], allowed: Array) -> None:
        assert len(self.looked) == 1

    def draw(self, rng: np.random.Generator, count: int) -> Draw:
        return Draw(rng.integers(2, size=(count, 1)), rng.integers(10, size=(count, 1)))

    def accepts(self, draw: Draw, frame: Array) -> Array:
        shade = 20 * (draw.clip + 1) + 8 * draw.frame
        assert np.array_equal(frame[..., 0, 0, 0], shade)  # the frames are those of the draw
        return np.asarray(draw.frame[:, 0] % 2 == 0)

    def again(self, rng: np.random.Generator, draw: Draw) -> Draw:
        return Draw(draw.clip, rng.integers(10, size=draw.frame.shape))


def picky(folder: Path, count: int = 32, tries: int = 50) -> Batches:
    return Batches(open_source(toy(folder)), Picky(tries), count, seed=0)


def test_a_choosy_samplers_tuples_are_drawn_again_until_it_accepts_them(tmp_path: Path) -> None:
    made = picky(tmp_path)
    draw, batch = made.choose(3, slice(0, 32))
    assert (draw.frame % 2 == 0).all()
    assert torch.equal(batch["frame"][..., 0, 0, 0].long(), torch.from_numpy(20 * (draw.clip + 1) + 8 * draw.frame))
    assert torch.equal(batch["clip"], torch.from_numpy(draw.clip))
    torch.testing.assert_close(batch["time"], torch.from_numpy(draw.frame / 10).float())
    good = made.draw(3).frame % 2 == 0
    assert np.array_equal(draw.frame[good], made.draw(3).frame[good])  # what was good at first stays


def test_a_choosy_batch_follows_from_seed_and_step_alone_and_each_row_from_its_place(tmp_path: Path) -> None:
    one, other = picky(tmp_path), picky(tmp_path)
    list(other.run(0, 3))
    assert same(one.at(5), other.at(5))
    whole, _ = one.choose(5, slice(0, 32))
    half, _ = one.choose(5, slice(16, 32))  # as the second of two processes has it
    assert np.array_equal(whole.frame[16:], half.frame)


def test_what_is_never_accepted_is_trained_on_and_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = picky(tmp_path, tries=2)
    draws = [made.choose(step, slice(0, 32))[0] for step in range(3)]
    odd = int((draws[0].frame % 2).sum())
    assert 0 < odd < 16
    assert caplog.messages == [
        f"step 0: the sampler turned down {odd} of 32 tuples 2 times over; they are trained on all the same"
    ]
    assert (picky(tmp_path, tries=1).choose(0, slice(0, 32))[0].frame == made.draw(0).frame).all()


def test_a_sampler_that_looks_is_shown_the_dataset_and_its_labels_before_it_is_prepared(tmp_path: Path) -> None:
    composition, sampler = toy(tmp_path), Picky()
    chosen = composition.parts["sampler"]
    part = replace(chosen, component=replace(chosen.component, build=lambda options, context: sampler))
    shown = replace(composition, resolved=replace(composition.resolved, parts={**composition.parts, "sampler": part}))
    build_sampler(shown, "sampler", open_source(composition).dataset, composition.context)
    assert sampler.looked == [composition.labels]
