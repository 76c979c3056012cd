"""What a user sees who mistypes: the whole message, its place, its way out, and the exit code."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from poserep.cli import main
from poserep.tests.fakes.outside import install, plugin
from poserep.tests.fakes.tiny import flags
from poserep.tests.fakes.toy import DEPTH, MODULE, PARTS, RECIPE

Shown = tuple[int, str, str]


@pytest.fixture
def poserep(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Shown]:
    """Run the command line in an empty folder: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POSEREP_DEBUG", "")

    def run(*arguments: str | Path) -> Shown:
        monkeypatch.setattr(sys, "argv", ["poserep", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the import path for outside packages."""
    monkeypatch.syspath_prepend(tmp_path / "site")
    return tmp_path / "site"


@pytest.fixture
def toys(outside: Path) -> str:
    """The toys as an installed package, and their recipe."""
    manifest = "".join(f'[{key}]\nmodule = "{MODULE}"\n' for key in PARTS)
    manifest += f'[field."{DEPTH.name}"]\naxes = "{DEPTH.axes}"\nunit = "{DEPTH.unit}"\nmeaning = "{DEPTH.meaning}"\n'
    install(outside, "fakes", manifest)
    path = outside / "toy.toml"
    path.write_text(RECIPE, encoding="utf-8")
    return str(path)


def test_two_problems_are_two_blocks_each_with_its_place(poserep: Callable[..., Shown]) -> None:
    code, out, err = poserep("compose", "temporal", "--set", "trainig.steps=3", "--set", "detector.modell=x")
    assert (code, out) == (2, "")
    assert err == (
        "config error  trainig: there is no such key in a recipe\n"
        "  at    --set trainig.steps=3\n"
        "  hint  did you mean 'training'?\n"
        "config error  detector.modell: there is no such key in detector stn\n"
        "  at    --set detector.modell=x\n"
        "  hint  did you mean 'model'?\n"
    )


def test_a_fault_in_a_file_has_its_line(poserep: Callable[..., Shown], tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\n\n[detector]\nuse = "stnn"\n')
    code, _, err = poserep("compose", path)
    assert code == 2
    assert f"config error  there is no detector named 'stnn'\n  at    {path}:4\n  hint  did you mean 'stn'?\n" in err
    for slot in ("dataset", "sampler", "encoder"):
        assert f'config error  {slot} is missing\n  at    {path}\n  hint  add it: [{slot}] use = "..."\n' in err
    assert "config error  losses is missing\n" in err


@pytest.mark.parametrize(
    ("arguments", "block"),
    [
        (
            ["compose", "temporl"],
            "there is no recipe 'temporl' (No such file or directory)\n  hint  did you mean 'temporal'?",
        ),
        (
            ["train", "temporal", "--drop", "losses.contrst"],
            "there is no 'losses.contrst' to drop\n  at    --drop losses.contrst\n"
            "  hint  did you mean 'losses.contrast'?",
        ),
        (
            ["train", "temporal", "--use", "losses.contrast=cs"],
            "there is no loss named 'cs'\n  at    --use losses.contrast=cs\n  hint  did you mean 'css'?",
        ),
        (
            ["recipes", "show", "temporal", "--set", "training.batch=many"],
            "training.batch: must be a whole number, not 'many'\n  at    --set training.batch=many",
        ),
        (
            ["data", "inspect", "temporal", "--set", "x"],
            "'x' does not set a value\n  at    --set x\n  hint  write --set KEY=VALUE, as training.steps=500",
        ),
        (
            ["train", "temporal", "--devices", "0"],
            "devices and nodes count from 1\n  at    --devices",
        ),
        (
            ["train", "temporal", "--accelerator", "gpu"],
            "there is no accelerator 'gpu'\n  at    --accelerator gpu\n  hint  one of auto, cpu, cuda",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistyped_command_is_answered_in_one_block(
    poserep: Callable[..., Shown], arguments: list[str], block: str
) -> None:
    code, out, err = poserep(*arguments)
    assert (code, out, err) == (2, "", f"config error  {block}\n")
    assert list(Path().iterdir()) == []  # nothing was begun


@pytest.mark.parametrize(
    "arguments", [["trian", "temporal"], ["train"], ["train", "temporal", "--nope"], ["swap", "x", "--count", "1"]]
)
def test_a_wrong_usage_exits_with_2(poserep: Callable[..., Shown], arguments: list[str]) -> None:
    code, _, err = poserep(*arguments)
    assert code == 2
    assert "Usage: poserep" in err


def test_an_unknown_part_exits_with_3(poserep: Callable[..., Shown]) -> None:
    assert poserep("plugins", "show", "dssl") == (
        3,
        "",
        "plugin error  there is no part named 'dssl'\n  hint  did you mean 'dsl'?\n",
    )


def test_a_folder_that_is_no_run_exits_with_4(poserep: Callable[..., Shown]) -> None:
    code, _, err = poserep("probe", "nope")
    assert code == 4
    assert err == (
        "data error  nope is not a run folder: it has no config.toml\n  hint  train one: poserep train RECIPE\n"
    )


def test_clips_that_are_too_short_exit_with_4(poserep: Callable[..., Shown]) -> None:
    code, _, err = poserep("train", "temporal", *flags("sampler.negative_min_s=60.0"), "--accelerator", "cpu")
    assert code == 4
    assert err.startswith("data error  ")
    assert "sampler 'temporal'" in err
    (folder,) = Path("runs").iterdir()
    assert json.loads((folder / "run.json").read_text())["state"] == "failed"


def test_a_file_where_the_run_should_be_exits_with_4(poserep: Callable[..., Shown], tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    code, _, err = poserep("train", "temporal", *flags(), "--run", "run")
    assert (code, err) == (
        4,
        "data error  cannot write the run folder: File exists\n  at    run\n  hint  choose another place with --run\n",
    )


def test_a_run_of_another_config_is_not_overwritten(poserep: Callable[..., Shown], toys: str) -> None:
    assert poserep("train", toys, "--run", "run", "--accelerator", "cpu")[0] == 0
    code, _, err = poserep("train", toys, "--run", "run", "--set", "training.seed=1")
    assert code == 2
    assert "config error  run holds a run of another config\n  at    run/config.toml\n" in err


def test_a_diverged_training_exits_with_5_and_names_the_term(poserep: Callable[..., Shown], toys: str) -> None:
    code, _, err = poserep("train", toys, "--use", "losses.bad=nan", "--run", "run", "--accelerator", "cpu")
    assert code == 5
    assert "training diverged  losses.bad became nan at step 3\n" in err
    assert "hint  the last good checkpoint is kept; lower training.learning_rate" in err


def test_an_expected_error_shows_no_traceback_unless_asked_for(
    poserep: Callable[..., Shown], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Traceback" not in poserep("probe", "nope")[2]
    code, _, err = poserep("--debug", "probe", "nope")
    monkeypatch.delenv("POSEREP_DEBUG")
    assert code == 4
    assert "Traceback (most recent call last)" in err
    assert "data error  nope is not a run folder" in err


def test_a_broken_plugin_is_told_and_everything_else_works(poserep: Callable[..., Shown], outside: Path) -> None:
    manifest = '[loss.sick]\nmodule = "outside_sick_cli.own"\nsummary = "Never loads"\n'
    install(outside, "outside_sick_cli", manifest, own="raise ValueError('no [luck]')")
    code, out, err = poserep("plugins", "list")
    assert (code, err) == (0, "")
    assert "Never loads" in out
    code, out, err = poserep("plugins", "list", "--check")
    assert code == 0
    assert "broken  loss.sick: loss.sick failed on import: ValueError: no [luck]" in err
    code, out, _ = poserep("plugins", "list", "--check", "--json")
    assert list(json.loads(out)["broken"]) == ["loss.sick"]
    assert poserep("plugins", "show", "sick") == (
        3,
        "",
        "plugin error  loss.sick failed on import: ValueError: no [luck]\n"
        "  at    registry.toml of outside_sick_cli [loss.sick]\n"
        "  hint  everything else works; mend or uninstall outside_sick_cli\n",
    )
    assert poserep("plugins", "show", "dsl")[0] == 0
    assert poserep("config", "schema")[0] == 0
    code, _, err = poserep("compose", "temporal", "--use", "losses.contrast=sick")
    assert code == 3
    assert err.startswith("plugin error  loss.sick failed on import: ValueError: no [luck]\n  at    --use losses.co")


def test_a_missing_extra_has_its_pip_line(poserep: Callable[..., Shown], outside: Path) -> None:
    manifest = '[loss.rare]\nmodule = "outside_rare.own"\nextra = "rare"\n'
    install(outside, "outside_rare", manifest, own="import no_such_package")
    code, _, err = poserep("plugins", "show", "rare")
    assert code == 3
    assert "plugin error  loss.rare needs the package 'no_such_package', which is not installed\n" in err
    assert "hint  pip install 'outside_rare[rare]'\n" in err


def test_an_installed_plugin_works_in_every_listing(poserep: Callable[..., Shown], outside: Path) -> None:
    manifest = '[loss.mine]\nmodule = "outside_mine.own"\nsummary = "Mine"\n'
    install(outside, "outside_mine", manifest, own=plugin("loss", "mine", "reads=('variant',)"))
    assert "Mine" in poserep("plugins", "list")[1]
    assert "variant" in poserep("plugins", "show", "mine")[1]
    assert "loss.mine" in poserep("config", "schema")[1]
    assert 'use = "mine"' in poserep("recipes", "show", "temporal", "--use", "losses.contrast=mine")[1]


@pytest.mark.parametrize(
    "arguments",
    [
        ["plugins", "list"],
        ["plugins", "show", "dsl"],
        ["recipes", "list"],
        ["doctor"],
        ["compose", "temporal", *flags()],
    ],
    ids=lambda value: value[0],
)
def test_every_listing_has_json(poserep: Callable[..., Shown], arguments: list[str]) -> None:
    code, out, _ = poserep(*arguments, "--json")
    assert code == 0
    assert json.loads(out)


COMMANDS = [
    *("demo", "compose", "train", "probe", "predict", "swap", "report", "doctor"),
    *("plugins list", "plugins show", "recipes list", "recipes show", "config schema"),
    *("data inspect", "data background", "data render"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(poserep: Callable[..., Shown], command: str) -> None:
    code, out, _ = poserep(*command.split(), "--help")
    assert code == 0
    assert f"Example: poserep {command}" in " ".join(out.split())


def test_no_command_at_all_shows_the_help(poserep: Callable[..., Shown]) -> None:
    _, out, err = poserep()
    assert "Start here: poserep demo" in " ".join((out + err).split())
    assert os.environ["POSEREP_DEBUG"] == ""
