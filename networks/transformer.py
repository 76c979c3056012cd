"""Transformer blocks over tokens whose positions may turn queries and keys, and that may look at a second sequence.

Paper: Dosovitskiy et al., ICLR 2021, arXiv:2010.11929, in timm's building blocks; the block with a second sequence as
Armando et al., CVPR 2024, arXiv:2311.09104, take it over for completion: the second sequence is never changed.

Axes: N pictures, S tokens, R tokens of the second sequence, D channels, A heads, E channels of a head.
"""

from __future__ import annotations

from functools import partial

from timm.layers.attention import Attention as TimmAttention
from timm.layers.mlp import Mlp
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.errors import ConfigError
from .positions import Rotation, rotate

LayerNorm = partial(nn.LayerNorm, eps=1e-6)
MLP_RATIO = 4


def check_heads(width: int, heads: int) -> None:
    """Refuse a width that heads cannot share.

    Raises:
        ConfigError: When it does not divide.
    """
    if width % heads:
        raise ConfigError(f"width = {width} does not divide among {heads} heads")


class Attention(TimmAttention):
    """timm's attention, whose queries and keys may be turned by their positions."""

    def forward(
        self, x: Tensor, attn_mask: Tensor | None = None, is_causal: bool = False, rotation: Rotation | None = None
    ) -> Tensor:
        """(N, S, D) to (N, S, D); with a mask (N, 1, 1, S) only keys where it is true count."""
        if rotation is None:
            plain: Tensor = super().forward(x, attn_mask=attn_mask, is_causal=is_causal)
            return plain
        qkv = self.qkv(x).unflatten(-1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        q, k = rotate(q, rotation), rotate(k, rotation)
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=attn_mask)
        out: Tensor = self.proj(seen.transpose(1, 2).flatten(2))
        return out


class CrossAttention(nn.Module):
    """Queries of one sequence, keys and values of another."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.projq, self.projk, self.projv, self.proj = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x_NSD: Tensor, memory_NRD: Tensor, here: Rotation | None, there: Rotation | None) -> Tensor:
        """(N, S, D) of x (N, S, D) and memory (N, R, D); ``here`` turns the queries, ``there`` the keys."""
        q = self.projq(x_NSD).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        k, v = (
            project(memory_NRD).unflatten(-1, (self.heads, -1)).transpose(1, 2) for project in (self.projk, self.projv)
        )
        if here is not None and there is not None:
            q, k = rotate(q, here), rotate(k, there)
        seen = F.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.proj(seen.transpose(1, 2).flatten(2))
        return out


class Block(nn.Module):
    """Attention among tokens and a perceptron, each after a norm and added."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = LayerNorm(width)
        self.attn = Attention(width, heads, qkv_bias=True)
        self.norm2 = LayerNorm(width)
        self.mlp = Mlp(width, MLP_RATIO * width)

    def forward(self, x_NSD: Tensor, rotation: Rotation | None = None, mask: Tensor | None = None) -> Tensor:
        """(N, S, D) to (N, S, D)."""
        x = x_NSD + self.attn(self.norm1(x_NSD), attn_mask=mask, rotation=rotation)
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class CrossBlock(nn.Module):
    """Attention among tokens, attention to a second sequence, and a perceptron, each after a norm and added."""

    def __init__(self, width: int, heads: int, norm_memory: bool = True) -> None:
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (LayerNorm(width) for _ in range(3))
        self.norm_y = LayerNorm(width) if norm_memory else nn.Identity()
        self.attn = Attention(width, heads, qkv_bias=True)
        self.cross_attn = CrossAttention(width, heads)
        self.mlp = Mlp(width, MLP_RATIO * width)

    def forward(self, x_NSD: Tensor, memory_NRD: Tensor, rotation: Rotation | None = None) -> Tensor:
        """(N, S, D) of x (N, S, D) and memory (N, R, D), whose places ``rotation`` tells, being the same of both."""
        x = x_NSD + self.attn(self.norm1(x_NSD), rotation=rotation)
        x = x + self.cross_attn(self.norm2(x), self.norm_y(memory_NRD), rotation, rotation)
        out: Tensor = x + self.mlp(self.norm3(x))
        return out


class PatchEmbed(nn.Module):
    """Patches to tokens. The weight is that of a convolution whose stride is the patch, as weight files have it."""

    def __init__(self, patch: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, patch)

    def forward(self, patches_NSQ: Tensor) -> Tensor:
        """(N, S, Q), Q as `networks.patches` orders it, to (N, S, D): patches that are not handed over cost nothing."""
        return F.linear(patches_NSQ, self.proj.weight.permute(0, 2, 3, 1).flatten(1), self.proj.bias)


def initialise(module: nn.Module) -> None:
    """Xavier's uniform weights, of a convolution as if it were linear, and biases of zero."""
    if isinstance(module, nn.Linear | nn.Conv2d):
        flat = module.weight.data.flatten(1)
        nn.init.xavier_uniform_(flat)
        module.weight.data.copy_(flat.view(module.weight.shape))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
