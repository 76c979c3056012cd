import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from poserep.core.errors import DataError
from poserep.media import archives
from poserep.media.untrusted import extract

GOOD = {"S1/Videos/Walking 1.mp4": b"video", "S1/a.cdf": b"pose", "readme.txt": b"read me"}
OUTSIDE = ["../out.txt", "a/../../out.txt", "/tmp/out.txt", "..\\out.txt", "C:\\out.txt", "a/..", "c:out.txt"]


def a_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in members.items():
            file.writestr(zipfile.ZipInfo(name), text)
    return path


def a_tar(path: Path, members: dict[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as file:
        for name, text in members.items():
            one = tarfile.TarInfo(name)
            one.size = len(text)
            file.addfile(one, io.BytesIO(text))
    return path


def files(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


@pytest.mark.parametrize("name", ["a.zip", "a.tgz"])
def test_an_archive_is_unpacked_into_its_folder(tmp_path: Path, name: str) -> None:
    archive = (a_zip if name == "a.zip" else a_tar)(tmp_path / name, GOOD)

    assert extract(archive, tmp_path / "new" / "root") == 3
    assert files(tmp_path / "new" / "root") == GOOD
    assert extract(archive, tmp_path / "new" / "root") == 3  # again, over it


def test_folders_and_any_compression_of_a_tar_are_known(tmp_path: Path) -> None:
    for mode in ("w:", "w:bz2", "w:xz"):
        path = tmp_path / f"{mode[2:]}.tar"
        with tarfile.open(path, mode) as file:
            one = tarfile.TarInfo("empty")
            one.type = tarfile.DIRTYPE
            file.addfile(one)
        assert extract(path, tmp_path / mode[2:]) == 0
        assert (tmp_path / mode[2:] / "empty").is_dir()


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("make", [a_zip, a_tar])
def test_a_member_that_leads_out_of_the_folder_stops_all(tmp_path: Path, make: object, name: str) -> None:
    assert callable(make)
    archive = make(tmp_path / "a", {"good.txt": b"x", name: b"owned"})

    with pytest.raises(DataError, match="leads out of the folder") as told:
        extract(archive, tmp_path / "in" / "root")
    assert "nothing was unpacked" in told.value.hint
    assert files(tmp_path).keys() == {"a"}


def test_a_link_in_a_zip_stops_all(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        link = zipfile.ZipInfo("S1")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(link, "/etc")
        file.writestr("S1/passwd", "owned")

    with pytest.raises(DataError, match="'S1' is a link"):
        extract(tmp_path / "a.zip", tmp_path / "root")
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (tarfile.SYMTYPE, "link"),
        (tarfile.LNKTYPE, "link"),
        (tarfile.CHRTYPE, "device"),
        (tarfile.BLKTYPE, "device"),
        (tarfile.FIFOTYPE, "device"),
    ],
)
def test_links_and_devices_in_a_tar_stop_all(tmp_path: Path, kind: bytes, told: str) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        one = tarfile.TarInfo("S1")
        one.type, one.linkname = kind, "../secret"
        file.addfile(one)

    with pytest.raises(DataError, match=f"'S1' is a {told}"):
        extract(tmp_path / "a.tar", tmp_path / "root")
    assert not (tmp_path / "root").exists()


def test_a_link_that_lies_in_the_folder_already_is_not_followed_out(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root" / "S1").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(DataError, match="a link in the folder leads out of it"):
        extract(a_zip(tmp_path / "a.zip", {"S1/new/a.cdf": b"x"}), tmp_path / "root")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_link_under_a_files_own_name_is_replaced_not_followed(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "secret").write_text("kept")
    (tmp_path / "root" / "a.cdf").symlink_to(tmp_path / "secret")
    (tmp_path / "root" / ".a.cdf.part").symlink_to(tmp_path / "secret")

    extract(a_zip(tmp_path / "a.zip", {"a.cdf": b"x"}), tmp_path / "root")
    assert (tmp_path / "secret").read_text() == "kept"
    assert (tmp_path / "root" / "a.cdf").read_bytes() == b"x"


def test_an_archive_larger_than_the_disk_is_refused_before_it_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = a_zip(tmp_path / "a.zip", {"zeros": b"\0" * 5_000_000})
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda _folder: type("Usage", (), {"free": 1_000_000}))

    with pytest.raises(DataError, match=r"unpacked, it takes 0\.0 GB, and 0\.0 GB are free"):
        extract(archive, tmp_path / "root")
    assert list((tmp_path / "root").iterdir()) == []


def test_a_cut_or_foreign_archive_is_told_and_leaves_no_half_file_under_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.tgz"
    for text in (b"", b"no archive", a_tar(path, {"a": bytes(range(256)) * 400}).read_bytes()[:-60]):
        path.write_bytes(text)
        with pytest.raises(DataError, match="neither a zip nor a tar, or is broken") as told:
            extract(path, tmp_path / "root")
        assert told.value.where == str(path)
    assert not (tmp_path / "root" / "a").exists()
    with pytest.raises(DataError, match="there is no such file"):
        extract(tmp_path / "b.zip", tmp_path / "root")


def test_a_damaged_member_of_a_zip_is_told(tmp_path: Path) -> None:
    path = a_zip(tmp_path / "a.zip", {"a": bytes(range(256)) * 10})
    text = bytearray(path.read_bytes())
    text[60] ^= 0xFF
    path.write_bytes(text)

    with pytest.raises(DataError, match="is broken"):
        extract(path, tmp_path / "root")
    assert not (tmp_path / "root" / "a").exists()
