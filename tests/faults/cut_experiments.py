"""Cut off the files of a resumable experiment that was killed, and resume it.

    python tests/faults/cut_experiments.py [--step 1] [--file-step 512]

Experiments of three runs are killed in different states. Each segment of their journals is cut
off at every byte, and read: it has to have the commits that are whole, and no others. Where it
has others than with one byte less or more, and for the HDF5 file and the snapshot at every 512th
byte, the experiment is resumed. That has to give an experiment equal to an undisturbed one, or an
error that names the file: never something else. What a run has returned and what it has stored
must be of the same attempt at it. Prints what was found and ends with 1 if any of that is not so.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # if executed as a script

from pypet.environment import run_table_flusher
from pypet.errors import ResumeError, StorageFormatError
from pypet.plugins.resume import experiment_journal
from pypet.plugins.resume.folders import SNAPSHOT_NAME
from pypet.plugins.resume.journal.following import Attempt, Follower
from pypet.plugins.resume.journal.segments import SegmentWriter
from pypet.plugins.resume.journal.synced_file import SUFFIX
from tests.faults.kill_points import Kill
from tests.faults.resume_scenarios import (
    FILE_NAME,
    MODES,
    NAME,
    RESUMABLE,
    RESUME_FOLDER,
    Workload,
    attempts,
    content,
    execute,
    plain,
    resume,
    store_early,
    store_some,
)
from tests.faults.resumes import Undisturbed, differences, execute_undisturbed, in_child, returned

SOME, EARLY = Workload(store_some, 3), Workload(store_early, 3)
PATIENCE_SECONDS = 3600


class State(NamedTuple):
    """In which state an experiment is killed."""

    workload: Workload
    mode: str
    kill: Kill


STATES = {
    "a run is only in the journal": State(SOME, "serial", Kill("before apply a run", 2)),
    "all runs are only in the journal": State(EARLY, "pool, LOCK", Kill("before settle")),
    "everything is stored": State(SOME, "pool, LOCK", Kill("before end")),
    "a commit is in the redo log": State(EARLY, "serial", Kill("after redo log", 8)),
}


def kill_in(state: State, folder: Path) -> None:
    """Execute an experiment until it is killed in a state."""

    def execute_it() -> None:
        # Nothing waits in memory, and the file has data of runs that it does not call completed.
        SegmentWriter.interval = experiment_journal.COMMIT_SECONDS = 0.0
        run_table_flusher.FLUSH_SECONDS = 1e6
        execute(state.workload, folder, MODES[state.mode], **RESUMABLE, commit_interval=0)

    ended = in_child(folder, execute_it, state.kill)
    if ended.faults or ended.is_complete:
        raise RuntimeError(f"was not killed: {state}, {ended}")


class Whole(NamedTuple):
    """A commit out of a segment."""

    content: bytes
    """Everything that it says."""
    path: str
    end: int
    """Where its last frame ends."""


def committed_in(folder: Path) -> dict[Attempt, Whole]:
    """Return which attempts were committed by what the segments of a folder say."""
    follower = Follower(str(folder))
    found = {}
    for each in follower.new_commits():
        content = Path(each.path).read_bytes()
        frames = b"".join(content[start:end] for start, end in each.spans)
        ends = [end for _, end in each.spans]
        found[each.attempt] = Whole(each.commit.value + frames, Path(each.path).name, max(ends))
    return {attempt: each for attempt, each in found.items() if attempt not in follower.discarded}


def cut_segment(path: Path, scratch: Path, step: int) -> tuple[list[int], list[str]]:
    """Cut off a segment at all lengths, and read it.

    Returns the lengths at which it says something else than one step before or after, and what
    is wrong.
    """
    whole = committed_in(path.parent)
    scratch.mkdir()
    for each in path.parent.glob(f"*{SUFFIX}"):
        shutil.copyfile(each, scratch / each.name)
    lengths, faults = {0}, []
    before, former = None, 0
    for length in reversed(range(0, path.stat().st_size + 1, step)):
        os.truncate(scratch / path.name, length)
        found = committed_in(scratch)
        expected = {
            attempt: each
            for attempt, each in whole.items()
            if each.path != path.name or each.end <= length
        }
        if found != expected:
            faults.append(f"{path.name} cut to {length} bytes has {sorted(found)}")
        if found.keys() != before:
            lengths |= {former, length}
        before, former = found.keys(), length
    shutil.rmtree(scratch)
    return sorted(lengths), faults


def lengths_of(path: Path, step: int) -> list[int]:
    """Return the lengths that a file is cut to."""
    return list(range(0, path.stat().st_size, step))


class Cutting:
    """Cuts the files of one experiment, again and again, and resumes it."""

    def __init__(self, folder: Path, undisturbed: Undisturbed) -> None:
        self._folder = folder
        self._kept = folder.with_name(f"{folder.name} kept")
        self._file = folder / FILE_NAME
        self._snapshot = folder / RESUME_FOLDER / NAME / SNAPSHOT_NAME
        self._undisturbed = undisturbed
        self.counts: Counter[str] = Counter()

    def execute(self, step: int, file_step: int) -> tuple[list[str], Counter[str]]:
        """Return what was found wrong, and how often it came to what."""
        shutil.copytree(self._folder, self._kept)
        faults: list[str] = []
        journal = self._folder / RESUME_FOLDER / NAME
        places = {path: lengths_of(path, file_step) for path in (self._file, self._snapshot)}
        for path in sorted(journal.glob(f"*{SUFFIX}")):
            scratch = self._folder.with_name(f"{self._folder.name} cut")
            places[path], found = cut_segment(path, scratch, step)
            faults += found
            self.counts[f"{path.suffix} read"] += len(range(0, path.stat().st_size + 1, step))
        for path, lengths in places.items():
            for length in lengths:
                shutil.rmtree(self._folder)
                shutil.copytree(self._kept, self._folder)
                os.chdir(self._folder)
                os.truncate(path, length)
                outcome, found = self._resume(path)
                self.counts[f"{path.suffix} {outcome}"] += 1
                faults += [f"{path.name} cut to {length} bytes: {fault}" for fault in found]
        return faults, self.counts

    def _resume(self, path: Path) -> tuple[str, list[str]]:
        """Resume the experiment, a file of which was cut off; return what came of it."""
        try:
            values = plain(resume(self._folder, MODES["serial"]))
        except (StorageFormatError, ResumeError) as error:
            is_named = path.name in str(error)
            return "an error", [f"the error does not name it: {error}"] * (not is_named)
        except Exception:
            return "another error", [traceback.format_exc()]
        found = content(self._file, NAME)
        stored = attempts(found)
        returned_values = [(run, value) for run, (_, value) in values]
        of_runs = {run: attempt for run, (attempt, _) in values}
        faults = [
            *differences(found, self._undisturbed.content, "the trajectory"),
            *differences(returned_values, self._undisturbed.values, "what was returned"),
            *differences(stored, of_runs, "the attempts that stored"),
        ]
        return "not equal" if faults else "equal", faults


def cut_in(name: str, scratch: Path, step: int, file_step: int) -> list[str]:
    """Cut off files of an experiment in one state; return what was found wrong."""
    began = time.monotonic()
    state = STATES[name]
    folder, undisturbed, log = (scratch / each for each in ("killed", "undisturbed", "log"))
    for each in (folder, undisturbed, log):
        each.mkdir()
    expected = returned(
        in_child(undisturbed, lambda: execute_undisturbed(state.workload, undisturbed))
    )
    kill_in(state, folder)
    cutting = Cutting(folder, expected)
    faults, counts = returned(
        in_child(log, lambda: cutting.execute(step, file_step), patience=PATIENCE_SECONDS)
    )
    print(f"{name}: {dict(sorted(counts.items()))}, {time.monotonic() - began:.0f} s", flush=True)
    return [f"{name}: {fault}" for fault in faults]


def cut_many(step: int, file_step: int, names: Iterable[str] = tuple(STATES)) -> list[str]:
    """Cut off files of experiments in these states; return what was found wrong."""
    wrong: list[str] = []
    for name in names:
        with tempfile.TemporaryDirectory(prefix="pypet-truncations-") as scratch:
            wrong += cut_in(name, Path(scratch), step, file_step)
    return wrong


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--file-step", type=int, default=512)
    parser.add_argument("--state", action="append", choices=list(STATES))
    arguments = parser.parse_args()
    wrong = cut_many(arguments.step, arguments.file_step, arguments.state or STATES)
    print("\n".join(wrong) or "What was resumed was equal to what was never disturbed.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
