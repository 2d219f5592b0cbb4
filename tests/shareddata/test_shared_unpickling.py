"""Shared data in files of unknown origin: nothing that might run code is loaded."""

from __future__ import annotations

import os

import numpy as np
import pytest

pytest.importorskip("tables")

import tables

from pypet import SharedArray, SharedResult, SharedTable, load_trajectory
from pypet.errors import RefusedPickleError


class MakesFolder:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.fixture
def stored(traj, tmp_path):
    """Return the path of a file whose shared array has an attribute that makes a folder."""
    result = traj.f_add_result(SharedResult, "mine", sound=SharedTable(), bad=SharedArray())
    traj.f_store()
    result.create_shared_data("sound", obj=np.zeros(3, dtype=[("x", int)]))
    result.create_shared_data("bad", obj=np.arange(4))
    filename = traj.v_storage_service.filename
    with tables.open_file(filename, "a") as file:
        file.get_node("/shared/results/mine/bad")._v_attrs["note"] = MakesFolder(tmp_path / "made")
    return filename


def shared(filename, mode):
    traj = load_trajectory("shared", filename=filename, load_data=2, unpickle=mode)
    return traj.f_get("results.mine")


@pytest.mark.parametrize("mode", ["safe", "never"])
@pytest.mark.parametrize("ask", [lambda array: array.read(), lambda array: array[1], list, len])
def test_a_pickle_that_runs_code_is_refused(stored, tmp_path, mode, ask):
    result = shared(stored, mode)
    with pytest.raises(RefusedPickleError, match="Attribute 'note'"):
        ask(result.bad)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("mode", ["safe", "never"])
def test_other_items_can_be_read_and_changed(stored, tmp_path, mode):
    table = shared(stored, mode).sound
    table.append([(7,), (8,)])
    assert table.col("x").tolist() == [0, 0, 0, 7, 8]
    assert not (tmp_path / "made").exists()


def test_trust_is_the_default(stored, tmp_path):
    traj = load_trajectory("shared", filename=stored, load_data=2)
    assert traj.f_get("results.mine").bad.read().tolist() == [0, 1, 2, 3]
