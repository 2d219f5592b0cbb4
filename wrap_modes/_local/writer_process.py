"""The main process's side of a writer process: start it, ask it, stop it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from multiprocessing.context import BaseContext
from typing import Any

from pypet.errors import NotStoredError
from pypet.interfaces import Outcome, StorageService
from pypet.wrap_modes._local.failures import Failure, not_stored
from pypet.wrap_modes._local.helper import describe_death, start_helper
from pypet.wrap_modes._local.parcels import NO_RUN
from pypet.wrap_modes._local.writer import FINISH, REPORT, Report, Source, WriterSetup, write

SECONDS_BETWEEN_QUESTIONS = 0.1
MOST_RUNS_NAMED = 20


class WriterProcess:
    """A process that stores what workers send, and what is known of it in the main process."""

    def __init__(
        self,
        mode: str,
        source: Source,
        service: StorageService,
        mp_context: BaseContext,
        options: Mapping[str, Any],
    ) -> None:
        """Start the process."""
        self._mode = mode
        self._control, theirs = mp_context.Pipe()
        self._failed: dict[int, list[Failure]] = {}
        self._accepted: set[int] = set()
        """Runs that are finished, but not known to be on the disk."""
        self._early: set[int] = set()
        """Runs that are on the disk, but not known to be finished."""
        self._asked = False
        self._ask_at = 0.0
        setup = WriterSetup(
            source,
            service,
            theirs,
            queue_length(options),
            options.get("gc_interval"),
            options.get("helper_setup"),
        )
        self._process = start_helper(mode, mp_context, write, (setup,))
        theirs.close()

    def accept(self, outcome: Outcome) -> None:
        """Note that a run is finished.

        Raises
        ------
        RuntimeError
            The process is gone, or it is known already that it could not store the run.
        """
        now = time.monotonic()
        if now >= self._ask_at:
            self._ask_at = now + SECONDS_BETWEEN_QUESTIONS
            self._exchange()
        run = outcome.index
        failures = self._failed.pop(run, None)
        if failures is not None:
            raise not_stored(self._mode, failures)
        if run in self._early:
            self._early.discard(run)
        else:
            self._accepted.add(run)

    def check(self) -> None:
        """Raise if the process is gone, or can store nothing any more.

        Raises
        ------
        RuntimeError
            It is so; the message names the runs that may be lost.
        """
        if self._process.exitcode is not None:
            raise self._death()
        now = time.monotonic()
        if now >= self._ask_at:
            self._ask_at = now + SECONDS_BETWEEN_QUESTIONS
            self._exchange()
        late = [each for run in self._accepted & self._failed.keys() for each in self._failed[run]]
        if any(failure.is_general for failure in late):
            for failure in late:
                self._failed.pop(failure.run, None)
            raise not_stored(self._mode, late)

    def stop(self) -> None:
        """Wait until the process has stored everything, and let it end.

        Raises
        ------
        RuntimeError
            Something was not stored, or the process is gone.
        """
        try:
            self._control.send(FINISH)
            while not self._take_report():
                pass
        except (EOFError, OSError):
            raise self._death() from None
        finally:
            self._control.close()
        failures = [each for group in self._failed.values() for each in group]
        self._failed.clear()
        if failures:
            raise not_stored(self._mode, failures)

    def join(self) -> None:
        """Wait until the process is gone."""
        self._process.join()

    # ----- questions and answers -----------------------------------------------------------

    def _exchange(self) -> None:
        """Take the answer to the last question if it is there, and ask again."""
        try:
            if self._asked:
                if not self._control.poll(0):
                    return
                self._take_report()
            self._control.send(REPORT)
            self._asked = True
        except (EOFError, OSError):
            raise self._death() from None

    def _take_report(self) -> bool:
        """Wait for a report and note what it says; return whether it was the last one."""
        report: Report = self._control.recv()
        self._asked = False
        for run in report.durable:
            if run in self._accepted:
                self._accepted.discard(run)
            else:
                self._early.add(run)
        for failure in report.failures:
            self._failed.setdefault(failure.run, []).append(failure)
        return report.is_last

    def _death(self) -> NotStoredError:
        text = describe_death(self._mode, self._process)
        runs = sorted((self._accepted | self._failed.keys()) - {NO_RUN})
        self._failed.clear()
        if runs:
            names = ", ".join(map(str, runs[:MOST_RUNS_NAMED]))
            rest = ", ..." if len(runs) > MOST_RUNS_NAMED else ""
            text += f"; that may concern {len(runs)} finished runs: {names}{rest}"
        return NotStoredError(text + ".", runs)


def queue_length(options: Mapping[str, Any]) -> int:
    """Return how many messages may wait: ``queue_maxsize``, where -1 is two for each worker."""
    length: int = options.get("queue_maxsize", -1)
    if length >= 0:
        return length
    cores: int = options.get("ncores", 1)
    return 2 * max(1, cores)
