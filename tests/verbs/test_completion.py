"""Errors of completed patches, by hand."""

import pytest
import torch

from poserep.core.errors import ShapeError
from poserep.verbs.completion import foreground_psnr, masked_error, reference_gain


def test_only_hidden_patches_count() -> None:
    truth = torch.zeros(2, 3, 4)
    told = torch.tensor([[1.0, 2, 3], [5, 5, 5]])[..., None].expand(2, 3, 4)
    hidden = torch.tensor([[1.0, 0, 1], [0, 0, 0]])
    error = masked_error(told, truth, hidden)
    assert error[0].item() == pytest.approx((1 + 9) / 2)
    assert error[1].isnan()
    changed = told.clone()
    changed[0, 1] = 100
    assert masked_error(changed, truth, hidden)[0] == error[0]
    with pytest.raises(ShapeError):
        masked_error(told, truth, hidden[:, :2])


def test_noise_outside_of_the_mask_does_not_count() -> None:
    truth, mask = torch.zeros(1, 3, 2, 2), torch.tensor([[[[1.0, 1], [0, 0]]]])
    told = truth + 0.1
    assert foreground_psnr(told, truth, mask).item() == pytest.approx(20, abs=1e-4)
    told[..., 1, :] = 1.0
    assert foreground_psnr(told, truth, mask).item() == pytest.approx(20, abs=1e-4)
    assert foreground_psnr(truth, truth, mask).isposinf().all()
    with pytest.raises(ShapeError):
        foreground_psnr(told, truth, mask[:, 0])


def test_the_gain_is_a_quotient_of_means() -> None:
    gain = reference_gain(torch.tensor([2.0, 4.0]), torch.tensor([1.0, 3.0]))
    assert gain.item() == pytest.approx(1.5)
    error = torch.rand(5)
    assert reference_gain(error, error).item() == pytest.approx(1)


def test_the_error_sends_gradients_to_hidden_patches_alone() -> None:
    told = torch.rand(1, 3, 2, dtype=torch.float64, requires_grad=True)
    hidden = torch.tensor([[1.0, 0, 1]], dtype=torch.float64)
    truth = torch.zeros_like(told)
    assert torch.autograd.gradcheck(lambda x: masked_error(x, truth, hidden), (told,))
    masked_error(told, truth, hidden).sum().backward()
    assert told.grad is not None
    assert told.grad[0, 1].abs().max() == 0
