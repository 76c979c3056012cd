"""The network of `decoder.cat_attention`.

Axes: N frames, P patches, W token of the decoder.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...core.errors import ShapeError
from ...core.interfaces import Context
from ...networks.positions import Rotation
from ...networks.token_weights import load_tokens
from ...networks.transformer import Block
from .cat_attention import CatAttentionOptions
from .completion_net import MASK_STD, Completion


class CatAttentionDecoder(Completion):
    """Plain blocks over both images' tokens, of which the masked frame's are kept."""

    def __init__(self, options: CatAttentionOptions, context: Context) -> None:
        super().__init__(options, context)
        width, depth, heads = options.size
        self.image_ids = nn.Parameter(torch.empty(2, width))
        self.dec_blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.start()
        nn.init.normal_(self.image_ids, std=MASK_STD)
        load_tokens(self, options.weights, "decoder")

    def run(self, x_NPW: Tensor, memory_NPW: Tensor | None) -> Tensor:
        """Both sequences through the blocks, the first of them (N, P, W).

        Raises:
            ShapeError: When there is no second one.
        """
        if memory_NPW is None:
            raise ShapeError("memory is missing: this decoder always sees two images")
        both = torch.cat((x_NPW + self.image_ids[0], memory_NPW + self.image_ids[1]), dim=1)
        rotation = self.positions.rotation()
        if rotation is not None:
            rotation = Rotation(*(part.repeat(1, 1, 2, 1) for part in rotation))
        for block in self.dec_blocks:
            both = block(both, rotation)
        return both[:, : self.patches]
