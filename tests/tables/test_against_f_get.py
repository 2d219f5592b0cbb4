"""Tables hold what a loop over the runs gets with `f_get`, wherever they are read from."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypet import HDF5StorageService, NotUniqueNodeError, Trajectory, load_trajectory
from pypet.services.backend import RecordBackend
from pypet.storage_backends.memory import MemoryStorageService
from pypet.tables import read_table

NAMES = ["a", "b", "a.b", "b.a", "c.a.b"]
ASKED_FOR = ["a", "b", "a.b", "c.b", "c.a.b"]
SCALARS = st.one_of(
    st.integers(-5, 5),
    st.floats(allow_nan=False),
    st.booleans(),
    st.text(max_size=3),
    st.none(),
    st.builds(np.float32, st.integers(0, 9)),
)
RESULTS = st.dictionaries(st.sampled_from(NAMES), SCALARS, max_size=4)
RUNS = st.lists(RESULTS, min_size=1, max_size=4)


def built(runs):
    """Return a trajectory with these results by run; a leaf and a group cannot share a name."""
    traj = Trajectory("t")
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": list(range(len(runs)))})
    for idx, results in enumerate(runs):
        taken = set()
        for name, value in results.items():
            parents = {name[:end] for end, letter in enumerate(name) if letter == "."}
            below = any(other.startswith(f"{name}.") for other in taken)
            if below or parents & taken:
                continue
            taken.add(name)
            traj.f_add_result(f"results.runs.run_{idx:08d}.{name}", value)
    return traj


def expected_values(traj, name):
    """Return the values by run index as `f_get` finds them; the name of the error if it raises."""
    values = {}
    for idx in range(len(traj)):
        group = traj.f_get("results").f_get_default(f"runs.run_{idx:08d}", fast_access=False)
        if group is None:
            continue
        try:
            leaf = group.f_get(name)
            if leaf.v_is_leaf:
                values[idx] = leaf.f_get()
        except NotUniqueNodeError:
            return NotUniqueNodeError
        except AttributeError:
            continue
    return values


def sources(traj, folder):
    yield traj
    traj.v_storage_service = MemoryStorageService()
    traj.f_store()
    if "results" in traj.f_get_children():
        traj.f_remove_child("results", recursive=True)
    yield traj
    loaded = load_trajectory("t", storage_service=traj.v_storage_service, load_data=2)
    path = str(Path(folder, "t.hdf5"))
    loaded.v_storage_service = HDF5StorageService(filename=path)
    loaded.f_store()
    yield path
    yield load_trajectory("t", filename=path)


def check(table, name, expected):
    column = table[name]
    for idx in range(len(table)):
        value = expected.get(idx)
        assert column.missing[idx] == (value is None)
        if value is not None:
            kept = column.values[idx]
            assert kept == value
            assert isinstance(kept, np.bool_ | bool) == isinstance(value, bool)


@settings(max_examples=25, deadline=None)
@given(RUNS)
def test_values_are_those_of_f_get(runs):
    pytest.importorskip("h5py")
    traj = built(runs)
    expected = {name: expected_values(traj, name) for name in ASKED_FOR}
    there = [name for name, values in expected.items() if values and isinstance(values, dict)]
    with tempfile.TemporaryDirectory() as folder:
        for source in sources(traj, folder):
            table = read_table(source, results=there, objects=True)
            for name, values in expected.items():
                if name in there:
                    check(table, name, values)
                elif values is NotUniqueNodeError:
                    with pytest.raises(NotUniqueNodeError):
                        read_table(source, results=[name], objects=True)
                elif any(runs):
                    with pytest.raises(AttributeError, match="No run of trajectory 't' has a"):
                        read_table(source, results=[name], objects=True)
                else:
                    assert read_table(source, results=[name])[name].missing.all()


@settings(max_examples=12, deadline=None)
@given(RUNS)
def test_all_scalars_are_there_under_their_paths(runs):
    pytest.importorskip("h5py")
    traj = built(runs)
    expected = {}
    for leaf in traj.f_iter_leaves():
        branch, _, run, *path = (
            leaf.v_full_name.split(".", 3) if "runs" in leaf.v_full_name else [""] * 4
        )
        if branch == "results":
            expected.setdefault(path[0], {})[int(run[4:])] = leaf.f_get()
    with tempfile.TemporaryDirectory() as folder:
        for source in sources(traj, folder):
            table = read_table(source, objects=True)
            assert [column.name for column in table.results] == sorted(expected)
            for name, values in expected.items():
                check(table, name, values)


def test_views_of_files_show_what_records_do(stored_file, monkeypatch):
    tables = [read_table(stored_file, reduce={"trace": np.sum})]
    monkeypatch.setattr(HDF5StorageService, "view_node", RecordBackend.view_node)
    tables.append(read_table(stored_file, reduce={"trace": np.sum}))
    first, second = tables
    assert list(first) == list(second)
    for name in first:
        assert np.array_equal(first[name].missing, second[name].missing)
        present = ~first[name].missing
        assert first[name].values[present].tolist() == second[name].values[present].tolist()
        assert (first[name].comment, first[name].full_name) == (
            second[name].comment,
            second[name].full_name,
        )
