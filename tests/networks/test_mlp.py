import torch
from torch import nn

from poserep.core.ranks import RowDropout
from poserep.networks.mlp import ResidualBlock, mlp, resnet_mlp


def test_layers_come_in_the_order_linear_relu_norm_dropout() -> None:
    kinds = [type(part) for part in mlp(3, 2, hidden=8, layers=1, dropout=0.5)]
    assert kinds == [nn.Linear, nn.ReLU, nn.BatchNorm1d, RowDropout, nn.Linear]


def test_no_hidden_layer_is_a_linear_map() -> None:
    assert [type(part) for part in mlp(3, 2, hidden=8, layers=0, dropout=0.5)] == [nn.Linear]


def test_a_block_whose_layers_give_nothing_passes_its_input() -> None:
    block = ResidualBlock(4, dropout=0.0).eval()
    for parameter in block.layers[1].parameters():
        nn.init.zeros_(parameter)
    x = torch.randn(3, 4)
    assert torch.equal(block(x), x)


def test_a_residual_perceptron_has_the_blocks_asked_for() -> None:
    network = resnet_mlp(3, 2, width=8, blocks=4, dropout=0.5)
    assert sum(isinstance(part, ResidualBlock) for part in network) == 4
    assert network(torch.randn(5, 3)).shape == (5, 2)


def test_gradient_of_a_block_is_right() -> None:
    torch.manual_seed(0)
    block = ResidualBlock(4, dropout=0.0).double().eval()
    assert torch.autograd.gradcheck(block, torch.randn(2, 4, dtype=torch.float64, requires_grad=True))
