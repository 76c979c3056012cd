import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from poserep.core.errors import ConfigError, ShapeError
from poserep.core.interfaces import Context
from poserep.plugins.exchanges.permute_invariant import PermuteInvariantOptions, build


def stage(redraw: int = 0) -> torch.nn.Module:
    return build(PermuteInvariantOptions(redraw=redraw), Context(crop_size=8))


def labelled(tuples: int, frames: int) -> torch.Tensor:
    """Latents that tell where they are from: (tuple, frame)."""
    grid = torch.meshgrid(torch.arange(tuples), torch.arange(frames), indexing="ij")
    return torch.stack(grid, dim=-1).float()


@given(st.integers(1, 6), st.integers(2, 6), st.data(), st.integers(0, 2**31))
def test_the_invariant_latent_is_never_the_frames_own_and_never_another_clips(
    tuples: int, frames: int, data: st.DataObject, seed: int
) -> None:
    redraw = data.draw(st.integers(0, frames))
    torch.manual_seed(seed)
    latents = labelled(tuples, frames)
    out = stage(redraw)(variant=latents, invariant=latents)
    assert out["target"].shape == (tuples, redraw or frames)
    clip, frame = out["decode_invariant"].unbind(-1)
    assert torch.equal(clip, torch.arange(tuples).float()[:, None].expand_as(clip))
    assert bool((frame != out["target"]).all())


@given(st.integers(2, 6), st.integers(0, 2**31))
def test_the_variant_latent_stays_with_its_frame(frames: int, seed: int) -> None:
    torch.manual_seed(seed)
    latents = labelled(3, frames)
    out = stage()(variant=latents, invariant=latents)
    assert torch.equal(out["decode_variant"], latents)
    assert torch.equal(out["decode_variant"][..., 1], out["target"].float())


def test_every_other_frame_lends_its_latent_equally_often() -> None:
    torch.manual_seed(0)
    latents = labelled(3000, 4)
    moved = (stage()(variant=latents, invariant=latents)["decode_invariant"] - latents)[:, 0, 1].long()
    assert torch.bincount(moved) / 3000 == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3], abs=0.05)


def test_evaluation_keeps_all_frames_and_their_own_latents() -> None:
    latents = labelled(3, 4)
    out = stage(redraw=2).eval()(variant=latents, invariant=latents)
    assert torch.equal(out["decode_invariant"], latents)
    assert torch.equal(out["target"], torch.arange(4).expand(3, 4))


def test_gradient_goes_back_to_every_frame_once() -> None:
    torch.manual_seed(0)
    invariant = torch.zeros(2, 3, 1, requires_grad=True)
    out = stage()(variant=labelled(2, 3), invariant=invariant)
    out["decode_invariant"].sum().backward()
    assert torch.equal(invariant.grad, torch.ones(2, 3, 1))


def test_a_tuple_of_one_frame_is_refused() -> None:
    with pytest.raises(ConfigError, match="no other frame"):
        stage()(variant=torch.zeros(2, 1, 3), invariant=torch.zeros(2, 1, 3))


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match="T is 3 here, but 4"):
        stage()(variant=torch.zeros(2, 4, 3), invariant=torch.zeros(2, 3, 3))


def test_several_subjects_are_refused_because_none_is_known_again() -> None:
    with pytest.raises(ConfigError, match="made for one subject in a frame, but the detector finds 2"):
        build(PermuteInvariantOptions(), Context(crop_size=8, facts={"subjects": 2}))
