"""Files of SMPL, SMPL-X and MANO as plain arrays, whatever they are wrapped in.

Axes: J joints, V vertices, F faces, S shape parameters, Q numbers of the pose that bend the shape (9 for each joint but
the root), K joints of a pose, 3 = x y z. Lengths in files are metres, here millimetres.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import DataError
from ...core.interfaces import Array
from ...core.skeleton import HUMAN36M_17, SKELETONS
from ...media.untrusted import Stub, load_npz, load_pickle

M_TO_MM = 1000.0
NEEDED = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f")
FINGERS = ("index", "middle", "little", "ring", "thumb")  # in the files' order
BONES = dict.fromkeys(FINGERS, ("mcp", "pip", "dip")) | {"thumb": ("cmc", "mcp", "ip")}
PHALANXES = tuple(f"{finger}_{bone}" for finger in FINGERS for bone in BONES[finger])
SMPL = SKELETONS["smpl_24"].joints
FAMILIES: dict[int, tuple[str, ...]] = {
    24: SMPL,
    55: (
        *SMPL[:22],
        *("jaw", "left_eye", "right_eye"),
        *(f"{side}_{name}" for side in ("left", "right") for name in PHALANXES),
    ),
    16: ("wrist", *PHALANXES),
}
"""Names of the joints by how many there are: SMPL, SMPL-X, MANO."""


@dataclass(frozen=True)
class Arrays:
    """A model.

    Attributes:
        joint_names: Of the joints.
        parents: Their parents' indices, -1 for the root.
        template_V3: At rest, mm.
        shapes_V3S: What each shape parameter adds, mm.
        bends_V3Q: What each number of the pose adds, mm.
        regressor_JV: Joints at rest as sums of vertices.
        weights_VJ: How much each joint moves each vertex.
        faces_F3: Triangles.
        mean_J3: Rotation vectors that are added to the pose parameters of data sets: of relaxed hands.
        pose_KV: Joints of the skeleton as sums of vertices, or None where they are the model's own.
        skeleton: Its name; empty without a pose.
        order_K: Where there is no ``pose_KV``: which of the joints, then of the fingertips, it has.
        tips: Vertices that are fingertips.
    """

    joint_names: tuple[str, ...]
    parents: tuple[int, ...]
    template_V3: Array
    shapes_V3S: Array
    bends_V3Q: Array
    regressor_JV: Array
    weights_VJ: Array
    faces_F3: Array
    mean_J3: Array
    pose_KV: Array | None = None
    skeleton: str = ""
    order_K: tuple[int, ...] = ()
    tips: tuple[int, ...] = ()


def read_model(path: Path, shapes: int, tips: tuple[int, ...]) -> Arrays:
    """A file of one of the three families.

    Args:
        path: .npz or .pkl.
        shapes: How many shape parameters.
        tips: Vertices of MANO's fingertips.

    Raises:
        DataError: It cannot be read, is of no family, or its arrays do not fit together.
    """
    where = str(path)
    if path.suffix == ".npz":
        found: Mapping[str, Any] = load_npz(path)
    else:
        found = load_pickle(path, stubs=("chumpy", "scipy"))
    if not isinstance(found, Mapping) or (lacking := [name for name in NEEDED if name not in found]):
        lost = ", ".join(lacking) if isinstance(found, Mapping) else "a table of arrays"
        raise DataError(f"this is no model of SMPL's form: it has no {lost}", where=where)
    arrays = {name: plain(found[name], where) for name in NEEDED}
    joints = arrays["kintree_table"].shape[-1]
    if joints not in FAMILIES:
        hint = "SMPL has 24 joints, SMPL-X 55, MANO 16; SMPL+H is not read"
        raise DataError(f"a model of {joints} joints is none that is known", where=where, hint=hint)
    check(arrays, where)
    return named(_arrays(arrays, found, shapes, where), tips, where)


def plain(value: Any, where: str) -> Array:
    """An array out of what wraps it: an object of chumpy, or a sparse matrix."""
    if isinstance(value, Stub):
        own = vars(value)
        if "x" in own:
            return plain(own["x"], where)
        if "indptr" in own:
            from scipy.sparse import csc_matrix, csr_matrix

            kind = csr_matrix if type(value).__name__.startswith("csr") else csc_matrix
            parts = own["data"], own["indices"], own["indptr"]
            return np.asarray(kind(parts, shape=own.get("_shape", own.get("shape"))).toarray())
        raise DataError(f"an object of {type(value).__name__} in it is not known", where=where)
    return np.asarray(value)


def check(arrays: Mapping[str, Array], where: str) -> None:
    """Refuse arrays that do not fit together.

    Raises:
        DataError: Naming the first.
    """
    joints, vertices = arrays["kintree_table"].shape[-1], len(arrays["v_template"])
    wanted: dict[str, tuple[int, ...]] = {
        "v_template": (vertices, 3),
        "posedirs": (vertices, 3, 9 * (joints - 1)),
        "J_regressor": (joints, vertices),
        "weights": (vertices, joints),
        "kintree_table": (2, joints),
        "f": (len(arrays["f"]), 3),
        "shapedirs": (vertices, 3, arrays["shapedirs"].shape[-1]),
    }
    for name, shape in wanted.items():
        if arrays[name].shape != shape:
            raise DataError(f"{name} has the shape {arrays[name].shape}, not {shape}", where=where)
    if arrays["f"].max() >= vertices:
        raise DataError("a face has a vertex that there is not", where=where)


def _arrays(arrays: Mapping[str, Array], found: Mapping[str, Any], shapes: int, where: str) -> Arrays:
    joints = arrays["kintree_table"].shape[-1]
    parents = (-1, *(int(parent) for parent in arrays["kintree_table"][0][1:]))
    if any(not 0 <= parent < joint for joint, parent in enumerate(parents) if joint):
        raise DataError("in its tree a joint comes before its parent", where=where)
    have = arrays["shapedirs"].shape[-1]
    if shapes > have:
        raise DataError(f"it has {have} shape parameters, not {shapes}", where=where, hint=f"shapes = {have} or fewer")
    means = [np.zeros(3 * joints)]
    for name, first in (("hands_mean", 1), ("hands_meanl", 25), ("hands_meanr", 40)):
        if name in found and 3 * first + 45 <= 3 * joints:
            means.append(np.pad(plain(found[name], where), (3 * first, 3 * joints - 3 * first - 45)))
    return Arrays(
        joint_names=FAMILIES[joints],
        parents=parents,
        template_V3=M_TO_MM * arrays["v_template"].astype(np.float64),
        shapes_V3S=M_TO_MM * arrays["shapedirs"][..., :shapes].astype(np.float64),
        bends_V3Q=M_TO_MM * arrays["posedirs"].astype(np.float64),
        regressor_JV=arrays["J_regressor"].astype(np.float64),
        weights_VJ=arrays["weights"].astype(np.float64),
        faces_F3=arrays["f"].astype(np.int64),
        mean_J3=np.sum(means, axis=0).reshape(joints, 3),
    )


def named(model: Arrays, tips: tuple[int, ...], where: str) -> Arrays:
    """The model with the pose that its own joints make: SMPL's 24, or a hand's 21 with fingertips."""
    if len(model.joint_names) == 24:
        return replace(model, skeleton="smpl_24", order_K=tuple(range(24)))
    if len(model.joint_names) != 16:
        return model
    if max(tips) >= len(model.template_V3):
        raise DataError(f"there is no vertex {max(tips)} for a fingertip", where=where, hint="set fingertips")
    thumb_first = ("thumb", "index", "middle", "ring", "little")
    every = (*model.joint_names, *(f"{finger}_tip" for finger in thumb_first))
    order = tuple(every.index(name) for name in SKELETONS["hand_21"].joints)
    return replace(model, skeleton="hand_21", order_K=order, tips=tips)


def read_regressor(model: Arrays, path: Path) -> Arrays:
    """The model with the Human3.6M joints of a file.

    Files are about in which left and right are swapped; which it is shows on the model at rest, whose left is +x.

    Raises:
        DataError: It cannot be read, or is for another mesh.
    """
    try:
        pose_KV = np.asarray(np.load(path, allow_pickle=False), np.float64)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"the joint regressor cannot be read: {error}", where=str(path)) from None
    wanted = (len(HUMAN36M_17), len(model.template_V3))
    if pose_KV.shape != wanted:
        raise DataError(f"the joint regressor has the shape {pose_KV.shape}, not {wanted}", where=str(path))
    rest_K3 = pose_KV @ model.template_V3
    if rest_K3[HUMAN36M_17.index("right_hip"), 0] > rest_K3[HUMAN36M_17.index("left_hip"), 0]:
        pose_KV = pose_KV[list(HUMAN36M_17.mirror)]
    return replace(model, pose_KV=pose_KV, skeleton=HUMAN36M_17.name)


def made_up(joints: int, vertices: int, shapes: int, rng: np.random.Generator) -> dict[str, Array]:
    """Arrays of a model that looks like nothing, with the names and sizes of the files."""
    parents = np.array([2**32 - 1, *(rng.integers(0, joint) for joint in range(1, joints))])
    weights, regressor = rng.random((vertices, joints)) ** 8, rng.random((joints, vertices)) ** 8
    return {
        "v_template": rng.normal(size=(vertices, 3)),
        "shapedirs": 0.1 * rng.normal(size=(vertices, 3, shapes)),
        "posedirs": 0.01 * rng.normal(size=(vertices, 3, 9 * (joints - 1))),
        "J_regressor": regressor / regressor.sum(1, keepdims=True),
        "weights": weights / weights.sum(1, keepdims=True),
        "kintree_table": np.stack([parents, np.arange(joints)]).astype(np.uint32),
        "f": rng.integers(0, vertices, (2 * vertices, 3)).astype(np.uint32),
    }


def write_example(folder: Path) -> None:
    """A made-up SMPL of 60 vertices, ``smpl.npz``, and a regressor for it, ``regressor.npy``."""
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = dict(made_up(24, 60, 5, rng))
    np.savez(folder / "smpl.npz", **arrays)
    rows = rng.random((17, 60))
    np.save(folder / "regressor.npy", rows / rows.sum(1, keepdims=True))
