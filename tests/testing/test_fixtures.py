from pathlib import Path

import numpy as np
import pytest
import torch

from poserep.core.errors import DataError
from poserep.core.fields import FIELDS, Field
from poserep.core.geometry import box_to_pixels
from poserep.testing import MovingSquare, fake_context, tiny_frames, tiny_video
from poserep.testing.fixtures import takes
from poserep.testing.inputs import HARD, harden, value

ROLES = ("reference", "positive", "negative")


def test_the_moving_squares_box_is_that_of_its_mask() -> None:
    square, indices = MovingSquare(), np.arange(12)
    masks = square.labels("true_mask", 1, indices)[:, 0]
    corners = box_to_pixels(torch.from_numpy(square.labels("true_box", 1, indices)), (32, 32)).numpy()

    for mask, (left, top, right, bottom) in zip(masks, corners, strict=True):
        rows, columns = np.nonzero(mask)
        np.testing.assert_allclose([left, top], [columns.min() - 0.5, rows.min() - 0.5], atol=1e-5)
        np.testing.assert_allclose([right, bottom], [columns.max() + 0.5, rows.max() + 0.5], atol=1e-5)


def test_the_moving_square_has_no_other_label() -> None:
    with pytest.raises(DataError, match="no label 'pose'"):
        MovingSquare().labels("pose", 0, np.arange(2))


def test_files_hold_the_moving_square(tmp_path: Path) -> None:
    assert tiny_video(tmp_path).is_file()
    images = tiny_frames(tmp_path)
    assert len(list(images.glob("*/*.png"))) == len(list((tmp_path / "masks").glob("*/*.png"))) == 12


def test_takes_are_seen_by_two_cameras_and_rise_in_time() -> None:
    assert [(clip.take, clip.camera) for clip in takes()] == [
        ("walk", "left"),
        ("walk", "right"),
        ("run", "left"),
        ("run", "right"),
    ]
    assert all((np.diff(clip.times_s) > 0).all() for clip in takes())


@pytest.mark.parametrize("name", sorted(set(FIELDS) - {"roles"}))
def test_made_up_fields_have_the_vocabularys_axes(name: str) -> None:
    made = value(FIELDS[name], 5, ROLES)
    assert made.shape[0] == 5
    assert made.ndim == len(FIELDS[name].axes.split())
    if "[0, 1]" in FIELDS[name].unit:
        assert 0 <= made.min() <= made.max() <= 1


def test_a_field_of_a_package_is_made_up_from_what_its_manifest_says() -> None:
    made = value(Field("mine:depth", "B T L 1", "mm", "depth"), 2, ROLES)
    assert made.shape == (2, 3, 5, 1)


@pytest.mark.parametrize("case", HARD[:-1])
def test_hard_inputs_differ_from_ordinary_ones(case: str) -> None:
    fields = {name: value(FIELDS[name], 2, ROLES) for name in ("frame", "box", "true_mask", "target")}
    hard = harden(fields, case)
    assert any(not torch.equal(fields[name], hard[name]) for name in fields)
    assert torch.equal(fields["target"], hard["target"])


def test_the_fake_context_states_what_parts_ask_for() -> None:
    assert {"variant", "invariant", "joints"} <= set(fake_context().facts)
