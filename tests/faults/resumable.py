"""Resumable experiments while the disk fails or the power goes; a part of `scenarios`."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pypet.plugins.resume.journal.segments import SegmentWriter
from pypet.plugins.resume.journal.service import JournaledService
from tests.faults import resume_scenarios
from tests.faults.resume_scenarios import (
    ARRAYS,
    BEGUN,
    EXECUTED,
    FILE_NAME,
    MODES,
    NAME,
    OTHER,
    RESUMABLE,
    SOME,
    Workload,
    content,
    executed,
    plain,
)
from tests.faults.resumes import Left, differences, look, set_pace


def without_attempts(results: Any) -> Any:
    """Return what runs have returned without what tells attempts at them apart."""
    return [(run, value) for run, (_, value) in plain(results)]


class Resumable:
    """An experiment with a journal.

    With ``is_quick`` everything is synchronized very often that is so from time to time; with
    ``has_other`` there is a finished experiment in the file before.
    """

    def __init__(
        self, workload: Workload, mode: str, *, is_quick: bool = True, has_other: bool = False
    ) -> None:
        self._workload = workload
        self._mode = MODES[mode]
        self._is_quick = is_quick
        self.prepare = finished_other if has_other else None

    def execute(self, path: Path) -> None:
        """Execute the experiment."""
        options = set_pace(self._is_quick)
        resume_scenarios.execute(self._workload, path.parent, self._mode, **RESUMABLE, **options)

    def look(self, folder: Path, marks: list[str], *, is_over: bool) -> list[str]:
        """Return what is wrong with what is left, which stays as it is."""
        left = self._left(folder)
        found = left.is_stored and not left.can_be_resumed
        faults = list(left.faults)
        if is_over and not found:
            faults.append("the experiment is over, and was told so, but is not there as a whole")
        if BEGUN in marks and not found and not left.can_be_resumed:
            faults.append("the experiment is lost")
        return faults

    def go_on(self, folder: Path, marks: list[str]) -> list[str]:
        """Bring the experiment to its end, and return what is wrong then."""
        left = self._left(folder)
        values, _ = self._undisturbed(folder)
        faults = []
        if left.can_be_resumed or not left.is_stored:
            (folder / EXECUTED).unlink(missing_ok=True)
            returned = self._resumed(folder, left)
            runs = sorted(executed(folder))
            faults += differences(returned, values, "what was returned")
            faults += [f"runs {runs} were executed"] * (len(set(runs)) < len(runs))
            again = sorted(left.committed & set(runs))
            if again and self._workload is not ARRAYS:  # their data may be lost behind a commit
                faults.append(f"runs {again} were executed again")
        if not faults:
            faults = self.look(folder, marks, is_over=True)
        return faults

    def _resumed(self, folder: Path, left: Left) -> Any:
        with contextlib.chdir(folder):
            mode = MODES["serial"]
            if left.can_be_resumed:
                return without_attempts(resume_scenarios.resume(folder, mode))
            execute = resume_scenarios.execute
            return without_attempts(execute(self._workload, folder, mode, **RESUMABLE))

    def _left(self, folder: Path) -> Left:
        _, everything = self._undisturbed(folder)
        return look(folder, everything, None if self.prepare is None else other_of(folder))

    def _undisturbed(self, folder: Path) -> tuple[Any, dict[Any, Any]]:
        """Return values and content of an experiment that was never disturbed."""

        def execute(place: Path) -> Any:
            values = resume_scenarios.execute(self._workload, place, MODES["serial"])
            found = content(place / FILE_NAME, NAME)
            resume_scenarios.attempts(found)
            return without_attempts(values), found

        return _remembered(folder, self._workload.run.__name__, execute)


class Killed(Resumable):
    """A serial experiment that is killed in the middle, and then resumed."""

    def execute(self, path: Path) -> None:
        """Execute some runs in a child, and the others here."""
        child = os.fork()
        if child == 0:
            self._die_of(path)
        os.waitpid(child, 0)
        resume_scenarios.resume(path.parent, self._mode, **set_pace(self._is_quick))

    def _die_of(self, path: Path) -> None:
        """Execute runs, with everything written and little synchronized, until that is enough."""
        rest = [self._workload.length // 2]
        apply = JournaledService._apply_committed_run

        def count(*args: Any) -> None:
            apply(*args)
            rest[0] -= 1
            if not rest[0]:
                os.kill(os.getpid(), signal.SIGKILL)

        JournaledService._apply_committed_run = count  # type: ignore[method-assign]
        SegmentWriter.interval = 0.0
        resume_scenarios.execute(self._workload, path.parent, self._mode, **RESUMABLE)
        os._exit(1)


def other_of(folder: Path) -> Any:
    """Return what the experiment has that was in the file before."""

    def execute(place: Path) -> Any:
        resume_scenarios.execute_other(place)
        found = content(place / FILE_NAME, OTHER)
        resume_scenarios.attempts(found)
        return found

    return _remembered(folder, OTHER, execute)


def finished_other(path: Path) -> None:
    """Make a file with a finished experiment."""
    with tempfile.TemporaryDirectory() as place:
        resume_scenarios.execute_other(Path(place))
        path.write_bytes((Path(place) / FILE_NAME).read_bytes())


def _remembered(folder: Path, name: str, execute: Callable[[Path], Any]) -> Any:
    """Return what a function says, kept beside the folder as checks are in many processes."""
    path = folder.parent / f"undisturbed {name}"
    if not path.exists():
        with tempfile.TemporaryDirectory() as place:
            path.write_bytes(pickle.dumps(execute(Path(place))))
    return pickle.loads(path.read_bytes())


SCENARIOS = {
    "resumable": Resumable(SOME, "serial"),
    "resumable, slow": Resumable(SOME, "serial", is_quick=False),
    "resumable, QUEUE": Resumable(SOME, "pool, QUEUE"),
    "resumable, LOCK": Resumable(SOME, "pool, LOCK"),
    "resumable, other": Resumable(SOME, "pool, PIPE", has_other=True),
    "resumable, killed": Killed(SOME, "serial"),
    "resumable, arrays": Resumable(ARRAYS, "serial"),
}
