"""CSS with the negatives of the batch: a reference is more like its own positive than like those of other tuples.

Papers: equation (3) of Honari et al., TPAMI 2022, arXiv:2012.01511, over the negatives of Anand et al., NeurIPS 2019,
arXiv:1906.08226 (ST-DIM, ``bilinear``), and Chen et al., ICML 2020, arXiv:2002.05709 (SimCLR, ``cosine``).
The other tuples of all processes count, of whichever clip they are, as in both papers. Two processes give what one
gives at the same batch.
Differs from SimCLR: one direction, from reference to positive, as in ST-DIM; no layers between latent and score.
Differs from ST-DIM: one latent of the whole picture, without its maps of local features.

Axes: B tuples of this process, N tuples of all processes, T frames of a tuple, V time-variant latent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options

if TYPE_CHECKING:
    from .css_in_batch_net import CSSInBatch


class CSSInBatchOptions(Options):
    """Options of the contrastive loss over the batch."""

    score: Literal["cosine", "bilinear"] = "cosine"
    """How two latents are compared: by their cosine, or by a product with a matrix that learns."""
    temperature: float = Field(default=1.0, gt=0)
    """What scores are divided by; smaller is harder. Equation (3) and ST-DIM have 1, SimCLR 0.1 to 0.5."""


def build(options: CSSInBatchOptions, context: Context) -> CSSInBatch:
    """The loss, with its matrix if it has one."""
    from .css_in_batch_net import CSSInBatch

    return CSSInBatch(options, context)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the loss ``css_in_batch``."""
    register(
        Component(
            kind="loss",
            name="css_in_batch",
            options=CSSInBatchOptions,
            build=build,
            reads=("variant", "roles"),
            roles=("reference", "positive"),
            example={"score": "bilinear"},
        )
    )
