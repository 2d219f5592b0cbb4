"""Nothing is lost with the power that was said to be safe; a part of `power.py`."""

import errno
import random
import subprocess
import sys

import pytest

pytest.importorskip("h5py")

from pypet.storage_backends.hdf5.files.opening import IS_TRANSACTIONAL
from tests.faults.disk import Disk, content_of
from tests.faults.shim import HALF, Fault, Flag, Kind, Operation, Recording, compiled, why_not

needs_shim = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return compiled(tmp_path_factory.mktemp("shim"))


# ----- the disk --------------------------------------------------------------------------------


class Process:
    """Does operations to the disk of a folder."""

    def __init__(self, folder, **options):
        self.folder = folder
        self.disk = Disk(folder, **options)
        self._count = 0

    def do(self, kind, name="", inode=1, flags=0, offset=0, length=0, data=b"", other=""):
        path = str(self.folder / name) if name else str(self.folder)
        new = str(self.folder / other) if other else ""
        self._count += 1
        self.disk.do(
            Operation(kind, Flag(flags), path, new, self._count, 0, inode, offset, length, data)
        )

    def states(self, count=200):
        return [self.disk.after_power_cut(random.Random(seed)) for seed in range(count)]


def test_only_what_is_synchronized_is_safe(tmp_path):
    process = Process(tmp_path)
    process.do(Kind.CREATE, "a")
    process.do(Kind.WRITE, "a", data=b"1" * 2000)
    process.do(Kind.SYNC, "a")
    assert {"a" in state for state in process.states()} == {True, False}
    process.do(Kind.SYNC, flags=Flag.FOLDER)
    assert all(state == {"a": b"1" * 2000} for state in process.states())
    process.do(Kind.WRITE, "a", data=b"2" * 3000, offset=1000)
    process.do(Kind.TRUNCATE, "a", length=500)
    found = {state["a"] for state in process.states()}
    assert b"1" * 2000 in found
    assert b"1" * 1000 + b"2" * 24 + b"1" * 976 in found  # the first sector only
    assert b"1" * 500 in found
    assert all(each.startswith(b"1" * 500) for each in found)
    assert process.disk.everything() == {"a": b"1" * 500}


def test_names_are_lost_and_found_as_a_whole(tmp_path):
    (tmp_path / "old").write_bytes(b"old")
    process = Process(tmp_path)
    process.do(Kind.CREATE, "new")
    process.do(Kind.WRITE, "new", data=b"new")
    process.do(Kind.RENAME, "new", other="old")
    found = {state.get("old") for state in process.states()}
    assert found == {b"old", b"new", b"", bytes(3)}  # as it was not synchronized before
    process.do(Kind.SYNC, "old")
    assert {state.get("old") for state in process.states()} == {b"old", b"new"}


def test_a_file_system_with_a_journal_loses_the_last_names_only(tmp_path):
    process = Process(tmp_path, is_journaled=True)
    for inode, name in enumerate("abc", 1):
        process.do(Kind.CREATE, name, inode)
    assert {tuple(state) for state in process.states()} == {(), ("a",), ("a", "b"), tuple("abc")}
    process.do(Kind.SYNC, "b", 2)
    assert {tuple(state) for state in process.states()} == {tuple("abc")}


def test_a_later_success_does_not_save_what_fsync_failed_to(tmp_path):
    (tmp_path / "a").write_bytes(b"1" * 10)
    inode = (tmp_path / "a").stat().st_ino
    found = set()
    for seed in range(20):
        process = Process(tmp_path, seed=seed)
        process.do(Kind.WRITE, "a", inode, data=b"2" * 10)
        process.do(Kind.SYNC, "a", inode, flags=Flag.FAILED)
        process.do(Kind.SYNC, "a", inode)
        found |= {state["a"] for state in process.states(3)}
    assert found == {b"1" * 10, b"2" * 10}


# ----- the shim --------------------------------------------------------------------------------

EVERYTHING = """
import os, shutil, tempfile
with open("a", "wb") as file:
    file.write(b"0123456789" * 10)
    file.flush()
    file.seek(5)
    file.write(b"x")
    file.truncate(50)
with open("a", "ab") as file:
    file.write(b"appended")
descriptor = os.open("b", os.O_RDWR | os.O_CREAT)
os.writev(descriptor, [b"one", b"two"])
os.pwrite(descriptor, b"three", 100)
os.pwritev(descriptor, [b"four", b"five"], 200)
os.posix_fallocate(descriptor, 0, 300)
os.fsync(descriptor)
os.close(descriptor)
os.mkdir("folder")
shutil.copyfile("a", "folder/c")
shutil.copy2("b", "folder/d")
os.rename("folder/c", "e")
os.link("e", "f")
os.replace("f", "b")
os.unlink("folder/d")
descriptor = os.open(".", os.O_TMPFILE | os.O_RDWR)
os.write(descriptor, b"nameless")
names = os.open("/proc/self/fd", os.O_RDONLY)
os.link(str(descriptor), "named", src_dir_fd=names, follow_symlinks=True)
os.truncate("a", 7)
os.close(os.open("a", os.O_RDWR))
open("e", "wb").close()
os.makedirs("x/y")
shutil.rmtree("x")
if not os.fork():
    with open("g", "w") as file:
        file.write("by a child")
    os._exit(0)
os.wait()
"""


def run(script, folder, recording):
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env=recording.environment(),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@needs_shim
def test_the_shim_misses_nothing(tmp_path, library):
    folder = tmp_path / "folder"
    folder.mkdir()
    disk = Disk(folder)
    with Recording(library, folder, tmp_path / "state") as recording:
        process = run(EVERYTHING, folder, recording)
        assert process.returncode == 0, process.stderr
        operations = list(recording.operations())
    for operation in operations:
        disk.do(operation)
    assert disk.everything() == content_of(folder)
    assert len({operation.pid for operation in operations}) == 2
    assert [each.sequence for each in operations] == list(range(len(operations)))


@needs_shim
@pytest.mark.parametrize(
    ("fault", "left", "message"),
    [
        (Fault("write", 2, errno.EIO), b"1" * 1000 + b"3" * 1000, "errno 5"),
        (Fault("write", 2, errno.ENOSPC, times=0), b"1" * 1000, "errno 28"),
        (Fault("write", 2, HALF), b"1" * 1000 + b"2" * 500 + b"3" * 1000, ""),
        (Fault("sync", 1, errno.EIO, times=0), b"1" * 1000 + b"2" * 1000 + b"3" * 1000, "errno 5"),
        (Fault("write", 1, errno.EIO, role=2), b"1" * 1000 + b"2" * 1000 + b"3" * 1000, ""),
    ],
)
def test_the_shim_lets_calls_fail(tmp_path, library, fault, left, message):
    folder = tmp_path / "folder"
    folder.mkdir()
    script = """
import os
descriptor = os.open("a", os.O_WRONLY | os.O_CREAT)
for part in (b"1", b"2", b"3"):
    try:
        os.write(descriptor, part * 1000)
        os.fsync(descriptor)
    except OSError as error:
        print("errno", error.errno)
"""
    with Recording(library, folder, tmp_path / "state", fault=fault) as recording:
        process = run(script, folder, recording)
        assert recording.faults == process.stdout.count("errno") + (fault.error == HALF)
    assert (folder / "a").read_bytes() == left
    assert message in process.stdout


@needs_shim
def test_the_shim_makes_a_small_disk(tmp_path, library):
    folder = tmp_path / "folder"
    folder.mkdir()
    script = """
import os
descriptor = os.open("a", os.O_WRONLY | os.O_CREAT)
print(os.write(descriptor, b"1" * 8192), os.statvfs("a").f_bavail)
try:
    os.posix_fallocate(descriptor, 0, 20000)
except OSError as error:
    print(error.errno)
print(os.write(descriptor, b"2" * 5000))
try:
    os.write(descriptor, b"3")
except OSError as error:
    print(error.errno)
os.ftruncate(descriptor, 100)
print(os.pwrite(descriptor, b"4" * 5000, 100))
"""
    with Recording(library, folder, tmp_path / "state", quota=12288) as recording:
        process = run(script, folder, recording)
    assert process.stdout.split() == ["8192", "1", "28", "4096", "28", "5000"], process.stderr


# ----- experiments -----------------------------------------------------------------------------


@needs_shim
@pytest.mark.skipif(not IS_TRANSACTIONAL, reason="the system has no transactions")
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("name", "rounds"),
    [
        ("commits", 60),
        ("serial", 9),
        ("serial, durable", 6),
        ("store, durable", 5),
        ("resumable", 6),
    ],
)
def test_nothing_is_lost_that_was_said_to_be_safe(tmp_path, library, name, rounds):
    from tests.faults import power

    found = list(power.rounds_of(name, rounds, tmp_path / "work", library, seed=5))
    assert len(found) == rounds
    assert [each for each in found if each.kind == power.WRONG] == []
    assert len({each.operations for each in found}) > rounds / 3
