"""Tables of trajectories: which columns they have, what they hold, and what is wrong."""

from pathlib import Path

import numpy as np
import pytest

from pypet import Environment, HDF5StorageService, NotUniqueNodeError, Trajectory, load_trajectory
from pypet.errors import DataNotInStorageError, RefusedPickleError
from pypet.tables import Column, RunTable, read_table
from tests.tables.conftest import FAILING_RUN, RUNS

RUN_INFORMATION = [
    "run",
    "name",
    "state",
    "completed",
    "timestamp",
    "finish_timestamp",
    "runtime",
    "error",
]
SCALARS = ["fit.name", "fit.slope", "some", "stats.high", "stats.low", "z"]
OTHERS = [run for run in range(RUNS) if run != FAILING_RUN]


@pytest.fixture(params=["memory", "file", "loaded", "skeleton", "all data"])
def source(request):
    """The experiment as it can be given: running in memory, as a file, loaded more or less."""
    if request.param == "memory":
        return request.getfixturevalue("in_memory")
    path = request.getfixturevalue("stored_file")
    if request.param == "file":
        return (path, "t")
    levels = {"loaded": {"load_results": 0}, "skeleton": {}, "all data": {"load_data": 2}}
    return load_trajectory("t", filename=path, **levels[request.param])


def test_all_scalars_have_columns_beside_run_information_and_explored_parameters(source):
    table = read_table(source)
    assert isinstance(table, RunTable)
    assert (table.trajectory, table.comment, len(table)) == ("t", "six runs", RUNS)
    assert list(table.columns) == [*RUN_INFORMATION, "x", "y", *SCALARS]
    assert [column.name for column in table.parameters] == ["x", "y"]
    assert [column.name for column in table.results] == SCALARS
    assert all(
        isinstance(column, Column) and len(column) == RUNS for column in table.columns.values()
    )
    assert table.problems == {}


def test_values_types_comments_and_what_is_missing(source):
    table = read_table(source)
    assert table.indices.tolist() == table["run"].values.tolist() == list(range(RUNS))
    x, y, z = (table[name] for name in "xyz")
    assert x.values.tolist() == [0.5, 0.5, 1.5, 1.5, 2.5, 2.5]
    assert y.values.tolist() == [3, 4] * 3
    assert y.values.dtype == np.int64
    assert (x.kind, x.explored, x.comment, x.full_name) == (
        "parameter",
        True,
        "length",
        "parameters.x",
    )
    assert z.kind == "result"
    assert not z.explored
    assert z.comment == "product"
    present = [run for run in range(RUNS) if not z.missing[run]]
    assert z.values[present].tolist() == [x.values[run] * y.values[run] for run in present]
    assert set(OTHERS) <= set(present)
    slope = table["fit.slope"]
    assert slope.values.dtype == np.int64
    assert slope.comment == "of the line"
    assert slope.values[OTHERS].tolist() == [0, 0, 1, 2, 2]
    assert table.missing_runs("fit.slope").tolist() == [FAILING_RUN]
    assert table["fit.name"].values.tolist() == [
        "" if run == FAILING_RUN else "run of 7" for run in range(RUNS)
    ]
    some = table["some"]
    assert some.values.dtype == np.bool_
    assert np.flatnonzero(some.missing).tolist() == [1, FAILING_RUN]
    assert table["stats.low"].values[OTHERS].tolist() == [-0.5, -0.5, -1.5, -2.5, -2.5]


def test_run_information(source):
    table = read_table(source)
    assert table["name"].values.tolist() == [f"run_{run:08d}" for run in range(RUNS)]
    assert table["completed"].values.tolist() == [run != FAILING_RUN for run in range(RUNS)]
    states = ["failed" if run == FAILING_RUN else "committed" for run in range(RUNS)]
    assert table["state"].values.tolist() == states
    assert table["error"].values[FAILING_RUN] == "ValueError: negative"
    assert np.flatnonzero(~table["error"].missing).tolist() == [FAILING_RUN]
    runtime, start, end = (table[n] for n in ("runtime", "timestamp", "finish_timestamp"))
    assert np.array_equal(runtime.missing, end.missing)
    assert np.flatnonzero(runtime.missing).tolist() == [FAILING_RUN]
    assert np.allclose(runtime.values[OTHERS], (end.values - start.values)[OTHERS])
    assert (start.values[OTHERS] > 1e9).all()
    assert (runtime.values[OTHERS] >= 0).all()


def test_results_by_natural_names(source):
    names = ["slope", "stats.high", "fit.name", "z", "twice"]
    table = read_table(source, results=names)
    assert [column.name for column in table.results] == names
    assert table["twice"].values[OTHERS].tolist() == [1.0, 1.0, 3.0, 5.0, 5.0]
    assert table["slope"].values[OTHERS].tolist() == [0, 0, 1, 2, 2]
    assert [column.name for column in read_table(source, results="z").results] == ["z"]
    assert read_table(source, results=[]).results == []


def test_parameters_that_are_wanted(source):
    table = read_table(source, parameters="all", results=[])
    assert {column.name for column in table.parameters} == {"x", "y", "net.size", "label"}
    assert table["net.size"].values.tolist() == [7] * RUNS
    assert (table["net.size"].comment, table["net.size"].explored) == ("neurons", False)
    assert table["label"].values.tolist() == ["a"] * RUNS
    table = read_table(source, parameters=["size", "parameters.y"], results=[])
    assert [column.name for column in table.parameters] == ["size", "parameters.y"]
    assert table["size"].full_name == "parameters.net.size"
    assert read_table(source, parameters=(), results=()).parameters == []


def test_reducing_and_objects(source):
    table = read_table(source, results=["z"], reduce={"trace": np.mean, "stats.all": len})
    assert [column.name for column in table.results] == ["z", "trace", "stats.all"]
    assert table["trace"].values[OTHERS].tolist() == [0.75, 0.75, 2.25, 3.75, 3.75]
    assert table["trace"].comment == "over time"
    assert table["stats.all"].values[OTHERS].tolist() == [3] * 5
    assert [each.name for each in read_table(source, reduce={"z": abs}).results].count("z") == 1
    table = read_table(source, results=["trace"], objects=True)
    assert table["trace"].values.dtype == object
    assert table["trace"].missing[FAILING_RUN]
    assert table["trace"].values[2].tolist() == [0.0, 1.5, 3.0, 4.5]
    assert table["trace"].values[FAILING_RUN] is None


def test_runs_that_are_wanted(source):
    def rows(**options):
        return read_table(source, results=["z"], **options).indices.tolist()

    assert rows(runs=[4, "run_00000001", np.int64(0)]) == [4, 1, 0]
    assert rows(runs=slice(1, None, 2)) == [1, 3, 5]
    assert rows(runs=5) == [5]
    assert rows(runs="run_00000002") == [2]
    assert rows(runs=[]) == []
    assert rows(completed_only=True) == OTHERS
    assert rows(runs=range(FAILING_RUN, RUNS), completed_only=True) == [4, 5]
    assert read_table(source, runs=[4])["z"].values.tolist() == [7.5]


def test_wrong_names_and_runs(source):
    with pytest.raises(AttributeError, match=r"No run .* has a result 'zzz'.*'z'"):
        read_table(source, results=["zzz"])
    with pytest.raises(AttributeError, match=r"has a result 'slop'.* Did you mean 'slope'"):
        read_table(source, results=["slop"])
    with pytest.raises(AttributeError, match=r"no parameter 'w'; there are: .*net.size"):
        read_table(source, parameters=["w"])
    with pytest.raises(KeyError, match="There is no run 6: trajectory 't' has 6 runs"):
        read_table(source, runs=[0, 6])
    with pytest.raises(KeyError, match="There is no run -1"):
        read_table(source, runs=[-1])
    with pytest.raises(KeyError, match="has no run 'run_00000006'"):
        read_table(source, runs="run_00000006")
    with pytest.raises(TypeError, match=r"given by its name or its index, not by 0.5"):
        read_table(source, runs=[0.5])
    with pytest.raises(TypeError, match="`results` takes names"):
        read_table(source, results=[1])
    with pytest.raises(TypeError, match="`reduce` takes names"):
        read_table(source, reduce={"trace": "mean"})


def test_results_that_are_no_scalars(source):
    with pytest.raises(ValueError, match=r"has 3 items, say which: .*'stats.low'"):
        read_table(source, results=["stats"])
    with pytest.raises(TypeError, match=r"'trace'.*shape \(4,\).*reduce={'trace'.*objects=True"):
        read_table(source, results=["trace"])
    with pytest.raises(TypeError, match=r"has to return a scalar; for run 0 it returned ndarray"):
        read_table(source, reduce={"trace": lambda trace: trace * 2})
    with pytest.raises(ZeroDivisionError) as caught:
        read_table(source, reduce={"trace": lambda trace: 1 / 0})
    assert "reducing 'trace' of run 0" in caught.value.__notes__[-1]


def test_pickled_results_are_read_from_trajectories_but_not_from_files(stored_file, in_memory):
    for source in (in_memory, load_trajectory("t", filename=stored_file)):
        table = read_table(source, results=["kept"], objects=True)
        assert table["kept"].values[0] == {"a": 1}
    with pytest.raises(RefusedPickleError, match=r"'a'|'kept'"):
        read_table(stored_file, results=["kept"], objects=True)


def test_reading_changes_nothing_in_memory(stored_file):
    traj = load_trajectory("t", filename=stored_file, load_results=0)
    traj.f_get("x").f_unlock()
    nodes = [node.v_full_name for node in traj.f_iter_nodes()]
    read_table(traj, parameters="all")
    assert [node.v_full_name for node in traj.f_iter_nodes()] == nodes
    assert not traj.f_get("x").v_locked


# ----- sources -----------------------------------------------------------------------------------


def test_what_is_in_memory_counts_more_than_what_is_stored(stored_file):
    traj = load_trajectory("t", filename=stored_file, load_results=2)
    traj.f_get("results.runs.run_00000002.z").f_set(z=100.0)
    traj.f_remove_item("results.runs.run_00000004.z")
    assert read_table(traj)["z"].values[[0, 2, 4]].tolist() == [1.5, 100.0, 7.5]


def test_a_trajectory_that_was_never_stored():
    traj = Trajectory("t")
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [1, 2, 3]})
    table = read_table(traj)
    assert table["x"].values.tolist() == [1, 2, 3]
    assert table.results == []
    assert table["state"].values.tolist() == ["pending"] * 3
    assert np.isnan(table["timestamp"].values).all()
    assert table["timestamp"].missing.all()
    # Nothing has run yet, so that a name that is not there may come.
    assert read_table(traj, results=["z"])["z"].missing.all()
    for idx in (0, 2):
        traj.f_add_result(f"results.runs.run_{idx:08d}.z", idx)
    table = read_table(traj)
    assert table["z"].values.tolist() == [0, 0, 2]
    assert table["z"].missing.tolist() == [False, True, False]


def test_a_file_with_several_trajectories_or_none(stored_file, tmp_path):
    path = str(tmp_path / "several.hdf5")
    for name in ("a", "b"):
        Trajectory(name, filename=path).f_store()
    with pytest.raises(ValueError, match=r"Say which trajectory of .* has several: a, b"):
        read_table(path)
    with pytest.raises(DataNotInStorageError, match=r"no trajectory 'c' in .* there are: a, b"):
        read_table((path, "c"))
    assert len(read_table((path, "b"))) == 1
    assert len(read_table((stored_file, None))) == RUNS
    with pytest.raises(FileNotFoundError, match="There is no file"):
        read_table(str(tmp_path / "none.hdf5"))
    with pytest.raises(TypeError, match="A table is made of a trajectory, or of"):
        read_table(3)


def test_a_trajectory_without_a_service_that_can_be_read(caplog):
    with Environment("t", storage_service="lazy", log_config=None, report_progress=False) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": [1, 2]})
        env.run(lambda traj: traj.f_add_result("z", traj.x))
    table = read_table(env.traj)
    assert table["completed"].values.all()


# ----- names -------------------------------------------------------------------------------------


def make_run(traj, idx, *names, **values):
    for name in names:
        traj.f_add_result(f"results.runs.run_{idx:08d}.{name}", values.get(name, idx))


def explored(length):
    traj = Trajectory("t")
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": list(range(length))})
    return traj


def stored(traj, tmp_path):
    pytest.importorskip("h5py")
    path = str(tmp_path / "t.hdf5")
    traj.v_storage_service = HDF5StorageService(filename=path)
    traj.f_store()
    return path


@pytest.mark.parametrize("as_file", [False, True])
def test_a_name_at_two_places_of_the_same_depth_is_ambiguous(as_file, tmp_path):
    traj = explored(2)
    for idx in range(2):
        make_run(traj, idx, "a.z", "b.z", "c.d.z")
    source = stored(traj, tmp_path) if as_file else traj
    with pytest.raises(NotUniqueNodeError, match=r"'z' is not unique in run 0: .*a\.z.*b\.z"):
        read_table(source, results=["z"])
    assert read_table(source, results=["b.z", "d.z"])["b.z"].values.tolist() == [0, 1]
    assert [column.name for column in read_table(source).results] == ["a.z", "b.z", "c.d.z"]


@pytest.mark.parametrize("as_file", [False, True])
def test_the_nearest_node_wins(as_file, tmp_path):
    traj = explored(1)
    traj.f_add_result("results.runs.run_00000000.deep.z", 1)
    traj.f_add_result("results.runs.run_00000000.z", 2)
    source = stored(traj, tmp_path) if as_file else traj
    assert read_table(source, results=["z", "deep.z"])["z"].values.tolist() == [2]
    assert read_table(source, results=["deep.z"])["deep.z"].values.tolist() == [1]


@pytest.mark.parametrize("as_file", [False, True])
def test_groups_of_runs_in_several_places(as_file, tmp_path):
    traj = explored(2)
    for idx in range(2):
        traj.f_add_result(f"results.first.run_{idx:08d}.z", idx)
        traj.f_add_result(f"results.second.run_set_00000.run_{idx:08d}.z", 10 + idx)
    source = stored(traj, tmp_path) if as_file else traj
    table = read_table(source)
    assert [column.name for column in table.results] == ["first.z", "second.z"]
    assert table["second.z"].values.tolist() == [10, 11]
    with pytest.raises(NotUniqueNodeError, match="'z' is not unique in run 0"):
        read_table(source, results=["z"])


@pytest.mark.parametrize("as_file", [False, True])
def test_links_in_runs_lead_to_values(as_file, tmp_path):
    traj = explored(2)
    traj.f_add_result("results.common", 5, comment="of all")
    for idx in range(2):
        make_run(traj, idx, "z")
        traj.f_get(f"results.runs.run_{idx:08d}").f_add_link("base", traj.f_get("common"))
    source = stored(traj, tmp_path) if as_file else traj
    table = read_table(source, results=["base"])
    assert table["base"].values.tolist() == [5, 5]
    assert table["base"].comment == "of all"
    assert [column.name for column in read_table(source).results] == ["z"]


@pytest.mark.parametrize("as_file", [False, True])
def test_names_that_are_taken_become_longer(as_file, tmp_path):
    traj = explored(2)
    traj.f_add_parameter("state", 3)
    for idx in range(2):
        make_run(traj, idx, "x", "name")
    source = stored(traj, tmp_path) if as_file else traj
    table = read_table(source, parameters="all")
    assert [each.name for each in table.parameters] == ["x", "parameters.state"]
    assert [each.name for each in table.results] == ["results.name", "results.x"]
    assert table["x"].values.tolist() == [0, 1]
    assert table["state"].kind == "run"


def test_custom_names_of_runs(tmp_path):
    pytest.importorskip("h5py")
    path = str(tmp_path / "t.hdf5")
    names = {("$", "crun"): lambda idx: f"probe_{idx}" if idx >= 0 else "probe_all"}
    traj = Trajectory("t", wildcard_functions=names, filename=path)
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [1, 2]})
    for idx in traj.f_iter_runs(yields="idx"):
        traj.f_add_result("$.z", idx * 2)
    traj.f_store()
    for source in (traj, path):
        table = read_table(source)
        assert table["z"].values.tolist() == [0, 2]
        assert table["name"].values.tolist() == ["probe_0", "probe_1"]
        assert read_table(source, runs=["probe_1"]).indices.tolist() == [1]


# ----- types -------------------------------------------------------------------------------------


def test_types_without_a_common_one_are_named_with_a_run_of_each(tmp_path):
    traj = explored(3)
    for idx, value in enumerate([1.5, "text", 2.5]):
        make_run(traj, idx, "z", z=value)
    for source in (traj, stored(traj, tmp_path)):
        with pytest.raises(TypeError, match=r"float in 2 runs \(run 0.*str in 1 .*\(run 1"):
            read_table(source)
        assert read_table(source, objects=True)["z"].values.tolist() == [1.5, "text", 2.5]


def test_none_is_missing_and_numbers_of_two_types_meet(tmp_path):
    traj = explored(3)
    for idx, value in enumerate([1, 2.5, None]):
        make_run(traj, idx, "z", z=value)
    for source in (traj, stored(traj, tmp_path)):
        column = read_table(source)["z"]
        assert column.values[:2].tolist() == [1.0, 2.5]
        assert column.values.dtype == np.float64
        assert column.missing.tolist() == [False, False, True]


def test_explored_arrays_are_columns_of_objects(tmp_path):
    traj = Trajectory("t")
    traj.f_add_parameter("a", np.zeros(2))
    traj.f_add_parameter("l", [1])
    traj.f_explore({"a": [np.ones(2), np.arange(2.0)], "l": [[1, 2], [3]]})
    for source in (traj, stored(traj, tmp_path)):
        table = read_table(source)
        assert table["a"].values[1].tolist() == [0.0, 1.0]
        assert table["l"].values.tolist() == [[1, 2], [3]]


def test_damaged_results_are_missing_and_named(stored_file, tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(stored_file, "r") as file:
        item = file["t/results/runs/run_00000001/z/z"]
        place = h5py.h5o.get_info(item.id).addr
    data = bytearray(Path(stored_file).read_bytes())
    data[place + 60] ^= 0xFF  # the header has a checksum
    path = tmp_path / "damaged.hdf5"
    path.write_bytes(data)
    for options in ({}, {"results": ["z", "slope"]}):
        table = read_table(path, **options)
        assert list(table.problems) == [1]
        assert "run_00000001" in table.problems[1]
        assert np.flatnonzero(table["z"].missing).tolist() == [1, FAILING_RUN]
        assert table["slope"].values[1] == 0
        assert not table["slope"].missing[1]
    assert read_table(path, runs=[0, 2]).problems == {}


def test_what_is_missing_and_damaged_is_in_the_log(stored_file, caplog):
    pytest.importorskip("pandas")
    traj = load_trajectory("t", filename=stored_file, load_results=0)
    frame = traj.f_to_dataframe(["z", "slope", "some"])
    assert [record.message for record in caplog.records] == [
        "Runs of trajectory `t` have no value: z, slope in 1 of 6 runs (3); some in 2 of 6 runs "
        "(1, 3)."
    ]
    assert frame.attrs["missing_runs"] == {"z": [3], "slope": [3], "some": [1, 3]}
