"""Attention over both images: the masked frame's tokens and the reference's in one sequence.

Paper: the other decoder of the parent method of Armando et al., CVPR 2024, arXiv:2311.09104: a learned vector tells
each image's tokens apart, and plain blocks run over both sequences, one after the other. It costs about twice the
attention of `cross_attention`, and has no weights for it apart.
Differs from the paper: nothing known; its code is not public.
"""

from __future__ import annotations

from collections.abc import Callable

from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context
from .completion import CompletionOptions


class CatAttentionOptions(CompletionOptions):
    """Options of the decoder that sees both images in one sequence."""


def build(options: CatAttentionOptions, context: Context) -> object:
    """Make the network.

    Raises:
        ConfigError: When the encoder gives no tokens, or sizes do not divide.
        DataError: When the weights do not fit.
    """
    from .cat_attention_net import CatAttentionDecoder

    return CatAttentionDecoder(options, context)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Hand over the decoder."""
    register(
        Component(
            kind="decoder",
            name="cat_attention",
            options=CatAttentionOptions,
            build=build,
            reads=("tokens_visible", "visible", "memory"),
            writes=("patches_decoded",),
            example={"preset": "tiny", "width": 16, "depth": 2, "heads": 2},
        )
    )
