"""People and hands as body models: poses, parts, gestures, and what the studio tells of them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from poserep.core.errors import ConfigError
from poserep.core.skeleton import HUMAN36M_17, SKELETONS
from poserep.plugins.datasets.studio import gestures
from poserep.plugins.datasets.studio.charts import chart_of, owners
from poserep.plugins.datasets.studio.dataset import Studio, StudioOptions
from poserep.plugins.datasets.studio.motion.procedural import procedural_motion
from poserep.plugins.datasets.studio.motion.retarget import retarget
from poserep.plugins.datasets.studio.options import labels_of
from poserep.plugins.datasets.studio.posing import at_rest, bone_lengths, follow, shape_of, swing
from poserep.testing import fake_context

BODY, HAND = (fake_context().open_body("capsule", {"of": of}, "body") for of in ("body", "hand"))
SMALL = {"subjects": 1, "validation_subjects": 0, "test_subjects": 1, "seconds": 1.0, "cameras": 2, "size": 48}
SOME = np.arange(0, 10, 3)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POSEREP_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def people() -> Studio:
    return Studio(StudioOptions(body="capsule", actions=("gait",), **SMALL), fake_context())


@pytest.fixture(scope="module")
def hands() -> Studio:
    return Studio(StudioOptions(scene="hands", fps=10.0, **SMALL | {"seconds": 6.0}), fake_context())


# ---------------------------------------------------------------- posing


@pytest.mark.parametrize("kind", ["gait", "gestures", "squats", "turns"])
def test_a_body_model_does_what_the_motion_does(kind: str) -> None:
    shape = shape_of(BODY, "someone")
    motion = procedural_motion(kind, 2.0, 5.0, np.random.default_rng(0)).joints_TJ3.astype(np.float64)
    wanted = torch.from_numpy(retarget(motion, bone_lengths(BODY, shape).numpy(), "floor")).float()
    posed = follow(BODY, shape, wanted)
    pose = BODY.pose(*posed.at(BODY, torch.arange(len(wanted))))
    off = (pose - wanted).norm(dim=-1)
    assert float(off.max()) < 25  # hips and nose are not where a rigid trunk and head have them
    assert float(off.mean()) < 5
    identity = (posed.rotations_TK33 @ posed.rotations_TK33.mT - torch.eye(3)).abs()
    assert float(identity.max()) < 1e-4


def test_a_body_that_stands_as_it_rests_turns_nothing() -> None:
    rest = at_rest(BODY, torch.zeros(BODY.shape_count))
    posed = follow(BODY, torch.zeros(BODY.shape_count), rest[None] + 500)
    assert float((posed.rotations_TK33[0, 1:] - torch.eye(3)).abs().max()) < 1e-4
    assert (rest[HUMAN36M_17.index("left_wrist"), 1] > 500).item()  # the left is +y, the head up, the face to +x
    assert (rest[HUMAN36M_17.index("head"), 2] > 500).item()


def test_the_shortest_turn_leads_from_one_to_the_other() -> None:
    torch.manual_seed(0)
    start, end = (torch.nn.functional.normalize(torch.randn(9, 3), dim=-1) for _ in range(2))
    turn = swing(start, end)
    torch.testing.assert_close((turn @ start[..., None])[..., 0], end, atol=1e-4, rtol=0)
    quarter = swing(torch.tensor([[1.0, 0, 0]]), torch.tensor([[0.0, 1, 0]]))[0]
    torch.testing.assert_close(quarter, torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]))


# ---------------------------------------------------------------- parts


def test_joints_that_nobody_knows_belong_to_the_nearest_above() -> None:
    names = ("root", "left_hip", "left_twist", "left_knee", "toe7")
    assert owners(names, (-1, 0, 1, 2, 3)) == [0, 1, 1, 3, 3]


def test_a_place_on_a_part_goes_round_and_along_it() -> None:
    chart = chart_of(BODY)
    thigh = chart.names.index("left_hip")
    hip = chart.origin_G3[thigh]
    points = hip + torch.tensor([[0.0, -200, 50], [0, -200, -50], [50, -200, 0], [0, -300, 50]])
    uv = chart.uv(points, torch.full((4,), thigh))
    assert float(uv[0, 0]) == pytest.approx(0.5, abs=1e-5)  # the front is half way round
    assert min(float(uv[1, 0]), 1 - float(uv[1, 0])) < 1e-5  # the back is where it begins and ends
    assert abs(float(uv[2, 0]) - 0.5) == pytest.approx(0.25, abs=1e-5)
    assert float(uv[3, 1] - uv[0, 1]) == pytest.approx(100 / float(chart.span_G2[thigh].diff()), abs=1e-5)
    assert bool(((uv >= 0) & (uv <= 1)).all())


def test_a_hand_has_a_part_for_the_palm_and_each_phalanx() -> None:
    assert len(chart_of(HAND).names) == 16
    assert not any(name.endswith("tip") for name in chart_of(HAND).names)


# ---------------------------------------------------------------- gestures


def test_a_held_gesture_bends_the_fingers_that_it_says() -> None:
    rest = HAND.pose(*_still())[0].double().numpy()
    for name, straight in (("peace", {"index", "middle"}), ("fist", set()), ("rock", {"index", "little"})):
        turns = gestures.turned(np.array([gestures.GESTURES[name]], float), rest, SKELETONS["hand_21"])
        _, joints = HAND(torch.from_numpy(turns).float(), torch.zeros(1, HAND.shape_count), torch.zeros(1, 3))
        for finger in gestures.FINGERS:
            tip, knuckle = (HAND.skeleton.index(f"{finger}_{part}") for part in ("tip", "mcp"))
            reach = (joints[0, tip] - joints[0, knuckle]).norm() / np.linalg.norm(rest[tip] - rest[knuckle])
            assert (float(reach) > 0.95) == (finger in straight), (name, finger)


def _still() -> tuple[torch.Tensor, torch.Tensor]:
    return HAND(torch.eye(3).expand(1, 21, 3, 3), torch.zeros(1, HAND.shape_count), torch.zeros(1, 3))


def test_a_hand_held_up_has_its_fingers_up_its_palm_to_the_camera_and_its_thumb_on_the_right() -> None:
    (turn_33,) = gestures.facing(np.zeros((1, 3)))
    assert np.linalg.det(turn_33) == pytest.approx(1)
    np.testing.assert_allclose(turn_33 @ [-1, 0, 0], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(turn_33 @ [0, -1, 0], [0, -1, 0], atol=1e-12)
    np.testing.assert_allclose(turn_33 @ [0, 0, 1], [1, 0, 0], atol=1e-12)


def test_on_the_way_between_gestures_none_is_told() -> None:
    times = np.arange(300) / 20
    angles, turn, middle, told = gestures.perform(("fist", "palm"), times, np.random.default_rng(0))
    assert (angles.shape, turn.shape, middle.shape) == ((300, 5, 4), (300, 3), (300, 3))
    shown = {gestures.NAMES[index] for index in told}
    assert shown == {"fist", "palm", "no_gesture"}
    bend = angles[:, 1:, 1].mean(1)
    assert bend[told == gestures.NAMES.index("fist")].min() > 75
    assert bend[told == gestures.NAMES.index("palm")].max() < 35


def test_the_same_gesture_never_looks_the_same_twice() -> None:
    one, two = (gestures.perform(("ok",), np.zeros(1), np.random.default_rng(seed)) for seed in (0, 1))
    assert np.abs(one[0] - two[0]).max() > 1
    again = gestures.perform(("ok",), np.zeros(1), np.random.default_rng(0))
    np.testing.assert_array_equal(one[0], again[0])


# ---------------------------------------------------------------- the dataset


def test_joints_of_a_drawn_body_lie_inside_of_its_silhouette(people: Studio) -> None:
    masks, points = (people.labels(name, 0, SOME) for name in ("true_mask", "pose_2d"))
    pixels = np.clip(np.round((points + 1) / 2 * 48 - 0.5).astype(int), 0, 47)
    inside = [masks[n, 0, y, x] > 0 for n in range(len(SOME)) for x, y in pixels[n]]
    assert np.mean(inside) > 0.9


@pytest.mark.parametrize("which", ["people", "hands"])
def test_parts_are_where_the_mask_is_and_vertices_where_parts_are(which: str, request: pytest.FixtureRequest) -> None:
    studio = request.getfixturevalue(which)
    mask, parts, uv = (studio.labels(name, 0, SOME) for name in ("true_mask", "part_map", "uv_map"))
    np.testing.assert_array_equal(mask > 0, parts > 0)
    assert parts.dtype == np.int64
    assert uv.min() >= 0
    assert uv.max() <= 1
    assert not uv[np.broadcast_to(parts == 0, uv.shape)].any()
    vertices, pose = (studio.labels(name, 0, SOME) for name in ("vertices", "pose"))
    boxes = studio.labels("true_box", 0, SOME)
    cameras = [studio.cameras(0)[index] for index in SOME]
    for n, camera in enumerate(cameras):
        root = camera.to_camera(studio._takes[0].joints_TJ3[SOME[n], 0])
        seen = camera.to_frame(camera.project_camera(vertices[n] + root))
        half = (seen.max(0) - seen.min(0)) / 2
        np.testing.assert_allclose(boxes[n, :2], half, atol=2 / 48)
        np.testing.assert_allclose(boxes[n, 2:], seen.min(0) + half, atol=2 / 48)
    assert np.abs(pose[:, 0]).max() < 1e-3


def test_both_cameras_see_the_same_mesh(hands: Studio) -> None:
    first, second = (hands.labels("vertices", clip, SOME) for clip in (0, 1))
    apart = [np.linalg.norm(one[:, :, None] - one[:, None, ::50], axis=-1) for one in (first[:, ::40], second[:, ::40])]
    np.testing.assert_allclose(apart[0], apart[1], atol=0.05)
    np.testing.assert_array_equal(hands.labels("gesture", 0, SOME), hands.labels("gesture", 1, SOME))


def test_hands_have_their_own_skeleton_classes_and_people(hands: Studio) -> None:
    assert hands.skeleton is SKELETONS["hand_21"]
    assert hands.classes == gestures.NAMES
    assert len(set(hands.labels("gesture", 0, np.arange(60)))) > 2
    skins = [
        hands.frames(clip, SOME)[np.broadcast_to(hands.labels("part_map", clip, SOME) == 5, (4, 3, 48, 48))]
        for clip in (0, 2)
    ]
    assert all(len(skin) for skin in skins)
    assert hands.clips[0].camera != hands.clips[2].camera  # each hand before its own background
    assert (hands.labels("background", 0, SOME) != hands.labels("background", 2, SOME)).any()


def test_impostors_are_drawn_and_kept_as_before(tmp_path: Path) -> None:
    options = StudioOptions(actions=("gait",), **SMALL)
    assert options.younger == {"people", "body", "body_options"}
    assert labels_of(options) == (
        *("pose", "pose_2d", "true_box", "true_mask", "rotation", "background", "true_boxes", "poses"),
    )
    assert Studio(options, fake_context())._store().shape[1] == 4


def test_what_cannot_be_drawn_is_refused_with_what_to_do() -> None:
    for wrong, words in (
        ({"body": "capsule", "people": 2}, "impostors alone"),
        ({"body": "capsule", "body_options": {"of": "hand"}}, "human36m_17"),
        ({"scene": "hands", "body": "capsule"}, "hand_21"),
        ({"scene": "hands", "actions": ("wave",)}, "no gesture is called 'wave'"),
        ({"body": "capsul"}, "capsul"),
    ):
        with pytest.raises(ConfigError, match=words):
            Studio(StudioOptions(**SMALL | wrong), fake_context())


def test_equal_options_give_equal_frames(people: Studio) -> None:
    other = Studio(StudioOptions(body="capsule", actions=("gait",), **SMALL), fake_context())
    np.testing.assert_array_equal(people.labels("vertices", 1, SOME), other.labels("vertices", 1, SOME))
    kept = next(other._draw_all())[SOME, :3]
    np.testing.assert_array_equal(people.frames(0, SOME), kept)
