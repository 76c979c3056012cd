import pytest
import torch

from poserep.core.errors import ShapeError
from poserep.core.interfaces import Context
from poserep.plugins.corruptions.colour_jitter import ColourJitterOptions, build
from poserep.plugins.corruptions.recolouring import RGB_TO_YIQ, chroma_basis, colour_matrix, jitter

LUMA = torch.tensor(RGB_TO_YIQ[0])
ONE, ZERO = torch.ones(1), torch.zeros(1)


def stage(**options: float) -> torch.nn.Module:
    return build(ColourJitterOptions(**options), Context(crop_size=8))


def matrix(saturation: float = 1.0, turn: float = 0.0) -> torch.Tensor:
    return colour_matrix(torch.tensor([saturation]), torch.tensor([turn]), chroma_basis().float())


def image(seed: int = 0) -> torch.Tensor:
    return torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(seed)) * 0.4 + 0.3


def grey(pixels: torch.Tensor) -> torch.Tensor:
    return torch.einsum("c,nchw->nhw", LUMA, pixels)


def test_brightness_is_a_factor_and_contrast_stretches_about_the_mean_grey() -> None:
    assert torch.allclose(jitter(image(), 1.2 * ONE, ONE, matrix()), 1.2 * image(), atol=1e-6)
    mean = grey(image()).mean()
    assert torch.allclose(jitter(image(), ONE, 0.5 * ONE, matrix()), 0.5 * image() + 0.5 * mean, atol=1e-6)
    assert torch.allclose(jitter(image(), 1.2 * ONE, ZERO, matrix()), (1.2 * mean).expand(1, 3, 4, 4), atol=1e-6)


def test_no_saturation_leaves_grey_and_double_saturation_doubles_the_distance_to_it() -> None:
    wanted = grey(image())[:, None].expand(1, 3, 4, 4)
    assert torch.allclose(jitter(image(), ONE, ONE, matrix(0.0)), wanted, atol=1e-6)
    assert torch.allclose(jitter(image(), ONE, ONE, matrix(1.5)), wanted + 1.5 * (image() - wanted), atol=1e-6)


def test_a_turn_of_hue_keeps_luma_and_greys_and_a_whole_turn_everything() -> None:
    turned = jitter(image(), ONE, ONE, matrix(turn=0.1))
    assert float((turned - image()).abs().max()) > 0.02
    assert torch.allclose(grey(turned), grey(image()), atol=1e-6)
    assert torch.allclose(matrix(turn=0.3) @ torch.ones(3), torch.ones(3), atol=1e-6)
    assert torch.allclose(matrix(turn=1.0), torch.eye(3), atol=1e-5)
    assert torch.allclose(matrix(turn=0.1) @ matrix(turn=0.2), matrix(turn=0.3), atol=1e-5)


def test_zero_strengths_and_evaluation_leave_the_crop_as_it_is() -> None:
    crop = torch.rand(2, 4, 3, 8, 8)
    still = stage(brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0)
    assert torch.allclose(still(crop=crop)["crop_corrupted"], crop, atol=1e-6)
    assert stage().eval()(crop=crop)["crop_corrupted"] is crop


def test_each_image_is_jittered_in_its_own_way_and_stays_in_range() -> None:
    torch.manual_seed(0)
    crop = torch.rand(1, 1, 3, 8, 8).expand(2, 4, 3, 8, 8)
    out = stage()(crop=crop)["crop_corrupted"]
    assert len({round(float(one.mean()), 6) for one in out.flatten(0, 1)}) == 8
    assert float(out.min()) >= 0
    assert float(out.max()) <= 1


def test_equal_seeds_jitter_equally() -> None:
    crop = torch.rand(2, 4, 3, 8, 8)
    outs = []
    for _ in range(2):
        torch.manual_seed(3)
        outs.append(stage()(crop=crop)["crop_corrupted"])
    assert torch.equal(*outs)


def test_a_share_of_tuples_is_jittered_alike_in_all_images() -> None:
    crop = torch.rand(1, 1, 3, 8, 8).expand(400, 2, 3, 8, 8)
    for share in (0.0, 0.25, 1.0):
        torch.manual_seed(0)
        out = stage(asymmetric=share)(crop=crop)["crop_corrupted"]
        own = (out[:, 0] - out[:, 1]).abs().amax(dim=(1, 2, 3)) > 1e-4
        assert float(own.float().mean()) == pytest.approx(share, abs=0.06)
        assert len({round(float(one.mean()), 6) for one in out[:, 0]}) > 300  # tuples differ from each other


def test_images_jittered_alike_are_jittered_as_the_first_would_be_alone() -> None:
    crop = torch.rand(3, 2, 3, 8, 8)
    outs = []
    for share in (0.0, 1.0):
        torch.manual_seed(5)
        outs.append(stage(asymmetric=share)(crop=crop)["crop_corrupted"])
    assert torch.equal(outs[0][:, 0], outs[1][:, 0])
    assert not torch.equal(outs[0][:, 1], outs[1][:, 1])


def test_gradient_to_the_crop_is_right() -> None:
    crop = image().double().requires_grad_()
    mixing = colour_matrix(torch.tensor([1.2]).double(), torch.tensor([0.05]).double(), chroma_basis())
    one = torch.ones(1, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: jitter(x, 0.9 * one, 1.1 * one, mixing), crop)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match="crop: expected"):
        stage()(crop=torch.zeros(4, 3, 8, 8))
