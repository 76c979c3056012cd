"""Clips recorded by others: the right way up, on the floor, left on the left."""

import os
from pathlib import Path

import numpy as np
import pytest

from poserep.core.errors import DataError
from poserep.core.skeleton import HUMAN36M_17
from poserep.plugins.datasets.studio.motion.asfamc import read_amc
from poserep.plugins.datasets.studio.motion.body import ANKLES, HIPS, KNEES, centre_of_gravity
from poserep.plugins.datasets.studio.motion.deepmimic import read_deepmimic
from poserep.plugins.datasets.studio.motion.library import load_motions
from poserep.plugins.datasets.studio.motion.motion import Motion
from poserep.plugins.datasets.studio.motion.retarget import bone_lengths, retarget, to_human36m

DATA = Path(os.environ.get("POSEREP_DATA", Path(__file__).parents[4] / "shared/data")) / "mocap"
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is absent; POSEREP_DATA names it"),
]
CLIPS = sorted(
    path
    for pattern in ("*/*.bvh", "*/*.amc", "deepmimic/humanoid*.txt")
    for path in (DATA.glob(pattern) if DATA.is_dir() else ())
)
OFF_THE_FLOOR = ("01_08", "03_01", "Example")  # climbing, uneven ground, a dive
NOT_UPRIGHT = ("crawl", "getup", "roll", "backflip", "Example")
WALKS = ("walk", "_run", "jog", "02_01", "02_03")


def load(path: Path) -> Motion:
    try:
        return load_motions(path)[0]
    except DataError:  # its skeleton has another name
        return to_human36m(read_amc(path, path.parent / "moderndance.asf"))


def is_one_of(path: Path, names: tuple[str, ...]) -> bool:
    return any(name in path.stem for name in names)


@pytest.fixture(params=CLIPS, ids=lambda path: path.stem)
def clip(request: pytest.FixtureRequest) -> tuple[Path, np.ndarray, float]:
    motion = load(request.param)
    return request.param, motion.joints_TJ3.astype(float), motion.fps


def facing(joints_TJ3: np.ndarray) -> np.ndarray:
    forward = np.cross(joints_TJ3[:, HIPS[0]] - joints_TJ3[:, HIPS[1]], [0.0, 0.0, 1.0])
    return forward / np.linalg.norm(forward, axis=1, keepdims=True)


def test_a_recorded_body_is_a_human_one(clip: tuple[Path, np.ndarray, float]) -> None:
    path, joints, fps = clip
    head, pelvis, ankle = joints[:, 10, 2].mean(), joints[:, 0, 2].mean(), joints[:, ANKLES, 2].mean()
    lengths = np.linalg.norm(joints[:, 1:] - joints[:, list(HUMAN36M_17.parents[1:])], axis=-1)

    assert 15 < fps < 130
    assert lengths.std(axis=0).max() < 0.02 * lengths.mean()
    assert 1300 < lengths.mean(axis=0)[[1, 2, 6, 7, 8, 9]].sum() < 1800
    if not is_one_of(path, NOT_UPRIGHT):
        assert head > pelvis + 300
        assert pelvis > ankle + 300
    if not is_one_of(path, OFF_THE_FLOOR):
        assert -50 < joints[:, ANKLES, 2].min() < 250
        assert joints[..., 2].min() > -150  # a hand on the floor of a crawler may be lower than the ankles


def test_a_recorded_knee_bends_forwards(clip: tuple[Path, np.ndarray, float]) -> None:
    path, joints, _ = clip
    middle = (joints[:, HIPS] + joints[:, ANKLES]) / 2
    if "wave" not in path.stem:  # a cartoon that stands with its knees pressed back
        left = joints[:, HIPS[0]] - joints[:, HIPS[1]]
        leg = joints[:, HIPS] - joints[:, ANKLES]
        ahead = np.cross(left[:, None], leg)
        assert ((joints[:, KNEES] - middle) * ahead).sum(axis=-1).mean() > 0


@pytest.mark.parametrize("path", [p for p in CLIPS if is_one_of(p, WALKS)], ids=lambda path: path.stem)
def test_recorded_walkers_walk_the_way_they_face(path: Path) -> None:
    motion = load(path)
    joints = motion.joints_TJ3.astype(float)
    velocity = np.gradient(joints[:, 0], axis=0) * motion.fps

    assert (velocity * facing(joints)).sum(axis=1).mean() > 0.9 * np.linalg.norm(velocity[:, :2], axis=1).mean() > 500


def test_a_recorded_dive_falls_along_a_parabola() -> None:
    (dive,) = load_motions(DATA / "dive/Example.bvh")
    centre = centre_of_gravity(dive.joints_TJ3)[90:241]
    time = np.arange(len(centre)) / dive.fps
    curve = np.polyfit(time, centre[:, 2], 2)

    assert np.abs(np.polyval(curve, time) - centre[:, 2]).max() < 0.025 * np.ptp(centre[:, 2])
    assert 8500 < -2 * curve[0] < 11000  # mm/s^2: its unit is known from the diver's height only


def test_recorded_poses_fit_a_person_of_another_size() -> None:
    (walk,) = load_motions(DATA / "cmu_bvh/cmu_12_01_walk.bvh")
    lengths = 1.12 * bone_lengths(walk.joints_TJ3)

    assert bone_lengths(retarget(walk.joints_TJ3, lengths)) == pytest.approx(lengths, rel=1e-4)


def test_the_built_in_character_moves_like_the_published_one(tmp_path: Path) -> None:
    path = DATA / "deepmimic/humanoid3d_walk.txt"
    (tmp_path / path.name).write_bytes(path.read_bytes())
    own = to_human36m(read_deepmimic(path, path.parent / "character_humanoid3d.txt")).joints_TJ3
    built_in = to_human36m(read_deepmimic(tmp_path / path.name)).joints_TJ3

    assert np.linalg.norm(own - built_in, axis=-1).mean() < 100


def test_a_whole_folder_is_read_but_for_what_lacks_a_skeleton(caplog: pytest.LogCaptureFixture) -> None:
    motions = load_motions(DATA, fps=25.0)

    assert len(motions) == len(CLIPS) - 2
    assert {motion.fps for motion in motions} == {25.0}
    assert "md_02.amc" in caplog.text
