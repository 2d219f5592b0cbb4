"""Worker processes that stay, and how they are fed.

What all runs share reaches a worker once. Tasks and outcomes travel in batches, so that short runs
cost microseconds and long ones are spread evenly.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait
from time import monotonic
from typing import Any

from pypet.errors import WorkerDiedError
from pypet.interfaces import Activity, Outcome, Task
from pypet.plugins._workers.batch_sizing import BatchSizing
from pypet.plugins._workers.claims import Claims, Slot
from pypet.plugins._workers.member import Member
from pypet.plugins._workers.performing import Perform
from pypet.plugins._workers.starting import GRACE_SECONDS, end_processes, start_process
from pypet.plugins._workers.worker import IDLE, Place, serve
from pypet.plugins._workers.workers import WAIT_SECONDS, Workers
from pypet.support.processes import deferred_interrupts

AHEAD_SECONDS = 0.01
"""Shorter runs are handed to workers that are still busy with others."""
STUCK_SECONDS = 0.05
"""After so long without any report, idle workers get what others have not begun."""
IDLE_DEATHS = 3
"""So many workers may die while they execute nothing, before this counts as hopeless."""

_numbers = itertools.count(1)


class Crew(Workers):
    """Feeds workers, replaces those that die, and reports the runs that died along."""

    def __init__(
        self,
        ncores: int,
        start_method: str,
        niceness: int | None,
        perform: type[Perform],
        process_name: str,
        *,
        one_by_one: bool = False,
        bequeaths: bool = False,
    ) -> None:
        """Nothing is started yet.

        ``perform`` says how a worker executes a task. With ``one_by_one`` a task waits in the
        main process until a worker is idle. With ``bequeaths`` workers are forked anew to inherit
        tasks that cannot be sent to them.
        """
        super().__init__(ncores, start_method, niceness)
        self._forks = start_method == "fork"
        self._perform = perform
        self._one_by_one = one_by_one
        self._bequeaths = bequeaths
        self._process_name = process_name
        self._slots: list[Slot] = []
        self._members: dict[int, Member] = {}
        self._sizing = BatchSizing()
        self._sends_ahead = True
        self._idle_deaths = 0
        self._checked = 0.0

    def start(self, execute: Callable[[Task], Outcome]) -> None:
        """Execute tasks by ``execute`` from now on.

        Workers are started when there is something to do; those that are there end, at once or
        after what they execute.
        """
        self._execute = execute
        for sentinel, member in list(self._members.items()):
            if member.batches:
                member.is_retiring = True
            else:
                self._dismiss(sentinel)

    def free_slots(self) -> int:
        """Return how many tasks to submit so that workers do not run out of them.

        0 until the tasks ahead are half used up: to ask for few tasks often is dear.
        """
        waiting = len(self._queue)
        if self._goes_singly:
            return max(0, self._ncores - self._busy() - waiting)
        wanted = self._ncores * max(2, 3 * self._sizing.batch_size)
        return wanted - waiting if 2 * waiting <= wanted else 0

    def activity(self) -> Activity:
        """Return the runs that workers execute, or will begin at once."""
        running = (member.running() for member in self._members.values())
        return Activity(self._ncores, [index for index in running if index is not None])

    def _end(self) -> None:
        members, self._members = list(self._members.values()), {}
        busy = any(member.batches or not member.is_ready for member in members)
        late: Sequence[Member] = members
        try:
            if not busy:
                late = _take_leave(members)
        finally:  # also if the user cannot wait any longer and interrupts this
            self._ending += [member.process for member in members if member not in late]
            end_processes([member.process for member in late], at_once=True)
            for member in members:
                member.connection.close()
        self._slots = []

    # ----- tasks ----------------------------------------------------------------------------

    @property
    def _goes_singly(self) -> bool:
        return self._one_by_one or not all(gate.admits_all for gate in self.gates)

    def _busy(self) -> int:
        return sum(bool(member.batches) for member in self._members.values())

    def _dispatch(self) -> None:
        if self._goes_singly:
            self._dispatch_singly()
            return
        while len(self._members) < min(self._ncores, self._busy() + len(self._queue)):
            self._start_worker()
        ahead = self._sends_ahead and self._sizing.is_faster_than(AHEAD_SECONDS)
        for depth in (0, 1) if ahead else (0,):
            for member in list(self._members.values()):
                if not self._queue:
                    return
                if member.is_retiring or len(member.batches) > depth:
                    continue
                if member.batches and member.has_stale:
                    continue  # or its connection could fill up
                if not self._hand_out(member, self._count_for_next()):
                    return

    def _count_for_next(self) -> int:
        """Return how many tasks to hand out at once: ever fewer near the end.

        So all workers finish at the same time, although some get less of the processor.
        """
        waiting, most = len(self._queue), self._sizing.batch_size
        return min(waiting, max(min(most, waiting // (2 * self._ncores)), most // 16, 1))

    def _dispatch_singly(self) -> None:
        """Hand out single tasks to idle workers, if nobody withholds them."""
        while self._queue:
            if not self._may_start(self._busy()):
                return
            idle = (member for member in self._members.values() if not member.batches)
            self._hand_out(next(idle, None) or self._start_worker(), 1)

    def _hand_out(self, member: Member, count: int) -> bool:
        """Hand a batch to a worker; False if it is too large to be sent ahead."""
        queue = self._queue
        tasks = [queue.popleft() for _ in range(count)]
        try:
            if member.send(tasks):
                return True
        except OSError:
            queue.extendleft(reversed(tasks))  # its end will be noticed next
            return True
        except Exception:
            if not self._bequeaths:
                raise
            if not member.batches:
                self._dismiss(member.process.sentinel)
                self._start_worker(inherited=tasks)
                return True
        queue.extendleft(reversed(tasks))
        self._sends_ahead = False
        return False

    # ----- workers --------------------------------------------------------------------------

    def _start_worker(self, inherited: Sequence[Task] = ()) -> Member:
        """Start a worker; ``inherited`` are its first tasks, which then need not be picklable."""
        slot = self._free_slot()
        slot.cell.value = IDLE
        slot.claims.reset()
        slot.claims.grant(len(inherited))
        here, there = self._context.Pipe()
        others = [here, *(member.connection for member in self._members.values())]
        place = Place(there, others if self._forks else (), slot)
        process = self._context.Process(
            target=serve,
            name=f"{self._process_name}-{next(_numbers)}",
            args=(place, self._perform, self._execute, self._niceness, inherited),
        )
        with deferred_interrupts():  # until it is known to `stop`
            try:
                start_process(process)
            except BaseException:
                here.close()
                raise
            finally:
                there.close()
            member = self._members[process.sentinel] = Member(process, here, slot)
        if inherited:
            member.note_batch(inherited)
        return member

    def _free_slot(self) -> Slot:
        """Return a slot that no worker has; there are never more than workers at once."""
        taken = {id(member.slot) for member in self._members.values()}
        for slot in self._slots:
            if id(slot) not in taken:
                return slot
        slot = Slot(self._context.RawValue("q", IDLE), Claims(self._context))
        self._slots.append(slot)
        return slot

    def _dismiss(self, sentinel: int) -> None:
        """End a worker that is idle."""
        member = self._members.pop(sentinel)
        _tell_to_stop(member)
        end_processes([member.process], at_once=False)
        member.connection.close()

    def _wait(self) -> None:
        members = self._members
        waiting: list[Any] = [*members, *(each.connection for each in members.values())]
        lenders = []
        if not self._queue and self._busy() < self._ncores:
            lenders = [member for member in members.values() if member.can_give_back]
        self._check_if_due()
        ready = set(wait(waiting, STUCK_SECONDS if lenders else WAIT_SECONDS))
        if lenders and not ready:
            # Their runs take longer than expected, and others have nothing to do.
            self._queue.extend(task for member in lenders for task in member.take_back())
        for sentinel, member in list(members.items()):
            died = sentinel in ready
            if died or member.connection in ready:
                self._receive(member, everything=died)
            if died:
                self._replace(sentinel, member)
            elif member.is_retiring and not member.batches:
                self._dismiss(sentinel)

    def _check_if_due(self) -> None:
        """Have done what is to be done from time to time; now that workers have their tasks."""
        now = monotonic()
        if self.check is not None and now - self._checked >= WAIT_SECONDS:
            self._checked = now
            self.check()

    def _receive(self, member: Member, *, everything: bool) -> None:
        """Take a report of a worker, or all that a dead one left."""
        try:
            while member.connection.poll():
                outcomes, given_back = member.receive()
                self._queue.extendleft(reversed(given_back))
                if outcomes:
                    self._sizing.learn(outcomes)
                    self._arrived.extend(outcomes)
                if not everything:
                    return
        except (EOFError, OSError):
            return  # the sentinel of the process tells the rest

    def _replace(self, sentinel: int, member: Member) -> None:
        """Take leave of a dead worker; another one takes over what it did not begin."""
        del self._members[sentinel]
        try:
            outcome, tasks = member.bury()
        finally:
            member.connection.close()
            exit_code = member.process.exitcode
            member.process.close()
        self._queue.extendleft(reversed(tasks))
        if outcome is not None:
            self._arrived.append(outcome)
            return
        self._idle_deaths += 1
        if self._idle_deaths >= IDLE_DEATHS:
            raise WorkerDiedError(
                f"{self._idle_deaths} workers ended while they executed nothing, the last one "
                f"with exit code {exit_code}; no further one is started."
            )


def _tell_to_stop(member: Member) -> None:
    try:
        member.connection.send_bytes(b"")
    except OSError:
        return  # it is gone already


def _take_leave(members: Sequence[Member]) -> Sequence[Member]:
    """Tell idle workers to stop, and wait until nothing that runs have started goes on in them.

    Return those where that takes too long.
    """
    for member in members:
        _tell_to_stop(member)
    waiting: dict[Any, Member] = {member.connection: member for member in members}
    deadline = monotonic() + GRACE_SECONDS
    while waiting and (left := deadline - monotonic()) > 0:
        for told in wait(list(waiting), left):
            del waiting[told]
    return list(waiting.values())
