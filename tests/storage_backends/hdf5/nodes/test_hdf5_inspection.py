"""Stored nodes are described from their headers, whatever is damaged beside them."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("h5py")

import h5py

from pypet import Trajectory
from pypet.records import DAMAGED, GROUP, LEAF, LINK
from pypet.storage_backends.hdf5 import HDF5StorageService

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def filename(tmp_path):
    filename = str(tmp_path / "a.hdf5")
    traj = Trajectory("t", filename=filename)
    traj.f_add_parameter("group.x", 3, comment="a number")
    traj.f_add_result("r", scalar=1.5, array=np.zeros((2, 300)), **{"nested.text": "abc"})
    traj.results.f_add_link("link", traj.f_get("r"))
    traj.f_store()
    return filename


@pytest.fixture
def service(filename):
    return HDF5StorageService(filename=filename, unpickle="never")


def nodes_of(service):
    return {node.path: node for node in service.inspect_nodes("t")}


def items_of(node):
    return {item.name: item for item in node.items}


def test_all_nodes_are_described_parents_first(service):
    nodes = nodes_of(service)
    kinds = {path: node.kind for path, node in nodes.items() if not path.startswith("config")}
    assert kinds == {
        "parameters": GROUP,
        "parameters.group": GROUP,
        "parameters.group.x": LEAF,
        "results": GROUP,
        "results.r": LEAF,
        "results.link": LINK,
    }
    paths = list(nodes)
    assert all(path.rpartition(".")[0] in ("", *paths[:at]) for at, path in enumerate(paths))
    assert not any(node.problem for node in nodes.values())
    assert nodes["results.link"].target == "results.r"
    assert nodes["parameters.group.x"].comment == "a number"
    assert nodes["parameters.group.x"].class_name == "Parameter"


def test_items_are_described_without_their_values(service):
    items = items_of(nodes_of(service)["results.r"])
    assert sorted(items) == ["array", "nested.text", "scalar"]
    scalar, array, text = items["scalar"], items["array"], items["nested.text"]
    assert (scalar.flag, scalar.shape, scalar.dtype, scalar.scalar) == (
        ("ARRAY", (), "float64", "float")
    )
    assert (array.flag, array.shape, array.nbytes) == ("CARRAY", (2, 300), 4800)
    assert 0 < array.stored_bytes < 4800
    assert text.scalar == "str"


def test_plain_nodes_are_described_alike_by_both_ways(service, monkeypatch):
    from pypet.storage_backends.hdf5.nodes.plain_nodes import PlainNodes

    fast = list(service.inspect_nodes("t"))
    monkeypatch.setattr(PlainNodes, "header", lambda self, address: None)
    assert list(service.inspect_nodes("t")) == fast


def test_items_can_be_read_though_an_annotation_cannot(filename, service):
    with h5py.File(filename, "r+") as file:
        file["t/parameters/group/x"].attrs["SRVC_AN_odd"] = np.bytes_(b"cos\nsystem\n.")
    (item,) = service.inspect_items("t", "parameters.group.x")
    assert item.columns[0].values.tolist() == [3]


@pytest.mark.parametrize("where", ["parameters/group", "results/r", "results/r/array"])
def test_what_is_damaged_says_so_and_the_rest_is_described(filename, service, where):
    before = nodes_of(service)
    with h5py.File(filename, "r") as file:
        address = h5py.h5o.get_info(file[f"t/{where}"].id).addr
    with open(filename, "r+b") as stream:
        stream.seek(address)
        stream.write(b"\xaa" * 40)
    after = nodes_of(service)
    name = where.replace("/", ".")
    if name == "results.r.array":
        items = items_of(after.pop("results.r"))
        assert "cannot be read" in items["array"].problem
        assert items["scalar"] == items_of(before.pop("results.r"))["scalar"]
    else:
        damaged = after.pop(name)
        assert damaged.kind == DAMAGED
        assert "cannot be read" in damaged.problem
        before = {path: node for path, node in before.items() if f"{path}.".find(f"{name}.")}
    assert after == before


def test_strange_objects_are_described_and_nothing_is_followed(filename, service):
    with h5py.File(filename, "r+") as file:
        results = file["t/results"]
        results["dataset"] = np.arange(3)
        results["outside"] = h5py.ExternalLink("other.hdf5", "/x")
        results["broken"] = h5py.SoftLink("/t/results/gone")
        results["again"] = results["r"]
        results["round"] = file["t"]
        layout = h5py.VirtualLayout((3,), "i8")
        layout[:] = h5py.VirtualSource("other.hdf5", "x", (3,))
        results["r"].create_virtual_dataset("virtual", layout)
        results["r/inner"] = h5py.SoftLink("/t/results/r/scalar")
    nodes = nodes_of(service)
    assert nodes["results.dataset"].problem == "is an HDF5 dataset and no node"
    assert "in another file" in nodes["results.outside"].problem
    assert nodes["results.broken"].problem == "is broken"
    aliases = {nodes["results.again"].path, nodes["results.r"].path}
    assert {nodes[path].kind for path in aliases} == {LEAF, LINK}
    assert nodes["results.round"].target == ""
    leaf = next(nodes[path] for path in aliases if nodes[path].kind == LEAF)
    items = items_of(leaf)
    assert "a virtual dataset of values in 'other.hdf5'" in items["virtual"].problem
    assert "is a link" in items["inner"].problem
