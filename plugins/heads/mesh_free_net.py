"""The network of `head.mesh_free`.

Axes: N frames, V vertices, C coarse and M middle ones, k neighbours, P patches, D channels of a token, W of a query.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ...core.interfaces import Context
from ...networks.transformer import CrossBlock, LayerNorm, check_heads
from .mesh_free import MeshFreeOptions
from .reading_net import Standardised
from .scores import mesh_errors
from .upsampling import farthest_points, rebuilding_weights, rebuilt

EXAMPLES, NEIGHBOURS = 16, 8
METRE = 1000.0
MM_PER_UNIT = 10.0  # as weight 100 for metres
LEVELS = (("coarse", 0.25), ("middle", 0.5), ("vertices", 0.25))


class Stage(nn.Module):
    """Blocks of one width in which queries see each other and the tokens."""

    def __init__(self, inputs: int, tokens: int, width: int, options: MeshFreeOptions) -> None:
        super().__init__()
        check_heads(width, options.heads)
        self.narrow, self.memory = nn.Linear(inputs, width), nn.Linear(tokens, width)
        self.blocks = nn.ModuleList(CrossBlock(width, options.heads) for _ in range(options.depth))

    def forward(self, query_NCW: Tensor, tokens_NPD: Tensor) -> Tensor:
        """Queries of the new width."""
        x: Tensor = self.narrow(query_NCW)
        memory = self.memory(tokens_NPD)
        for block in self.blocks:
            x = block(x, memory)
        return x


class MeshFree(nn.Module):
    """Features to the vertices of any mesh."""

    units: Mapping[str, str] = {"PVE": "mm", "PA-PVE": "mm", "F@5": "", "F@15": ""}
    coarse_C: Tensor
    middle_M: Tensor
    mean_V3: Tensor

    def __init__(self, options: MeshFreeOptions, context: Context) -> None:
        super().__init__()
        self.options, width = options, context.facts[options.sees]
        vertices = context.facts["vertices"]
        coarse, middle = min(options.coarse, vertices), min(max(options.coarse, options.middle), vertices)
        self.before: nn.Module = Standardised(width) if options.sees == "variant" else LayerNorm(width)
        self.query_CW = nn.Parameter(torch.empty(coarse, options.widths[0]))
        nn.init.normal_(self.query_CW, std=0.02)
        self.place = nn.Linear(3, options.widths[0])
        inputs = (options.widths[0], *options.widths[:-1])
        self.stages = nn.ModuleList(
            Stage(before, width, after, options) for before, after in zip(inputs, options.widths, strict=True)
        )
        self.norm = LayerNorm(options.widths[-1])
        self.out = nn.Linear(options.widths[-1], 3)
        self.learnt = nn.Linear(coarse, middle, bias=False)
        nn.init.zeros_(self.learnt.weight)
        self.coarse = Standardised(coarse, 3)
        self.register_buffer("mean_V3", torch.zeros(vertices, 3))
        for name, above, count in (("middle", coarse, middle), ("fine", middle, vertices)):
            neighbours = min(NEIGHBOURS, above)
            self.register_buffer(f"{name}_index", torch.arange(count)[:, None].expand(-1, neighbours) % above)
            self.register_buffer(f"{name}_weight", torch.full((count, neighbours), 1 / neighbours))
        self.register_buffer("coarse_C", torch.arange(coarse))
        self.register_buffer("middle_M", torch.arange(middle))

    def settle(self, features: Mapping[str, Tensor], labels: Mapping[str, Tensor]) -> None:
        """Choose vertices and weights by some labelled meshes, and take over statistics of all."""
        if isinstance(self.before, Standardised):
            self.before.settle(features["variant"])
        every = labels["vertices"]
        some = every[:: max(len(every) // EXAMPLES, 1)][:EXAMPLES]
        middle_M = farthest_points(some, len(self.middle_M))
        self.middle_M.copy_(middle_M)  # the first of them are the coarse ones
        self.coarse_C.copy_(middle_M[: len(self.coarse_C)])
        first = torch.arange(len(self.coarse_C))
        for name, meshes, chosen in (("middle", some[:, middle_M], first), ("fine", some, middle_M)):
            index, weight = rebuilding_weights(meshes, chosen, NEIGHBOURS)
            self.get_buffer(f"{name}_index").copy_(index)
            self.get_buffer(f"{name}_weight").copy_(weight)
        self.mean_V3.copy_(every.mean(dim=0))
        self.coarse.settle(every[:, self.coarse_C.cpu()])

    def forward(self, **features: Tensor) -> dict[str, Tensor]:
        """``vertices`` (N, V, 3) relative to the root, and the levels before, ``middle`` and ``coarse``."""
        seen = self.before(features[self.options.sees])
        tokens_NPD = seen[:, None] if self.options.sees == "variant" else seen
        x = (self.query_CW + self.place(self.coarse.mean_F / METRE)).expand(len(tokens_NPD), -1, -1)
        for stage in self.stages:
            x = stage(x, tokens_NPD)
        coarse_NC3 = self.coarse.undo(self.out(self.norm(x)))
        middle_NM3 = rebuilt(coarse_NC3, self.get_buffer("middle_index"), self.get_buffer("middle_weight"))
        middle_NM3 = middle_NM3 + self.learnt(coarse_NC3.mT).mT
        fine_NV3 = rebuilt(middle_NM3, self.get_buffer("fine_index"), self.get_buffer("fine_weight"))
        return {"vertices": fine_NV3, "middle": middle_NM3, "coarse": coarse_NC3}

    def guess(self, count: int) -> dict[str, Tensor]:
        """The mean mesh."""
        return {"vertices": self.mean_V3.expand(count, -1, -1)}

    def loss(self, predicted: Mapping[str, Tensor], labels: Mapping[str, Tensor]) -> Tensor:
        """Mean absolute distance at each of the three levels, weighted a quarter, a half and a quarter."""
        truth = labels["vertices"]
        true = {"vertices": truth, "middle": truth[:, self.middle_M], "coarse": truth[:, self.coarse_C]}
        terms = [weight * (predicted[name] - true[name]).abs().mean() for name, weight in LEVELS]
        return torch.stack(terms).sum() / MM_PER_UNIT

    def errors(self, predicted: Mapping[str, Tensor], labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """PVE, PA-PVE, F-scores if asked for."""
        return mesh_errors(predicted["vertices"], labels["vertices"], self.options.f_scores)
