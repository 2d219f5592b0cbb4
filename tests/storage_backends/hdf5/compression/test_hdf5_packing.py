"""Arrays that are compressed where they were made reach the file as if they had not been."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

pytest.importorskip("h5py")
pytest.importorskip("tables")

import tables

from pypet.records import StoreRequest
from tests.storage_backends.hdf5.record_makers import TRAJ, array, leaf, new_service

ARRAYS = {
    "numbers": lambda rng: rng.standard_normal((300, 401)),
    "text": lambda rng: rng.integers(65, 91, 200_000).astype("u1").view("S20"),
    "complex": lambda rng: rng.standard_normal(90_000) * 1j,
    "big-endian": lambda rng: rng.standard_normal(40_000).astype(">f8"),
    "bytes": lambda rng: rng.integers(0, 4, 300_000).astype(np.uint8),
}


def request_for(values, flag="CARRAY", **fields):
    item = array("data", values)._replace(flag=flag)
    return StoreRequest(TRAJ, (leaf("results.r", item, **fields),))


def travelled(request):
    """Return a request that was pickled, and how large it is without the large buffers."""
    buffers = []
    data = pickle.dumps(request, 5, buffer_callback=buffers.append)
    return pickle.loads(data, buffers=buffers), len(data)


def stored(folder, request, **settings):
    """Return values, filters and chunks of the array in a new file."""
    folder.mkdir()
    service = new_service(folder, **settings)
    service.apply(request)
    with tables.open_file(service.filename) as file:
        node = file.get_node(f"/{TRAJ}/results/r/data")
        return node.read(), node.filters, node.chunkshape


@pytest.mark.parametrize("kind", ARRAYS)
@pytest.mark.parametrize("flag", ["CARRAY", "EARRAY"])
@pytest.mark.parametrize(
    "settings", [{}, {"shuffle": False}, {"complevel": 0}, {"fletcher32": True}], ids=str
)
def test_a_packed_request_leaves_the_same_dataset(tmp_path, kind, flag, settings):
    values = ARRAYS[kind](np.random.default_rng(5))
    request = request_for(values, flag)
    (tmp_path / "packing").mkdir()
    packed = new_service(tmp_path / "packing", **settings).packed(request)
    packed, size = travelled(packed)
    assert size < 20_000 or settings.get("fletcher32")
    plain = stored(tmp_path / "plain", request, **settings)
    sent = stored(tmp_path / "sent", packed, **settings)
    np.testing.assert_array_equal(sent[0], values)
    assert sent[0].dtype == plain[0].dtype
    assert sent[1:] == plain[1:]


@pytest.mark.parametrize("settings", [{"shuffle": False}, {"complevel": 0}], ids=str)
def test_a_writer_with_other_settings_packs_anew(tmp_path, settings):
    values = np.random.default_rng(6).standard_normal((1_001, 333))
    (tmp_path / "packing").mkdir()
    packed = new_service(tmp_path / "packing").packed(request_for(values))
    sent = stored(tmp_path / "sent", packed, **settings)
    plain = stored(tmp_path / "plain", request_for(values), **settings)
    np.testing.assert_array_equal(sent[0], values)
    assert sent[1:] == plain[1:]


def test_options_of_the_call_are_heeded(tmp_path):
    values = np.random.default_rng(6).standard_normal(200_000)
    request = request_for(values, options={"chunkshape": (50_000,), "complevel": 1})
    (tmp_path / "packing").mkdir()
    sent = stored(tmp_path / "sent", new_service(tmp_path / "packing").packed(request))
    np.testing.assert_array_equal(sent[0], values)
    assert sent[1].complevel == 1
    assert sent[2] == (50_000,)


def test_small_arrays_travel_as_they_are(tmp_path):
    request = request_for(np.arange(1_000))
    assert new_service(tmp_path).packed(request) is request
