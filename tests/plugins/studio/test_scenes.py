from functools import cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample

from poserep.core.errors import ConfigError
from poserep.plugins.datasets.studio.body import capsules, make_subject
from poserep.plugins.datasets.studio.motion.procedural import procedural_motion
from poserep.plugins.datasets.studio.render import box_of_mask, render
from poserep.plugins.datasets.studio.scenes import Scene, make_scene
from poserep.plugins.datasets.studio.sets import SNOW_NORMAL

SIZE = (64, 64)


@cache
def scene_of(name: str) -> Scene:
    return make_scene(name, 1, SIZE, cameras=4 if name == "room" else 1)


def film(scene: Scene, kind: str, seconds: float, camera: int = 0) -> tuple[Tensor, Tensor, NDArray[np.float32]]:
    """Frames, boxes and joints of a motion."""
    joints = scene.place(procedural_motion(kind, seconds, 10, np.random.default_rng(2)).joints_TJ3)
    cameras = scene.cameras(camera, joints[:, 0], np.arange(len(joints)) / 10)
    body = capsules(torch.tensor(joints), make_subject(0, scene.outfit))
    frames, masks = render(body, cameras, scene.background(camera, cameras), scene.light)
    return frames, box_of_mask(masks), joints


def inside(box_T4: Tensor) -> Tensor:
    return (box_T4[:, 2:].abs() + box_T4[:, :2] < 1 - 1e-6).all(1)


@pytest.mark.parametrize("camera", range(4))
def test_a_person_within_a_step_of_the_rooms_middle_is_wholly_in_every_frame(camera: int) -> None:
    scene = scene_of("room")
    still = procedural_motion("gait", 0.1, 10, np.random.default_rng(0)).joints_TJ3[0]
    angle = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    path = 800 * np.column_stack([np.cos(angle), np.sin(angle), 0 * angle])
    joints = (still - [*still[0, :2], 0] + path[:, None]).astype(np.float32)
    cameras = scene.cameras(camera, joints[:, 0], np.arange(16) / 10)
    _, masks = render(
        capsules(torch.tensor(joints), make_subject(0)), cameras, scene.background(camera, cameras), scene.light
    )
    assert inside(box_of_mask(masks)).all()


def test_a_person_in_the_room_fills_about_half_the_frame() -> None:
    _, box, _ = film(scene_of("room"), "gait", 6)
    assert 0.4 < float(box[:, 1].mean()) < 0.6


def test_each_camera_of_the_room_sees_another_background() -> None:
    scene = scene_of("room")
    views = [scene.background(i, []).float() for i in range(4)]
    for i in range(4):
        assert views[i].std() > 20  # a furnished room, no plain backdrop
        for j in range(i):
            assert (views[i] - views[j]).abs().mean() > 15


@pytest.mark.parametrize("name", ["room", "dive"])
def test_equal_seeds_give_equal_scenes_and_others_differ(name: str) -> None:
    one, same, other = (make_scene(name, seed, SIZE, 1) for seed in (3, 3, 4))
    assert torch.equal(one.background(0, []), same.background(0, []))
    assert not torch.equal(one.background(0, []), other.background(0, []))


def test_a_diver_is_seen_from_the_board_to_the_water() -> None:
    _, box, _ = film(scene_of("dive"), "dive", 3)
    assert inside(box).all()
    assert box[0, 3] < -0.1  # above the middle on the board
    assert box[-1, 3] > 0.3  # low at the end
    assert 0.2 < float(box[0, 1]) < 0.35


def test_a_skier_is_placed_on_the_snow() -> None:
    _, _, joints = film(scene_of("slope"), "ski", 4)
    height = joints[:, [3, 6]] @ np.array(SNOW_NORMAL)
    assert height.min() == pytest.approx(80, abs=1)
    assert height.max() < 200
    assert joints[:, 0, 0].min() == pytest.approx(-joints[:, 0, 0].max(), abs=10)


def test_the_camera_follows_the_skier_but_not_exactly() -> None:
    _, box, _ = film(scene_of("slope"), "ski", 6)
    assert inside(box).all()
    assert box[:, 2].std() > 0.03
    assert box[:, 2].abs().max() < 0.7


def test_the_slopes_cameras_only_turn() -> None:
    scene = scene_of("slope")
    joints = scene.place(procedural_motion("ski", 3, 10, np.random.default_rng(0)).joints_TJ3)
    cameras = scene.cameras(0, joints[:, 0], np.arange(len(joints)) / 10)
    eyes = np.stack([-camera.rotation_33.T @ camera.translation_3 for camera in cameras])
    assert np.abs(eyes - eyes[0]).max() < 1e-3
    assert np.abs(cameras[0].rotation_33 - cameras[-1].rotation_33).max() > 0.1


def test_two_backgrounds_of_the_slope_differ_by_the_homography_of_their_cameras() -> None:
    scene = scene_of("slope")
    joints = scene.place(procedural_motion("ski", 3, 20, np.random.default_rng(0)).joints_TJ3)
    one, other = scene.cameras(0, joints[:, 0], np.arange(len(joints)) / 20)[30:32]
    seen = scene.background(0, [one, other]).float()
    homography = other.intrinsics_33 @ other.rotation_33 @ one.rotation_33.T @ np.linalg.inv(one.intrinsics_33)
    pixel = np.stack([*np.meshgrid(np.arange(64), np.arange(64)), np.ones((64, 64))], -1) @ homography.T
    grid = torch.tensor(other.to_frame(pixel[..., :2] / pixel[..., 2:]), dtype=torch.float32)[None]
    known = (grid.abs() < 0.95).all(-1)[0]
    mapped = grid_sample(seen[1:], grid, align_corners=False)[0]
    agreement = (mapped - seen[0]).abs().mean(0)[known].mean()
    assert known.float().mean() > 0.5
    assert agreement < 6
    assert agreement < 0.4 * (seen[1] - seen[0]).abs().mean(0)[known].mean()


def test_an_unknown_scene_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="room, dive, slope"):
        make_scene("moon", 0, SIZE)


def test_a_scene_without_a_camera_is_refused() -> None:
    with pytest.raises(ConfigError, match="camera"):
        make_scene("room", 0, SIZE, cameras=0)
