import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from poserep.cli import app
from poserep.core.errors import PluginError
from poserep.tests.fakes.outside import install


def test_a_part_that_passes_ends_with_0_and_a_table() -> None:
    done = CliRunner().invoke(app, ["plugins", "check", "background.constant"])

    assert done.exit_code == 0, done.output
    assert "background.constant" in done.stdout
    assert "passed: 14 run, 0 skipped, 0 failed" in done.stdout


def test_the_result_as_json_is_all_that_is_on_standard_output() -> None:
    done = CliRunner().invoke(app, ["plugins", "check", "halves", "--json"])

    told = json.loads(done.stdout)
    assert told["counts"] == {"run": 14, "skipped": 0, "failed": 0}
    assert told["costs"]["background.halves"]["milliseconds"] > 0


def test_a_part_that_fails_ends_with_3_and_the_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    install(tmp_path, "dusk", '[background.dusk]\nmodule = "dusk.dusk"\n', dusk="raise OSError('no sky')\n")

    done = CliRunner().invoke(app, ["plugins", "check", "dusk"])

    assert done.exit_code == 3
    assert "failed  background.dusk loads" in done.stdout
    assert "no sky" in done.stdout
    assert "not passed" in done.stdout


def test_a_target_that_does_not_exist_is_a_plugin_error() -> None:
    done = CliRunner().invoke(app, ["plugins", "check", "nobody"])

    assert isinstance(done.exception, PluginError)
    assert done.exception.exit_code == 3
