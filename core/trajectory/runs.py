"""States of the runs, and runs that a script starts and finishes itself."""

from __future__ import annotations

import time
from typing import Any

from pypet.runs.information import RunInformation, run_information
from pypet.support.decorators import not_in_run
from pypet.trajectory.current_run import CurrentRun
from pypet.trajectory.run_control import begin_run, end_run


class Runs(CurrentRun):
    """The part of a trajectory about its runs: states, errors, starting and finishing them."""

    __slots__ = ()

    def __len__(self) -> int:
        """Return the number of runs, at least 1."""
        return len(self._runs)

    def __bool__(self) -> bool:
        return True

    def f_get_run_names(self, sort: bool = True) -> list[str]:
        """Return the names of all known runs, in the order of their indices.

        ``sort`` has no effect, because runs are always kept in this order.
        """
        name = self._runs.name
        return [name(idx) for idx in self._runs.indices]

    def f_get_run_information(
        self,
        name_or_idx: str | int | None = None,
        copy: bool = True,
        *,
        placeholders: bool = True,
    ) -> Any:
        """Return information about one run or, without argument, about all known runs by name.

        It is a mapping with ``idx``, ``name``, ``completed`` (0 or 1), ``timestamp`` and
        ``finish_timestamp`` (seconds since the epoch), ``time`` and ``runtime`` (as text),
        ``parameter_summary`` and ``short_environment_hexsha``. With ``copy`` it is a new
        dictionary, otherwise a live view in which everything but index and name can be changed.

        Until a run completes, unknown entries have placeholders: 42.0 for ``timestamp``, 1.337 for
        ``finish_timestamp``, ``'N/A'`` for text. With ``placeholders=False`` they are None; the
        summary is made from the explored ranges, if they are in memory, in every state of the run;
        and there are two more entries: ``error`` as in `f_get_run_errors`, and ``state``, one of

        - ``'pending'``: not started yet;
        - ``'running'``: being executed with this trajectory. Runs in other processes are pending
          here until they end; ``pypet status`` shows more about resumable experiments;
        - ``'committed'``: completed, and all of its data is stored;
        - ``'failed'``: the last attempt ended with an error;
        - ``'abandoned'``: started, but interrupted, or its process died, before it completed or
          failed. In a trajectory that was loaded while the experiment goes on, it may still be
          running.

        `f_get_run_states` returns ``'completed'`` for committed runs, and ``'not run'`` for those
        that are neither committed nor failed.

        Raises
        ------
        KeyError
            There is no such run, or it is not known: after loading without run information, or in
            a copy for another run.
        """
        runs = self._runs
        information: Any = run_information if copy else RunInformation
        if name_or_idx is None:
            return {
                runs.name(idx): information(runs, idx, placeholders=placeholders)
                for idx in runs.indices
            }
        return information(runs, self._known_index(name_or_idx), placeholders=placeholders)

    def f_get_run_states(self, name_or_idx: str | int | None = None) -> Any:
        """Return the state of one run or, without argument, of all known runs by name.

        ``'completed'``; ``'failed'``: the last attempt ended with an error, see
        `f_get_run_errors`; ``'not run'``: never tried, or interrupted before its end.
        `f_get_run_information` with ``placeholders=False`` distinguishes the latter.

        Raises
        ------
        KeyError
            There is no such run, or it is not known.
        """
        runs = self._runs
        if name_or_idx is None:
            return {runs.name(idx): runs.state(idx) for idx in runs.indices}
        return runs.state(self._known_index(name_or_idx))

    def f_get_run_errors(self, name_or_idx: str | int | None = None) -> Any:
        """Return the errors of failed runs by name, in the order of runs.

        A `pypet.RunError` has the name of the exception's class as ``type``, its ``message``, the
        ``traceback`` as text and a ``timestamp`` (seconds since the epoch). Errors are stored
        with the trajectory and loaded with it. The error of a run is discarded when the run is
        executed again and completes.

        With a name or index return the error of that run, None if it did not fail.

        Raises
        ------
        KeyError
            There is no such run, or it is not known.
        """
        runs = self._runs
        if name_or_idx is None:
            return {runs.name(idx): runs.errors[idx] for idx in sorted(runs.errors)}
        return runs.error(self._known_index(name_or_idx))

    @not_in_run
    def f_is_completed(self, name_or_id: str | int | None = None) -> int | bool:
        """Return 1 if a run is completed, else 0; without argument whether all runs are.

        Raises
        ------
        KeyError
            There is no such run, or it is not known.
        """
        if name_or_id is None:
            return self._runs.all_completed()
        return self._runs.completed(self._known_index(name_or_id))

    def _known_index(self, name_or_idx: str | int) -> int:
        idx = self._index_of(name_or_idx)
        self._runs.row(idx)
        return idx

    # ----- starting and finishing runs -----------------------------------------------------

    def f_start_run(
        self, run_name_or_idx: str | int | None = None, turn_into_run: bool = True
    ) -> Any:
        """Start a run, by default the current one, and return the trajectory.

        With ``turn_into_run`` the trajectory behaves as during the run of an environment until
        `f_finalize_run`. Does nothing if a run is started already.

        Raises
        ------
        ValueError
            No run is given, and the trajectory is set to no particular run.
        KeyError
            There is no such run.
        """
        if self._run_started:
            return self
        if run_name_or_idx is not None:
            self.f_set_crun(run_name_or_idx)
        if self._run_name is None:
            raise ValueError(
                f"Trajectory `{self._name}` is set to no particular run; choose one with "
                "`f_set_crun`, `f_iter_runs`, or as an argument."
            )
        begin_run(self, time.time(), turn_into_run=turn_into_run)
        return self

    def f_finalize_run(self, store_meta_data: bool = True, clean_up: bool = True) -> Any:
        """Finish the started run as completed, and return the trajectory.

        With ``clean_up`` everything that was added during the run is removed from memory; it is
        not stored here. The trajectory stays set to the run. With ``store_meta_data`` the
        information about runs is stored. Does nothing if no run is started.

        Raises
        ------
        NoSuchServiceError
            ``store_meta_data`` is set, but there is no storage service.
        """
        if not self._run_started:
            return self
        self._runs.finish(self._idx, time.time(), self._environment_hexsha)
        end_run(self, clean_up=clean_up)
        if store_meta_data:
            self.f_store(only_init=True)
        return self

    @property
    def _new_nodes(self) -> dict[str, Any]:
        """Nodes that were added during the current run, by full name, in the order of adding."""
        return self._tree.new_nodes

    @property
    def _new_links(self) -> dict[tuple[str, str], Any]:
        """Links added during the current run: group and link name -> target."""
        return self._tree.new_links
