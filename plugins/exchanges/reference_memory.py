"""Reference memory: each masked frame is completed with the tokens of the frame in the role `reference`.

Paper: Armando et al., CVPR 2024, arXiv:2311.09104. With several targets, `target_1` and on, there is one reference for
all of them or one for each. Where no frame is masked, in evaluation, there is nothing to complete (M = 0).

Axes: B tuples, R whole frames, M masked frames, P patches, S visible patches, D token.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ...core.errors import ConfigError
from ...core.fields import expect
from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options, Roles

if TYPE_CHECKING:
    from torch import Tensor

ROLES = ("target", "reference")


class ReferenceMemoryOptions(Options):
    """No options."""


class ReferenceMemory:
    """Hands the references' tokens on, unchanged."""

    def __init__(self, options: ReferenceMemoryOptions, context: Context) -> None:
        pass

    def __call__(self, *, tokens_visible: Tensor, tokens: Tensor, roles: Roles) -> Mapping[str, Tensor]:
        """From tokens_visible (B, M, S, D) and tokens (B, R, P, D), R being 0 where the encoder left references out.

        Returns:
            memory (B, M, P, D) and target (B, M), the masked frames' positions in the tuple.

        Raises:
            ConfigError: When there are several references, but not one for each target.
            ShapeError: When sizes disagree.
        """
        import torch

        expect(("tokens_visible", tokens_visible, "B M S D"), ("tokens", tokens, "B R P D"))
        masked = roles.family("target") if tokens_visible.shape[1] else []
        whole = [t for t in range(len(roles.names)) if t not in masked]
        rows = [whole.index(t) for t in roles.family("reference")] if masked else []
        if masked and len(rows) not in (1, len(masked)):
            raise ConfigError(
                f"{len(masked)} targets of a tuple have {len(rows)} references",
                where="sampler",
                hint="one reference for all of them, or one for each",
            )
        target = torch.tensor(masked, dtype=torch.int64, device=tokens.device).expand(len(tokens), -1)
        if rows and not tokens.shape[1]:  # nobody looks at references, and the encoder left them out
            return {"memory": tokens.new_zeros(len(tokens), len(masked), *tokens.shape[2:]), "target": target}
        return {"memory": tokens[:, rows * len(masked) if len(rows) == 1 else rows], "target": target}


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the exchange ``reference_memory``."""
    register(
        Component(
            kind="exchange",
            name="reference_memory",
            options=ReferenceMemoryOptions,
            build=ReferenceMemory,
            reads=("tokens_visible", "tokens", "roles"),
            writes=("memory", "target"),
            roles=ROLES,
        )
    )
