"""What a probe can be asked for: joints, 2D joints, 2D joints beside the latent, other parts of it, no training."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from poserep.cli import app
from poserep.core.compose import compose
from poserep.core.config import Probe
from poserep.core.errors import ConfigError, DataError, DivergedError
from poserep.core.interfaces import Array, Dataset
from poserep.core.measurement import Measurement
from poserep.core.mirror import mirrored_pose
from poserep.core.probe import fit_regressor
from poserep.core.registry import Registry
from poserep.core.run import Run
from poserep.core.skeleton import HUMAN36M_17
from poserep.core.study.stages import stages_of
from poserep.plugins.losses.pose2d import in_box
from poserep.tests.fakes.tiny import TINY, flags
from poserep.verbs.features import features, rows_of
from poserep.verbs.joints import layout_of
from poserep.verbs.pool import open_pool
from poserep.verbs.probe import probe, read_test
from poserep.verbs.regressor_file import load_regressor
from poserep.verbs.session import Session, open_session
from poserep.verbs.train import UNTRAINED, Machine, compose_and_train

REGISTRY = Registry(installed=())
POSE_2D = ("losses.pose.width=8", "losses.pose.blocks=1", "probe.labels=[6, 0]")
LINEAR = ("probe.target=pose_2d", "probe.mirror=false", 'probe.head={use="linear"}')


@pytest.fixture(scope="module")
def run(frame_cache: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained for four steps, with 2D labels."""
    folder = tmp_path_factory.mktemp("runs") / "pose2d"
    sets, uses = [*TINY, *POSE_2D], ["losses.pose=pose2d"]
    return compose_and_train("temporal", folder, Machine(accelerator="cpu"), REGISTRY, sets=sets, uses=uses).folder


@pytest.fixture(scope="module")
def untrained(frame_cache: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "untrained"
    words = ["train", "temporal", "--untrained", "--run", str(folder), "--accelerator", "cpu"]
    done = CliRunner().invoke(app, [*words, *flags("probe.labels=[0]")])
    assert done.exit_code == 0, done.output
    return folder


def values(rows: list[Measurement], method: str = "trained") -> dict[tuple[str, int], float]:
    return {(one.name, one.labels): one.value for one in rows if one.method == method}


class Forgetful:
    """A dataset that does not know some 2D joints: ``change`` writes NaN into (N, J, 2), told the frames' indices."""

    def __init__(self, dataset: Dataset, change: Callable[[Array, Array], None]) -> None:
        self.clips, self.frame_size, self.skeleton = dataset.clips, dataset.frame_size, dataset.skeleton
        self.frames, self._know, self._change = dataset.frames, dataset.labels, change

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        found = np.array(self._know(name, clip, indices))
        if name == "pose_2d":
            self._change(found, indices)
        return found


def forgetful(run: Path, sets: Sequence[str], change: Callable[[Array, Array], None]) -> Session:
    """A session of a run whose dataset forgets."""
    session = open_session(run, sets=sets)
    session.source.dataset = Forgetful(session.source.dataset, change)
    return session


def test_a_subset_of_joints_is_read_relative_to_the_chosen_root(run: Path) -> None:
    session = open_session(run, sets=["probe.joints=body_13", "probe.root=mid_hip", 'probe.metrics=["MPJPE"]'])
    rows = probe(session)
    assert {one.name for one in rows if one.labels} == {"MPJPE"}
    assert {(one.protocol.joints, one.protocol.root) for one in rows} == {("body_13", "mid_hip")}
    regressor = load_regressor(run, session.composition)
    assert regressor is not None
    assert regressor(torch.zeros(1, 8)).shape == (1, 13, 3)
    assert "left_hip" in json.loads((run / "regressor" / "about.json").read_text())["skeleton"]["joints"]


def test_2d_joints_are_read_and_measured_in_the_frame(run: Path) -> None:
    session = open_session(run, sets=LINEAR)
    rows = probe(session)
    assert {(one.name, one.unit) for one in rows if one.labels} == {("2D MSE", "%"), ("2D distance", "%")}
    assert "linear" in {one.reader.split()[-1] for one in rows if one.method == "trained" and one.labels}
    assert all(one.reader == "" for one in rows if one.method == "mean pose")
    pool = open_pool(session.composition, session.source, "test")
    predicted = pool.poses.train.mean(dim=0, keepdim=True).expand_as(pool.poses.test)
    pixels = (predicted - pool.poses.test) * 16  # a frame of 32 x 32
    shares = pixels.norm(dim=-1) / 32
    mean = values(rows, "mean pose")
    count = len(pool.train.clip)
    assert mean["2D distance", count] == pytest.approx(100 * float(shares.mean()), rel=1e-5)
    assert mean["2D MSE", count] == pytest.approx(100 * float(shares.square().mean()), rel=1e-5)


def test_joints_that_are_not_known_poison_nothing(run: Path) -> None:
    def some(found: Array, indices: Array) -> None:
        found[:, HUMAN36M_17.index("left_wrist")] = np.nan
        found[indices % 3 == 0] = np.nan

    session = forgetful(run, LINEAR, some)
    rows = probe(session)
    assert all(np.isfinite(one.value) for one in rows)
    frames = sum(len(clip) for clip in session.source.dataset.clips if clip.split == "test")
    assert {one.samples for one in rows if one.labels} == {frames - -(-frames // 3)}


def test_a_dataset_of_which_no_2d_pose_is_known_is_told(run: Path) -> None:
    session = forgetful(run, LINEAR, lambda found, _indices: found.fill(np.nan))
    with pytest.raises(DataError, match="no frame's pose is known"):
        open_pool(session.composition, session.source, "test")


def test_given_2d_joints_stand_beside_the_latent_as_the_loss_has_them(run: Path) -> None:
    session = open_session(run, sets=['probe.fields=["variant", "pose_2d"]'])
    pool = open_pool(session.composition, session.source, "test")
    seen = features(session.model, session.composition, session.source, pool)
    assert seen.test.shape[1] == 8 + 2 * 17
    batch = session.source.read(pool.test, extra=["pose_2d"])
    box = session.model.pipeline.observe(batch | {"roles": None})["box"]
    expected = in_box(batch["pose_2d"], box, HUMAN36M_17.root)[:, 0].flatten(1)
    torch.testing.assert_close(seen.test[:, 8:], expected)


def test_given_2d_joints_that_are_not_known_count_as_the_mean(run: Path) -> None:
    def wrist(found: Array, indices: Array) -> None:
        found[indices % 2 == 0, HUMAN36M_17.index("left_wrist")] = np.nan

    session = forgetful(run, ['probe.fields=["variant", "pose_2d"]'], wrist)
    assert all(np.isfinite(value) for value in values(probe(session)).values())


def test_predicted_2d_joints_stand_beside_the_latent_as_the_losss_network_gives_them(run: Path) -> None:
    session = open_session(run, sets=['probe.fields=["variant", "pose_2d_predicted"]'])
    pool = open_pool(session.composition, session.source, "test")
    session.model.train()
    seen = features(session.model, session.composition, session.source, pool)
    assert session.model.training
    psi = session.model.eval().loss_modules["losses_pose"].regressor
    with torch.no_grad():
        torch.testing.assert_close(seen.test[:, 8:], psi(seen.test[:, :8]))
    rows = probe(session)
    assert {one.reader for one in rows if one.reader} == {"variant + pose_2d_predicted by mlp, mirror images too"}


def test_the_invariant_latent_is_read_alone_or_with_the_other(run: Path) -> None:
    for fields, width in ((["invariant"], 4), (["variant", "invariant"], 12)):
        session = open_session(run, sets=[f"probe.fields={json.dumps(fields)}"])
        pool = open_pool(session.composition, session.source, "test")
        assert features(session.model, session.composition, session.source, pool).test.shape[1] == width


def test_a_prediction_without_a_network_for_it_is_refused_before_and_after(run: Path) -> None:
    with pytest.raises(ConfigError, match="the probe reads 'pose_2d_predicted', which nobody writes"):
        compose("temporal", REGISTRY, sets=[*TINY, 'probe.fields=["pose_2d_predicted"]'])
    session = open_session(run)
    with pytest.raises(ConfigError, match="the probe reads depth, which nothing in this run gives"):
        rows_of(session.model, ("depth",), {"variant": torch.zeros(1, 8)}, None)


def test_a_latent_that_is_not_finite_is_told_and_not_taken_for_unknown(run: Path) -> None:
    session = open_session(run)
    layout = layout_of(session.source.dataset.skeleton, session.composition.experiment.probe)
    with pytest.raises(DivergedError, match="'variant' of some frames is not finite"):
        rows_of(session.model, ("variant",), {"variant": torch.full((2, 8), torch.nan)}, layout)


def test_no_training_leaves_a_run_that_can_be_probed(untrained: Path) -> None:
    assert Run(untrained).about()["state"] == "done"
    assert [path.name for path in (untrained / "checkpoints").iterdir()] == ["step-00000000"]
    rows = probe(open_session(untrained))
    assert {one.method for one in rows} == {"trained", "mean pose"}  # it is its own random start


def test_a_recipe_with_phases_can_be_left_untrained() -> None:
    assert compose("temporal-dive", REGISTRY).experiment.phases
    assert compose("temporal-dive", REGISTRY, sets=UNTRAINED).steps == 0


def test_settings_that_came_later_leave_the_names_of_old_stages_as_they_were() -> None:
    def keys(*sets: str) -> list[str]:
        composition = compose("temporal", REGISTRY, sets=[*TINY, *sets])
        return [stage.key for stage in stages_of(composition, REGISTRY, "test")]

    old = keys()
    assert keys("probe.joints=all", "probe.target=pose", "probe.schedule=linear") == old
    assert [a == b for a, b in zip(keys("probe.joints=body_13"), old, strict=True)] == [True, True, False, False, False]
    assert [a == b for a, b in zip(keys("probe.schedule=constant"), old, strict=True)] == [True] * 4 + [False]


def test_the_start_of_a_losss_network_counts_where_the_probe_reads_it() -> None:
    def initial(width: int, fields: str) -> str:
        sets = [*TINY, f"losses.pose.width={width}", f"probe.fields={fields}"]
        composition = compose("temporal", REGISTRY, sets=sets, uses=["losses.pose=pose2d"])
        return stages_of(composition, REGISTRY, "test")[3].key

    assert initial(8, '["variant"]') == initial(9, '["variant"]')
    assert initial(8, '["pose_2d_predicted"]') != initial(9, '["pose_2d_predicted"]')


def test_metrics_that_were_not_asked_for_are_not_measured(run: Path) -> None:
    session = open_session(run)
    poses = open_pool(session.composition, session.source, "test").poses
    assert list(poses.errors(poses.test)) == ["N-MPJPE", "MPJPE", "P-MPJPE"]
    assert list(replace(poses, metrics=("P-MPJPE",)).errors(poses.test)) == ["P-MPJPE"]


def test_a_mirroring_probe_gives_the_mirrored_pose_for_the_mirrored_frame(run: Path) -> None:
    session = open_session(run, REGISTRY, sets=["probe.mirror=true"])
    pool = open_pool(session.composition, session.source, "test")
    seen = features(session.model, session.composition, session.source, pool)
    assert seen.mirror_train is not None
    assert seen.mirror_test is not None
    assert not torch.equal(seen.train, seen.mirror_train)
    mirror = replace(seen, test=seen.mirror_test, mirror_test=seen.test)
    regressor = fit_regressor(nn.Linear(seen.train.shape[1], 51), seen.train, pool.poses.train, Probe(steps=3), 0)
    here, there = (read_test(regressor, one, pool.poses) for one in (seen, mirror))
    torch.testing.assert_close(mirrored_pose(here, pool.poses.swap), there)


def test_a_mirroring_probe_reads_otherwise_and_says_so(run: Path) -> None:
    mirror, plain = (probe(open_session(run, REGISTRY, sets=[f"probe.mirror={on}"])) for on in ("true", "false"))
    assert values(mirror) != values(plain)
    assert values(mirror, "mean pose") == values(plain, "mean pose")
    assert {one.reader for one in mirror if one.labels and one.method == "trained"} == {
        "variant by mlp, mirror images too"
    }


def test_2d_joints_have_no_mirroring_probe(run: Path) -> None:
    session = open_session(run, REGISTRY, sets=[*LINEAR, "probe.mirror=true"])
    with pytest.raises(ConfigError, match="mirror images serve a probe of 3D poses"):
        probe(session)
