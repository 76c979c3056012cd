"""Patches: cut and put together, normalised, completed, and how much of a person is in each."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from poserep.core.errors import ConfigError, ShapeError
from poserep.networks.patches import (
    completed,
    grid_side,
    own_scale,
    patchify,
    person_share,
    silhouette,
    standardised,
    unpatchify,
)

WHOLE = torch.tensor([1.0, 1.0, 0.0, 0.0])


def test_patches_go_row_by_row_and_their_values_pixel_by_pixel_with_the_colours_last() -> None:
    image = torch.arange(3 * 4 * 4, dtype=torch.float32).view(3, 4, 4)  # colour c, row y, column x: 16 c + 4 y + x
    patches = patchify(image, 2)
    assert patches.shape == (4, 12)
    assert patches[1].tolist() == [2, 18, 34, 3, 19, 35, 6, 22, 38, 7, 23, 39]  # top right
    assert patches[2, :3].tolist() == [8, 24, 40]  # bottom left


@given(patch=st.integers(1, 4), side=st.integers(1, 4), lead=st.lists(st.integers(1, 3), max_size=2))
def test_putting_together_undoes_cutting_apart(patch: int, side: int, lead: list[int]) -> None:
    image = torch.rand(*lead, 3, patch * side, patch * side)
    assert torch.equal(unpatchify(patchify(image, patch), patch), image)


def test_a_patchs_own_scale_is_its_mean_and_unbiased_deviation() -> None:
    mean, std = own_scale(torch.tensor([[1.0, 2.0, 6.0]]), eps=2.0)
    assert mean.item() == 3
    assert std.item() == pytest.approx(3.0)  # (4 + 1 + 9) / 2 = 7, and 7 + 2 = 9


def test_nothing_hidden_leaves_the_crop_and_perfect_patches_restore_it() -> None:
    crop = torch.rand(2, 1, 3, 8, 8)
    true = patchify(standardised(crop), 4)
    mean, std = own_scale(true, 1e-6)
    hidden = torch.tensor([1.0, 0.0, 1.0, 1.0]).expand(2, 1, 4)
    garbage = torch.randn_like(true)
    torch.testing.assert_close(completed(crop, garbage, torch.zeros(2, 1, 4)), crop)
    torch.testing.assert_close(completed(crop, (true - mean) / std, hidden), crop)
    torch.testing.assert_close(completed(crop, true, hidden, normalised=False), crop)
    shown = completed(crop, garbage, hidden)
    torch.testing.assert_close(shown[..., :4, 4:], crop[..., :4, 4:])
    assert not torch.allclose(shown[..., :4, :4], crop[..., :4, :4], atol=0.1)


def test_the_silhouette_is_read_after_the_crop() -> None:
    crop, mask = torch.rand(1, 1, 3, 4, 4), torch.zeros(1, 1, 1, 8, 8)
    mask[..., 4:, 4:] = 1
    quarter = torch.tensor([0.5, 0.5, 0.5, 0.5]).view(1, 1, 4)  # the lower right quarter of the frame
    assert torch.equal(silhouette(crop, quarter, mask), torch.ones(1, 1, 1, 4, 4))
    assert silhouette(crop, WHOLE.view(1, 1, 4), mask).mean() == pytest.approx(0.25)


def test_without_a_mask_the_silhouette_is_the_difference_to_the_background_and_else_everything() -> None:
    background = torch.full((1, 1, 3, 4, 4), 0.5)
    crop = background.clone()
    crop[..., 0, 0] = 1.0
    crop[..., 0, 1] = 0.55  # nearer than a tenth
    box = WHOLE.view(1, 1, 4)
    found = silhouette(crop, box, None, background)
    assert found[0, 0, 0, 0].tolist() == [1, 0, 0, 0]
    assert found.sum() == 1
    assert torch.equal(silhouette(crop, box), torch.ones(1, 1, 1, 4, 4))


def test_a_patchs_share_of_the_person_is_the_masks_mean() -> None:
    mask = torch.zeros(1, 4, 4)
    mask[0, 0, :3] = 1
    assert person_share(mask, 2).tolist() == [0.5, 0.25, 0, 0]


def test_what_patches_do_not_fill_is_refused() -> None:
    assert grid_side(48, 8) == 6
    with pytest.raises(ConfigError, match="crop_size = 50 is not a multiple of the patch's side, 8") as caught:
        grid_side(50, 8)
    assert "crop_size = 48 would do" in caught.value.hint
    with pytest.raises(ShapeError, match="cannot be cut into patches of 3"):
        patchify(torch.zeros(3, 4, 4), 3)
    with pytest.raises(ShapeError, match="no square of patches"):
        unpatchify(torch.zeros(3, 12), 2)
