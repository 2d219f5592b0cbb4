"""The workers that this process knows of: finding them, and noticing that they are gone."""

from __future__ import annotations

import itertools
import logging
import os
import socket
from collections.abc import Iterator, Sequence
from time import monotonic
from typing import NamedTuple

from pypet.errors import WorkerDiedError
from pypet.interfaces import Task
from pypet.plugins.scoop import stand_in
from pypet.plugins.scoop.guest import Introduction, Reply, introduce, perform
from pypet.plugins.scoop.launch import number_of_workers
from pypet.plugins.scoop.link import Answer, Link
from pypet.plugins.scoop.member import Batch, Member
from pypet.support.processes import MAIN_GUARD_ADVICE
from pypet.version import __version__

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
"""Time between two invitations while workers are missing."""
LATE_SECONDS = 2.0
"""So much later than the answer the batch may come back, for it may go through the broker."""
MOST_INVITATIONS = 4
"""So many for each worker may be without an answer."""
PATIENCE_SECONDS = 30.0
"""After so long somebody is told how many workers are missing."""
MOST_FALSE_STARTS = 3
"""So many stand-ins in a row may end before they have executed anything."""

_logger = logging.getLogger("pypet.scoop")
_stand_in_numbers = itertools.count(1)


class Report(NamedTuple):
    """What came back of a batch, or what a worker that is gone has left behind."""

    member: Member
    batch: Batch
    reply: Reply | None
    """None if the worker is gone."""
    error: BaseException | None = None


class Workforce:
    """Has the workers; one in a process, see `workforce`, for all rounds of runs.

    Workers of SCOOP are not replaced. The stand-in of the main process is, so there is always one.
    """

    def __init__(self) -> None:
        self._link = Link()
        self._members: dict[bytes, Member] = {}
        self._expected = number_of_workers() - 1
        self._invitations: set[int] = set()
        self._pause = FIRST_PAUSE_SECONDS
        self._next_invitation = 0.0
        self._looking_since: float | None = None
        self._stand_in: Member | None = None
        self._false_starts = 0

    def muster(self) -> None:
        """Start the stand-in if there is none, and look for workers that did not answer yet.

        Raises
        ------
        WorkerDiedError
            No stand-in can be started.
        """
        if self._stand_in is None:
            self._start_stand_in()
        self._invite()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port where workers reach this process."""
        return self._link.address

    @property
    def size(self) -> int:
        """How many workers are known, and not gone."""
        return len(self._members)

    @property
    def strength(self) -> int:
        """How many workers there are or may still be found."""
        return max(self.size, self._expected + 1)

    def idle(self) -> Iterator[Member]:
        """Yield the workers without a batch; those of SCOOP first, the stand-in last."""
        now = monotonic()
        for member in list(self._members.values()):
            is_free = member.batch is None and member.rests_until <= now
            if is_free and member is not self._stand_in:
                yield member
        if self._stand_in is not None and self._stand_in.batch is None:
            yield self._stand_in

    def is_stand_in(self, member: Member) -> bool:
        """Return whether a worker would be replaced."""
        return member is self._stand_in

    def busy(self) -> list[Member]:
        """Return the workers that have a batch."""
        return [member for member in self._members.values() if member.batch is not None]

    def give(
        self, member: Member, tasks: Sequence[Task], round_name: str, *arguments: object
    ) -> None:
        """Give a worker a batch of ``tasks``; the others are arguments of `guest.perform`."""
        number, message = self._link.prepare(perform, *arguments)
        member.begin(Batch(number, tasks, round_name, message))
        self._send(member)

    def collect(self, seconds: float) -> list[Report]:
        """Return what came back, after waiting for it up to ``seconds``, and who is gone.

        Raises
        ------
        WorkerDiedError
            SCOOP has shut down, or no stand-in can be started.
        """
        reports = []
        for answer in self._link.receive(seconds):
            if answer.number in self._invitations:
                self._welcome(answer)
            elif (asked := self._asked(answer)) is not None:
                asked.question = None
                asked.answered = monotonic()
            elif (report := self._report(answer)) is not None:
                reports.append(report)
        reports += self._look_after()
        self.muster()
        return reports

    def dismiss(self, member: Member) -> Report | None:
        """Count a worker as gone; return what it had."""
        self._members.pop(member.name, None)
        member.leave()
        if member is self._stand_in:
            self._stand_in = None
            self._end_stand_in(member)
        batch, member.batch = member.batch, None
        if batch is None:
            return None
        self._forget(batch)
        return Report(member, batch, None)

    def abandon(self, round_name: str) -> None:
        """Let nobody begin what belongs to a round that is over; the stand-in stops at once."""
        for member in self.busy():
            batch = member.batch
            if batch is None or batch.round != round_name:
                continue
            if batch.message is not None:
                self._forget(batch)
                member.batch = None
            elif member is self._stand_in:
                self.dismiss(member)

    def close(self) -> None:
        """End the stand-in."""
        if self._stand_in is not None:
            self.dismiss(self._stand_in)

    # ----- finding workers ------------------------------------------------------------------

    def _invite(self) -> None:
        """Look for workers that are missing.

        The broker gives an invitation to whoever has asked for a future first, and that may be one
        that is known and busy. All of these have asked once, so one more for each reaches others.
        """
        known = self.size - (self._stand_in is not None)
        missing = self._expected - known
        now = monotonic()
        self._tell_missing(missing, now)
        if missing <= 0 or now < self._next_invitation:
            return
        if len(self._invitations) > MOST_INVITATIONS * self.strength:
            return
        self._next_invitation = now + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
        for _ in range(missing + known):
            self._invitations.add(self._link.invite())

    def _tell_missing(self, missing: int, now: float) -> None:
        """Warn once of workers that do not appear."""
        if missing <= 0:
            return
        if self._looking_since is None:
            self._looking_since = now
        elif now > self._looking_since + PATIENCE_SECONDS:
            self._looking_since = float("inf")
            _logger.warning(
                "%d of %d workers have not answered yet; runs are executed by the others. They "
                "may still start, or have ended; if one ends before the others have answered, "
                "SCOOP's broker may have ended with it, and none of those can be found.",
                missing,
                self._expected + 1,
            )

    def _welcome(self, answer: Answer) -> None:
        self._invitations.discard(answer.number)
        guest = answer.value
        if not isinstance(guest, Introduction):
            _logger.warning("A worker of SCOOP cannot be used: %r", answer.error)
            self._expected -= 1
            return
        if guest.name in self._members:
            return
        member = Member(guest.name, guest.host, guest.pid)
        if guest.version != __version__:
            _logger.error(
                "%s is not used: it has pypet %s, and the main process %s.",
                member,
                guest.version,
                __version__,
            )
            self._expected -= 1
            return
        self._members[member.name] = member
        _logger.info("%s is there, %d of %d.", member, self.size, self._expected + 1)

    def _start_stand_in(self) -> None:
        if self._false_starts >= MOST_FALSE_STARTS:
            raise WorkerDiedError(
                "The process that executes runs in place of the main process ends as soon as it "
                f"is started; its message is above. {MAIN_GUARD_ADVICE}"
            )
        self._false_starts += 1
        host, port = self._link.address
        name = f"{host}:{port}-{next(_stand_in_numbers)}".encode()
        process = stand_in.launch((host, port), name)
        self._stand_in = Member(name, socket.gethostname(), process.pid, process)
        self._members[name] = self._stand_in

    def _end_stand_in(self, member: Member) -> None:
        process = member.process
        if process is not None:
            process.kill()
            process.wait()

    # ----- batches --------------------------------------------------------------------------

    def _send(self, member: Member) -> None:
        """Send a batch, or try again later if the connection is not there yet."""
        batch = member.batch
        if batch is None or batch.message is None:
            return
        if self._link.send(member.name, batch.message):
            batch.note_sent()

    def _report(self, answer: Answer) -> Report | None:
        for member in self._members.values():
            batch = member.batch
            if batch is not None and batch.number == answer.number:
                member.batch = None
                member.note_heard()
                if batch.question is not None:
                    self._link.ignore(batch.question)
                if member is self._stand_in:
                    self._false_starts = 0
                reply = answer.value if isinstance(answer.value, Reply) else None
                error = answer.error
                if reply is None and error is None:
                    error = WorkerDiedError(f"{member} returned {answer.value!r}.")
                return Report(member, batch, reply, error)
        return None

    def _look_after(self) -> list[Report]:
        """Send what could not be sent, and return what those have left behind who are gone."""
        reports = []
        for member in self.busy():
            self._send(member)
            is_gone = member.is_gone
            if is_gone and self._is_behind_a_wall(member):
                member.note_heard()
            elif is_gone:
                _logger.warning("%s is gone.", member)
                if member is not self._stand_in:
                    self._expected -= 1
                report = self.dismiss(member)
                if report is not None:
                    reports.append(report)
            elif member is not self._stand_in and (missed := self._missed(member)) is not None:
                reports.append(missed)
        return reports

    # Connections that break are made anew, but messages under way are lost with them. A worker
    # answers one question after the other: if it answers one that was asked after it had got a
    # batch, and the batch has not come back, that is lost.

    def _asked(self, answer: Answer) -> Batch | None:
        batches = (each.batch for each in self._members.values())
        return next((each for each in batches if each and each.question == answer.number), None)

    def _forget(self, batch: Batch) -> None:
        self._link.forget(batch.number)
        if batch.question is not None:
            self._link.forget(batch.question)

    def _missed(self, member: Member) -> Report | None:
        """Return the batch of a worker if it was lost on the way; ask the worker if in doubt."""
        batch, now = member.batch, monotonic()
        if batch is None or batch.message is not None:
            return None
        if batch.answered is not None:
            if now < batch.answered + LATE_SECONDS:
                return None
            _logger.warning("What %s got or returned was lost on the way.", member)
            self._forget(batch)
            member.batch = None
            member.knows = ""
            return Report(member, batch, None)
        if now > batch.asked + batch.doubt:
            number, message = self._link.prepare(introduce)
            if not self._link.send(member.name, message):
                self._link.forget(number)
                return None
            if batch.question is not None:
                self._link.ignore(batch.question)  # it may have been lost, too
            batch.note_asked(number)
        return None

    def _is_behind_a_wall(self, member: Member) -> bool:
        """Return whether a worker does not open, and never has, but is connected.

        If its host has vanished, the connection ends of that; see `remedies`.
        """
        door = member.door
        if door is None or door.has_opened:
            return False
        return self._link.reaches(member.name)


_workforce: tuple[int, Workforce] | None = None


def workforce() -> Workforce:
    """Return the workforce of this process."""
    global _workforce
    if _workforce is None or _workforce[0] != os.getpid():
        import atexit

        force = Workforce()
        atexit.register(force.close)
        _workforce = os.getpid(), force
    return _workforce[1]
