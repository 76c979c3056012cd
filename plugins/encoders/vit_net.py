"""The network of `encoder.vit`.

Axes: B tuples, N frames (or boxes) of a tuple, M masked and R whole ones of them, P patches, S visible patches,
D token, Q values of a patch, 3 h w crop.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ...core.errors import ShapeError
from ...core.fields import expect
from ...core.interfaces import Context, Roles
from ...networks.patches import grid_side, patchify
from ...networks.positions import Positions
from ...networks.token_weights import load_tokens
from ...networks.transformer import Block, LayerNorm, PatchEmbed, check_heads, initialise
from ...networks.trunk import IMAGENET_MEAN, IMAGENET_STD
from .vit import ViTOptions


def masked_frames(roles: Roles, visible: Tensor | None) -> list[int]:
    """Positions of the masked frames in a tuple; none where the corruption hid nothing.

    Raises:
        ShapeError: When it masked another number of frames than there are targets.
    """
    if visible is None or not visible.shape[1]:
        return []
    masked = roles.family("target")
    if len(masked) != visible.shape[1]:
        raise ShapeError(f"visible tells of {visible.shape[1]} masked frames, but {len(masked)} have the role target")
    return masked


def skips_whole(readers: Mapping[str, int]) -> bool:
    """Whether nobody needs whole frames beside masked ones: no latent is read, nor what the exchange makes of tokens.

    A field of which it is not known counts as read.
    """
    unread = all(readers.get(name) == 0 for name in ("memory", "variant"))
    return unread and not readers.get("invariant") and readers.get("tokens", 0) <= 1


class ViT(nn.Module):
    """One transformer for masked frames, of which it sees some patches, and for whole ones."""

    mean_Q: Tensor
    std_Q: Tensor

    def __init__(self, options: ViTOptions, context: Context) -> None:
        super().__init__()
        size = options.size
        check_heads(size.width, size.heads)
        self.patch, self.width = size.patch, size.width
        self.filled = bool(context.facts.get("filled", 0))
        self.skips = skips_whole(context.readers)
        side = grid_side(context.crop_size, size.patch)
        made_for = grid_side(options.made_for, size.patch) if options.made_for else 0
        self.patch_embed = PatchEmbed(size.patch, size.width)
        self.positions = Positions(side, size.width, size.heads, options.positions == "rope", made_for)
        self.enc_blocks = nn.ModuleList(Block(size.width, size.heads) for _ in range(size.depth))
        self.enc_norm = LayerNorm(size.width)
        self.to_variant = nn.Linear(size.width, options.variant) if options.variant else nn.Identity()
        self.to_invariant = nn.Linear(size.width, options.invariant) if options.invariant else None
        self.register_buffer("mean_Q", torch.tensor(IMAGENET_MEAN).repeat(size.patch**2), persistent=False)
        self.register_buffer("std_Q", torch.tensor(IMAGENET_STD).repeat(size.patch**2), persistent=False)
        self.apply(initialise)
        load_tokens(self, options.weights, "encoder")

    def forward(
        self, *, crop: Tensor, roles: Roles, crop_corrupted: Tensor | None = None, visible: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Tokens and latents of crops (B, N, 3, h, w), of masked ones only the patches visible (B, M, S).

        Returns:
            tokens_visible (B, M, S, D), tokens (B, R, P, D), variant (B, N, V) and, if asked for, invariant (B, N, I).
            Where frames are masked and nobody needs the others, these are not computed: R is 0, their latents are 0.

        Raises:
            ShapeError: When sizes disagree.
        """
        expect(("crop", crop, "B N 3 h w"))
        masked = masked_frames(roles, visible)
        seen, whole, mean_BND = self._see(crop if crop_corrupted is None else crop_corrupted, masked, visible)
        written = {"tokens_visible": seen, "tokens": whole, "variant": self.to_variant(mean_BND)}
        if self.to_invariant is not None:
            if crop_corrupted is not None and crop_corrupted is not crop:
                mean_BND = self._see(crop, masked, visible)[2]
            written["invariant"] = self.to_invariant(mean_BND)
        return written

    def encode(self, patches_NSQ: Tensor, which_NS: Tensor | None = None) -> Tensor:
        """Tokens (N, S, D) of patches (N, S, Q) in [0, 1]: all of a crop, or those told, zeros for a number of -1."""
        there_NS = None
        if which_NS is not None and self.filled:
            there_NS, which_NS = which_NS >= 0, which_NS.clamp(min=0)
        standard_NSQ = (patches_NSQ - self.mean_Q) / self.std_Q
        x = self.positions.add(self.patch_embed(standard_NSQ), which_NS)
        rotation = self.positions.rotation(which_NS)
        mask = None if there_NS is None else there_NS[:, None, None]
        for block in self.enc_blocks:
            x = block(x, rotation, mask)
        out: Tensor = self.enc_norm(x)
        return out if there_NS is None else out * there_NS[..., None]

    def _see(self, crop: Tensor, masked: list[int], visible: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens of masked and of whole frames, and every frame's mean token (B, N, D) in the order of the tuple."""
        whole = [n for n in range(crop.shape[1]) if n not in masked]
        seen = [] if masked and self.skips else whole
        tokens_BRPD = self._frames(patchify(crop[:, seen] if masked else crop, self.patch), None)
        if visible is None or not masked:
            count = tokens_BRPD.shape[2] if visible is None else visible.shape[2]
            return tokens_BRPD.new_zeros(len(crop), 0, count, self.width), tokens_BRPD, tokens_BRPD.mean(dim=2)
        tuples, frames = (torch.arange(n, device=crop.device) for n in visible.shape[:2])
        patches_BMPQ = patchify(crop[:, masked], self.patch)
        patches_BMSQ = patches_BMPQ[tuples[:, None, None], frames[:, None], visible.clamp(min=0)]
        tokens_BMSD = self._frames(patches_BMSQ, visible)
        number_BM1 = (visible >= 0).sum(dim=2, keepdim=True).clamp(min=1) if self.filled else visible.shape[2]
        mean_BRD = tokens_BRPD.mean(dim=2) if seen else tokens_BRPD.new_zeros(len(crop), len(whole), self.width)
        means = torch.cat((tokens_BMSD.sum(dim=2) / number_BM1, mean_BRD), dim=1)
        order = sorted(range(crop.shape[1]), key=(masked + whole).__getitem__)
        return tokens_BMSD, tokens_BRPD, means[:, order]

    def _frames(self, patches_BNSQ: Tensor, which_BNS: Tensor | None) -> Tensor:
        """Tokens (B, N, S, D) of several frames' patches."""
        if not patches_BNSQ.shape[1]:
            return patches_BNSQ.new_zeros(*patches_BNSQ.shape[:3], self.width)
        which_NS = None if which_BNS is None else which_BNS.flatten(0, 1)
        tokens: Tensor = self.encode(patches_BNSQ.flatten(0, 1), which_NS).unflatten(0, patches_BNSQ.shape[:2])
        return tokens
