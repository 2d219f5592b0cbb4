"""Let calls fail that write to the disk, and let the disk be full; look at what comes of it.

    python tests/faults/io_faults.py [--rounds 200] [--seed 1] [--scenario NAME] [--kind KIND]

Each round executes a scenario and lets one call fail, or all from one on, in one of the ways of
`KINDS`; the rounds go through all calls evenly. In the rounds of `FULL` the disk has room for a
part of what there is to store only. The scenario has to succeed, with everything stored, or to end
with an error that says what is wrong; afterwards what the file says has to be true, and when the
disk is sound again the experiment has to be completed. Prints what was found, and ends with 1 if
something of that was not so.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path[:0] = [str(Path(__file__).parents[2])]

from tests.faults.isolation import findings_of
from tests.faults.resume_scenarios import EXECUTED, RESUME_FOLDER
from tests.faults.scenarios import DONE, ERROR, FILE, SCENARIOS, Outcome, executed, prepared
from tests.faults.shim import HALF, Fault, Kind, Recording, compiled, files_below, why_not

NOWHERE = 1 << 60
"""No call has such a number."""
KINDS = {
    "write fails": Fault("write", NOWHERE, errno.EIO),
    "writes fail": Fault("write", NOWHERE, errno.EIO, times=0),
    "no room": Fault("write", NOWHERE, errno.ENOSPC, times=0),
    "no room once": Fault("write", NOWHERE, errno.ENOSPC),
    "short write": Fault("write", NOWHERE, HALF),
    "short writes": Fault("write", NOWHERE, HALF, times=0),
    "fsync fails": Fault("sync", NOWHERE, errno.EIO),
    "fsyncs fail": Fault("sync", NOWHERE, errno.EIO, times=0),
    "truncate fails": Fault("truncate", NOWHERE, errno.EIO),
    "open fails": Fault("open", NOWHERE, errno.EIO),
    "naming fails": Fault("link,rename,unlink,mkdir", NOWHERE, errno.EIO),
}
FULL = "full disk"
PLAIN = [name for name in SCENARIOS if not name.endswith(", durable")]
WELL, TOLD, WRONG = "succeeded", "clear error", "wrong"
CLEAR = ("OSError", "StorageFormatError", "NotStoredError")
"""One of these is what an error is."""


class Round(NamedTuple):
    """What was made to fail, and what was found."""

    name: str
    kind: str
    at: int
    """The number of the call, or the size of the disk in bytes."""
    outcome: str
    findings: list[str]


class Faults:
    """Rounds in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._library = compiled(folder)
        self._number = 0
        self._calls: dict[tuple[str, str], int] = {}

    def calls(self, name: str, kind: str) -> int:
        """Return how many calls there are in a scenario that a fault may hit."""
        fault = KINDS[kind]
        if (name, fault.calls) not in self._calls:
            with self._recording(name, fault) as (place, recording):
                outcome = executed(name, place, recording)
                if outcome.kind != DONE:
                    raise RuntimeError(f"{name} fails without a fault: {outcome}")
                self._calls[name, fault.calls] = recording.calls
        return self._calls[name, fault.calls]

    def fault(self, name: str, kind: str, at: int) -> Round:
        """Let a call fail, and return what was found."""
        with self._recording(name, KINDS[kind]._replace(at=at)) as (place, recording):
            outcome = executed(name, place, recording)
            findings = _findings(name, place, outcome, recording)
        return _round(name, kind, at, outcome, findings)

    def full(self, name: str, share: float) -> Round:
        """Let the disk have room for a share of what a scenario adds."""
        with self._recording(name, None) as (place, recording):
            before = _size(place)
            executed(name, place, recording)
            quota = int(before + share * (_size(place) - before))
        with self._recording(name, None, quota) as (place, recording):
            outcome = executed(name, place, recording)
            findings = _findings(name, place, outcome, recording)
            if outcome.kind == DONE and share < 0.9:
                findings.append("nobody noticed that the disk was full")
        return _round(name, FULL, quota, outcome, findings)

    @contextlib.contextmanager
    def _recording(
        self, name: str, fault: Fault | None, quota: int = -1
    ) -> Iterator[tuple[Path, Recording]]:
        self._number += 1
        place = self._folder / str(self._number)
        place.mkdir()
        prepared(name, place, self._folder)
        state = self._folder / f"state {self._number}"
        with Recording(self._library, place, state, fault=fault, quota=quota) as recording:
            yield place, recording


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in files_below(folder))


def _findings(name: str, folder: Path, outcome: Outcome, recording: Recording) -> list[str]:
    """Return what is wrong, now that the disk is sound again."""
    findings = [outcome.remark] if outcome.remark else []
    if outcome.kind not in (DONE, ERROR):
        findings.append(f"{outcome.kind}: {outcome.text}")
    elif outcome.kind == ERROR and not is_clear(outcome):
        findings.append(f"not clear: {outcome.error[0]}: {outcome.text}")
    marks = [each.path for each in recording.operations() if each.kind == Kind.MARK]
    scenario = SCENARIOS[name]
    findings += findings_of(scenario.check, folder, marks)
    if scenario.complete is not None and not findings:
        findings += findings_of(scenario.complete, folder, marks)
    return findings


def is_clear(outcome: Outcome) -> bool:
    """Return whether an error is one of the disk and says of which file."""
    names_file = any(name in outcome.text for name in (FILE, f"/{RESUME_FOLDER}", EXECUTED))
    return names_file and any(name in CLEAR for name in outcome.error)


def _round(name: str, kind: str, at: int, outcome: Outcome, findings: list[str]) -> Round:
    how = WRONG if findings else WELL if outcome.kind == DONE else TOLD
    return Round(name, kind, at, how, [f"({outcome.kind}) {each}" for each in findings])


# ----- a disk that is really full --------------------------------------------------------------


def why_no_disk() -> str | None:
    """Return why no small disk can be made here, None if it can."""
    if sys.platform != "linux" or os.getuid() != 0:
        return "mounts a file system, which needs root on Linux"
    with tempfile.TemporaryDirectory() as scratch:
        try:
            with small_disk(Path(scratch), 1 << 20):
                return None
        except (OSError, subprocess.CalledProcessError) as error:
            return f"mounts a file system, and cannot: {error}"


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Any]:
    """Mount a file system of so many bytes; yield a function that makes it larger."""
    _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    try:
        yield lambda more: _run("mount", "-o", f"remount,size={more}", str(folder))
    finally:
        _run("umount", str(folder))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def on_small_disk(name: str, folder: Path, size: int) -> Round:
    """Execute a scenario on a disk of so many bytes, make room, and let it go on."""
    place = folder / "disk"
    place.mkdir()
    with small_disk(place, size) as resize:
        prepared(name, place, folder)
        outcome = executed(name, place)
        findings = [] if is_clear(outcome) else [f"{outcome}"]
        findings += findings_of(SCENARIOS[name].check, place, [])
        resize(64 << 20)
        complete = SCENARIOS[name].complete
        if complete is not None:
            findings += findings_of(complete, place, [])
    return _round(name, "small disk", size, outcome, findings)


# ----- rounds ----------------------------------------------------------------------------------


def rounds_of(
    faults: Faults, rounds: int, seed: int, names: list[str], kinds: list[str]
) -> Iterator[Round]:
    """Let calls fail in many places."""
    rng = random.Random(seed)
    cases = [(name, kind) for name in names for kind in kinds]
    for number, (name, kind) in enumerate(cases):
        count = rounds // len(cases) + (number < rounds % len(cases))
        if kind == FULL:
            for each in range(count):
                yield faults.full(name, (each + rng.random()) / count)
            continue
        calls = faults.calls(name, kind) if count else 0
        for each in range(min(count, calls)):
            step = calls / min(count, calls)
            yield faults.fault(name, kind, 1 + int(step * (each + rng.random())))


def fail_many(
    rounds: int, seed: int, names: list[str] | None = None, kinds: list[str] | None = None
) -> list[str]:
    """Let calls fail in many places of all scenarios; return what was found wrong."""
    wrong: list[str] = []
    names, kinds = names or PLAIN, kinds or [*KINDS, FULL]
    counts: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory(prefix="pypet-faults-") as scratch:
        for each in rounds_of(Faults(Path(scratch)), rounds, seed, names, kinds):
            counts[each.kind, each.outcome] += 1
            for text in each.findings:
                wrong.append(f"{each.name}, {each.kind}, {each.at}: {text}")
                print(wrong[-1], flush=True)  # rounds take long
    for kind in kinds:
        told = "  ".join(f"{counts[kind, how]:4} {how}" for how in (WELL, TOLD, WRONG))
        print(f"{kind:16} {told}")
    return wrong


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scenario", action="append", choices=list(SCENARIOS))
    parser.add_argument("--kind", action="append", choices=[*KINDS, FULL])
    options = parser.parse_args()
    reason = why_not()
    if reason is not None:
        print(f"Not here: {reason}.")
        return 0
    wrong = fail_many(options.rounds, options.seed, options.scenario, options.kind)
    if not wrong:
        print("Each fault was told, and no data was lost with it.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
