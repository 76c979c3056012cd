import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from poserep.core.batches import Batches, Source
from poserep.core.errors import ConfigError, ShapeError
from poserep.core.interfaces import Context, Roles
from poserep.plugins.datasets.studio.dataset import Studio, StudioOptions
from poserep.plugins.exchanges.rotate_view import ROLES, RotateViewOptions, build
from poserep.plugins.exchanges.rotate_view_net import RotateView, match_crops, relative_rotation, turn_points
from poserep.plugins.samplers import two_view_two_time
from poserep.testing.inputs import rotations

NOW_1, NOW_2, THEN_1, THEN_2 = range(4)
QUARTER = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])  # x to y, y to -x
seeds = st.integers(0, 2**31)


def stage(width: int = 6, **options: object) -> RotateView:
    return build(RotateViewOptions.model_validate(options), Context(crop_size=8, facts={"variant": width}))


def labelled(tuples: int) -> Tensor:
    """Latents that tell where they are from: (tuple, frame, 0)."""
    grid = torch.meshgrid(torch.arange(tuples), torch.arange(4), torch.zeros(1).long(), indexing="ij")
    return torch.cat((grid[0], grid[1], grid[2]), dim=-1).float()


def run(tuples: int, seed: int = 0, **options: object) -> tuple[Tensor, Tensor, Tensor]:
    """Of each redrawn frame: target, from which frame its pose is, from which its looks; with equal cameras."""
    torch.manual_seed(seed)
    latents = labelled(tuples)
    same = torch.eye(3).expand(tuples, 4, 3, 3)
    out = stage(3, **options)(variant=latents, invariant=latents, rotation=same, roles=Roles(ROLES))
    for name in ("decode_variant", "decode_invariant"):
        assert torch.equal(out[name][..., 0], torch.arange(tuples).float()[:, None].expand_as(out["target"]))
    return out["target"], out["decode_variant"][..., 1].long(), out["decode_invariant"][..., 1].long()


# ---------------------------------------------------------------- rotation


def test_points_are_turned_from_the_source_to_the_target_camera() -> None:
    # A target camera whose axes are the world's turned a quarter, a source camera that is the world.
    turn = relative_rotation(torch.eye(3), QUARTER)
    torch.testing.assert_close(
        turn_points(torch.tensor([1.0, 0, 0, 0, 2, 5]), turn), torch.tensor([0.0, 1, 0, -2, 0, 5])
    )
    torch.testing.assert_close(relative_rotation(QUARTER, torch.eye(3)), QUARTER.mT)


@given(seeds)
def test_equal_cameras_turn_nothing(seed: int) -> None:
    torch.manual_seed(seed)
    camera = rotations((5, 3, 3))
    torch.testing.assert_close(relative_rotation(camera, camera), torch.eye(3).expand(5, 3, 3), atol=1e-6, rtol=0)


@given(seeds)
def test_from_a_to_b_to_c_is_from_a_to_c(seed: int) -> None:
    torch.manual_seed(seed)
    a, b, c = rotations((3, 3, 3)).double()
    latent = torch.randn(12, dtype=torch.float64)
    both = turn_points(turn_points(latent, relative_rotation(a, b)), relative_rotation(b, c))
    torch.testing.assert_close(both, turn_points(latent, relative_rotation(a, c)), atol=1e-5, rtol=0)


@given(seeds)
def test_a_turn_keeps_every_distance_and_every_hand(seed: int) -> None:
    torch.manual_seed(seed)
    latent = torch.randn(9)
    turned = turn_points(latent, relative_rotation(*rotations((2, 3, 3)))).view(3, 3)
    before, after = latent.view(3, 3), turned
    torch.testing.assert_close(torch.cdist(before, before), torch.cdist(after, after), atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(before), torch.linalg.det(after), atol=1e-5, rtol=0)


def test_gradients_of_latents_and_rotations_are_right() -> None:
    torch.manual_seed(0)
    latent = torch.randn(2, 6, dtype=torch.float64, requires_grad=True)
    cameras = rotations((2, 2, 3, 3)).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x, r: turn_points(x, relative_rotation(*r)), (latent, cameras))


def test_mixed_precision_rounds_no_rotation() -> None:
    torch.manual_seed(0)
    latent, one, two = torch.randn(4, 6), *rotations((2, 4, 3, 3))
    exact = turn_points(latent, relative_rotation(one, two))
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(turn_points(latent, relative_rotation(one, two)), exact, atol=0, rtol=0)


def test_a_pose_seen_by_one_camera_becomes_the_pose_that_the_other_sees() -> None:
    """The true poses of the studio as latents: sampler, labels and exchange agree on what a camera is."""
    options = StudioOptions(
        subjects=2, validation_subjects=0, test_subjects=0, actions=("gait",), seconds=2.0, cameras=3, size=16
    )
    context = Context(crop_size=8, facts={"variant": 51})
    studio = Studio(options, context)
    sampler = two_view_two_time.TwoViewTwoTime(two_view_two_time.TwoViewTwoTimeOptions(), context)
    sampler.prepare(studio.clips, np.arange(len(studio.clips)))
    batch = Batches(Source(studio, None, frozenset(("pose", "rotation"))), sampler, 16, seed=0).at(0)
    pose = batch["pose"].flatten(2)
    torch.manual_seed(0)
    out = stage(51, other_view=1.0)(variant=pose, invariant=pose, rotation=batch["rotation"], roles=batch["roles"])
    assert (pose[:, NOW_1] - pose[:, NOW_2]).abs().mean() > 50  # mm: the views differ
    torch.testing.assert_close(out["decode_variant"], pose, atol=0.01, rtol=0)
    assert two_view_two_time.ROLES == ROLES


# ---------------------------------------------------------------- exchange


def test_views_of_a_moment_are_exchanged_together_or_not_at_all() -> None:
    target, pose, _ = run(2000)
    assert torch.equal(target, torch.arange(4).expand(2000, 4))
    kept = pose == target
    assert torch.equal(kept[:, NOW_1], kept[:, NOW_2])
    assert torch.equal(kept[:, THEN_1], kept[:, THEN_2])
    assert torch.equal(pose[~kept], torch.tensor([NOW_2, NOW_1, THEN_2, THEN_1]).expand(2000, 4)[~kept])
    counts = torch.bincount(kept[:, NOW_1] + 2 * kept[:, THEN_1])  # each moment by itself
    assert counts / 2000 == pytest.approx([0.25] * 4, abs=0.05)


def test_the_probability_of_the_other_view_is_an_option() -> None:
    target, pose, _ = run(50, other_view=0.0)
    assert torch.equal(pose, target)
    _, pose, _ = run(50, other_view=1.0)
    assert torch.equal(pose, torch.tensor([NOW_2, NOW_1, THEN_2, THEN_1]).expand(50, 4))


def test_looks_come_from_the_other_moment_by_either_camera() -> None:
    _, _, looks = run(2000)
    assert set(looks[:, :2].unique().tolist()) == {THEN_1, THEN_2}
    assert set(looks[:, 2:].unique().tolist()) == {NOW_1, NOW_2}
    assert bool((looks[:, NOW_1] != looks[:, NOW_2]).all())
    assert float((looks[:, NOW_1] == THEN_1).float().mean()) == pytest.approx(0.5, abs=0.05)


@given(st.integers(1, 4), seeds)
def test_fewer_frames_are_redrawn_where_asked_for(redraw: int, seed: int) -> None:
    target, pose, looks = run(3, seed, redraw=redraw)
    assert target.shape == pose.shape == looks.shape == (3, redraw)
    assert torch.equal(pose // 2, target // 2)
    assert torch.equal(looks // 2, 1 - target // 2)


def test_roles_may_stand_in_any_order() -> None:
    latents, same = labelled(1), torch.eye(3).expand(1, 4, 3, 3)
    roles = Roles(("now_1", "then_1", "now_2", "then_2"))
    out = stage(3, other_view=1.0)(variant=latents, invariant=latents, rotation=same, roles=roles)
    assert out["decode_variant"][0, :, 1].tolist() == [2, 3, 0, 1]
    assert set(out["decode_invariant"][0, [0, 2], 1].tolist()) == {1, 3}


def test_evaluation_keeps_all_frames_and_their_own_latents() -> None:
    torch.manual_seed(0)
    variant, invariant, camera = torch.randn(3, 1, 6), torch.randn(3, 1, 4), rotations((3, 1, 3, 3))
    out = stage(redraw=2).eval()(variant=variant, invariant=invariant, rotation=camera, roles=Roles(("frame",)))
    assert torch.equal(out["decode_variant"], variant)
    assert torch.equal(out["decode_invariant"], invariant)
    assert torch.equal(out["target"], torch.zeros(3, 1).long())


def test_gradient_goes_back_to_every_frame_at_its_length() -> None:
    torch.manual_seed(0)
    variant, invariant = torch.zeros(2, 4, 3, requires_grad=True), torch.zeros(2, 4, 1, requires_grad=True)
    out = stage(3)(variant=variant, invariant=invariant, rotation=rotations((2, 4, 3, 3)), roles=Roles(ROLES))
    (out["decode_variant"].sum() + out["decode_invariant"].sum()).backward()
    torch.testing.assert_close(variant.grad.norm(dim=-1), torch.full((2, 4), math.sqrt(3)))
    assert torch.equal(invariant.grad, torch.ones(2, 4, 1))


# ---------------------------------------------------------------- refusals


def test_tuples_of_another_sampler_are_refused() -> None:
    latents, same = labelled(2), torch.eye(3).expand(2, 4, 3, 3)
    roles = Roles(("reference", "positive", "intermediate", "negative"))
    with pytest.raises(ConfigError) as caught:
        stage(3)(variant=latents, invariant=latents, rotation=same, roles=roles)
    assert "needs frames in the roles now_1, now_2, then_1, then_2; the sampler draws reference" in caught.value.what
    assert caught.value.hint == "use the sampler two_view_two_time"


def test_where_they_are_welcome_frames_of_other_tuples_keep_their_own_latents() -> None:
    latents, turns, ours = labelled(2), rotations((2, 4, 3, 3)), Roles(("first", "second", "third", "fourth"))
    found = stage(3, others="own")(variant=latents, invariant=latents, rotation=turns, roles=ours)
    for name in ("decode_variant", "decode_invariant"):
        torch.testing.assert_close(found[name], latents)
    views = stage(3, others="own", other_view=1.0)(
        variant=latents, invariant=latents, rotation=turns, roles=Roles(ROLES)
    )
    assert not torch.equal(views["decode_variant"], latents)


def test_a_latent_that_is_no_points_is_refused() -> None:
    with pytest.raises(ConfigError, match="has 128 numbers, no multiple of 3") as caught:
        stage(128)
    assert caught.value.hint == "126 or 129"


def test_other_shapes_are_refused() -> None:
    latents = labelled(2)
    with pytest.raises(ShapeError, match=r"rotation: expected \(B, T, 3, 3\)"):
        stage(3)(variant=latents, invariant=latents, rotation=torch.zeros(2, 4, 9), roles=Roles(ROLES))


# ---------------------------------------------------------------- several subjects


def looks(*angles: float) -> Tensor:
    """Looks of subjects that differ by the angle, in quarters of a circle, (S, 2)."""
    turn = torch.tensor(angles) * math.pi / 2
    return torch.stack((turn.cos(), turn.sin()), dim=1)


def two_people(tuples: int = 40) -> dict[str, Tensor]:
    """Two subjects whose boxes come in another order in the second view; their latents tell who they are.

    The time-variant latent is (who, frame, 0), the time-invariant one the look of who.
    """
    who_8 = torch.tensor([0, 1, 1, 0, 0, 1, 1, 0])
    frame_8 = torch.arange(4).repeat_interleave(2)
    variant = torch.stack((who_8, frame_8, torch.zeros(8)), dim=1).float().expand(tuples, 8, 3)
    return {
        "variant": variant,
        "invariant": looks(0, 1)[who_8].expand(tuples, 8, 2),
        "rotation": torch.eye(3).expand(tuples, 4, 3, 3),
        "depth": torch.zeros(tuples, 8),
    }


def test_shares_of_subjects_at_a_right_angle_are_those_computed_by_hand() -> None:
    # cosines 1 and 0: exp(10) / (exp(10) + 1) = 0.9999546, and with sharpness 2: 0.8808
    shares = match_crops(looks(0, 1), looks(1, 0), 10.0, hard=False)
    torch.testing.assert_close(shares, torch.tensor([[0.0000454, 0.9999546], [0.9999546, 0.0000454]]))
    assert float(match_crops(looks(0, 1), looks(1, 0), 2.0, hard=False)[0, 1]) == pytest.approx(0.8808, abs=1e-4)
    assert match_crops(looks(0, 1), looks(1, 0), 2.0, hard=True).tolist() == [[0, 1], [1, 0]]


@given(seeds)
def test_neither_order_nor_length_of_looks_changes_who_is_who(seed: int) -> None:
    torch.manual_seed(seed)
    here, there = torch.randn(3, 20), torch.randn(3, 20)
    shares = match_crops(here, there, 10.0, hard=False)
    torch.testing.assert_close(shares.sum(dim=-1), torch.ones(3))
    order = torch.randperm(3)
    torch.testing.assert_close(match_crops(here, there[order], 10.0, hard=False), shares[:, order])
    torch.testing.assert_close(match_crops(here[order] * 7, there, 10.0, hard=False), shares[order])


def test_only_the_first_sixteen_numbers_count() -> None:
    torch.manual_seed(0)
    here, there = torch.randn(2, 20), torch.randn(2, 20)
    other = torch.cat((there[:, :16], torch.randn(2, 4)), dim=1)
    assert torch.equal(match_crops(here, there, 10.0, hard=False), match_crops(here, other, 10.0, hard=False))


def test_the_gradient_of_the_shares_is_that_of_finite_differences() -> None:
    torch.manual_seed(0)
    here, there = (torch.randn(2, 3, 5, dtype=torch.float64, requires_grad=True) for _ in range(2))

    def shares(a: Tensor, b: Tensor) -> Tensor:
        return match_crops(a, b, 2.0, hard=False)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tensor, "float", lambda x: x)  # the looks are compared in single precision
        assert torch.autograd.gradcheck(shares, (here, there))


def test_each_box_shows_the_crop_of_the_same_person_in_the_other_view() -> None:
    torch.manual_seed(0)
    given = two_people()
    out = stage(3, other_view=1.0, sharpness=50.0)(**given, roles=Roles(ROLES))
    assert out["mix"].shape == (40, 4, 2, 2)
    assert torch.equal(out["decode_variant"][0, :, 1], torch.tensor([1.0, 1, 0, 0, 3, 3, 2, 2]))  # from the other view
    decoded = out["decode_variant"][..., :1].unflatten(1, (4, 2))
    shown = (out["mix"][..., None] * decoded[:, :, None]).sum(dim=3).flatten(1, 2)
    torch.testing.assert_close(shown, given["variant"][..., :1], atol=1e-5, rtol=0)


def test_looks_of_several_subjects_come_from_where_their_pose_comes_from() -> None:
    torch.manual_seed(0)
    given = two_people()
    given["invariant"] = given["variant"]
    out = stage(3)(**given, roles=Roles(ROLES))
    assert torch.equal(out["decode_invariant"], out["decode_variant"])
    own = out["decode_variant"][:, ::2, 1] == torch.arange(4)
    assert 0.3 < float(own.float().mean()) < 0.7
    assert torch.equal(out["mix"][own], torch.eye(2).expand(int(own.sum()), 2, 2))


def test_evaluation_keeps_each_box_and_matches_one_to_one() -> None:
    given = two_people(2)
    one = stage(3).eval()
    out = one(**given, roles=Roles(("frame",)))
    assert torch.equal(out["decode_variant"], given["variant"])
    assert torch.equal(out["target"], torch.arange(4).expand(2, 4))
    assert torch.equal(out["mix"], torch.eye(2).expand(2, 4, 2, 2))
    assert one.matches(looks(0, 1), looks(1, 0.4)).tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize("redraw", [1, 3])
def test_fewer_frames_of_several_subjects_are_redrawn_with_all_their_boxes(redraw: int) -> None:
    torch.manual_seed(0)
    out = stage(3, redraw=redraw)(**two_people(), roles=Roles(ROLES))
    assert out["target"].shape == (40, redraw)
    assert out["decode_variant"].shape == (40, 2 * redraw, 3)
    assert out["mix"].shape == (40, redraw, 2, 2)


def test_several_subjects_without_a_depth_are_refused() -> None:
    given = two_people()
    del given["depth"]
    with pytest.raises(ShapeError, match="T is 4 here, but 8 in variant"):
        stage(3)(**given, roles=Roles(ROLES))
    with pytest.raises(ShapeError, match="equally many subjects"):
        match_crops(looks(0, 1), looks(0, 1, 2), 10.0, hard=True)
