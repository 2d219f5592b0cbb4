"""What is read through an overlay is what would be read had its requests been applied."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypet.errors import DataNotInStorageError, StorageFormatError
from pypet.records import (
    DeleteItems,
    DeleteLink,
    DeleteNode,
    NodeRecord,
    PutLink,
    StoreRequest,
)
from pypet.services.overlay import Overlay
from pypet.services.record_tree import RecordTree
from pypet.storage_backends.memory import MemoryStorageService
from tests.storage_backends.hdf5.record_makers import TRAJ, array, group, leaf, meta, number
from tests.storage_backends.random_requests import (
    GROUPS,
    LEAVES,
    LINKS,
    NAMES,
    built,
    operations,
    plain,
    put_leaf,
)

PATHS = ["", *GROUPS, *LEAVES, *LINKS, "results.nothing", f"{LINKS[0]}.below"]

some_operations = st.one_of(
    operations,
    operations,
    put_leaf,
    built(DeleteNode, st.sampled_from(LINKS), st.booleans()),
    built(PutLink, st.just(LEAVES[0]), st.just("results")),
)
some_requests = st.lists(
    st.lists(some_operations, min_size=1, max_size=5).map(
        lambda made: StoreRequest(TRAJ, tuple(made), replayed=True)
    ),
    max_size=4,
)


def apply(service: Any, *made: Any, trajectory: str = TRAJ) -> None:
    service.apply(StoreRequest(trajectory, made))


def new_memory(kind: type[MemoryStorageService] = MemoryStorageService) -> MemoryStorageService:
    service = kind()
    apply(service, meta())
    return service


def apply_all(service: Any, requests: list[StoreRequest]) -> None:
    """Apply requests; an operation that cannot be carried out has no effect."""
    for request in requests:
        for operation in request.operations:
            with suppress(ValueError):  # a link is where a leaf should be
                service.apply(request._replace(operations=(operation,)))


def outcome(service: Any, path: str, **options: Any) -> Any:
    options = {"recursive": True, "max_depth": None, "wants": everything, **options}
    try:
        return [plain(record) for record in service.read_nodes(TRAJ, path, **options)]
    except DataNotInStorageError:
        return None


def everything(path: str) -> bool:
    return True


def nothing(path: str) -> bool:
    return False


# ----- as if applied ---------------------------------------------------------------------------


@settings(deadline=None, max_examples=200)
@given(
    some_requests,
    some_requests,
    st.sampled_from(PATHS),
    st.booleans(),
    st.sampled_from([None, 0, 1, 2]),
    st.frozensets(st.sampled_from(LEAVES)),
    st.sampled_from([None, frozenset(NAMES[:2])]),
)
def test_a_read_is_that_of_a_storage_with_everything_applied(
    stored, pending, path, recursive, max_depth, wanted, chosen
):
    base, applied = new_memory(), new_memory()
    apply_all(base, stored)
    apply_all(applied, stored)
    apply_all(applied, pending)
    options = {
        "recursive": recursive,
        "max_depth": max_depth,
        "wants": lambda name: name not in wanted,
        "item_filter": None if chosen is None else chosen.__contains__,
    }
    before = outcome(base, "")
    assert outcome(Overlay(base, pending), path, **options) == outcome(applied, path, **options)
    assert outcome(base, "") == before


@settings(deadline=None, max_examples=50)
@given(some_requests, some_requests)
def test_every_path_is_as_applied_while_requests_come_in(stored, pending):
    base, applied = new_memory(), new_memory()
    apply_all(base, stored)
    apply_all(applied, stored)
    overlay = Overlay(base)
    for request in pending:
        overlay.add(request)
        apply_all(applied, [request])
        for path in PATHS:
            assert outcome(overlay, path) == outcome(applied, path)
    overlay.clear()
    assert outcome(overlay, "") == outcome(base, "")


@settings(deadline=None, max_examples=100)
@given(some_requests, some_requests, st.lists(some_operations, min_size=1, max_size=3))
def test_what_cannot_be_deleted_is_told_before_it_is_added(stored, pending, made):
    base, applied = new_memory(), new_memory()
    apply_all(base, stored)
    apply_all(applied, stored)
    apply_all(applied, pending)
    request = StoreRequest(TRAJ, tuple(made))
    overlay = Overlay(base, pending)
    try:
        applied.apply(request)
    except ValueError:
        return  # something that is put, which is not looked at
    except (DataNotInStorageError, TypeError) as error:
        with pytest.raises(type(error)):
            overlay.check(request)
        overlay.check(request._replace(replayed=True))
    else:
        overlay.check(request)


def test_many_new_nodes_in_a_group_that_is_stored(monkeypatch):
    base, applied = new_memory(), new_memory()
    for service in (base, applied):
        apply(service, leaf("results.r3", number("x", 1)), leaf("results.s", number("x", 1)))
    pending = StoreRequest(
        TRAJ, tuple(leaf(f"results.r{index}", number("x", index)) for index in range(50))
    )
    applied.apply(pending)
    reads = []
    read = base.read_nodes

    def counted(*args: Any, **options: Any) -> Iterator[NodeRecord]:
        reads.append(args)
        return read(*args, **options)

    monkeypatch.setattr(base, "read_nodes", counted)
    assert outcome(Overlay(base, [pending]), "") == outcome(applied, "")
    assert len(reads) < 10


def test_what_no_request_concerns_is_passed_through(monkeypatch):
    base = new_memory()
    asked = []

    def read_nodes(*args: Any, **options: Any) -> Iterator[NodeRecord]:
        asked.append((args, options))
        return iter(())

    monkeypatch.setattr(base, "read_nodes", read_nodes)
    overlay = Overlay(base, [StoreRequest(TRAJ, (leaf("results.a.x"),))])
    options = {"recursive": True, "max_depth": 3, "wants": nothing, "item_filter": everything}
    for trajectory, path in ((TRAJ, "results.b"), (TRAJ, "results.ab"), ("other", "results.a")):
        list(overlay.read_nodes(trajectory, path, **options))
        assert asked == [((trajectory, path), options)]
        asked.clear()


def test_a_single_node_takes_no_time_for_what_waits_below_it(monkeypatch):
    base = new_memory()
    apply(base, leaf("results.r1", number("x", 1)))
    made = [leaf(f"results.r{index}", number("x", index)) for index in range(500)]
    overlay = Overlay(base, [StoreRequest(TRAJ, tuple(made))])
    applied = []
    apply_one = RecordTree.apply

    def counted(tree: RecordTree, operation: Any) -> None:
        applied.append(operation)
        apply_one(tree, operation)

    monkeypatch.setattr(RecordTree, "apply", counted)
    assert [each[0] for each in outcome(overlay, "results", recursive=False)] == ["results"]
    assert [each[0] for each in outcome(overlay, "results.r7", recursive=False)] == ["results.r7"]
    assert len(applied) < 10


def test_the_rest_of_the_storage_comes_when_it_is_asked_for():
    """A large storage is not read for the sake of a few new nodes."""
    base = new_memory()
    apply(base, *(leaf(f"results.r{index:03}", number("x", index)) for index in range(100)))
    wanted: list[str] = []

    def wants(path: str) -> bool:
        wanted.append(path)
        return True

    overlay = Overlay(base, [StoreRequest(TRAJ, (leaf("results.r050a", number("x", 1)),))])
    records = overlay.read_nodes(TRAJ, "results", recursive=True, max_depth=None, wants=wants)
    for _ in range(5):
        next(records)
    assert len(wanted) < 10
    wanted.clear()
    names = [record.path for record in records]
    assert names.index("results.r050a") == names.index("results.r050") + 1
    assert wanted[-1] == "results.r099"
    assert len(set(wanted)) == len(wanted)


def test_requests_that_come_while_records_are_read_are_for_the_next_read():
    base = new_memory()
    apply(base, *(leaf(f"results.r{index}", number("x", index)) for index in range(5)))
    overlay = Overlay(base, [StoreRequest(TRAJ, (leaf("results.a"),))])
    records = overlay.read_nodes(TRAJ, "", recursive=True, max_depth=None, wants=everything)
    names = [next(records).path for _ in range(3)]
    overlay.add(
        StoreRequest(
            TRAJ,
            (
                leaf("results.r3.below"),
                leaf("results.r4", number("x", 9), overwrite=True),
                leaf("results.z"),
            ),
        )
    )
    rest = list(records)
    assert names + [each.path for each in rest] == [
        *("", "results", "results.a"),
        *(f"results.r{index}" for index in range(5)),
    ]
    assert rest[-1].items[0].value == 4
    assert "results.z" in [each[0] for each in outcome(overlay, "")]


def test_data_is_the_readers_own():
    base = new_memory()
    apply(base, leaf("results.old", array("x", [1, 2]), annotations={"a": [1]}))
    put = leaf("results.new", array("x", [3, 4]), annotations={"a": [1]})
    overlay = Overlay(base, [StoreRequest(TRAJ, (put, leaf("results.old", array("y", [5]))))])
    for _ in range(2):
        for record in overlay.read_nodes(
            TRAJ, "results", recursive=True, max_depth=None, wants=everything
        ):
            for item in record.items or ():
                assert 0 not in item.value
                item.value[:] = 0
            for note in record.annotations.values():
                assert note == [1]
                note.clear()


def test_warnings_are_left_to_who_applies_the_requests(caplog):
    base = new_memory()
    made = (
        leaf("results.r", number("x", 1), overwrite=frozenset(("y",))),
        DeleteItems("results.r", ("z",)),
    )
    with caplog.at_level(logging.WARNING):
        assert outcome(Overlay(base, [StoreRequest(TRAJ, made)]), "results")
    assert caplog.text == ""
    apply(base, *made)
    assert "no items named y" in caplog.text
    assert "no stored item 'z'" in caplog.text


def test_annotations_of_the_trajectory_itself():
    base, applied = new_memory(), new_memory()
    request = StoreRequest(TRAJ, (meta(annotations={"a": 1}, comment="c", is_new=False),))
    applied.apply(request)
    found = outcome(Overlay(base, [request]), "")
    assert found == outcome(applied, "")
    assert found[0][4] == {"a": 1}


def test_an_unknown_trajectory_is_an_error():
    overlay = Overlay(new_memory(), [StoreRequest("other", (leaf("results.r"),))])
    with pytest.raises(ValueError, match="There is no trajectory 'other'"):
        list(overlay.read_nodes("other", "", recursive=True, max_depth=None, wants=everything))


# ----- what a tree of records does -------------------------------------------------------------


def test_a_link_is_no_node_to_delete_and_no_group():
    service = new_memory()
    apply(service, group("results.g"), PutLink("results.l", "results.g"))
    with pytest.raises(DataNotInStorageError, match="it is a link and no node"):
        apply(service, DeleteNode("results.l", recursive=True))
    with pytest.raises(ValueError, match="there is a link 'l' on the way"):
        apply(service, leaf("results.l.below"))
    apply(service, DeleteLink("results.l"))
    apply(service, leaf("results.l.below"))
    assert outcome(service, "results.l.below")


def test_nested_items_go_together(caplog):
    service = new_memory()
    apply(service, leaf("results.r", number("n.a", 1), number("n.b", 2), number("nb", 3)))
    apply(service, DeleteItems("results.r", ("n",)))
    assert [item[0] for item in outcome(service, "results.r")[0][5]] == ["nb"]
    assert "no stored item" not in caplog.text


# ----- damage ----------------------------------------------------------------------------------


class Damaged(MemoryStorageService):
    """Cannot read some nodes, and of others no items."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes: set[str] = set()
        self.items: set[str] = set()

    def _error(self, record: NodeRecord) -> StorageFormatError | None:
        is_damaged = record.path in self.nodes
        if is_damaged or (record.items is not None and record.path in self.items):
            return StorageFormatError(f"{record.path} is damaged")
        return None

    def read_nodes(self, *args: Any, **options: Any) -> Iterator[NodeRecord]:
        for record in super().read_nodes(*args, **options):
            error = self._error(record)
            if error is not None:
                raise error
            yield record

    def read_intact_nodes(
        self, *args: Any, skip: Callable[[str, Exception], None], **options: Any
    ) -> Iterator[NodeRecord]:
        skipped = None
        for record in super().read_nodes(*args, **options):
            if skipped is not None and record.path.startswith(f"{skipped}."):
                continue
            error = self._error(record)
            if error is None:
                yield record
            else:
                skipped = record.path
                skip(record.path, error)


def intact(service: Any, path: str = "") -> tuple[list[str], list[str]]:
    """Return the paths of nodes that can be read, and of those that are skipped."""
    skipped: list[str] = []
    records = service.read_intact_nodes(
        TRAJ,
        path,
        recursive=True,
        max_depth=None,
        wants=everything,
        skip=lambda failed, _: skipped.append(failed),
    )
    return [record.path for record in records], skipped


@pytest.fixture
def damaged() -> Damaged:
    service = new_memory(Damaged)
    assert isinstance(service, Damaged)
    apply(service, *(leaf(f"results.{name}.x", number("x", 1)) for name in "abc"))
    return service


def test_damaged_nodes_are_skipped(damaged):
    damaged.nodes = {"results.b"}
    damaged.items = {"results.c.x"}
    made = (
        leaf("results.a.y", number("x", 1)),
        leaf("results.b.y", number("x", 1)),
        leaf("results.c.x", number("y", 1)),
        leaf("results.c.y", number("x", 1)),
    )
    overlay = Overlay(damaged, [StoreRequest(TRAJ, made)])
    read, skipped = intact(overlay)
    assert read == [
        *("", "results", "results.a", "results.a.x", "results.a.y", "results.c", "results.c.y")
    ]
    assert skipped == ["results.b", "results.c.x"]
    assert intact(overlay, "results.b") == ([], ["results.b"])
    with pytest.raises(StorageFormatError, match=r"results\.b is damaged"):
        list(overlay.read_nodes(TRAJ, "", recursive=True, max_depth=None, wants=everything))
    with pytest.raises(StorageFormatError, match=r"results\.b is damaged"):
        outcome(overlay, "results.b")
    with pytest.raises(StorageFormatError, match=r"results\.c\.x is damaged"):
        outcome(overlay, "results.c")
    assert outcome(overlay, "results.c", wants=nothing)


def test_damage_that_is_deleted_is_not_told(damaged):
    damaged.nodes = {"results.b", "results.c.x"}
    made = (
        DeleteNode("results.b", recursive=True),
        leaf("results.b.y", number("x", 1)),
        DeleteNode("results.c", recursive=True),
    )
    overlay = Overlay(damaged, [StoreRequest(TRAJ, made)])
    read, skipped = intact(overlay)
    assert read == ["", "results", "results.a", "results.a.x", "results.b", "results.b.y"]
    assert skipped == []
    assert intact(overlay, "results.b") == (["results.b", "results.b.y"], [])


def test_a_node_with_a_damaged_child_has_children(damaged):
    damaged.nodes = {"results.b.x"}
    overlay = Overlay(damaged, [StoreRequest(TRAJ, (DeleteNode("results.b", recursive=False),))])
    assert "results.b" in intact(overlay)[0]
    with pytest.raises(TypeError, match="has children"):
        overlay.check(StoreRequest(TRAJ, (DeleteNode("results.b", recursive=False),)))


# ----- a file ----------------------------------------------------------------------------------


@pytest.fixture
def hdf5_folder(tmp_path_factory):
    pytest.importorskip("h5py")
    return tmp_path_factory.mktemp("overlay")


def new_hdf5(path: Any) -> Any:
    from pypet.storage_backends.hdf5 import HDF5StorageService

    path.unlink(missing_ok=True)
    service = HDF5StorageService(filename=path, purge_duplicate_comments=False)
    apply(service, meta())
    return service


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.lists(operations, min_size=1, max_size=5), max_size=3),
    st.lists(st.lists(operations, min_size=1, max_size=5), min_size=1, max_size=3),
    st.booleans(),
)
def test_a_read_is_that_of_a_file_with_everything_applied(
    tmp_path_factory, stored, pending, keep_open
):
    pytest.importorskip("h5py")
    folder = tmp_path_factory.mktemp("overlay")
    base, applied = new_hdf5(folder / "base.hdf5"), new_hdf5(folder / "applied.hdf5")
    before = [StoreRequest(TRAJ, tuple(made), replayed=True) for made in stored]
    after = [StoreRequest(TRAJ, tuple(made), replayed=True) for made in pending]
    for request in before:
        base.apply(request)
    for request in before + after:
        applied.apply(request)
    if keep_open:
        base.open()
    overlay = Overlay(base, after)
    for path in ("", *GROUPS[1:], *LEAVES[:2]):
        assert outcome(overlay, path) == outcome(applied, path)
    with base.exclusive(), base.reading():
        assert outcome(overlay, "") == outcome(applied, "")
    base.close()


def test_packed_arrays_are_read_as_they_were(hdf5_folder):
    base = new_hdf5(hdf5_folder / "base.hdf5")
    values = np.random.default_rng(1).standard_normal((300, 401))
    request = StoreRequest(TRAJ, (leaf("results.r", array("x", values), number("y", 1)),))
    packed = base.packed(request)
    assert packed is not request
    overlay = Overlay(base, [packed])
    for _ in range(2):
        (record,) = overlay.read_nodes(
            TRAJ, "results.r", recursive=False, max_depth=None, wants=everything
        )
        for found, item in zip(record.items, request.operations[0].items, strict=True):
            np.testing.assert_array_equal(found.value, item.value)
            assert found._replace(value=None) == item._replace(value=None)
        record.items[0].value[:] = 0


def test_rows_that_are_added_to_frames_are_there_once(hdf5_folder):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("tables")
    from pypet.records import FrameItem

    def added(rows: list[int], start: int, call: int) -> Any:
        frame = pandas.DataFrame({"a": rows}, index=range(start, start + len(rows)))
        options = {"append": True, "format": "table"}
        return leaf("results.f", FrameItem("f", "FRAME", frame), options=options, call=call)

    base, applied = new_hdf5(hdf5_folder / "base.hdf5"), new_hdf5(hdf5_folder / "applied.hdf5")
    for service in (base, applied):
        apply(service, added([1, 2], 0, 1))
    pending = [
        StoreRequest(TRAJ, (each,))
        for each in (
            added([3], 2, 2),
            added([], 3, 3),
            added([4], 3, 4),
            added([4], 3, 4),
            leaf("results.f", FrameItem("f", "FRAME", pandas.DataFrame({"a": [9]}))),
        )
    ]
    for request in pending:
        applied.apply(request)
    frames = []
    for service in (Overlay(base, pending), applied):
        (record,) = service.read_nodes(
            TRAJ, "results.f", recursive=False, max_depth=None, wants=everything
        )
        frames.append(record.items[0].value)
    pandas.testing.assert_frame_equal(*frames)
    assert list(frames[0]["a"]) == [1, 2, 3, 4]
