import io
import os
import pickle
import sys
import types
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poserep.core.errors import DataError
from poserep.media.untrusted import Stub, load_npz, load_object, load_pickle

PLAIN: dict[str, Any] = {
    "rows": np.arange(6.0).reshape(2, 3),
    "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big_endian": np.arange(3, dtype=">f4"),
    "empty": np.zeros((0, 3), np.float32),
    "point": np.array(5),
    "truth": np.array([True, False]),
    "names": np.array(["ab", "c"]),
    "bytes": np.array([b"ab", b"c"]),
    "objects": np.array([np.arange(2), None, "x"], dtype=object),
    "alike": np.array([None, np.arange(2), np.arange(2)], dtype=object)[1:],
    "scalar": np.float32(1.5),
    "list": [1, 2.5, "x", b"\xff", b"", None, True, 1 + 2j, 10**30],
    "tuple": (1, (2, np.arange(2))),
    "sets": [{1, 2}, frozenset({3})],
    "ordered": OrderedDict(a=np.ones(1)),
    "buffer": bytearray(b"xy"),
    "type": np.dtype("<f4"),
}


def same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return (
            type(other) is np.ndarray
            and (one.dtype, one.shape) == (other.dtype, other.shape)
            and all(same(a, b) for a, b in zip(one.ravel().tolist(), other.ravel().tolist(), strict=True))
        )
    if isinstance(one, dict):
        return type(one) is type(other) and one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_and_plain_containers_come_back_as_they_were(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(PLAIN, protocol))

    found = load_pickle(path)

    assert [name for name in PLAIN if not same(PLAIN[name], found[name])] == []
    found["rows"][0, 0] = 7  # it can be written to


def test_a_pickle_of_python_2_is_read_by_its_bytes(tmp_path: Path) -> None:
    # {'s': '\xe9', 'x': numpy.array([1., 2.])} as Python 2 writes it with protocol 2
    number = np.array([1.0, 2.0]).tobytes()
    text = (
        b"\x80\x02}(U\x01sU\x01\xe9U\x01xcnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U" + bytes([len(number)]) + number + b"tbu."
    )
    (tmp_path / "a.pkl").write_bytes(text)

    found = load_pickle(tmp_path / "a.pkl")

    assert found["s"] == "é"
    assert found["x"].tolist() == [1.0, 2.0]


def test_what_is_referred_to_twice_is_one_thing_and_a_list_may_hold_itself(tmp_path: Path) -> None:
    value: dict[str, Any] = {"a": [np.ones(2)]}
    value["b"], value["c"] = value["a"], [1]
    value["c"].append(value["c"])
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(value))

    found = load_pickle(tmp_path / "a.pkl")

    assert found["a"] is found["b"]
    assert found["c"][1] is found["c"]


def test_references_that_would_unfold_without_end_take_no_time(tmp_path: Path) -> None:
    value: Any = [np.ones(1)]
    for _ in range(60):
        value = [value, value]  # 2 to the power of 60 arrays if each were copied
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(value))

    assert len(load_pickle(tmp_path / "a.pkl")) == 2


# ---------------------------------------------------------------- what is refused


class Calls:
    """Pickles to a call of a function."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.given = function, arguments

    def __reduce__(self) -> Any:
        return self.given


@pytest.mark.parametrize(
    ("value", "asked"),
    [
        (Calls(os.system, "touch owned"), "posix.system"),
        (Calls(eval, "open('owned', 'w')"), "builtins.eval"),
        (Calls(exec, "open('owned', 'w')"), "builtins.exec"),
        (Calls(open, "owned", "w"), "io.open"),
        (Calls(getattr, "x", "upper"), "builtins.getattr"),
        (Calls(__import__, "os"), "builtins.__import__"),
        (Calls(Path, "owned"), "pathlib"),
        (Calls(np.memmap, "owned", "f8", "w+", 0, (4,)), "numpy.memmap"),
        (Calls(np.load, "owned"), "numpy.load"),
        (Calls(np.ndarray, (4,)), "an array outside numpy's own form"),
        (Calls(types.SimpleNamespace), "types.SimpleNamespace"),
        (io.BytesIO(b"x"), "_io.BytesIO"),
        (np.ma.masked_array([1.0]), "numpy.ma"),
        (np.zeros(2, [("a", "f4")]), "an array of 'V4'"),
        (np.zeros(2, "M8[s]"), "an array of 'M8'"),
        (np.dtype([("a", "O")]), "an array of 'V8'"),
        (os.system, "posix.system"),
        (set, "a function"),
        ([{"deep": Calls(os.system, "touch owned")}], "posix.system"),
        (np.array([Calls(os.system, "touch owned")], dtype=object), "posix.system"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("protocol", [2, 5])
def test_a_pickle_that_asks_for_more_than_data_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: object, asked: str, protocol: int
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(value, protocol))

    with pytest.raises(DataError) as told:
        load_pickle(path)

    assert asked.replace("builtins", "__builtin__" if protocol == 2 else "builtins") in told.value.what.replace(
        "__builtin__.open", "io.open"
    )
    assert told.value.where == str(path)
    assert [one.name for one in tmp_path.iterdir()] == ["a.pkl"]  # nothing was run


RAW = {
    "a class of the library by a dotted name": b"\x80\x04\x8c\x05numpy\x8c\x0ctesting.rand\x93.",
    "a function of this reader": b"cposerep.media.pickle_names\nPendingArray\n.",
    "an old instance": b"(S'touch owned'\nios\nsystem\n.",
    "an object by its class": b"(cos\nsystem\nS'touch owned'\no.",
    "a function's defaults": b"cnumpy.core.multiarray\n_reconstruct\n(NS'x'\ntb.",
    "an attribute of a function": b"cnumpy.core.multiarray\n_reconstruct\n}S'_make'\nI1\nsb.",
    "a class as a record": b"cnumpy\ndtype\n(S'O'\nI0\nI1\ntR(I3\nS'|'\nN(S'a'\nt}I8\nI8\nI0\ntb.",
    "objects from bytes": (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
        b"(I1\n(I1\ntcnumpy\ndtype\n(S'O'\nI0\nI1\ntRI00\nS'AAAAAAAA'\ntb."
    ),
    "a scalar object from bytes": b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'O'\nI0\nI1\ntRS'AAAAAAAA'\ntR.",
    "numbers beyond the bytes": (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
        b"(I1\n(I9999999\ntcnumpy\ndtype\n(S'f8'\nI0\nI1\ntRI00\nS'AAAAAAAA'\ntb."
    ),
    "a negative side": (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
        b"(I1\n(I-1\ntcnumpy\ndtype\n(S'f8'\nI0\nI1\ntRI00\nS'AAAAAAAA'\ntb."
    ),
    "a codec": b"c_codecs\nencode\n(S'x'\nS'idna'\ntR.",
    "a persistent name": b"Pfile\n.",
    "an extension": b"\x80\x02\x82\x01.",
    "an object made by object": b"ccopy_reg\n_reconstructor\n(c__builtin__\nset\nc__builtin__\nobject\nNtR.",
    "memory for two billion objects": b"Nr\xff\xff\xff\x7f.",
    "memory for as many in words": b"Np2147483647\n.",
    "nothing": b"",
    "text": b"this is not a pickle",
    "a page of a web site": b"<!DOCTYPE html><html><body>Please log in</body></html>",
}


@pytest.mark.parametrize("text", RAW.values(), ids=RAW)
def test_a_pickle_made_by_hand_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.pkl"
    path.write_bytes(text)

    with pytest.raises(DataError) as told:
        load_pickle(path)

    assert told.value.where == str(path)
    assert [one.name for one in tmp_path.iterdir()] == ["a.pkl"]
    path.write_bytes(pickle.dumps(np.ones(2), 2))
    assert load_pickle(path).tolist() == [1.0, 1.0]  # and the reader is as it was


@settings(max_examples=100, deadline=None)
@given(where=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_damaged_pickle_is_read_or_refused_but_never_anything_else(
    tmp_path_factory: pytest.TempPathFactory, where: int, value: int
) -> None:
    text = bytearray(pickle.dumps({name: PLAIN[name] for name in ("rows", "names", "list", "objects")}, 2))
    text[where % len(text)] = value
    path = tmp_path_factory.getbasetemp() / "damaged.pkl"
    path.write_bytes(text)

    with suppress(DataError):
        load_pickle(path)


def test_a_cut_pickle_and_a_missing_one_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(PLAIN, 2)[:-20])

    with pytest.raises(DataError, match="the pickle cannot be read"):
        load_pickle(path)
    with pytest.raises(DataError, match="there is no such file"):
        load_pickle(tmp_path / "b.pkl")
    with pytest.raises(DataError, match="the file cannot be read: Is a directory"):
        load_pickle(tmp_path)


# ---------------------------------------------------------------- objects of libraries that are not there


@pytest.fixture
def chumpy() -> Iterator[type]:
    """A library of that name, while pickles are written."""
    module = types.ModuleType("chumpy.ch")

    class Ch:
        def __init__(self, x: object) -> None:
            self.x = x

    Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"
    vars(module)["Ch"] = Ch
    sys.modules["chumpy"], sys.modules["chumpy.ch"] = types.ModuleType("chumpy"), module
    yield Ch
    sys.modules.pop("chumpy", None)
    sys.modules.pop("chumpy.ch", None)


@pytest.mark.parametrize("protocol", range(6))
def test_a_chumpy_object_keeps_its_array_and_nothing_else(tmp_path: Path, chumpy: type, protocol: int) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({"v": chumpy(np.arange(3.0)), "f": np.arange(3)}, protocol))
    del sys.modules["chumpy.ch"], sys.modules["chumpy"]

    found = load_pickle(path, stubs=("chumpy",))

    assert isinstance(found["v"], Stub)
    assert type(found["v"].x) is np.ndarray
    assert found["v"].x.tolist() == [0.0, 1.0, 2.0]
    with pytest.raises(DataError, match=r"asks for chumpy\.ch\.Ch"):
        load_pickle(path)


def test_a_sparse_matrix_keeps_its_parts(tmp_path: Path) -> None:
    from scipy.sparse import csc_matrix

    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({"J_regressor": csc_matrix([[0.0, 2.0]])}, 2))

    parts = vars(load_pickle(path, stubs=("scipy",))["J_regressor"])
    assert parts["data"].tolist() == [2.0]
    assert parts["indptr"].tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    "text",
    [
        b"cchumpy.ch\nos.system\n(S'touch owned'\ntR.",
        b"cchumpy.ch\nCh\n(S'x'\ntR.",
        b"cchumpy.ch\nCh\n(N}S'__setstate__'\nI1\nstb.",
        b"cchumpyx\nCh\n.",
    ],
)
def test_a_stub_can_neither_be_called_nor_changed(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "a.pkl").write_bytes(text)

    with pytest.raises(DataError):
        load_pickle(tmp_path / "a.pkl", stubs=("chumpy",))


# ---------------------------------------------------------------- npz


def test_a_dict_in_an_npz_is_read_as_a_pickle_is(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    positions = {"S1": {"Walking 1": np.ones((2, 3), np.float32)}}
    np.savez(path, positions_3d=np.array(positions, dtype=object), plain=np.arange(2))

    assert same(load_object(path, "positions_3d"), positions)
    assert list(load_npz(path)) == ["plain"]
    with pytest.raises(DataError, match="positions_3d: objects, not plain numbers"):
        load_npz(path, ["positions_3d"])
    with pytest.raises(DataError, match="'plain' is a plain array"):
        load_object(path, "plain")
    with pytest.raises(DataError, match="the npz has no cameras"):
        load_object(path, "cameras")


def test_a_call_in_an_npz_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("a.npz", x=np.array([Calls(os.system, "touch owned")], dtype=object))

    with pytest.raises(DataError, match=r"asks for posix\.system"):
        load_object(tmp_path / "a.npz", "x")
    assert not Path("owned").exists()


def test_a_broken_npz_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=np.arange(1000))
    assert load_npz(path, ["x"])["x"].sum() == 499_500
    whole = path.read_bytes()

    path.write_bytes(whole[:-50])
    with pytest.raises(DataError, match="the npz cannot be read"):
        load_npz(path)
    with pytest.raises(DataError, match="the npz cannot be read"):
        load_object(path, "x")
    path.write_bytes(whole[:400] + b"\0" * 8 + whole[408:])  # the check sum does not fit
    with pytest.raises(DataError, match="the npz cannot be read: Bad CRC-32"):
        load_npz(path)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x.npy", b"no array")
    with pytest.raises(DataError, match="the npz cannot be read"):
        load_npz(path)
    with pytest.raises(DataError, match=r"the npz has no y(?s:.)*it has: x"):
        load_npz(path, ["y"])
