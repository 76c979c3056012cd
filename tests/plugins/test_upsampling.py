import pytest
import torch

from poserep.core.errors import ConfigError
from poserep.core.interfaces import Context
from poserep.plugins.decoders.upsampling import UpsamplingOptions
from poserep.plugins.decoders.upsampling_net import UpsamplingDecoder, mask_of

SPLIT = Context(16, {"variant": 6, "invariant": 4})
WHOLE = Context(16, {"variant": 6, "invariant": 0})


def decoder(context: Context = SPLIT, **options: object) -> UpsamplingDecoder:
    torch.manual_seed(0)
    return UpsamplingDecoder(UpsamplingOptions.model_validate({"channels": (8, 4, 4)} | options), context)


def test_a_logit_of_zero_is_half_a_mask_above_the_floor() -> None:
    # 0.2 + (1 - 0.2) * 0.5 = 0.6
    mask = mask_of(torch.zeros(1, 1, 2, 2), 0.2, None, normalise=False)
    torch.testing.assert_close(mask, torch.full((1, 1, 2, 2), 0.6))


def test_a_normalised_mask_reaches_one_however_small_it_is() -> None:
    logit = torch.tensor([[[[-6.0, -4.0]]]])
    assert float(mask_of(logit, 0.0, None, normalise=True).max()) == pytest.approx(1.0, abs=0.01)


def test_the_window_fades_the_mask_towards_the_border() -> None:
    window = torch.tensor([[1.0, 0.5]])
    mask = mask_of(torch.full((1, 1, 1, 2), 50.0), 0.0, window, normalise=False)
    torch.testing.assert_close(mask, torch.tensor([[[[1.0, 0.5]]]]))


def test_both_latents_change_what_is_drawn() -> None:
    net = decoder(dropout=0.0)
    variant, invariant = torch.randn(2, 3, 6, requires_grad=True), torch.randn(2, 3, 4, requires_grad=True)
    out = net(decode_variant=variant, decode_invariant=invariant)
    assert out["crop_decoded"].shape == (2, 3, 3, 16, 16)
    assert out["mask_decoded"].shape == (2, 3, 1, 16, 16)
    (out["crop_decoded"].square().sum() + out["mask_decoded"].sum()).backward()
    assert variant.grad is not None
    assert invariant.grad is not None
    assert float(variant.grad.abs().sum()) > 0
    assert float(invariant.grad.abs().sum()) > 0


def test_a_whole_code_needs_no_invariant_part() -> None:
    assert set(decoder(WHOLE)(decode_variant=torch.randn(2, 1, 6))) == {"crop_decoded", "mask_decoded"}


def test_the_first_layers_keep_the_variance_of_their_input() -> None:
    net = decoder(dropout=0.0, channels=(64, 32, 16))
    maps = net.variant_map(torch.randn(64, 1, 6))
    with torch.no_grad():
        ratio = net.stages(torch.cat((maps, maps), dim=1)).square().mean() / maps.square().mean()
    assert 0.1 < float(ratio) < 10  # torch's own initialisation leaves less than 0.01


def test_dropout_is_off_in_evaluation() -> None:
    net = decoder(dropout=0.5).eval()
    latents = {"decode_variant": torch.randn(2, 1, 6), "decode_invariant": torch.randn(2, 1, 4)}
    torch.testing.assert_close(net(**latents)["crop_decoded"], net(**latents)["crop_decoded"])


def test_a_crop_that_cannot_be_halved_often_enough_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        decoder(Context(18, {"variant": 6, "invariant": 4}))
    assert caught.value.what == "crop_size = 18 is not a multiple of 4, as decoder.channels asks for"
    assert caught.value.hint == "16 would do, or another number of channels"
