"""The generated page of hooks and interfaces: what a plugin implements, with the signatures and words of the code."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from ..core import hookspecs, interfaces

SECTION = re.compile(r"^(Args|Attributes|Returns|Raises):$")
ITEM = re.compile(r"^ {4}(\w+): (.*)")
DECLARED = (interfaces.Component, interfaces.Options, interfaces.Context)
PROTOCOLS = (
    (interfaces.Dataset, "dataset"),
    (interfaces.Sampler, "sampler"),
    (interfaces.Looking, "sampler"),
    (interfaces.Choosy, "sampler"),
    (interfaces.Background, "background"),
    (interfaces.Stage, "detector, corruption, encoder, exchange, decoder"),
    (interfaces.Loss, "loss"),
    (interfaces.TaskHead, "head with a task of its own"),
    (interfaces.BodyModel, "body_model"),
    (interfaces.Executor, "executor"),
)
HANDED = (interfaces.Clip, interfaces.Draw, interfaces.Roles, interfaces.Task)
HEAD = """### Head

For the kind `head` without `reads`. There is no protocol: `build` returns an `nn.Module` from features (N, F)
to numbers (N, O). Both widths stand in the context's facts, as `features` and `outputs`.
"""
INTRODUCTION = f"""# Hooks and interfaces

What a package implements: one hook, which hands over declarations, and behind each declaration an object that keeps to
the protocol of its kind. This is API level {interfaces.API_LEVEL}; all names but the hook's are those of
`poserep.core.interfaces`. [Write a part](plugins.md) shows them at work, [Fields](fields.md) lists what stages and
losses exchange, and [Versions](versioning.md) tells what may change.
"""


def hooks_page() -> str:
    """Every hook and every interface, from the code."""
    pieces = [INTRODUCTION, "## Hooks\n"]
    for hook in hooks():
        pieces += [f"### {hook.__name__}\n", _stub([_signature(hook)]), prose(hook)]
    pieces += ["## Declarations\n", *(interface(kind) for kind in DECLARED)]
    pieces += ["## What a part does\n", *(interface(kind, whose) for kind, whose in PROTOCOLS), HEAD]
    pieces += ["## What is handed over\n", *(interface(kind) for kind in HANDED)]
    return "\n".join(pieces)


def hooks() -> list[Any]:
    """The specifications of all hooks, in the order of their file."""
    marked = f"{hookspecs.PROJECT}_spec"
    return [one for one in vars(hookspecs).values() if inspect.isfunction(one) and hasattr(one, marked)]


def interface(kind: type[Any], whose: str = "") -> str:
    """One class: its words, its attributes and methods as code, and what each of them means."""
    attributes, methods = list(_attributes(kind)), list(_methods(kind))
    lines = [f"    {name}: {told}" for name, told, _ in attributes]
    lines += ["" for _ in methods[:1] if lines] + [f"    {_signature(one)}" for one in methods]
    meanings = dict(_items(kind)) | {name: words for name, _, words in attributes if words}
    meanings |= {one.__name__: " ".join(prose(one).split()) for one in methods}
    pieces = [f"### {kind.__name__}\n"]
    if whose:
        pieces.append("For " + ", ".join(f"`{one}`" for one in whose.split(", ")) + ".\n")
    pieces.append(prose(kind))
    if lines:
        pieces.append(_stub([f"class {kind.__name__}:", *lines]))
        pieces.append("".join(f"- `{name}`: {words}\n" for name, words in meanings.items()))
    return "\n".join(pieces)


def _stub(lines: Sequence[str]) -> str:
    return "```python\n" + "\n".join(lines) + "\n```\n"


def _signature(function: Any) -> str:
    told = re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(function)))
    return f"def {function.__name__}{told}: ..."


def _methods(kind: type[Any]) -> Iterator[Any]:
    for name, member in vars(kind).items():
        own = inspect.isfunction(member) and member.__qualname__.startswith(kind.__name__)
        if own and (not name.startswith("_") or (name == "__call__" and member.__doc__)):
            yield member


def _attributes(kind: type[Any]) -> Iterator[tuple[str, str, str]]:
    """Annotated names with type and default, and the words beneath them, if any."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    body: Sequence[ast.stmt] = getattr(tree, "body", [])
    for here, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(here, ast.AnnAssign):
            words = after.value if isinstance(after, ast.Expr) else None
            told = inspect.cleandoc(str(words.value)) if isinstance(words, ast.Constant) else ""
            default = f" = {ast.unparse(here.value)}" if here.value is not None else ""
            yield ast.unparse(here.target), f"{ast.unparse(here.annotation)}{default}", told


def prose(documented: Any) -> str:
    """The words of a docstring as Markdown; its attributes are left to `interface`, what it raises is one sentence."""
    doc = (inspect.getdoc(documented) or "").replace("``poserep plugins show``", "`poserep plugins show NAME`")
    paragraphs = re.split(r"\n\n+", doc.replace("``", "`"))
    kept = [_joined(text) for text in paragraphs if not text.startswith("Attributes:")]
    return "\n\n".join(kept) + "\n"


def _joined(paragraph: str) -> str:
    head, _, rest = paragraph.partition("\n")
    if not SECTION.match(head):
        return " ".join(paragraph.split())
    return f"{head[:-1]} " + re.sub(r"^(\w+):", r"`\1`:", " ".join(rest.split()))


def _items(kind: type[Any]) -> Iterator[tuple[str, str]]:
    """The attributes that a class's docstring explains, by name."""
    _, _, section = (inspect.getdoc(kind) or "").replace("``", "`").partition("Attributes:\n")
    name, words = "", ""
    for line in section.splitlines():
        if item := ITEM.match(line):
            if name:
                yield name, words
            name, words = item[1], item[2]
        else:
            words = f"{words} {line.strip()}"
    if name:
        yield name, words.strip()
