"""NSD and MV-CSS from their recipes: what they need, what they share with the other rows, and that they learn."""

import os
import tomllib
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from poserep.core.batches import Batches, build_sampler, open_source
from poserep.core.compose import Composition, compose
from poserep.core.errors import ConfigError, DataError
from poserep.core.fit import fit, make_state
from poserep.core.interfaces import Context
from poserep.core.recipe import shipped
from poserep.core.registry import Registry
from poserep.plugins.datasets.studio.dataset import Studio, StudioOptions
from poserep.plugins.datasets.video import VideoOptions, build
from poserep.testing.inputs import rotations
from poserep.tests.fakes.tiny import TINY

REGISTRY = Registry(installed=())
STUDIO = {"subjects": 1, "validation_subjects": 0, "test_subjects": 0, "seconds": 1.0, "cameras": 2, "size": 16}
ROW = '<transform x="0" y="0" z="0" r11="{}" r12="{}" r13="{}" r21="{}" r22="{}" r23="{}" r31="{}" r32="{}" r33="{}"/>'
CAMERA = """<camera serial="{}"><fov_video left="0" right="31" top="0" bottom="31"/>{}
<intrinsic focalLengthU="640" focalLengthV="640" centerPointU="992" centerPointV="992" skew="0"
 radialDistortion1="0" radialDistortion2="0" radialDistortion3="0" tangentalDistortion1="0" tangentalDistortion2="0"/>
</camera>"""
AXES = {"left": (1, 0, 0, 0, 0, 1, 0, -1, 0), "right": (0, 1, 0, 0, 0, 1, 1, 0, 0)}  # right, up, backward in the world


def tiny(recipe: str, *sets: str) -> Composition:
    """A shipped recipe, small enough to train in a test, before two cameras."""
    data = tomllib.loads(shipped()[recipe].read_text(encoding="utf-8"))
    absent = tuple(f"{part}." for part in ("decoder",) if part not in data)
    absent += () if "negative_min_s" in data["sampler"] else ("sampler.",)
    absent += ("detector.", "encoder.invariant") if data["detector"]["use"] == "full_frame" else ()
    kept = [text for text in TINY if not text.startswith(absent or " ")]
    return compose(recipe, REGISTRY, sets=[*kept, "dataset.cameras=2", "encoder.variant=9", *sets])


def terms(composition: Composition, name: str) -> list[float]:
    fabric = Fabric(accelerator="cpu", devices=1)
    state = make_state(composition, fabric)
    return [step.terms[name] for step in fit(composition, open_source(composition), fabric, state)]


def record(path: Path, frames: int = 8) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = 32, 32, "bgr0"
        for level in range(frames):
            picture = np.full((32, 32, 3), 10 * level, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


@pytest.fixture(scope="module")
def footage(frame_cache: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two synchronised videos and their calibration."""
    folder = tmp_path_factory.mktemp("footage")
    for name in AXES:
        record(folder / f"walk_{name}.mkv")
    cameras = "".join(CAMERA.format(name, ROW.format(*axes)) for name, axes in AXES.items())
    (folder / "a.qca.txt").write_text(f"<calibration>{cameras}</calibration>")
    return folder


# ---------------------------------------------------------------- rotations


def test_the_studios_rotation_is_that_of_its_cameras() -> None:
    studio = Studio(StudioOptions(**STUDIO), Context(crop_size=8))
    for clip in range(2):
        found = studio.labels("rotation", clip, np.array([3, 0]))
        assert found.shape == (2, 3, 3)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found[0], studio.cameras(clip)[3].rotation_33, atol=1e-6)
    assert np.abs(studio.labels("rotation", 0, np.array([0])) - studio.labels("rotation", 1, np.array([0]))).max() > 0.1


def test_a_calibrated_videos_rotation_is_world_to_camera(footage: Path) -> None:
    options = {"path": str(footage), "height": 32, "calibration": str(footage / "a.qca.txt")}
    options["camera_pattern"] = r"(?P<take>.*)_(?P<camera>\w+)"
    video = build(VideoOptions.model_validate(options), Context(crop_size=8))
    # The left camera looks along the world's y: right, down and forward are x, -z and y.
    found = video.labels("rotation", 0, np.array([5, 2]))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[[1, 0, 0], [0, 0, -1], [0, 1, 0]]] * 2, atol=1e-7)
    with pytest.raises(DataError, match="no label 'pose'"):
        video.labels("pose", 0, np.array([0]))


def test_made_up_rotations_are_rotations() -> None:
    torch.manual_seed(0)
    made = rotations((50, 3, 3))
    torch.testing.assert_close(made @ made.mT, torch.eye(3).expand(50, 3, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(made), torch.ones(50))


# ---------------------------------------------------------------- wiring


def test_rotating_views_without_calibration_is_refused_and_told_who_has_one() -> None:
    with pytest.raises(ConfigError) as caught:
        compose("nsd", REGISTRY, uses=["dataset=video"], sets=["dataset.path=clips"])
    (fault,) = caught.value.problems
    assert fault.what == "exchange (rotate_view) reads 'rotation', which nobody writes"
    assert "dataset.studio" in fault.hint


def test_a_calibrated_video_is_wired() -> None:
    sets = ["dataset.path=clips", "dataset.calibration=a.qca.txt"]
    wires = compose("nsd", REGISTRY, uses=["dataset=video"], sets=sets).wires
    assert "rotation" in next(wire.writes for wire in wires if wire.role == "dataset")


@pytest.mark.parametrize("recipe", ["nsd", "mv-css"])
def test_one_camera_for_each_take_is_refused(recipe: str) -> None:
    composition = tiny(recipe, "dataset.synchronised=false")
    with pytest.raises(DataError, match="needs takes that two cameras filmed at once"):
        build_sampler(composition, "sampler", open_source(composition).dataset, composition.context)


@pytest.mark.parametrize(("recipe", "like"), [("nsd", "temporal"), ("mv-css", "css")])
@pytest.mark.parametrize("size", ["", "-full"])
def test_networks_data_and_training_are_those_of_the_other_rows(recipe: str, like: str, size: str) -> None:
    own, other = (tomllib.loads(shipped()[name + size].read_text(encoding="utf-8")) for name in (recipe, like))
    same = {"crop_size", "background", "detector", "corruption", "encoder", "decoder", "training", "probe"}
    own["training"]["batch"] = other["training"]["batch"] = None  # tuples are of other lengths
    assert {name: own.get(name) for name in same} == {name: other.get(name) for name in same}
    assert own["dataset"] == other["dataset"] | {"synchronised": True}
    losses = {name: one for name, one in other["losses"].items() if name != "contrast"}
    assert {name: one for name, one in own["losses"].items() if name != "contrast"} == losses


# ---------------------------------------------------------------- training


def test_nsd_learns_to_redraw_each_view_from_the_other() -> None:
    found = terms(tiny("nsd", "training.steps=40", "exchange.other_view=1.0"), "reconstruction")
    assert np.mean(found[-8:]) < np.mean(found[:8])


def test_mv_css_learns_to_tell_moments_apart_across_views() -> None:
    found = terms(tiny("mv-css", "training.steps=60", "training.batch=8"), "contrast")
    assert np.mean(found[-10:]) < np.mean(found[:10])


def test_nsd_trains_on_calibrated_videos(footage: Path) -> None:
    sets = [
        *(text for text in TINY if not text.startswith(("dataset.", "sampler.", "encoder.variant"))),
        *(f"dataset.path={footage}", f"dataset.calibration={footage / 'a.qca.txt'}", "dataset.height=32"),
        *(
            'dataset.camera_pattern="(?P<take>.*)_(?P<camera>.*)"',
            "encoder.variant=9",
            "background.require_motion=false",
        ),
    ]
    found = terms(compose("nsd", REGISTRY, uses=["dataset=video"], sets=sets), "reconstruction")
    assert len(found) == 4


def test_nsd_video_trains_on_true_and_virtual_cameras(footage: Path) -> None:
    sets = [text for text in TINY if not text.startswith(("dataset.", "sampler.", "encoder.variant", "probe."))]
    sets += ["encoder.variant=9", "background.require_motion=false"]
    sets += ["dataset.rolled=[-30.0, 30.0]", "dataset.mirrored=true"]
    sets += [f"dataset.path={footage}", f"dataset.calibration={footage / 'a.qca.txt'}", "dataset.height=32"]
    composition = compose("nsd-video", REGISTRY, sets=sets)

    cameras = {clip.camera for clip in open_source(composition).dataset.clips}
    assert {"left", "left rolled -30", "left mirrored", "left mirrored rolled 30"} < cameras
    assert len(terms(composition, "reconstruction")) == 4


DATA = Path(os.environ.get("POSEREP_DATA", Path(__file__).parents[3] / "shared/data")) / "video/pose2sim_single"


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is absent; POSEREP_DATA names it")
def test_four_real_cameras_are_four_views_of_every_moment() -> None:
    sets = [
        *(
            f"dataset.path={DATA}",
            f"dataset.calibration={DATA / 'Calib.qca.txt'}",
            "dataset.height=64",
            "dataset.end_s=0.3",
        ),
        r"dataset.camera_pattern='(?P<take>.*)_cam(?P<camera>\d+)'",
    ]
    composition = compose("nsd", REGISTRY, uses=["dataset=video"], sets=sets)
    source = open_source(composition)
    sampler = build_sampler(composition, "sampler", source.dataset, composition.context)
    batch = Batches(source, sampler, 64, seed=0).at(0)
    assert sorted(batch["clip"].unique().tolist()) == [0, 1, 2, 3]
    assert float((batch["time"][:, 0] - batch["time"][:, 1]).abs().max()) < 1e-6
    turn = batch["rotation"][:, 0] @ batch["rotation"][:, 1].mT
    torch.testing.assert_close(turn @ turn.mT, torch.eye(3).expand_as(turn), atol=1e-4, rtol=0)
    degrees = torch.rad2deg(torch.acos(((turn.diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2).clamp(-1, 1)))
    assert float(degrees.min()) > 20
