"""Which joints a probe reads, and what they are relative to: by name, or as another skeleton's.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, has 13 joints on MPI-INF-3DHP and on its dives, and does not name
them: `body_13` is the head and the twelve joints of the limbs, relative to the middle of the hips.

Axes: N frames, J joints of the dataset, K joints that are read, D = 2 or 3 numbers of a joint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.config import Probe
from ..core.errors import ConfigError, DataError, did_you_mean
from ..core.skeleton import MIXTURES, SKELETONS, Skeleton, convert

ALL, OWN_ROOT = "all", "root"
MIDDLES: Mapping[str, tuple[str, ...]] = {"mid_hip": ("left_hip", "right_hip")}
"""Points that are no joints: means of joints."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The joints of a probe.

    Attributes:
        source: The dataset's skeleton; None where it tells no names.
        skeleton: The joints that are read, as a tree.
        rows: Where these stand among the dataset's; None where they are all of them, or mixed of them.
        root: Joints of the dataset whose mean the poses are relative to; None to leave them as they are.
        name: Of the choice, empty for all.
        root_name: What poses are relative to.
    """

    source: Skeleton | None
    skeleton: Skeleton | None
    rows: tuple[int, ...] | None
    root: tuple[int, ...] | None
    name: str
    root_name: str

    def pick(self, pose_NJD: Tensor) -> Tensor:
        """The joints that are read, (N, K, D), where they are."""
        if self.rows is not None:
            return pose_NJD[:, list(self.rows)]
        if self.source is None or self.skeleton is None or self.source == self.skeleton:
            return pose_NJD
        return torch.from_numpy(convert(pose_NJD.numpy(), self.source.name, self.skeleton.name))

    def centred(self, pose_NJD: Tensor) -> Tensor:
        """The joints that are read, relative to the probe's root, (N, K, D); NaN where a joint or the root is."""
        picked = self.pick(pose_NJD)
        return picked if self.root is None else picked - pose_NJD[:, list(self.root)].mean(dim=1, keepdim=True)

    def centred_2d(self, pose_NJ2: Tensor) -> Tensor:
        """As `centred`, of 2D joints, which a dataset gives in the frame: its own root where none is chosen."""
        if self.root is not None or self.source is None:
            return self.centred(pose_NJ2)
        return pose_NJ2 - pose_NJ2[:, self.source.root, None]


def layout_of(skeleton: Skeleton | None, probe: Probe) -> Layout:
    """What a probe's `joints` and `root` mean on a dataset's skeleton.

    Raises:
        ConfigError: If the skeleton has no such joints, or a joint of one side is asked for without its partner.
        DataError: If joints are named, and the dataset tells no names.
    """
    if skeleton is None:
        if (probe.joints, probe.root) != (ALL, OWN_ROOT):
            raise DataError("the dataset names no joints, so none can be chosen", hint='leave probe.joints = "all"')
        return Layout(None, None, None, None, "", "none")
    read, rows = _read(skeleton, probe.joints)
    own = skeleton.joints[skeleton.root]
    root_name = own if probe.root == OWN_ROOT else probe.root
    root = None if root_name == own and read == skeleton else _root_of(skeleton, root_name)
    named = probe.joints if isinstance(probe.joints, str) else ", ".join(probe.joints)
    return Layout(skeleton, read, rows, root, "" if read == skeleton else named, root_name)


def _read(skeleton: Skeleton, wanted: str | tuple[str, ...]) -> tuple[Skeleton, tuple[int, ...] | None]:
    """The skeleton that is read, and where its joints stand if they are the dataset's own."""
    if wanted in (ALL, skeleton.name, skeleton.joints):
        return skeleton, None
    if isinstance(wanted, str):
        if (skeleton.name, wanted) in MIXTURES:
            return SKELETONS[wanted], None
        able = (ALL, *(to for source, to in MIXTURES if source == skeleton.name))
        what, hint = f"no joints {wanted!r} can be read off {skeleton.name}", did_you_mean(wanted, able)
        raise ConfigError(what, where="probe.joints", hint=f"{hint}; or name joints")
    if missing := [name for name in wanted if name not in skeleton.joints]:
        what, has = f"{skeleton.name} has no joint {', '.join(missing)}", f"it has: {', '.join(skeleton.joints)}"
        raise ConfigError(what, where="probe.joints", hint=has)
    return sub_skeleton(skeleton, wanted), tuple(skeleton.index(name) for name in wanted)


def _root_of(skeleton: Skeleton, root: str) -> tuple[int, ...]:
    """Rows whose mean is the root."""
    parts = MIDDLES.get(root, (root,))
    if missing := [part for part in parts if part not in skeleton.joints]:
        hint = did_you_mean(root, (OWN_ROOT, *MIDDLES, *skeleton.joints))
        raise ConfigError(f"{skeleton.name} has no joint {', '.join(missing)}", where="probe.root", hint=hint)
    return tuple(skeleton.index(part) for part in parts)


def sub_skeleton(skeleton: Skeleton, names: tuple[str, ...]) -> Skeleton:
    """A tree over some joints of a skeleton, grown from the first along the fewest bones, for pictures.

    Raises:
        ConfigError: If no joint is named, one twice, or one of one side without its partner.
    """
    ways = [set(_to_root(skeleton, skeleton.index(name))) for name in names]
    parents = [-1] * len(names)
    inside, outside = [0], list(range(1, len(names)))
    while outside:
        pairs = ((there, here) for there in outside for here in inside)
        there, here = min(pairs, key=lambda pair: len(ways[pair[0]] ^ ways[pair[1]]))  # bones between them
        parents[there] = here
        inside.append(there)
        outside.remove(there)
    try:
        return Skeleton(f"{len(names)} joints of {skeleton.name}", names, tuple(parents))
    except ValueError as error:
        hint = "name both sides of a joint, each once"
        raise ConfigError(str(error), where="probe.joints", hint=hint) from None


def _to_root(skeleton: Skeleton, joint: int) -> list[int]:
    way = []
    while joint >= 0:
        way.append(joint)
        joint = skeleton.parents[joint]
    return way
