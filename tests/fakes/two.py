"""Something measured by one process, and by two of which each has half the batch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
import torch
import torch.distributed as dist
from poserep.core.ranks import global_mean, own_rows
{measure}

*averaged, whole_grad = measure(slice(None))
dist.init_process_group("gloo", init_method=f"file://{{sys.argv[1]}}", rank=int(sys.argv[2]), world_size=2)
own = own_rows(len(whole_grad) // 2)
*mine, own_grad = measure(own)
for part, whole in zip(mine, averaged, strict=True):
    torch.testing.assert_close(global_mean(part[None]), whole)
torch.testing.assert_close(own_grad / 2, whole_grad[own])  # gradients of two processes are averaged afterwards
dist.destroy_process_group()
"""


def in_two_processes(folder: Path, measure: str) -> None:
    """Run a function ``measure(rows)`` alone and in two processes, and compare.

    Args:
        folder: An empty folder where the two may meet.
        measure: Source that defines it. It returns values and gradients of weights, whose means over processes must
            be those of one process, and last the gradient of the rows that it was given.
    """
    command = [sys.executable, "-W", "error", "-c", SCRIPT.format(measure=measure), str(folder / "meeting")]
    processes = [
        subprocess.Popen([*command, str(number)], stderr=subprocess.PIPE, text=True, cwd=folder) for number in range(2)
    ]
    errors = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(errors)
