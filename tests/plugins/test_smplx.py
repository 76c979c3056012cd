"""Models from files: all three families in the form in which they are stored, against a slow reference."""

import pickle
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.sparse import csc_matrix

from poserep.core.errors import DataError, ShapeError
from poserep.core.skeleton import HUMAN36M_17, SKELETONS
from poserep.networks.rotations import matrix_from_axis_angle
from poserep.plugins.body_models.smplx_files import FAMILIES, made_up
from poserep.testing import fake_context

Tables = dict[str, np.ndarray]
TIPS = (1, 2, 3, 4, 5)


def opened(file: Path, **options: object):
    return fake_context().open_body("smplx", {"file": str(file), "shapes": 4, **options}, "body")


def made(joints: int, vertices: int = 40, seed: int = 0) -> Tables:
    return made_up(joints, vertices, 6, np.random.default_rng(seed))


def pickled(file: Path, arrays: Tables, chumpy: tuple[str, ...] = ()) -> Path:
    """A pickle as the authors' programs of Python 2 wrote it: sparse regressor, some arrays objects of chumpy."""
    module = types.ModuleType("chumpy.ch")

    class Ch:
        def __init__(self, x: np.ndarray) -> None:
            self.x, self.dterms = x, "x"

    Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"
    module.Ch = Ch
    tables = {name: Ch(values) if name in chumpy else values for name, values in arrays.items()}
    tables |= {"J_regressor": csc_matrix(arrays["J_regressor"]), "bs_style": "lbs", "J": arrays["v_template"][:3]}
    before = {name: sys.modules.get(name) for name in ("chumpy", "chumpy.ch")}
    sys.modules |= {"chumpy": types.ModuleType("chumpy"), "chumpy.ch": module}
    try:
        file.write_bytes(pickle.dumps(tables, protocol=2))
    finally:
        for name, one in before.items():
            sys.modules.pop(name) if one is None else sys.modules.update({name: one})
    return file


def slow(arrays: Tables, rotations: np.ndarray, shape: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One body, vertex by vertex, with 4 x 4 matrices; metres."""
    joints = len(rotations)
    shaped = arrays["v_template"] + sum(arrays["shapedirs"][..., s] * shape[s] for s in range(len(shape)))
    rest = np.array([sum(w * v for w, v in zip(row, shaped, strict=True)) for row in arrays["J_regressor"]])
    feature = np.concatenate([(rotations[j] - np.eye(3)).ravel() for j in range(1, joints)])
    whole: list[np.ndarray] = []
    for j in range(joints):
        parent = int(arrays["kintree_table"][0, j]) if j else -1
        own = np.eye(4)
        own[:3, :3], own[:3, 3] = rotations[j], rest[j] - (rest[parent] if j else 0)
        whole.append(whole[parent] @ own if j else own)
    vertices = []
    for v, point in enumerate(shaped):
        point = point + arrays["posedirs"][v] @ feature
        moved = np.zeros(3)
        for j in range(joints):
            local = np.append(point - rest[j], 1)
            moved += arrays["weights"][v, j] * (whole[j] @ local)[:3]
        vertices.append(moved)
    return np.array(vertices), np.array([one[:3, 3] for one in whole])


@pytest.mark.parametrize(("joints", "form"), [(24, "pkl"), (24, "npz"), (55, "npz"), (16, "pkl")])
def test_each_family_computes_what_a_slow_reference_does(tmp_path: Path, joints: int, form: str) -> None:
    arrays = made(joints)
    file = tmp_path / f"model.{form}"
    if form == "npz":
        np.savez(file, **arrays)
    else:
        pickled(file, arrays, ("v_template", "shapedirs", "posedirs", "weights"))
    body = opened(file, fingertips=TIPS)
    torch.manual_seed(0)
    turns, shape = matrix_from_axis_angle(torch.randn(1, joints, 3)), torch.randn(1, 4)
    vertices, places = body(turns, shape, torch.tensor([[10.0, 20, 30]]))
    wanted = slow(arrays, turns[0].double().numpy(), shape[0].double().numpy())
    moved = np.array([10, 20, 30])
    np.testing.assert_allclose(vertices[0].numpy(), 1000 * wanted[0] + moved, atol=0.05)
    np.testing.assert_allclose(places[0].numpy(), 1000 * wanted[1] + moved, atol=0.05)
    assert body.joint_names == FAMILIES[joints]


def test_the_names_of_the_families_are_of_the_files_order() -> None:
    assert FAMILIES[24] == SKELETONS["smpl_24"].joints
    assert FAMILIES[16][:4] == ("wrist", "index_mcp", "index_pip", "index_dip")
    assert FAMILIES[16][13:] == ("thumb_cmc", "thumb_mcp", "thumb_ip")
    assert [FAMILIES[55].index(name) for name in ("jaw", "left_index_mcp", "right_index_mcp")] == [22, 25, 40]
    assert all(len(names) == len(set(names)) == count for count, names in FAMILIES.items())


def test_a_hand_has_its_21_joints_with_the_tips_among_its_vertices(tmp_path: Path) -> None:
    body = opened(pickled(tmp_path / "MANO_RIGHT.pkl", made(16)), fingertips=TIPS)
    vertices, joints = torch.randn(1, 40, 3), torch.randn(1, 16, 3)
    pose = body.pose(vertices, joints)[0]
    hand = SKELETONS["hand_21"]
    assert body.skeleton is hand
    for name, wanted in (("wrist", joints[0, 0]), ("little_mcp", joints[0, 7]), ("thumb_ip", joints[0, 15])):
        torch.testing.assert_close(pose[hand.index(name)], wanted)
    for tip, vertex in zip(("thumb", "index", "middle", "ring", "little"), TIPS, strict=True):
        torch.testing.assert_close(pose[hand.index(f"{tip}_tip")], vertices[0, vertex])


def test_a_regressor_gives_the_joints_of_human36m_whichever_side_it_has_first(tmp_path: Path) -> None:
    arrays = made(24)
    np.savez(tmp_path / "smpl.npz", **arrays)
    rows = np.zeros((17, 40))
    rows[np.arange(17), np.arange(17)] = 1
    right, left = HUMAN36M_17.index("right_hip"), HUMAN36M_17.index("left_hip")
    swap = arrays["v_template"][right, 0] > arrays["v_template"][left, 0]
    for regressor in (rows, rows[list(HUMAN36M_17.mirror)]):
        np.save(tmp_path / "regressor.npy", regressor)
        body = opened(tmp_path / "smpl.npz", regressor=str(tmp_path / "regressor.npy"))
        pose = body.pose(body.template[None], torch.zeros(1, 24, 3))[0]
        wanted = body.template[list(HUMAN36M_17.mirror) if swap else list(range(17))]
        torch.testing.assert_close(pose, wanted)
        assert float(pose[right, 0]) < float(pose[left, 0])
    assert opened(tmp_path / "smpl.npz").skeleton is SKELETONS["smpl_24"]


def test_the_mean_pose_of_the_hands_is_added_to_a_data_sets_parameters(tmp_path: Path) -> None:
    mean = np.linspace(-0.5, 0.5, 45)
    body = opened(pickled(tmp_path / "m.pkl", made(16) | {"hands_mean": mean}), fingertips=TIPS)
    own = torch.randn(2, 48) * 0.1
    full = own.clone()
    full[:, 3:] += torch.from_numpy(mean).float()
    torch.testing.assert_close(body.rotations(own), matrix_from_axis_angle(full.unflatten(1, (16, 3))))
    with_both = made(55) | {"hands_meanl": mean, "hands_meanr": 2 * mean}
    np.savez(tmp_path / "x.npz", **with_both)
    both = opened(tmp_path / "x.npz")
    np.testing.assert_allclose(both.mean_J3[25:40].flatten().numpy(), mean, atol=1e-6)
    np.testing.assert_allclose(both.mean_J3[40:].flatten().numpy(), 2 * mean, atol=1e-6)
    assert not both.mean_J3[:25].any()


def test_gradients_are_those_of_finite_differences(tmp_path: Path) -> None:
    body = opened(pickled(tmp_path / "m.pkl", made(16, 12)), fingertips=TIPS).double()
    torch.manual_seed(1)
    turns = torch.randn(1, 16, 3, dtype=torch.float64, requires_grad=True)
    shape = torch.randn(1, 4, dtype=torch.float64, requires_grad=True)

    def metres(turns: torch.Tensor, shape: torch.Tensor) -> torch.Tensor:
        return body(matrix_from_axis_angle(turns), shape, torch.zeros(1, 3, dtype=torch.float64))[0] / 1000

    assert torch.autograd.gradcheck(metres, (turns, shape))


def test_what_is_no_model_is_refused_with_what_is_wrong(tmp_path: Path) -> None:
    def saved(**changes: np.ndarray | None) -> Path:
        tables = {name: values for name, values in (made(24) | changes).items() if values is not None}
        file = tmp_path / f"{'-'.join(changes) or 'whole'}{len(list(tmp_path.iterdir()))}.npz"
        np.savez(file, **tables)
        return file

    backwards = made(24)["kintree_table"].copy()
    backwards[0, 3] = 9
    for file, words, options in (
        (tmp_path / "none.npz", "no such file", {}),
        (saved(weights=None), "it has no weights", {}),
        (saved(kintree_table=np.zeros((2, 52), np.uint32)), "a model of 52 joints", {}),
        (saved(weights=np.ones((40, 23))), "weights has the shape", {}),
        (saved(f=np.full((2, 3), 40)), "a vertex that there is not", {}),
        (saved(kintree_table=backwards), "before its parent", {}),
        (saved(), "6 shape parameters, not 9", {"shapes": 9}),
    ):
        with pytest.raises(DataError, match=words):
            opened(file, **options)
    np.save(tmp_path / "r.npy", np.zeros((17, 39)))
    with pytest.raises(DataError, match="regressor has the shape"):
        opened(saved(), regressor=str(tmp_path / "r.npy"))
    with pytest.raises(DataError, match="no vertex 744"):
        opened(pickled(tmp_path / "m.pkl", made(16)))


def test_a_pickle_that_wants_to_run_something_is_refused(tmp_path: Path) -> None:
    class Bad:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.cwd, ())

    (tmp_path / "bad.pkl").write_bytes(pickle.dumps({"v_template": Bad()}))
    with pytest.raises(DataError):
        opened(tmp_path / "bad.pkl")


def test_parameters_of_another_length_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "smpl.npz", **made(24))
    with pytest.raises(ShapeError, match="pose parameters"):
        opened(tmp_path / "smpl.npz").rotations(torch.zeros(1, 69))
