"""Storage services over a medium that keeps bytes by keys, and the bytes of records."""

from __future__ import annotations

import pickle
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from pypet.encoding.unpickling import UnpicklingPolicy, unpickling
from pypet.encoding.value_codec import decode_item, encode_value
from pypet.errors import DataNotInStorageError, RefusedPickleError, StorageFormatError
from pypet.records import (
    ArrayItem,
    FrameItem,
    Item,
    MetaRecord,
    NodeRecord,
    RunError,
    RunRows,
    SharedItem,
    StoreRequest,
    merged_rows,
)
from pypet.services import (
    KeyValueStorageService,
    TrajectoryStore,
    item_from_bytes,
    item_to_bytes,
    meta_from_bytes,
    meta_to_bytes,
    run_records,
    run_rows,
    values_from_bytes,
    values_to_bytes,
)
from pypet.storage_backends.memory import MemoryStorageService
from pypet.testing.equality import assert_same_value
from pypet.testing.storage import StorageConformance
from pypet.trajectory import load_trajectory
from tests.storage_backends.hdf5.record_makers import TRAJ, leaf, meta, number
from tests.storage_backends.hdf5.record_makers import run_rows as rows_of
from tests.storage_backends.random_requests import plain, requests


class ByteStore(TrajectoryStore):
    """Keeps everything in a dictionary of bytes."""

    def __init__(self, values: dict[Any, bytes], trajectory: str) -> None:
        self.values, self.trajectory = values, trajectory

    def _names(self, kind: str, path: str) -> list[str]:
        return [
            key[3] for key in self.values if key[:3] == (self.trajectory, kind, path) and key[3]
        ]

    def get(self, path: str) -> NodeRecord | None:
        location, _, name = path.rpartition(".")
        data = self.values.get((self.trajectory, "node", location, name))
        return None if data is None else NodeRecord(path, *pickle.loads(data))

    def put(self, record: NodeRecord) -> None:
        location, _, name = record.path.rpartition(".")
        self.values[self.trajectory, "node", location, name] = pickle.dumps(record[1:])

    def children(self, path: str) -> list[NodeRecord]:
        prefix = f"{path}." if path else ""
        found = [self.get(prefix + name) for name in self._names("node", path)]
        return [node for node in found if node is not None]

    def delete(self, path: str) -> None:
        location, _, name = path.rpartition(".")
        del self.values[self.trajectory, "node", location, name]
        for key in list(self.values):
            if key[0] == self.trajectory and f"{key[2]}.".startswith(f"{path}."):
                del self.values[key]

    def item_names(self, path: str) -> list[str]:
        return self._names("item", path)

    def get_items(self, path: str, names: Collection[str] | None = None) -> list[Item]:
        return [
            item_from_bytes(name, self.values[self.trajectory, "item", path, name], path)
            for name in (self.item_names(path) if names is None else names)
        ]

    def put_item(self, path: str, item: Item) -> None:
        self.values[self.trajectory, "item", path, item.name] = item_to_bytes(item)

    def delete_item(self, path: str, name: str) -> None:
        del self.values[self.trajectory, "item", path, name]

    def get_meta(self) -> MetaRecord:
        return meta_from_bytes(self.values[self.trajectory, "meta", "", ""])

    def put_meta(self, meta: MetaRecord) -> None:
        self.values[self.trajectory, "meta", "", ""] = meta_to_bytes(meta)

    def get_runs(self) -> RunRows:
        return run_rows(pickle.loads(self.values[self.trajectory, "runs", "", ""]))

    def put_runs(self, rows: RunRows) -> None:
        if (self.trajectory, "runs", "", "") in self.values:
            rows = merged_rows(self.get_runs(), rows)
        records = list(map(tuple, run_records(rows)))
        self.values[self.trajectory, "runs", "", ""] = pickle.dumps(records)


class ByteStorageService(KeyValueStorageService):
    """Keeps everything in a dictionary of bytes."""

    main_process_only = True  # a copy in another process has values of its own

    def __init__(self, values: dict[Any, bytes] | None = None) -> None:
        self.values = {} if values is None else values

    @contextmanager
    def transaction(self) -> Iterator[None]:
        before = self.values.copy()
        try:
            yield
        except BaseException:
            self.values.clear()
            self.values.update(before)
            raise

    def trajectory_names(self) -> list[str]:
        return sorted({key[0] for key in self.values})

    def find_trajectory(self, name: str) -> ByteStore | None:
        return ByteStore(self.values, name) if name in self.trajectory_names() else None

    def create_trajectory(self, name: str) -> ByteStore:
        return ByteStore(self.values, name)

    def remove_trajectory(self, name: str) -> None:
        for key in [key for key in self.values if key[0] == name]:
            del self.values[key]


class TestBytes(StorageConformance):
    def make_service(self, folder: Path) -> ByteStorageService:
        return ByteStorageService()

    def reopen(self, service: ByteStorageService, folder: Path) -> ByteStorageService:
        return ByteStorageService(service.values)


# ----- requests --------------------------------------------------------------------------------


def outcome(service: Any, request: Any) -> list[type]:
    """Apply a request operation by operation; return which kinds of errors there were."""
    failed = []
    for operation in request:
        try:
            service.apply(StoreRequest(TRAJ, (operation,)))
        except (DataNotInStorageError, TypeError) as error:
            failed.append(type(error))
    return failed


def content(service: Any) -> list[Any]:
    records = service.read_nodes(TRAJ, "", recursive=True, max_depth=None, wants=lambda path: True)
    return [plain(record) for record in records]


def new(kind: type, *operations: Any) -> Any:
    service = kind()
    service.apply(StoreRequest(TRAJ, (meta(), *operations)))
    return service


@settings(max_examples=100, deadline=None)
@given(requests)
def test_any_requests_leave_what_they_leave_in_memory(sequence):
    memory, service = new(MemoryStorageService), new(ByteStorageService)
    for request in sequence:
        assert outcome(service, request) == outcome(memory, request)
    assert content(service) == content(memory)


def test_a_request_that_fails_leaves_nothing_in_a_medium_with_transactions():
    service = new(ByteStorageService, leaf("results.a", number("x", 1)))
    before = content(service)
    request = StoreRequest(TRAJ, (leaf("results.b", number("x", 2)), SharedItem))
    with pytest.raises(AttributeError):
        service.apply(request)
    assert content(service) == before


def test_an_unknown_trajectory_is_named_with_those_that_exist():
    with pytest.raises(ValueError, match=f"'other'.*there are: {TRAJ}"):
        new(ByteStorageService).apply(StoreRequest("other", (leaf("results.a"),)))


def test_the_name_of_another_trajectory_is_taken():
    service = new(ByteStorageService)
    service.apply(StoreRequest(TRAJ, (meta(),)))  # the same again
    with pytest.raises(RuntimeError, match="already a trajectory"):
        service.apply(StoreRequest(TRAJ, (meta(timestamp=7.0),)))


def test_of_a_damaged_trajectory_the_rest_is_loaded():
    leaves = [leaf(f"results.{name}", number("x", 1.0)) for name in "abc"]
    service = new(ByteStorageService, *leaves)
    service.values[TRAJ, "item", "results.b", "x"] = b"nonsense"
    with pytest.raises(StorageFormatError, match=r"results\.b"):
        load_trajectory(TRAJ, storage_service=service, load_data=2)
    traj = load_trajectory(TRAJ, storage_service=service, load_data=2, on_error="skip")
    assert list(traj.v_load_errors) == ["results.b"]
    assert list(traj.results.f_get_children()) == ["a", "c"]


# ----- bytes -----------------------------------------------------------------------------------

VALUES = [
    True,
    2**62,
    1 / 3,
    float("nan"),
    complex(1, -0.0),
    None,
    "",
    "Grüße\0",
    b"",
    b"\0\0",
    np.float32(1.5),
    np.bytes_(b"ab"),
    [],
    [1, 2.5, None, "x"],
    (1, 2),
    ["a", "bcd"],
    {"a": 1, "b": "x"},
    {},
    np.arange(6.0).reshape(2, 3),
    np.arange(6.0).reshape(2, 3).T,
    np.arange(3, dtype=">i2"),
    np.zeros((0, 3), np.float16),
    np.array(["a", "ß\0b"]),
    np.array([b"a\0", b""], "S2"),
    np.array(1.5),
    np.array([1, 3], np.longdouble) / 3,
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_items_come_back_from_bytes(value):
    data = item_to_bytes(encode_value("x", value))
    item = item_from_bytes("x", data)
    assert_same_value(decode_item(item), value)
    assert item_to_bytes(item) == data
    if isinstance(item, ArrayItem):
        assert item.value.flags.writeable
        assert item.value.flags.aligned


def test_rows_of_various_lengths_come_back():
    rows = np.empty(2, object)
    rows[:] = [np.arange(3), np.arange(0.0)]
    item = ArrayItem("x", "VLARRAY", rows, "COLL_NDARRAY", None, "numpy")
    back = item_from_bytes("x", item_to_bytes(item))
    assert [row.tolist() for row in back.value] == [[0, 1, 2], []]
    assert [row.dtype for row in back.value] == [np.arange(3).dtype, np.float64]


def test_python_objects_are_refused():
    rows = np.empty(2, object)
    rows[:] = np.arange(3), np.array([None, 1])
    with pytest.raises(TypeError, match="Python objects"):
        item_to_bytes(ArrayItem("x", "VLARRAY", rows, "COLL_NDARRAY", None))


def test_what_is_no_item_is_named():
    data = item_to_bytes(number("x", 1.0))
    for broken in (b"", data[:20], data[:-1], b"\2\0\0\0[]"):
        with pytest.raises(StorageFormatError, match=r"'x' of 'results\.a'"):
            item_from_bytes("x", broken, "results.a")
    with pytest.raises(TypeError, match="shared"):
        item_to_bytes(SharedItem("x", "ARRAY"))


@pytest.mark.parametrize("value", [*VALUES, {1: 2}, [[1], [2]], {"a": {"b": 1}}, 1 << 80], ids=repr)
def test_annotations_come_back_from_bytes(value):
    assert_same_value(values_from_bytes(values_to_bytes({"n": value}))["n"], value)


class Anything:
    """Of a type that nobody has declared to be safe."""


def test_pickles_are_loaded_only_by_the_policy():
    data = values_to_bytes({"n": Anything()})
    assert type(values_from_bytes(data)["n"]) is Anything
    for mode in ("safe", "never"):
        with pytest.raises(RefusedPickleError, match="'n'"):
            values_from_bytes(data, "results", mode)
        with unpickling(UnpicklingPolicy(mode)), pytest.raises(RefusedPickleError):
            values_from_bytes(data, "results")
    frame = item_to_bytes(FrameItem("f", "FRAME", Anything()))
    with pytest.raises(RefusedPickleError, match="'f' of 'results'"):
        item_from_bytes("f", frame, "results", "safe")


def test_run_rows_come_back_from_records():
    rows = rows_of(
        3,
        completed=np.array([1, 0, 0], np.int8),
        timestamp=np.array([5.5, 42.0, 7.0]),
        environment=np.array([1, -1, 0], np.int32),
        hexshas=("aaaaaaa", "bbbbbbb"),
        names=["a", "b", "c"],
        errors={2: RunError("ValueError", "Grüße", "Traceback", 1 / 3)},
    )
    back = run_rows(run_records(rows))
    for name in ("idx", "completed", "timestamp", "finish_timestamp"):
        np.testing.assert_array_equal(getattr(back, name), getattr(rows, name))
    shas = [back.hexshas[number] if number >= 0 else None for number in back.environment]
    assert shas == ["bbbbbbb", None, "aaaaaaa"]
    assert back.names == rows.names
    assert back.errors == rows.errors
    assert run_rows(run_records(rows_of(2))).names is None
    assert not len(run_rows([]))


def test_a_commit_is_announced_by_the_process_that_asked_for_it(monkeypatch):
    service = ByteStorageService()
    called = []
    service.before_commit = lambda: called.append(1)
    service.announce_commit()
    assert pickle.loads(pickle.dumps(service)).before_commit is None
    monkeypatch.setattr("os.getpid", lambda: -1)
    service.announce_commit()
    assert called == [1]
