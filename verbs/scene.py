"""How well box and mask fit the subject, where the dataset knows the truth.

Axes: N frames.
"""

from __future__ import annotations

from torch import Tensor

from ..core.batches import Source
from ..core.compose import Composition
from ..core.geometry import box_contains, box_coverage, box_iou
from ..core.interfaces import Draw
from ..core.pipeline import Pipeline
from ..core.probe import collect, every_kth

SCENE_FRAMES = 600  # frames on which boxes and masks are measured
MASK_THRESHOLD = 0.5


def measure_scene(
    composition: Composition, source: Source, pipeline: Pipeline, test: Draw
) -> tuple[dict[str, float], int]:
    """Means of the scene measures over some of the test frames, and over how many."""
    labels = composition.labels
    drawn = {name for wire in composition.wires for name in wire.writes}
    rows = every_kth(len(test.clip), SCENE_FRAMES)
    few = Draw(test.clip[rows], test.frame[rows])
    values: dict[str, Tensor] = {}
    if "true_box" in labels:
        found = collect(pipeline, source, few, ("box", "true_box"), until="detector")
        values |= box_values(found["box"], found["true_box"])
    if "true_mask" in labels and "mask" in drawn:
        fields = ("mask", "true_mask", "redrawn", "frame", "background")
        values |= mask_values(collect(pipeline, source, few, fields, until=""))
    return {name: float(value.nanmean()) for name, value in values.items()}, len(rows)


def box_values(box: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """Centre inside, share of the true box covered, intersection over union: (N,) each."""
    return {
        "centre inside": box_contains(box, truth[:, 2:]).float(),
        "box coverage": box_coverage(box, truth),
        "box IoU": box_iou(box, truth),
    }


def mask_values(found: dict[str, Tensor]) -> dict[str, Tensor]:
    """IoU of the thresholded mask, and the foreground's L1 of the redrawn frame and of the background alone."""
    mask, truth = found["mask"] > MASK_THRESHOLD, found["true_mask"] > MASK_THRESHOLD
    union = (mask | truth).flatten(1).sum(1).clamp(min=1)
    area = truth.flatten(1).sum(1).clamp(min=1) * 3

    def foreground_l1(image: Tensor) -> Tensor:
        return ((image - found["frame"]).abs() * truth).flatten(1).sum(1) / area

    return {
        "mask IoU": (mask & truth).flatten(1).sum(1) / union,
        "foreground L1": foreground_l1(found["redrawn"]),
        "foreground L1, background alone": foreground_l1(found["background"]),
    }
