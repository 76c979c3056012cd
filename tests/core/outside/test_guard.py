"""What outside code may do to the command that runs it: nothing."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from poserep.core.errors import ConfigError, PluginError
from poserep.core.fields import FIELDS
from poserep.core.interfaces import Component, Options
from poserep.core.outside.guard import at_most, by_default, check_component, guarded, isolated, limit_s, schema_of
from poserep.core.outside.manifest import Entry

OUTSIDE = Entry("loss", "own", "pack.own", package="pack")
SHIPPED = Entry("loss", "dsl", "poserep.plugins.losses.dsl")


def raised(error: BaseException, entry: Entry = OUTSIDE) -> PluginError:
    with pytest.raises(PluginError) as caught, guarded(entry, "on import"):
        raise error
    return caught.value


class Odd(BaseException):
    """Neither an exception that one expects nor a Ctrl-C."""


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit("no"), StopIteration("no"), Odd("no")])
def test_whatever_is_raised_becomes_one_expected_error(error: BaseException) -> None:
    told = raised(error)
    assert told.what == f"loss.own failed on import: {type(error).__name__}: no"
    assert told.where == "registry.toml of pack [loss.own]"
    assert told.hint == "everything else works; mend or uninstall pack"
    assert told.__cause__ is error


def test_a_ctrl_c_and_what_is_asked_to_pass_do() -> None:
    with pytest.raises(KeyboardInterrupt), guarded(OUTSIDE, "on import"):
        raise KeyboardInterrupt
    with pytest.raises(KeyError), guarded(OUTSIDE, "on import", KeyError):
        raise KeyError
    own = PluginError("told by the plugin itself")
    assert raised(own) is own


def test_standard_output_is_kept_from_outside_code_alone(capsys: pytest.CaptureFixture[str]) -> None:
    for entry in (OUTSIDE, SHIPPED):
        with guarded(entry, "on import"):
            sys.stdout.write(f"{entry.key} ")
    assert capsys.readouterr() == ("loss.dsl ", "loss.own ")


def hang() -> None:
    """Swallow exceptions and go on, as a plugin might."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with suppress(Exception):
            time.sleep(5)


def test_what_takes_too_long_is_interrupted_even_if_it_swallows_exceptions() -> None:
    begin = time.monotonic()
    with pytest.raises(PluginError) as caught, guarded(OUTSIDE, "on import", seconds=0.1):
        hang()
    assert time.monotonic() - begin < 5
    assert caught.value.what == "loss.own failed on import: it was not done after 0.1 s"
    assert caught.value.hint == "everything else works; if it is only slow, set POSEREP_IMPORT_S to more seconds"


@pytest.fixture
def alarm() -> Iterator[list[int]]:
    """A program with an alarm of its own; when it rang."""
    rang: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: rang.append(number))
    yield rang
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_the_programs_own_alarm_and_its_handler_are_given_back(alarm: list[int]) -> None:
    handler = signal.getsignal(signal.SIGALRM)
    signal.setitimer(signal.ITIMER_REAL, 50, 7)
    with at_most(5):
        time.sleep(0.05)
        assert signal.getsignal(signal.SIGALRM) is not handler
    assert signal.getsignal(signal.SIGALRM) is handler
    left, every = signal.getitimer(signal.ITIMER_REAL)
    assert 40 < left < 49.96
    assert every == 7


def test_an_alarm_that_was_due_meanwhile_rings_afterwards(alarm: list[int]) -> None:
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    with at_most(5):
        time.sleep(0.05)
        assert not alarm
    time.sleep(0.01)
    assert alarm == [signal.SIGALRM]


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("inf"), float("nan")])
def test_there_may_be_no_limit(alarm: list[int], seconds: float) -> None:
    handler = signal.getsignal(signal.SIGALRM)
    with at_most(seconds):
        assert signal.getsignal(signal.SIGALRM) is handler


def test_another_thread_has_no_limit() -> None:
    done = []

    def run() -> None:
        with at_most(0.01):
            time.sleep(0.05)
            done.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert done


def test_the_limit_is_five_seconds_or_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSEREP_IMPORT_S", raising=False)
    assert limit_s() == 5
    monkeypatch.setenv("POSEREP_IMPORT_S", "0.5")
    assert limit_s() == 0.5
    monkeypatch.setenv("POSEREP_IMPORT_S", "long")
    with pytest.raises(ConfigError, match="'long' is no number of seconds") as caught:
        limit_s()
    assert caught.value.where == "POSEREP_IMPORT_S"


# ---------------------------------------------------------------- the contract


class Sized(Options):
    """Options with a default."""

    size: int = 1
    """A number."""


class Named(Options):
    """Options without one."""

    name: str
    """A name."""


def part(**more: object) -> Component:
    return Component(**{"kind": "loss", "name": "own", "options": Sized, "build": lambda o, c: None, **more})


@pytest.mark.parametrize(
    "more",
    [
        {"options": dict},
        {"options": Sized()},
        {"build": 3},
        {"facts": {"variant": 3}},
        {"reads": "variant"},
        {"reads": ("variant", 3)},
        {"roles": ["reference"]},
        {"kind": "los"},
        {"example": [1]},
        {"api": "1"},
        {"author": "me"},
    ],
)
def test_a_component_of_nonsense_cannot_be_made(more: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(more))):
        part(**more)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"reads": lambda o: "variant"}, r"declaring: ValidationError: reads: Input should be a valid tuple\n"),
        ({"writes": lambda o: (1,)}, r"writes\.0: Input should be a valid string"),
        ({"facts": lambda o: {"variant": "wide"}}, r"facts\.variant: Input should be a valid integer"),
        ({"facts": lambda o: None}, "facts: Input should be a valid dictionary"),
        ({"facts": lambda o: 1 / 0}, "division by zero"),
        ({"reads": ("normals",)}, "declares the field 'normals', which is not in the vocabulary"),
        ({"writes": ("pack:depth",)}, "declares the field 'pack:depth', which is not in the vocabulary"),
        ({"api": 99}, "loss.own speaks API level 99, this poserep speaks 1"),
    ],
)
def test_a_component_is_held_to_its_contract_by_its_default_options(more: dict[str, object], told: str) -> None:
    with pytest.raises(PluginError, match=told), guarded(OUTSIDE, "while declaring"):
        check_component(part(**more), OUTSIDE, FIELDS)


def test_what_hangs_on_options_without_a_default_is_checked_when_it_is_used() -> None:
    own = part(options=Named, reads=lambda o: (o.name,), facts=lambda o: {"variant": len(o.name)})
    check_component(own, OUTSIDE, FIELDS)
    assert by_default(own, "reads") == ()
    assert by_default(own, "facts") == {}
    safe = isolated(own, OUTSIDE, FIELDS)
    assert safe.reads(Named(name="variant")) == ("variant",)
    with pytest.raises(PluginError, match="declares the field 'normals'"):
        safe.reads(Named(name="normals"))


def test_options_that_no_listing_could_show_are_refused() -> None:
    class Strange(Options):
        """A default that JSON schema has no word for."""

        call: Callable[[], int] = int
        """A function."""

    with pytest.raises(PluginError, match="PydanticInvalidForJsonSchema"), guarded(OUTSIDE, "while declaring"):
        check_component(part(options=Strange), OUTSIDE, FIELDS)
    assert schema_of(Sized) is schema_of(Sized)


def test_an_isolated_component_keeps_what_it_declares() -> None:
    own = part(build=Sized, reads=("variant",), example={"size": 2})
    safe = isolated(own, OUTSIDE, FIELDS)
    assert (safe.reads, safe.example, safe.options) == (("variant",), {"size": 2}, Sized)
    assert safe.build.__name__ == "Sized"
