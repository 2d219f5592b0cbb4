"""Count the files and calls that common operations walk through, and the size of the code.

How many ideas must a reader hold to follow one call? With ``sys.setprofile`` this script counts the
calls of pypet's own functions, and the files that they are in, while

- the first environment of a process is made (what importing a module executes does not count),
- one number is added as a result and stored, outside of runs, after another one,
- runs that add one number are executed and stored, one after the other and by a pool with wrap mode
  QUEUE; here only functions that are called for at least half of the runs count.

Run it as ``python benchmarks/walk.py``; nothing is timed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import threading
import tokenize
from collections import Counter
from inspect import CO_OPTIMIZED
from multiprocessing.util import Finalize, register_after_fork
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pypet
import pypet.errors
import pypet.plugins
import pypet.storage_backends
import pypet.wrap_modes
from pypet import Environment

FOLDERS = {
    "core": Path(pypet.errors.__file__),
    "plugins": Path(pypet.plugins.__file__),
    "storage_backends": Path(pypet.storage_backends.__file__),
    "wrap_modes": Path(pypet.wrap_modes.__file__),
}
"""A file in each."""
ROOTS = tuple(str(path.parent) + os.sep for path in reversed(FOLDERS.values()))
"""How names of files begin; that of the core may begin all."""
SHORT = 40
"""Files with fewer lines are counted as short."""

_show_files = False


class Walk:
    """Counts calls of pypet's functions in this process."""

    def __init__(self) -> None:
        self.calls: Counter[CodeType] = Counter()

    def begin(self) -> None:
        """Count from here on, in this thread and in those that start later."""
        threading.setprofile(self._profile)
        sys.setprofile(self._profile)

    def end(self) -> None:
        sys.setprofile(None)
        threading.setprofile(None)

    def _profile(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        # Bodies of modules and classes are no optimized code.
        if event == "call" and code.co_flags & CO_OPTIMIZED and code.co_filename.startswith(ROOTS):
            self.calls[code] += 1

    def entered(self, times: int = 1) -> dict[str, int]:
        """Return the calls in each file, of functions that were called that often, per `times`."""
        files: Counter[str] = Counter()
        for code, number in self.calls.items():
            if 2 * number >= times:
                files[code.co_filename] += round(number / times) or 1
        return dict(files)


def show(title: str, files: dict[str, int]) -> None:
    print(f"{title:45} {len(files):5} files {sum(files.values()):7} calls")
    if _show_files:
        for name, number in sorted(files.items(), key=lambda entry: -entry[1]):
            print(f"    {number:5}  {_short_name(name)}")


def _short_name(filename: str) -> str:
    return next(filename.removeprefix(root) for root in ROOTS if filename.startswith(root))


# ----- what is followed ------------------------------------------------------------------------

RUNS = 400


def _environment(folder: str, name: str, **options: Any) -> Environment:
    return Environment(
        trajectory=name,
        filename=os.path.join(folder, f"{name}.hdf5"),
        log_config=None,
        report_progress=False,
        git_repository=None,
        **options,
    )


def follow_environment(folder: str) -> None:
    walk = Walk()
    walk.begin()
    environment = _environment(folder, "first")
    walk.end()
    environment.disable_logging()
    show("Environment(...)", walk.entered())


def follow_number(folder: str) -> None:
    with _environment(folder, "number") as environment:
        traj = environment.traj
        traj.f_store()
        walk = Walk()
        with traj.v_storage_service.kept_open("number"):
            traj.f_add_result("group.first", 0.5)
            traj.f_store_item("results.group.first")
            walk.begin()
            traj.f_add_result("group.second", 1.5)
            traj.f_store_item("results.group.second")
            walk.end()
    show("one number, added and stored", walk.entered())


def _add_number(traj: Any) -> None:
    traj.f_add_result("z", traj.x * 1.5)


def _explored(environment: Environment) -> None:
    environment.traj.f_add_parameter("x", 1.0)
    environment.traj.f_explore({"x": [float(i) for i in range(RUNS)]})


def follow_serial_runs(folder: str) -> None:
    with _environment(folder, "serial") as environment:
        _explored(environment)
        walk = Walk()
        walk.begin()
        environment.run(_add_number)
        walk.end()
    show("a run that adds one number, serial", walk.entered(RUNS))


def follow_queue(folder: str) -> None:
    """Count in the processes of a pool with one worker, which are distinguished by their names."""

    def begin_in_child(walk: Walk) -> None:
        def save() -> None:
            walk.end()
            path = Path(folder, f"{multiprocessing.current_process().name}.walk")
            path.write_text(json.dumps(walk.entered(RUNS)))

        Finalize(None, save, exitpriority=-100)
        walk.begin()

    main = Walk()
    register_after_fork(main, begin_in_child)
    options = {"multiproc": True, "ncores": 1, "use_pool": True, "wrap_mode": "QUEUE"}
    with _environment(folder, "queue", **options) as environment:
        _explored(environment)
        main.begin()
        environment.run(_add_number)
        main.end()
    show("the same with QUEUE, main process", main.entered(RUNS))
    for path in sorted(Path(folder).glob("*.walk")):
        if files := json.loads(path.read_text()):
            show(f"the same with QUEUE, {path.stem}", files)


# ----- how much there is ------------------------------------------------------------------------


def _lines_of_code(path: Path) -> int:
    """Lines with something but comments, docstrings and blanks."""
    lines: set[int] = set()
    previous = tokenize.NEWLINE
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type in (tokenize.COMMENT, tokenize.NL, tokenize.ENCODING, tokenize.INDENT):
                continue
            is_docstring = token.type == tokenize.STRING and previous in (
                tokenize.NEWLINE,
                tokenize.DEDENT,
                tokenize.INDENT,
            )
            if not is_docstring and token.type not in (tokenize.NEWLINE, tokenize.DEDENT):
                lines.update(range(token.start[0], token.end[0] + 1))
            previous = token.type
    return len(lines)


def show_size() -> None:
    for folder, file in FOLDERS.items():
        paths = sorted(file.resolve().parent.rglob("*.py"))  # an editable install is made of links
        lengths = [len(path.read_text("utf8").splitlines()) for path in paths]
        short = sum(length < SHORT for length in lengths)
        print(
            f"{folder:20} {len(paths):5} files, {short:4} under {SHORT} lines, "
            f"{sum(lengths):6} lines, {sum(map(_lines_of_code, paths)):6} of code"
        )


def main() -> None:
    global _show_files
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", action="store_true", help="list the files and their calls")
    _show_files = parser.parse_args().files
    show_size()
    sys.stdout.flush()
    with tempfile.TemporaryDirectory() as folder:
        follow_environment(folder)
        follow_number(folder)
        follow_serial_runs(folder)
        sys.stdout.flush()  # children inherit what was not written yet
        follow_queue(folder)


if __name__ == "__main__":
    main()
