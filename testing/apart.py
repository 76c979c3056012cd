"""What must be tried in processes of their own, for all parts at once: light declarations, and training in two."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..core.registry import Entry
    from .subject import Subject

LIGHT_S = 60.0
PAIR_S = 200.0
TUPLES = 4


def surroundings() -> dict[str, str]:
    """The environment for another process that must find what this one finds."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}


def declare_without_torch(entries: Sequence[Entry], limit_s: float = LIGHT_S) -> dict[str, str]:
    """Import the modules of parts where torch is refused; the cause by key, "" where it is not missed."""
    asked = json.dumps([[entry.key, entry.module] for entry in entries])
    command = [sys.executable, "-m", f"{__package__}.light"]
    try:
        done = subprocess.run(
            command, input=asked, capture_output=True, text=True, timeout=limit_s, env=surroundings(), check=False
        )
        text, end = done.stdout, f"it ended the process that imported it (exit {done.returncode})"
    except subprocess.TimeoutExpired as late:
        text = late.stdout.decode() if isinstance(late.stdout, bytes) else late.stdout or ""
        end = f"importing its module did not end within {limit_s:g} s"
    answers = dict(json.loads(line) for line in text.splitlines())
    last = next(reversed(answers), "")
    found = {key: end if cause is None else cause for key, cause in answers.items()}
    return {entry.key: found.get(entry.key, f"not reached: {last} stopped the process before") for entry in entries}


def run_in_two(subjects: Sequence[Subject], folder: Path, limit_s: float = PAIR_S) -> dict[str, str]:
    """Run parts in one process and in two that share the batch; by key what differs, "" where nothing does.

    One pair of processes does all parts. Where a part fails in the middle, a new pair goes on with those after it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [job_of(subject) for subject in subjects]
    found: dict[str, str] = {}
    attempt = 0
    while jobs:
        answers = _pair(jobs, folder / str(attempt), limit_s)
        done = [job["key"] for job in jobs if all(job["key"] in one for one in answers)]
        found.update({key: next(filter(None, (one[key] for one in answers)), "") for key in done})
        rest = [job for job in jobs if job["key"] not in done]
        if rest:
            told = [one[rest[0]["key"]] for one in answers if rest[0]["key"] in one]
            found[rest[0]["key"]] = told[0] if told else f"two processes did not get through it within {limit_s:g} s"
        jobs, attempt = rest[1:], attempt + 1
    return found


def job_of(subject: Subject) -> dict[str, Any]:
    """All that another process needs to build and run a part."""
    return {
        "key": subject.key,
        "module": subject.entry.module,
        "kind": subject.kind,
        "name": subject.entry.name,
        "options": subject.options.model_dump(mode="python"),
        "context": subject.context,
        "fields": subject.inputs(TUPLES),
    }


def _pair(jobs: Sequence[Mapping[str, Any]], folder: Path, limit_s: float) -> list[dict[str, str]]:
    """What each of two processes says about the parts that it got through."""
    folder.mkdir()
    (folder / "jobs").write_bytes(pickle.dumps(list(jobs)))
    command = [sys.executable, "-m", f"{__package__}.pair", str(folder)]
    processes = [
        subprocess.Popen(
            [*command, str(rank)], env=surroundings(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for rank in range(2)
    ]
    for process in processes:
        try:
            process.wait(timeout=limit_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return [_answers(folder / f"answers{rank}") for rank in range(2)]


def _answers(path: Path) -> dict[str, str]:
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return dict(json.loads(line) for line in text.splitlines())
