from pathlib import Path

import numpy as np
import pytest
import torch

from poserep.core.batches import Batches, Source, build_sampler, open_source
from poserep.core.compose import compose
from poserep.core.errors import DataError
from poserep.core.interfaces import Draw
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
