"""Mirroring what a picture tells of parts is the same as drawing the mirrored body."""

import pytest
import torch
from torch import Tensor

from poserep.core.errors import DataError
from poserep.core.mirror import mirrored
from poserep.core.skeleton import other_side
from poserep.media.camera import Camera
from poserep.networks.rotations import matrix_from_axis_angle
from poserep.plugins.datasets.studio.body import make_subject
from poserep.plugins.datasets.studio.charts import chart_of
from poserep.plugins.datasets.studio.dress import dress
from poserep.plugins.datasets.studio.mesh import Shot, render_mesh
from poserep.plugins.datasets.studio.render import Light
from poserep.testing import fake_context

BODY = fake_context().open_body("capsule", {"of": "body"}, "body")
PARTS = ("background", *chart_of(BODY).names)
MIRROR = torch.tensor([-1.0, 1, 1])
SIZE = 120


def drawn(rotations_TJ33: Tensor) -> dict[str, Tensor]:
    """Labels of bodies that stand before a camera on their plane of symmetry."""
    frames = len(rotations_TJ33)
    vertices, _ = BODY(rotations_TJ33, torch.zeros(frames, BODY.shape_count), torch.zeros(frames, 3))
    camera = Camera.look_at((0, 0, 3500), (0, 0, 0), 160.0, (SIZE, SIZE), up=(0, 1, 0))
    look = dress(BODY, chart_of(BODY), make_subject("anybody"))
    empty = torch.zeros(3, SIZE, SIZE, dtype=torch.uint8)
    channels = render_mesh(Shot(BODY, vertices, look), [camera] * frames, empty, Light(), torch.zeros(frames).long())
    return {"part_map": channels[:, None, 4:5].long(), "uv_map": channels[:, None, 5:7].float() / 255}


def test_mirrored_labels_of_parts_are_those_of_the_mirrored_body() -> None:
    torch.manual_seed(0)
    joints = len(BODY.joint_names)
    turned = matrix_from_axis_angle(torch.randn(4, joints, 3) * 0.35)
    partner = [BODY.joint_names.index(other_side(name)) for name in BODY.joint_names]
    other = MIRROR[:, None] * turned[:, partner] * MIRROR
    found, wanted = mirrored(drawn(turned), None, PARTS), drawn(other)
    same = found["part_map"] == wanted["part_map"]
    body = (found["part_map"] > 0) & (wanted["part_map"] > 0)
    assert int(body.sum()) > 3500
    assert float(same[body].float().mean()) > 0.985  # all but seams between parts
    assert float(((found["part_map"] > 0) == (wanted["part_map"] > 0)).float().mean()) > 0.998
    away = (found["uv_map"] - wanted["uv_map"]).abs()
    round_it, along = torch.minimum(away, 1 - away)[:, :, 0], away[:, :, 1]  # a turn ends where it begins
    on = (same & body)[:, :, 0]
    for off in (round_it[on], along[on]):
        assert float(off.median()) <= 1.01 / 255
        assert float((off < 0.02).float().mean()) > 0.98
    left = {PARTS.index(name) for name in PARTS if name.startswith("left_")}
    assert left <= set(found["part_map"].unique().tolist())
    unswapped = found["part_map"] == drawn(turned)["part_map"].flip(-1)
    assert float(unswapped[body].float().mean()) < 0.7  # so that sides count


def test_mirrored_twice_parts_and_places_are_themselves() -> None:
    once = drawn(torch.eye(3).expand(1, len(BODY.joint_names), 3, 3))
    twice = mirrored(mirrored(once, None, PARTS), None, PARTS)
    assert torch.equal(twice["part_map"], once["part_map"])
    torch.testing.assert_close(twice["uv_map"], once["uv_map"])
    assert not twice["uv_map"][(once["part_map"] == 0).expand(-1, -1, 2, -1, -1)].any()


def test_a_place_by_hand() -> None:
    parts = torch.tensor([[1, 2, 0]]).view(1, 1, 1, 1, 3)
    uv = torch.tensor([[0.25, 0.5, 0.0], [0.1, 0.9, 0.0]]).view(1, 1, 2, 1, 3)
    found = mirrored({"part_map": parts, "uv_map": uv}, None, ("background", "left_knee", "right_knee"))
    assert found["part_map"].flatten().tolist() == [0, 1, 2]
    torch.testing.assert_close(found["uv_map"].flatten(), torch.tensor([0, 0.5, 0.75, 0, 0.9, 0.1]))


def test_parts_without_names_or_partners_are_refused() -> None:
    parts, uv = torch.ones(1, 1, 1, 2, 2).long(), torch.zeros(1, 1, 2, 2, 2)
    with pytest.raises(DataError, match="no mirror image of the field 'part_map'"):
        mirrored({"part_map": parts}, None)
    with pytest.raises(DataError, match="no mirror image of the field 'uv_map'"):
        mirrored({"uv_map": uv}, None, PARTS)
    with pytest.raises(DataError, match="the part 'left_knee' has no partner 'right_knee'"):
        mirrored({"part_map": parts}, None, ("background", "left_knee"))
