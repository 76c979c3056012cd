import pytest
import torch

from poserep.core.errors import ConfigError, ShapeError
from poserep.core.interfaces import Context
from poserep.plugins.losses.content_similarity import ContentSimilarity, ContentSimilarityOptions, content_distance

LOSS = ContentSimilarity(ContentSimilarityOptions(), Context(crop_size=8))
ONE = torch.zeros(1, 3, dtype=torch.int64)


def test_the_mean_is_over_pairs_and_numbers_of_the_latent() -> None:
    invariant = torch.tensor([[[0.0, 0.0], [2.0, 0.0], [0.0, 4.0]]])
    assert float(content_distance(invariant, ONE)) == pytest.approx((4 / 2 + 16 / 2 + 20 / 2) / 3)


def test_frames_of_two_clips_are_no_pair() -> None:
    invariant = torch.tensor([[[0.0], [3.0], [50.0]], [[1.0], [2.0], [3.0]]])
    clip = torch.tensor([[7, 7, 8], [1, 2, 3]])
    assert content_distance(invariant, clip).tolist() == [9.0, 0.0]


def test_what_all_latents_of_a_clip_share_does_not_matter() -> None:
    torch.manual_seed(0)
    invariant, clip = torch.randn(4, 3, 5), torch.arange(4)[:, None].expand(4, 3)
    order = [2, 0, 1]
    assert torch.allclose(
        content_distance(invariant, clip), content_distance(invariant[:, order] + torch.randn(4, 1, 5), clip), atol=1e-5
    )


def test_equal_latents_cost_nothing() -> None:
    assert float(LOSS(invariant=torch.ones(2, 3, 4), clip=ONE.expand(2, 3))) == 0


def test_gradient_moves_the_first_of_each_pair_and_holds_the_second() -> None:
    invariant = torch.tensor([[[0.0], [1.0]]], requires_grad=True)
    content_distance(invariant, ONE[:, :2]).sum().backward()
    # both directions count half; were the second not held, each gradient would be twice as large
    assert invariant.grad.flatten().tolist() == [-1.0, 1.0]


def test_gradient_is_right_up_to_what_is_held() -> None:
    torch.manual_seed(0)
    invariant = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    clip = ONE.expand(2, 3)

    class Doubled(torch.autograd.Function):
        """Each latent is the moving one in half of its pairs, so the whole gradient is twice the sent one."""

        @staticmethod
        def forward(ctx: object, x: torch.Tensor) -> torch.Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: object, grad: torch.Tensor) -> torch.Tensor:
            return 2 * grad

    assert torch.autograd.gradcheck(lambda x: content_distance(Doubled.apply(x), clip), invariant)


def test_other_shapes_and_lonely_frames_are_refused() -> None:
    with pytest.raises(ShapeError, match="clip: expected"):
        LOSS(invariant=torch.zeros(2, 3, 4), clip=torch.zeros(2, 4))
    with pytest.raises(ConfigError, match="tuples of one frame"):
        LOSS(invariant=torch.zeros(2, 1, 4), clip=torch.zeros(2, 1))
