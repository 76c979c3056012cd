"""What it costs to open very many frames, measured in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

CLIPS, FRAMES = 4000, 250
GOAL_MB, GOAL_S, BUSY = 300, 2, 5
OPEN = """
import json, time
from pathlib import Path
import numpy as np
from poserep.core.interfaces import Clip
from poserep.media.footage import FileNames, image_footage, prepared, video_footage

def memory(which):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith(which))

before, begin = memory("VmRSS"), time.process_time()
clips, footage = [], []
for number in range({clips}):
    if number % 2:
        one = video_footage(Path(f"/nowhere/{{number}}.mp4"), (128, 128), count={frames}, fps=50)
    else:
        names = np.array([f"img_{{index:06d}}.jpg" for index in range({frames})])
        one = image_footage(FileNames(Path(f"/nowhere/{{number}}"), names), (128, 128), np.arange({frames}) / 50)
    footage.append(prepared(one))
    clips.append(Clip(str(number), "", "", "", "train", footage[-1].times_s))
assert sum(map(len, clips)) == {clips} * {frames}
spent = time.process_time() - begin
print(json.dumps({{"s": spent, "grown": memory("VmRSS") - before, "peak": memory("VmHWM")}}))
"""


def opened(clips: int) -> dict[str, float]:
    code = OPEN.format(clips=clips, frames=FRAMES)
    found: dict[str, float] = json.loads(subprocess.check_output([sys.executable, "-c", code], text=True))
    return found


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_a_million_frames_open_at_once_and_cost_is_linear() -> None:
    whole, half = opened(CLIPS), opened(CLIPS // 2)
    assert whole["peak"] < GOAL_MB
    assert whole["s"] < GOAL_S * BUSY
    assert half["grown"] < whole["grown"] < 3 * half["grown"]
    assert whole["s"] < 6 * half["s"]
