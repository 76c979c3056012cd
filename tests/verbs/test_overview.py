from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poserep.core.errors import DataError
from poserep.verbs.overview import overview


def test_the_overview_has_a_row_for_all_that_a_probed_run_shows(studio_run: Path, tmp_path: Path) -> None:
    path = overview(studio_run, tmp_path / "overview.png")
    with Image.open(path) as picture:
        pixels = np.asarray(picture)
    height, width = pixels.shape[:2]
    assert width > height  # more frames than rows
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 100


def test_a_run_without_samples_is_told_what_makes_them(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("")
    with pytest.raises(DataError) as caught:
        overview(tmp_path, tmp_path / "overview.png")
    assert caught.value.what == "this run has no samples to show"
    assert caught.value.hint == f"make them: poserep probe {tmp_path}"
