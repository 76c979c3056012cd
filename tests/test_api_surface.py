"""What outside packages may rely on: the public names and their signatures, written down in `api_surface.json`.

``python tests/test_api_surface.py`` writes that file anew.
"""

import ast
import dataclasses
import inspect
import json
import re
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_origin

import poserep
from poserep.core import hookspecs, interfaces
from poserep.core.interfaces import API_LEVEL, KINDS
from poserep.verbs.references import HANDED, PROTOCOLS, hooks, hooks_page

ROOT = Path(poserep.__file__).parent
WRITTEN = Path(__file__).with_name("api_surface.json")
PAGE = ROOT / "docs" / "api.md"
ROW = re.compile(r"^\| `(poserep\.[\w.]+)` \| (.+?) \|", re.M)
PROCEED = """the public surface is not what tests/api_surface.json says:

{changes}

If that is not meant, keep the old name or signature working. If it is:
  a new name            a minor version, and a line under Added in CHANGELOG.md
  a name that is gone,  what docs/versioning.md asks for; a line under Removed or Changed in CHANGELOG.md; and a
  or another signature  higher API_LEVEL in core/interfaces.py if packages of the old level break
and then write the file anew, in the environment of the tests:
  python tests/test_api_surface.py
"""


def names_of(module: ModuleType) -> list[str]:
    """What a module offers: its ``__all__``, or what it defines itself without a leading underscore."""
    if hasattr(module, "__all__"):
        return sorted(module.__all__)
    found: list[str] = []
    tree = ast.parse(inspect.getsource(module))
    guarded = [inner for outer in tree.body if isinstance(outer, ast.If) for inner in outer.body]
    for node in (*tree.body, *guarded):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.append(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found += [target.id for target in targets if isinstance(target, ast.Name)]
    return sorted(name for name in found if not name.startswith("_"))


def public() -> dict[str, list[str]]:
    """The names that the page of the API gives, by module."""
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    return {
        module: names_of(import_module(module)) if names == "all" else sorted(re.findall(r"`(\w+)`", names))
        for module, names in rows
    }


def described(value: Any) -> Any:
    """A function by its signature, a class by those of what it has, a constant by its value if that is plain."""
    if inspect.isclass(value) and value is not Any:
        return class_described(value)
    if inspect.isfunction(value):
        return signature(value)
    plain = isinstance(value, bool | int | float | str | tuple) or get_origin(value) is Literal
    return str(value) if plain else type(value).__name__


def signature(function: Any) -> str:
    """As it is written, where annotations are not evaluated."""
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(function)))
    return re.sub(r" at 0x[0-9a-f]+", "", text)


def class_described(kind: type[Any]) -> dict[str, str]:
    """Its bases, how it is made, its public attributes, methods and properties."""
    found = {"": " ".join(base.__name__ for base in kind.__bases__)}
    protocol = getattr(kind, "_is_protocol", False)
    if dataclasses.is_dataclass(kind) or (inspect.isfunction(vars(kind).get("__init__")) and not protocol):
        found["__init__"] = signature(kind)
    else:
        found |= {name: str(told) for name, told in inspect.get_annotations(kind).items()}
    for name, member in vars(kind).items():
        function = getattr(member, "__func__", member)  # out of a class method
        if inspect.isfunction(function) and (name == "__call__" or not name.startswith("_")):
            found[name] = signature(function)
        elif isinstance(member, property | cached_property):
            found[name] = "property"
    return {name: told for name, told in sorted(found.items()) if not name.startswith("_") or name.endswith("__")}


def surface() -> dict[str, dict[str, Any]]:
    """Module, name, description."""
    return {
        module: {name: described(getattr(import_module(module), name)) for name in names}
        for module, names in public().items()
    }


def flat(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    rows = {}
    for module, names in found.items():
        for name, told in names.items():
            members = told if isinstance(told, dict) else {"": told}
            rows |= {".".join(filter(None, (module, name, member))): text for member, text in members.items()}
    return rows


def changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    gone = [f"- {name}  {before[name]}" for name in before if name not in after]
    new = [f"+ {name}  {after[name]}" for name in after if name not in before]
    other = [
        f"~ {name}  {before[name]}  ->  {after[name]}"
        for name in before
        if after.get(name, before[name]) != before[name]
    ]
    return [*gone, *other, *new]


def test_the_public_surface_is_the_one_written_down() -> None:
    found = changes(flat(json.loads(WRITTEN.read_text(encoding="utf-8"))), flat(surface()))
    assert not found, PROCEED.format(changes="\n".join(found))


def test_a_change_of_the_surface_would_be_seen() -> None:
    before = flat({"m": {"f": "(x)", "C": {"": "object", "run": "(self)"}, "LIMIT": "3"}})
    after = flat({"m": {"f": "(x, y)", "C": {"": "object"}, "LIMIT": "3", "g": "()"}})
    assert changes(before, after) == ["- m.C.run  (self)", "~ m.f  (x)  ->  (x, y)", "+ m.g  ()"]


def test_every_name_of_the_page_is_there() -> None:
    modules = public()
    assert {"poserep.core.interfaces", "poserep.core.geometry", "poserep.testing"} <= set(modules)
    for module, names in modules.items():
        assert names
        assert set(names) <= set(names_of(import_module(module))), module


def test_what_the_written_packages_import_is_public() -> None:
    """The templates of `plugins new` are what authors begin with."""
    modules = public()
    sources = [*ROOT.glob("verbs/templates/*/*.py.txt"), *ROOT.glob("docs/examples/poserep-*/**/*.py")]
    assert len(sources) > len(KINDS)
    for path in sources:
        for module, names in re.findall(r"^ *from (poserep[\w.]*) import (.+)$", path.read_text("utf-8"), re.M):
            wanted = {name.partition(" as ")[0].strip() for name in names.split(",")}
            assert wanted <= set(modules.get(module, ())), f"{path.name}: {module}"


def test_the_page_of_hooks_is_what_the_code_gives() -> None:
    assert hooks_page() in (ROOT / "docs" / "hooks.md").read_text(encoding="utf-8"), "run `make docs`"


def test_every_hook_is_on_its_page_with_its_signature() -> None:
    page = hooks_page()
    assert [hook.__name__ for hook in hooks()] == ["poserep_register"]
    for hook in hooks():
        assert f"def {hook.__name__}{signature(hook)}" in page
        assert inspect.getdoc(hook), f"{hook.__name__} says nothing of itself"
    assert all(name.startswith(hookspecs.PROJECT) for name in (hook.__name__ for hook in hooks()))


def test_every_protocol_and_every_attribute_of_a_component_is_on_the_page() -> None:
    page = hooks_page()
    protocols = [
        one for one in vars(interfaces).values() if getattr(one, "_is_protocol", False) and one.__name__ != "Protocol"
    ]
    assert {one.__name__ for one in protocols} <= {one.__name__ for one, _ in PROTOCOLS} | {
        one.__name__ for one in HANDED
    }
    for protocol in protocols:
        assert inspect.getdoc(protocol)
        for name, member in vars(protocol).items():
            if inspect.isfunction(member) and (name == "__call__" or not name.startswith("_")):
                assert f"def {name}{signature(member)}" in page, f"{protocol.__name__}.{name}"
                assert f"- `{name}`: " in page, f"{protocol.__name__}.{name} says nothing of itself"
    for name in interfaces.Component.__dataclass_fields__:
        assert f"- `{name}`: " in page, f"Component.{name} is not explained"


def test_every_kind_is_on_the_page() -> None:
    page = hooks_page()
    assert all(f"`{kind}`" in page for kind in KINDS)
    assert f"API level {API_LEVEL}" in page


if __name__ == "__main__":
    WRITTEN.write_text(json.dumps(surface(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
