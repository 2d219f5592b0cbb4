"""The suite is the same each time, and leaves nothing behind.

After it there may be no process, open file, shared memory or temporary file.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import tempfile
import time
from pathlib import Path

import pytest

SHARED_MEMORY = Path("/dev/shm")
OPEN_FILES = Path("/proc/self/fd")
KEPT_BY_PYTHON = {"forkserver", "resource_tracker"}
"""Helpers of `multiprocessing` that stay until the interpreter ends."""
PATIENCE_SECONDS = 30


def pytest_configure(config):
    """Let hypothesis try the same examples each time, however long they take.

    ``--hypothesis-profile=explore`` tries others.
    """
    try:
        from hypothesis import HealthCheck, settings
    except ModuleNotFoundError:  # in a bare install
        return
    patient = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
    settings.register_profile("suite", derandomize=True, **patient)
    settings.register_profile("explore", derandomize=False, print_blob=True, **patient)
    if not config.getoption("--hypothesis-profile", None):
        settings.load_profile("suite")


def pytest_collection_modifyitems(config, items):
    """Let pytest-xdist execute the tests of a file in one process, and those with clusters in one.

    Fixtures of modules are then made once, and each bed of hosts, too.
    """
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            folder = item.path.parent
            group = folder if folder.name == "clusters" else item.path
            item.add_marker(pytest.mark.xdist_group(str(group)))


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_left_behind(tmp_path_factory):
    own = tmp_path_factory.mktemp("temporary")
    former, tempfile.tempdir = tempfile.tempdir, str(own)
    files, memory = _open_files(), _names(SHARED_MEMORY)
    yield
    tempfile.tempdir = former
    gc.collect()
    assert multiprocessing.active_children() == []
    assert _children() == []
    assert [name for name in _open_files() if name not in files] == []
    assert _lasting(_names(SHARED_MEMORY) - memory) == set()
    left = [path for path in own.iterdir() if not path.name.startswith("pymp-")]
    assert left == [], "temporary files"


def _names(folder):
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def _lasting(names):
    """Return which names of shared memory stay; what other programs use does not count."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while left := {name for name in names if _is_ours(SHARED_MEMORY / name)}:
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    return left


def _is_ours(path):
    """Return whether this is there, of this user, and not used by processes that go on."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return False
    return status.st_uid == os.getuid() and status.st_ino not in _used_by_others()


def _used_by_others():
    """Return the inodes of shared memory that other processes use; those of tests have ended."""
    found = set()
    for maps in Path("/proc").glob("[0-9]*/maps"):
        if maps.parent.name != str(os.getpid()):
            with contextlib.suppress(OSError):  # it has ended, or is somebody else's
                lines = maps.read_text().splitlines()
                # The names of semaphores are others there than in the folder.
                found |= {int(each.split()[4]) for each in lines if f" {SHARED_MEMORY}/" in each}
    return found


def _open_files():
    """Return what this process has open, by path; pipes and sockets of helpers aside."""
    found = []
    for name in _names(OPEN_FILES):
        try:
            target = os.readlink(OPEN_FILES / name)
        except OSError:
            continue  # it was the folder itself
        if target.startswith("/") and not target.startswith(("/dev/", "/proc/")):
            found.append(target)
    return found


def _children():
    """Return the command lines of processes that this one started and that still live."""
    try:
        import psutil
    except ModuleNotFoundError:
        return []
    lines = []
    for child in psutil.Process().children(recursive=True):
        try:
            line = " ".join(child.cmdline())
        except psutil.Error:
            continue
        if not any(helper in line for helper in KEPT_BY_PYTHON):
            lines.append(line)
    return lines
