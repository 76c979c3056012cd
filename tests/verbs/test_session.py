"""What a process that trains asks of the machine."""

import subprocess
import sys

import pytest

FAULTS = """
import resource
import torch
from poserep.verbs.session import use_threads

torch.set_num_threads(1)
image = torch.rand(460_800)


def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        step = [image * 2 for _ in range(20)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


own = faults()
use_threads(0)
faults()
print(own, faults())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc can be told to keep memory")
def test_memory_that_a_step_frees_is_there_for_the_next_one() -> None:
    done = subprocess.run([sys.executable, "-c", FAULTS], check=True, capture_output=True, text=True)
    own, kept = map(int, done.stdout.split())
    assert kept < own / 20
