"""Classifier: which class a frame shows, as the gesture of a hand.

Paper: Armando et al., CVPR 2024, arXiv:2311.09104, which fine-tunes for gestures of Kapitanov et al., WACV 2024,
arXiv:2206.08219: pooled features, a linear layer, cross-entropy; top-1 accuracy and macro-F1.
Differs from the paper: tokens may be pooled by a learnt query, and a hidden layer may stand between.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from pydantic import Field, NonNegativeInt

from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options

if TYPE_CHECKING:
    from torch import nn


class ClassifierOptions(Options):
    """Options of the classifier."""

    sees: Literal["variant", "tokens"] = "variant"
    """The time-variant latent, which of a transformer is the tokens' mean; or its tokens, pooled by a learnt query."""
    hidden: NonNegativeInt = 0
    """Width of a hidden layer; 0 for none."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of the last layer's inputs that are left out while training."""
    smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of the true class's weight that is spread over all classes."""


def build(options: ClassifierOptions, context: Context) -> nn.Module:
    """A module from features to the logits of ``classes``."""
    from .classifier_net import Classifier

    return Classifier(options, context)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the head ``classifier``."""
    register(
        Component(
            kind="head",
            name="classifier",
            options=ClassifierOptions,
            build=build,
            reads=lambda options: (options.sees,),
            writes=("gesture",),
        )
    )
