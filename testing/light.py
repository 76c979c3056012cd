"""Runs in a process of its own: imports the modules that declare parts, and tells which of them ask for torch.

Reads ``[[key, module], ...]`` as JSON on standard input; writes one JSON line ``[key, cause]`` before (cause null) and
after each, so that a module that hangs or ends the process is known.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

HEAVY = ("torch", "timm", "kornia", "torchvision", "lightning_fabric")


class Guard(MetaPathFinder):
    """Refuses heavy packages, and remembers who was asked for even where the refusal is caught."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Refuse, or leave it to the others."""
        if fullname.partition(".")[0] not in HEAVY:
            return None
        self.asked.append(fullname)
        raise ModuleNotFoundError(f"{fullname} must not be imported to declare a part", name=fullname)


def cause_of(module: str, guard: Guard) -> str:
    """What is wrong with importing a module; empty if nothing."""
    guard.asked.clear()
    try:
        importlib.import_module(module)
    except (Exception, SystemExit) as error:
        return guard_says(guard) or f"{type(error).__name__}: {error}"
    return guard_says(guard)


def guard_says(guard: Guard) -> str:
    """Which heavy packages were asked for."""
    names = sorted({name.partition(".")[0] for name in guard.asked})
    return f"importing its module asks for {', '.join(names)}" if names else ""


def main() -> None:
    """Import each module."""
    modules = json.load(sys.stdin)
    out, sys.stdout = sys.stdout, sys.stderr  # whatever a module prints is not an answer
    guard = Guard()
    sys.meta_path.insert(0, guard)
    for key, module in modules:
        out.write(json.dumps([key, None]) + "\n")
        out.flush()
        out.write(json.dumps([key, cause_of(module, guard)]) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
