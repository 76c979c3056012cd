import sys
from pathlib import Path

import cdflib
import cdflib.cdfwrite
import h5py
import numpy as np
import pytest
from scipy.io import savemat

from poserep.core.errors import DataError
from poserep.media.untrusted import cdf_shape, is_hdf5, load_cdf, load_mat, load_npz, open_h5

READERS = {
    "npz": load_npz,
    "mat": load_mat,
    "cdf": lambda path: load_cdf(path, "Pose"),
    "h5": lambda path: open_h5(path).__enter__(),
}


@pytest.fixture
def h5(tmp_path: Path) -> Path:
    path = tmp_path / "labels.h5"
    with h5py.File(path, "w") as file:
        file["3D"] = np.arange(51_000.0).reshape(1000, 51)
    return path


@pytest.fixture
def cdf(tmp_path: Path) -> Path:
    path = tmp_path / "Walking 1.cdf"
    file = cdflib.cdfwrite.CDF(path)
    pose = np.arange(2 * 96, dtype=np.float32).reshape(1, 2, 96)
    about = {"Variable": "Pose", "Data_Type": 21, "Num_Elements": 1, "Rec_Vary": True, "Dim_Sizes": [2, 96]}
    file.write_var(about, var_data=pose)
    file.close()
    return path


@pytest.mark.parametrize("kind", READERS)
def test_a_file_that_is_not_there_is_told(tmp_path: Path, kind: str) -> None:
    with pytest.raises(DataError, match="there is no such file"):
        READERS[kind](tmp_path / f"a.{kind}")


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize(
    "text", [b"", b"<!DOCTYPE html>" + b"please log in " * 50, b"\x89HDF\r\n\x1a\nxx", b"PK\x03\x04xx", b"\0" * 400]
)
def test_what_is_no_such_file_is_one_clear_error(tmp_path: Path, kind: str, text: bytes) -> None:
    path = tmp_path / f"a.{kind}"
    path.write_bytes(text)

    with pytest.raises(DataError) as told:
        READERS[kind](path)
    assert told.value.where == str(path)


# ---------------------------------------------------------------- HDF5


def test_hdf5_is_read_inside_with(h5: Path) -> None:
    with open_h5(h5) as file:
        assert file["3D"][2, :2].tolist() == [102.0, 103.0]


@pytest.mark.parametrize("kept", [0.02, 0.5, 0.999])
def test_a_truncated_hdf5_is_told_as_cut_off(h5: Path, kept: float) -> None:
    text = h5.read_bytes()
    h5.write_bytes(text[: int(kept * len(text))])

    with pytest.raises(DataError, match="the HDF5 file cannot be read") as told, open_h5(h5) as file:
        file["3D"][-1]
    assert told.value.where == str(h5)
    assert "cut off" in told.value.hint


def test_damage_that_shows_while_reading_is_told_alike(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=np.arange(10_000), compression="gzip", chunks=(10_000,))
        place = file["x"].id.get_chunk_info(0).byte_offset
    text = bytearray(path.read_bytes())
    text[place : place + 64] = b"\xff" * 64
    path.write_bytes(text)

    with pytest.raises(DataError, match="the HDF5 file cannot be read"), open_h5(path) as file:
        file["x"][:]


def test_what_an_hdf5_file_lacks_is_named(h5: Path) -> None:
    with pytest.raises(DataError, match=r"the file lacks what is read: .*'2D'"), open_h5(h5) as file:
        file["2D"]


def test_an_own_error_inside_with_stays_what_it_is(h5: Path) -> None:
    with pytest.raises(ZeroDivisionError), open_h5(h5):
        _ = 1 / 0


@pytest.mark.parametrize(("library", "kind"), [("h5py", "h5"), ("cdflib", "cdf")])
def test_a_missing_library_is_told_with_the_line_for_pip(
    h5: Path, monkeypatch: pytest.MonkeyPatch, library: str, kind: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)

    with pytest.raises(DataError, match=f"{library} is needed") as told:
        READERS[kind](h5)
    assert told.value.hint == 'pip install "poserep[datasets]"'


# ---------------------------------------------------------------- MATLAB


def test_matlab_cells_are_read_as_scipy_gives_them(tmp_path: Path) -> None:
    cells = np.empty((14, 1), object)
    for camera in range(14):
        cells[camera, 0] = np.full((2, 84), camera, float)
    savemat(tmp_path / "annot.mat", {"annot3": cells, "frames": np.arange(2)})

    found = load_mat(tmp_path / "annot.mat")

    assert set(found) == {"annot3", "frames"}
    assert found["annot3"][5][0].shape == (2, 84)
    assert list(load_mat(tmp_path / "annot.mat", ["frames"])) == ["frames"]
    with pytest.raises(DataError, match="the MATLAB file has no annot2"):
        load_mat(tmp_path / "annot.mat", ["annot2"])


def test_matlab_7_3_given_for_an_older_version_is_told(tmp_path: Path) -> None:
    path = tmp_path / "annot_data.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["annot2"] = np.zeros((2, 1, 17, 2))
    head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM"
    path.write_bytes(head + path.read_bytes()[len(head) :])

    with pytest.raises(DataError, match=r"this MATLAB file is of version 7\.3"):
        load_mat(path)
    assert is_hdf5(path)
    with open_h5(path) as file:
        assert file["annot2"].shape == (2, 1, 17, 2)


@pytest.mark.parametrize("compressed", [False, True])
def test_a_truncated_matlab_file_is_told(tmp_path: Path, compressed: bool) -> None:
    path = tmp_path / "annot.mat"
    savemat(path, {"x": np.arange(1000.0)}, do_compression=compressed)
    path.write_bytes(path.read_bytes()[:-400])

    with pytest.raises(DataError, match="the MATLAB file cannot be read"):
        load_mat(path)


# ---------------------------------------------------------------- CDF


def test_a_cdf_variable_comes_in_its_stored_shape(cdf: Path) -> None:
    assert load_cdf(cdf, "Pose").shape == (1, 2, 96)
    assert load_cdf(cdf, "Pose")[0, 1, :2].tolist() == [96.0, 97.0]
    assert cdf_shape(cdf, "Pose") == (2, 96)


def test_what_a_cdf_file_lacks_is_named_with_what_it_has(cdf: Path) -> None:
    with pytest.raises(DataError, match=r"no variable 'Box'(?s:.)*it has: Pose"):
        load_cdf(cdf, "Box")


@pytest.mark.parametrize("kept", [100, 400, 900])
def test_a_truncated_cdf_is_told(cdf: Path, kept: int) -> None:
    cdf.write_bytes(cdf.read_bytes()[:kept])

    with pytest.raises(DataError, match="the CDF file cannot be read"):
        load_cdf(cdf, "Pose")
