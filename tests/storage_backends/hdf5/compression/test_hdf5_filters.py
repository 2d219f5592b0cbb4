"""Data compressed by other libraries than zlib is what PyTables would have made of it."""

from __future__ import annotations

import itertools
import logging

import numpy as np
import pytest

pytest.importorskip("h5py")
pytest.importorskip("tables")
pytest.importorskip("hdf5plugin")

import h5py
import pandas as pd
import tables

from pypet import Environment, Trajectory
from pypet.errors import StorageFormatError
from pypet.pypetconstants import LOAD_DATA
from pypet.records import ArrayItem, Column, FrameItem, TableItem
from pypet.storage_backends.hdf5 import HDF5StorageService
from pypet.storage_backends.hdf5.compression.filters import (
    BLOSC,
    BLOSC2,
    BZIP2,
    LZO,
    make_available,
)
from pypet.storage_backends.hdf5.objects.reading_limits import find_inflated_chunk
from pypet.storage_backends.hdf5.settings.settings import full_name
from tests.processes import run_python
from tests.storage_backends.hdf5.compression.compressed_runs import run
from tests.storage_backends.hdf5.record_makers import (
    TRAJ,
    apply,
    array,
    items_of,
    leaf,
    meta,
    new_service,
)

HAS_LZO = bool(tables.which_lib_version("lzo"))
NEEDS_LZO = pytest.mark.skipif(not HAS_LZO, reason="PyTables was built without LZO")
LIBRARIES = [
    "blosc",
    "blosc:lz4",
    "blosc:lz4hc",
    "blosc:zlib",
    "blosc:zstd",
    "bzip2",
    "blosc2",
    "blosc2:zstd",
]
VALUES = np.random.default_rng(3).integers(0, 50, (300, 70)).astype(float)


def table_item(rows=5000):
    columns = (
        Column("n", np.arange(rows), "COLL_SCALAR", "int"),
        Column("t", np.array([b"some text"] * rows), "COLL_SCALAR", "str"),
    )
    return TableItem("table", "TABLE", columns)


def all_kinds():
    ragged = np.empty(3, dtype=object)
    ragged[:] = [np.arange(4), np.arange(0), np.arange(1000)]
    frame = pd.DataFrame({"a": np.arange(500), "t": ["text"] * 500})
    return [
        array("array", VALUES),
        array("small", np.arange(3)),
        array("long", np.zeros(300_000)),
        array("growing", VALUES)._replace(flag="EARRAY"),
        ArrayItem("ragged", "VLARRAY", ragged, "COLL_NDARRAY", None),
        table_item(),
        TableItem("dict", "DICT", (Column("k", np.array([7]), "COLL_SCALAR", "int"),)),
        FrameItem("frame", "FRAME", frame),
    ]


def check_items(items):
    for item in all_kinds():
        found = items[item.name]
        if isinstance(item, FrameItem):
            pd.testing.assert_frame_equal(found.value, item.value)
        elif isinstance(item, TableItem):
            for column, expected in zip(found.columns, item.columns, strict=True):
                np.testing.assert_array_equal(column.values, expected.values)
        elif item.flag == "VLARRAY":
            assert [row.tolist() for row in found.value] == [row.tolist() for row in item.value]
        else:
            np.testing.assert_array_equal(found.value, item.value)


OTHER_SETTINGS = ({"shuffle": False}, {"fletcher32": True}, {"pandas_format": "table"})


@pytest.mark.parametrize(
    ("complib", "settings"),
    [
        *[(complib, {}) for complib in LIBRARIES],
        pytest.param("lzo", {}, marks=NEEDS_LZO),
        *itertools.product(["blosc:lz4", "bzip2", "blosc2"], OTHER_SETTINGS),
        *[pytest.param("lzo", settings, marks=NEEDS_LZO) for settings in OTHER_SETTINGS],
    ],
    ids=str,
)
def test_every_kind_of_item_comes_back_here_and_through_pytables(tmp_path, complib, settings):
    service = new_service(tmp_path, complib=complib, complevel=4, **settings)
    apply(service, leaf("results.r", *all_kinds()))
    check_items(items_of(service, "results.r"))
    with tables.open_file(service.filename) as file:
        group = file.get_node(f"/{TRAJ}/results/r")
        np.testing.assert_array_equal(group.array.read(), VALUES)
        np.testing.assert_array_equal(group.growing.read(), VALUES)
        np.testing.assert_array_equal(group.small.read(), np.arange(3))
        np.testing.assert_array_equal(group.table.col("n"), np.arange(5000))
        np.testing.assert_array_equal(group.table.read_where("n > 4990")["n"], range(4991, 5000))
        assert group.dict.col("k").tolist() == [7]
        assert [len(row) for row in group.ragged.read()] == [4, 0, 1000]
        filters = group.array.filters
        assert filters.complib.removesuffix(":blosclz") == complib
        assert filters.complevel == 4
        assert filters.shuffle == settings.get("shuffle", True)
        assert filters.fletcher32 == settings.get("fletcher32", False)
        assert group.array.size_on_disk < VALUES.nbytes / 2


@pytest.mark.parametrize("complib", [*LIBRARIES, pytest.param("lzo", marks=NEEDS_LZO)])
@pytest.mark.parametrize("shuffle", [True, False])
def test_datasets_tell_filters_what_pytables_tells_them(tmp_path, complib, shuffle):
    service = new_service(tmp_path, complib=complib, complevel=4, shuffle=shuffle)
    service.checksums = False  # which tables would need for blosc
    growing = array("growing", VALUES)._replace(flag="EARRAY")
    apply(service, leaf("results.r", array("array", VALUES), growing, table_item()))
    with tables.open_file(service.filename, "a") as file:
        group = file.get_node(f"/{TRAJ}/results/r")
        filters = tables.Filters(4, complib, shuffle=shuffle)
        for name, make in (
            ("array", file.create_carray),
            ("growing", file.create_earray),
            ("table", file.create_table),
        ):
            node = group._f_get_child(name)
            options = {"filters": filters, "chunkshape": node.chunkshape}
            if name != "table":
                options["byteorder"] = "little"
            make(group, f"{name}_twin", obj=node.read(), **options)
    with h5py.File(service.filename) as file:
        group = file[f"{TRAJ}/results/r"]
        for name in ("array", "growing", "table"):
            assert _pipeline(group[name]) == _pipeline(group[f"{name}_twin"]), name


def _pipeline(dataset):
    properties = dataset.id.get_create_plist()
    found = [properties.get_filter(index)[:3] for index in range(properties.get_nfilters())]
    if found[-1][0] == BLOSC2:  # PyTables optimizes the size of its blocks for tables
        return [(number, flags, values[2:3] + values[4:7]) for number, flags, values in found]
    return found


# ----- the settings in the file ----------------------------------------------------------------


def settings_table(service):
    with tables.open_file(service.filename) as file:
        table = file.get_node(f"/{TRAJ}/overview/hdf5_settings")
        column = table.col("complib")
        noted = table._v_attrs.SRVC_COMPLIB if "SRVC_COMPLIB" in table._v_attrs else None
        return column.dtype, column.tolist(), noted


def complib_of(service):
    return service.read_meta(TRAJ, with_runs=False).settings["complib"]


@pytest.mark.parametrize(
    ("complib", "library", "noted"),
    [
        ("zlib", b"zlib", None),
        ("blosc", b"blosc", None),
        ("blosc:lz4", b"blosc", "blosc:lz4"),
        ("blosc2:zstd", b"blosc2", "blosc2:zstd"),
    ],
)
def test_the_column_of_the_library_stays_as_narrow_as_ever(tmp_path, complib, library, noted):
    service = new_service(tmp_path, complib=complib)
    assert settings_table(service) == (np.dtype("S7"), [library], noted)
    assert complib_of(service) == complib


def test_another_library_takes_the_note_about_the_former_with_it(tmp_path):
    service = new_service(tmp_path, complib="blosc:lz4")
    for complib, noted in (("blosc:zstd", "blosc:zstd"), ("blosc", None), ("zlib", None)):
        apply(service, meta(1, is_new=False, settings={"complib": complib}))
        assert settings_table(service)[2] == noted
        assert complib_of(service) == complib
    with h5py.File(service.filename) as file:
        names = list(file[f"{TRAJ}/overview/hdf5_settings"].attrs)
    assert "SRVC_CHECKSUM" in names


@pytest.mark.parametrize(
    ("kept", "noted", "complib"),
    [
        ("blosc:l", "", "blosc"),  # cut by established versions
        ("blosc:l", "blosc:lz4", "blosc:lz4"),
        ("blosc2:", "", "blosc2"),
        ("blosc:lz4", "", "blosc:lz4"),  # in a wider column
        ("zlib", "blosc:lz4", "zlib"),  # changed since
        ("blosc2", "blosc:lz4", "blosc2"),
        ("blosc", "nonsense", "blosc"),
        ("lzo", "", "lzo"),
    ],
)
def test_names_that_others_have_cut_or_changed_are_understood(kept, noted, complib):
    assert full_name(kept, noted) == complib


# ----- mixed files -----------------------------------------------------------------------------


@pytest.mark.parametrize("complib", ["blosc", "bzip2"])
def test_a_file_that_pytables_compressed_can_be_extended(tmp_path, complib):
    service = new_service(tmp_path)
    apply(service, leaf("results.a", comment="same"), leaf("parameters.p"))
    recompress_overview(service.filename, complib)
    apply(service, meta(3, is_new=False, settings={"complib": complib}))
    apply(service, leaf("results.b", *all_kinds(), comment="same"), leaf("parameters.q"))
    assert len(service.read_meta(TRAJ, with_runs=True).runs) == 3
    check_items(items_of(service, "results.b"))
    with tables.open_file(service.filename) as file:
        overview = file.root.traj.overview
        assert overview.parameters_overview.col("name").tolist() == [b"p", b"q"]
        assert overview.runs.filters.complib == complib
        assert overview.runs.nrows == 3


def recompress_overview(filename, complib, level=5):
    """Have PyTables write the overview tables with other filters."""
    filters = tables.Filters(complevel=level, complib=complib)
    with tables.open_file(filename, "a") as file:
        for table in file.list_nodes("/traj/overview"):
            name = table.name
            table.copy(newname="copy", filters=filters)
            file.remove_node(f"/traj/overview/{name}")
            file.rename_node("/traj/overview/copy", name)


def test_the_library_may_change_between_sessions(tmp_path):
    libraries = ["zlib", "blosc:lz4", "bzip2", "blosc2", "zlib", "blosc:zstd"]
    service = new_service(tmp_path)
    for number, complib in enumerate(libraries):
        other = HDF5StorageService(filename=service.filename, complib=complib)
        apply(other, meta(number + 1, is_new=False, settings={"complib": complib}))
        apply(other, leaf(f"results.r{number}", *all_kinds(), comment=complib))
    for number in range(len(libraries)):
        check_items(items_of(service, f"results.r{number}"))
    assert len(service.read_meta(TRAJ, with_runs=True).runs) == len(libraries)


@pytest.mark.parametrize("complib", ["blosc:lz4", "lzo"])
def test_without_compression_no_filter_is_needed(tmp_path, complib):
    service = new_service(tmp_path, complib=complib, complevel=0)
    apply(service, leaf("results.r", *all_kinds()))
    check_items(items_of(service, "results.r"))
    with tables.open_file(service.filename) as file:
        assert file.get_node(f"/{TRAJ}/results/r/array").filters.complevel == 0
        assert file.get_node(f"/{TRAJ}/results/r/table").filters.complevel == 0


@pytest.mark.parametrize("complib", ["blosc:lz4", "bzip2"])
def test_single_items_may_be_compressed_otherwise(tmp_path, complib):
    service = new_service(tmp_path)
    options = {"complib": complib, "complevel": 2}
    apply(service, leaf("results.r", array("array", VALUES), options=options))
    with tables.open_file(service.filename) as file:
        assert file.get_node(f"/{TRAJ}/results/r/array").filters.complib == complib
    np.testing.assert_array_equal(items_of(service, "results.r")["array"].value, VALUES)


@pytest.mark.parametrize("complib", ["blosc", "bzip2"])
def test_whatever_pytables_compressed_is_read_with_limits(tmp_path, complib):
    service = new_service(tmp_path, complib=complib)
    apply(service, leaf("results.r", *all_kinds()))
    careful = HDF5StorageService(filename=service.filename, unpickle="safe")
    records = list(
        careful.read_nodes(TRAJ, "results.r", recursive=False, max_depth=None, wants=lambda _: True)
    )
    check_items({item.name: item for item in records[0].items})


@pytest.mark.parametrize("complib", ["blosc", "bzip2"])
def test_ragged_rows_of_pytables_survive_being_copied(tmp_path, complib):
    service = new_service(tmp_path)
    apply(service, leaf("results.r"))
    content = ["many", "words", "of", "text"]
    with tables.open_file(service.filename, "a") as file:
        for number in range(30):
            node = file.create_vlarray(
                f"/{TRAJ}/results/r",
                f"v{number}",
                tables.UInt8Atom(),
                filters=tables.Filters(9, complib),
                chunkshape=8,
            )
            for word in content:
                node.append(np.frombuffer(word.encode(), np.uint8))
            node._v_attrs.SRVC_STORE = "VLARRAY"
    backup = service.backup_service(TRAJ, str(tmp_path / "backup.hdf5"))
    service.copy_to(backup, TRAJ)
    items = items_of(backup, "results.r")
    assert len(items) == 30
    for item in items.values():
        assert [bytes(row).decode() for row in item.value] == content


# ----- what is missing -------------------------------------------------------------------------


@pytest.mark.skipif(HAS_LZO, reason="PyTables was built with LZO")
def test_lzo_is_refused_before_anything_happens_where_it_is_missing(tmp_path):
    filename = tmp_path / "kept.hdf5"
    filename.write_bytes(b"precious")
    message = r"complib='lzo'.*built with LZO.*'blosc' or 'zlib'"
    with pytest.raises(ValueError, match=message):
        HDF5StorageService(filename=filename, complib="lzo", overwrite_file=True)
    with pytest.raises(ValueError, match=message):
        Environment(
            trajectory="t",
            filename=str(filename),
            complib="lzo",
            overwrite_file=True,
            log_config=None,
        )
    assert filename.read_bytes() == b"precious"


@pytest.mark.skipif(HAS_LZO, reason="PyTables was built with LZO")
@pytest.mark.parametrize("place", ["results/r/array", "overview/info"])
@pytest.mark.parametrize("unpickle", ["trust", "safe"])
def test_data_of_a_library_that_nobody_has_says_what_to_install(tmp_path, place, unpickle):
    service = new_service(tmp_path)
    apply(service, leaf("results.r", array("array", VALUES)))
    with h5py.File(service.filename, "a") as file:
        put_under_lzo(file, f"{TRAJ}/{place}")
    other = HDF5StorageService(filename=service.filename, unpickle=unpickle)
    message = rf"{place} in .* is compressed with lzo.*built with LZO"
    with pytest.raises(StorageFormatError, match=message):
        read_all(other)


def read_all(service):
    service.read_meta(TRAJ, with_runs=False)
    list(service.read_nodes(TRAJ, "", recursive=True, max_depth=None, wants=lambda _: True))


def put_under_lzo(file, path):
    """Replace a dataset by one of a filter that HDF5 does not have."""
    old = file[path]
    chunk = old.id.read_direct_chunk((0,) * old.ndim)[1]
    parent, name = old.parent, old.name.rpartition("/")[2]
    properties = old.id.get_create_plist()
    properties.remove_filter(h5py.h5z.FILTER_ALL)
    properties.set_filter(LZO, h5py.h5z.FLAG_OPTIONAL, (5, 11, 4))
    made = h5py.h5d.create(
        parent.id, b"replacement", old.id.get_type(), old.id.get_space(), properties
    )
    made.write_direct_chunk((0,) * old.ndim, chunk)
    for attribute, value in old.attrs.items():
        h5py.Dataset(made).attrs[attribute] = value
    del parent[name]
    parent.move("replacement", name)


def test_who_cannot_read_blosc2_is_said(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        HDF5StorageService(filename=tmp_path / "x.hdf5", complib="blosc:zstd")
        assert not caplog.records
        HDF5StorageService(filename=tmp_path / "x.hdf5", complib="blosc2:zstd")
    (record,) = caplog.records
    assert "cannot be read with PyTables before 3.8" in record.getMessage()


@pytest.mark.parametrize(
    ("complib", "message"),
    [
        ("zstd", "'blosc:zstd'"),
        ("rar", "one of zlib, lzo, bzip2, blosc, blosc2, not 'rar'"),
        ("blosc:snappy", "blosclz, lz4, lz4hc, zlib, zstd"),
    ],
)
def test_unknown_names_are_refused(tmp_path, complib, message):
    with pytest.raises(ValueError, match=message):
        HDF5StorageService(filename=tmp_path / "x.hdf5", complib=complib)
    service = HDF5StorageService(filename=tmp_path / "x.hdf5")
    with pytest.raises(ValueError, match=message):
        service.complib = complib


WITHOUT_PLUGINS = """
import sys
sys.modules["hdf5plugin"] = None
from pypet.storage_backends.hdf5 import HDF5StorageService
from tests.storage_backends.hdf5.compression.without_filter_plugins import {name}
{name}({filename!r})
"""


@pytest.mark.parametrize(
    "name", ["read_through_pytables", "refuse_to_write", "convert_the_overview"]
)
def test_without_hdf5plugin(tmp_path, name):
    """Filters stay registered with HDF5 as long as a process lives."""
    service = new_service(tmp_path, complib="blosc")
    frame = all_kinds()[-1]
    apply(service, leaf("results.r", array("array", VALUES), table_item(), frame))
    code = WITHOUT_PLUGINS.format(name=name, filename=service.filename)
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr


def test_hdf5plugin_is_imported_for_its_filters_only(tmp_path):
    code = f"""
import sys
from pypet import Environment
with Environment(trajectory="t", filename={str(tmp_path)!r}, log_config=None) as env:
    env.traj.f_add_parameter("x", 1)
    env.traj.f_store()
assert "hdf5plugin" not in sys.modules
"""
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr


# ----- what chunks say about themselves --------------------------------------------------------


@pytest.mark.parametrize("complib", ["blosc", "blosc2", "bzip2"])
def test_content_far_larger_than_its_chunk_is_found(tmp_path, complib):
    number = {"blosc": BLOSC, "blosc2": BLOSC2, "bzip2": BZIP2}[complib]
    assert make_available(number)
    service = new_service(tmp_path, complib=complib)
    apply(service, leaf("results.r", array("array", np.zeros(100_000))))
    with h5py.File(service.filename) as file:
        dataset = file[f"{TRAJ}/results/r/array"].id
        chunk = int(np.prod(dataset.get_create_plist().get_chunk())) * 8
        assert find_inflated_chunk(dataset, number, lambda stored: chunk) is None
        assert find_inflated_chunk(dataset, number, lambda stored: chunk - 1) == (0,)


def test_damaged_rows_of_blosc_are_noticed(tmp_path):
    service = new_service(tmp_path, complib="blosc", shuffle=False)
    apply(service, meta(2000, is_new=False))
    with h5py.File(service.filename, "r") as file:
        dataset = file[f"{TRAJ}/overview/runs"].id
        places = [dataset.get_chunk_info(index) for index in range(dataset.get_num_chunks())]
    with open(service.filename, "r+b") as stream:
        stream.seek(places[0].byte_offset + places[0].size - 20)
        content = stream.read(1)
        stream.seek(-1, 1)
        stream.write(bytes([content[0] ^ 0x55]))
    with h5py.File(service.filename, "r") as file, pytest.raises(OSError):
        file[f"{TRAJ}/overview/runs"][:]


# ----- runs ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"wrap_mode": "LOCK"},
        {"wrap_mode": "QUEUE"},
        {"wrap_mode": "PIPE"},
        {"wrap_mode": "LOCAL"},
        {"wrap_mode": "LOCK", "use_pool": True, "start_method": "spawn"},
        {"wrap_mode": "QUEUE", "use_pool": True, "start_method": "spawn"},
    ],
    ids=str,
)
def test_runs_store_through_every_wrap_mode(tmp_path, options):
    if options:
        options = {"multiproc": True, "ncores": 2, **options}
    filename = str(tmp_path / "runs.hdf5")
    with Environment(
        trajectory="t", filename=filename, complib="blosc:lz4", log_config=None, **options
    ) as env:
        env.traj.f_add_parameter("x", 0.0)
        env.traj.f_explore({"x": [1.0, 2.0, 3.0]})
        env.run(run)
    traj = Trajectory("t")
    traj.f_load(filename=filename, load_data=LOAD_DATA)
    assert traj.v_storage_service.complib == traj.config.hdf5.complib == "blosc:lz4"
    for index, name in enumerate(sorted(traj.f_get_run_names())):
        result = traj.f_get(f"results.runs.{name}.z")
        np.testing.assert_array_equal(result.a, np.full(40_000, index + 1.0))
        assert result.d == {"x": index + 1.0}
        assert result.f["t"].tolist() == ["x"]
    with tables.open_file(filename) as file:
        assert file.root.t.results.runs.run_00000002.z.a.filters.complib == "blosc:lz4"
