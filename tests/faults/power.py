"""Take the power away in the middle of experiments, and look at what the disk might have.

    python tests/faults/power.py [--rounds 300] [--seed 1] [--scenario NAME] [--keep FOLDER]

Each scenario is executed once, and what its processes do to files is recorded. For each round the
power fails after one of these operations: a folder is built as the disk might have it then, where
anything may be missing that was not synchronized (`disk.py`), and the check of the scenario looks
at it; where nothing may be wrong at any time, the experiment is also brought to its end. Prints
what was found, and ends with 1 if something is wrong that may not be.

What is changed by commits that do not wait for the disk may be lost with the power, and the file
with it. Where a scenario has such commits, what is not sound is counted as "torn"; but when an
experiment has ended, everything has to be there.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

sys.path[:0] = [str(Path(__file__).parents[2])]

from tests.faults.disk import Content, Disk, build, content_of
from tests.faults.isolation import findings_of
from tests.faults.scenarios import (
    ALWAYS,
    AT_END,
    DONE,
    ENDED,
    SCENARIOS,
    executed,
    prepared,
)
from tests.faults.shim import Kind, Operation, Recording, compiled, why_not

SOUND, TORN, WRONG = "sound", "torn", "wrong"


class Round(NamedTuple):
    """One loss of power, and what was found after it."""

    operations: int
    """How many there were before."""
    kind: str
    findings: list[str]
    content: Content


def record(name: str, work: Path, library: Path) -> tuple[Disk, list[Operation]]:
    """Execute a scenario; return the disk as it was before, and what was done.

    Raises
    ------
    RuntimeError
        The scenario failed, or not all was recorded that it did.
    """
    folder = work / "folder"
    folder.mkdir(parents=True)
    prepared(name, folder, work.parent)
    disk, whole = Disk(folder), Disk(folder)
    with Recording(library, folder, work / "state") as recording:
        outcome = executed(name, folder, recording)
        operations = list(recording.operations())
    if outcome.kind != DONE:
        raise RuntimeError(f"{name} fails without a fault: {outcome}")
    for operation in operations:
        whole.do(operation)
    if whole.everything() != content_of(folder):
        raise RuntimeError(f"{name} has changed files in a way that was not recorded")
    return disk, operations


def rounds_of(
    name: str, rounds: int, work: Path, library: Path, seed: int, *, is_journaled: bool = False
) -> Iterator[Round]:
    """Take the power away so many times, and yield what was found each time."""
    disk, operations = record(name, work, library)
    disk.is_journaled = is_journaled
    rng = random.Random(f"{seed} {name}")
    folder = work / "folder"
    places = _places(len(operations), rounds, rng)
    marks: list[str] = []
    done = 0
    for place in places:
        for operation in operations[done:place]:
            disk.do(operation)
            if operation.kind == Kind.MARK:
                marks.append(operation.path)
        done = place
        content = disk.after_power_cut(rng)
        shutil.rmtree(folder)
        folder.mkdir()
        build(content, folder)
        scenario = SCENARIOS[name]
        findings = findings_of(scenario.check, folder, list(marks))
        if scenario.promise == ALWAYS and scenario.complete is not None and not findings:
            findings = findings_of(scenario.complete, folder, list(marks))
        kind = SOUND if not findings else WRONG if _is_promised(name, marks) else TORN
        yield Round(place, kind, findings, content)


def _places(operations: int, rounds: int, rng: random.Random) -> list[int]:
    """Return after how many operations the power fails: everywhere, and often at the end."""
    ends = -(-rounds // 6)
    step = operations / max(1, rounds - ends)
    return [int(step * (number + rng.random())) for number in range(rounds - ends)] + [
        operations
    ] * ends


def _is_promised(name: str, marks: list[str]) -> bool:
    promise = SCENARIOS[name].promise
    return promise == ALWAYS or (promise == AT_END and ENDED in marks)


def cut_many(
    rounds: int,
    seed: int,
    names: list[str] | None = None,
    *,
    is_journaled: bool = False,
    keep: Path | None = None,
) -> list[str]:
    """Take the power away in many places of all scenarios; return what was found wrong."""
    wrong: list[str] = []
    names = names or list(SCENARIOS)
    counts: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory(prefix="pypet-power-") as scratch:
        library = compiled(Path(scratch))
        for number, name in enumerate(names):
            share = rounds // len(names) + (number < rounds % len(names))
            work = Path(scratch) / str(number)
            for each in rounds_of(name, share, work, library, seed, is_journaled=is_journaled):
                counts[name, each.kind] += 1
                if each.kind == WRONG:
                    told = "; ".join(each.findings)
                    wrong.append(f"{name}, after {each.operations} operations: {told}")
                    if keep is not None:
                        place = keep / f"{len(wrong)} {name} {each.operations}"
                        place.mkdir(parents=True)
                        build(each.content, place)
    for name in names:
        told = "  ".join(f"{counts[name, kind]:4} {kind}" for kind in (SOUND, TORN, WRONG))
        print(f"{name:24} {told}")
    return wrong


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scenario", action="append", choices=list(SCENARIOS))
    parser.add_argument("--journaled", action="store_true", help="names behave as on ext4")
    parser.add_argument("--keep", type=Path, help="folder for what was found wrong")
    options = parser.parse_args()
    reason = why_not()
    if reason is not None:
        print(f"Not here: {reason}.")
        return 0
    wrong = cut_many(
        options.rounds,
        options.seed,
        options.scenario,
        is_journaled=options.journaled,
        keep=options.keep,
    )
    print("\n".join(wrong) or "Nothing was lost that was said to be safe.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
