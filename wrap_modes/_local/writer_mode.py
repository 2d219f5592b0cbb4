"""What wrap modes share whose workers send what they store to a writer process."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.util import Finalize
from typing import Any, ClassVar, Generic, TypeVar

from pypet import pypetconstants as constants
from pypet.errors import NotStoredError
from pypet.interfaces import Option, Outcome, StorageService, TrajectoryLike, WrapMode
from pypet.options.established import established
from pypet.records import StoreRequest
from pypet.services.failures import MAX_CONSECUTIVE_FAILURES, MAX_FINAL_FAILURES
from pypet.services.messages import (
    NO_RUN,
    Failure,
    StatusRequest,
    not_stored,
    understands_requests,
)
from pypet.services.sender import Sender
from pypet.support.readable import joined
from pypet.wrap_modes._local.helper_process import describe_death, start_helper
from pypet.wrap_modes._local.run_tables import self_contained_rows
from pypet.wrap_modes._local.user_queue import GivenQueueWriter
from pypet.wrap_modes._local.writer import FINISH, Source, StatusReport, WriterSetup, write

SECONDS_BETWEEN_QUESTIONS = 0.1
MAX_RUNS_NAMED = 20


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
        self._known_failures = 0
        self._refusals = 0
        self._accepted: dict[int, int] = {}
        """Runs that are finished, but not known to be on the disk, and the question that asks."""
        self._question = 0
        self._asked = False
        self._ask_at = 0.0
        self.has_stored_rows = True
        """Whether all rows of the run table are surely stored; of interest after `stop`."""
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
        # Without a call of `stop`, it has to end with this process, which waits for its children.
        self._at_exit = Finalize(self, _finish, (self._control,), exitpriority=10)

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
        self._accepted[run] = self._question + 1

    def store_rows(self, request: StoreRequest) -> bool:
        """Send rows of the run table to be stored, after the data of these runs.

        False if the process has not answered the last question yet.

        Raises
        ------
        RuntimeError
            The process is gone.
        """
        if not self._exchange(request):
            return False
        self.has_stored_rows = False
        return True

    def check(self) -> None:
        """Raise if the process is gone, or can store nothing any more, or has lost data.

        Raises
        ------
        NotStoredError
            It is so; the message names the runs that are lost, or may be.
        """
        if self._process.exitcode is not None:
            raise self._death()
        now = time.monotonic()
        if now >= self._ask_at:
            self._ask_at = now + SECONDS_BETWEEN_QUESTIONS
            self._exchange()
        lost = self._accepted.keys() & self._failed.keys()
        is_final = self._refusals >= MAX_CONSECUTIVE_FAILURES
        if lost or is_final:
            for run in lost:
                del self._accepted[run]
            late = [each for run in (lost or list(self._failed)) for each in self._failed.pop(run)]
            raise not_stored(self._mode, late, is_final=is_final)

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
            self._at_exit.cancel()
            self._control.close()
        failures = [each for group in self._failed.values() for each in group]
        self._failed.clear()
        if failures:
            raise not_stored(self._mode, failures, is_final=self._refusals >= MAX_FINAL_FAILURES)

    @property
    def sentinel(self) -> int:
        """What is ready when the process is gone."""
        return self._process.sentinel

    def give_up(self) -> NotStoredError:
        """Return the error that says how the process ended before it had anything to store."""
        self._at_exit.cancel()
        self._control.close()
        return self._death()

    def wait_closed(self) -> None:
        """Wait until the process is gone."""
        self._process.join()

    # ----- questions and answers -----------------------------------------------------------

    def _exchange(self, rows: StoreRequest | None = None) -> bool:
        """Take the answer to the last question if it is there, and ask again.

        Return whether there was a question to be asked.
        """
        try:
            if self._asked:
                if not self._control.poll(0):
                    return False
                self._take_report()
            self._question += 1
            self._control.send(StatusRequest(self._question, self._known_failures, rows))
            self._asked = True
        except (EOFError, OSError):
            raise self._death() from None
        return True

    def _take_report(self) -> bool:
        """Wait for a report and note what it says; return whether it was the last one."""
        report: StatusReport = self._control.recv()
        self._asked = False
        self._known_failures += len(report.failures)
        self._refusals = report.refusals
        for failure in report.failures:
            self._failed.setdefault(failure.run, []).append(failure)
        self._accepted = {
            run: question
            for run, question in self._accepted.items()
            if question > report.durable or run in self._failed
        }
        if report.is_last:
            self.has_stored_rows = not report.has_lost_rows
        return report.is_last

    def _death(self) -> NotStoredError:
        text = describe_death(self._mode, self._process)
        runs = sorted((self._accepted | self._failed.keys()) - {NO_RUN})
        self._failed.clear()
        if runs:
            names = joined([str(run) for run in runs], MAX_RUNS_NAMED)
            text += f"; that may concern {len(runs)} finished runs: {names}"
        return NotStoredError(text + ".", runs, is_final=True)


def _finish(control: Connection) -> None:
    with suppress(OSError):
        control.send(FINISH)


def queue_length(options: Mapping[str, Any]) -> int:
    """Return how many messages may wait: ``queue_maxsize``, where -1 is two for each worker."""
    length: int = options.get("queue_maxsize", -1)
    if length >= 0:
        return length
    cores: int = options.get("ncores", 1)
    return 2 * max(1, cores)


# ----- the mode -------------------------------------------------------------------------------


SenderT = TypeVar("SenderT", bound=Sender)


class WriterMode(WrapMode, Generic[SenderT]):
    """Holds a writer and the sender that workers get; `start` and `stop` are the mode's own."""

    options: ClassVar[tuple[Option, ...]] = established("queue_maxsize", "gc_interval")
    supports_resume: ClassVar[bool] = True

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Read how much may wait for the writer, and when it collects garbage."""
        super().__init__(options)
        self._options = options
        self._writer: WriterProcess | GivenQueueWriter | None = None
        self._sender: SenderT | None = None
        self._service: StorageService | None = None
        self._ending: list[WriterProcess | GivenQueueWriter] = []

    def worker_service(self) -> StorageService:
        """Return the sender.

        Raises
        ------
        RuntimeError
            `start` was not called, or `stop` was called since.
        """
        if self._sender is None:
            raise RuntimeError(f"Wrap mode {self.name!r} was not started; call `start` first.")
        return self._sender

    def accept(self, outcome: Outcome) -> None:
        """Raise if it is known that the run could not be stored; see `WrapMode.accept`."""
        if self._writer is not None:
            self._writer.accept(outcome)

    def check(self) -> None:
        """Raise if the writer has died, or can store nothing any more; see `WrapMode.check`."""
        if self._writer is not None:
            self._writer.check()

    def store_run_table(self, trajectory: TrajectoryLike) -> bool:
        """Send the rows that changed to the writer; see `WrapMode.store_run_table`."""
        service: Any = self._service
        if not isinstance(self._writer, WriterProcess) or not understands_requests(service):
            return False
        name = trajectory.v_name
        prepared = service.prepare(
            constants.TRAJECTORY, trajectory, trajectory_name=name, only_init=True
        )
        if not self._writer.store_rows(self_contained_rows(prepared.request)):
            return False
        prepared.confirm()
        return True

    @property
    def has_stored_run_table(self) -> bool:
        """Whether the writer has stored all rows; see `WrapMode.has_stored_run_table`."""
        return all(each.has_stored_rows for each in self._ending if isinstance(each, WriterProcess))

    def stop_writer(self) -> None:
        """Wait until everything is stored; the process may then still be ending."""
        writer, self._writer = self._writer, None
        if writer is not None:
            self._ending.append(writer)
            writer.stop()

    def wait_closed(self) -> None:
        """Wait until the writer process is gone; see `WrapMode.wait_closed`."""
        while self._ending:
            self._ending.pop().wait_closed()
