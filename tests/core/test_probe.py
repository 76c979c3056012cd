import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from poserep.core.batches import open_source
from poserep.core.config import Probe
from poserep.core.errors import DataError
from poserep.core.interfaces import Clip, Draw
from poserep.core.pipeline import Pipeline
from poserep.core.probe import (
    Standard,
    build_head,
    collect,
    every_kth,
    fit_regressor,
    frame_errors,
    frame_errors_2d,
    frames_of,
)
from poserep.tests.fakes.toy import toy


def clip(name: str, split: str, length: int) -> Clip:
    return Clip(name, name, name, "left", split, np.arange(length) / 10)


def test_every_kth_frame_of_each_clip_of_a_split_is_listed() -> None:
    clips = [clip("a", "train", 5), clip("b", "test", 9), clip("c", "train", 4)]
    draw = frames_of(clips, "train", 2)
    assert draw.clip.tolist() == [[0], [0], [0], [2], [2]]
    assert draw.frame.tolist() == [[0], [2], [4], [0], [2]]


def test_a_split_without_frames_is_told_with_those_that_have_some() -> None:
    with pytest.raises(DataError) as caught:
        frames_of([clip("a", "train", 5)], "validation", 1)
    assert caught.value.what == "the dataset has no validation frames"
    assert caught.value.hint == "it has: train"


@given(st.integers(1, 500), st.integers(0, 600))
def test_labels_are_spread_evenly(total: int, count: int) -> None:
    indices = every_kth(total, count)
    assert len(indices) == (min(count, total) or total)
    assert len(np.unique(indices)) == len(indices)
    assert indices[0] == 0
    assert indices[-1] < total
    gaps = np.diff(np.append(indices, total))
    assert gaps.max() - gaps.min() <= 1


def test_standardised_columns_have_mean_zero_and_deviation_one_and_come_back() -> None:
    x = torch.randn(50, 3) * torch.tensor([1.0, 20.0, 0.0]) + 5
    standard = Standard.of(x)
    z = standard.apply(x)
    torch.testing.assert_close(z.mean(0), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(z.std(0), torch.tensor([1.0, 1.0, 0.0]), atol=1e-5, rtol=0)
    torch.testing.assert_close(standard.undo(z), x)


def test_a_single_frame_can_be_standardised() -> None:
    assert Standard.of(torch.ones(1, 3)).apply(torch.ones(1, 3)).tolist() == [[0.0, 0.0, 0.0]]


def test_a_linear_pose_is_read_off_the_features() -> None:
    torch.manual_seed(0)
    x = torch.randn(200, 4)
    pose = 100 * (x @ torch.randn(4, 6)).unflatten(1, (2, 3)) + 1000
    options = Probe(steps=300, learning_rate=0.05, batch=64)
    regressor = fit_regressor(nn.Linear(4, 6), x, pose, options, seed=0)
    predicted = regressor(x)
    assert predicted.shape == pose.shape
    assert (predicted - pose).norm(dim=-1).mean() < 5
    assert not regressor.training


def test_a_regressor_follows_from_its_seed() -> None:
    x, pose = torch.randn(20, 4), torch.randn(20, 2, 3)
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(0)
        found.append(fit_regressor(nn.Linear(4, 6), x, pose, Probe(steps=3), seed)(x))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_fewer_frames_than_a_batch_will_do() -> None:
    assert fit_regressor(nn.Linear(4, 6), torch.randn(2, 4), torch.randn(2, 2, 3), Probe(steps=2), 0)


def test_features_are_collected_in_evaluation_mode_in_the_order_asked_for(tmp_path: Path) -> None:
    composition = toy(tmp_path)
    source, pipeline = open_source(composition), Pipeline(composition).train()
    draw = Draw(np.array([[2], [0], [1]]), np.array([[5], [1], [0]]))
    found = collect(pipeline, source, draw, ("variant", "pose"))
    assert pipeline.training
    assert found["variant"].shape == (3, 4)
    assert found["pose"][:, 0, 0].tolist() == [5.0, 1.0, 0.0]
    one = collect(pipeline, source, Draw(draw.clip[1:2], draw.frame[1:2]), ("variant",))
    torch.testing.assert_close(one["variant"], found["variant"][1:2])
    assert not found["variant"].requires_grad


def test_the_head_has_the_widths_asked_for(tmp_path: Path) -> None:
    composition = toy(tmp_path, "probe.head={use='mlp', hidden=8}")
    assert build_head(composition, 5, 51).eval()(torch.zeros(2, 5)).shape == (2, 51)


def test_the_truth_has_no_error() -> None:
    pose = torch.randn(4, 17, 3)
    same, doubled = frame_errors(pose, pose), frame_errors(2 * pose, pose)
    assert list(same) == ["N-MPJPE", "MPJPE", "P-MPJPE"]
    assert all(values.shape == pose.shape[:1] and values.max() < 1e-4 for values in same.values())
    assert doubled["N-MPJPE"].max() < 1e-5
    assert doubled["MPJPE"].mean() > 1


def test_what_is_not_known_does_not_count_in_mean_and_deviation() -> None:
    x = torch.tensor([[1.0, 5.0], [3.0, float("nan")], [5.0, float("nan")]])
    standard = Standard.of(x)
    assert standard.mean.tolist() == [3.0, 5.0]
    assert standard.std.tolist() == [2.0, 1.0]
    assert Standard.of(torch.full((2, 1), torch.nan)).mean.tolist() == [0.0]


def test_a_regressor_learns_from_what_is_known_alone() -> None:
    torch.manual_seed(0)
    x = torch.randn(200, 4)
    pose = (x @ torch.randn(4, 4)).unflatten(1, (2, 2))
    holed = pose.clone()
    holed[::3, 1] = float("nan")
    options = Probe(steps=300, learning_rate=0.05, batch=64)
    regressor = fit_regressor(nn.Linear(4, 4), x, holed, options, seed=0)
    assert (regressor(x) - pose).norm(dim=-1).mean() < 0.05


def test_a_feature_that_is_not_known_counts_as_the_mean() -> None:
    x, pose = torch.randn(20, 4), torch.randn(20, 2, 3)
    regressor = fit_regressor(nn.Linear(4, 6), x, pose, Probe(steps=3), 0)
    holed, filled = x[:1].clone(), x[:1].clone()
    holed[0, 2], filled[0, 2] = float("nan"), x[:, 2].mean()
    torch.testing.assert_close(regressor(holed), regressor(filled))


def test_a_constant_rate_does_not_fall() -> None:
    x, pose, start = torch.randn(20, 4), torch.randn(20, 2, 3), nn.Linear(4, 6)

    def moved(steps: int, schedule: str) -> torch.Tensor:
        head = copy.deepcopy(start)
        fit_regressor(head, x, pose, Probe(steps=steps, schedule=schedule), 0)
        return head.weight - start.weight

    assert torch.equal(moved(1, "linear"), moved(1, "constant"))  # the first step has the full rate
    assert moved(2, "linear").norm() < moved(2, "constant").norm()


def test_2d_errors_are_per_cent_of_the_longer_side() -> None:
    truth = torch.zeros(1, 3, 2)
    truth[0, 2] = float("nan")
    found = torch.tensor([[[0.2, 0.0], [0.0, 0.4], [0.0, 0.0]]])
    errors = frame_errors_2d(found, truth, (50, 100))  # 10 of 100 pixels to the right; 10 of 50 down
    assert errors["2D distance"].tolist() == pytest.approx([10.0])
    assert errors["2D MSE"].tolist() == pytest.approx([1.0])
    twice = frame_errors_2d(found, truth, (100, 200))
    assert all(torch.equal(twice[name], value) for name, value in errors.items())
