"""The file `environment.ecnt`: whatever happens to it, it is read as it was or refused."""

from __future__ import annotations

import functools
import json
import os
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypet import MissingDependencyError, PickleResult, ResumeError, StorageFormatError, Trajectory
from pypet.plugins.resume.snapshots import (
    FILE_NAME,
    check_snapshot,
    container,
    read_header,
    read_payload,
    write_snapshot,
)

HEADER = {"facts": {"trajectory": "t", "runs": 3}, "text": "Grün \udcff"}
READERS = [read_header, check_snapshot, read_payload]


def simulate(traj, gain=1):
    return gain


class Awkward:
    """Cannot be pickled, by whatever."""

    def __reduce_ex__(self, protocol):
        raise TypeError("it is awkward")


class Holder:
    def __init__(self, **entries):
        vars(self).update(entries)


class Slotted:
    __slots__ = ("content",)

    def __init__(self, content):
        self.content = content


@pytest.fixture
def path(tmp_path):
    return tmp_path / FILE_NAME


@functools.cache
def whole():
    """Return the bytes of a snapshot; the payload is short, so that most bytes are not in it."""
    return snapshot_bytes(HEADER, {"args": (1, "two")})


def snapshot_bytes(header, payload):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        place = os.path.join(folder, FILE_NAME)
        write_snapshot(place, header, payload)
        with open(place, "rb") as file:
            return file.read()


# ----- what is written is read ----------------------------------------------------------------


def test_header_and_payload_come_back(path):
    values = np.arange(5.0)
    write_snapshot(path, HEADER, {"function": simulate, "args": (values,)})
    header = read_header(path)
    assert {name: header[name] for name in HEADER} == HEADER
    assert header["payload"]["pickler"] == "pickle"
    payload = read_payload(path)
    assert payload["function"] is simulate
    assert np.array_equal(payload["args"][0], values)
    assert check_snapshot(path) == header


@settings(max_examples=25)
@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none() | st.booleans()))
def test_any_header_comes_back(header):
    header.pop("payload", None)
    data = snapshot_bytes(header, None)
    start = container._HEADER_START
    assert json.loads(data[start : data.index(b"\n}", start) + 2]).items() >= header.items()


def test_a_trajectory_comes_back_with_its_ranges_and_what_refers_to_it(path):
    traj = Trajectory("t")
    traj.f_add_parameter("x", 1)
    traj.f_explore({"x": [1, 2, 3]})
    traj.v_full_copy = True
    write_snapshot(path, {}, {"trajectory": traj, "args": (Holder(traj=traj),)})
    payload = read_payload(path)
    assert payload["trajectory"].f_get("x").f_get_range() == [1, 2, 3]
    assert payload["args"][0].traj is payload["trajectory"]


def test_functions_without_a_name_are_pickled_by_dill_with_what_they_use(path):
    pytest.importorskip("dill")
    offset = 2

    def nested(traj, gain):
        return offset + gain

    bound = functools.partial(nested, gain=3)
    write_snapshot(path, {}, {"function": bound, "args": (lambda: simulate, os, {1, 2})})
    assert read_header(path)["payload"]["pickler"] == "dill"
    payload = read_payload(path)
    assert payload["function"](None) == 5
    assert payload["args"][0]() is simulate
    assert payload["args"][1] is os
    assert payload["args"][2] == {1, 2}


def test_a_snapshot_replaces_the_one_before_and_leaves_nothing_else(path):
    for number in range(3):
        write_snapshot(path, {"number": number}, number)
    assert read_header(path)["number"] == read_payload(path) == 2
    assert os.listdir(path.parent) == [FILE_NAME]


def test_the_file_is_as_readable_as_others_of_the_user(path):
    write_snapshot(path, {}, None)
    (path.parent / "other").touch()
    assert path.stat().st_mode == (path.parent / "other").stat().st_mode


@pytest.mark.parametrize("fault", ["fsync", "replace"])
def test_what_cannot_be_written_leaves_the_old_snapshot(path, monkeypatch, fault):
    write_snapshot(path, {"number": 1}, 1)

    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, fault, fail)
    with pytest.raises(OSError, match="No space left"):
        write_snapshot(path, {"number": 2}, 2)
    monkeypatch.undo()
    assert read_payload(path) == 1
    assert os.listdir(path.parent) == [FILE_NAME]


def test_the_folder_must_exist(path):
    with pytest.raises(FileNotFoundError):
        write_snapshot(path.parent / "missing" / FILE_NAME, {}, None)


def test_contents_are_durable_before_the_name_is(path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        original = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda *args, n=name, call=original: (calls.append(n), call(*args))[1]
        )
    write_snapshot(path, {}, None)
    assert calls == ["fsync", "replace", "fsync"]


def test_reading_a_header_imports_nothing_of_the_user(tmp_path):
    module = tmp_path / "module_of_user.py"
    module.write_text("raise SystemExit('imported')")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import types; fake = types.ModuleType('module_of_user')\n"
        "exec('def run(traj): pass', vars(fake)); sys.modules['module_of_user'] = fake\n"
        "from pypet.plugins.resume.snapshots import write_snapshot, read_header\n"
        "write_snapshot(sys.argv[2], {'a': 1}, fake.run)\n"
        "del sys.modules['module_of_user']\n"
        "assert read_header(sys.argv[2])['a'] == 1\n"
        "assert not {'dill', 'module_of_user', 'tables', 'h5py'} & sys.modules.keys()\n"
    )
    command = [sys.executable, "-c", code, tmp_path, tmp_path / FILE_NAME]
    subprocess.run(command, check=True, timeout=100)


# ----- damage ---------------------------------------------------------------------------------


@given(st.integers(0, len(whole()) - 1))
@pytest.mark.parametrize("read", READERS)
def test_a_truncated_file_is_refused(tmp_path_factory, read, length):
    path = tmp_path_factory.getbasetemp() / "truncated.ecnt"
    path.write_bytes(whole()[:length])
    with pytest.raises(StorageFormatError, match=r"truncated\.ecnt is damaged: it .*backup"):
        read(path)


@given(st.integers(0, 8 * len(whole()) - 1))
def test_a_flipped_bit_is_noticed(tmp_path_factory, bit):
    data = bytearray(whole())
    data[bit // 8] ^= 1 << bit % 8
    path = tmp_path_factory.getbasetemp() / "flipped.ecnt"
    path.write_bytes(data)
    for read in (check_snapshot, read_payload):
        with pytest.raises(StorageFormatError, match=r"flipped\.ecnt"):
            read(path)


@pytest.mark.parametrize("offset", range(0, container._HEADER_START, 3))
def test_damage_before_the_header_is_called_damage(path, offset):
    data = bytearray(whole())
    data[offset] ^= 1
    path.write_bytes(data)
    for read in READERS:
        with pytest.raises(StorageFormatError, match="is damaged"):
            read(path)


def test_a_damaged_payload_does_not_hide_the_header(path):
    path.write_bytes(whole()[:-1] + b"?")
    assert read_header(path)["text"] == HEADER["text"]
    with pytest.raises(StorageFormatError, match="checksum of its payload"):
        read_payload(path)


@pytest.mark.parametrize("read", READERS)
def test_an_empty_a_longer_and_a_foreign_file_are_refused(path, read):
    path.write_bytes(b"")
    with pytest.raises(StorageFormatError, match="it is empty"):
        read(path)
    path.write_bytes(whole() + b"x")
    with pytest.raises(StorageFormatError, match=f"it has {len(whole()) + 1} bytes instead of"):
        read(path)
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(StorageFormatError, match=r"is not a snapshot .* `resume_folder`"):
        read(path)


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("read", READERS)
def test_a_snapshot_of_the_established_pypet_is_refused_without_loading_it(path, read, protocol):
    path.write_bytes(pickle.dumps({"runfunc": print, "args": ()}, protocol))
    with pytest.raises(StorageFormatError, match=r"established pypet \(0\.x\).* version"):
        read(path)


@pytest.mark.parametrize("read", READERS)
def test_a_newer_format_is_refused(path, read, monkeypatch):
    monkeypatch.setattr(container, "FORMAT_VERSION", 7)
    write_snapshot(path, {}, None)
    monkeypatch.undo()
    with pytest.raises(StorageFormatError, match="has version 7 of its format, this pypet knows 1"):
        read(path)


@pytest.mark.parametrize("read", READERS)
def test_a_missing_file_says_what_may_be_wrong(path, read):
    with pytest.raises(FileNotFoundError, match=r"no snapshot to resume from.*resumable=True"):
        read(path)


# ----- what cannot be pickled or loaded -------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "where"),
    [
        ({"args": (1, Awkward())}, r"`args\[1\]` \(Awkward\)"),
        ({"kwargs": {"a": [0, Holder(inner=Awkward())]}}, r"`kwargs\.a\[1\]\.inner` \(Awkward\)"),
        ({"kwargs": {"not a name": Awkward()}}, r"`kwargs\['not a name'\]` \(Awkward\)"),
        ({"function": functools.partial(simulate, gain=Awkward())}, r"`function\.keywords\.gain`"),
        ({"function": Holder(bad=Awkward()).__eq__}, r"`function"),
        ({"args": ({"a": (Slotted(Awkward()),)},)}, r"`args\[0\]\.a\[0\]\.content` \(Awkward\)"),
        ([Awkward()], r"`\[0\]` \(Awkward\)"),
    ],
)
def test_the_part_that_cannot_be_pickled_is_named(path, payload, where):
    pytest.importorskip("dill")
    with pytest.raises(ResumeError, match=rf"{where}.*it is awkward.*run without `resumable`"):
        write_snapshot(path, {}, payload)
    assert not path.exists()


def test_the_variable_of_a_function_that_cannot_be_pickled_is_named(path):
    pytest.importorskip("dill")
    awkward = Awkward()
    with pytest.raises(ResumeError, match=r"`function \(its variable `awkward`\)` \(Awkward\)"):
        write_snapshot(path, {}, {"function": lambda traj: awkward})


def test_the_leaf_that_cannot_be_pickled_is_named(path):
    pytest.importorskip("dill")
    traj = Trajectory("t")
    traj.f_add_parameter("fine", 1)
    traj.f_add_result(PickleResult, "group.bad", value=Holder(inner=Awkward()))
    with pytest.raises(ResumeError, match=r"`trajectory\.results\.group\.bad.*` \(Awkward\)"):
        write_snapshot(path, {}, {"trajectory": traj})


def test_an_open_file_is_refused_since_loading_it_would_empty_it(path, tmp_path):
    pytest.importorskip("dill")
    with (
        open(tmp_path / "data.txt", "w") as file,
        pytest.raises(ResumeError, match=r"`args\[0\]` .*data\.txt' would be reopened"),
    ):
        write_snapshot(path, {}, {"args": (file,)})


def test_a_lock_is_replaced_by_a_new_one(path):
    pytest.importorskip("dill")
    write_snapshot(path, {}, Holder(lock=threading.Lock()))
    assert not read_payload(path).lock.locked()


def test_without_dill_the_part_that_needs_it_is_named(path, monkeypatch):
    from pypet.plugins.resume.snapshots import dill_pickling

    dill_pickling._pickler_class.cache_clear()
    monkeypatch.setitem(sys.modules, "dill", None)
    needed = r"`args\[0\]` \(function\) .*dill.*pip install \"pypet\[resume\]\""
    with pytest.raises(MissingDependencyError, match=needed):
        write_snapshot(path, {}, {"args": (lambda: 1,)})
    write_snapshot(path, {}, {"function": simulate})
    assert read_payload(path) == {"function": simulate}


def test_a_header_unfit_for_json_is_refused(path):
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_snapshot(path, {"a": object()}, None)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_snapshot(path, {"a": float("nan")}, None)
    with pytest.raises(ValueError, match="'payload' of the header"):
        write_snapshot(path, {"payload": 1}, None)
    assert not path.exists()


def test_a_class_that_is_gone_is_named(path, monkeypatch):
    write_snapshot(path, {}, Holder(a=1))
    monkeypatch.delattr(sys.modules[__name__], "Holder")
    with pytest.raises(ResumeError, match=r"`Holder` is needed .*test_snapshot_files\.py does not"):
        read_payload(path)


def test_an_object_that_cannot_be_restored_says_which_python_wrote_it(path, monkeypatch):
    write_snapshot(path, {}, Holder(a=1))

    def fail(self, state):
        raise KeyError("b")

    monkeypatch.setattr(Holder, "__setstate__", fail, raising=False)
    with pytest.raises(ResumeError, match=r"KeyError: 'b'.*written by Python 3\."):
        read_payload(path)
