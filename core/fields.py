"""The vocabulary of named fields: the language in which components speak to each other.

A component declares the fields that it reads and writes; core hands them over by name in one record.
An outside package may add fields under its own prefix (``mypackage:depth``), which its manifest describes.

Axes: B tuples, T roles of a tuple, K redrawn frames of a tuple, C channels, H W frame pixels, h w crop pixels,
V time-variant latent, I time-invariant latent, J joints.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

from pydantic import StringConstraints
from pydantic.dataclasses import dataclass

from .errors import ShapeError

if TYPE_CHECKING:
    from torch import Tensor


Text = Annotated[str, StringConstraints(min_length=1)]


@dataclass(frozen=True, slots=True)
class Field:
    """One named field. ``axes`` are space-separated letters or sizes."""

    name: Annotated[str, StringConstraints(pattern=r"^(\w+:)?[a-z][a-z0-9_]*$")]
    axes: Annotated[str, StringConstraints(pattern=r"^([A-Za-z]\w*|\d+)( ([A-Za-z]\w*|\d+))*$")]
    unit: Text
    meaning: Text


def _vocabulary(*fields: Field) -> Mapping[str, Field]:
    return MappingProxyType({field.name: field for field in fields})


FIELDS: Mapping[str, Field] = _vocabulary(
    # what a dataset and a sampler give
    Field("frame", "B T 3 H W", "RGB in [0, 1]", "the image"),
    Field("time", "B T", "s", "timestamp inside the take"),
    Field("clip", "B T", "index", "which clip (one take by one camera) the frame is from"),
    Field("subject", "B T", "index", "who is seen; -1 where unknown"),
    Field("roles", "T", "names", "what each frame of the tuple is for: reference, positive, ..."),
    # labels that a dataset may have
    Field("pose", "B T J 3", "mm", "3D joints in the camera frame, relative to the root joint"),
    Field("pose_2d", "B T J 2", "[-1, 1]", "2D joints in frame coordinates"),
    Field("true_box", "B T 4", "[-1, 1]", "box around the visible subject"),
    Field("true_mask", "B T 1 H W", "[0, 1]", "silhouette of the subject"),
    Field("rotation", "B T 3 3", "1", "of the camera, world to camera: x_camera = R x_world + t"),
    # stages
    Field("background", "B T 3 H W", "RGB in [0, 1]", "the scene without the subject"),
    Field("box", "B T 4", "[-1, 1]", "(s_x, s_y, u_x, u_y): share of the frame's sides, centre"),
    Field("crop", "B T 3 h w", "RGB in [0, 1]", "the frame inside the box"),
    Field("crop_corrupted", "B T 3 h w", "RGB in [0, 1]", "the crop as the time-variant encoder may see it"),
    Field("variant", "B T V", "1", "time-variant latent: what changes from frame to frame"),
    Field("invariant", "B T I", "1", "time-invariant latent: what stays through a take"),
    Field("target", "B K", "index", "which frame of the tuple each redrawn frame must equal"),
    Field("decode_variant", "B K V", "1", "time-variant latent handed to the decoder"),
    Field("decode_invariant", "B K I", "1", "time-invariant latent handed to the decoder"),
    Field("crop_decoded", "B K 3 h w", "RGB", "decoded crop, not squashed"),
    Field("mask_decoded", "B K 1 h w", "[0, 1]", "decoded mask inside the crop"),
    Field("redrawn", "B K 3 H W", "RGB", "the decoded crop pasted onto the background, equation (1)"),
    Field("mask", "B K 1 H W", "[0, 1]", "the decoded mask in the frame"),
)


def known(name: str) -> bool:
    """Whether a field may be declared: in the vocabulary, or under an outside package's prefix."""
    return name in FIELDS or ":" in name


def expect(*arguments: tuple[str, Tensor, str]) -> None:
    """Check shapes where tensors cross into a component; equal letters must have equal sizes.

    Args:
        *arguments: ``(name, tensor, axes)``, axes as in ``"B T V"``; a number demands that size.

    Raises:
        ShapeError: Naming the tensor, what was expected, and which argument disagrees.
    """
    sizes: dict[str, tuple[int, str]] = {}
    for name, tensor, axes in arguments:
        letters = axes.split()
        shape = tuple(tensor.shape)
        wanted = f"{name}: expected ({', '.join(letters)}), got {shape}"
        if len(shape) != len(letters):
            raise ShapeError(f"{wanted}: {len(letters)} axes wanted, {len(shape)} given")
        for letter, size in zip(letters, shape, strict=True):
            if letter.isdigit():
                if int(letter) != size:
                    raise ShapeError(f"{wanted}: that axis must be {letter}")
                continue
            before, owner = sizes.setdefault(letter, (size, name))
            if before != size:
                raise ShapeError(f"{wanted}: {letter} is {size} here, but {before} in {owner}")
