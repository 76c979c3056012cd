"""Poses read off other data than the network learnt from."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poserep.core.batches import open_source
from poserep.core.compose import compose
from poserep.core.config import complete
from poserep.core.errors import ConfigError
from poserep.core.interfaces import Context
from poserep.core.run import Run
from poserep.core.study.stages import stages_of
from poserep.plugins.datasets.studio.dataset import Studio
from poserep.plugins.datasets.studio.options import StudioOptions
from poserep.tests.fakes.rows import REGISTRY, examples, small
from poserep.verbs.pool import open_pool
from poserep.verbs.probe import probe
from poserep.verbs.probe_data import Joined, open_probe_source, probed
from poserep.verbs.session import open_session
from poserep.verbs.train import Machine, compose_and_train

FEW = {"subjects": 1, "validation_subjects": 0, "test_subjects": 1, "cameras": 1, "actions": ("gait",), "seconds": 1.0}


def studio(**options: Any) -> Studio:
    return Studio(StudioOptions(**{**FEW, "size": 16, **options}), Context(crop_size=8))


def measured(name: str, folder: Path, files: Mapping[str, Any] | None = None) -> Run:
    """Trained for two steps and probed."""
    run = compose_and_train(name, folder, Machine(accelerator="cpu"), REGISTRY, sets=small(name, files), uses=[])
    probe(open_session(run.folder, REGISTRY))
    return run


def protocol(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run.folder / "protocol.json").read_text())["protocol"]
    return found


def test_labelled_frames_are_of_one_dataset_and_test_frames_of_the_other() -> None:
    own, other = studio(), studio(seed=5)
    both = Joined(own, other)
    splits = [clip.split for clip in both.clips]
    assert splits == sorted(splits, reverse=True) == ["train", "test"]
    assert both.clips[1].camera == "test cam0"  # a background over cameras must not mix two rooms
    rows = np.array([0, 3])
    np.testing.assert_array_equal(both.frames(0, rows), own.frames(0, rows))
    np.testing.assert_array_equal(both.frames(1, rows), other.frames(1, rows))
    np.testing.assert_array_equal(both.labels("pose", 1, rows), other.labels("pose", 1, rows))


def test_frames_of_two_sizes_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"frame sizes: \(16, 16\) and \(24, 24\)") as caught:
        Joined(studio(), studio(size=24))
    assert caught.value.where == "probe.test_dataset"


def test_without_data_of_its_own_a_probe_reads_the_runs() -> None:
    composition = compose("temporal", REGISTRY, sets=small("temporal"))
    source = open_source(composition)
    assert open_probe_source(composition, source) is source
    assert probed(composition) == composition


def test_the_model_keeps_to_the_data_that_it_learnt_from() -> None:
    composition = compose("3dpw-ours", REGISTRY)
    assert composition.context.facts["joints"] == 17  # of Human3.6M, though 24 are read off 3DPW
    assert probed(composition).experiment.dataset.use == "threedpw"
    assert complete(composition.resolved)["probe"]["dataset"]["skeleton"] == "smpl_24"


def test_pretraining_is_shared_whatever_the_probe_reads() -> None:
    own, other = (
        stages_of(compose("studio-mpi-all-ours", REGISTRY, sets=sets), REGISTRY, "test")
        for sets in ([], ["probe.dataset.seed=8"])
    )
    assert own[1].key == other[1].key
    assert own[2].key != other[2].key


def test_a_published_value_changes_no_stage() -> None:
    whole, bare = (
        stages_of(compose("temporal", REGISTRY, drops=drops), REGISTRY, "test") for drops in ([], ["published"])
    )
    assert [stage.key for stage in whole] == [stage.key for stage in bare]


def test_who_learns_from_everybody_is_measured_on_people_without_their_labels(tmp_path: Path) -> None:
    run = measured("studio-mpi-all-ours", tmp_path / "run")
    session = open_session(run.folder, REGISTRY)
    assert {clip.split for clip in session.source.dataset.clips} == {"train"}
    source = open_probe_source(session.composition, session.source)
    pool = open_pool(probed(session.composition), source, "test")
    names = {
        split: {clip.subject for clip in source.dataset.clips if clip.split == split} for split in ("train", "test")
    }
    assert not names["train"] & names["test"]
    assert {source.dataset.clips[clip].subject for clip in pool.train.clip[:, 0]} == names["train"]
    assert protocol(run)["joints"] == "body_13"


def test_a_regressor_is_read_on_another_dataset_than_it_was_fitted_on(tmp_path: Path) -> None:
    run = measured("studio-h36m-weak-101-read-from-mpi", tmp_path / "run")
    rows = json.loads(run.measurements.read_text())
    assert {row["name"] for row in rows} >= {"MPJPE", "N-MPJPE", "P-MPJPE", "box IoU"}
    assert {row["reader"] for row in rows if row["method"] == "trained" and row["labels"]} == {
        "variant + pose_2d_predicted by resnet_mlp, mirror images too, fitted on other data"
    }


def test_a_network_of_human36m_is_measured_on_3dpw(tmp_path: Path) -> None:
    run = measured("3dpw-ours", tmp_path / "run", examples(tmp_path))
    assert (protocol(run)["dataset"], protocol(run)["skeleton"]) == ("threedpw", "smpl_24")
