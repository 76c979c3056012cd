"""How far off meshes, classes and maps of parts are: batched, one number for each frame unless said otherwise.

Papers: F-score of two point sets, Knapitsch et al., SIGGRAPH 2017, doi:10.1145/3072959.3073599, as Zimmermann et al.,
ICCV 2019, arXiv:1909.04349, use it for hands; parts and coordinates on them, Guler et al., CVPR 2018, arXiv:1802.00434.
Differs from the papers: coordinates are compared as they are, not as distances along the surface.

Axes: N frames, V vertices, C classes (parts, of which 0 is the background), h w pixels, 3 = x y z, 2 = u v.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.errors import ShapeError
from ...core.fields import expect
from ...core.metrics import mpjpe, procrustes

F_MM = (5.0, 15.0)


def vertex_error(vertices_NV3: Tensor, truth_NV3: Tensor) -> Tensor:
    """PVE: mean distance of the vertices from their true places, (N,), mm; both relative to the same root.

    Raises:
        ShapeError: The two differ.
    """
    return mpjpe(vertices_NV3, truth_NV3)


def f_score(points_NV3: Tensor, truth_NV3: Tensor, threshold_mm: float) -> Tensor:
    """Harmonic mean of two shares, (N,): of points near a true one, and of true ones near a point; nearer than this.

    Raises:
        ShapeError: They are no sets of points of one batch.
    """
    if points_NV3.ndim != 3 or points_NV3.shape[::2] != truth_NV3.shape[::2] or points_NV3.shape[-1] != 3:
        shapes = f"{tuple(points_NV3.shape)} and {tuple(truth_NV3.shape)}"
        raise ShapeError(f"points and truth must be (N, V, 3) with equal N: got {shapes}")
    found = []
    for points_V3, truth_V3 in zip(points_NV3, truth_NV3, strict=True):  # one by one: V^2 distances of each
        away_VV = torch.cdist(points_V3, truth_V3, compute_mode="donot_use_mm_for_euclid_dist")
        precise, recalled = ((away_VV.amin(dim=d) < threshold_mm).float().mean() for d in (1, 0))
        found.append(2 * precise * recalled / (precise + recalled).clamp(min=torch.finfo(precise.dtype).tiny))
    return torch.stack(found)


def mesh_errors(vertices_NV3: Tensor, truth_NV3: Tensor, f_scores: bool) -> dict[str, Tensor]:
    """PVE, PA-PVE and, if asked for, F-scores after alignment; (N,) each."""
    aligned_NV3 = procrustes(vertices_NV3, truth_NV3)
    found = {"PVE": vertex_error(vertices_NV3, truth_NV3), "PA-PVE": vertex_error(aligned_NV3, truth_NV3)}
    return found | {f"F@{mm:g}": f_score(aligned_NV3, truth_NV3, mm) for mm in F_MM if f_scores}


def top_1(logits_NC: Tensor, class_N: Tensor) -> Tensor:
    """1 where the likeliest class is the true one, else 0; (N,).

    Raises:
        ShapeError: There is not one class for each frame.
    """
    expect(("logits", logits_NC, "N C"), ("class", class_N, "N"))
    return (logits_NC.argmax(dim=1) == class_N).float()


def macro_f1(logits_NC: Tensor, class_N: Tensor) -> Tensor:
    """Mean over classes of 2 TP / (2 TP + FP + FN), a scalar of all frames together.

    Classes that neither occur nor are told do not count.

    Raises:
        ShapeError: There is not one class for each frame.
    """
    expect(("logits", logits_NC, "N C"), ("class", class_N, "N"))
    table_CC = torch.zeros(logits_NC.shape[1], logits_NC.shape[1], dtype=torch.float64, device=logits_NC.device)
    one = torch.ones(len(class_N), dtype=table_CC.dtype, device=table_CC.device)
    table_CC.index_put_((class_N, logits_NC.argmax(dim=1)), one, accumulate=True)
    both_C = table_CC.sum(dim=0) + table_CC.sum(dim=1)
    return (2 * table_CC.diagonal()[both_C > 0] / both_C[both_C > 0]).mean()


def part_accuracy(logits_NChw: Tensor, part_N1hw: Tensor) -> Tensor:
    """Share of the body's pixels whose likeliest part is the true one, (N,); NaN where no body is seen.

    Raises:
        ShapeError: There is not one part for each pixel.
    """
    expect(("logits", logits_NChw, "N C h w"), ("parts", part_N1hw, "N 1 h w"))
    body_Nhw, right_Nhw = part_N1hw[:, 0] > 0, logits_NChw.argmax(dim=1) == part_N1hw[:, 0]
    return (body_Nhw & right_Nhw).sum(dim=(1, 2)) / body_Nhw.sum(dim=(1, 2))


def body_iou(logits_NChw: Tensor, part_N1hw: Tensor) -> Tensor:
    """Intersection over union of the pixels that are not background, (N,); NaN where there is none in either.

    Raises:
        ShapeError: There is not one part for each pixel.
    """
    expect(("logits", logits_NChw, "N C h w"), ("parts", part_N1hw, "N 1 h w"))
    here, there = logits_NChw.argmax(dim=1) > 0, part_N1hw[:, 0] > 0
    return (here & there).sum(dim=(1, 2)) / (here | there).sum(dim=(1, 2))


def of_true_part(uv_NC2hw: Tensor, part_N1hw: Tensor) -> Tensor:
    """Coordinates (N, 2, h, w) that were predicted for each pixel's true part; those of the background mean nothing."""
    place = part_N1hw[:, :, None].expand(-1, 1, 2, -1, -1).clamp(max=uv_NC2hw.shape[1] - 1)
    own_N2hw: Tensor = uv_NC2hw.gather(1, place)[:, 0]
    return own_N2hw


def uv_error(uv_N2hw: Tensor, truth_N2hw: Tensor, part_N1hw: Tensor) -> Tensor:
    """Mean distance of coordinates on the body's pixels, (N,), in sides of a part; NaN where no body is seen.

    Raises:
        ShapeError: Some of them disagree.
    """
    expect(("uv", uv_N2hw, "N 2 h w"), ("truth", truth_N2hw, "N 2 h w"), ("parts", part_N1hw, "N 1 h w"))
    body_Nhw = part_N1hw[:, 0] > 0
    away_Nhw: Tensor = torch.linalg.vector_norm(uv_N2hw - truth_N2hw, dim=1)
    return (away_Nhw * body_Nhw).sum(dim=(1, 2)) / body_Nhw.sum(dim=(1, 2))
