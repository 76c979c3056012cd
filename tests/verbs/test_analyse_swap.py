import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from poserep.cli import app
from poserep.core.errors import ConfigError, DataError, ShapeError
from poserep.core.measurement import Protocol
from poserep.core.probe import collect, frames_of
from poserep.verbs.analyse_swap import (
    OWN,
    QUANTILES,
    Swapped,
    colour_distance,
    colour_quantiles,
    mask_iou,
    numbers,
    swap_command,
    swap_matrix,
)
from poserep.verbs.probe import Ledger
from poserep.verbs.samples import differing
from poserep.verbs.session import open_session

PROTOCOL = Protocol("studio", "none", "none", "test", "", 1)


def uniform(red: float, green: float, blue: float, size: int = 8) -> torch.Tensor:
    return torch.tensor([red, green, blue], dtype=torch.float32)[:, None, None].expand(3, size, size)


def square(side: int, size: int = 8) -> torch.Tensor:
    mask = torch.zeros(size, size)
    mask[:side, :side] = 1
    return mask


def swapped(iou: list[list[float]], to_look: list[list[float]], to_pose: list[list[float]]) -> Swapped:
    count = len(iou)
    frames = np.zeros((count, 3, 8, 8), np.uint8)
    matrices = {"iou": iou, "to_look": to_look, "to_pose": to_pose, "iou_other": iou}
    arrays = {name: np.array(matrix) for name, matrix in matrices.items()}
    counted = ~np.eye(count, dtype=bool)
    return Swapped(frames, frames[None].repeat(count, 0), **arrays, counted=counted, notes=("frames", "true"))


def test_the_iou_of_a_square_in_a_larger_one_is_the_ratio_of_their_areas() -> None:
    assert mask_iou(square(2), square(4)) == 0.25
    assert mask_iou(square(4), square(2)) == 0.25
    assert mask_iou(square(3), 0.6 * square(3)) == 1
    assert mask_iou(torch.zeros(8, 8), torch.zeros(8, 8)).isnan()
    with pytest.raises(ShapeError):
        mask_iou(square(2), torch.zeros(1, 8, 8))


def test_two_plain_colours_are_apart_by_their_mean_difference() -> None:
    a = colour_quantiles(uniform(0.2, 0.5, 0.9), square(3))
    b = colour_quantiles(uniform(0.5, 0.5, 0.3), square(5))

    assert a.shape == (3, QUANTILES)
    assert float(colour_distance(a, b)) == pytest.approx((0.3 + 0 + 0.6) / 3)
    assert float(colour_distance(b, a)) == pytest.approx(0.3)


@given(st.integers(0, 50))
def test_where_the_colours_lie_does_not_count(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(3, 64, generator=generator)
    shuffled = image[:, torch.randperm(64, generator=generator)]

    pair = [colour_quantiles(one.unflatten(1, (8, 8)), torch.ones(8, 8)) for one in (image, shuffled)]
    assert float(colour_distance(*pair)) == pytest.approx(0, abs=1e-6)


def test_what_is_outside_the_mask_does_not_count() -> None:
    image = uniform(0.1, 0.2, 0.3).clone()
    image[:, 4:] = 1.0
    assert float(colour_distance(colour_quantiles(image, square(4)), colour_quantiles(image, square(3)))) == 0


def test_an_empty_mask_has_no_colours() -> None:
    assert colour_quantiles(uniform(0, 0, 0), torch.zeros(8, 8)).isnan().all()


def test_half_black_half_white_is_half_away_from_black() -> None:
    half = uniform(0, 0, 0).clone()
    half[:, :4] = 1.0
    black, mask = uniform(0, 0, 0), torch.ones(8, 8)
    assert float(colour_distance(colour_quantiles(half, mask), colour_quantiles(black, mask))) == pytest.approx(0.5)


def test_means_are_over_the_pairs_that_count_and_in_which_something_is_seen() -> None:
    nan = float("nan")
    found = swapped(
        [[1, 0.5, nan], [0.7, 1, 0.6], [nan, nan, 0.8]],
        [[0, 0.1, nan], [0.3, 0, 0.2], [nan, nan, 0]],
        [[0, 0.2, nan], [0.1, 0, 0.5], [nan, nan, 0]],
    )
    rows = {(row.name, row.method): row for row in numbers(found, Ledger(PROTOCOL, Path("run")))}

    kept = rows["mask IoU with the pose donor", "swapped"]
    assert (kept.value, kept.samples) == (pytest.approx(0.6), 3)
    assert rows["colour distance from the look donor", "swapped"].value == pytest.approx(0.2)
    assert rows["share nearer to the look donor", "swapped"].value == pytest.approx(2 / 3)
    assert rows["mask IoU with the pose donor", "itself"].value == pytest.approx(2.8 / 3)


def test_nothing_to_compare_is_refused() -> None:
    found = swapped([[1.0, 1], [1, 1]], [[0.0, 0], [0, 0]], [[0.0, 0], [0, 0]])
    with pytest.raises(DataError, match="no pair"):
        numbers(replace(found, counted=np.zeros((2, 2), bool)), Ledger(PROTOCOL, Path("run")))


def test_the_diagonal_is_each_frame_redrawn_as_itself_and_its_own_pose(studio_run: Path) -> None:
    session = open_session(studio_run)
    clips = session.source.dataset.clips
    few = differing(clips, frames_of(clips, "test", 1), 4)

    found = swap_matrix(session, few)
    own = collect(session.model.pipeline, session.source, few, ("redrawn", "mask", "true_mask"), until="")
    for k in range(4):
        np.testing.assert_allclose(found.redrawn[k, k] / 255, own["redrawn"][k].clamp(0, 1), atol=0.003)
    np.testing.assert_allclose(np.diagonal(found.iou), mask_iou(own["mask"][:, 0], own["true_mask"][:, 0]))
    np.testing.assert_allclose(np.diagonal(found.iou_other), np.diagonal(found.iou))
    assert found.counted.tolist() == [[False, True] * 2, [True, False] * 2] * 2  # two subjects in turn


def test_the_command_prints_and_draws_the_matrix(studio_run: Path, tmp_path: Path) -> None:
    picture = tmp_path / "m.png"
    words = ["analyse", "swap", str(studio_run), "--count", "4", "-o", str(picture)]
    told = CliRunner().invoke(app, words)
    found = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)

    assert told.exit_code == 0, told.output
    assert "pairs of two subjects; masks against true silhouettes" in told.stdout
    assert np.shape(found["iou"]) == (4, 4)
    with Image.open(picture) as sheet:
        assert sheet.width > 5 * 256


def test_of_a_video_pairs_are_frames_and_silhouettes_its_own(video_run: Path) -> None:
    session = open_session(video_run)
    few = differing(session.source.dataset.clips, frames_of(session.source.dataset.clips, "train", 1), 3)

    found = swap_matrix(session, few)
    assert found.notes == ("frames", OWN)
    np.testing.assert_array_equal(found.counted, ~np.eye(3, dtype=bool))
    assert np.nan_to_num(np.diagonal(found.iou), nan=1.0).tolist() == [1, 1, 1]  # itself, or nothing in both


def test_a_whole_code_cannot_be_swapped(unsplit_run: Path) -> None:
    with pytest.raises(ConfigError, match="whole"):
        swap_command(unsplit_run, "", 4, None, False)
