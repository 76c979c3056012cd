import pytest
import torch

from poserep.core.interfaces import Context
from poserep.plugins.heads import linear, mlp, resnet_mlp

CONTEXT = Context(crop_size=8, facts={"features": 6, "outputs": 51})
HEADS = [
    linear.build(linear.LinearOptions(), CONTEXT),
    mlp.build(mlp.MLPOptions(hidden=16), CONTEXT),
    resnet_mlp.build(resnet_mlp.ResNetMLPOptions(width=16), CONTEXT),
]


@pytest.mark.parametrize("head", HEADS)
def test_a_head_maps_features_to_outputs_and_learns_from_them(head: torch.nn.Module) -> None:
    features = torch.randn(4, 6, requires_grad=True)
    out = head(features)
    assert out.shape == (4, 51)
    out.square().sum().backward()
    assert features.grad is not None
    assert all(parameter.grad is not None for parameter in head.parameters())


@pytest.mark.parametrize("head", HEADS)
def test_a_head_gives_each_frame_its_own_answer_in_evaluation(head: torch.nn.Module) -> None:
    head.eval()
    features = torch.randn(4, 6)
    assert torch.allclose(head(features)[2:3], head(features[2:3]), atol=1e-6)


def test_the_perceptron_has_the_papers_size() -> None:
    head = mlp.build(mlp.MLPOptions(), Context(crop_size=8, facts={"features": 600, "outputs": 51}))
    weights = [tuple(p.shape) for p in head.parameters() if p.ndim == 2]
    assert weights == [(2048, 600), (2048, 2048), (51, 2048)]


def test_the_residual_perceptron_has_the_papers_size() -> None:
    head = resnet_mlp.build(resnet_mlp.ResNetMLPOptions(), Context(crop_size=8, facts={"features": 600, "outputs": 51}))
    weights = [tuple(p.shape) for p in head.parameters() if p.ndim == 2]
    assert weights == [(1024, 600), *[(1024, 1024)] * 6, (51, 1024)]
