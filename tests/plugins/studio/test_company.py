"""Several people in the studio's room, and their labels."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from poserep.core.errors import ConfigError
from poserep.core.interfaces import Context
from poserep.plugins.datasets.studio.body import capsules, make_subject
from poserep.plugins.datasets.studio.company import CIRCLE_MM, STEP_MM, as_long, settled, spots, together
from poserep.plugins.datasets.studio.dataset import Studio, StudioOptions
from poserep.plugins.datasets.studio.render import render
from poserep.plugins.datasets.studio.takes import ROOM_MM

OPTIONS = {"subjects": 1, "validation_subjects": 0, "test_subjects": 1, "seconds": 2.0, "cameras": 2, "size": 48}


def studio(**options: object) -> Studio:
    return Studio(StudioOptions(**(OPTIONS | options)), Context(crop_size=8))


@pytest.fixture(scope="module")
def pair() -> Studio:
    return studio(people=2)


def every(dataset: Studio, clip: int) -> np.ndarray:
    return np.arange(len(dataset.clips[clip]))


def test_spots_lie_evenly_on_the_circle() -> None:
    found = spots(3, np.random.default_rng(0))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), CIRCLE_MM)
    np.testing.assert_allclose(found.sum(axis=0), 0, atol=1e-9)
    assert CIRCLE_MM + STEP_MM < ROOM_MM  # so that the cameras see all of them


def test_a_motion_stays_about_its_spot_and_keeps_its_shape() -> None:
    path = np.linspace([-900.0, 0, 900], [900.0, 300, 950], 20)
    joints = path[:, None] + np.arange(3)[:, None] * [0.0, 0, 100]
    moved = settled(joints, np.array([300.0, -400]))
    assert np.abs(moved[:, 0, :2] - [300, -400]).max() <= STEP_MM + 1e-6
    np.testing.assert_allclose(moved - moved[:, :1], joints - joints[:, :1])
    np.testing.assert_allclose(moved[..., 2], joints[..., 2])


def test_a_short_motion_goes_back_and_forth() -> None:
    assert as_long(np.arange(3), 8).tolist() == [0, 1, 2, 1, 0, 1, 2, 1]
    assert as_long(np.arange(5), 3).tolist() == [0, 1, 2]
    assert as_long(np.arange(1), 2).tolist() == [0, 0]


def test_people_never_stand_in_each_other(pair: Studio) -> None:
    for take in pair._takes:
        own, (other, _) = take.joints_TJ3[:, 0, :2], take.others[0]
        apart = np.linalg.norm(own - other[:, 0, :2], axis=1)
        assert apart.min() > 2 * (CIRCLE_MM - 1.5 * STEP_MM)


def test_companions_are_people_of_their_own_and_stay(pair: Studio) -> None:
    names = {(take.clip.subject, take.others[0][1].name) for take in pair._takes}
    assert len(names) == 2
    assert len({companion for _, companion in names}) == 2


def test_simultaneous_cameras_see_the_same_people_doing_the_same(pair: Studio) -> None:
    one, other = pair._takes[0], pair._takes[1]
    assert (one.clip.take, one.camera, other.camera) == (other.clip.take, 0, 1)
    assert np.array_equal(one.others[0][0], other.others[0][0])
    poses = [pair.labels("poses", clip, every(pair, clip)) for clip in (0, 1)]
    turns = [pair.labels("rotation", clip, every(pair, clip)) for clip in (0, 1)]
    world = [np.einsum("tji,tskj->tski", turn, pose) for turn, pose in zip(turns, poses, strict=True)]
    np.testing.assert_allclose(*world, atol=0.05)


def test_the_first_of_all_people_is_the_clips_own_subject(pair: Studio) -> None:
    frames = every(pair, 0)
    boxes, poses = pair.labels("true_boxes", 0, frames), pair.labels("poses", 0, frames)
    assert boxes.shape == (len(frames), 2, 4)
    assert poses.shape == (len(frames), 2, 17, 3)
    assert np.array_equal(boxes[:, 0], pair.labels("true_box", 0, frames), equal_nan=True)
    assert np.array_equal(poses[:, 0], pair.labels("pose", 0, frames))
    assert (poses[:, :, 0] == 0).all()
    assert np.abs(poses[:, 0] - poses[:, 1]).max() > 50


def test_alone_the_labels_of_all_are_those_of_the_one() -> None:
    alone = studio(actions=("gait",))
    frames = every(alone, 0)
    assert np.array_equal(alone.labels("true_boxes", 0, frames)[:, 0], alone.labels("true_box", 0, frames))
    assert np.array_equal(alone.labels("poses", 0, frames)[:, 0], alone.labels("pose", 0, frames))


def test_the_nearer_person_hides_the_farther() -> None:
    """Each person drawn alone: what both would cover belongs to the nearer one."""
    dataset = studio(people=2, actions=("squats",), seconds=4.0)
    overlapped = 0
    for clip, take in enumerate(dataset._takes):
        cameras, frames = dataset.cameras(clip), every(dataset, clip)
        people = ((take.joints_TJ3, take.subject), *take.others)
        background = dataset.scene.background(take.camera, cameras)
        alone = [
            render(capsules(torch.from_numpy(joints), who), cameras, background, dataset.scene.light)[1].numpy() > 0
            for joints, who in people
        ]
        depth = [cameras[0].to_camera(joints[:, 0])[:, 2] for joints, _ in people]
        own = dataset.labels("true_mask", clip, frames)[:, 0] > 0
        both = alone[0] & alone[1]
        clear = np.abs(depth[0] - depth[1]) > 700  # mm: no limb of the farther one reaches before the nearer
        nearer = depth[0] < depth[1]
        assert np.array_equal(own & ~both, alone[0] & ~both)
        shown = own[clear & both.any((1, 2))]
        covered, first = both[clear & both.any((1, 2))], nearer[clear & both.any((1, 2))]
        assert all(np.array_equal(s[c], np.full(c.sum(), f)) for s, c, f in zip(shown, covered, first, strict=True))
        overlapped += int(covered.sum())
    assert overlapped > 100  # pixels: the claim was put to the test


def test_marks_tell_people_apart_and_the_frame_is_that_of_both() -> None:
    bodies = [capsules(torch.zeros(1, 17, 3) + index, make_subject(index)) for index in range(2)]
    body, marks = together(bodies)
    count = len(bodies[0].radii_K2)
    assert body.ends_TK23.shape == (1, 2 * count, 2, 3)
    assert marks.tolist() == [255] * count + [254] * count


def test_boxes_hold_what_is_seen_of_each(pair: Studio) -> None:
    marks = pair._store()[: len(pair.clips[0]), 3]
    boxes = pair.labels("true_boxes", 0, every(pair, 0))
    for index in range(2):
        rows, columns = np.nonzero(marks[3] == 255 - index)
        wanted = [(columns.max() - columns.min() + 1) / 48, (rows.max() - rows.min() + 1) / 48]
        np.testing.assert_allclose(boxes[3, index, :2], wanted, atol=1e-6)
    assert pair.labels("true_mask", 0, every(pair, 0)).max() == 255


def test_company_is_for_the_room() -> None:
    with pytest.raises(ConfigError, match="2 people in a frame in the room alone, not in the scene 'dive'"):
        studio(people=2, scene="dive")
    with pytest.raises(ValidationError):
        StudioOptions(people=0)
