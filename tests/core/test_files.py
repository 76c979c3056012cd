import errno
import os
from pathlib import Path

import pytest

from poserep.core.errors import DataError
from poserep.core.files import write_text, writing


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "table.md"
    path.write_text("old and longer")
    write_text(path, "neü")
    assert path.read_text(encoding="utf-8") == "neü"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "table.md"
    path.write_text("old")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(DataError) as caught, writing(path, "report", "choose another place"):
        write_text(path, "new")
    assert (caught.value.what, caught.value.where) == ("cannot write the report: No space left on device", str(path))
    assert caught.value.hint == "make room on the disk"
    assert path.read_bytes() == b"old"


def test_where_there_is_room_another_place_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught, writing(tmp_path, "report", "choose another place"):
        (tmp_path / "no" / "such").write_text("")
    assert caught.value.hint == "choose another place"
