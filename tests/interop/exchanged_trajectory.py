"""Write a trajectory of all types into a file, or describe what loading one gives.

Runs under the established pypet and under this one alike, so it uses only what both have::

    python exchanged_trajectory.py write FILE
    python exchanged_trajectory.py read FILE DESCRIPTION.json
    python exchanged_trajectory.py expect DESCRIPTION.json

Descriptions are texts by row: values with all their types, so that equal texts mean equal values.
"""

import json
import logging
import os
import sys
import warnings

import numpy as np
import pandas as pd
import scipy.sparse as spsp

NAME = "exchanged"
ANNOTATIONS = {
    "integer": 3,
    "real": 0.25,
    "flag": True,
    "text": "ännotation",
    "raw": b"bytes",
    "array": np.arange(3),
    "sequence": [1, "two", None],
    "mapping": {"a": (1, 2)},
}


# ----- what is exchanged -------------------------------------------------------------------------


def numpy_scalars():
    """Return one scalar of each type of numpy that parameters and results take."""
    kinds = "int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128"
    return {kind: getattr(np, kind)(7) for kind in kinds.split()}


def matrices():
    """Return a sparse matrix of each format."""
    dense = np.array([[0.0, 2.0, 0.0, 0.0], [1.0, 0.0, 0.0, 3.0]])
    return {
        "csr": spsp.csr_matrix(dense),
        "csc": spsp.csc_matrix(dense),
        "bsr": spsp.bsr_matrix(dense),
        "dia": spsp.dia_matrix(dense),
    }


def parameter_values():
    """Return values of plain parameters."""
    return {
        "integer": 42,
        "real": 1.5,
        "flag": True,
        "complex": 1 + 2j,
        "text": "some text",
        "raw": b"raw\xff",
        **numpy_scalars(),
        "numpy_flag": np.bool_(True),
        "integers": [1, 2, 3],
        "reals": [0.5, 1.5],
        "flags": (True, False),
        "texts": ("a", "bcd"),
        "array": np.arange(6).reshape(2, 3),
        "array32": np.ones(3, dtype=np.float32),
        "complex_array": np.array([1j, 2.0]),
        "flag_array": np.array([True, False]),
        "text_array": np.array(["a", "bcd"]),
        "matrix": np.array([[1, 2], [3, 4]]).view(np.matrix),
    }


def result_values():
    """Return values of results."""
    values = parameter_values()
    values.update(
        big_integer=2**40,
        unsigned=2**63 + 5,
        text="Ünïcode ∂ text",
        empty_text="",
        text_list=["ä", "bcd", ""],
        raw_list=[b"ab", b"c"],
        long_list=list(range(1000)),
        empty_list=[],
        empty_tuple=(),
        empty_dict={},
        empty_array=np.array([]),
        empty_columns=np.zeros((0, 3)),
        bytes_array=np.array([b"ab", b"c"]),
        volume=np.random.default_rng(1).normal(size=(40, 30, 20)),
        mapping={
            "integer": 1,
            "real": 0.5,
            "flag": False,
            "text": "abc",
            "raw": b"xy",
            "array": np.arange(4),
            "numbers": [1, 2],
            "texts": ("a", "bc"),
        },
        wide_mapping={f"key{number:03}": number for number in range(515)},
        table=object_table(),
        frame=pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5], "c": [True, False]}, index=[3, 7]),
        text_frame=pd.DataFrame({"text": ["a", "ö"], "number": [1, 2]}),
        time_frame=pd.DataFrame(
            {"x": [1.0, 2.0]},
            index=np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[ns]"),
        ),
        duration_frame=pd.DataFrame({"x": np.array([1, 2], dtype="timedelta64[ns]")}),
        nested_frame=pd.DataFrame(
            {"x": [1, 2]}, index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])
        ),
        series=pd.Series([1.5, 2.5], name="s"),
        text_series=pd.Series(["a", "ö"]),
    )
    return values


def object_table():
    """Return a table of several types of columns."""
    from pypet import ObjectTable

    return ObjectTable(
        {"integer": [1, 2], "real": [0.5, 1.5], "text": ["a", "bcd"], "flag": [True, False]}
    )


def explored_values():
    """Return ranges by parameter."""
    csr = matrices()["csr"]
    return {
        "explored.integer": [1, 2, 1, 3],
        "explored.real": [0.5, 0.25, 0.5, 1.0],
        "explored.text": ["a", "bcd", "", "longer text"],
        "explored.pair": [(1, 2), (3, 4), (5, 6), (7, 8)],
        "explored.array": [np.zeros(2), np.ones(2), np.zeros(2), np.arange(2.0)],
        "explored.large": [np.zeros(2), np.ones((2, 2)), np.zeros(2), np.arange(5.0)],
        "explored.sparse": [csr, 2 * csr, csr, 3 * csr],
        "explored.pickled": [{"a": 1}, {"b": 2}, {"c": 3}, {"d": 4}],
    }


# ----- writing -----------------------------------------------------------------------------------


def run(traj):
    """Store something in a run, with a link."""
    explored = traj.parameters.explored
    product = explored.integer * explored.real
    stored = traj.f_add_result("$.product", product, comment="integer times real")
    group = traj.f_add_result_group("$.group", comment="of a run")
    group.f_add_result("several", explored.integer, mean=explored.array, note=explored.text)
    group.f_add_link("back", stored)
    traj.f_add_result("implicitly.placed", np.full(3, product))
    return traj.v_idx


def write(path):
    """Make a trajectory in an environment, run it and store everything."""
    from pypet import Environment

    environment = Environment(
        trajectory=NAME,
        comment="The tråjectory",
        filename=path,
        overwrite_file=True,
        add_time=False,
        log_config=None,
        git_repository=None,
        large_overview_tables=True,
    )
    traj = environment.trajectory
    add_parameters(traj)
    add_explored(traj)
    traj.v_annotations.f_set(**ANNOTATIONS)
    environment.run(run)
    add_results(traj)
    traj.f_add_link("link_to_group", traj.f_get("results.plain"))
    traj.results.f_add_link("link_to_leaf", traj.f_get("results.plain.integer"))
    traj.f_store()
    add_flagged(traj)
    add_shared(traj)
    environment.disable_logging()


def add_parameters(traj):
    """Add a parameter of each type."""
    from pypet import ArrayParameter, PickleParameter, SparseParameter

    for name, value in parameter_values().items():
        traj.f_add_parameter("plain." + name, value, comment=f"parameter `{name}`")
    traj.f_add_parameter("plain.empty", comment="no data")
    for name in ("array", "matrix", "integers", "texts", "integer", "text"):
        traj.f_add_parameter(ArrayParameter, "arrays." + name, parameter_values()[name])
    for name, value in matrices().items():
        traj.f_add_parameter(SparseParameter, "sparse." + name, value)
    traj.f_add_parameter(SparseParameter, "sparse.dense", np.eye(2))
    traj.f_add_parameter(PickleParameter, "pickled.mapping", {"a": [1, (2, None)]})
    traj.f_add_parameter(PickleParameter, "pickled.newer", {1, 2}, protocol=1)
    traj.f_add_derived_parameter("derived", 7, comment="derived from nothing")
    traj.parameters.plain.v_comment = "Of type `Parameter`"
    traj.parameters.plain.v_annotations.f_set(**ANNOTATIONS)
    traj.f_get("parameters.plain.integer").v_annotations.f_set(**ANNOTATIONS)
    traj.f_add_config("mine", "config", comment="my own")


def add_explored(traj):
    """Add explored parameters."""
    from pypet import ArrayParameter, PickleParameter, SparseParameter

    kinds = {"large": ArrayParameter, "sparse": SparseParameter, "pickled": PickleParameter}
    ranges = explored_values()
    for name, values in ranges.items():
        kind = kinds.get(name.rpartition(".")[2])
        args = (name, values[0]) if kind is None else (kind, name, values[0])
        traj.f_add_parameter(*args)
    traj.f_explore(ranges)


def add_results(traj):
    """Add results of each type."""
    from pypet import PickleResult, SparseResult

    for name, value in result_values().items():
        traj.f_add_result("plain." + name, value, comment=f"result `{name}`")
    traj.f_add_result("plain.empty")
    traj.f_add_result("several", 1, 2.5, "three", named=[4, 5])
    traj.f_add_result("nested", **{"a.b.c": 1, "a.b.d": np.arange(3), "e": "f"})
    traj.f_add_result(SparseResult, "sparse", plain=3, **matrices())
    traj.f_add_result(PickleResult, "pickled", anything={1, 2}, nothing=None)
    traj.f_add_result(PickleResult, "pickled_newer", anything=[{}], protocol=2)
    traj.f_add_leaf("elsewhere.leaf", 5)


def add_flagged(traj):
    """Store results in other ways than those that go with their types."""
    flags = {"earray": "EARRAY", "carray": "CARRAY", "array": "ARRAY", "vlarray": "VLARRAY"}
    result = traj.f_add_result("flagged", **{name: np.arange(5.0) for name in flags})
    traj.f_store_item(result, store_flags=flags)
    values = result_values()
    tabular = {name: values[name] for name in ("frame", "text_frame", "series")}
    traj.f_store_item(traj.f_add_result("tabular", **tabular), format="table")


def add_shared(traj):
    """Add shared data."""
    from pypet import (
        SharedArray,
        SharedCArray,
        SharedEArray,
        SharedPandasFrame,
        SharedResult,
        SharedTable,
        SharedVLArray,
    )

    handles = {
        "array": SharedArray(),
        "carray": SharedCArray(),
        "earray": SharedEArray(),
        "vlarray": SharedVLArray(),
        "table": SharedTable(),
        "frame": SharedPandasFrame(),
    }
    result = traj.f_add_result(SharedResult, "shared", ordinary=5, **handles)
    for name in ("array", "carray", "earray", "vlarray"):
        handles[name].create_shared_data(obj=np.arange(4.0))
    handles["earray"].append(np.ones(2))
    handles["vlarray"].append(np.ones(1))
    handles["table"].create_shared_data(first_row={"a": 1.5, "s": b"abc", "n": np.arange(2.0)})
    handles["frame"].create_shared_data(obj=pd.DataFrame({"a": [1, 2]}))
    handles["frame"].append(pd.DataFrame({"a": [3]}, index=[2]))
    assert result.f_get("ordinary") == 5


# ----- describing --------------------------------------------------------------------------------


def described(value):
    """Return a value with its types as text."""
    kind = type(value).__name__
    if isinstance(value, np.ndarray):
        dtype = "text" if value.dtype.kind == "U" else value.dtype.str
        return f"{kind} {dtype} {value.shape} {digest(value.tolist())}"
    if isinstance(value, np.generic):
        return f"numpy {value.dtype.str} {value.item()!r}"
    if isinstance(value, (list, tuple)):
        return f"{kind} {digest([described(part) for part in value])}"
    if isinstance(value, dict):
        return f"dict {digest(sorted((key, described(value[key])) for key in value))}"
    if isinstance(value, pd.DataFrame):
        columns = [(str(name), described(value[name])) for name in sorted(value.columns)]
        return f"{kind} {described_index(value.index)} {digest(columns)}"
    if isinstance(value, pd.Series):
        cells = value.tolist()
        return f"Series {value.name} {digest([described(cell) for cell in cells])}"
    if spsp.issparse(value):
        return f"{kind} {described(value.toarray())}"
    if kind.startswith("Shared"):
        content = value.read() if kind == "SharedPandasFrame" else value[:]
        return f"{kind} {described(content)}"
    return f"{kind} {value!r}"


def described_index(index):
    """Return the labels of a frame as text."""
    return digest([str(label) for label in index])


def digest(content):
    """Return content as text, shortened without losing differences."""
    import hashlib

    text = repr(content)
    if len(text) <= 400:
        return text
    return "{}... ({})".format(text[:60], hashlib.sha1(text.encode("utf8")).hexdigest())


def described_annotations(node):
    """Return the annotations of a node as text; scalars come back as those of numpy."""
    found = node.v_annotations.f_to_dict()
    return digest(
        sorted(
            (name, repr(getattr(value, "tolist", lambda kept=value: kept)()))
            for name, value in found.items()
        )
    )


def describe(traj):
    """Return all rows of a trajectory that was loaded in full."""
    rows = {
        "trajectory: comment": repr(traj.v_comment),
        "trajectory: length": repr(len(traj)),
        "trajectory: annotations": described_annotations(traj),
        "trajectory: explored": repr(sorted(traj.f_get_explored_parameters())),
        "trajectory: runs": repr(
            [
                (name, traj.f_get_run_information(name)["completed"])
                for name in sorted(traj.f_get_run_names())
            ]
        ),
        "trajectory: summaries of runs": digest(
            [
                # How sparse matrices are shown depends on the version of scipy.
                str(traj.f_get_run_information(name)["parameter_summary"]).partition("sparse")[0]
                for name in sorted(traj.f_get_run_names())
            ]
        ),
        "link: to a group": traj.f_get("link_to_group").v_full_name,
        "link: made in a run": traj.f_get("results.run_00000001.group.back").v_full_name,
        "link: to a leaf": traj.results.f_get("link_to_leaf").v_full_name,
    }
    for node in traj.f_iter_nodes(recursive=True):
        name = node.v_full_name
        if name.startswith("config.") and name != "config.mine":
            continue  # settings and versions of either side
        if node.v_comment:
            rows[name + ": comment"] = repr(node.v_comment)
        if not node.v_annotations.f_is_empty():
            rows[name + ": annotations"] = described_annotations(node)
        if node.v_is_leaf:
            rows.update(described_leaf(node))
    return rows


def described_leaf(leaf):
    """Return the rows of a leaf."""
    name, kind = leaf.v_full_name, leaf.f_get_class_name()
    if leaf.f_is_empty():
        return {name: kind + " empty"}
    if not leaf.v_is_parameter:
        return {
            f"{name} [{key}]": kind + " " + described(leaf.f_get(key)) for key in leaf.f_to_dict()
        }
    rows = {name: kind + " " + described(leaf.f_get())}
    if leaf.f_has_range():
        rows[name + ": range"] = digest([described(value) for value in leaf.f_get_range()])
    return rows


def expect():
    """Return the rows of the values themselves, as far as they have not been in a file."""
    rows = {}
    for name, value in parameter_values().items():
        rows["parameters.plain." + name] = "Parameter " + described(value)
    for name, value in result_values().items():
        rows[f"results.plain.{name} [{name}]"] = "Result " + described(value)
    for name, values in explored_values().items():
        rows[f"parameters.{name}: range"] = digest([described(value) for value in values])
    return rows


def read(path):
    """Return the rows of the trajectory in a file."""
    from pypet import load_trajectory

    return describe(load_trajectory(NAME, filename=path, load_data=2, force=True))


def main(verb, *args):
    """Write, read, or expect."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    if verb == "write":
        write(os.path.abspath(args[0]))
        return
    rows = read(os.path.abspath(args[0])) if verb == "read" else expect()
    with open(args[-1], "w") as stream:
        json.dump(rows, stream)


if __name__ == "__main__":
    main(*sys.argv[1:])
