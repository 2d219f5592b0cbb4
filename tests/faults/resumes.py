"""Kill resumable experiments anywhere, and look at what is left, and at what comes of it.

    python tests/faults/resumes.py [--rounds 300] [--seed 1]

Each round executes an experiment with ``resumable=True`` and kills a process of it, or all of them:
in a system call that changes a file, at a point by its name (`kill_points`), or at some time. What
is left is held against the contract: runs that count as completed have all their data, others
have none, another trajectory in the file is as it was. Then the experiment is resumed, in one
of three rounds killed once more meanwhile, and resumed by another scheduler and wrap mode to its
end, where it has to be equal to one that was never disturbed. Runs that were committed when
a process was killed must not be executed again. Prints what was found and ends with 1 if anything
of that is not so.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import itertools
import os
import pickle
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from multiprocessing import util
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # if executed as a script

from pypet.environment import run_table_flusher
from pypet.plugins.resume import experiment_journal
from pypet.plugins.resume.folders import SNAPSHOT_NAME
from pypet.plugins.resume.journal.following import Committed, Follower
from pypet.storage_backends.hdf5 import HDF5StorageService
from tests.faults import resume_scenarios
from tests.faults.kill_points import CALL, HELPER, MAIN, RESTORING, Kill, KillPoints, noted
from tests.faults.resume_scenarios import (
    EARLY,
    EXPANDING,
    FILE_NAME,
    LARGE,
    MAPPED,
    MODES,
    NAME,
    OTHER,
    RESUMABLE,
    RESUME_FOLDER,
    SOME,
    Mode,
    Workload,
    content,
    executed,
    of_run,
    plain,
)

HANGS_SECONDS = 150
ORPHAN_SECONDS = 60
"""Processes whose main process was killed end by themselves in this time, on a busy machine."""
NOTES, LOG = "points.txt", "log.txt"


class Scenario(NamedTuple):
    """What is executed in which way."""

    workload: Workload
    modes: tuple[str, ...]
    """Taken in turn."""
    other: bool | None = None
    """Whether another trajectory is in the file; None: by chance."""
    options: Mapping[str, Any] = {}


_POOLS = ("pool, LOCK", "pool, QUEUE", "pool, PIPE", "pool, LOCAL", "pool, NETLOCK")
SCENARIOS = {
    **{name: Scenario(SOME, (name,)) for name in MODES},
    "other trajectory": Scenario(SOME, ("serial", *_POOLS), other=True),
    "post-processing": Scenario(EXPANDING, ("serial", "pool, LOCK", "pool, QUEUE", "pool, PIPE")),
    "run_map": Scenario(MAPPED, ("pool, LOCK", "serial", "pool, QUEUE", "process, LOCK")),
    "early stores": Scenario(EARLY, ("pool, LOCK", "serial", "pool, PIPE", "pool, NETQUEUE")),
    "retries": Scenario(SOME, ("process, LOCK", "pool, QUEUE"), options={"on_error": "retry:3"}),
    "large arrays": Scenario(LARGE, ("serial", *_POOLS, "pool, NETQUEUE"), other=False),
}


class Timed(NamedTuple):
    """A kill at some time, from outside."""

    share: float
    """Of the time that the experiment takes without a kill."""
    role: str = MAIN
    group: bool = False


class Plan(NamedTuple):
    """One round."""

    scenario: str
    mode: str
    other: bool
    is_quick: bool
    """Whether everything that is done from time to time is done very often."""
    kill: Kill | Timed
    second: Kill | Timed | None
    ending: str


# ----- processes -------------------------------------------------------------------------------


class Ended(NamedTuple):
    """What became of a process."""

    status: int
    """As of `os.waitpid`; 0: it has executed everything."""
    value: Any
    """What its function returned, or the traceback of what it raised."""
    faults: list[str]
    is_killed: bool
    """Whether a process was killed from outside."""

    @property
    def is_complete(self) -> bool:
        """Whether the function returned."""
        return self.status == 0


def in_child(
    folder: Path,
    function: Callable[[], Any],
    kill: Kill | Timed | None = None,
    seconds: float = 0.0,
    counts: bool = False,
    patience: float = HANGS_SECONDS,
) -> Ended:
    """Call a function in a process of its own, and in a session; wait until all of it is gone.

    ``seconds`` is how long it takes without a kill. With ``counts`` it is noted how often
    processes come to each point. Who is not over after ``patience`` seconds hangs.
    """
    answer = folder / f"answer-{time.monotonic_ns()}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other tests may have left threads
        pid = os.fork()
    if pid == 0:
        _be_child(folder, function, answer, kill, counts)
    faults = []
    status, is_killed = _waited(pid, kill if isinstance(kill, Timed) else None, seconds, patience)
    if status is None:
        faults.append("hangs")
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGABRT)  # its traceback goes to the log
            time.sleep(1.0)
        _end_session(pid)
        status = os.waitpid(pid, 0)[1]
    deadline = time.monotonic() + ORPHAN_SECONDS
    while members(pid):
        if time.monotonic() > deadline:
            faults.append(f"processes {members(pid)} stay")
            _end_session(pid)
        time.sleep(0.005)
    value = pickle.loads(answer.read_bytes()) if answer.exists() else None
    return Ended(status, value, faults, is_killed)


def _be_child(
    folder: Path,
    function: Callable[[], Any],
    answer: Path,
    kill: Kill | Timed | None,
    counts: bool,
) -> None:
    """Call the function and end the process."""
    code = 1
    try:
        os.setsid()
        log = os.open(folder / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.dup2(log, 1)
        os.dup2(log, 2)
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
        faulthandler.enable(2)
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, signal.default_int_handler if name == 2 else signal.SIG_DFL)
        os.chdir(folder)
        warnings.simplefilter("default")
        try:
            if counts or isinstance(kill, Kill):
                KillPoints(folder / NOTES, kill if isinstance(kill, Kill) else None).install()
            value, code = function(), 0
        except Exception:
            value = traceback.format_exc()
        answer.write_bytes(pickle.dumps(value))
        util._exit_function()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _waited(
    pid: int, kill: Timed | None, seconds: float, patience: float
) -> tuple[int | None, bool]:
    """Wait for a process, and kill when it is time; return how it ended, and whether that was.

    None stands for a process that does not end.
    """
    began = time.monotonic()
    is_killed = False
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status, is_killed
        passed = time.monotonic() - began
        if kill is not None and not is_killed and passed >= kill.share * seconds:
            _kill_from_outside(pid, kill)
            is_killed = True
        if passed > patience:
            return None, is_killed
        time.sleep(0.002)


def _kill_from_outside(pid: int, kill: Timed) -> None:
    victims = [pid]
    if kill.role == HELPER:
        victims = [each for each in members(pid) if each != pid] or [pid]
        victims = [victims[int(kill.share * 1000) % len(victims)]]
    with contextlib.suppress(ProcessLookupError):
        if kill.group:
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(victims[0], signal.SIGKILL)


def members(session: int) -> list[int]:
    """Return the processes of a session that are not dead."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                fields = Path("/proc", name, "stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) == session and fields[0] not in "ZX":
                    found.append(int(name))
    return found


def _end_session(session: int) -> None:
    for pid in members(session):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


# ----- what is left ----------------------------------------------------------------------------


class Left(NamedTuple):
    """What is there after a kill."""

    committed: frozenset[int]
    """Runs whose commit is in the journal."""
    attempts: dict[int, str]
    """Which attempt at them it was whose data is in the storage."""
    can_be_resumed: bool
    is_stored: bool
    faults: list[str]


def look(folder: Path, reference: dict[Any, Any], other: dict[Any, Any] | None) -> Left:
    """Hold what is left after a kill against the contract; of a copy, to leave it as it is."""
    journal = folder / RESUME_FOLDER / NAME
    can_be_resumed = (journal / SNAPSHOT_NAME).exists()
    commits: list[Committed] = []
    if can_be_resumed:
        follower = Follower(str(journal))
        commits = follower.new_commits()
        commits = [each for each in commits if each.attempt not in follower.discarded]
    committed = frozenset(each.run for each in commits if each.node is None)
    if not (folder / FILE_NAME).exists():
        faults = ["the file is gone"] if other is not None else []
        faults += [f"runs {sorted(committed)} are committed without a file"] * bool(committed)
        return Left(committed, {}, can_be_resumed, False, faults)
    copy = folder / "copy.hdf5"
    shutil.copyfile(folder / FILE_NAME, copy)
    attempts: dict[int, str] = {}
    is_stored = False
    try:
        faults = list(faults_of_other(copy, other))
        is_stored = NAME in _names(copy)
        if not is_stored and committed:
            faults.append(f"runs {sorted(committed)} are committed, the trajectory is not stored")
        if is_stored:
            found = content(copy, NAME)
            # Large data is in the storage only, or else such a commit does not count.
            committed |= {each.run for each in commits if each.node in found}
            attempts = resume_scenarios.attempts(found)
            faults += faults_of(found, committed if can_be_resumed else None, reference)
    except Exception:
        faults = [f"unreadable: {traceback.format_exc()}"]
    finally:
        copy.unlink()
    return Left(committed, attempts, can_be_resumed, is_stored, faults)


def _names(path: Path) -> list[str]:
    if not path.stat().st_size:
        return []
    service = HDF5StorageService(filename=str(path))
    with service.exclusive(), service.reading():
        return service.trajectory_names()


def faults_of_other(path: Path, other: dict[Any, Any] | None) -> Iterator[str]:
    """Yield what is wrong with the trajectory that was there before."""
    if other is not None:
        found = content(path, OTHER)
        resume_scenarios.attempts(found)
        yield from differences(found, other, f"trajectory {OTHER!r}")


def faults_of(
    found: dict[Any, Any], committed: frozenset[int] | None, reference: dict[Any, Any]
) -> Iterator[str]:
    """Yield what is wrong with the runs of a trajectory that is not finished.

    ``committed`` None stands for an experiment that is over: it has to be complete.
    """
    if committed is None:
        yield from differences(found, reference, "the finished trajectory")
        return
    runs = {key[1]: record for key, record in found.items() if key[0] == "run table"}
    for name, (index, is_completed, *_) in runs.items():
        stored, expected = of_run(found, name), of_run(reference, name)
        if is_completed and index not in committed:
            yield f"run {index} is completed in the storage, not in the journal"
        if is_completed or (stored and index in committed):
            yield from differences(stored, expected, f"run {index}")
        elif stored and index not in committed:
            yield f"run {index} is not committed, but has stored {sorted(stored)}"


def differences(found: Any, expected: Any, what: str) -> list[str]:
    """Return in which way one thing is not what is expected."""
    if found == expected:
        return []
    if not isinstance(found, dict):
        return [f"{what} is {found!r}, not {expected!r}"]
    faults = [f"{what} lacks {key}" for key in expected if key not in found]
    faults += [f"{what} has {key}" for key in found if key not in expected]
    faults += [
        f"{what}: {key} is {found[key]}, not {each}"
        for key, each in expected.items()
        if key in found and found[key] != each
    ]
    return faults[:5]


# ----- rounds ----------------------------------------------------------------------------------


class Undisturbed(NamedTuple):
    """A workload that was executed without any kill, and without a journal."""

    content: dict[Any, Any]
    values: Any


class Measured(NamedTuple):
    """An experiment that was executed with a journal, and without any kill."""

    points: list[tuple[str, str, int]]
    seconds: float


class Killer:
    """Executes rounds; keeps what is known of experiments without kills."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        self.rng = random.Random(seed)
        self._undisturbed: dict[int, Undisturbed] = {}
        self._measured: dict[tuple[str, str], Measured] = {}
        template = self._new_folder()
        self._other = returned(in_child(template, lambda: _stored_other(template)))
        self._template = template / FILE_NAME
        self.hit: Counter[str] = Counter()
        """Where processes were killed."""

    def _new_folder(self, other: bool = False) -> Path:
        folder = self._folder / str(next(self._numbers))
        folder.mkdir()
        if other:
            shutil.copyfile(self._template, folder / FILE_NAME)
        return folder

    def undisturbed(self, workload: Workload) -> Undisturbed:
        """Return what a workload leaves if nothing happens."""
        key = id(workload.run) + workload.expands
        if key not in self._undisturbed:
            folder = self._new_folder()
            ended = in_child(folder, lambda: execute_undisturbed(workload, folder))
            self._undisturbed[key] = returned(ended)
            shutil.rmtree(folder)
        return self._undisturbed[key]

    def measured(self, scenario: str, mode: str) -> Measured:
        """Return where processes come to, and how long it takes, if nothing happens."""
        key = (scenario, mode)
        if key not in self._measured:
            folder = self._new_folder()
            workload, _, _, options = SCENARIOS[scenario]
            began = time.monotonic()
            ended = in_child(
                folder,
                lambda: _executed(workload, folder, MODES[mode], is_quick=True, **options),
                counts=True,
            )
            returned(ended)
            seconds = time.monotonic() - began
            self._measured[key] = Measured(list(noted(folder / NOTES)), seconds)
            shutil.rmtree(folder)
        return self._measured[key]

    # ----- planning --------------------------------------------------------------------------

    def plans(self, names: list[str], rounds: int) -> Iterator[Plan]:
        """Yield rounds, of each scenario equally many."""
        per_name = [
            rounds // len(names) + (each < rounds % len(names)) for each in range(len(names))
        ]
        for name, count in zip(names, per_name, strict=True):
            yield from (self._plan(name, number) for number in range(count))

    def _plan(self, name: str, number: int) -> Plan:
        rng, scenario = self.rng, SCENARIOS[name]
        mode = scenario.modes[number % len(scenario.modes)]
        kinds = ["point", "call", "time"]
        return Plan(
            name,
            mode,
            rng.random() < 0.5 if scenario.other is None else scenario.other,
            rng.random() < 0.7,
            self._kill(name, mode, kinds[number % 3]),
            self._second_kill(name, mode) if rng.random() < 1 / 3 else None,
            rng.choice([each for each in MODES if each != mode]),
        )

    def _kill(self, name: str, mode: str, kind: str) -> Kill | Timed:
        rng = self.rng
        group = rng.random() < 0.4
        role = HELPER if MODES[mode].has_helpers and rng.random() < 0.5 else MAIN
        if kind == "time":
            return Timed(rng.random(), role, group)
        points = [
            each
            for each in self.measured(name, mode).points
            if (each[1] == CALL) == (kind == "call")
        ]
        own = [each for each in points if each[0] == role] or points
        role, point, most = self._rarest(own, lambda each: each[1])
        return Kill(point, rng.randint(1, most), role, rng.random() < 0.5, group)

    def _second_kill(self, name: str, mode: str) -> Kill | Timed:
        if self.rng.random() < 0.5:
            point = self._rarest(list(RESTORING), lambda each: each)
            return Kill(point, group=self.rng.random() < 0.5)
        return self._kill(name, mode, self.rng.choice(["point", "call", "time"]))

    def _rarest(self, choice: list[Any], point_of: Callable[[Any], str]) -> Any:
        """Return one of those where processes were killed least often until now."""
        least = min(self.hit[point_of(each)] for each in choice)
        return self.rng.choice([each for each in choice if self.hit[point_of(each)] == least])

    # ----- executing -------------------------------------------------------------------------

    def execute(self, plan: Plan) -> list[str]:
        """Execute a round; return what was found wrong."""
        folder = self._new_folder(plan.other)
        faults = _Round(self, plan, folder).execute()
        if not faults:
            shutil.rmtree(folder)
        return faults

    def seconds(self, plan: Plan) -> float:
        """Return how long an experiment takes without a kill."""
        return self.measured(plan.scenario, plan.mode).seconds

    @property
    def other(self) -> dict[Any, Any]:
        """What the other trajectory has."""
        return dict(self._other)


class _Round:
    """The course of one round."""

    def __init__(self, killer: Killer, plan: Plan, folder: Path) -> None:
        self._killer = killer
        self._plan = plan
        self._folder = folder
        scenario = SCENARIOS[plan.scenario]
        self._workload, self._options = scenario.workload, scenario.options
        self._undisturbed = killer.undisturbed(self._workload)
        self._committed: frozenset[int] = frozenset()
        self._attempts: dict[int, str] = {}

    def execute(self) -> list[str]:
        """Return what was found wrong."""
        plan = self._plan
        faults = self._step("first", self._first, MODES[plan.mode], plan.kill)
        if faults or self._is_over:
            return faults
        if plan.second is not None:
            faults = self._step("again", self._go_on, MODES[plan.mode], plan.second)
            if faults or self._is_over:
                return faults
        faults = self._step("end", self._go_on, MODES[plan.ending], None)
        return faults or [] if self._is_over else [*faults, "end: is not over"]

    def _first(self, mode: Mode) -> Any:
        quick = self._plan.is_quick
        return _executed(self._workload, self._folder, mode, is_quick=quick, **self._options)

    def _go_on(self, mode: Mode) -> Any:
        if not self._left.can_be_resumed:
            return self._first(mode)
        return _resumed(self._folder, mode, is_quick=self._plan.is_quick, **self._options)

    def _step(
        self, name: str, function: Callable[[Mode], Any], mode: Mode, kill: Kill | Timed | None
    ) -> list[str]:
        """Execute, or go on with, the experiment; look at what is left."""
        folder, killer = self._folder, self._killer
        before = len(executed(folder))
        (folder / NOTES).unlink(missing_ok=True)
        ended = in_child(folder, lambda: function(mode), kill, killer.seconds(self._plan))
        faults = list(ended.faults)
        is_killed = self._note_hit(kill, ended)
        if not ended.is_complete and not is_killed:
            faults.append(f"raises {ended.value}")
        runs = executed(folder)[before:]
        again = sorted(self._committed & set(runs))
        if again:
            faults.append(f"committed runs {again} were executed again")
        if kill is None and len(set(runs)) < len(runs):
            faults.append(f"runs were executed several times: {sorted(runs)}")
        other = killer.other if self._plan.other else None
        looked = in_child(folder, lambda: look(folder, self._undisturbed.content, other))
        left = self._left = returned(looked)
        faults += left.faults
        lost = sorted(self._committed - left.committed)
        if lost and left.can_be_resumed:
            faults.append(f"runs {lost} are not committed any more")
        if self._attempts.items() - left.attempts.items() and left.is_stored:
            faults.append(f"runs were stored by {left.attempts}, before by {self._attempts}")
        self._attempts = left.attempts
        self._committed = left.committed
        self._is_over = left.is_stored and not left.can_be_resumed
        if ended.is_complete:
            faults += self._faults_of_returned(ended.value, left, is_killed)
        return [f"{name}: {fault}" for fault in faults]

    def _faults_of_returned(self, returned: Any, left: Left, is_killed: bool) -> list[str]:
        """Return what is wrong with the return values of an experiment that came to its end."""
        expected, attempts = self._undisturbed.values, left.attempts
        if not self._is_over:
            if not is_killed:
                return ["it returned, but is not over"]
            # A worker was killed, and the experiment went on without its runs.
            runs = {run for run, _ in returned}
            expected = [(run, value) for run, value in expected if run in runs]
            attempts = {run: each for run, each in attempts.items() if run in runs}
        values = [(run, value) for run, (_, value) in returned]
        faults = differences(values, expected, "what was returned")
        of_runs = {run: attempt for run, (attempt, _) in returned}
        return faults + differences(of_runs, attempts, "the attempts that returned")

    def _note_hit(self, kill: Kill | Timed | None, ended: Ended) -> bool:
        """Return whether a process was killed, and note where."""
        notes = self._folder / NOTES
        if isinstance(kill, Kill) and notes.exists() and notes.read_text():
            self._killer.hit[f"{kill.point}" if kill.point != CALL else f"{kill.role}, {CALL}"] += 1
            return True
        if isinstance(kill, Timed) and ended.is_killed:
            self._killer.hit["time"] += 1
            return True
        return False


def returned(ended: Ended) -> Any:
    """Return what a function in a child has returned; RuntimeError if it has not."""
    if not ended.is_complete or ended.faults:
        raise RuntimeError(f"fails without a kill: {ended.faults} {ended.status} {ended.value}")
    return ended.value


def _stored_other(folder: Path) -> dict[Any, Any]:
    resume_scenarios.execute_other(folder)
    found = content(folder / FILE_NAME, OTHER)
    resume_scenarios.attempts(found)
    return found


def execute_undisturbed(workload: Workload, folder: Path) -> Undisturbed:
    """Execute a workload without a journal, one run after the other."""
    values = resume_scenarios.execute(workload, folder, MODES["serial"])
    found = content(folder / FILE_NAME, NAME)
    resume_scenarios.attempts(found)
    return Undisturbed(found, [(run, value) for run, (_, value) in plain(values)])


def _executed(
    workload: Workload, folder: Path, mode: Mode, *, is_quick: bool, **options: Any
) -> Any:
    options = {**RESUMABLE, **set_pace(is_quick), **options}
    return plain(resume_scenarios.execute(workload, folder, mode, **options))


def _resumed(folder: Path, mode: Mode, *, is_quick: bool, **options: Any) -> Any:
    return plain(resume_scenarios.resume(folder, mode, **set_pace(is_quick), **options))


def set_pace(is_quick: bool) -> dict[str, Any]:
    """Have everything done often that is done from time to time, in this process."""
    if not is_quick:
        return {}
    run_table_flusher.FLUSH_SECONDS = run_table_flusher.MAX_FLUSH_SECONDS = 0.01
    experiment_journal.COMMIT_SECONDS = 0.01
    experiment_journal.SegmentWriter.interval = 0.005
    return {"commit_interval": 0.01}


def kill_many(
    rounds: int, seed: int, names: list[str] | None = None, tells: bool = False
) -> list[str]:
    """Execute rounds; return what was found wrong."""
    names = names or list(SCENARIOS)
    wrong: list[str] = []
    counts: Counter[tuple[str, bool]] = Counter()
    scratch = Path(tempfile.mkdtemp(prefix="pypet-resumes-"))
    killer = Killer(scratch, seed)
    for plan in killer.plans(names, rounds):
        faults = killer.execute(plan)
        counts[plan.scenario, not faults] += 1
        wrong += [f"{plan}: {fault}" for fault in faults]
        if tells and faults:
            print(f"{plan}:", *faults, sep="\n    ", flush=True)
    for name in names:
        print(f"{name:24} {counts[name, True]:4} sound {counts[name, False]:4} not")
    for point, count in sorted(killer.hit.items()):
        print(f"{point:48} {count:4} killed")
    if wrong:
        print(f"The folders of what was not sound are in {scratch}.")
    else:
        shutil.rmtree(scratch)
    return wrong


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scenario", action="append", choices=list(SCENARIOS))
    arguments = parser.parse_args()
    began = time.monotonic()
    wrong = kill_many(arguments.rounds, arguments.seed, arguments.scenario, tells=True)
    print(
        f"{arguments.rounds} rounds in {time.monotonic() - began:.0f} s, {len(wrong)} violations."
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
