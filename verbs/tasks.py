"""Downstream tasks for `poserep finetune --task`: what is learnt, of which frames, at which rates, ready to be used.

A task is a TOML file: a sentence, the paper, a `[finetune]` table, which replaces that of the run's recipe, and what of
`[probe]` says which frames carry labels and which are measured. Free of torch.
"""

from __future__ import annotations

from pathlib import Path

from ..core.errors import ConfigError
from .protocols import inline, read_named

TASKS = Path(__file__).parent.parent / "plugins" / "tasks"
WORDS = ("summary", "paper")
TABLES = ("probe", "finetune")


def shipped_tasks() -> dict[str, Path]:
    """Tasks by name."""
    return {path.stem: path for path in sorted(TASKS.glob("*.toml"))}


def task_sets(name: str) -> list[str]:
    """A task, by the name of a shipped one or by its file, as the values of `--set`; none for no name.

    Raises:
        ConfigError: If there is no such task, or it is not one.
    """
    if not name:
        return []
    path, data = read_named("task", name, shipped_tasks())
    tables = {key: data.get(key, {}) for key in TABLES}
    strange = [key for key in data if key not in (*WORDS, *TABLES)]
    if strange or not all(isinstance(table, dict) for table in tables.values()) or "finetune" not in data:
        hint = f"a task has {', '.join(WORDS)} and the tables {' and '.join(f'[{key}]' for key in TABLES)}"
        what = f"this is no task: {', '.join(strange) or 'no [finetune]'}"
        raise ConfigError(what, where=str(path), hint=hint)
    frames = [f"probe.{key}={inline(value)}" for key, value in tables["probe"].items()]
    return [*frames, f"finetune={inline(tables['finetune'])}"]
