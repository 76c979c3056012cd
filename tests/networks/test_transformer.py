"""Blocks of transformers: as timm's where they do the same, and what attention to a second sequence adds."""

import pytest
import torch
from timm.layers import PatchEmbed as TimmPatchEmbed
from timm.models.vision_transformer import Block as TimmBlock
from torch import nn

from poserep.core.errors import ConfigError
from poserep.networks.patches import patchify
from poserep.networks.positions import Positions, Rotation
from poserep.networks.transformer import (
    Attention,
    Block,
    CrossAttention,
    CrossBlock,
    LayerNorm,
    PatchEmbed,
    check_heads,
    initialise,
)

WIDTH, HEADS = 16, 2


def test_a_block_is_timms_block_given_the_same_weights() -> None:
    torch.manual_seed(0)
    theirs = TimmBlock(WIDTH, HEADS, qkv_bias=True, norm_layer=LayerNorm)
    ours = Block(WIDTH, HEADS)
    assert not any(ours.load_state_dict(theirs.state_dict()))
    x = torch.randn(2, 9, WIDTH)
    torch.testing.assert_close(ours(x), theirs(x))
    still = Rotation(torch.ones(1, 1, 9, WIDTH // HEADS), torch.zeros(1, 1, 9, WIDTH // HEADS))
    torch.testing.assert_close(ours(x, still), theirs(x))  # our own attention, turned by nothing


def test_patches_are_embedded_as_timms_convolution_does_in_any_memory_format() -> None:
    theirs, ours = TimmPatchEmbed(16, 4, 3, WIDTH), PatchEmbed(4, WIDTH)
    ours.load_state_dict(theirs.state_dict())
    image = torch.rand(2, 3, 16, 16)
    torch.testing.assert_close(ours(patchify(image, 4)), theirs(image))
    torch.testing.assert_close(ours.to(memory_format=torch.channels_last)(patchify(image, 4)), theirs(image))


def test_cross_attention_to_the_same_sequence_is_attention() -> None:
    own, cross = Attention(WIDTH, HEADS, qkv_bias=True), CrossAttention(WIDTH, HEADS)
    with torch.no_grad():
        weights, biases = own.qkv.weight.chunk(3), own.qkv.bias.chunk(3)
        for part, weight, bias in zip((cross.projq, cross.projk, cross.projv), weights, biases, strict=True):
            part.weight.copy_(weight)
            part.bias.copy_(bias)
        cross.proj.load_state_dict(own.proj.state_dict())
    x = torch.randn(2, 9, WIDTH)
    turn = Positions(3, WIDTH, HEADS, rotary=True).rotation()
    torch.testing.assert_close(cross(x, x, turn, turn), own(x, rotation=turn))
    torch.testing.assert_close(cross(x, x, None, None), own(x))


def test_a_hidden_key_has_no_influence() -> None:
    block = Block(WIDTH, HEADS)
    x, other = torch.randn(2, 1, 4, WIDTH)
    other[:, :3] = x[:, :3]
    mask = torch.tensor([True, True, True, False])[None, None, None]
    turn = Positions(2, WIDTH, HEADS, rotary=True).rotation()
    for rotation in (None, turn):
        torch.testing.assert_close(block(x, rotation, mask)[:, :3], block(other, rotation, mask)[:, :3])
        assert not torch.allclose(block(x, rotation)[:, :3], block(other, rotation)[:, :3])


def test_the_second_sequence_comes_in_through_cross_attention_alone() -> None:
    block = CrossBlock(WIDTH, HEADS)
    x, one, two = torch.randn(3, 2, 9, WIDTH)
    assert not torch.allclose(block(x, one), block(x, two))
    nn.init.zeros_(block.cross_attn.proj.weight)
    torch.testing.assert_close(block(x, one), block(x, two))


def test_the_norm_of_the_second_sequence_can_be_left_out() -> None:
    x, memory = torch.randn(2, 2, 9, WIDTH)
    plain, normed = CrossBlock(WIDTH, HEADS, norm_memory=False), CrossBlock(WIDTH, HEADS)
    assert set(normed.state_dict()) - set(plain.state_dict()) == {"norm_y.weight", "norm_y.bias"}
    torch.testing.assert_close(normed(x, memory), normed(x, 5 * memory + 1), atol=1e-4, rtol=1e-4)
    assert not torch.allclose(plain(x, memory), plain(x, 5 * memory + 1), atol=1e-2)


def test_first_weights_are_xaviers_and_biases_zero() -> None:
    torch.manual_seed(0)
    linear, patches = nn.Linear(100, 50), PatchEmbed(4, 80)
    linear.apply(initialise)
    patches.apply(initialise)
    assert not linear.bias.any()
    assert float(linear.weight.detach().abs().max()) == pytest.approx((6 / 150) ** 0.5, rel=0.02)
    assert float(patches.proj.weight.detach().abs().max()) == pytest.approx((6 / (48 + 80)) ** 0.5, rel=0.02)


def test_heads_that_do_not_share_a_width_are_refused() -> None:
    with pytest.raises(ConfigError, match="width = 10 does not divide among 4 heads"):
        check_heads(10, 4)
