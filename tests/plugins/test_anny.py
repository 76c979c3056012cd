"""Anny in the axes and names used here: against a stand-in of its interface, and itself where it is installed."""

import importlib.util
import sys
import types

import pytest
import torch

from poserep.core.errors import PluginError
from poserep.core.skeleton import HUMAN36M_17, SKELETONS
from poserep.plugins.body_models.anny_net import BONES, FINGERS, FromAnny, axes, dense
from poserep.testing import fake_context

INSTALLED = importlib.util.find_spec("anny") is not None
UP_Z = torch.tensor(
    [[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]
)  # its axes: left +x, up +z, forward -y; here left, up, forward


class StandIn:
    """As much of ``anny.Anny`` as is used: bones with four vertices each, a shape that grows all with the height."""

    phenotype_labels = ("gender", "age", "height")

    def __init__(self, rig: str, topology: str, skinning_method: str, phenotype_blendshapes: str) -> None:
        assert (skinning_method, phenotype_blendshapes) == ("lbs", "original")
        bones = hand_bones() if "hand" in rig else body_bones()
        self.bone_labels = list(bones)
        parents = [parent for parent, _ in bones.values()]
        self.bone_parents = [self.bone_labels.index(parent) if parent else -1 for parent in parents]
        heads = torch.tensor([place for _, place in bones.values()]) / 1000
        self.template_bone_heads = heads @ UP_Z.T
        corners = 0.02 * torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0]])
        self.template_vertices = (heads[:, None] + corners).flatten(0, 1) @ UP_Z.T
        self.blendshapes = 0.2 * self.template_vertices[None]
        self.bone_heads_blendshapes = 0.2 * self.template_bone_heads[None]
        own = torch.arange(len(bones)).repeat_interleave(4)
        self.vertex_bone_indices = torch.stack((own, own), dim=1)
        self.vertex_bone_weights = torch.tensor([0.75, 0.25]).expand(len(own), 2)

    def get_triangular_faces(self) -> torch.Tensor:
        return torch.arange(len(self.template_vertices) // 4 * 4).view(-1, 4)[:, :3]

    def get_phenotype_blendshape_coefficients(self, **values: torch.Tensor) -> torch.Tensor:
        assert set(values) == set(self.phenotype_labels)
        return (values["height"] - 0.5)[:, None] + 0 * values["gender"][:, None] * values["age"][:, None]


def body_bones() -> dict[str, tuple[str, tuple[float, float, float]]]:
    """Parents and places, (left, up, forward) in mm."""
    sides = {}
    for letter, sign in (("L", 1.0), ("R", -1.0)):
        chain = (
            *(("upperleg01", "root", 100, 0), ("upperleg02", "upperleg01", 100, -200)),
            *(("lowerleg01", "upperleg02", 100, -420), ("foot", "lowerleg01", 100, -840)),
            *(("clavicle", "spine03", 40, 480), ("upperarm01", "clavicle", 170, 470)),
            *(("lowerarm01", "upperarm01", 440, 470), ("wrist", "lowerarm01", 690, 470)),
        )
        for bone, parent, x, y in chain:
            above = parent if parent in ("root", "spine03") else f"{parent}.{letter}"
            sides[f"{bone}.{letter}"] = (above, (sign * x, float(y), 0.0))
    return {
        "root": ("", (0.0, 20.0, 0.0)),
        "spine03": ("root", (0.0, 230.0, 0.0)),
        "neck01": ("spine03", (0.0, 520.0, 0.0)),
        "head": ("neck01", (0.0, 640.0, 20.0)),
        **sides,
    }


def hand_bones() -> dict[str, tuple[str, tuple[float, float, float]]]:
    """A right hand, fingers along -x, the thumb to +z, leant somehow."""
    found = {"root": ("", (0.0, 20.0, 0.0)), "wrist.R": ("root", (-700.0, 470.0, 0.0))}
    for number, finger in enumerate(FINGERS, 1):
        for place in (1, 2, 3):
            at = (-700.0 - 60 - 30 * place, 470.0, 40.0 - 20 * number)
            found[f"finger{number}-{place}.R"] = (f"finger{number}-{place - 1}.R" if place > 1 else "wrist.R", at)
        del finger
    return found


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("anny")
    module.Anny = StandIn
    monkeypatch.setitem(sys.modules, "anny", module)


def still(body, **shape: float) -> tuple[torch.Tensor, torch.Tensor]:
    beta = torch.zeros(1, body.shape_count)
    for name, value in shape.items():
        beta[0, body.phenotypes.index(name)] = value
    return body(torch.eye(3).expand(1, len(body.joint_names), 3, 3), beta, torch.zeros(1, 3))


@pytest.mark.usefixtures("stand_in")
def test_its_axes_and_metres_become_those_used_here() -> None:
    body = fake_context().open_body("anny", {}, "body")
    torch.testing.assert_close(body.turn_33, UP_Z.T)
    _, joints = still(body)
    here = {name: joints[0, joint] for joint, name in enumerate(body.joint_names)}
    torch.testing.assert_close(here["pelvis"], torch.zeros(3), atol=1e-3, rtol=0)
    torch.testing.assert_close(here["left_knee"], torch.tensor([100.0, -440, 0]), atol=1e-2, rtol=0)


@pytest.mark.usefixtures("stand_in")
def test_a_body_gives_the_joints_of_human36m() -> None:
    body = fake_context().open_body("anny", {}, "body")
    pose = body.pose(*still(body))[0]
    at = {name: pose[joint] for joint, name in enumerate(HUMAN36M_17.joints)}
    torch.testing.assert_close(at["pelvis"], torch.tensor([0.0, -20, 0]), atol=1e-2, rtol=0)  # between the hips
    assert float(at["head"][1]) == pytest.approx(640, abs=1)  # the highest of the head's vertices: 620 and 20 more
    assert float(at["neck"][2]) == pytest.approx(40, abs=1)  # the foremost
    assert float(at["left_wrist"][0]) == pytest.approx(690, abs=1)
    assert set(BONES.values()) >= {name for name in HUMAN36M_17.joints if name.startswith(("left", "right"))}


@pytest.mark.usefixtures("stand_in")
def test_a_hand_lies_with_its_fingers_along_x_and_has_21_joints() -> None:
    hand = fake_context().open_body("anny", {"of": "hand"}, "body")
    pose = hand.pose(*still(hand))[0]
    skeleton = SKELETONS["hand_21"]
    assert hand.skeleton is skeleton
    torch.testing.assert_close(still(hand)[1][0, 0], pose[0])  # its root is at the wrist, about which it turns
    along = pose[skeleton.index("middle_mcp")] - pose[0]
    assert float(along[0]) < 0
    assert along[1:].abs().max() < 1e-2
    assert float(pose[skeleton.index("index_mcp"), 2]) > float(pose[skeleton.index("little_mcp"), 2])
    for finger in FINGERS:
        tip, last = skeleton.index(f"{finger}_tip"), skeleton.index(f"{finger}_tip") - 1
        assert float(pose[tip, 0]) < float(pose[last, 0])


@pytest.mark.usefixtures("stand_in")
def test_shape_parameters_are_differences_of_phenotypes() -> None:
    body = fake_context().open_body("anny", {}, "body")
    _, joints = still(body)
    _, taller = still(body, height=0.25)
    bones = [(one[0, 3] - one[0, 0]).norm() for one in (joints, taller)]
    assert float(bones[1] / bones[0]) == pytest.approx(1.05, abs=1e-4)
    assert body.phenotypes == StandIn.phenotype_labels
    assert not body.state_dict()


def test_weights_of_few_bones_become_those_of_all() -> None:
    found = dense(torch.tensor([[0.5, 0.3], [1.0, 1.0]]), torch.tensor([[2, 0], [1, 1]]), 3)
    torch.testing.assert_close(found, torch.tensor([[0.375, 0, 0.625], [0, 1, 0]]))


def test_axes_are_a_rotation_near_to_what_is_told() -> None:
    turn = axes(torch.tensor([1.0, 0.2, 0]), torch.tensor([0.0, 0, 3]))
    torch.testing.assert_close(turn @ turn.T, torch.eye(3))
    torch.testing.assert_close(turn[1], torch.tensor([0.0, 0, 1]))


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anny", None)
    with pytest.raises(PluginError, match="not installed") as caught:
        fake_context().open_body("anny", {}, "body")
    assert "poserep[anny]" in caught.value.hint


@pytest.mark.slow
@pytest.mark.skipif(not INSTALLED, reason="the package anny is not installed")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("of", ["body", "hand"])
def test_the_package_itself_gives_a_person_and_a_hand_of_their_sizes(of: str) -> None:
    body = fake_context().open_body("anny", {"of": of}, "body")
    assert isinstance(body, FromAnny)
    vertices, joints = still(body)
    pose = body.pose(vertices, joints)[0]
    if of == "body":
        assert 1500 < float(pose[10, 1] - vertices[0, :, 1].min()) < 1950
        assert float(pose[11, 0]) > 100 > -100 > float(pose[14, 0])  # the left shoulder is +x
        assert float(pose[9, 2]) > 50  # the nose is in front
    else:
        assert 140 < float((pose[12] - pose[0]).norm()) < 220
        assert float(pose[4, 2]) > float(pose[20, 2])  # the thumb's side is +z
