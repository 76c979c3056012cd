"""What every part must agree on, held on the shipped code and on the embedded studio; see docs/conventions.md."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from poserep.core.interfaces import Context
from poserep.plugins.datasets.studio.dataset import Studio, StudioOptions

ROOT = Path(__file__).parents[1]
SOURCES = [path for folder in ("core", "plugins", "verbs") for path in sorted((ROOT / folder).rglob("*.py"))]
RESAMPLERS = {"grid_sample", "affine_grid", "interpolate", "Upsample"}
SYMMETRIC = {"area", "nearest", "nearest-exact"}  # modes for which the question does not arise
PELVIS, HEAD, RIGHT_HIP, RIGHT_KNEE = 0, 10, 1, 2


def resamplings() -> list[tuple[str, dict[str, ast.expr]]]:
    """Place and keyword arguments of every call that resamples an image."""
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in RESAMPLERS:
                keywords = {word.arg: word.value for word in node.keywords if word.arg}
                found.append((f"{path.relative_to(ROOT)}:{node.lineno}", keywords))
    return found


def test_every_resampling_says_that_corners_are_not_aligned() -> None:
    assert resamplings()
    for place, keywords in resamplings():
        mode = keywords.get("mode")
        if isinstance(mode, ast.Constant) and mode.value in SYMMETRIC:
            continue
        aligned = keywords.get("align_corners")
        assert isinstance(aligned, ast.Constant), place
        assert aligned.value is False, place


@pytest.fixture(scope="module")
def studio() -> Studio:
    options = StudioOptions(
        subjects=1, validation_subjects=0, test_subjects=0, cameras=1, actions=("gait",), seconds=2.0, size=64
    )
    return Studio(options, Context(crop_size=32))


def every_frame(studio: Studio) -> np.ndarray:
    return np.arange(len(studio.clips[0]))


def test_poses_are_millimetres_from_the_pelvis_with_y_down(studio: Studio) -> None:
    pose_NJ3 = studio.labels("pose", 0, every_frame(studio))

    assert (pose_NJ3[:, PELVIS] == 0).all()
    assert (pose_NJ3[:, HEAD, 1] < -400).all()  # a standing person's head is above the pelvis
    thigh = np.linalg.norm(pose_NJ3[:, RIGHT_KNEE] - pose_NJ3[:, RIGHT_HIP], axis=-1)
    assert ((thigh > 300) & (thigh < 600)).all()


def test_two_dimensional_joints_share_the_boxes_coordinates(studio: Studio) -> None:
    frames = every_frame(studio)
    pose_NJ2, box_N4 = studio.labels("pose_2d", 0, frames), studio.labels("true_box", 0, frames)

    assert (np.abs(pose_NJ2) < 1).all()
    assert (pose_NJ2[:, HEAD, 1] < pose_NJ2[:, PELVIS, 1]).all()
    away = np.abs(pose_NJ2 - box_N4[:, None, 2:]) - box_N4[:, None, :2]
    assert (away < 2 / 64).all()  # joints lie inside the body, and that inside the box, up to a pixel


def test_times_are_seconds_at_the_stated_rate(studio: Studio) -> None:
    np.testing.assert_allclose(np.diff(studio.clips[0].times_s), 1 / studio.options.fps)


def test_declaring_every_shipped_part_needs_no_torch() -> None:
    script = """
import sys
from poserep.core.registry import Registry
registry = Registry(installed=())
assert len(registry.load_all()) == len(registry.entries), registry.broken
heavy = {"torch", "timm", "kornia"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", script], check=True)
