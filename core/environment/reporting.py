"""What is logged about an experiment: runs that fail, and a summary at the end."""

from __future__ import annotations

import logging
import os
import reprlib
from collections.abc import Iterable
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

from pypet.interfaces import without_adapter
from pypet.runs import run_table_of
from pypet.services.storage_choice import DEFAULT_SERVICE
from pypet.support.tracebacks import FILES_ONLY, ErrorText, log_error
from pypet.tree.typed_groups import storage_service_of

if TYPE_CHECKING:
    from pypet.trajectory import Trajectory

MOST_ALIKE = 5
"""Number of failures at the same place that the console shows."""
NAMES_SHOWN = 5
"""Number of runs that the summary names."""
EXACT_SECONDS = 60
"""Shorter times are shown with a decimal place."""

_logger = logging.getLogger("pypet")


def describe_run(trajectory: Trajectory, index: int) -> str:
    """Return a text that names a run and the values that it explores."""
    values = [
        f"{name}={reprlib.repr(parameter.f_get_range(copy=False)[index])}"
        for name, parameter in trajectory.f_get_explored_parameters(copy=False).items()
        if parameter is not None and parameter.f_has_range()
    ]
    where = f"run {trajectory.f_idx_to_run(index)} of trajectory {trajectory.v_name!r}"
    return f"{where} ({', '.join(values) or 'nothing is explored'})"


class FailureLog:
    """Logs the runs of one experiment that fail, and keeps their indices.

    The traceback of runs that fail at the same place is logged once. A thousand of such runs are
    a thousand lines in the log files, but only `MOST_ALIKE` on the console.
    """

    def __init__(self, trajectory: Trajectory) -> None:
        self._trajectory = trajectory
        self._alike: dict[tuple[type[BaseException], str], tuple[str, int]] = {}
        """By type and place of an error: the first run that raised it, and the number of runs."""
        self.indices: set[int] = set()
        """The runs that failed."""

    def add(self, index: int, error: BaseException, *, is_raised: bool) -> None:
        """Log that a run failed.

        With ``is_raised`` the user gets the error itself, with the traceback.
        """
        self.indices.add(index)
        where = describe_run(self._trajectory, index)
        text = ErrorText(error)
        if is_raised:
            log_error(_logger, "Failed: %s", where, error=error, text=text, shown=text.message)
            return
        kind = type(error), _place(text.full)
        name = str(self._trajectory.f_idx_to_run(index))
        first, count = self._alike.get(kind, (name, 0))
        self._alike[kind] = first, count + 1
        if not count:
            log_error(_logger, "Failed: %s", where, error=error, text=text)
            return
        _logger.error(
            "Failed: %s at the same place as %s: %s%s",
            where,
            first,
            text.message,
            ". Further runs that fail there are only in the log files"
            if count == MOST_ALIKE - 1
            else "",
            extra={FILES_ONLY: count >= MOST_ALIKE},
        )

    def add_lost(self, indices: Iterable[int]) -> None:
        """Add runs whose data was lost; the error is logged elsewhere."""
        self.indices.update(indices)


class ExperimentSummary:
    """Logs the end of each experiment of one environment; places only if they have changed."""

    def __init__(self) -> None:
        self._places: list[str] = []

    def log(
        self,
        trajectory: Trajectory,
        failed: Iterable[int],
        seconds: float,
        log_folders: Iterable[str],
        *,
        is_stored: bool = True,
        may_start_again: bool = False,
        is_resumable: bool = False,
        is_search: bool = False,
    ) -> None:
        """Log the end of an experiment that took ``seconds``.

        Parameters
        ----------
        failed
            Indices of runs that raised an error or whose data was lost.
        log_folders
            Folders with log files.
        is_stored
            False if an error that was logged before says where the data is.
        may_start_again
            The script continues the experiment when it is started again.
        is_resumable
            The journal logs how to resume.
        is_search
            Runs that failed are not to be executed again.
        """
        runs = run_table_of(trajectory)
        total, pending = runs.selected_count, runs.pending()
        elapsed = f"Elapsed time: {_duration(seconds)}"
        if len(pending):
            done = total - len(pending)
            _logger.info("%d of %d runs are completed. %s", done, total, elapsed)
        else:
            _logger.info("All %d runs are completed. %s", total, elapsed)
        places = [f"Data: {where_stored(trajectory)}"] if is_stored else []
        self._log_places([*places, *(f"Log files: {folder}" for folder in log_folders)])
        if not len(pending):
            return
        failures = [index for index in sorted(failed) if not runs.completed(index)]
        missing = len(pending) - len(failures)
        if is_stored and not is_resumable and (missing or not is_search):
            _logger.warning("%s", how_to_go_on(trajectory, may_start_again, is_search=is_search))
        parts = []
        if missing:
            known = frozenset(failures)
            others = (index for index in pending.tolist() if index not in known)
            parts.append(f"not finished: {_names(trajectory, others, missing)}")
        if failures:
            parts.append(f"failed: {_names(trajectory, failures, len(failures))}")
        _logger.error("%d of %d runs are not completed; %s", len(pending), total, "; ".join(parts))

    def _log_places(self, places: list[str]) -> None:
        for place in places:
            if place not in self._places:
                _logger.info("%s", place)
        self._places = places


def where_stored(trajectory: Trajectory) -> str:
    """Return where the data of a trajectory is, in words that users know."""
    service = storage_service_of(trajectory)
    name = f"trajectory {trajectory.v_name!r}"
    if isinstance(service.filename, str | os.PathLike):
        return f"{name} in {os.path.abspath(service.filename)}"
    if not service.keeps_data:
        return f"not kept by {type(without_adapter(service)).__name__}"
    if service.main_process_only:
        return f"{name} in the memory of this process only"
    return f"{name} in {service!r}"


def how_to_go_on(
    trajectory: Trajectory, may_start_again: bool = False, *, is_search: bool = False
) -> str:
    """Return instructions to execute the runs that are not completed.

    With ``may_start_again`` the script does so when it is started again; ``is_search`` says that
    the runs are those of a search.
    """
    service = storage_service_of(trajectory)
    call = "search" if is_search else "run"
    here = f"env.current_idx = 0; env.{call}(...)"
    filename, name = service.filename, service.name
    start = "To execute the runs that are not completed,"
    if not isinstance(filename, str | os.PathLike) or not name:
        return f"{start} in this process: {here}"
    if may_start_again:
        return f"{start} start the script again; or in this process: {here}"
    kind = ""
    if name != DEFAULT_SERVICE:
        kind = f", storage_service={name!r}"
    path = os.path.abspath(filename)
    load = (
        f"load_trajectory({trajectory.v_name!r}, filename={path!r}, "
        f"load_derived_parameters=2{kind})"
    )
    if run_table_of(trajectory).is_batch:
        load = f"load_batch({path!r})"
    return (
        f"{start} in this process: {here}\n"
        "Or in another one, with the options that you want (but the file is known already):\n"
        f"    traj = pypet.{load}\n"
        f"    pypet.Environment(trajectory=traj).{call}(...)"
    )


def _place(text: str) -> str:
    """Return the lines of a traceback with the place of the error, without its message."""
    return "\n".join(line for line in text.splitlines() if line.lstrip().startswith('File "'))


def _names(trajectory: Trajectory, indices: Iterable[int], count: int) -> str:
    shown = [str(trajectory.f_idx_to_run(index)) for index in islice(indices, NAMES_SHOWN)]
    more = count - len(shown)
    return f"{', '.join(shown)} and {more} more" if more else ", ".join(shown)


def _duration(seconds: float) -> str:
    if seconds < EXACT_SECONDS:
        return f"{seconds:.1f} s"
    return str(timedelta(seconds=round(seconds)))
