"""Large arrays arrive at the writer as they were."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from pypet import Environment, Result, load_trajectory
from pypet import pypetconstants as constants
from pypet.interfaces import StorageService

LARGE = 4 << 20


def store_arrays(traj):
    """Store arrays that are pickled and ones that travel beside the pickle, ever larger ones."""
    for number, length in enumerate((10, 5_000, 100_000, 300_000 * (1 + traj.v_idx))):
        rng = np.random.default_rng([traj.v_idx, number])
        traj.f_add_result(f"z{number}", rng.standard_normal(length), rng.integers(0, 3, length))
        traj.f_store_item(f"z{number}")


class Gathering(StorageService):
    """Keeps what was stored during runs, and writes it all when something is stored."""

    def __init__(self, filename):
        self.filename = filename
        self.kept = []

    def store(self, msg, stuff_to_store, *args, **kwargs):
        if msg == constants.LIST:
            self.kept += [node for _, node, *_ in stuff_to_store if isinstance(node, Result)]
        if self.kept:
            values = [(node.v_full_name, node.f_get(0)) for node in self.kept]
            with open(self.filename, "wb") as stream:
                pickle.dump(values, stream)

    def load(self, msg, stuff_to_load, *args, **kwargs):
        raise NotImplementedError


def store_constants(traj):
    for number in range(4):
        traj.f_add_result(f"z{number}", np.full(LARGE // 8, traj.v_idx + number / 10))
        traj.f_store_item(f"z{number}")


def test_a_service_may_keep_what_it_was_given(tmp_path):
    with Environment(
        trajectory="t",
        storage_service=Gathering,
        filename=str(tmp_path / "kept"),
        multiproc=True,
        ncores=1,
        use_pool=True,
        wrap_mode="QUEUE",
        automatic_storing=False,
        log_config=None,
        report_progress=False,
    ) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": range(3)})
        env.run(store_constants)
    kept = dict(pickle.loads((tmp_path / "kept").read_bytes()))
    assert len(kept) == 12
    for name, values in kept.items():
        run, number = name.split(".")[-2:]
        assert set(values) == {int(run[4:]) + int(number[1:]) / 10}


@pytest.mark.parametrize("start_method", ["fork", "spawn"])
@pytest.mark.parametrize("use_pool", [True, False])
def test_arrays_of_all_sizes_are_stored_whole(tmp_path, start_method, use_pool):
    pytest.importorskip("h5py")
    with Environment(
        trajectory="t",
        filename=str(tmp_path / "runs.hdf5"),
        multiproc=True,
        ncores=2,
        wrap_mode="QUEUE",
        use_pool=use_pool,
        start_method=start_method,
        log_config=None,
        report_progress=False,
    ) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": range(6)})
        env.run(store_arrays)
    traj = load_trajectory(name="t", filename=str(tmp_path / "runs.hdf5"), load_data=2)
    for index in range(6):
        for number in range(4):
            rng = np.random.default_rng([index, number])
            result = traj.f_get(f"results.runs.run_{index:08d}.z{number}")
            floats = result.f_get(0)
            np.testing.assert_array_equal(floats, rng.standard_normal(len(floats)))
            np.testing.assert_array_equal(result.f_get(1), rng.integers(0, 3, len(floats)))
