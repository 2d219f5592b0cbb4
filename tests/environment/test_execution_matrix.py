"""One experiment, executed in every valid way, leaves the same data: node by node, value by value.

The ways are all schedulers, wrap modes and start methods that go together. What may differ is left
out by name: the settings below ``config.environment``, and times and origins in records of runs.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

from pypet import (
    ArrayParameter,
    Environment,
    PickleParameter,
    PickleResult,
    SparseResult,
    load_trajectory,
)
from pypet.support.optional import is_installed
from pypet.testing.equality import assert_same_leaf
from tests.long_tests import LONG
from tests.plugins.dask.clusters import make_cluster

pytest.importorskip("h5py")
pd = pytest.importorskip("pandas")
sparse = pytest.importorskip("scipy.sparse")

STARTS = [
    method
    for method in ("fork", "forkserver", "spawn")
    if method in multiprocessing.get_all_start_methods()
]
NETWORK_MODES = ("NETLOCK", "NETQUEUE") if is_installed("zmq") else ()
MODES = {
    method: ("LOCK", "QUEUE", *(("PIPE",) if method == "fork" else ()), "LOCAL", *NETWORK_MODES)
    for method in STARTS
}
WAYS = [
    {"scheduler": scheduler, "start_method": method, "wrap_mode": mode}
    for scheduler in ("pool", "process")
    for method in STARTS
    for mode in MODES[method]
]
WAYS += [{**way, "freeze_input": True} for way in WAYS[: len(MODES[STARTS[0]])]]
VOLATILE_ENVIRONMENT = "config.environment"
VOLATILE_IN_RECORDS = {
    "timestamp",
    "finish_timestamp",
    "runtime",
    "time",
    "short_environment_hexsha",
}


def marked(way):
    """Return a way, for on demand only if it resembles others and takes long.

    A new interpreter for each run gets its storage as those of a spawned pool do.
    """
    is_spawned = way["scheduler"] == "process" and way["start_method"] == "spawn"
    resembles = is_spawned and way["wrap_mode"] not in ("LOCK", "LOCAL")
    return pytest.param(way, marks=LONG if resembles else ())


def add_parameters(traj):
    """Add one parameter of every kind of data, and explore some of them."""
    traj.f_add_parameter("kinds.integer", 3, comment="an integer")
    traj.f_add_parameter("kinds.real", 0.1)
    traj.f_add_parameter("kinds.truth", True)
    traj.f_add_parameter("kinds.imaginary", 1 + 2j)
    traj.f_add_parameter("kinds.text", "grüße")
    traj.f_add_parameter("kinds.raw", b"\x00\xff")
    traj.f_add_parameter("kinds.several", (1, 2, 3))
    traj.f_add_parameter("kinds.single", np.float32(1.5))
    traj.f_add_parameter("kinds.array", np.arange(6.0).reshape(2, 3))
    traj.f_add_parameter(ArrayParameter, "kinds.large", np.arange(100))
    traj.f_add_parameter(PickleParameter, "kinds.thing", {"a": [1, {2}]})
    traj.f_get("kinds").v_annotations.source = "made up"
    traj.f_add_parameter("x", 0, comment="explored")
    traj.f_add_parameter(ArrayParameter, "weights", np.zeros(2))
    traj.f_explore({"x": [1, 2, 3], "weights": [np.array([i, 0.5]) for i in range(3)]})


def simulate(traj, factor, *, label):
    """Add what a run can add: every kind of result, a derived parameter, links, annotations."""
    x = traj.x
    traj.f_add_derived_parameter("twice", 2 * x, comment="derived")
    traj.f_add_result("number", factor * x, comment="the product")
    traj.f_add_result(
        "several",
        text=f"{label} {x}",
        items=[x, 2],
        pair=(1.5, 2.5),
        nothing=np.empty((0, 3)),
        flags=np.array([True, False]),
        words=np.array(["a", "bcd"]),
        table={"a": x, "b": "c"},
    )
    traj.f_add_result("field.values", traj.weights * np.arange(2) + x)
    traj.f_add_result("field.frame", pd.DataFrame({"n": [x, 2], "s": ["u", "v"]}))
    traj.f_add_result(SparseResult, "field.matrix", sparse.csr_matrix(np.eye(3) * x))
    traj.f_add_result(PickleResult, "anything", {"set": {x}})
    traj.f_add_result("noise", traj.f_rng().normal(size=4))
    group = traj.f_get("results.runs.$")
    group.f_add_link("first", traj.f_get("results.runs.$.number"))
    group.v_annotations.by = label
    return x * factor


def expand_once(traj, results):
    """Add one more run, for the sum of all results so far."""
    traj.f_add_result(f"summary.after_{len(traj)}", sum(value for _, value in results))
    if len(traj) > 3:
        return None
    return {"x": [sum(value for _, value in results)], "weights": [np.ones(2)]}


def execute(folder, **options):
    """Execute the experiment and return what is in the file then."""
    filename = str(folder / "data.hdf5")
    with Environment(
        "matrix",
        filename=filename,
        log_config=None,
        report_progress=False,
        seed=7,
        purge_duplicate_comments=False,  # which of equal comments stays depends on the order
        **options,
    ) as env:
        add_parameters(env.traj)
        env.add_postprocessing(expand_once)
        results = env.run(simulate, 10, label="run of")
    assert results == [(0, 10), (1, 20), (2, 30), (3, 600)]
    return load_trajectory("matrix", filename=filename, load_data=2)


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The trajectory as runs in this process store it."""
    return execute(tmp_path_factory.mktemp("serial"))


def nodes_of(traj):
    """Return all nodes but those of environments, by full name."""
    return {
        node.v_full_name: node
        for node in traj.f_iter_nodes(recursive=True)
        if not f"{node.v_full_name}.".startswith(f"{VOLATILE_ENVIRONMENT}.")
    }


def assert_same(actual, expected):
    nodes, others = nodes_of(expected), nodes_of(actual)
    assert set(others) == set(nodes)
    for name, node in nodes.items():
        other = others[name]
        assert type(other) is type(node), name
        assert other.v_comment == node.v_comment, name
        assert other.v_annotations.f_to_dict() == node.v_annotations.f_to_dict(), name
        if node.v_is_leaf:
            assert_same_leaf(other, node)
        else:
            links = {key: link.v_full_name for key, link in node.f_get_links().items()}
            assert links == {key: link.v_full_name for key, link in other.f_get_links().items()}
    assert records_of(actual) == records_of(expected)


def records_of(traj):
    return {
        name: {key: value for key, value in record.items() if key not in VOLATILE_IN_RECORDS}
        for name, record in traj.f_get_run_information().items()
    }


def test_the_experiment_has_everything(reference):
    nodes = nodes_of(reference)
    assert len(reference) == 4
    assert sum(".run_00000003." in name for name in nodes) >= 9
    assert {record["completed"] for record in records_of(reference).values()} == {1}
    assert reference.f_get("results.runs.run_00000003.first").f_get() == 600
    assert reference.f_get("results.summary.after_4").f_get() == 660


@pytest.mark.parametrize(
    "way", [marked(way) for way in WAYS], ids=lambda way: "-".join(map(str, way.values()))
)
def test_the_data_is_the_same(tmp_path, reference, way):
    assert_same(execute(tmp_path, ncores=2, **way), reference)
    assert multiprocessing.active_children() == []


def test_the_data_is_the_same_without_wrapping_one_worker(tmp_path, reference):
    options = {"scheduler": "pool", "ncores": 1, "wrap_mode": "NONE"}
    assert_same(execute(tmp_path, **options), reference)


@pytest.mark.parametrize("mode", ["LOCAL", *NETWORK_MODES])
def test_the_data_is_the_same_by_an_executor(tmp_path, reference, mode):
    context = multiprocessing.get_context(STARTS[0])
    with ProcessPoolExecutor(2, mp_context=context) as executor:
        assert_same(execute(tmp_path, scheduler=executor, wrap_mode=mode), reference)


@pytest.mark.parametrize("mode", ["LOCAL", "LOCK", "NETLOCK", "NETQUEUE"])
def test_the_data_is_the_same_by_dask(tmp_path, reference, dask_cluster, mode):
    if mode.startswith("NET"):
        pytest.importorskip("zmq")
    options = {"scheduler": "dask", "dask_address": dask_cluster, "wrap_mode": mode}
    assert_same(execute(tmp_path, **options), reference)


@pytest.fixture(scope="module")
def dask_cluster(tmp_path_factory):
    distributed = pytest.importorskip("distributed")
    with make_cluster(distributed, tmp_path_factory.mktemp("dask")) as cluster:
        yield cluster


@pytest.mark.parametrize("method", [method for method in STARTS if method != "fork"])
def test_pipes_are_refused_without_fork(tmp_path, method):
    with pytest.raises(ValueError, match="for example wrap_mode="):
        execute(tmp_path, scheduler="pool", wrap_mode="PIPE", start_method=method)
