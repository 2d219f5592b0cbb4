"""Large arrays are compressed past HDF5's own filters; no reader can tell."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

pytest.importorskip("h5py")
pytest.importorskip("tables")

import tables

from pypet import Trajectory, load_trajectory

KINDS = {
    "normal": lambda rng, n: rng.standard_normal(n),
    "float32": lambda rng, n: rng.standard_normal(n).astype(np.float32),
    "walk": lambda rng, n: np.cumsum(rng.standard_normal(n)),
    "sine": lambda rng, n: np.sin(np.arange(n) / 1000.0),
    "range": lambda rng, n: np.arange(n),
    "counts": lambda rng, n: rng.integers(0, 1000, n),
    "zeros": lambda rng, n: np.zeros(n),
    "complex": lambda rng, n: rng.standard_normal(n) + 1j,
}


def store(path, array, name="array", **kwargs):
    traj = Trajectory("fast", filename=str(path), **kwargs)
    traj.f_add_result("array", **{name: array})
    traj.f_store()


def stored_array(file, name="array"):
    return file.get_node(f"/fast/results/array/{name}")


@pytest.mark.parametrize(
    "shape", [(20_000,), (700, 131), (3, 70_001), (40, 50, 61), (600_000,), (1, 300_000)]
)
@pytest.mark.parametrize("dtype", [np.float64, np.int8, np.uint16, np.complex64, bool])
def test_every_shape_comes_back_equal(tmp_path, shape, dtype):
    rng = np.random.default_rng(3)
    array = (rng.standard_normal(shape) * 50).astype(dtype)
    store(tmp_path / "array.hdf5", array)
    loaded = load_trajectory("fast", filename=str(tmp_path / "array.hdf5"), load_data=2)
    np.testing.assert_array_equal(loaded.f_get("results.array").f_get(), array)
    assert loaded.f_get("results.array").f_get().dtype == array.dtype
    with tables.open_file(str(tmp_path / "array.hdf5")) as file:
        np.testing.assert_array_equal(stored_array(file).read(), array)


@pytest.mark.parametrize("array_order", ["F", "strided", "reversed"])
def test_memory_layout_does_not_matter(tmp_path, array_order):
    array = np.random.default_rng(4).standard_normal((300, 400))
    given = {"F": np.asfortranarray(array), "strided": np.repeat(array, 2, axis=1)[:, ::2]}.get(
        array_order, array[::-1][::-1]
    )
    store(tmp_path / "array.hdf5", given)
    with tables.open_file(str(tmp_path / "array.hdf5")) as file:
        np.testing.assert_array_equal(stored_array(file).read(), array)


@pytest.mark.parametrize(
    "settings", [{"complevel": 0}, {"shuffle": False}, {"fletcher32": True}, {"complevel": 1}]
)
def test_settings_hold(tmp_path, settings):
    array = np.random.default_rng(5).standard_normal(30_000)
    store(tmp_path / "array.hdf5", array, **settings)
    with tables.open_file(str(tmp_path / "array.hdf5")) as file:
        node = stored_array(file)
        np.testing.assert_array_equal(node.read(), array)
        assert node.filters.complevel == settings.get("complevel", 9)
        assert node.filters.shuffle == (
            settings.get("shuffle", True) and node.filters.complevel > 0
        )
        assert node.filters.fletcher32 == settings.get("fletcher32", False)


@pytest.mark.parametrize("kind", KINDS)
def test_sizes_are_close_to_those_of_zlib(tmp_path, kind):
    array = KINDS[kind](np.random.default_rng(6), 300_000)
    store(tmp_path / "array.hdf5", array, name=kind)
    with tables.open_file(str(tmp_path / "array.hdf5")) as file:
        node = stored_array(file, kind)
        size, rows = node.size_on_disk, node.chunkshape[0]
    reference = 0
    for start in range(0, len(array), rows):
        chunk = np.zeros(rows, array.dtype)
        part = array[start : start + rows]
        chunk[: len(part)] = part
        planes = chunk.view(np.uint8).reshape(-1, array.dtype.itemsize).T
        reference += len(zlib.compress(np.ascontiguousarray(planes), 9))
    assert size <= 1.03 * reference + 512


def test_a_choice_is_remembered_for_data_of_the_same_kind(monkeypatch):
    from pypet.storage_backends.hdf5.compression import deflate

    pytest.importorskip("isal")
    tried = []
    original = deflate._try
    monkeypatch.setattr(deflate, "_try", lambda *args: tried.append(args) or original(*args))
    chooser = deflate.Chooser()
    rng = np.random.default_rng(7)

    def choose(sample):
        return chooser.compressor_for("x", [sample], lambda: [sample], 9)

    for _ in range(5):
        choose(rng.standard_normal(16_384).tobytes())
    assert 1 <= len(tried) <= 2
    choose(bytes(131_072))
    assert len(tried) <= 3


def test_without_fast_libraries_hdf5_compresses(tmp_path, monkeypatch):
    from pypet.storage_backends.hdf5.compression import chunks, deflate

    for made in (deflate._isal, deflate._zlib_ng):
        made.cache_clear()
    monkeypatch.setattr(deflate, "is_installed", lambda name: False)
    monkeypatch.setattr(chunks, "_CHOOSER", deflate.Chooser())
    try:
        array = np.random.default_rng(8).standard_normal(30_000)
        store(tmp_path / "array.hdf5", array)
    finally:
        for made in (deflate._isal, deflate._zlib_ng):
            made.cache_clear()
    with tables.open_file(str(tmp_path / "array.hdf5")) as file:
        np.testing.assert_array_equal(stored_array(file).read(), array)
