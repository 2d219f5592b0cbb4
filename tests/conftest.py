"""After the suite nothing may be left: no process, open file, shared memory or temporary file."""

from __future__ import annotations

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
PATIENCE_SECONDS = 10


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
    """Return which names of shared memory stay; those of other programs usually do not."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while left := {name for name in names if _is_ours(SHARED_MEMORY / name)}:
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    return left


def _is_ours(path):
    try:
        return path.stat().st_uid == os.getuid()
    except FileNotFoundError:
        return False


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
