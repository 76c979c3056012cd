"""The error by number of labels of several runs in one picture."""

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from poserep.cli import app
from poserep.core.errors import ConfigError, DataError
from poserep.core.measurement import Measurement, Protocol, read_measurements, write_measurements
from poserep.verbs.analyse_labels import Line, lines_of
from poserep.verbs.summary import read_runs

PROTOCOL = Protocol("studio", "human36m_17", "pelvis", "test", "T1", 4)
ERRORS = {"mean pose": (160.0, 150.0), "trained": (120.0, 80.0), "random encoder": (140.0, 130.0)}


def make_run(
    folder: Path, name: str = "ours", seed: int = 0, add: float = 0.0, protocol: Protocol = PROTOCOL, reader: str = "v"
) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(f'name = "{name}"\n[encoder]\nuse = "{name}"\n[training]\nseed = {seed}\n')
    rows = []
    for method, errors in ERRORS.items():
        for labels, error in zip((100, 1000), errors, strict=True):
            own = "" if method == "mean pose" else reader
            value = error + (add if method == "trained" else 0)
            rows.append(Measurement("N-MPJPE", method, value, "mm", 9, labels, protocol, str(folder), own))
    write_measurements(folder / "measurements.json", rows)
    return folder


def lines(*folders: Path, names: tuple[str, ...] = (), metric: str = "N-MPJPE") -> list[Line]:
    return lines_of(read_runs(folders), names, metric)


def test_runs_that_differ_by_their_seed_are_averaged(tmp_path: Path) -> None:
    ours = [make_run(tmp_path / f"ours-{seed}", seed=seed, add=2.0 * seed) for seed in (0, 1)]
    line, other, mean = lines(*ours, make_run(tmp_path / "imagenet", name="imagenet"))
    assert (line.name, other.name, mean.name) == ("ours", "imagenet", "mean pose")
    assert line.values == {100: (120.0, 122.0), 1000: (80.0, 82.0)}
    assert line.spread(100) == (121.0, pytest.approx(2**0.5))
    assert other.spread(1000) == (80.0, 0.0)
    assert mean.spread(100) == (160.0, 0.0)


def test_runs_are_named_by_their_folder_or_as_one_likes(tmp_path: Path) -> None:
    runs = make_run(tmp_path / "a"), make_run(tmp_path / "b", name="imagenet")
    assert [line.name for line in lines(*runs)] == ["a", "b", "mean pose"]
    assert [line.name for line in lines(*runs, names=("ours", "ImageNet"))] == ["ours", "ImageNet", "mean pose"]
    assert [len(line.runs) for line in lines(*runs, names=("x", "x"))] == [2, 2]
    with pytest.raises(ConfigError, match="2 runs and 1 names"):
        lines(*runs, names=("ours",))


def test_lines_of_one_name_say_what_they_read(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path / f"{reader}-{seed}", seed=seed, reader=reader)
        for reader in ("v", "v + 2D")
        for seed in (0, 1)
    ]
    assert [line.name for line in lines(*runs)] == ["ours, v", "ours, v + 2D", "mean pose"]


def test_what_was_fine_tuned_has_a_line_of_its_own(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a")
    tuned = "fine-tuned, from random weights"
    more = [Measurement("N-MPJPE", tuned, 70.0, "mm", 9, 1000, PROTOCOL, str(run), "v by mlp")]
    write_measurements(run / "measurements.json", [*read_measurements(run / "measurements.json"), *more])
    assert [line.name for line in lines(run)] == ["a", f"a, {tuned}", "mean pose"]
    assert (lines(run)[1].values, lines(run)[1].reader) == ({1000: (70.0,)}, "v by mlp")


def test_a_task_that_no_probe_measures_is_drawn_from_each_start_beside_what_is_said_without_looking(
    tmp_path: Path,
) -> None:
    run = make_run(tmp_path / "a")
    hands, people = (Protocol("studio", joints, "root", "test", "T1", 1, target="vertices") for joints in ("h", "b"))
    more = [
        Measurement("PVE", method, value, "mm", 9, labels, protocol, str(run), "tokens by mesh")
        for protocol, add in ((hands, 0.0), (people, 100.0))
        for labels in (10, 100)
        for method, value in (("without looking", add + 60.0), ("fine-tuned, from random weights, by mesh", add + 30.0))
    ]
    write_measurements(run / "measurements.json", [*read_measurements(run / "measurements.json"), *more])
    tuned, blind = lines(run, metric="PVE")
    assert (tuned.name, blind.name) == ("a, fine-tuned, from random weights, by mesh", "without looking")
    assert (tuned.values, blind.values) == ({10: (130.0,), 100: (130.0,)}, {10: (160.0,), 100: (160.0,)})
    words = ["analyse", "labels", str(run), "--metric", "PVE", "-o", str(tmp_path / "meshes.png"), "--json"]
    shown = CliRunner().invoke(app, words)
    assert json.loads(shown.stdout)["protocol"]["skeleton"] == "b"
    assert "left out: PVE of a, measured otherwise" in shown.stderr


def test_runs_of_other_protocols_are_refused_but_not_those_of_another_name_for_one(tmp_path: Path) -> None:
    one = make_run(tmp_path / "a")
    renamed = Protocol("studio", "human36m_17", "pelvis", "test", "T1", 4, pool=4, card="studio")
    assert lines(one, make_run(tmp_path / "b", name="b", protocol=renamed))
    other = make_run(tmp_path / "c", name="c", protocol=Protocol("studio", "human36m_17", "mid_hip", "test", "T1", 4))
    with pytest.raises(DataError, match="a and c were not measured alike") as caught:
        lines(one, other)
    assert "root pelvis" in caught.value.where
    assert "root mid_hip" in caught.value.where


def test_a_run_that_was_not_measured_so_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a has no PCK by number of labels") as caught:
        lines(make_run(tmp_path / "a"), metric="PCK")
    assert caught.value.hint.startswith("it has: N-MPJPE; measure it: poserep probe")


def test_the_command_draws_one_picture_and_prints_what_is_in_it(tmp_path: Path) -> None:
    runs = [str(make_run(tmp_path / name, name=name)) for name in ("ours", "imagenet")]
    words = ["analyse", "labels", *runs, "-o", str(tmp_path / "labels.png")]
    shown = CliRunner().invoke(app, words)
    assert shown.exit_code == 0, shown.output
    assert "1000 labels" in shown.output
    with Image.open(tmp_path / "labels.png") as picture:
        assert min(picture.size) > 300
    found = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert found["protocol"]["root"] == "pelvis"
    assert [line["name"] for line in found["lines"]] == ["ours", "imagenet", "mean pose"]
