"""Short ways to make records and to read them back, shared by the tests of the HDF5 service."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pypet.records import (
    ArrayItem,
    Info,
    Item,
    NodeRecord,
    Operation,
    PutMeta,
    PutNode,
    RunRows,
    StoreRequest,
)
from pypet.storage_backends.hdf5 import HDF5StorageService

TRAJ = "traj"


def run_rows(count: int, **changes: Any) -> RunRows:
    columns: dict[str, Any] = {
        "idx": np.arange(count),
        "completed": np.zeros(count, np.int8),
        "timestamp": np.full(count, 42.0),
        "finish_timestamp": np.full(count, 1.337),
        "environment": np.full(count, -1, np.int32),
    }
    return RunRows(**{**columns, **changes})


def meta(
    length: int = 1,
    *,
    comment: str = "",
    annotations: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    is_new: bool = True,
    runs: RunRows | None = None,
    explorations: tuple[str, ...] = (),
    timestamp: float = 1000.0,
) -> PutMeta:
    info = Info(TRAJ, "2020_01_02_03h04m05s", timestamp, comment, length, "1.0", "3.12.1")
    rows = run_rows(length) if runs is None else runs
    return PutMeta(info, annotations or {}, rows, explorations, settings or {}, is_new)


def leaf(path: str, *items: Item, comment: str = "", **fields: Any) -> PutNode:
    fields.setdefault("class_name", "Result")
    fields.setdefault("annotations", {})
    return PutNode(path, True, comment=comment, items=items, **fields)


def group(path: str, *, comment: str = "", **fields: Any) -> PutNode:
    fields.setdefault("class_name", None)
    fields.setdefault("annotations", {})
    return PutNode(path, False, comment=comment, items=(), **fields)


def number(name: str, value: float) -> ArrayItem:
    return ArrayItem(name, "ARRAY", np.array(float(value)), "COLL_SCALAR", "float")


def array(name: str, value: Any) -> ArrayItem:
    return ArrayItem(name, "CARRAY", np.asarray(value), "COLL_NDARRAY", None, "numpy")


def new_service(folder: Path, **settings: Any) -> HDF5StorageService:
    """Return a service on a file that has an empty trajectory."""
    service = HDF5StorageService(filename=folder / "data.hdf5", **settings)
    apply(service, meta())
    return service


def apply(service: HDF5StorageService, *operations: Operation) -> None:
    service.apply(StoreRequest(TRAJ, operations))


def read(service: HDF5StorageService, path: str = "", **options: Any) -> list[NodeRecord]:
    """Return records read through another service on the same file."""
    options = {"recursive": True, "max_depth": None, "wants": lambda path: True, **options}
    other = HDF5StorageService(filename=service.filename)
    return list(other.read_nodes(TRAJ, path, **options))


def items_of(service: HDF5StorageService, path: str) -> dict[str, Any]:
    (record,) = read(service, path, recursive=False)
    assert record.items is not None
    return {item.name: item for item in record.items}


def paths(records: list[NodeRecord]) -> list[str]:
    return [record.path for record in records]
