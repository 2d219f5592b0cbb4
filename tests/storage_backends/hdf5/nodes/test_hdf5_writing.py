"""Putting, completing, overwriting and deleting; and what is left when something fails."""

import logging

import numpy as np
import pytest

pytest.importorskip("h5py")

import h5py

from pypet.errors import DataNotInStorageError
from pypet.records import (
    ArrayItem,
    Column,
    DeleteItems,
    DeleteLink,
    DeleteNode,
    FrameItem,
    PutLink,
    TableItem,
)
from tests.storage_backends.hdf5.record_makers import (
    apply,
    array,
    group,
    items_of,
    leaf,
    meta,
    new_service,
    number,
    paths,
    read,
)


def run(index, value, name="z"):
    path = f"results.runs.run_{index:08}"
    return [group(path), leaf(f"{path}.{name}", number(name, value), comment="product")]


def content(service):
    """Return every group, dataset and attribute of the file in comparable form."""
    found = {}

    def note(name, node):
        attributes = {key: str(value) for key, value in node.attrs.items() if key != "SRVC_LEAF"}
        data = node[()].tobytes() if isinstance(node, h5py.Dataset) else None
        found[name] = (attributes, data)

    with h5py.File(service.filename, "r") as file:
        file.visititems(note)
    return found


def unstorable(name="bad"):
    return ArrayItem(name, "ARRAY", np.array([object()], dtype=object), "COLL_LIST", None)


# ----- putting ---------------------------------------------------------------------------------


def test_many_runs_come_back_in_order(tmp_path):
    service = new_service(tmp_path)
    service.open()
    for index in range(300):
        apply(service, *run(index, index))
    service.close()
    records = [record for record in read(service, "results.runs") if record.kind == "leaf"]
    assert [record.items[0].value.item() for record in records] == list(range(300))


def test_runs_of_one_request_come_back(tmp_path):
    service = new_service(tmp_path)
    groups = [run(index, index)[0] for index in range(200)]
    leaves = [run(index, index)[1] for index in range(200)]
    apply(service, group("results"), group("results.runs"), *groups, *leaves)
    records = [record for record in read(service, "results.runs") if record.kind == "leaf"]
    assert [record.items[0].value.item() for record in records] == list(range(200))


def test_a_run_may_be_completed_later(tmp_path):
    service = new_service(tmp_path)
    service.open()
    apply(service, *run(3, 1.0))
    apply(service, *run(4, 1.0))
    apply(service, *run(3, 2.0, name="y"), leaf("results.runs.run_00000003.sub.w"))
    service.close()
    assert paths(read(service, "results.runs.run_00000003")) == [
        "results.runs.run_00000003",
        "results.runs.run_00000003.sub",
        "results.runs.run_00000003.sub.w",
        "results.runs.run_00000003.y",
        "results.runs.run_00000003.z",
    ]


def test_missing_parents_become_plain_groups(tmp_path):
    service = new_service(tmp_path)
    apply(service, leaf("results.a.b.c", number("c", 1)))
    kinds = [(record.path, record.kind, record.class_name) for record in read(service, "results")]
    assert kinds == [
        ("results", "group", None),
        ("results.a", "group", None),
        ("results.a.b", "group", None),
        ("results.a.b.c", "leaf", "Result"),
    ]


def test_a_parent_may_come_after_its_child(tmp_path):
    service = new_service(tmp_path)
    apply(
        service,
        leaf("results.a.b", number("x", 1)),
        group("results.a", class_name="MyGroup", comment="late"),
    )
    record = next(record for record in read(service) if record.path == "results.a")
    assert (record.class_name, record.comment) == ("MyGroup", "late")


def test_the_same_node_twice_in_one_request_is_completed(tmp_path):
    service = new_service(tmp_path)
    apply(service, leaf("results.a.b", number("x", 1)), leaf("results.a.b", number("y", 2)))
    assert list(items_of(service, "results.a.b")) == ["x", "y"]


def all_sorts():
    columns = tuple(Column(f"c{i}", np.arange(2) + i, "COLL_SCALAR", "int") for i in range(600))
    return [
        meta(3, is_new=False, comment="t", explorations=("parameters.x",)),
        group("results.g", class_name="MyGroup", comment="c", annotations={"a": 1}),
        leaf("results.g.empty"),
        leaf("results.g.r", number("x", 1), number("n.e.s.t", 2), array("big", np.arange(9999))),
        leaf("results.g.split", TableItem("t", "TABLE", columns), comment="kept once"),
        leaf("results.g.purged", number("x", 1), comment="kept once"),
        PutLink("results.l", "results.g"),
        *run(5, 1.5),
    ]


def test_a_request_applied_twice_has_the_effect_of_once(tmp_path):
    service = new_service(tmp_path)
    apply(service, *all_sorts())
    once = content(service)
    apply(service, *all_sorts())
    assert content(service) == once
    assert "traj/results/g/purged/x" in once


def test_plain_putting_changes_nothing_that_is_there(tmp_path):
    service = new_service(tmp_path)
    apply(service, leaf("results.r", number("x", 1), comment="first", annotations={"a": 1}))
    apply(service, group("results.g", comment="first", annotations={"a": 1}))
    apply(
        service,
        leaf(
            "results.r",
            number("x", 9),
            number("y", 2),
            comment="second",
            annotations={"a": 9, "b": 2},
            class_name="Other",
        ),
        group("results.g", comment="second", annotations={"a": 9, "b": 2}),
    )
    for path in ("results.r", "results.g"):
        (record,) = read(service, path, recursive=False)
        assert record.comment == "first"
        assert dict(record.annotations) == {"a": 1, "b": 2}
        assert record.class_name in ("Result", None)
    assert items_of(service, "results.r")["x"].value == 1
    assert items_of(service, "results.r")["y"].value == 2


def test_overwriting_replaces_everything_that_is_given(tmp_path):
    service = new_service(tmp_path)
    before = [number("x", 1), number("kept", 5), number("n.a", 1), array("v", np.arange(3000))]
    apply(service, leaf("results.r", *before, comment="first", annotations={"a": 1, "gone": 2}))
    after = [number("x", 9), number("n.a", 8), array("v", np.arange(2))]
    apply(
        service,
        leaf("results.r", *after, comment="second", annotations={"a": 3}, overwrite=True),
    )
    (record,) = read(service, "results.r")
    assert record.comment == "second"
    assert dict(record.annotations) == {"a": 3}
    values = {name: item.value.tolist() for name, item in items_of(service, "results.r").items()}
    assert values == {"x": 9, "kept": 5, "n.a": 8, "v": [0, 1]}


def test_only_the_named_items_are_overwritten(tmp_path, caplog):
    service = new_service(tmp_path)
    apply(service, leaf("results.r", number("x", 1), number("y", 1), comment="first"))
    with caplog.at_level(logging.WARNING):
        apply(
            service,
            leaf(
                "results.r",
                number("x", 2),
                number("y", 2),
                number("new", 2),
                comment="second",
                overwrite=frozenset(("x", "new", "unheard_of")),
            ),
        )
    values = {name: item.value.item() for name, item in items_of(service, "results.r").items()}
    assert values == {"x": 2, "y": 1, "new": 2}
    assert read(service, "results.r")[0].comment == "first"
    assert "unheard_of" in caplog.text
    assert "'new'" in caplog.text


def test_overwritten_pandas_items_are_replaced(tmp_path):
    pd = pytest.importorskip("pandas")
    service = new_service(tmp_path)
    for values in ([1, 2], [3]):
        frame = FrameItem("f", "FRAME", pd.DataFrame({"a": values}))
        apply(service, leaf("results.r", frame, overwrite=True))
    assert items_of(service, "results.r")["f"].value["a"].tolist() == [3]
    with h5py.File(service.filename, "r") as file:
        assert list(file["traj/results/r"]) == ["f"]


def test_a_bare_group_becomes_the_leaf_that_belongs_there(tmp_path):
    service = new_service(tmp_path)
    apply(service, group("results.r"))
    apply(service, leaf("results.r", number("x", 1), comment="late", annotations={"a": 1}))
    (record,) = read(service, "results.r")
    assert (record.kind, record.class_name, record.comment) == ("leaf", "Result", "late")
    assert dict(record.annotations) == {"a": 1}


def test_options_choose_how_datasets_are_made(tmp_path):
    service = new_service(tmp_path)
    item = array("x", np.arange(100))
    apply(service, leaf("results.r", item, options={"complevel": 0, "chunkshape": (10,)}))
    apply(service, leaf("results.s", item, options={"fletcher32": True, "title": "mine"}))
    apply(service, leaf("results.t", item))
    with h5py.File(service.filename, "r") as file:
        chosen, other, plain = (file[f"traj/results/{name}/x"] for name in "rst")
        assert (chosen.compression, chosen.chunks) == (None, (10,))
        assert (other.compression_opts, other.fletcher32) == (9, True)
        assert other.attrs["TITLE"].decode() == "mine"
        assert (plain.compression_opts, plain.fletcher32) == (9, False)


def test_options_that_nobody_reads_are_refused(tmp_path):
    service = new_service(tmp_path)
    with pytest.raises(TypeError, match="colour"):
        apply(service, leaf("results.r", number("x", 1), options={"colour": "red"}))
    assert "results.r" not in paths(read(service))


# ----- failing ---------------------------------------------------------------------------------


def test_a_new_leaf_that_fails_leaves_nothing(tmp_path):
    service = new_service(tmp_path)
    with pytest.raises(TypeError, match="dtype object") as caught:
        apply(
            service,
            leaf("results.ok", number("x", 1)),
            leaf("results.r", number("x", 1), unstorable()),
            leaf("results.never", number("x", 1)),
        )
    assert "results.r" in caught.value.__notes__[0]
    assert str(service.filename) in caught.value.__notes__[0]
    assert paths(read(service)) == ["", "results", "results.ok"]


def test_a_leaf_that_fails_keeps_what_it_had(tmp_path):
    service = new_service(tmp_path)
    apply(service, leaf("results.r", number("x", 1)))
    with pytest.raises(TypeError):
        apply(service, leaf("results.r", number("y", 2), unstorable()))
    assert list(items_of(service, "results.r")) == ["x"]


def test_overwriting_that_fails_keeps_the_old_item(tmp_path):
    service = new_service(tmp_path)
    apply(service, leaf("results.r", number("bad", 1)))
    with pytest.raises(TypeError):
        apply(service, leaf("results.r", unstorable(), overwrite=True))
    assert items_of(service, "results.r")["bad"].value == 1


def test_pandas_data_that_fails_leaves_nothing(tmp_path):
    pd = pytest.importorskip("pandas")
    service = new_service(tmp_path, pandas_format="table")
    good = FrameItem("f", "FRAME", pd.DataFrame({"a": [1]}))
    bad = FrameItem("f", "FRAME", pd.DataFrame({"a": [1, 2]}, index=[1j, 2]))
    with pytest.raises(TypeError) as caught:
        apply(service, leaf("results.ok", good), leaf("results.r", number("x", 1), bad))
    assert "results.r" in caught.value.__notes__[0]
    assert paths(read(service)) == ["", "results", "results.ok"]
    assert items_of(service, "results.ok")["f"].value["a"].tolist() == [1]


def test_storing_goes_on_after_a_failure(tmp_path):
    service = new_service(tmp_path)
    service.open()
    with pytest.raises(TypeError):
        apply(service, *run(0, 1), leaf("results.runs.run_00000000.bad", unstorable()))
    apply(service, *run(0, 1), *run(1, 1))
    service.close()
    assert len(read(service, "results.runs")) == 5


def test_a_link_in_the_place_of_a_node_is_an_error(tmp_path):
    service = new_service(tmp_path)
    apply(service, group("results.g"), PutLink("results.l", "results.g"))
    with pytest.raises(ValueError, match="link"):
        apply(service, leaf("results.l", number("x", 1)))


# ----- links and deleting ----------------------------------------------------------------------


def test_links_are_soft_links_to_absolute_paths(tmp_path):
    service = new_service(tmp_path)
    apply(service, group("results.g"), PutLink("results.far.l", "results.g"))
    apply(service, PutLink("results.far.l", "results.other"), PutLink("top", "results.g"))
    with h5py.File(service.filename, "r") as file:
        assert file["traj/results/far"].get("l", getlink=True).path == "/traj/results/g"
        assert file["traj"].get("top", getlink=True).path == "/traj/results/g"


def test_links_are_deleted_but_not_their_targets(tmp_path):
    service = new_service(tmp_path)
    apply(service, group("results.g"), PutLink("results.l", "results.g"))
    apply(service, DeleteLink("results.l"))
    assert paths(read(service)) == ["", "results", "results.g"]
    with pytest.raises(DataNotInStorageError, match=r"results\.l"):
        apply(service, DeleteLink("results.l"))
    with pytest.raises(DataNotInStorageError, match="not a link"):
        apply(service, DeleteLink("results.g"))


def test_groups_with_children_are_deleted_only_recursively(tmp_path):
    service = new_service(tmp_path)
    apply(service, leaf("results.g.r", number("x", 1)), group("results.bare"))
    with pytest.raises(TypeError, match="recursive"):
        apply(service, DeleteNode("results.g", recursive=False))
    apply(service, DeleteNode("results.bare", recursive=False))
    apply(service, DeleteNode("results.g.r", recursive=False))
    apply(service, DeleteNode("results", recursive=True))
    assert paths(read(service)) == [""]
    with pytest.raises(DataNotInStorageError, match="results"):
        apply(service, DeleteNode("results", recursive=True))


def test_deleted_nodes_can_be_put_again(tmp_path):
    service = new_service(tmp_path)
    service.open()
    apply(service, *run(0, 1))
    apply(service, DeleteNode("results.runs", recursive=True), *run(0, 2))
    apply(service, *run(1, 3))
    service.close()
    records = [record for record in read(service) if record.kind == "leaf"]
    assert [record.items[0].value.item() for record in records] == [2, 3]


def test_single_items_are_deleted(tmp_path, caplog):
    service = new_service(tmp_path)
    items = [number("x", 1), number("y", 1), number("n.a", 1), number("n.b", 1), number("m.c", 1)]
    apply(service, leaf("results.r", *items))
    with caplog.at_level(logging.WARNING):
        apply(service, DeleteItems("results.r", ("x", "n.a", "m.c", "unheard_of", "y.z")))
    assert list(items_of(service, "results.r")) == ["n.b", "y"]
    assert "unheard_of" in caplog.text
    assert "y.z" in caplog.text
    with h5py.File(service.filename, "r") as file:
        assert "m" not in file["traj/results/r"]
    with pytest.raises(DataNotInStorageError):
        apply(service, DeleteItems("results.nowhere", ("x",)))
