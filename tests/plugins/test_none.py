import pytest
import torch

from poserep.core.compose import Wire, settle
from poserep.core.errors import ConfigError, ShapeError
from poserep.core.interfaces import Context, declared
from poserep.core.registry import Registry
from poserep.plugins.corruptions import none as corruption
from poserep.plugins.exchanges import none as exchange

CONTEXT = Context(crop_size=8)
NONE = exchange.NoneOptions()


def own(**options: object) -> torch.nn.Module:
    return exchange.build(exchange.NoneOptions(**options), CONTEXT)


def test_no_corruption_hands_the_crop_on() -> None:
    crop = torch.rand(1, 2, 3, 4, 4)
    assert corruption.Nothing(corruption.NoneOptions(), CONTEXT)(crop=crop)["crop_corrupted"] is crop


def test_no_exchange_hands_every_frame_its_own_latents() -> None:
    variant, invariant = torch.rand(3, 4, 5), torch.rand(3, 4, 2)
    out = own()(variant=variant, invariant=invariant)
    assert torch.equal(out["decode_variant"], variant)
    assert torch.equal(out["decode_invariant"], invariant)
    assert torch.equal(out["target"], torch.arange(4).expand(3, 4))


def test_an_unsplit_latent_comes_alone() -> None:
    assert set(own()(variant=torch.rand(3, 4, 5))) == {"decode_variant", "target"}


@pytest.mark.parametrize("split", [False, True])
def test_what_is_declared_is_what_is_read_and_written(split: bool) -> None:
    component = Registry().get("exchange", "none")
    encoder = Wire("encoder", "any", (), ("variant", "invariant") if split else ("variant",))
    exchange_wire = Wire("exchange", "none", declared(component.reads, NONE), declared(component.writes, NONE))
    _, settled = settle((encoder, exchange_wire))
    latents = {name: torch.rand(3, 4, 5) for name in settled.reads}
    assert set(own()(**latents)) == set(settled.writes)


def test_some_frames_are_redrawn_while_training_and_all_in_evaluation() -> None:
    torch.manual_seed(0)
    stage, variant = own(redraw=2), torch.rand(300, 4, 5)
    target = stage(variant=variant)["target"]
    assert target.shape == (300, 2)
    assert bool((target[:, 0] < target[:, 1]).all())
    assert torch.bincount(target.flatten()) / 600 == pytest.approx(0.25, abs=0.05)
    assert stage.eval()(variant=variant)["target"].shape == (300, 4)


def test_more_frames_than_a_tuple_has_are_refused() -> None:
    with pytest.raises(ConfigError, match="5 frames of each tuple are to be decoded, but the sampler draws 4"):
        own(redraw=5)(variant=torch.rand(3, 4, 5))


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match="B is 2 here, but 3"):
        own()(variant=torch.rand(2, 4, 5), invariant=torch.rand(3, 4, 5))


def test_of_several_subjects_all_boxes_of_the_chosen_frames_are_decoded() -> None:
    torch.manual_seed(0)
    stage = exchange.build(exchange.NoneOptions(redraw=2), Context(crop_size=8, facts={"subjects": 3}))
    variant = torch.arange(12.0).expand(5, 12)[..., None]  # four frames of three
    out = stage(variant=variant)
    assert out["target"].shape == (5, 2)
    wanted = (out["target"][..., None] * 3 + torch.arange(3)).flatten(1)
    assert torch.equal(out["decode_variant"][..., 0], wanted.float())
    assert torch.equal(stage.eval()(variant=variant)["decode_variant"], variant)
