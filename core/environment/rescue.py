"""Saves an experiment whose storage fails: what can be stored is stored elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from pypet.environment.due_runs import discard_runs
from pypet.environment.pipeline import Results
from pypet.errors import NotStoredError, StorageFormatError, StorageLostError
from pypet.runs import run_table_of
from pypet.support.tracebacks import log_error
from pypet.trajectory.rescue_files import rescue_metadata, runs_with_data
from pypet.tree.node import set_stored
from pypet.tree.typed_groups import attach_service, attached_service

if TYPE_CHECKING:
    from pypet.interfaces import StorageService
    from pypet.trajectory import Trajectory

_logger = logging.getLogger("pypet")

_STORAGE_FAILURES = (OSError, RuntimeError, StorageFormatError)
"""Errors of a storage that cannot be written."""


def watched(trajectory: Trajectory) -> AbstractContextManager[Any]:
    """Have the storage of an experiment notice when its data vanishes."""
    service = attached_service(trajectory)
    return nullcontext() if service is None else service.watched(trajectory.v_name)


def check_storage(trajectory: Trajectory) -> None:
    """Check that the storage has the data of the completed runs.

    Raises
    ------
    StorageLostError
        The storage is gone, or lacks data of runs.
    Exception
        Whatever opening the storage raises.
    """
    missing = _runs_without_data(trajectory)
    if missing:
        raise StorageLostError(
            f"The storage of trajectory {trajectory.v_name!r} was exchanged during the experiment "
            f"for a copy without the data of {len(missing)} completed runs "
            f"({trajectory.v_storage_service!r}). They do not count as completed."
        )


def _runs_without_data(trajectory: Trajectory) -> list[int]:
    """Return the completed runs whose data the storage lacks; raises like `check_storage`.

    While the storage is the one in which the experiment began, nothing is searched. Otherwise it
    is a copy whose run table may be older than its data, so all of it is due to be stored.
    """
    service = attached_service(trajectory)
    if service is None or service.check_in_place(trajectory.v_name):
        return []
    there = runs_with_data(service, trajectory)
    runs = run_table_of(trajectory)
    runs.mark_changed()
    return [index for index in runs.completed_indices().tolist() if index not in there]


class Rescued(NamedTuple):
    """The outcome of `rescue`."""

    error: BaseException
    """The error to raise."""
    lost: list[int]
    """Indices of completed runs whose data is lost."""
    is_stored: bool
    """Whether the data is in the storage; otherwise the message of the error says where it is."""


def rescue(
    trajectory: Trajectory, error: BaseException, results: Results, *, stores: bool
) -> Rescued:
    """Store what can be stored after an error, so that completed runs remain usable.

    If the storage fails, everything in memory goes to a new one. ``error`` ended the experiment.
    The error to raise is the same one with a note about the new storage; if data could not be
    stored because the storage is lost, it is that error. Runs whose data is lost do not count as
    completed anymore, and their return values are dropped from ``results``.
    """
    completed: list[int] = run_table_of(trajectory).completed_indices().tolist()
    is_stored = False
    try:
        discard_runs(trajectory, _runs_without_data(trajectory), results)
        trajectory.f_store(only_init=not stores)
        is_stored = True
    except _STORAGE_FAILURES as failure:
        if isinstance(failure, StorageLostError) and isinstance(error, NotStoredError):
            failure.__cause__, error = error, failure
        if not _store_elsewhere(trajectory, error, failure):
            log_error(
                _logger, "Storing trajectory %r failed, too.", trajectory.v_name, error=failure
            )
        if isinstance(failure, StorageLostError | StorageFormatError):
            discard_runs(trajectory, completed, results)
    except Exception as failure:
        log_error(
            _logger,
            "Storing trajectory %r after the error that follows failed, too.",
            trajectory.v_name,
            error=failure,
        )
    lost = [index for index in completed if not run_table_of(trajectory).completed(index)]
    return Rescued(error, lost, is_stored)


def _store_elsewhere(trajectory: Trajectory, error: BaseException, failure: Exception) -> bool:
    """Store everything in memory in a new storage; return whether there is one."""
    service = attached_service(trajectory)
    if service is None:
        return False
    for place in service.rescue_services(trajectory.v_name):
        try:
            with rescue_metadata(trajectory, service, failure), _as_new(trajectory, place):
                trajectory.f_store()
        except _STORAGE_FAILURES as refusal:
            _logger.error("Nothing can be stored in %s, either: %s", place.filename, refusal)
            continue
        text = _advice(trajectory, service, place, failure)
        error.add_note(f"pypet: {text}")
        _logger.error("%s", text)
        return True
    return False


@contextmanager
def _as_new(trajectory: Trajectory, service: StorageService) -> Iterator[None]:
    """Treat a trajectory as never stored, and its runs as not completed, within a block.

    Wherever it is stored within the block, there is no data of runs except for that in memory.
    """
    runs, former = run_table_of(trajectory), attached_service(trajectory)
    former_runs = runs.copy()
    nodes = [(node, node.v_stored) for node in trajectory.f_iter_nodes()]
    runs.mark_incomplete(runs.completed_indices())
    runs.mark_changed()
    set_stored(trajectory, False)
    for node, _ in nodes:
        set_stored(node, False)
    attach_service(trajectory, service)
    try:
        yield
    finally:
        attach_service(trajectory, former)
        set_stored(trajectory, True)
        runs.restore(former_runs)
        for node, stored in nodes:
            set_stored(node, stored)


def _advice(
    trajectory: Trajectory, service: StorageService, place: StorageService, failure: Exception
) -> str:
    """Return instructions for the use of a rescue file."""
    name, rescued = trajectory.v_name, place.filename
    filename = service.filename or service
    start = (
        f"What is in memory of trajectory {name!r} is in the rescue file {rescued!r}; no run is "
        "marked as completed there"
    )
    if isinstance(failure, StorageLostError | StorageFormatError):
        return (
            f"{start}, for their data was in {filename!r}. If you find that file again, or a copy, "
            f"pypet.merge_rescued({rescued!r}, filename=...) notes in it which runs are completed. "
            f"Otherwise load the trajectory, pypet.load_trajectory({name!r}, "
            f"filename={rescued!r}), and run it again."
        )
    return (
        f"{start}, for their data is in {filename!r}, which could not be written in the end "
        f"({failure}). When it can be written again, store the rest there with "
        f"pypet.merge_rescued({rescued!r})."
    )
