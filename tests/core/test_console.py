import io
import json
import logging
from contextlib import redirect_stderr

import pytest

from poserep.core import console
from poserep.core.console import live_table, note, say, show_error, show_json, show_table, track
from poserep.core.errors import ConfigError, DataError, Problem

LONG = "runs/" + "a-rather-long-name/" * 12


def test_results_and_notes_go_to_their_own_streams(capsys: pytest.CaptureFixture[str]) -> None:
    say("result")
    note("progress")
    out, err = capsys.readouterr()
    assert (out, err) == ("result\n", "progress\n")


def test_long_lines_stay_whole_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    say(LONG)
    note(LONG)
    show_error(DataError(LONG, where=LONG))
    out, err = capsys.readouterr()
    assert out == LONG + "\n"
    assert [line.count(LONG) for line in err.splitlines()] == [1, 1, 1]


def test_json_comes_out_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"a": "[bold]x[/]", "b": ":cat: " + LONG, "c": [1, None]}
    show_json(value)
    assert json.loads(capsys.readouterr().out) == value


def test_an_error_is_one_block_without_markup_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    show_error(DataError("no [file] :cat:", where="a[b].toml:3", hint="make one"))
    assert capsys.readouterr().err == "data error  no [file] :cat:\n  at    a[b].toml:3\n  hint  make one\n"


def test_every_problem_of_a_config_has_its_block(capsys: pytest.CaptureFixture[str]) -> None:
    show_error(ConfigError.of([Problem("bad", "a:1"), Problem("worse", "a:2", "mend it")]))
    assert capsys.readouterr().err == (
        "config error  bad\n  at    a:1\nconfig error  worse\n  at    a:2\n  hint  mend it\n"
    )


def test_columns_of_numbers_are_right_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    show_table("Title", ("name", "mm"), [("a [b]", "9.5"), ("b", "100.0")], caption="n = 2")
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "Title"
    assert lines[2] == " a [b]    9.5"
    assert lines[3] == " b      100.0"


def test_an_empty_table_has_its_heads(capsys: pytest.CaptureFixture[str]) -> None:
    show_table("", ("kind", "name"), [])
    assert capsys.readouterr().out.split() == ["kind", "name"]


def test_tracking_passes_every_item(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "LOG_EVERY_S", -1.0)
    with caplog.at_level(logging.INFO, "poserep"):
        assert list(track("abc", "drawing", 3, "clips")) == ["a", "b", "c"]
    assert [record.message.split(",")[0] for record in caplog.records] == [f"drawing {n}/3" for n in (1, 2, 3)]


def test_a_terminal_shows_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert list(track("abc", "drawing", 3)) == ["a", "b", "c"]
    assert "drawing" in capsys.readouterr().err


def test_a_live_table_is_drawn_on_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def draw() -> console.Cells:
        return "study", ("arm", "seed 0"), [("dsl", "[pretraining] 40%")], "2 left"

    with live_table(draw):
        pass
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv("FORCE_COLOR", "1")
    with live_table(draw), redirect_stderr(io.StringIO()):
        note("quiet")
    shown = capsys.readouterr().err
    assert "[pretraining] 40%" in shown
    assert "2 left" in shown
    assert "quiet" not in shown
