"""The network of `decoder.cross_attention`.

Axes: N frames, P patches, W token of the decoder.
"""

from __future__ import annotations

from torch import Tensor, nn

from ...core.interfaces import Context
from ...networks.token_weights import load_tokens
from ...networks.transformer import Block, CrossBlock
from .completion_net import Completion
from .cross_attention import CrossAttentionOptions


class CrossAttentionDecoder(Completion):
    """Blocks that look at the reference; or that do not, and then at nothing but the frame itself."""

    def __init__(self, options: CrossAttentionOptions, context: Context) -> None:
        super().__init__(options, context)
        width, depth, heads = options.size
        blocks = (
            CrossBlock(width, heads, options.norm_memory) if options.reference else Block(width, heads)
            for _ in range(depth)
        )
        self.dec_blocks = nn.ModuleList(blocks)
        self.start()
        load_tokens(self, options.weights, "decoder")

    def run(self, x_NPW: Tensor, memory_NPW: Tensor | None) -> Tensor:
        """Full sequences through the blocks, (N, P, W)."""
        rotation = self.positions.rotation()
        for block in self.dec_blocks:
            x_NPW = block(x_NPW, rotation) if memory_NPW is None else block(x_NPW, memory_NPW, rotation)
        return x_NPW
