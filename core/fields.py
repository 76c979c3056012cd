"""The vocabulary of named fields: the language in which components speak to each other.

A component declares the fields that it reads and writes; core hands them over by name in one record.
An outside package may add fields under its own prefix (``mypackage:depth``), which its manifest describes.

Axes: B tuples, T roles of a tuple, K redrawn frames of a tuple, S subjects in each frame, N boxes of a tuple (T S of
them, frame by frame), M boxes of its redrawn frames (K S), C channels, H W frame pixels, h w crop pixels,
V time-variant latent, I time-invariant latent, J joints, P mesh vertices. With one subject N is T and M is K.
Of tokens: M masked frames (those of role target), R whole frames (the others), P patches of a crop, row by row,
S visible patches, D width of a token, Q values of a patch: row by row, of each pixel its three colours.
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
    Field("gesture", "B T", "index", "which of the dataset's classes the hand shows"),
    Field("vertices", "B T P 3", "mm", "the subject's mesh in the camera frame, relative to the root joint"),
    Field("part_map", "B T 1 H W", "index", "which part of the body each pixel shows; 0 is the background"),
    Field("uv_map", "B T 2 H W", "[0, 1]", "where on that part: round it, and along it; 0 on the background"),
    Field("true_boxes", "B T S 4", "[-1, 1]", "boxes around all who are in the scene, the clip's own subject first"),
    Field("poses", "B T S J 3", "mm", "3D joints of them all, in that order, each relative to its own root joint"),
    Field("rotation", "B T 3 3", "1", "of the camera, world to camera: x_camera = R x_world + t"),
    # what a loss's own network reads off the latents
    Field("pose_2d_predicted", "B T J 2", "1", "2D joints relative to the root, in half sides of the box"),
    # stages
    Field("background", "B T 3 H W", "RGB in [0, 1]", "the scene without the subject"),
    Field("box", "B N 4", "[-1, 1]", "(s_x, s_y, u_x, u_y): share of the frame's sides, centre"),
    Field("depth", "B N", "1", "order of a frame's boxes: the greater, the farther; a difference of 1 hides clearly"),
    Field("crop", "B N 3 h w", "RGB in [0, 1]", "the frame inside the box"),
    Field("crop_corrupted", "B N 3 h w", "RGB in [0, 1]", "the crop as the time-variant encoder may see it"),
    Field("visible", "B M S", "index", "patches of a masked frame that the encoder may see; -1 fills up short lists"),
    Field("hidden", "B M P", "[0, 1]", "1 where a patch of a masked frame is hidden"),
    Field("tokens_visible", "B M S D", "1", "tokens of the visible patches of masked frames"),
    Field("tokens", "B R P D", "1", "tokens of the whole frames, in the tuple's order without the masked ones"),
    Field("variant", "B N V", "1", "time-variant latent: what changes from frame to frame"),
    Field("invariant", "B N I", "1", "time-invariant latent: what stays through a take"),
    Field("target", "B K", "index", "which frame of the tuple each redrawn frame must equal"),
    Field("decode_variant", "B M V", "1", "time-variant latent handed to the decoder"),
    Field("decode_invariant", "B M I", "1", "time-invariant latent handed to the decoder"),
    Field("memory", "B M P D", "1", "tokens of the reference handed to the decoder of each masked frame"),
    Field("patches_decoded", "B M P Q", "1", "predicted patches of masked frames; normalised where the loss says so"),
    Field("mix", "B K S S", "[0, 1]", "how much of each decoded crop each box of a redrawn frame shows; sums to 1"),
    Field("crop_decoded", "B M 3 h w", "RGB", "decoded crop, not squashed"),
    Field("mask_decoded", "B M 1 h w", "[0, 1]", "decoded mask inside the crop"),
    Field("redrawn", "B K 3 H W", "RGB", "the decoded crops pasted onto the background, equation (1)"),
    Field("mask", "B M 1 H W", "[0, 1]", "the decoded mask in the frame; of several, what is seen of each"),
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
