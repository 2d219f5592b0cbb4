"""Results of other classes, frames among numbers, and files that somebody has tampered with."""

import re
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("h5py")

import h5py

from pypet import SharedArray, SharedResult, SparseResult, Trajectory, load_trajectory
from pypet.errors import DataNotInStorageError, StorageFormatError
from pypet.tables import read_table


@pytest.fixture
def path(tmp_path):
    sparse = pytest.importorskip("scipy.sparse")
    pandas = pytest.importorskip("pandas")
    path = str(tmp_path / "t.hdf5")
    traj = Trajectory("t", filename=path)
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [1, 2]})
    for idx in range(2):
        run = f"results.runs.run_{idx:08d}"
        traj.f_add_result(SparseResult, f"{run}.matrix", m=sparse.csr_matrix(np.eye(3)), n=idx)
        traj.f_add_result(f"{run}.mixed", n=idx, frame=pandas.DataFrame({"a": [1, 2]}), none=None)
        traj.f_add_result(f"{run}.texts", short="a", raw=b"b\0", complex=1j, single=np.float32(2))
    traj.f_store()
    return path


def test_scalars_among_other_data(path):
    table = read_table(path)
    assert [column.name for column in table.results] == [
        "matrix.n",
        "mixed.n",
        "mixed.none",
        "texts.complex",
        "texts.raw",
        "texts.short",
        "texts.single",
    ]
    assert table["matrix.n"].values.tolist() == table["mixed.n"].values.tolist() == [0, 1]
    assert table["mixed.none"].missing.all()
    assert table["texts.raw"].values.tolist() == [b"b\0"] * 2
    assert table["texts.complex"].values.tolist() == [1j] * 2
    assert table["texts.single"].values.dtype == np.float32


def test_other_data_by_name(path):
    for source in (path, load_trajectory("t", filename=path)):
        table = read_table(source, results=["matrix.m", "mixed.frame"], objects=True)
        assert table["matrix.m"].values[0].toarray().tolist() == np.eye(3).tolist()
        assert table["mixed.frame"].values[1]["a"].tolist() == [1, 2]
        assert read_table(source, reduce={"mixed.frame": len})["frame"].values.tolist() == [2, 2]


def test_shared_data_stays_where_it_is(tmp_path):
    path = str(tmp_path / "t.hdf5")
    traj = Trajectory("t", filename=path)
    traj.f_store()
    shared = traj.f_add_result(SharedResult, "results.runs.run_00000000.data", SharedArray())
    shared.create_shared_data(obj=np.arange(3.0))
    assert read_table(path).results == []
    with pytest.raises(TypeError, match="is shared data, which stays in the storage"):
        read_table(path, results=["data"])


def test_groups_that_are_in_themselves_end(stored_file, tmp_path, caplog):
    path = tmp_path / "forged.hdf5"
    shutil.copy(stored_file, path)
    with h5py.File(path, "a") as file:
        run = file["t/results/runs/run_00000000"]
        for name in ("loop", "again"):
            run[name] = run
            file[f"t/results/{name}"] = file["t/results"]
    table = read_table(path)
    assert list(table.problems) == [0]
    assert "one of the groups that it is in" in table.problems[0]
    assert table["z"].values[:3].tolist() == [1.5, 2.0, 4.5]
    assert "2 groups outside of runs are left out" in caplog.text
    assert read_table(path, results=["z"])["z"].values[1] == 2.0


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_damaged_bytes_give_right_values_or_none(stored_file, data):
    content = bytearray(Path(stored_file).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= data.draw(st.integers(1, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t.hdf5")
        path.write_bytes(content)
        try:
            table = read_table((path, "t"), results=["z"])
        except StorageFormatError:
            return
        except (DataNotInStorageError, AttributeError, ValueError) as error:
            # The name of the trajectory, or that of every group of a run, is damaged.
            if re.search("no trajectory|no run of", str(error), re.IGNORECASE) is None:
                raise
            return
    # Names of groups of runs have no checksum: a value may be that of another run.
    column = table["z"]
    assert set(column.values[~column.missing].tolist()) <= {1.5, 2.0, 4.5, 7.5, 10.0}
