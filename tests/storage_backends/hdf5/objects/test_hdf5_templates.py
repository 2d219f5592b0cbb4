"""What is kept to store nodes of a known shape faster does not grow without end."""

from __future__ import annotations

import pytest

pytest.importorskip("h5py")

from h5py import h5f

from pypet import Trajectory, load_trajectory
from pypet.storage_backends.hdf5 import HDF5StorageService
from pypet.storage_backends.hdf5.objects.templates import MOST_DATASETS

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
