"""The patch mask: how many patches each policy hides, of whom, and what evaluation leaves alone."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from poserep.core.errors import ConfigError, ShapeError
from poserep.core.interfaces import Context, Roles
from poserep.core.ranks import uniform_rows
from poserep.networks.trunk import IMAGENET_MEAN
from poserep.plugins.corruptions.patch_mask import PatchMaskOptions, build, facts, reads, writes
from poserep.plugins.corruptions.patch_mask_net import hidden_in_all, hidden_of_person, hide, visible_patches

ROLES = Roles(("reference", "target"))
CONTEXT = Context(crop_size=32, facts={"patch": 8})
POLICIES = ("stratified", "foreground_first", "background_hidden", "uniform")


def counts(policy: str, person: list[int], patches: int, ratio: float = 0.75, **options: Any) -> list[int]:
    chosen = PatchMaskOptions(policy=policy, ratio=ratio, **options)
    found: list[int] = hidden_of_person(chosen, torch.tensor([person]), patches)[0].tolist()
    return found


def batch(person: float = 0.5, tuples: int = 3) -> dict[str, Any]:
    """Crops of the whole frame of which the upper part is the person's."""
    mask = torch.zeros(tuples, 2, 1, 32, 32)
    mask[..., : round(32 * person), :] = 1
    box = torch.tensor([1.0, 1.0, 0.0, 0.0]).expand(tuples, 2, 4)
    return {"crop": torch.rand(tuples, 2, 3, 32, 32), "roles": ROLES, "box": box, "true_mask": mask}


def test_counts_worked_out_by_hand() -> None:
    assert hidden_in_all(0.9, 196) == 176  # of 224 pixels in patches of 16, 20 stay visible
    assert hidden_in_all(0.75, 36) == 27
    assert hidden_in_all(0.29, 100) == 29
    # of 36 patches 27 are hidden; of the person's, three quarters, rounded half up
    assert counts("stratified", [0, 8, 10, 36], 36) == [0, 6, 8, 27]
    # 27 others are not enough for 27 hidden ones beside 2 of the person's; 30 of 36 take at least 21
    assert counts("stratified", [9, 30], 36, ratio=0.75) == [7, 23]
    assert counts("foreground_first", [3, 10, 36], 36, keep=4) == [0, 6, 27]
    assert counts("foreground_first", [34], 36, keep=20) == [25]  # but 2 others, so that 25 must be the person's
    assert counts("background_hidden", [1, 2, 8, 36], 36) == [0, 1, 6, 27]


@settings(max_examples=60, deadline=None)
@given(
    policy=st.sampled_from(("stratified", "foreground_first", "uniform")),
    ratio=st.floats(0.05, 0.95),
    share=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_the_number_of_hidden_patches_is_constant(policy: str, ratio: float, share: float, seed: int) -> None:
    torch.manual_seed(seed)
    person = (torch.rand(4, 1, 49) < share).float()
    hidden = hide(PatchMaskOptions(policy=policy, ratio=ratio), person, torch.rand(4, 1, 49))
    assert hidden.sum(-1).unique().tolist() == [hidden_in_all(ratio, 49)]


@settings(max_examples=60, deadline=None)
@given(ratio=st.floats(0.05, 0.95), share=st.floats(0, 1), seed=st.integers(0, 99))
def test_the_share_of_the_person_is_exact_where_it_is_stratified(ratio: float, share: float, seed: int) -> None:
    torch.manual_seed(seed)
    person = (torch.rand(4, 1, 49) < share).float()
    hidden = hide(PatchMaskOptions(ratio=ratio), person, torch.rand(4, 1, 49))
    of_person = (hidden * person).sum(-1)
    assert bool(((of_person - ratio * person.sum(-1)).abs() <= 1).all())  # by rounding up and down


@settings(max_examples=60, deadline=None)
@given(ratio=st.floats(0.05, 0.95), share=st.floats(0, 1), seed=st.integers(0, 99))
def test_background_hidden_hides_all_others_and_leaves_something_visible(ratio: float, share: float, seed: int) -> None:
    torch.manual_seed(seed)
    person = torch.rand(4, 1, 49) < share
    hidden = hide(PatchMaskOptions(policy="background_hidden", ratio=ratio), person.float(), torch.rand(4, 1, 49))
    visible = (~hidden).sum(-1)
    assert int(visible.min()) >= 1
    assert int(visible.max()) <= 49 - hidden_in_all(ratio, 49)
    seen = person.any(-1, keepdim=True)
    assert not bool((~hidden & ~person & seen).any())


def test_visible_patches_are_ascending_and_short_lists_are_filled_up() -> None:
    hidden = torch.tensor([[[1, 0, 1, 0, 1], [1, 1, 1, 1, 0]]]).bool()
    assert visible_patches(hidden, 2).tolist() == [[[1, 3], [4, -1]]]


@pytest.mark.parametrize("policy", POLICIES)
def test_visible_and_hidden_are_the_two_parts_of_a_crop(policy: str) -> None:
    part, given_ = build(PatchMaskOptions(policy=policy), CONTEXT), batch()
    fields = {name: given_[name] for name in given_ if name in {one.rstrip("?") for one in reads(part.options)}}
    out = part(**fields)
    for visible, hidden in zip(out["visible"].flatten(0, 1), out["hidden"].flatten(0, 1), strict=True):
        assert visible[visible >= 0].tolist() == (hidden == 0).nonzero().flatten().tolist()
    assert facts(part.options)["filled"] == int((out["visible"] < 0).any())


def test_the_person_is_where_the_mask_is_after_the_crop() -> None:
    part, fields = build(PatchMaskOptions(policy="background_hidden", ratio=0.5), CONTEXT), batch(person=0.25)
    upper = part(**fields)["hidden"][:, 0].unflatten(1, (4, 4))
    assert bool((upper[:, 1:] == 1).all())
    fields["box"] = torch.tensor([1.0, 0.25, 0.0, -0.75]).expand(3, 2, 4)  # now the box holds nothing but the person
    whole = part(**fields)["hidden"]
    assert whole.sum(-1).flatten().tolist() == [8, 8, 8]


def test_evaluation_and_other_tuples_hide_nothing() -> None:
    part, fields = build(PatchMaskOptions(paint=True), CONTEXT), batch()
    for out in (part.eval()(**fields), part.train()(**fields | {"roles": Roles(("reference", "positive"))})):
        assert out["visible"].shape == (3, 0, 4)
        assert out["hidden"].shape == (3, 0, 16)
        assert torch.equal(out["crop_corrupted"], fields["crop"])


def test_paint_covers_the_hidden_patches_of_the_target_alone() -> None:
    part, fields = build(PatchMaskOptions(paint=True), CONTEXT), batch()
    out = part(**fields)
    assert torch.equal(out["crop_corrupted"][:, 0], fields["crop"][:, 0])
    hidden = out["hidden"][:, 0].unflatten(1, (4, 4)).repeat_interleave(8, 1).repeat_interleave(8, 2)[:, None] > 0
    wanted = torch.where(hidden, torch.tensor(IMAGENET_MEAN)[:, None, None], fields["crop"][:, 1])
    assert torch.equal(out["crop_corrupted"][:, 1], wanted)
    assert writes(PatchMaskOptions()) == ("visible", "hidden")


def test_several_targets_are_hidden_each_in_its_own_way_and_equal_seeds_hide_alike() -> None:
    part, fields = build(PatchMaskOptions(), CONTEXT), batch() | {"roles": Roles(("target_1", "target_2"))}
    found = []
    for _ in range(2):
        torch.manual_seed(5)
        found.append(part(**fields)["hidden"])
    assert torch.equal(*found)
    assert found[0].shape == (3, 2, 16)
    assert len({tuple(row.tolist()) for row in found[0].flatten(0, 1)}) > 3
    torch.manual_seed(5)
    noise = uniform_rows(3, 2, 16, like=fields["crop"])  # the draw that several processes share
    person = torch.zeros(3, 2, 16)
    person[..., :8] = 1
    assert torch.equal(found[0], hide(PatchMaskOptions(), person, noise).float())


def test_colours_are_changed_before_patches_are_hidden_of_each_image_by_itself() -> None:
    part, fields = build(PatchMaskOptions(colour=0.4, paint=True), CONTEXT), batch(tuples=40)
    fields["crop"] = torch.full_like(fields["crop"], 0.5)
    torch.manual_seed(0)
    out = part(**fields)
    assert writes(part.options) == ("visible", "hidden", "crop", "crop_corrupted")
    brightness = out["crop"].mean(dim=(2, 3, 4)) / 0.5  # contrast and saturation leave plain grey as it is
    assert float(brightness.min()) >= 0.6
    assert float(brightness.max()) <= 1.4
    assert float(brightness.max() - brightness.min()) > 0.75
    assert float((brightness[:, 0] - brightness[:, 1]).abs().min()) > 0
    hidden = out["hidden"][:, 0].unflatten(1, (4, 4)).repeat_interleave(8, 1).repeat_interleave(8, 2)[:, None] > 0
    shown = torch.where(hidden, 0.0, out["crop_corrupted"][:, 1] - out["crop"][:, 1])
    assert not shown.any()  # what is visible is seen in these colours, too
    torch.manual_seed(0)
    assert torch.equal(build(PatchMaskOptions(paint=True), CONTEXT)(**fields)["hidden"], out["hidden"])
    assert torch.equal(part.eval()(**fields)["crop"], fields["crop"])


def test_hue_stays_where_colours_are_changed() -> None:
    part, fields = build(PatchMaskOptions(colour=0.3, policy="uniform"), CONTEXT), batch()
    red = torch.tensor([0.6, 0.3, 0.3])[:, None, None]
    out = part(crop=red.expand_as(fields["crop"]), roles=ROLES)["crop"]
    torch.testing.assert_close(out[:, :, 1], out[:, :, 2])
    assert bool((out[:, :, 0] > out[:, :, 1]).all())


def test_the_person_is_found_in_true_colours() -> None:
    part = build(PatchMaskOptions(policy="background_hidden", ratio=0.5, colour=0.9), CONTEXT)
    fields = batch()
    del fields["true_mask"]
    background = fields["crop"].clone()
    background[..., :16, :] = (background[..., :16, :] + 0.5) % 1  # the upper half is the person
    hidden = part(**fields, background=background)["hidden"][:, 0].unflatten(1, (4, 4))
    assert bool((hidden[:, 2:] == 1).all())
    assert hidden[:, :2].sum(dim=(1, 2)).tolist() == [4, 4, 4]


def test_what_cannot_be_masked_is_refused() -> None:
    with pytest.raises(ConfigError, match="the encoder has no patches"):
        build(PatchMaskOptions(), Context(32))
    with pytest.raises(ConfigError, match=r"ratio = 0.05 hides 0 of 16 patches"):
        build(PatchMaskOptions(ratio=0.05), CONTEXT)
    with pytest.raises(ConfigError, match="not a multiple of the patch's side"):
        build(PatchMaskOptions(), Context(30, {"patch": 8}))
    with pytest.raises(ShapeError, match="crop: expected"):
        build(PatchMaskOptions(policy="uniform"), CONTEXT)(crop=torch.zeros(2, 3, 32, 32), roles=ROLES)
