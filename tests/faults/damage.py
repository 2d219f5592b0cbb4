"""Damage a file in many ways, and compare what is loaded with what was stored.

    python tests/faults/damage.py [--cases 500] [--seed 1] [--only CASE] [--keep FOLDER]

Writes a file of all types, and for each case flips a bit, zeroes a block or cuts the end off a copy
of it. The copy is loaded in a process of its own. What must come back as it was stored, or be an
error with file and node: values of all items, annotations, comments, classes, and which items and
children each node has. Prints how the cases ended, and ends with 1 if something of that was wrong
without a word, if loading crashed or hung, or if an error did not say what is damaged.

Shared data has no checksum, and the tables about the trajectory itself can be rebuilt or are for
people to read: where they differ is counted and printed as "unchecked".
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import io
import json
import logging
import multiprocessing
import os
import random
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1] / "interop")]

import exchanged_trajectory as exchanged
import numpy as np

from pypet import Environment, load_trajectory
from pypet.errors import DataNotInStorageError, StorageFormatError, VersionMismatchError

NAME = "several"
RUNS = 24
TIMEOUT_SECONDS = 60
DOCUMENTED = (StorageFormatError, DataNotInStorageError, VersionMismatchError)
OF_THE_FILE = ("cannot be opened", "is not an HDF5 file", "is incomplete", "There is no trajectory")
"""What errors say before any node is known."""

EQUAL, ERROR, UNCHECKED = "equal", "error", "unchecked"
WRONG, RAW, CRASH, HANG = "silently wrong", "raw error", "crash", "hang"
FAILURES = (WRONG, RAW, CRASH, HANG)

Content = dict[str, str]


# ----- the file ----------------------------------------------------------------------------------


def run(traj: Any) -> None:
    """Store a few things of one run."""
    traj.f_add_result("z", traj.x * 2.0, comment="twice x")
    traj.f_add_result("$.text", f"run {traj.v_idx}", table={"a": traj.v_idx, "b": "text"})
    traj.f_add_result("$.array", np.arange(40.0) + traj.v_idx)


def write(path: Path, **options: Any) -> None:
    """Write a trajectory with data of all types."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        _write(path, options)


def _write(path: Path, options: dict[str, Any]) -> None:
    from tests.storage_backends.hdf5.nodes.test_hdf5_kinds_of_data import VALUES

    env = Environment(
        NAME,
        filename=str(path),
        comment="of all types",
        log_config=None,
        report_progress=False,
        add_time=False,
        **options,
    )
    traj = env.trajectory
    exchanged.add_parameters(traj)
    traj.f_add_parameter("x", 1.0, comment="explored")
    for name, values in exchanged.explored_values().items():
        if name.rpartition(".")[2] not in ("large", "sparse", "pickled"):
            traj.f_add_parameter(name, values[0])
    traj.f_explore({"x": [float(index) for index in range(RUNS)]})
    traj.v_annotations.f_set(**exchanged.ANNOTATIONS)
    env.run(run)
    exchanged.add_results(traj)
    traj.f_get("results.plain").v_annotations.f_set(many=np.arange(500), text="x" * 5000)
    traj.f_add_link("link_to_leaf", traj.f_get("results.plain.integer"))
    traj.f_store()
    exchanged.add_shared(traj)
    for number, value in enumerate(VALUES.values()):
        with contextlib.suppress(Exception):  # not every class takes every value
            traj.f_store_item(traj.f_add_result(f"kinds.k{number}", item=value, other=number))
    env.disable_logging()


# ----- what is in it ---------------------------------------------------------------------------


def content(path: Path, **options: Any) -> tuple[Content, Content]:
    """Load everything; return texts about what has to be right, and about what is not checked."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traj = load_trajectory(NAME, filename=str(path), load_data=2, force=True, **options)
    checked: Content = {}
    unchecked = {
        "runs": repr([list(map(str, row.items())) for row in runs_of(traj)]),
        "length": repr(len(traj)),
        "time": repr((traj.v_time, traj.v_timestamp)),
        "explored": repr(sorted(traj.f_get_explored_parameters())),
    }
    checked["comment"] = traj.v_comment
    checked["annotations"] = exchanged.described_annotations(traj)
    checked["children"] = repr(sorted(traj.f_get_children()))
    for node in traj.f_iter_nodes(recursive=True):
        checked.update(_about(node, unchecked))
    return checked, unchecked


def runs_of(traj: Any) -> Iterator[dict[str, Any]]:
    """Yield what is known about each run."""
    for index in range(len(traj)):
        yield traj.f_get_run_information(index)


def _about(node: Any, unchecked: Content) -> Iterator[tuple[str, str]]:
    name = node.v_full_name
    yield f"{name}: class", type(node).__name__
    yield f"{name}: comment", node.v_comment
    yield f"{name}: annotations", exchanged.described_annotations(node)
    if not node.v_is_leaf:
        yield f"{name}: children", repr(sorted(node.f_get_children()))
        yield f"{name}: links", repr(sorted(node.f_get_links()))
        return
    items = node.f_to_dict() if not node.v_is_parameter else None
    if items is None:
        yield f"{name}: value", "empty" if node.f_is_empty() else described(node.f_get())
        if not node.f_is_empty() and node.f_has_range():
            yield f"{name}: range", repr([described(value) for value in node.f_get_range()])
        return
    yield f"{name}: items", repr(sorted(items))
    for key, value in items.items():
        if type(value).__name__.startswith("Shared"):
            unchecked[f"{name}: {key}"] = _of_shared(value)
        else:
            yield f"{name}: {key}", described(value)


def _of_shared(value: Any) -> str:
    try:
        return described(value)
    except Exception as error:  # PyTables and pandas say what they like
        return repr(error)


def described(value: Any) -> str:
    """Return text about a value and its types."""
    dtypes = getattr(value, "dtypes", None)
    return f"{exchanged.described(value)} {'' if dtypes is None else dtypes!r}"


# ----- damaging it -------------------------------------------------------------------------------


class Change(NamedTuple):
    """One way to damage a file."""

    kind: str
    position: int
    size: int

    def applied(self, data: bytes) -> bytes:
        """Return damaged bytes."""
        if self.kind == "cut":
            return data[: self.position]
        changed = bytearray(data)
        if self.kind == "bit":
            changed[self.position] ^= 1 << self.size
        else:
            end = min(len(data), self.position + self.size)
            changed[self.position : end] = bytes(end - self.position)
        return bytes(changed)


def change_of(case: int, seed: int, length: int) -> Change:
    """Return the damage of a case, the same one for the same seed."""
    rng = random.Random(f"{seed} {case}")
    kind = rng.choices(("bit", "zeros", "cut"), (5, 4, 1))[0]
    size = rng.randrange(8) if kind == "bit" else rng.choice((8, 64, 512, 4096))
    return Change(kind, rng.randrange(length), size)


# ----- loading it ------------------------------------------------------------------------------


class Outcome(NamedTuple):
    """How loading a damaged file ended."""

    kind: str
    detail: str = ""
    was_told: bool = False
    """Whether there was a warning in the log."""


def outcome_of(path: Path, sound: tuple[Content, Content], **options: Any) -> Outcome:
    """Load a file, in this process, and compare."""
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    handler.setLevel(logging.WARNING)
    logging.getLogger().handlers = [handler]
    try:
        checked, unchecked = content(path, **options)
    except Exception as error:
        return _judged(error, str(path))
    was_told = str(path) in log.getvalue()
    wrong = _differences(sound[0], checked)
    if wrong:
        return Outcome(WRONG, "; ".join(wrong), was_told)
    wrong = _differences(sound[1], unchecked)
    return Outcome(UNCHECKED if wrong else EQUAL, "; ".join(wrong), was_told)


def _judged(error: Exception, path: str) -> Outcome:
    text = "\n".join([str(error), *getattr(error, "__notes__", ())])
    is_early = any(phrase in text for phrase in OF_THE_FILE)
    names_node = is_early or NAME in text
    if (isinstance(error, DOCUMENTED) or is_early) and path in text and names_node:
        return Outcome(ERROR, text)
    return Outcome(RAW, "".join(traceback.format_exception(error)))


def _differences(sound: Content, found: Content) -> list[str]:
    return [
        f"{name}: {found.get(name, 'missing')[:300]} instead of {sound.get(name, 'nothing')[:300]}"
        for name in sorted(sound.keys() | found.keys())
        if sound.get(name) != found.get(name)
    ]


def _child(path: Path, sound: tuple[Content, Content], options: Any, sending: Any) -> None:
    faulthandler.enable(open(os.devnull, "w"))  # noqa: SIM115 - for as long as the process lives
    sending.send(tuple(outcome_of(path, sound, **options)))
    sending.close()
    os._exit(0)


def in_process(target: Any, *arguments: Any) -> tuple[str, Any]:
    """Return how a function ended that sends one thing from a process of its own."""
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=target, args=(*arguments, sending))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads
        process.start()
    sending.close()
    try:
        if not receiving.poll(TIMEOUT_SECONDS):
            return HANG, None
        return EQUAL, receiving.recv()
    except EOFError:
        process.join()
        return CRASH, process.exitcode
    finally:
        receiving.close()
        if process.is_alive():
            process.kill()
        process.join()


def _send_content(path: Path, sending: Any) -> None:
    sending.send(content(path))
    sending.close()


def _send_nothing(path: Path, options: dict[str, Any], sending: Any) -> None:
    write(path, **options)
    sending.send(None)
    sending.close()


def attempt(path: Path, sound: tuple[Content, Content], **options: Any) -> Outcome:
    """Load a file in a process of its own and compare."""
    how, found = in_process(_child, path, sound, options)
    return Outcome(*found) if how == EQUAL else Outcome(how, f"exit code {found}")


# ----- all cases -------------------------------------------------------------------------------


class Cases:
    """A sound file and its damaged copies in a folder."""

    def __init__(self, folder: Path, seed: int, **options: Any) -> None:
        self._folder = folder
        self._seed = seed
        sound = folder / "sound.hdf5"
        how, _ = in_process(_send_nothing, sound, options)
        if how != EQUAL:
            raise SystemExit(f"The file could not be written ({how}).")
        self.data = sound.read_bytes()
        how, self.sound = in_process(_send_content, sound)
        if how != EQUAL or attempt(sound, self.sound).kind != EQUAL:
            raise SystemExit(f"The sound file does not come back equal ({how}).")

    def outcome(self, case: int, **options: Any) -> tuple[Change, Outcome]:
        """Return what was changed and how loading ended."""
        change = change_of(case, self._seed, len(self.data))
        path = self._folder / f"damaged_{case}.hdf5"
        path.write_bytes(change.applied(self.data))
        outcome = attempt(path, self.sound, **options)
        path.unlink()
        return change, outcome


def main() -> int:
    """Try all cases, print how they ended, and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="one case, told in full")
    parser.add_argument("--keep", type=Path, help="folder for copies whose loading failed")
    parser.add_argument("--without-checksums", action="store_true", help="for comparison")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return report(Path(folder), options)


def report(folder: Path, options: argparse.Namespace) -> int:
    """Print each failure, and counts in the end, which an interrupt brings forward."""
    chosen = {"checksums": False} if options.without_checksums else {}
    cases = Cases(folder, options.seed, **chosen)
    numbers = range(options.cases) if options.only is None else [options.only]
    counts: Counter[str] = Counter()
    with contextlib.suppress(KeyboardInterrupt):
        for case in numbers:
            change, outcome = cases.outcome(case)
            counts[outcome.kind] += 1
            counts["untold"] += outcome.kind == UNCHECKED and not outcome.was_told
            _tell(case, change, outcome, in_full=options.only is not None)
            if options.keep is not None and outcome.kind in FAILURES:
                options.keep.mkdir(parents=True, exist_ok=True)
                copy = options.keep / f"damaged_{case}.hdf5"
                copy.write_bytes(change.applied(cases.data))
    kinds = (EQUAL, ERROR, UNCHECKED, *FAILURES)
    done = sum(counts[kind] for kind in kinds)
    print(f"{done} damaged copies of a file of {len(cases.data)} bytes (seed {options.seed}):")
    for kind in kinds:
        told = f", {counts['untold']} of them without a warning" if kind == UNCHECKED else ""
        print(f"{counts[kind]:6} {kind}{told}")
    return 1 if any(counts[kind] for kind in FAILURES) else 0


def _tell(case: int, change: Change, outcome: Outcome, *, in_full: bool) -> None:
    if in_full or outcome.kind in FAILURES:
        text = outcome.detail
    elif outcome.kind == UNCHECKED:
        text = outcome.detail[:150]
    else:
        return
    print(f"case {case}: {json.dumps(change._asdict())}: {outcome.kind}: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
