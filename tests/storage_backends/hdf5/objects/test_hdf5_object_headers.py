"""What is read from object headers directly is what HDF5 says; what is not plain is left to it."""

import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("h5py")

import h5py

from pypet.records import ArrayItem, PutLink
from pypet.storage_backends.hdf5 import HDF5StorageService
from pypet.storage_backends.hdf5.nodes.plain_nodes import PlainNodes
from pypet.storage_backends.hdf5.objects import object_headers
from pypet.storage_backends.hdf5.objects.object_headers import (
    HeaderReader,
    checksum_function,
    compact_data,
    shape_of,
)
from pypet.support.tricks import is_on
from tests.storage_backends.hdf5.record_makers import (
    TRAJ,
    apply,
    array,
    group,
    leaf,
    new_service,
    number,
    read,
)

pytestmark = pytest.mark.skipif(not is_on("object_headers"), reason="switched off by PYPET_PLAIN")

SAMPLES = Path(__file__).parents[3] / "data" / "samples"


def header_of(path, node):
    with h5py.File(path, "r") as file:
        address = h5py.h5o.get_info(file[node].id).addr
        return HeaderReader(file.id).read(address)


@pytest.fixture
def service(tmp_path):
    service = new_service(tmp_path)
    run, other = "results.runs.run_00000003", "results.runs.run_00000004"
    apply(
        service,
        group(run, comment="Größe"),
        leaf(f"{run}.z", number("z", 2.5), comment="product"),
        leaf(f"{run}.list", ArrayItem("l", "ARRAY", np.arange(6), "COLL_LIST", "int")),
        leaf(f"{run}.mixed", number("a", 1), array("b", np.arange(9)), number("n.e", 1)),
        leaf(f"{run}.noted", annotations={"a": 1}),
        leaf(f"{other}.many", *[number(f"n{index}", index) for index in range(30)]),
        leaf(f"{other}.texts", ArrayItem("t", "ARRAY", np.array(b"text"), "COLL_SCALAR", "str")),
        leaf(f"{other}.large", ArrayItem("t", "ARRAY", np.arange(999), "COLL_LIST", "int")),
        leaf(f"{other}.empty"),
        PutLink(f"{run}.link", f"{run}.z"),
    )
    apply(service, leaf(f"{run}.z", number("later", 1), annotations={}))
    return service


def test_plain_leaves_are_known(service):
    path = service.filename
    found = header_of(path, "traj/results/runs/run_00000003/z")
    assert found.is_group
    assert found.attributes[b"SRVC_LEAF"] is True
    assert found.attributes[b"SRVC_INIT_CLASS_NAME"] == "Result"
    assert found.attributes[b"SRVC_INIT_COMMENT"] == "product"
    assert found.attributes[b"TITLE"] == ""
    assert found.attributes[b"FILTERS"] is None
    assert [link.name for link in found.links] == [b"z", b"later"]
    dataset = header_of(path, "traj/results/runs/run_00000003/list/l")
    assert not dataset.is_group
    assert shape_of(dataset.space) == (6,)
    assert compact_data(dataset.layout) == np.arange(6).tobytes()


def test_links_are_reported_from_children(service):
    found = header_of(service.filename, "traj/results/runs/run_00000003")
    addresses = {link.name: link.address for link in found.links}
    assert found.attributes[b"SRVC_INIT_COMMENT"] == "Größe"
    assert addresses.pop(b"link") is None
    assert None not in addresses.values()


def test_what_is_kept_elsewhere_is_not_known(service):
    path = service.filename
    with h5py.File(path, "a", libver=("v110", "v110")) as file:
        node = file["traj/results/runs/run_00000003/noted"]
        for index in range(100):
            node.attrs[f"a{index}"] = index
        dense = file.create_group("dense")
        for index in range(20):
            dense.create_group(f"g{index}")
    assert header_of(path, "traj/results/runs/run_00000003/noted") is None
    assert header_of(path, "dense") is None
    for values in ("run_00000004/large/t", "run_00000003/mixed/b"):
        assert compact_data(header_of(path, f"traj/results/runs/{values}").layout) is None


def test_things_that_are_no_headers_are_not_known(service):
    with h5py.File(service.filename, "r") as file:
        reader = HeaderReader(file.id)
        for address in (0, 1, 100, os.path.getsize(service.filename) - 5, 10**9):
            assert reader.read(address) is None
    for name in ("runs", "params"):
        assert header_of(SAMPLES / f"{name}.hdf5", "/") is None


def comparable(records):
    return [
        record._replace(
            items=[(*item[:2], *[str(part) for part in item[2:]]) for item in record.items or ()],
            annotations=str(record.annotations),
        )
        for record in records
    ]


def test_both_ways_of_reading_give_the_same(service, monkeypatch):
    direct = comparable(read(service))
    used = []
    plain_record = PlainNodes.record

    def noticed(self, header, path):
        record = plain_record(self, header, path)
        if record is not None:
            used.append(path)
        return record

    monkeypatch.setattr(PlainNodes, "record", noticed)
    assert comparable(read(service)) == direct
    assert "results.runs.run_00000003.z" in used
    assert "results.runs.run_00000003.noted" not in used
    monkeypatch.setattr(PlainNodes, "header", lambda self, address: None)
    assert comparable(read(service)) == direct


def test_headers_are_not_read_while_somebody_writes(service, monkeypatch):
    def refuse(self, address):
        raise AssertionError("the file may change")

    monkeypatch.setattr(HeaderReader, "read", refuse)
    with service.kept_open(TRAJ):
        assert len(read(service)) > 5
    other = HDF5StorageService(filename=service.filename)
    with pytest.raises(AssertionError, match="may change"):
        read(other)


def test_items_are_chosen_in_both_ways(service, monkeypatch):
    path = "results.runs"

    def names():
        records = read(service, path, item_filter=lambda name: name in ("z", "n7", "b"))
        return {record.path: [item.name for item in record.items or ()] for record in records}

    direct = names()
    assert direct["results.runs.run_00000004.many"] == ["n7"]
    monkeypatch.setattr(PlainNodes, "header", lambda self, address: None)
    assert names() == direct


# ----- damage ----------------------------------------------------------------------------------


def extent_of_header(path, node):
    """Return where the first block of a header begins, and how many bytes it has."""
    with h5py.File(path, "r") as file:
        address = h5py.h5o.get_info(file[node].id).addr
        return address, h5py.h5o.get_info(file[node].id).hdr.space.total


def damaged_headers(path, node):
    """Yield what is read of a header when one bit after another is changed."""
    address, size = extent_of_header(path, node)
    for position in range(size):
        with open(path, "r+b") as stream:
            stream.seek(address + position)
            byte = stream.read(1)[0]
            stream.seek(address + position)
            stream.write(bytes([byte ^ 1 << position % 8]))
        with open(path, "rb") as stream:
            yield HeaderReader(_Opened(stream.fileno())).read(address)
        with open(path, "r+b") as stream:
            stream.seek(address + position)
            stream.write(bytes([byte]))


class _Opened:
    """What a reader needs of a file; the library might refuse to open a damaged one."""

    def __init__(self, descriptor):
        self._descriptor = descriptor

    def get_vfd_handle(self):
        return self._descriptor


RUN = "traj/results/runs/run_00000003"
IN_ONE_BLOCK = [f"{RUN}/list", f"{RUN}/list/l"]


@pytest.mark.skipif(checksum_function() is None, reason="the HDF5 library shows no checksums")
@pytest.mark.parametrize("node", IN_ONE_BLOCK)
def test_no_changed_bit_of_a_header_is_taken_for_what_was_written(service, node):
    assert header_of(service.filename, node) is not None
    assert set(damaged_headers(service.filename, node)) == {None}


def test_headers_that_cannot_be_checked_are_left_to_the_library(service, monkeypatch):
    def refuse(self, address):
        raise AssertionError("nobody would notice damage")

    direct = comparable(read(service))
    monkeypatch.setattr(object_headers, "checksum_function", lambda: None)
    monkeypatch.setattr(HeaderReader, "read", refuse)
    assert comparable(read(service)) == direct
