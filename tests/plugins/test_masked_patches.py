"""The loss over masked patches: its value by hand, its kinds of pairs, and which patches count."""

from typing import Any

import pytest
import torch
from torch import Tensor

from poserep.core.errors import ShapeError
from poserep.core.interfaces import Context, Roles
from poserep.networks.patches import own_scale, patchify, standardised
from poserep.plugins.losses.masked_patches import MaskedPatchesOptions, build, reads
from poserep.plugins.losses.masked_patches_net import kinds, mean_of_kinds, patch_errors

ROLES = Roles(("target", "reference"))
VIEW, POSE, BOTH = 0, 1, 2


def loss(**options: Any) -> Any:
    return build(MaskedPatchesOptions(**options), Context(16))


def fields(tuples: int = 4, seed: int = 0) -> dict[str, Any]:
    """Pairs of views and of poses in turn, of which half of the patches are hidden."""
    generator = torch.Generator().manual_seed(seed)
    crop = torch.rand(tuples, 2, 3, 16, 16, generator=generator)
    clip, time = torch.zeros(tuples, 2, dtype=torch.int64), torch.zeros(tuples, 2)
    clip[::2, 1], time[1::2, 1] = 1, 0.5
    hidden = torch.tensor([1.0, 0.0, 1.0, 0.0]).expand(tuples, 1, 4)
    decoded = torch.randn(tuples, 1, 4, 192, generator=generator)
    target = torch.zeros(tuples, 1, dtype=torch.int64)
    return {
        "crop": crop,
        "patches_decoded": decoded,
        "hidden": hidden,
        "target": target,
        "clip": clip,
        "time": time,
        "roles": ROLES,
    }


def perfect(given: dict[str, Any], normalise: bool = True, eps: float = 1e-6) -> Tensor:
    true = patchify(standardised(given["crop"][:, :1]), 8)
    mean, std = own_scale(true, eps)
    return (true - mean) / std if normalise else true


def test_a_patchs_error_worked_out_by_hand() -> None:
    true, decoded = torch.tensor([[1.0, 2.0, 6.0]]), torch.tensor([[0.0, 0.0, 2.0]])
    # mean 3 and deviation sqrt(7 + 2) = 3, so (-2/3, -1/3, 1); squares 4/9, 1/9, 1; their mean 14/27
    torch.testing.assert_close(patch_errors(decoded, true, True, 2.0), torch.tensor([14 / 27]))
    torch.testing.assert_close(patch_errors(decoded, true, False, 2.0), torch.tensor([21 / 3]))


def test_what_kind_a_pair_is_follows_from_clip_and_time() -> None:
    clip = torch.tensor([[0, 1], [0, 0], [0, 1], [0, 1]])
    time = torch.tensor([[1.0, 1.0], [1.0, 1.3], [1.0, 1.3], [1.0, 1.01]])
    target, reference = torch.zeros(4, 1, dtype=torch.int64), torch.ones(4, 1, dtype=torch.int64)
    found = kinds(clip, time, target, reference, 0.02)[..., 0]
    assert found.T.long().argmax(-1).tolist() == [VIEW, POSE, BOTH, VIEW]
    assert found.sum(0).tolist() == [1, 1, 1, 1]


def test_kinds_are_averaged_apart_whatever_their_number() -> None:
    error = torch.tensor([4.0, 2.0, 6.0, 1.0]).view(4, 1, 1)
    kind = torch.tensor([[1, 0, 0, 0], [0, 1, 1, 1], [0, 0, 0, 0]]).bool()[..., None]
    mean, number = mean_of_kinds(error, torch.ones(4, 1, 1), kind)
    assert mean.tolist() == [4, 3, 0]
    assert number.tolist() == [1, 3, 0]


@pytest.mark.parametrize("options", [{}, {"normalise": False}, {"eps": 1e-3}, {"loss_on": "all"}])
def test_perfect_patches_cost_nothing(options: dict[str, Any]) -> None:
    given = fields()
    given["patches_decoded"] = perfect(given, options.get("normalise", True), options.get("eps", 1e-6))
    assert float(loss(**options)(**given)) == pytest.approx(0, abs=1e-8)


def test_only_hidden_patches_count_unless_all_are_asked_for() -> None:
    given, other = fields(), fields()
    other["patches_decoded"] = other["patches_decoded"].clone()
    other["patches_decoded"][:, :, 1] += 1
    assert loss()(**given) == loss()(**other)
    assert loss(loss_on="all")(**given) != loss(loss_on="all")(**other)


def test_the_value_is_the_sum_of_the_views_and_the_poses_means() -> None:
    given = fields()
    error = (given["patches_decoded"] - perfect(given)).square().mean(-1)[:, 0, ::2]  # the hidden half
    wanted = error[::2].mean() + 3 * error[1::2].mean()
    torch.testing.assert_close(loss(pose=3.0)(**given), wanted)


def test_a_pairs_kind_moves_its_own_term_alone() -> None:
    given = fields()
    moved = given | {"time": given["time"].flip(0), "clip": given["clip"].flip(0)}  # views become poses, poses views
    torch.testing.assert_close(loss(view=0.0)(**given), loss(pose=0.0)(**moved))
    torch.testing.assert_close(loss(pose=0.0)(**given), loss(view=0.0)(**moved))
    torch.testing.assert_close(loss()(**given), loss()(**moved))


def test_a_kind_that_is_not_drawn_is_zero() -> None:
    given = fields()
    views = {name: value[::2] if isinstance(value, Tensor) else value for name, value in given.items()}
    assert float(loss(view=0.0)(**views)) == 0
    torch.testing.assert_close(loss()(**views), loss(pose=0.0)(**given))


def test_each_kind_is_told_apart_without_its_weight_and_as_nan_where_there_is_none() -> None:
    given, part = fields(), loss(view=2.0, pose=0.0)
    part(**given)
    assert list(part.apart) == ["view", "pose", "both"]
    torch.testing.assert_close(part.apart["view"], loss(pose=0.0)(**given))
    torch.testing.assert_close(part.apart["pose"], loss(view=0.0)(**given))
    assert not any(term.requires_grad or term.ndim for term in part.apart.values())
    part(**{name: value[1::2] if isinstance(value, Tensor) else value for name, value in given.items()})
    assert {name: bool(term.isnan()) for name, term in part.apart.items()} == {
        "view": True,
        "pose": False,
        "both": True,
    }


def whole_frame(given: dict[str, Any]) -> dict[str, Tensor]:
    """Boxes around whole frames, which are then the crops."""
    return {"box": torch.tensor([1.0, 1.0, 0.0, 0.0]).expand(4, 2, 4), "frame": given["crop"]}


def test_where_the_person_is_does_not_follow_from_changed_colours() -> None:
    given = fields()
    background = given["crop"].clone()
    background[:, 0, :, :8, :8] += 0.5  # of the target the first patch differs
    person = whole_frame(given) | {"background": background}
    part = loss(loss_on="masked_foreground")
    part(**given, **person)
    assert float(part.apart["view"]) > 0
    given["crop"] = (1.4 * given["crop"]).clamp(0, 1)  # brighter, so that all of it differs from the background
    given["patches_decoded"] = perfect(given)
    given["patches_decoded"][:, :, 2] += 1  # another hidden patch is wrong
    assert float(part(**given, **person)) == pytest.approx(0, abs=1e-8)


def test_on_the_person_only_its_hidden_patches_count() -> None:
    given, mask = fields(), torch.zeros(4, 2, 1, 16, 16)
    mask[:, 0, :, :8, :8] = 1  # the first patch of the target
    person = whole_frame(given) | {"true_mask": mask}
    part = loss(loss_on="masked_foreground")
    error = (given["patches_decoded"] - perfect(given)).square().mean(-1)[:, 0, 0]
    torch.testing.assert_close(part(**given, **person), error[::2].mean() + error[1::2].mean())
    assert float(part(**given, **person | {"true_mask": torch.zeros_like(mask)})) == 0
    assert "true_mask?" in reads(part.options)
    assert "true_mask?" not in reads(MaskedPatchesOptions())


def test_the_gradient_is_right() -> None:
    error = torch.rand(4, 1, 3, dtype=torch.float64, requires_grad=True)
    kind = torch.tensor([[1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]]).bool()[..., None]
    assert torch.autograd.gradcheck(lambda e: mean_of_kinds(e, torch.ones(4, 1, 3).double(), kind)[0].sum(), error)
    true, decoded = torch.rand(2, 5, dtype=torch.float64), torch.rand(2, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda d: patch_errors(d, true, True, 1e-6), decoded)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match="hidden: expected"):
        loss()(**fields() | {"hidden": torch.zeros(4, 1, 9)})
    with pytest.raises(ShapeError, match="crop: expected"):
        loss()(**fields() | {"crop": torch.rand(4, 2, 3, 32, 32)})
