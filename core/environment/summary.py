"""What is logged at the end of an experiment: what became of the runs, where, and how to go on."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from pypet.trajectory.storage_choice import DEFAULT_SERVICE

if TYPE_CHECKING:
    from pypet.trajectory import Trajectory

NAMES_SHOWN = 5
"""How many runs are named."""
EXACT_SECONDS = 60
"""Shorter times are told with a decimal place."""

_logger = logging.getLogger("pypet")


class ExperimentSummary:
    """Logs the ends of the experiments of one environment, and names places only if they change."""

    def __init__(self) -> None:
        self._places: list[str] = []

    def tell(
        self,
        trajectory: Trajectory,
        failed: Iterable[int],
        seconds: float,
        log_folders: Iterable[str],
        *,
        is_stored: bool = True,
        may_start_again: bool = False,
        is_resumable: bool = False,
    ) -> None:
        """Log the end of an experiment that took so many seconds.

        ``failed`` are indices of runs that raised an error or whose data was lost, ``log_folders``
        those that have log files. With ``is_stored=False`` something else was logged about where
        the data is, with ``may_start_again`` the script may be started again to go on, and with
        ``is_resumable`` the journal tells how.
        """
        runs: Any = trajectory._runs
        total, pending = runs.selected_count, runs.pending()
        elapsed = f"Elapsed time: {_duration(seconds)}"
        if len(pending):
            done = total - len(pending)
            _logger.info("%d of %d runs are completed. %s", done, total, elapsed)
        else:
            _logger.info("All %d runs are completed. %s", total, elapsed)
        places = [f"Data: {where_stored(trajectory)}"] if is_stored else []
        self._tell_places([*places, *(f"Log files: {folder}" for folder in log_folders)])
        if not len(pending):
            return
        if is_stored and not is_resumable:
            _logger.warning("%s", how_to_go_on(trajectory, may_start_again))
        failures = [index for index in sorted(failed) if not runs.completed(index)]
        parts = []
        missing = len(pending) - len(failures)
        if missing:
            known = frozenset(failures)
            others = (index for index in pending.tolist() if index not in known)
            parts.append(f"not finished: {_names(trajectory, others, missing)}")
        if failures:
            parts.append(f"failed: {_names(trajectory, failures, len(failures))}")
        _logger.error("%d of %d runs are not completed; %s", len(pending), total, "; ".join(parts))

    def _tell_places(self, places: list[str]) -> None:
        for place in places:
            if place not in self._places:
                _logger.info("%s", place)
        self._places = places


def where_stored(trajectory: Trajectory) -> str:
    """Return where the data of a trajectory is, as users know it."""
    service: Any = trajectory.v_storage_service
    name = f"trajectory {trajectory.v_name!r}"
    filename = getattr(service, "filename", None)
    if isinstance(filename, str | os.PathLike):
        return f"{name} in {os.path.abspath(filename)}"
    if not getattr(service, "keeps_data", True):
        return f"not kept by {type(service).__name__}"
    if getattr(service, "main_process_only", False):
        return f"{name} in the memory of this process only"
    return f"{name} in {service!r}"


def how_to_go_on(trajectory: Trajectory, may_start_again: bool = False) -> str:
    """Return how to execute the runs that are not completed.

    With ``may_start_again`` the script does so when it is started once more.
    """
    service: Any = trajectory.v_storage_service
    here = "env.current_idx = 0; env.run(...)"
    filename = getattr(service, "filename", None)
    name = getattr(service, "name", None)  # services of users may have neither
    start = "To execute the runs that are not completed,"
    if not isinstance(filename, str | os.PathLike) or not isinstance(name, str):
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
    if trajectory._runs.is_batch:
        load = f"load_batch({path!r})"
    return (
        f"{start} in this process: {here}\n"
        "Or in another one, with the options that you want (but the file is known already):\n"
        f"    traj = pypet.{load}\n"
        "    pypet.Environment(trajectory=traj).run(...)"
    )


def _names(trajectory: Trajectory, indices: Iterable[int], count: int) -> str:
    shown = [str(trajectory.f_idx_to_run(index)) for index in islice(indices, NAMES_SHOWN)]
    more = count - len(shown)
    return f"{', '.join(shown)} and {more} more" if more else ", ".join(shown)


def _duration(seconds: float) -> str:
    if seconds < EXACT_SECONDS:
        return f"{seconds:.1f} s"
    return str(timedelta(seconds=round(seconds)))
