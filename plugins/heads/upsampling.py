"""From few vertices to all, for any mesh of which examples are known: which ones, and by which weights.

Papers: farthest points, Eldar et al., IEEE TIP 1997, doi:10.1109/83.623193; weights as of Roweis and Saul, Science
2000, doi:10.1126/science.290.5500.2323: those with sum 1 that best rebuild a point from its neighbours, here in all
examples at once. They do not change where an example is turned, moved or scaled.

Axes: M examples, V vertices, C chosen ones, k neighbours, 3 = x y z.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.errors import ShapeError

RIDGE = 1e-4
"""Share of the mean squared distance that is added to it: it chooses among weights that rebuild equally well."""
EXACT = "donot_use_mm_for_euclid_dist"
SOME = 256  # vertices solved at a time


def apart(meshes_MV3: Tensor, others_MC3: Tensor) -> Tensor:
    """Largest distance over the examples of each vertex from each other one, (V, C)."""
    return torch.stack(
        [torch.cdist(a, b, compute_mode=EXACT) for a, b in zip(meshes_MV3, others_MC3, strict=True)]
    ).amax(0)


def farthest_points(meshes_MV3: Tensor, count: int) -> Tensor:
    """Indices of vertices that are far from each other, (C,) int64: each next one is farthest from those before.

    The first is the one farthest from the middle.

    Raises:
        ShapeError: There are not so many.
    """
    if meshes_MV3.ndim != 3 or not 1 <= count <= meshes_MV3.shape[1]:
        raise ShapeError(f"{count} farthest points of examples (M, V, 3), got {tuple(meshes_MV3.shape)}")
    chosen = [int(apart(meshes_MV3, meshes_MV3.mean(dim=1, keepdim=True))[:, 0].argmax())]
    nearest_V = apart(meshes_MV3, meshes_MV3[:, chosen])[:, 0]
    for _ in range(count - 1):
        chosen.append(int(nearest_V.argmax()))
        nearest_V = torch.minimum(nearest_V, apart(meshes_MV3, meshes_MV3[:, chosen[-1:]])[:, 0])
    return torch.tensor(chosen)


def rebuilding_weights(meshes_MV3: Tensor, chosen_C: Tensor, neighbours: int) -> tuple[Tensor, Tensor]:
    """Neighbours of each vertex among the chosen, (V, k) int64 counted in those, and their weights (V, k) of sum 1.

    A chosen vertex is rebuilt from itself alone.
    """
    points_MC3 = meshes_MV3[:, chosen_C].double()
    neighbours = min(neighbours, len(chosen_C))
    index_Vk = apart(meshes_MV3, meshes_MV3[:, chosen_C]).topk(neighbours, dim=1, largest=False).indices
    weights = []
    for rows_S in torch.arange(meshes_MV3.shape[1]).split(SOME):
        offset_MSk3 = points_MC3[:, index_Vk[rows_S]] - meshes_MV3[:, rows_S, None].double()
        gram_Skk = torch.einsum("mska,msla->skl", offset_MSk3, offset_MSk3)
        scale_S = gram_Skk.diagonal(dim1=1, dim2=2).mean(dim=1).clamp(min=torch.finfo(torch.float32).tiny)
        ridge_Skk = RIDGE * scale_S[:, None, None] * torch.eye(neighbours).to(gram_Skk)
        ones_Sk1 = gram_Skk.new_ones(len(rows_S), neighbours, 1)
        raw_Sk = torch.linalg.solve(gram_Skk + ridge_Skk, ones_Sk1)[..., 0]
        weights.append(raw_Sk / raw_Sk.sum(dim=1, keepdim=True))
    weight_Vk = torch.cat(weights)
    own = (index_Vk[chosen_C] == torch.arange(len(chosen_C))[:, None]).double()
    weight_Vk[chosen_C] = own
    return index_Vk, weight_Vk.to(meshes_MV3.dtype)


def rebuilt(points_NC3: Tensor, index_Vk: Tensor, weight_Vk: Tensor) -> Tensor:
    """Vertices (N, V, 3) of the chosen ones."""
    return (points_NC3[:, index_Vk] * weight_Vk[..., None]).sum(dim=2)
