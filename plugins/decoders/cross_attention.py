"""Cross-attention: the masked frame is completed by blocks that also look at the tokens of the reference.

Paper: Armando et al., CVPR 2024, arXiv:2311.09104, with the decoder of its parent method: one linear layer for both
images' tokens, a learned token where patches are hidden, and blocks of attention among the frame's own tokens,
attention to the reference, and a perceptron. The reference's tokens are the same for every block.
Differs from the paper: without ``reference`` this is the decoder of a masked autoencoder (He et al., CVPR 2022,
arXiv:2111.06377), the baseline that completes a frame from itself.
"""

from __future__ import annotations

from collections.abc import Callable

from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context
from .completion import CompletionOptions


class CrossAttentionOptions(CompletionOptions):
    """Options of the cross-attention decoder."""

    reference: bool = True
    """Whether the reference is looked at."""
    norm_memory: bool = True
    """Whether each block has a norm of its own for the reference's tokens."""


def reads(options: CrossAttentionOptions) -> tuple[str, ...]:
    """The reference's tokens are read if they are looked at."""
    return ("tokens_visible", "visible", "memory") if options.reference else ("tokens_visible", "visible")


def build(options: CrossAttentionOptions, context: Context) -> object:
    """Make the network.

    Raises:
        ConfigError: When the encoder gives no tokens, or sizes do not divide.
        DataError: When the weights do not fit.
    """
    from .cross_attention_net import CrossAttentionDecoder

    return CrossAttentionDecoder(options, context)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Hand over the decoder."""
    register(
        Component(
            kind="decoder",
            name="cross_attention",
            options=CrossAttentionOptions,
            build=build,
            reads=reads,
            writes=("patches_decoded",),
            example={"preset": "tiny", "width": 16, "depth": 2, "heads": 2},
        )
    )
