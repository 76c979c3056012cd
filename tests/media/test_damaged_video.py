import logging
import random
from pathlib import Path

import numpy as np
import pytest

from poserep.core.errors import DataError
from poserep.media.footage import video_footage
from poserep.tests.fakes.videos import pictures, write_video

COUNT, COPIES = 30, 12
NAMES = ("a.mp4", "a.mkv", "a.avi", "a.ts", "a.h264")


@pytest.mark.parametrize("name", NAMES)
def test_a_file_with_changed_bytes_gives_frames_or_one_clear_error(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    whole = write_video(tmp_path / name, pictures(COUNT), options={"g": "10", "bf": "2"}).read_bytes()
    rng = random.Random(0)
    shapes, refused = [], {}
    for copy in range(COPIES):
        content = bytearray(whole)
        for place in rng.sample(range(len(content)), rng.choice([1, 5, 50])):
            content[place] = rng.randrange(256)
        path = tmp_path / f"{copy}{name}"
        path.write_bytes(content[: rng.choice([len(content), rng.randrange(len(content))])])
        footage = video_footage(path, (16, 16), count=COUNT, fps=25)
        with caplog.at_level(logging.CRITICAL, "poserep"):
            try:
                shapes.append(footage.read(np.arange(COUNT)[::-1]).shape)
            except DataError as error:
                refused[error.where] = str(path)
    assert set(shapes) == {(COUNT, 3, 16, 16)}
    assert all(told == path for told, path in refused.items())
    assert len(shapes) + len(refused) == COPIES
