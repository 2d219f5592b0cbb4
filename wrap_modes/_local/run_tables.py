"""Storing what became of runs while others are active."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np

from pypet import pypetconstants as constants
from pypet.interfaces import StorageService, TrajectoryLike
from pypet.records import PutMeta, StoreRequest
from pypet.records.run_rows import self_contained
from pypet.services.messages import understands_requests


def store_run_table(
    service: StorageService, inner: StorageService, trajectory: TrajectoryLike
) -> bool:
    """Store the rows that changed by ``service``, which may be a wrapper of the ``inner`` one.

    Services that users wrote are not bothered; False says so.
    """
    if not understands_requests(inner):
        return False
    name = trajectory.v_name
    service.store(constants.TRAJECTORY, trajectory, trajectory_name=name, only_init=True)
    if inner.is_open:
        inner.try_flush(durable=False)  # type: ignore[attr-defined]
    return True


def self_contained_rows(request: StoreRequest) -> StoreRequest:
    """Return a request about a run table whose size follows from its rows alone."""
    return request._replace(operations=tuple(map(_self_contained, request.operations)))


def without_runs(request: StoreRequest, runs: Collection[int]) -> StoreRequest:
    """Return a request about a run table without the rows of some runs."""
    if not runs:
        return request
    operations = (_without(each, runs) for each in request.operations)
    return request._replace(operations=tuple(operations))


def _self_contained(operation: Any) -> Any:
    if type(operation) is not PutMeta:
        return operation
    return operation._replace(runs=self_contained(operation.runs))


def _without(operation: Any, runs: Collection[int]) -> Any:
    if type(operation) is not PutMeta:
        return operation
    rows = operation.runs
    kept = np.flatnonzero(~np.isin(rows.idx, list(runs)))
    text, names = rows.text, rows.names
    left = replace(
        rows,
        idx=rows.idx[kept],
        completed=rows.completed[kept],
        timestamp=rows.timestamp[kept],
        finish_timestamp=rows.finish_timestamp[kept],
        environment=rows.environment[kept],
        names=None if names is None else [names[row] for row in kept.tolist()],
        text=None if text is None else {name: column[kept] for name, column in text.items()},
        errors={idx: error for idx, error in rows.errors.items() if idx not in runs},
    )
    return operation._replace(runs=left)
