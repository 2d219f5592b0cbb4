"""Progress of the runs of an experiment, from its journal and its run table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pypet.catalog.progress import CODES, RunProgress
from pypet.plugins.resume.journal.following import Committed, Follower
from pypet.records import RunError
from pypet.records.run_rows import NOT_STARTED
from pypet.runs.states import ABANDONED, COMMITTED, PENDING, RUNNING

_REFUSED = RunError(
    "NotStoredError", "what the run has stored was refused by the storage", "", NOT_STARTED
)
"""Error of a run whose data could not be stored, if no other one was recorded."""
_UNTOLD = RunError(
    "(unknown)", "the run has ended without a commit, and why is not stored", "", NOT_STARTED
)
_PLACEHOLDERS = (_REFUSED, _UNTOLD)


class JournalProgress(RunProgress):
    """State of each run; for active runs, according to the journal.

    Runs that were started and did not end are abandoned, until `follow` says
    otherwise.
    """

    def follow(
        self,
        commits: Iterable[Committed],
        follower: Follower,
        workers: int | None,
        running_since: float | None,
    ) -> None:
        """Add what a journal says.

        ``commits`` are those that count. ``workers`` is how many runs are executed at a time, None
        if that is unknown: schedulers are given more than that. ``running_since`` is when the
        process that executes the experiment has taken it up, None if there is no such process.
        """
        total = len(self.states)
        for each in commits:
            if each.run < total:
                self.states[each.run] = CODES[COMMITTED]
                self.started[each.run] = each.started
                self.finished[each.run] = each.commit.finished
                self.errors.pop(each.run, None)
        self._note_refused(follower)
        handed_over = dict(self._not_ended(follower.started))
        if workers == 1:
            self._note_untold(handed_over, follower.started)
        present = {} if running_since is None else _since(handed_over, running_since)
        former = {run: when for run, when in handed_over.items() if run not in present}
        for state, runs in ((ABANDONED, former), (RUNNING, present)):
            for run in underway(runs, workers):
                self.states[run] = CODES[state]
                self.started[run] = runs[run]
                self.errors.pop(run, None)

    def _note_refused(self, follower: Follower) -> None:
        for run, started in follower.discarded:
            if (
                run < len(self.states)
                and self.states[run] in (CODES[PENDING], CODES[ABANDONED])
                and follower.started.get(run, 0.0) <= started
            ):
                self.fail(run, _REFUSED)

    def _note_untold(self, handed_over: dict[int, float], started: Mapping[int, float]) -> None:
        """Take out runs that another one was executed after: errors are stored with some delay."""
        last = max(
            ((when, run) for run, when in started.items() if self.is_committed(run)),
            default=(0.0, -1),
        )
        for run, when in list(handed_over.items()):
            if (when, run) < last:
                del handed_over[run]
                if run not in self.errors:
                    self.fail(run, _UNTOLD)

    def _not_ended(self, started: Mapping[int, float]) -> Iterator[tuple[int, float]]:
        """Yield the runs that were handed to a scheduler and are not known to have ended."""
        for run, when in started.items():
            if run >= len(self.states) or self.is_committed(run):
                continue
            error = self.errors.get(run)
            if error is None or (error not in _PLACEHOLDERS and error.timestamp < when):
                yield run, when


def _since(started: Mapping[int, float], moment: float) -> dict[int, float]:
    return {run: when for run, when in started.items() if when >= moment}


def underway(started: Mapping[int, float], workers: int | None) -> list[int]:
    """Return which runs are being executed, or were, of those that a scheduler was given.

    A scheduler takes more runs than it has workers, and executes them in the order in which it got
    them.
    """
    in_order = sorted(started, key=lambda run: (started[run], run))
    return in_order if workers is None else in_order[:workers]
