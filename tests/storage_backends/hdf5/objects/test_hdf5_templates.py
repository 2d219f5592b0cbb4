"""Nodes of a known shape are stored faster, but as all others; what is kept has an end."""

from __future__ import annotations

import tempfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("h5py")

import h5py
from h5py import h5f

from pypet import Trajectory, load_trajectory
from pypet.storage_backends.hdf5 import HDF5StorageService
from pypet.storage_backends.hdf5.objects.templates import MOST_DATASETS, TIMES_WITHOUT

ITEMS = 100


def open_datasets():
    return h5f.get_obj_count(h5f.OBJ_ALL, h5f.OBJ_DATASET)


def test_ever_new_shapes_leave_few_datasets_open(tmp_path):
    traj = Trajectory("t", storage_service=HDF5StorageService(filename=str(tmp_path / "t.hdf5")))
    traj.f_store()
    shapes = 2 * MOST_DATASETS // ITEMS + 2
    for number in [*range(shapes), 0, 1]:
        values = {f"shape_{number}_{item}": item for item in range(ITEMS)}
        name = f"r{number}" if f"r{number}" not in traj.results else f"again{number}"
        traj.f_store_item(traj.f_add_result(name, **values))
    assert open_datasets() <= MOST_DATASETS
    loaded = load_trajectory("t", storage_service=traj.v_storage_service, load_data=2)
    for name, number in (("r0", 0), ("again0", 0), ("again1", 1), (f"r{shapes - 1}", shapes - 1)):
        expected = {f"shape_{number}_{item}": item for item in range(ITEMS)}
        assert loaded.f_get(f"results.{name}").f_to_dict() == expected


names = st.sampled_from(["a", "b", "ab", "zeta", "deep"])
values = st.one_of(
    st.integers(-5, 5),
    st.floats(allow_nan=False),
    st.text("aü\n", max_size=3),
    st.lists(st.integers(0, 3), max_size=3),
    st.dictionaries(names, st.booleans(), max_size=2),
    st.builds(np.zeros, st.sampled_from([(0,), (3,), (2, 3), (300,)])),
)
leaves = st.fixed_dictionaries(
    {
        "path": st.lists(names, min_size=1, max_size=3).map(".".join),
        "items": st.dictionaries(names, values, max_size=3),
        "comment": st.text("aü", max_size=3),
        "annotations": st.dictionaries(
            names, st.integers() | st.text("aü", max_size=3), max_size=2
        ),
    }
)


def attributes_of(node):
    return {
        name: (str(node.attrs.get_id(name).dtype), np.asarray(value).tolist())
        for name, value in node.attrs.items()
    }


def content_of(group):
    """Return all that a group says and has, and how it is stored."""
    found = {"": attributes_of(group)}

    def look(name, node):
        found[name] = attributes_of(node)
        if isinstance(node, h5py.Dataset):
            found[name]["data"] = node.dtype, node[()].tobytes(), node.maxshape, node.chunks
            found[name]["filters"] = node.compression_opts, node.shuffle, node.fletcher32

    group.visititems(look)
    return found


def add_leaves(group, described):
    for each in described:
        location, _, name = each["path"].rpartition(".")
        parent = group
        for part in filter(None, location.split(".")):
            if part not in parent:
                parent.f_add_result_group(part)
            parent = parent.f_get(part)
            if parent.v_is_leaf:
                return
        if name not in parent:
            leaf = parent.f_add_result(name, comment=each["comment"], **each["items"])
            leaf.v_annotations.f_set(**each["annotations"])


@settings(max_examples=40, deadline=None)
@given(st.lists(leaves, min_size=1, max_size=5))
def test_a_subtree_is_stored_from_a_template_as_it_is_node_by_node(described):
    with tempfile.TemporaryDirectory() as folder:
        service = HDF5StorageService(
            filename=f"{folder}/t.hdf5", purge_duplicate_comments=False, summary_tables=False
        )
        traj = Trajectory("t", storage_service=service)
        traj.f_store()
        for number in range(TIMES_WITHOUT + 2):
            add_leaves(traj.f_add_result_group(f"r{number}"), described)
            traj.f_store()
        with h5py.File(f"{folder}/t.hdf5") as file:
            first, *others = [content_of(group) for group in file["t/results"].values()]
        assert others == [first] * (TIMES_WITHOUT + 1)
