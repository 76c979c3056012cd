"""Every sort of broken outside package, installed: what works on, what is told, and with which exit code."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import Result
from typer.testing import CliRunner

from poserep.cli import app
from poserep.core.errors import PoserepError
from poserep.tests.fakes.outside import install, plugin
from poserep.tests.fakes.tiny import flags

MANIFEST = '[loss.own]\nmodule = "{0}.own"\nsummary = "Broken"\n'
FIELD = '[field."{0}"]\naxes = "B T"\nunit = "mm"\nmeaning = "distance"\n'
PROGRAM = "from poserep.cli import main; main()"
HANGS = "it was not done after"
OTHERS = ("recipes list", "recipes show temporal", "config schema", "--help", "plugins show loss.dsl")
"""Commands that use no part of a package that is broken."""


class Sort(NamedTuple):
    """One way to be broken: what is installed, the name it is refused under, and its cause.

    ``{0}`` stands for the package's name. ``told`` says whether listing alone can know it.
    """

    cause: str
    own: str = plugin("loss", "own")
    manifest: str | bytes | None = MANIFEST
    show: str = "loss.own"
    known: bool = True
    init: str = ""


def late(cause: str, own: str, init: str = "") -> Sort:
    """Broken in its code, which only importing it can tell."""
    return Sort(cause, own, known=False, init=init)


def early(cause: str, manifest: str | bytes | None, show: str = "{0}") -> Sort:
    """Broken in its manifest: its module must never be imported."""
    return Sort(cause, "raise RuntimeError('imported')", manifest, show)


def declaring(cause: str, more: str) -> Sort:
    """A component that declares nonsense."""
    return late(cause, plugin("loss", "own", more))


HOOK = plugin("loss", "own").replace("poserep_register", "poserep_regster")
ARGUMENT = plugin("loss", "own").replace("poserep_register(register)", "poserep_register(register, config)")
OPTIONS = plugin("loss", "own").replace("options=Nothing", "options=dict")
BUILD = plugin("loss", "own").replace("lambda o, c: None", "3")
UNREADY = plugin("loss", "own").replace("    pass", "    call: type = int")

SORTS = {
    "raises": late("failed on import: ValueError: no luck", "raise ValueError('no luck')"),
    "raises in its package": late("failed on import: OSError: gone", "", init="raise OSError('gone')"),
    "exits": late("failed on import: SystemExit: 7", "import sys; sys.exit(7)"),
    "loops": late(f"failed on import: {HANGS} 0.3 s", "while True: pass"),
    "waits": late(f"failed on import: {HANGS} 0.3 s", "import time; time.sleep(60)"),
    "does not parse": late("failed on import: SyntaxError: ", "def (:"),
    "loops while registering": late(
        f"failed while registering: {HANGS} 1 s",
        plugin("loss", "own").replace("    register(C", "    while True: pass\n    register(C"),
    ),
    "lacks a package": late("needs the package 'no_such_package', which is not installed", "import no_such_package"),
    "registers nothing": late("is not what broken_{1}.own registers, but nothing", ""),
    "registers another": late("registers, but loss.dsl", plugin("loss", "dsl")),
    "registers no component": late("is no Component", plugin("loss", "own").replace("Component(", "dict(", 1)),
    "has a misspelt hook": late("PluginValidationError: unknown hook 'poserep_regster'", HOOK),
    "has a hook with other arguments": late("PluginValidationError: Plugin", ARGUMENT),
    "has options of another type": late("ValidationError: options: Input should be a subclass of Options", OPTIONS),
    "has options that cannot be shown": late("PydanticInvalidForJsonSchema", UNREADY),
    "cannot be built": late("ValidationError: build: Input should be callable", BUILD),
    "reads a word": declaring("ValidationError: reads.", "reads='variant'"),
    "reads numbers": declaring("ValidationError: reads.", "reads=(1, 2)"),
    "reads by a function that raises": declaring("failed while declaring: KeyError: 'x'", "reads=lambda o: {}['x']"),
    "has facts that raise": declaring("ZeroDivisionError: division by zero", "facts=lambda o: 1 / 0"),
    "has facts that are words": declaring(
        "facts.joints: Input should be a valid integer", "facts=lambda o: {'joints': 'many'}"
    ),
    "has a kind that there is not": late("ValidationError: kind: Input should be 'dataset'", plugin("los", "own")),
    "speaks a later level": declaring("loss.own speaks API level 99, this poserep speaks 1", "api=99"),
    "reads an unknown field": declaring(
        "declares the field 'normals', which is not in the vocabulary", "reads=('normals',)"
    ),
    "reads a field that nobody describes": declaring("declares the field 'a:b', which is not", "reads=('a:b',)"),
    "was made for a later level": early("speaks API level 99, this poserep speaks 1", "api = 99\n" + MANIFEST),
    "was made for an older level": early("speaks API level 0, this poserep speaks 1", "api = 0\n" + MANIFEST),
    "has no manifest": early("the manifest cannot be read: ", None),
    "has a torn manifest": early("the manifest cannot be read: ", "[loss.own"),
    "has a manifest of bytes": early("the manifest cannot be read: ", b"\xff\xfe\x00"),
    "declares an unknown kind": early(
        "[los.own] kind: Input should be 'dataset'", "[los.own]\nmodule = 'x'", "los.own"
    ),
    "declares a bad name": early("name: String should match pattern", "[loss.Own]\nmodule = 'x'", "loss.Own"),
    "declares no module": early("[loss.own] module: Field required", "[loss.own]\nsummary = 'x'", "own"),
    "declares a number": early("module: Input should be a valid string", "[loss.own]\nmodule = 3", "loss.own"),
    "declares what there is not": early("author: Unexpected", MANIFEST + "author = 'me'\n", "loss.own"),
    "declares no table": early("must be a mapping", "loss = 3"),
    "shadows a shipped part": early("bears the name of a shipped part", "[loss.dsl]\nmodule = 'x'", "{0}/loss.dsl"),
    "describes a field of the vocabulary": early(
        "is not under the package's own prefix", FIELD.replace("{0}", "depth"), "field.depth"
    ),
    "describes another package's field": early(
        "is not under the package's own prefix", FIELD.replace("{0}", "other:depth"), "field.other:depth"
    ),
    "describes a field by halves": early("unit: Field required", '[field."{0}:depth"]\naxes = "B"\n'),
}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for outside packages, and patience with them: this machine may be busy."""
    monkeypatch.setenv("POSEREP_IMPORT_S", "20")
    monkeypatch.delenv("POSEREP_PLUGINS", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    """A command, with its exit code as the program would give it."""
    result = CliRunner().invoke(app, arguments)
    if isinstance(result.exception, PoserepError):
        result.exit_code = result.exception.exit_code
    elif result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def flat(text: str) -> str:
    """Text without the line breaks of a table."""
    return " ".join(text.split())


@pytest.mark.parametrize("name", SORTS)
def test_a_broken_package_takes_down_no_command_and_its_cause_is_told(
    site: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    sort = SORTS[name]
    if HANGS in sort.cause:
        monkeypatch.setenv("POSEREP_IMPORT_S", sort.cause.split()[-2])
    package = f"broken_{list(SORTS).index(name)}"
    cause, show = sort.cause.format(package, package.removeprefix("broken_")), sort.show.format(package)
    manifest = sort.manifest.replace("{0}", package) if isinstance(sort.manifest, str) else sort.manifest
    install(site, package, manifest, own=sort.own, __init__=sort.init)

    listed = run("plugins", "list")
    assert listed.exit_code == 0
    assert (cause in listed.stderr) == sort.known
    assert package not in {module.partition(".")[0] for module in sys.modules}

    checked = run("plugins", "list", "--check")
    assert checked.exit_code == 0
    assert cause in checked.stderr
    assert "dsl" in checked.stdout

    for command in OTHERS if HANGS in sort.cause else ():  # with the others they are tried together, below
        assert run(*command.split()).exit_code == 0

    shown = run("plugins", "show", show)
    assert shown.exit_code == 3
    assert cause in str(shown.exception)


def test_the_other_commands_work_beside_many_broken_packages(site: Path) -> None:
    for number, sort in enumerate(SORTS.values()):
        package, text = f"beside_{number}", sort.manifest
        if HANGS in sort.cause:  # each of them takes its time
            continue
        if isinstance(text, str):
            text = text.replace("[loss.own]", f"[loss.broken_{number}]").replace("{0}", package)
        install(site, package, text, own=sort.own, __init__=sort.init)
    listed = run("plugins", "list", "--check").stderr
    assert all(f"beside_{number}" in listed for number, sort in enumerate(SORTS.values()) if HANGS not in sort.cause)
    for command in (*(other.split() for other in OTHERS), ("compose", "temporal", *flags())):
        done = run(*command)
        assert done.exit_code == 0, done.output
    doctor = json.loads(run("doctor", "--json").stdout)
    (finding,) = [one for one in doctor if one["check"] == "plugins"]
    assert finding["state"] == "note"
    assert "loss.broken_0 failed on import: ValueError: no luck" in finding["what"]
    page = run("plugins", "catalogue").stdout
    assert "### loss.broken_0\n\n```text\nloss.broken_0 failed on import: ValueError: no luck\n" in page
    assert "### loss.dsl\n" in page


def test_only_using_a_broken_part_fails_and_with_3(site: Path) -> None:
    install(site, "broken_used", MANIFEST.format("broken_used"), own="raise ValueError('no luck')")
    install(site, "broken_torn", "[loss.torn]\nsummary = 'No module'")
    for name, cause in (("own", "no luck"), ("torn", "module: Field required")):
        used = run("compose", "temporal", "--use", f"losses.contrast={name}")
        assert used.exit_code == 3
        assert cause in str(used.exception)
        assert f"at   --use losses.contrast={name}" in str(used.exception)
    assert run("compose", "temporal", "--use", "losses.contrast=owm").exit_code == 2


def test_a_name_that_two_outsiders_declare_is_refused_to_both(site: Path) -> None:
    for package in ("broken_left", "broken_right"):
        install(site, package, MANIFEST.format(package), own=plugin("loss", "own"))
    told = flat(run("plugins", "list").stderr)
    assert "loss.own is declared by two packages, broken_" in told
    assert {"broken_left", "broken_right"} <= set(told.replace(",", " ").split())
    assert run("plugins", "show", "own").exit_code == 3
    left = CliRunner().invoke(app, ["plugins", "show", "own"], env={"POSEREP_PLUGINS": "-broken_left"})
    assert left.exit_code == 0, left.exception


def test_a_package_that_hangs_costs_no_more_than_its_seconds(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSEREP_IMPORT_S", "0.3")
    install(site, "broken_slow", MANIFEST.format("broken_slow"), own="import time; time.sleep(60)")
    begin = time.monotonic()
    assert f"failed on import: {HANGS} 0.3 s" in run("plugins", "list", "--check").stderr
    assert time.monotonic() - begin < 20


def test_what_a_part_prints_while_it_is_loaded_or_built_stays_out_of_json(site: Path) -> None:
    source = "print('imported')\nimport sys; sys.stdout.write('written')\n" + plugin(
        "corruption", "own", "reads=('crop',)"
    )
    source = source.replace("    register(C", "    print('registered')\n    register(C")
    source = source.replace(
        "lambda o, c: None, reads", "lambda o, c: print('built'), writes=('crop_corrupted',), reads"
    )
    install(site, "loud", '[corruption.own]\nmodule = "loud.own"\nsummary = "Loud"\n', own=source)
    checked = run("plugins", "list", "--check", "--json")
    assert json.loads(checked.stdout)["broken"] == {}
    assert "imported\nwritten" in checked.stderr
    composed = run("compose", "temporal", "--use", "corruption=own", *flags(), "--json")
    assert json.loads(composed.stdout)["name"] == "temporal"
    assert "built" in composed.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize(
    ("cause", "own"),
    [("exit code 0", "import os; os._exit(0)"), ("SIGTERM", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)")],
)
def test_a_package_that_ends_its_process_ends_no_command(site: Path, cause: str, own: str) -> None:
    install(site, "broken_end", MANIFEST.format("broken_end"), own=own)
    cause = f"loss.own failed on import: ProcessEndedError: {cause}"
    for command, code in (("plugins list --check", 0), ("plugins catalogue", 0), ("plugins show own", 3)):
        program = f"import sys; sys.path.insert(0, {str(site)!r}); {PROGRAM}"
        environment = os.environ | {"POSEREP_IMPORT_S": "20"}
        done = subprocess.run(
            [sys.executable, "-c", program, *command.split()],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )
        assert done.returncode == code
        assert cause in done.stdout + done.stderr
        assert "dsl" in done.stdout or code


def test_a_ctrl_c_during_an_import_stops_the_command(site: Path) -> None:
    install(site, "stopped", MANIFEST.format("stopped"), own="raise KeyboardInterrupt")
    program = f"import sys; sys.path.insert(0, {str(site)!r}); {PROGRAM}"
    command = [sys.executable, "-c", program, "plugins", "list", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode not in (0, 3)
    assert "broken" not in done.stderr


# ---------------------------------------------------------------- who is let in, before anything is imported


@pytest.fixture
def marked(site: Path) -> Iterator[Callable[[], list[str]]]:
    """Two packages that leave a mark when anything of theirs is imported; which did."""
    mark = "from pathlib import Path; (Path(__file__).parents[{0}] / 'mark').touch()\n"
    for package in ("marked_one", "marked_group.two"):
        name = package.rpartition("_")[2].replace(".", "_")
        text = f'[loss.{name}]\nmodule = "{package}.own"\nsummary = "Marked"\n'
        home = install(site, package, text, __init__=mark.format(0), own=plugin("loss", name))
        (home / "recipes").mkdir()
        (home / "recipes" / f"{name}.toml").write_text("name = 'x'", encoding="utf-8")
    (site / "marked_group" / "__init__.py").write_text(mark.format(0), encoding="utf-8")
    yield lambda: sorted(str(path.parent.relative_to(site)) for path in site.rglob("mark"))
    for module in [module for module in sys.modules if module.startswith("marked_")]:
        del sys.modules[module]


@pytest.mark.parametrize(
    "command",
    [["--help"], ["plugins", "list"], ["plugins", "--help"], ["recipes", "list"], ["recipes", "show", "temporal"]],
    ids=" ".join,
)
def test_nothing_of_an_outside_package_is_imported_until_it_is_used(
    marked: Callable[[], list[str]], command: list[str]
) -> None:
    done = run(*command)
    assert done.exit_code == 0
    assert marked() == []
    if command == ["plugins", "list"]:
        assert done.stdout.count("Marked") == 2
    if command == ["recipes", "list"]:
        assert "group_two" in done.stdout


def test_composing_imports_the_parts_that_are_used_alone(marked: Callable[[], list[str]]) -> None:
    assert run("recipes", "show", "temporal", "--use", "losses.contrast=one").exit_code == 0
    assert marked() == ["marked_one"]


@pytest.mark.parametrize(
    ("said", "there"),
    [
        (None, {"one", "group_two"}),
        ("", set()),
        ("none", set()),
        ("Marked-One", {"one"}),
        ("-marked_one", {"group_two"}),
        ("marked-group-two", {"group_two"}),
    ],
)
def test_the_list_acts_before_import(
    marked: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch, said: str | None, there: set[str]
) -> None:
    if said is not None:
        monkeypatch.setenv("POSEREP_PLUGINS", said)
    rows = json.loads(run("plugins", "list", "--check", "--json").stdout)["components"]
    assert {row["name"] for row in rows if row["package"] != "poserep"} == there
    assert ("marked_one" in marked()) == ("one" in there)
    assert ("marked_group" in marked()) == ("group_two" in there)


def test_the_list_acts_before_the_manifest_is_read(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site, "broken_manifest", "[loss")
    assert "broken_manifest" in run("plugins", "list").stderr
    monkeypatch.setenv("POSEREP_PLUGINS", "-broken-manifest")
    assert run("plugins", "list").stderr == ""


def test_who_asks_for_a_part_that_is_left_out_is_told_so(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site, "absent", MANIFEST.format("absent"))
    monkeypatch.setenv("POSEREP_PLUGINS", "")  # so that the flag's change is taken back
    for command in ("plugins show own", "compose temporal --use losses.contrast=own"):
        told = str(run("--no-plugins", *command.split()).exception)
        assert "; --no-plugins or POSEREP_PLUGINS leaves out the parts of absent" in told


def test_no_plugins_is_told_to_the_processes_that_a_command_starts(
    marked: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSEREP_PLUGINS", "-marked_one")  # so that the flag's change is taken back
    done = run("--no-plugins", "doctor", "--json")
    (finding,) = [one for one in json.loads(done.stdout) if one["check"] == "plugins"]
    assert finding["what"].endswith("from 1 package; POSEREP_PLUGINS=none leaves out: marked_group.two, marked_one")
    inherited = subprocess.run(
        [sys.executable, "-c", "import os; print(os.environ['POSEREP_PLUGINS'])"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert inherited.stdout == "none\n"
    assert marked() == []


def test_a_name_in_the_list_that_is_not_installed_is_told(site: Path) -> None:
    program = [sys.executable, "-c", PROGRAM, "plugins", "list", "--json"]
    environment = {"PATH": "", "POSEREP_PLUGINS": "-gone"}
    done = subprocess.run(program, capture_output=True, text=True, check=True, env=environment)
    assert done.stderr == "POSEREP_PLUGINS=-gone: there is no gone installed\n"
    assert json.loads(done.stdout)["broken"] == {}


def test_the_catalogue_of_what_is_installed_holds_outside_parts(site: Path, tmp_path: Path) -> None:
    text = '[loss.own]\nmodule = "listed.own"\nsummary = "Mine"\n' + FIELD.format("listed:depth")
    install(site, "listed", text, own=plugin("loss", "own", "reads=('listed:depth',)"))
    install(site, "unlisted", "[loss.gone]\nmodule = 3")
    output = tmp_path / "parts.md"
    assert run("plugins", "catalogue", "-o", str(output)).exit_code == 0
    page = output.read_text(encoding="utf-8")
    assert "### loss.own\n\nMine.\n\n- reads `listed:depth`\n- From the package `listed`\n" in page
    assert "## Broken\n" in page
    assert "[loss.gone] module: Input should be a valid string" in page
    assert "Generated by" not in page


def test_the_schema_holds_the_outside_parts_that_work(site: Path) -> None:
    install(site, "fine", '[loss.fine]\nmodule = "fine.own"\n', own=plugin("loss", "fine"))
    install(site, "ill", '[loss.ill]\nmodule = "ill.own"\n', own="raise ValueError")
    choices = json.loads(run("config", "schema").stdout)["$defs"]["part.loss"]["oneOf"]
    names = {choice["properties"]["use"]["const"] for choice in choices}
    assert "fine" in names
    assert "ill" not in names
