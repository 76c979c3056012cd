"""`poserep runs` on folders as they are left behind: whole, killed, failed, half-written."""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from poserep.cli import app
from poserep.core.errors import ConfigError, DataError
from poserep.core.measurement import Measurement, Protocol, write_measurements
from poserep.core.run import Run
from poserep.tests.fakes.toy import toy
from poserep.verbs.next_step import after_training, going_on, has_poses, measuring
from poserep.verbs.recipes import complete_text
from poserep.verbs.report import report_command
from poserep.verbs.run_diff import diff_runs
from poserep.verbs.run_facts import ago, find_runs, read_facts
from poserep.verbs.run_show import sparkline
from poserep.verbs.train import Machine, train

PROTOCOL = Protocol("studio", "human36m_17", "pelvis", "test", "T1, T2", 4)
CONFIG = """name = "NAME"
dataset = { use = "DATASET" }
sampler = { use = "temporal", positive_max_s = 0.2 }
[losses.contrast]
use = "dsl"
weight = 0.1
temperature = 0.5
[training]
steps = 200
seed = 3
"""
ABOUT = {
    "state": "done",
    "seed": 3,
    "versions": {"poserep": "0.1.0", "torch": "2.15.0"},
    "python": "3.12.3",
    "machine": "Linux x86_64",
    "git": "abc1234",
    "started": "2026-01-02T03:04:05+0000",
    "steps": 200,
    "step": 200,
}


def measured(labels: int, value: float, **other: Any) -> Measurement:
    return replace(Measurement("N-MPJPE", "trained", value, "mm", 960, labels, PROTOCOL, "run"), **other)


def make(folder: Path, numbers: Sequence[Measurement] = (), config: str = CONFIG, steps: int = 3, **about: Any) -> Path:
    folder.mkdir(parents=True)
    text = config.replace("NAME", "mine").replace("DATASET", "studio")
    (folder / "config.toml").write_text(text, encoding="utf-8")
    (folder / "run.json").write_text(json.dumps(ABOUT | about), encoding="utf-8")
    rows = [
        {"index": 10 * n, "phase": "train", "total": 1 / n, "terms": {"contrast": 2 / n}, "seconds": 0.5, "waited_s": 0}
        for n in range(1, steps + 1)
    ]
    (folder / "steps.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    if numbers:
        write_measurements(folder / "measurements.json", numbers)
    return folder


def command(*words: object) -> Result:
    return CliRunner().invoke(app, ["runs", *map(str, words)], env={"COLUMNS": "200"})


def listed(folder: Path, *more: str) -> dict[str, dict[str, Any]]:
    result = command("list", folder, "--json", *more)
    assert result.exit_code == 0, result.output
    return {Path(one["run"]).name: one for one in json.loads(result.stdout)}


def gone() -> int:
    """Number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


# ---------------------------------------------------------------- list


def test_runs_are_found_in_stage_stores_too_and_not_inside_of_runs(tmp_path: Path) -> None:
    make(tmp_path / "a")
    make(tmp_path / "stages" / "pretraining" / "0123456789abcdef")
    make(tmp_path / "a" / "checkpoints" / "inner")
    make(tmp_path / ".trash" / "b")
    make(tmp_path / "1" / "2" / "3" / "4" / "too-deep")
    (tmp_path / "stages" / "features" / "0123").mkdir(parents=True)

    assert [path.name for path in find_runs([tmp_path])] == ["a", "0123456789abcdef"]
    assert [path.name for path in find_runs([tmp_path / "a", tmp_path])] == ["a", "0123456789abcdef"]


def test_a_list_says_state_steps_seed_and_the_main_number_at_most_labels(tmp_path: Path) -> None:
    make(tmp_path / "a", [measured(100, 97.4), measured(500, 83.36), measured(500, 140.0, method="mean pose")])

    one = listed(tmp_path)["a"]
    assert (one["recipe"], one["state"], one["step"], one["steps"], one["seed"]) == ("mine", "done", 200, 200, 3)
    assert (one["main"]["value"], one["main"]["labels"], one["main"]["samples"]) == (83.36, 500, 960)
    assert "83.4 (500 labels, n=960)" in command("list", tmp_path).stdout


def test_a_run_whose_process_died_was_killed_and_one_that_lives_runs(tmp_path: Path) -> None:
    here = platform.node()
    make(tmp_path / "dead", state="running", pid=gone(), host=here)
    make(tmp_path / "alive", state="running", pid=os.getpid(), host=here)
    make(tmp_path / "elsewhere", state="running", pid=gone(), host="another")

    states = {name: one["state"] for name, one in listed(tmp_path).items()}
    assert states == {"dead": "killed", "alive": "running", "elsewhere": "running"}
    assert listed(tmp_path, "--state", "killed").keys() == {"dead"}


def test_of_a_run_that_did_not_end_the_last_record_tells_how_far_it_came(tmp_path: Path) -> None:
    folder = make(tmp_path / "a", steps=500, state="running")
    with (folder / "steps.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"index": 50')

    assert read_facts(folder).step == 5000


def test_a_cause_is_shortened_in_the_list(tmp_path: Path) -> None:
    cause = f"losses.x became nan, {'and so on ' * 20}\n  hint lower the rate"
    make(tmp_path / "a", state="failed", cause=cause)

    shown = command("list", tmp_path, "--state", "failed").stdout
    assert "losses.x became nan" in shown
    assert "…" in shown
    assert "lower the rate" not in shown
    assert listed(tmp_path)["a"]["cause"] == cause


@pytest.mark.parametrize("text", ['{"state": "run', "", "[]"])
def test_a_half_written_file_is_one_line_of_the_list(tmp_path: Path, text: str) -> None:
    make(tmp_path / "good")
    (make(tmp_path / "bad") / "run.json").write_text(text)

    found = listed(tmp_path)
    assert found["good"]["state"] == "done"
    assert found["bad"]["state"] == "unreadable"
    assert found["bad"]["cause"].startswith("run.json cannot be read")
    assert command("show", tmp_path / "bad").exit_code == 0


def test_the_newest_run_comes_first(tmp_path: Path) -> None:
    make(tmp_path / "old")
    make(tmp_path / "new", started=time.strftime("%Y-%m-%dT%H:%M:%S%z"))

    assert list(listed(tmp_path)) == ["new", "old"]
    assert listed(tmp_path)["new"]["age_s"] < 60


def test_nothing_found_is_said(tmp_path: Path) -> None:
    result = command("list", tmp_path, "--state", "failed")
    assert result.exit_code == 0
    assert f"no run that is failed below {tmp_path}" in " ".join(result.stderr.split())


def test_a_missing_folder_and_an_unknown_state_are_refused(tmp_path: Path) -> None:
    missing = command("list", tmp_path / "nowhere")
    assert isinstance(missing.exception, DataError)
    assert missing.exception.what == f"there is no folder {tmp_path / 'nowhere'}"
    unknown = command("list", tmp_path, "--state", "dead")
    assert isinstance(unknown.exception, ConfigError)
    assert "killed" in unknown.exception.hint


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (3e5, "3 d")]
)
def test_ages_are_told_in_one_unit(seconds: float, text: str) -> None:
    assert ago(seconds) == text


def test_training_tells_its_process(tmp_path: Path) -> None:
    run = train(toy(tmp_path), tmp_path / "run", Machine(accelerator="cpu"))
    assert (run.about()["pid"], run.about()["host"]) == (os.getpid(), platform.node())
    assert read_facts(tmp_path / "run").state == "done"


# ---------------------------------------------------------------- show


def test_a_run_is_shown_with_its_losses_numbers_versions_and_what_comes_next(tmp_path: Path) -> None:
    folder = make(tmp_path / "a", [measured(500, 83.36)], steps=24)

    shown = command("show", folder).stdout

    for text in ("done, step 200/200", "torch 2.15.0, Python 3.12.3", "abc1234", "0.5 s per step (mean of n = 24)"):
        assert text in shown
    assert "contrast  0.08333  █" in shown
    assert "83.4" in shown
    assert f"next      poserep report {folder}" in shown


def test_a_failure_is_shown_in_full_with_its_hint_and_the_command_that_goes_on(tmp_path: Path) -> None:
    told = {"what": "losses.x became nan", "where": "step 4", "hint": "lower the rate"}
    folder = make(tmp_path / "a", state="failed", cause="losses.x became nan\n  hint lower the rate", **told)

    shown = command("show", folder).stdout

    assert [line.split(maxsplit=1) for line in shown.splitlines()[1:4]] == [
        ["cause", "losses.x became nan"],
        ["where", "step 4"],
        ["hint", "lower the rate"],
    ]
    assert f"poserep train {folder}/config.toml --run {folder}" in shown
    assert "nothing yet" in shown


def test_the_config_is_compared_with_the_recipe_of_its_name_or_with_a_named_one(tmp_path: Path) -> None:
    text = complete_text("dsl", sets=["training.steps=77"], uses=["losses.contrast=css", "sampler=contrastive"])
    folder = make(tmp_path / "a", config=text)

    told = json.loads(command("show", folder, "--json").stdout)["differs"]
    assert [one["key"] for one in told[:2]] == ["losses.contrast", "sampler"]
    assert ("training.steps", "77") in [(one["key"], one["b"]) for one in told]
    assert "dsl, but for" in command("show", folder).stdout

    assert json.loads(command("show", folder, "--recipe", folder / "config.toml", "--json").stdout)["differs"] == []
    assert f"{folder / 'config.toml'}, as it is" in command("show", folder, "--recipe", folder / "config.toml").stdout


def test_a_recipe_that_is_not_at_hand_is_said(tmp_path: Path) -> None:
    folder = make(tmp_path / "a")
    assert "mine, which is not at hand" in command("show", folder).stdout
    assert json.loads(command("show", folder, "--json").stdout)["differs"] is None


def test_a_recipe_that_is_named_and_not_there_is_an_error(tmp_path: Path) -> None:
    result = command("show", make(tmp_path / "a"), "--recipe", "temporaal")
    assert isinstance(result.exception, ConfigError)
    assert result.exception.hint == "did you mean 'temporal'?"


def test_a_folder_that_is_no_run_is_one_error(tmp_path: Path) -> None:
    result = command("show", tmp_path)
    assert isinstance(result.exception, DataError)
    assert "is not a run folder" in result.exception.what


def test_a_curve_falls_from_the_highest_bar_to_the_lowest() -> None:
    assert sparkline([8, 7, 6, 5, 4, 3, 2, 1]) == "█▇▆▅▄▃▂▁"
    assert sparkline([1.0, float("nan"), 1.0]) == "▁▁"
    assert sparkline([]) == ""
    assert len(sparkline(range(1000))) == 24
    assert sparkline([0, 0, 9, 9], width=2) == "▁█"


# ---------------------------------------------------------------- diff


def test_one_setting_that_differs_explains_the_difference(tmp_path: Path) -> None:
    a = make(tmp_path / "a", [measured(100, 97.4), measured(500, 83.4)])
    b = make(tmp_path / "b", [measured(100, 97.4), measured(500, 70.1)], CONFIG.replace("weight = 0.1", "weight = 0.3"))

    shown = command("diff", a, b).stdout

    assert (
        "N-MPJPE at 500 labels: 83.4 -> 70.1 mm, -13.3 (n=960); explained by losses.contrast.weight: 0.1 -> 0.3"
    ) in shown
    assert "1 of 2 numbers are equal" in shown
    assert str(PROTOCOL).split(" · ", maxsplit=1)[0] in shown


def test_parts_come_first_and_their_own_options_last(tmp_path: Path) -> None:
    swapped = CONFIG.replace('use = "dsl"', 'use = "css"').replace("temperature = 0.5", "margin = 2.0")
    swapped = swapped.replace("steps = 200", "steps = 300")
    a, b = make(tmp_path / "a"), make(tmp_path / "b", config=swapped)

    diff = diff_runs(a, b)

    assert [str(one) for one in diff.parts] == ["losses.contrast: dsl -> css"]
    assert [str(one) for one in diff.values] == ["training.steps: 200 -> 300"]
    assert {str(one) for one in diff.own} == {
        "losses.contrast.temperature: 0.5 -> -",
        "losses.contrast.margin: - -> 2.0",
    }
    assert diff.explained == "any of 2 settings may explain it"


def test_a_part_that_only_one_run_has_is_named(tmp_path: Path) -> None:
    more = CONFIG + '[losses.box]\nuse = "box_prior"\nweight = 1.0\n'
    diff = diff_runs(make(tmp_path / "a"), make(tmp_path / "b", config=more))
    assert [str(one) for one in diff.parts] == ["losses.box: - -> box_prior"]
    assert diff.values == ()


def test_versions_git_and_machine_are_told_apart(tmp_path: Path) -> None:
    a = make(tmp_path / "a", host="one")
    b = make(tmp_path / "b", git="fff0000", versions={"poserep": "0.1.0", "torch": "2.16.0"}, host="two")

    found = [str(one) for one in diff_runs(a, b).surroundings]

    assert found == ["version of torch: 2.15.0 -> 2.16.0", "git: abc1234 -> fff0000", "host: one -> two"]
    assert diff_runs(a, b).explained == "same settings, but other surroundings"
    assert diff_runs(a, a).explained == "same settings and surroundings"


def test_numbers_of_other_protocols_are_not_subtracted(tmp_path: Path) -> None:
    a = make(tmp_path / "a", [measured(500, 83.4)])
    b = make(tmp_path / "b", [measured(500, 70.1, protocol=replace(PROTOCOL, stride=1, split="validation"))])

    (pair,) = diff_runs(a, b).numbers
    shown = command("diff", a, b).stdout

    assert pair.difference is None
    assert pair.unequal == "another protocol: split test / validation, stride 4 / 1"
    assert "83.4 -> 70.1, not subtracted (another protocol: split test / validation, stride 4 / 1)" in shown
    assert "-13.3" not in shown


def test_numbers_over_other_frames_are_not_subtracted(tmp_path: Path) -> None:
    a = make(tmp_path / "a", [measured(500, 83.4)])
    b = make(tmp_path / "b", [measured(500, 70.1, samples=12)])

    assert diff_runs(a, b).numbers[0].unequal == "other frames: n = 960 / 12"
    shown = command("diff", a, b).stdout
    assert "83.4 (n=960)" in shown
    assert "70.1 (n=12)" in shown
    assert "-13.3" not in shown


def test_the_json_of_a_difference_holds_both_numbers_with_their_protocols(tmp_path: Path) -> None:
    a, b = make(tmp_path / "a", [measured(500, 83.4)]), make(tmp_path / "b", [measured(500, 70.1)], seed=4)

    told = json.loads(command("diff", a, b, "--json").stdout)

    (pair,) = told["numbers"]
    assert pair["difference"] == pytest.approx(-13.3)
    assert pair["a"]["protocol"] == pair["b"]["protocol"]
    assert pair["a"]["protocol"]["dataset"] == "studio"
    assert (told["a"]["seed"], told["b"]["seed"]) == (3, 4)


def test_runs_without_measurements_are_told(tmp_path: Path) -> None:
    a, b = make(tmp_path / "a", state="failed", step=20), make(tmp_path / "b")
    result = command("diff", a, b)
    assert result.exit_code == 0
    assert "neither run has measurements" in " ".join(result.stderr.split())
    assert "20/200" in result.stdout


def test_a_difference_with_a_half_written_run_is_one_error(tmp_path: Path) -> None:
    a, b = make(tmp_path / "a"), make(tmp_path / "b")
    (b / "run.json").write_text("{")
    result = command("diff", a, b)
    assert isinstance(result.exception, DataError)
    assert result.exception.where == str(b)


# ---------------------------------------------------------------- what comes next


def config_of(use: str, **options: Any) -> dict[str, Any]:
    return {"dataset": {"use": use, **options}}


def test_a_run_without_labels_is_looked_at_and_not_probed() -> None:
    folder = Path("runs/my clip")
    assert measuring(folder, config_of("studio")) == "poserep probe 'runs/my clip'"
    looked = "poserep predict 'runs/my clip' VIDEO   or   poserep swap 'runs/my clip'"
    assert measuring(folder, config_of("video", path="clip.mp4")) == looked
    assert has_poses(config_of("not-installed"))
    assert going_on(folder) == "poserep train 'runs/my clip/config.toml' --run 'runs/my clip'"


def test_after_training_both_ways_to_look_are_told(tmp_path: Path) -> None:
    folder = make(tmp_path / "a")
    assert after_training(folder) == f"poserep probe {folder}   or   poserep predict {folder} VIDEO"
    text = (folder / "config.toml").read_text().replace('"studio"', '"video", path = "clip.mp4"')
    (folder / "config.toml").write_text(text)
    assert after_training(folder) == f"poserep predict {folder} VIDEO   or   poserep swap {folder}"


def test_after_a_stopped_training_going_on_comes_first(tmp_path: Path) -> None:
    folder = make(tmp_path / "a", state="stopped")
    assert after_training(folder) == f"poserep train {folder / 'config.toml'} --run {folder}"


def test_the_report_of_a_run_without_labels_does_not_send_one_to_probe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = CONFIG.replace('"DATASET"', '"video", path = "clip.mp4"')
    folder = make(tmp_path / "a", config=text)

    report_command([folder], tmp_path / "report.html")

    said = " ".join(capsys.readouterr().err.split())
    assert f"a has no measurements yet: poserep predict {folder} VIDEO or poserep swap {folder}" in said
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count(f"poserep swap {folder}") == 2  # for the numbers and for the pictures
    assert "poserep probe" not in page


@pytest.mark.parametrize("words", [("list", "RUNS"), ("show", "RUN"), ("diff", "RUN", "RUN")])
def test_nothing_of_it_needs_torch(tmp_path: Path, words: tuple[str, ...]) -> None:
    run = make(tmp_path / "a", [measured(500, 83.4)])
    arguments = [{"RUNS": str(tmp_path), "RUN": str(run)}.get(word, word) for word in words]
    code = (
        f"import sys; sys.argv = ['poserep', 'runs', *{arguments!r}]\n"
        "from poserep.cli import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code\n"
        "assert not {'torch', 'matplotlib', 'av', 'scipy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert Run(run).about()["state"] == "done"
