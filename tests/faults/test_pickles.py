"""Pickles in every place of a file: a few hundred random ones, and the places that were open."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings

import h5py
import pytest

pytest.importorskip("pandas")
pytest.importorskip("tables")
pytest.importorskip("hypothesis")

from tests.faults.pickles import (
    CANARY,
    ENCODINGS,
    TRAJ,
    Base,
    access_shared,
    load,
    replace_attribute,
    run,
    show,
)

SECONDS = 15.0
"""The random cases end after this time, however many they were."""

NOT_ASCII = b"\x80\x02U\x01\xff0cos\nmkdir\n(V" + CANARY.encode() + b"\ntR."
"""PyTables fails to read it as ASCII, and tries again."""
PLAIN = b"cos\nmkdir\n(V" + CANARY.encode() + b"\ntR."
OLD_FILTERS = b"(ctables.Leaf\nFilters\n0cos\nmkdir\n(V" + CANARY.encode() + b"\ntR."

PLACES = (
    (b"note", NOT_ASCII, "ascii"),
    (b"TITLE", PLAIN, "variable-ascii"),
    (b"TITLE", NOT_ASCII, "ascii"),
)

FRAME, ROWS = f"{TRAJ}/results/fixed/f", f"{TRAJ}/results/rows/f"
SHARED = f"{TRAJ}/results/shared"
NODES = [
    "/",
    TRAJ,
    f"{TRAJ}/results",
    f"{TRAJ}/results/fixed",
    FRAME,
    f"{FRAME}/block0_values",
    f"{FRAME}/block1_values",
    ROWS,
    f"{ROWS}/table",
    f"{ROWS}/meta",
    f"{SHARED}/array",
    f"{SHARED}/table",
    f"{SHARED}/frame",
    f"{SHARED}/frame/table",
    f"{SHARED}/old",
    f"{TRAJ}/parameters/framed",
    f"{TRAJ}/parameters/framed/data",
]


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    return [
        Base(tmp_path_factory.mktemp("base"), framed=False),
        Base(tmp_path_factory.mktemp("framed"), framed=True),
    ]


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return str(tmp_path / "stranger.hdf5")


def written(path, base, node, name, payload, encoding):
    with open(path, "wb") as file:
        file.write(base.content)
    with h5py.File(path, "r+") as file:
        replace_attribute(file[node].id, name, payload, encoding)


def tried(path, mode):
    """Do everything with a file; return how many errors there were."""
    errors = 0
    for act in (
        lambda: load(path, mode),
        lambda: access_shared(path, mode),
        lambda: show(path),
        lambda: show(path, TRAJ),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                act()
            except Exception:  # which one is the business of other tests
                errors += 1
    return errors


def test_no_random_pickle_is_run():
    outcomes, failures = run(400, int(os.environ.get("PYPET_PICKLES_SEED", "1")), SECONDS)
    assert failures == []
    assert outcomes["no error"] > 0
    assert outcomes["RefusedPickleError"] > 0


@pytest.mark.parametrize("node", NODES)
def test_no_pickle_in_an_attribute_is_run(node, path, bases, tmp_path):
    for number, mode in enumerate(("safe", "never"), NODES.index(node)):
        name, payload, encoding = PLACES[number % len(PLACES)]
        written(path, bases["framed" in node], node, name, payload, encoding)
        tried(path, mode)
        assert not (tmp_path / CANARY).exists(), (name, encoding, mode)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_no_pickle_is_run_however_it_is_encoded(encoding, path, bases, tmp_path):
    written(path, bases[0], f"{SHARED}/table", b"note", PLAIN, encoding)
    with h5py.File(path, "r+") as file:
        for node in ("/", FRAME):
            replace_attribute(file[node].id, b"note", PLAIN, encoding)
    tried(path, "safe")
    assert not (tmp_path / CANARY).exists()


def test_filters_and_defaults_of_old_versions_are_not_unpickled(path, bases, tmp_path):
    for version in (b"1.0", b"1.5"):
        written(path, bases[0], f"{SHARED}/table", b"FIELD_0_FILL", PLAIN, "ascii")
        with h5py.File(path, "r+") as file:
            replace_attribute(file[f"{SHARED}/array"].id, b"FILTERS", OLD_FILTERS, "ascii")
            replace_attribute(file[f"{FRAME}"].id, b"FILTERS", OLD_FILTERS, "ascii")
            replace_attribute(file.id, b"PYTABLES_FORMAT_VERSION", version, "utf8")
        tried(path, "safe")
        assert not (tmp_path / CANARY).exists(), version


@pytest.mark.parametrize("mode", ["trust", "safe"])
@pytest.mark.parametrize("node", [f"{FRAME}/axis0", f"{SHARED}/table"])
def test_a_name_that_is_no_text_is_an_error_and_no_crash(node, mode, path, bases):
    written(path, bases[0], node, b"\xff\xfe", b"x", "ascii")
    action = "access_shared" if node.startswith(SHARED) else "load"
    code = f"from tests.faults.pickles import {action} as act\nact({path!r}, {mode!r})"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        timeout=100,
        cwd=os.path.dirname(os.path.dirname(os.path.dirname(__file__))),
        check=False,
    )
    assert done.returncode == 1, done
    assert "StorageFormatError" in done.stderr.decode()
    assert "not UTF-8" in done.stderr.decode() or "checksum" in done.stderr.decode()
