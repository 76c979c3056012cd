"""From visible tokens to a full sequence and from there to patches: the frame of both decoders of masked frames.

Axes: B tuples, M masked frames, N = B M, P patches, S visible patches, D token of the encoder, W token of the decoder,
Q values of a patch.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from ...core.errors import ConfigError
from ...core.fields import expect
from ...core.interfaces import Context
from ...networks.patches import grid_side
from ...networks.positions import Positions
from ...networks.transformer import LayerNorm, check_heads, initialise
from .completion import CompletionOptions

MASK_STD = 0.02


def filled_up(seen_NSW: Tensor, mask_token: Tensor, visible_NS: Tensor, patches: int, gaps: bool) -> Tensor:
    """The full sequence (N, P, W): visible tokens at their places, the mask token elsewhere.

    With ``gaps``, places of -1 are no patches; what stands there is dropped.
    """
    blank_NPW = mask_token.to(seen_NSW.dtype).expand(len(seen_NSW), patches + gaps, -1)
    place_NS1 = (visible_NS.where(visible_NS >= 0, patches) if gaps else visible_NS)[..., None]
    return blank_NPW.scatter(1, place_NS1.expand_as(seen_NSW), seen_NSW)[:, :patches]


class Completion(nn.Module):
    """Embeds tokens, fills up the sequence, runs the blocks of the class that inherits, predicts patches."""

    def __init__(self, options: CompletionOptions, context: Context) -> None:
        super().__init__()
        if not {"tokens", "patch"} <= set(context.facts):
            raise ConfigError("the encoder gives no tokens", where="decoder", hint="choose the encoder vit")
        self.options, size = options, options.size
        check_heads(size.width, size.heads)
        patch = context.facts["patch"]
        side = grid_side(context.crop_size, patch)
        self.patches, self.gaps = side**2, bool(context.facts.get("filled", 0))
        turned = context.facts.get("rotary", 0) if options.positions == "encoder" else options.positions == "rope"
        self.decoder_embed = nn.Linear(context.facts["tokens"], size.width)
        self.mask_token = nn.Parameter(torch.empty(1, 1, size.width))
        self.positions = Positions(side, size.width, size.heads, bool(turned))
        self.dec_norm = LayerNorm(size.width)
        self.prediction_head = nn.Linear(size.width, 3 * patch**2)

    def start(self) -> None:
        """Draw the first weights."""
        self.apply(initialise)
        nn.init.normal_(self.mask_token, std=MASK_STD)

    @abstractmethod
    def run(self, x_NPW: Tensor, memory_NPW: Tensor | None) -> Tensor:
        """Full sequences with their positions through the blocks, (N, P, W)."""

    def features(self, tokens_visible: Tensor, visible: Tensor, memory: Tensor | None = None) -> Tensor:
        """Tokens of whole frames (B, M, P, W) before patches are predicted.

        Args:
            tokens_visible: Of the frames that are completed, (B, M, S, D).
            visible: Which patches they are, (B, M, S).
            memory: Tokens of the frame that is looked at, (B, M, P, D).
        """
        seen_NSW = self.decoder_embed(tokens_visible.flatten(0, 1))
        x_NPW = filled_up(seen_NSW, self.mask_token, visible.flatten(0, 1), self.patches, self.gaps)
        there_NPW = None if memory is None else self.positions.add(self.decoder_embed(memory.flatten(0, 1)))
        out_NPW = self.dec_norm(self.run(self.positions.add(x_NPW), there_NPW))
        out: Tensor = out_NPW.unflatten(0, visible.shape[:2])
        return out

    def forward(self, *, tokens_visible: Tensor, visible: Tensor, memory: Tensor | None = None) -> dict[str, Tensor]:
        """patches_decoded (B, M, P, Q) of tokens_visible (B, M, S, D), visible (B, M, S), memory (B, M, P, D).

        Raises:
            ShapeError: When sizes disagree.
        """
        expect(("tokens_visible", tokens_visible, "B M S D"), ("visible", visible, "B M S"))
        if memory is not None:
            expect(("tokens_visible", tokens_visible, "B M S D"), ("memory", memory, f"B M {self.patches} D"))
        if not visible.shape[1]:  # nothing is masked
            empty = tokens_visible.new_zeros(len(visible), 0, self.patches, self.prediction_head.out_features)
            return {"patches_decoded": empty}
        return {"patches_decoded": self.prediction_head(self.features(tokens_visible, visible, memory))}
