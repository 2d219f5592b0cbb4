"""Files of pypet 0.7 are read completely, and written again they have the same layout."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("h5py")
pytest.importorskip("tables")
pytest.importorskip("pandas")

from pypet.encoding import decode_item
from pypet.records import LEAF, LINK, PutLink, PutMeta, PutNode, StoreRequest
from pypet.storage_backends.hdf5 import HDF5StorageService
from tests.storage_backends.hdf5.pytables_layout import layout

SAMPLES = Path(__file__).parents[3] / "data" / "samples"
NAMES = [
    ("runs", "runs_traj"),
    ("env", "env_traj"),
    ("params", "params"),
    ("backup_of_a", "a_traj"),
    ("merged", "b_traj"),
]


@pytest.fixture(params=NAMES, ids="/".join)
def sample(request):
    file, name = request.param
    side = json.loads((SAMPLES / f"{file}.json").read_text())
    return SAMPLES / f"{file}.hdf5", name, side["trajectories"][name]


def read_all(service, name):
    return list(
        service.read_nodes(name, "", recursive=True, max_depth=None, wants=lambda path: True)
    )


def plain(value):
    """Return a value in the form of the sidecars."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value


def test_meta_data_of_samples_is_read(sample):
    path, name, side = sample
    meta = HDF5StorageService(filename=path).read_meta(name, with_runs=True)
    expected = side["expected_after_full_load"]
    assert meta.info.name == expected["name"]
    assert meta.info.comment == expected["comment"]
    assert meta.info.length == expected["length"]
    assert meta.info.version == expected["pypet_version"]
    assert meta.info.timestamp == expected["timestamp"]
    assert sorted(meta.explorations) == sorted(expected["explored"])
    assert len(meta.runs) == expected["length"]
    for run_name, record in expected["runs"].items():
        idx = record["idx"]
        assert run_name == f"run_{idx:08}"
        assert meta.runs.completed[idx] == record["completed"]
        assert meta.runs.timestamp[idx] == record["timestamp"]
        assert meta.runs.text["parameter_summary"][idx].decode() == record["parameter_summary"]
        assert meta.runs.text["runtime"][idx].decode() == record["runtime"]


def test_nodes_of_samples_are_read(sample):
    path, name, side = sample
    expected = side["expected_after_full_load"]
    records = {record.path: record for record in read_all(HDF5StorageService(filename=path), name)}
    links = {path: record.target for path, record in records.items() if record.kind == LINK}
    assert links == expected["links"]
    for leaf_path, leaf in expected["leaves"].items():
        record = records[leaf_path]
        assert record.kind == LEAF
        assert record.class_name == leaf["class"]
        assert record.comment == leaf.get("comment", "")
        for item_name, value in leaf.get("items", {}).items():
            if leaf["class"] == "Result" and value["t"] in ("int", "float", "str", "ndarray"):
                item = next(item for item in record.items if item.name == item_name)
                found = decode_item(item)
                assert type(found).__name__ == value["t"]
                assert plain(found) == value["v"]
    for group_path in expected["groups"]:
        assert records[group_path].kind == "group"


def test_samples_written_again_have_the_same_layout(sample, tmp_path):
    path, name, side = sample
    source = HDF5StorageService(filename=path)
    meta = source.read_meta(name, with_runs=True)
    operations = [
        PutMeta(
            meta.info, meta.annotations, meta.runs, meta.explorations, meta.settings, is_new=True
        )
    ]
    records = [record for record in read_all(source, name) if record.path]
    operations += [
        PutNode(
            record.path,
            record.kind == LEAF,
            record.class_name,
            record.comment,
            record.annotations,
            record.items or (),
        )
        for record in records
        if record.kind != LINK
    ]
    operations += [PutLink(record.path, record.target) for record in records if record.kind == LINK]
    copy = HDF5StorageService(filename=tmp_path / "copy.hdf5")
    copy.apply(StoreRequest(name, tuple(operations)))
    found, expected = layout(copy.filename, name), layout(path, name)
    expected.pop(f"/{name}/overview/explored_parameters_overview")
    found.pop(f"/{name}/overview/explored_parameters_overview")
    assert set(found) == set(expected)
    assert set(side["layout"]) - {"@file"} <= {
        *found,
        f"/{name}/overview/explored_parameters_overview",
    }
    for node, description in expected.items():
        np.testing.assert_equal(found[node], description)


def test_run_tables_of_samples_written_again_are_equal(sample, tmp_path):
    path, name, _ = sample
    meta = HDF5StorageService(filename=path).read_meta(name, with_runs=True)
    copy = HDF5StorageService(filename=tmp_path / "copy.hdf5")
    put = PutMeta(meta.info, {}, meta.runs, meta.explorations, {}, is_new=True)
    copy.apply(StoreRequest(name, (put,)))
    again = copy.read_meta(name, with_runs=True).runs
    for column in ("idx", "completed", "timestamp", "finish_timestamp", "environment"):
        np.testing.assert_array_equal(getattr(again, column), getattr(meta.runs, column))
    assert again.hexshas == meta.runs.hexshas
    for column, values in meta.runs.text.items():
        assert again.text[column].tolist() == values.tolist()
