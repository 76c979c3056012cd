import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from poserep.core.compose import compose
from poserep.core.errors import DataError
from poserep.core.fit import fit, make_state
from poserep.media import frame_file
from poserep.media import prepared as store
from poserep.media.footage import VideoFootage
from poserep.tests.fakes.kept import recipe, registry
from poserep.tests.fakes.videos import damage, pictures, write_video
from poserep.verbs.prepare import prepare


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POSEREP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("poserep.verbs.prepare.SKIPPED", store.SKIPPED)
    monkeypatch.setattr("poserep.verbs.prepare.CHUNK", 5)
    store.SKIPPED.clear()
    return tmp_path / "cache"


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in "abc":
        write_video(folder / f"{name}.mp4", pictures(12), options={"g": "1"})
    return folder


def files(cache: Path) -> int:
    return len(list((cache / "prepared").glob("*.frames")))


def test_every_frame_is_prepared_and_nothing_is_decoded_twice(
    tmp_path: Path, videos: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = recipe(tmp_path, videos)
    assert prepare(path, registry=registry()).frames == 36
    assert files(cache) == 3
    told = capsys.readouterr()
    assert "36 frames read, 0 skipped" in told.out
    assert "36 frames of 8x8" in told.err
    assert "--set dataset.prepared=true" in told.err
    monkeypatch.setattr(VideoFootage, "_decoded", None)
    assert prepare(path, registry=registry()).frames == 36


def test_training_uses_what_was_prepared(tmp_path: Path, videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lightning_fabric import Fabric

    from poserep.core.batches import open_source

    path = recipe(tmp_path, videos)
    prepare(path, registry=registry())
    monkeypatch.setattr(VideoFootage, "_decoded", None)
    composition = compose(path, registry(), sets=("dataset.prepared=true", "training.steps=3"))
    fabric = Fabric(accelerator="cpu", devices=1)
    assert len(list(fit(composition, open_source(composition), fabric, make_state(composition, fabric)))) == 3


def test_bad_frames_are_counted_by_clip(tmp_path: Path, videos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage(videos / "b.mp4", [3, 4])
    assert prepare(recipe(tmp_path, videos), registry=registry()).skipped == {str(videos / "b.mp4"): 2}
    assert "b.mp4: 2 frames cannot be used" in capsys.readouterr().err.replace("\n", " ")


def test_a_clip_without_frames_is_told_when_all_others_are_prepared(tmp_path: Path, videos: Path, cache: Path) -> None:
    (videos / "a.mp4").write_bytes(b"")
    with pytest.raises(DataError, match="1 clip without any usable frame, the first: the file is empty") as caught:
        prepare(recipe(tmp_path, videos), registry=registry())
    assert caught.value.where == "a"
    chosen = compose(recipe(tmp_path, videos), registry(), sets=("dataset.prepared=true",)).parts["dataset"]
    dataset = chosen.component.build(chosen.options, None)
    assert [footage.missing() for footage in dataset.footage] == [12, 0, 0]


def test_a_full_disk_ends_it_with_a_hint(tmp_path: Path, videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=frame_file.RESERVE + 10))
    with pytest.raises(DataError, match="cannot be written") as caught:
        prepare(recipe(tmp_path, videos), registry=registry())
    assert "POSEREP_CACHE" in caught.value.hint


def test_a_dataset_without_the_option_is_read_all_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "toy.toml"
    from poserep.tests.fakes.toy import RECIPE

    path.write_text(RECIPE, encoding="utf-8")
    assert prepare(path, registry=registry()).frames == 36
    assert "no option 'prepared'" in capsys.readouterr().err.replace("\n", " ")


def test_frames_are_as_read_in_place(tmp_path: Path, videos: Path) -> None:
    path = recipe(tmp_path, videos)
    prepare(path, registry=registry())
    chosen = compose(path, registry()).parts["dataset"]
    plain, kept = (
        chosen.component.build(chosen.options.model_copy(update={"prepared": flag}), None) for flag in (False, True)
    )
    for clip in range(3):
        np.testing.assert_array_equal(plain.frames(clip, np.arange(12)), kept.frames(clip, np.arange(12)))
