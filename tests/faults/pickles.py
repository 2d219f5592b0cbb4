"""Files with pickles where nobody expects them: with 'safe' and 'never' none of them is run.

`python tests/faults/pickles.py --cases 10000` writes pickles, harmless and hostile ones and some
with changed bytes, into attributes and arrays of every kind of node of a file of all types, in
every type of HDF5, and loads and shows these files. A hostile pickle makes a folder. The cases run
in processes of their own, so that a crash is noticed. Every error has to be a documented one that
names file and node; others are printed with their tracebacks, and count as failures.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import io
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pandas
from h5py import h5a, h5s, h5t
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from pypet import (
    PickleResult,
    SharedArray,
    SharedPandasFrame,
    SharedResult,
    SharedTable,
    SparseResult,
    Trajectory,
    load_trajectory,
)
from pypet.__main__ import main as pypet_main
from pypet.errors import (
    DataNotInStorageError,
    RefusedPickleError,
    StorageFormatError,
    VersionMismatchError,
)

TRAJ = "fuzzed"
CANARY = "canary-that-is-never-seen"
"""Name of the folder that hostile pickles make, within the working folder."""
CASES_PER_PROCESS = 250
FOUND = "found.json"
"""Where a process writes what it found, within the working folder."""


# ----- a file of all types -----------------------------------------------------------------------


def write_base(path: str) -> None:
    """Write a file with every kind of node and item."""
    traj = Trajectory(TRAJ, add_time=False, filename=path, overwrite_file=True)
    frame = pandas.DataFrame({"n": [1.5, 2.5], "t": ["a", None]})
    traj.f_add_parameter("group.number", 3, comment="A number.")
    traj.f_add_parameter("framed", 4)
    traj.f_add_parameter("explored", 1)
    traj.f_explore({"explored": [1, 2]})
    traj.f_add_result("text", "some text", numbers=np.arange(4), empty=[], kinds=[1, 2])
    traj.f_add_result("table", {"a": [1, 2], "b": ["x", "y"]})
    traj.f_add_result(PickleResult, "pickled", value=[1, {"a": None}])
    traj.f_add_result(SparseResult, "sparse", np.eye(2))
    traj.f_add_result("fixed", f=frame, s=frame["t"], i=frame.set_index("t"))
    traj.results.v_annotations.note = "annotated"
    traj.text.v_annotations.bytes = b"text."
    traj.f_store()
    dates = pandas.date_range("2020", periods=2, freq="D", tz="UTC")
    categories = pandas.Categorical(["u", "v"])
    rows = traj.f_add_result("rows", f=frame.assign(c=categories).set_index(dates))
    traj.f_store_item(rows, format="table")
    shared = traj.f_add_result(
        SharedResult,
        "shared",
        array=SharedArray(),
        table=SharedTable(),
        frame=SharedPandasFrame(),
        old=SharedPandasFrame(),
    )
    traj.f_store()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shared.create_shared_data("array", obj=np.arange(3))
        shared.create_shared_data("table", obj=np.zeros(2, dtype=[("x", "i8"), ("s", "S3")]))
        shared.create_shared_data("frame", obj=frame)
        shared.create_shared_data("old", obj=frame, format="fixed")


def put_frame_into_parameter(path: str) -> None:
    """Make the data of a parameter a frame, which no parameter takes, as a stranger can."""
    with h5py.File(path, "r+") as file:
        del file[f"{TRAJ}/parameters/framed/data"]
        file.copy(f"{TRAJ}/results/fixed/f", f"{TRAJ}/parameters/framed/data")


class Base:
    """The content of a file, and what is in it."""

    def __init__(self, folder: Path, *, framed: bool) -> None:
        path = folder / "base.hdf5"
        write_base(str(path))
        if framed:
            put_frame_into_parameter(str(path))
        self.content = path.read_bytes()
        self.nodes: list[str] = ["/"]
        self.names: dict[str, list[str]] = {}
        self.objects: list[str] = []
        """Arrays of pickles, of pandas and of pypet."""
        with h5py.File(path) as file:
            file.visit(self.nodes.append)
            for node in self.nodes:
                self.names[node] = sorted(file[node].attrs)
                if "PSEUDOATOM" in file[node].attrs or node.endswith("pickled/value"):
                    self.objects.append(node)
        assert len(self.objects) > 3, self.objects


# ----- pickles -----------------------------------------------------------------------------------


class Hostile:
    """Makes the folder when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.mkdir, (CANARY,)


def _text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + len(raw).to_bytes(4, "little") + raw


_LINE = b"V" + CANARY.encode() + b"\n"
_CALLS = [
    *(pickle.dumps(Hostile(), protocol) for protocol in range(6)),
    b"(" + _LINE + b"ios\nmkdir\n.",
    b"(cos\nmkdir\n" + _LINE + b"o.",
    b"cos\nmkdir\n(" + _LINE + b"tR.",
    b"cbuiltins\nexec\n(Vimport os; os.mkdir('" + CANARY.encode() + b"')\ntR.",
    b"c__builtin__\neval\n(V__import__('os').mkdir('" + CANARY.encode() + b"')\ntR.",
    b"\x80\x04" + _text("os") + _text("mkdir") + b"\x93" + _text(CANARY) + b"\x85R.",
    pickle.dumps([1, {"a": (Hostile(), 2)}], 0),
    pickle.dumps(np.array([Hostile(), None], dtype=object), 2),
    pickle.dumps({"nested": pickle.dumps(Hostile())}, 4),
    # Its first text is none of ASCII, so that it is tried again as latin-1.
    b"S'\\xff'\n0cos\nmkdir\n(" + _LINE + b"tR.",
    b"\x80\x02U\x01\xff0cos\nmkdir\n(" + _LINE + b"tR.",
    # Becomes a pickle of something else when PyTables replaces an old name.
    b"(ctables.Leaf\nFilters\n0cos\nmkdir\n(" + _LINE + b"tR.",
    b"cnumpy\nmemmap\n(" + _LINE + b"Vuint8\nVw+\nK\x00K\x03tR.",
]
_BENIGN = [1, None, "text", [1, (2.5, "ü")], {"a": b"x."}, np.arange(3), pandas.Timestamp(0)]


def hostile() -> st.SearchStrategy[bytes]:
    """Pickles that make the folder, plainly, later, or with something behind."""
    behind = st.sampled_from([b"", b" and so on.", b"\0.", b"\n.", b"N.", b"\0x", b"  "])
    before = st.sampled_from([b"", b"N0", b"I1\n0", b"(N1", b"]0", b"S'a'\n0", b"S'\\xe9'\n0"])

    def join(parts: tuple[bytes, bytes, bytes]) -> bytes:
        first, call, last = parts
        if call.startswith(b"\x80"):
            return call[:2] + first + call[2:] + last
        return first + call + last

    return st.tuples(before, st.sampled_from(_CALLS), behind).map(join)


def benign() -> st.SearchStrategy[bytes]:
    """Pickles of plain data, and text that ends as they do."""
    dumped = st.builds(pickle.dumps, st.sampled_from(_BENIGN), st.integers(0, 5))
    return st.one_of(dumped, st.sampled_from([b"a sentence.", b"(in brackets.", b".", b"In.", b""]))


@st.composite
def mutated(draw: Any) -> bytes:
    """Pickles of which bytes were changed, left out or added."""
    raw = bytearray(draw(st.one_of(hostile(), benign())))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(raw) - 1)))
        kind = draw(st.sampled_from("cdi"))
        if kind == "d":
            del raw[place : place + 1]
        elif kind == "i" or not raw:
            raw.insert(place, draw(st.integers(0, 255)))
        else:
            raw[place] = draw(st.integers(0, 255))
    return bytes(raw) + draw(st.sampled_from([b"", b"."]))


# ----- cases -------------------------------------------------------------------------------------

ENCODINGS = (
    "ascii",
    "ascii",
    "ascii-nullpad",
    "ascii-spacepad",
    "utf8",
    "variable-ascii",
    "variable-utf8",
    "array",
    "array-of-many",
    "variable-array",
    "opaque",
    "ragged",
    "numbers",
    "null",
)
_NAMES = (
    b"TITLE",
    b"CLASS",
    b"VERSION",
    b"FILTERS",
    b"PSEUDOATOM",
    b"FIELD_0_FILL",
    b"FLAVOR",
    b"NROWS",
    b"note",
    b"pandas_type",
    b"info",
    b"levels",
    b"encoding",
    b"tz",
    b"\xff\xfe",
    b"na\xe9me",
)
_VERSIONS = (None, None, None, b"1.0", b"1.5", b"2.1", b"unknown")
ACTIONS = ("load", "load", "show", "show-trajectory", "show-trajectory", "shared", "shared")


class Case(NamedTuple):
    """One change of the file, and what is done with it then."""

    payload: bytes
    place: int
    """Index of the node."""
    name: int
    """Index among the attributes of the node and other names."""
    encoding: str
    is_row: bool
    """Whether an array of pickles is changed, and no attribute."""
    version: bytes | None
    """What the file says about its format."""
    is_framed: bool
    """Whether a parameter has a frame."""
    mode: str
    action: str


def cases() -> st.SearchStrategy[Case]:
    """Return the strategy of cases."""
    return st.builds(
        Case,
        st.one_of(hostile(), hostile(), benign(), mutated()),
        st.integers(0, 10_000),
        st.integers(0, 10_000),
        st.sampled_from(ENCODINGS),
        st.sampled_from((False, False, False, True)),
        st.sampled_from(_VERSIONS),
        st.sampled_from((False, False, True)),
        st.sampled_from(("safe", "never")),
        st.sampled_from(ACTIONS),
    )


def write_case(case: Case, base: Base, path: Path) -> str:
    """Write the file of a case; return where the pickle is."""
    path.write_bytes(base.content)
    with h5py.File(path, "r+") as file:
        if case.version is not None:
            replace_attribute(file.id, b"PYTABLES_FORMAT_VERSION", case.version, "utf8")
        if case.is_row:
            node = base.objects[case.place % len(base.objects)]
            _replace_row(file, node, case.payload)
            return node
        node = base.nodes[case.place % len(base.nodes)]
        names = [name.encode() for name in base.names[node]] + list(_NAMES)
        name = names[case.name % len(names)]
        replace_attribute(file[node].id, name, case.payload, case.encoding)
        return f"{node} {name!r} {case.encoding}"


def _replace_row(file: h5py.File, node: str, payload: bytes) -> None:
    """Write a pickle into an array of pickles."""
    dataset = file[node]
    if h5py.check_vlen_dtype(dataset.dtype) is not None:
        dataset[0] = np.frombuffer(payload, np.uint8)
        return
    parent = node.rpartition("/")[0]
    file.move(node, f"{parent}/old")
    made = file.create_dataset(node, data=np.frombuffer(payload, np.uint8))
    old = file[f"{parent}/old"]
    for label in old.attrs:
        attribute = old.attrs.get_id(label)
        kind, space = attribute.get_type(), attribute.get_space()
        new = h5a.create(made.id, label.encode(), kind, space)
        if space.get_simple_extent_type() != h5s.NULL:
            raw = np.zeros(attribute.shape, dtype=f"V{kind.get_size()}")
            attribute.read(raw, mtype=kind)
            new.write(raw, mtype=kind)
    del file[f"{parent}/old"]


def replace_attribute(location: Any, name: bytes, payload: bytes, encoding: str) -> None:
    if h5a.exists(location, name):
        h5a.delete(location, name)
    kind, space, data = _encoded(payload, encoding)
    attribute = h5a.create(location, name, kind, space)
    if data is not None:
        attribute.write(data, mtype=None if data.dtype.hasobject else kind)


def _encoded(payload: bytes, encoding: str) -> tuple[Any, Any, Any]:
    """Return type, space and content of an attribute."""
    scalar, one = h5s.create(h5s.SCALAR), h5s.create_simple((1,))
    raw = np.frombuffer(payload.ljust(1, b"\0"), np.uint8)
    if encoding.startswith("variable"):
        charset = "utf-8" if encoding == "variable-utf8" else "ascii"
        kind = h5t.py_create(h5py.string_dtype(charset), logical=True)
        content = np.empty(1, dtype=h5py.string_dtype(charset))
        content[0] = payload.replace(b"\0", b"")
        if encoding == "variable-array":
            return kind, one, content
        return kind, scalar, content.reshape(())
    if encoding == "opaque":
        return h5t.create(h5t.OPAQUE, len(raw)), scalar, raw
    if encoding == "ragged":
        rows = np.empty(1, dtype=h5py.vlen_dtype(np.uint8))
        rows[0] = raw
        return h5t.py_create(rows.dtype, logical=True), one, rows
    if encoding == "numbers":
        return h5t.STD_U8LE, h5s.create_simple((len(raw),)), raw
    kind = h5t.C_S1.copy()
    kind.set_size(len(raw))
    pads = {"ascii-nullpad": h5t.STR_NULLPAD, "ascii-spacepad": h5t.STR_SPACEPAD}
    kind.set_strpad(pads.get(encoding, h5t.STR_NULLTERM))
    kind.set_cset(h5t.CSET_UTF8 if encoding == "utf8" else h5t.CSET_ASCII)
    if encoding == "null":
        return kind, h5s.create(h5s.NULL), None
    if encoding == "array-of-many":
        return kind, h5s.create_simple((2,)), np.concatenate([raw, raw])
    return kind, one if encoding == "array" else scalar, raw


# ----- what is done ------------------------------------------------------------------------------


def load(path: str, mode: str) -> None:
    """Load everything."""
    traj = load_trajectory(TRAJ, filename=path, load_data=0, unpickle=mode, force=True)
    traj.f_load_skeleton()
    each(traj.f_load_item, list(traj.f_iter_leaves()))
    load_trajectory(TRAJ, filename=path, load_data=2, unpickle=mode, force=True)


def each(function: Callable[[Any], Any], arguments: Iterable[Any]) -> None:
    """Call the function with one argument after the other; raise the last error at the end."""
    failure: Exception | None = None
    for argument in arguments:
        try:
            function(argument)
        except Exception as error:  # of one item; the others may hold the pickle, too
            failure = error
    if failure is not None:
        raise failure


def show(path: str, *more: str) -> None:
    """Run `pypet show`; raise what it reports instead of a description."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        pypet_main(["show", path, *more])
    messages = [line for line in err.getvalue().splitlines() if line.startswith("pypet: error")]
    if messages:  # without the type, but file and node have to be there
        raise StorageFormatError("\n".join(messages))


def access_shared(path: str, mode: str) -> None:
    """Read and change shared data."""
    traj = load_trajectory(TRAJ, filename=path, load_data=0, unpickle=mode, force=True)
    traj.f_load_child("results.shared", load_data=2)
    shared = traj.f_get("results.shared")
    asked: list[Callable[[], Any]] = [
        shared.array.read,
        shared.table.read,
        lambda: shared.table.col("x"),
        lambda: shared.table.append([(1, b"s")]),
        shared.frame.read,
        shared.old.read,
        lambda: shared.frame.select(where="index > 0"),
    ]
    each(lambda ask: ask(), asked)


DOCUMENTED = (
    DataNotInStorageError,
    RefusedPickleError,
    StorageFormatError,
    VersionMismatchError,
)
OF_THE_FILE = ("cannot be opened", "is not an HDF5 file", "is incomplete", "There is no trajectory")
"""What errors say before any node is known."""


class Outcome(NamedTuple):
    """What became of a case."""

    name: str
    """Of the error; 'no error' if there was none."""
    flaw: str = ""
    """Traceback of an error that is not documented, or that lacks file or node."""


def perform(case: Case, path: str) -> Outcome:
    """Do with a file what the case says."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if case.action == "load":
                load(path, case.mode)
            elif case.action == "show":
                show(path)
            elif case.action == "show-trajectory":
                show(path, TRAJ)
            else:
                access_shared(path, case.mode)
        except Exception as error:
            return judged(error, path)
    return Outcome("no error")


def judged(error: Exception, path: str) -> Outcome:
    """Return whether an error is one of the contract that says where the file is damaged."""
    name = type(error).__name__
    notes = getattr(error, "__notes__", ())
    text = "\n".join([str(error), *notes])
    names_node = any(phrase in text for phrase in (TRAJ, f" / in {path}", *OF_THE_FILE))
    if path in text and (names_node or text.startswith(f"/ in {path}")):
        if isinstance(error, DOCUMENTED):
            return Outcome(name)
        if any("The shared data at" in note for note in notes):
            return Outcome(f"{name} of a request with arguments")
    return Outcome(name, "".join(traceback.format_exception(error)))


class Tally:
    """Tries cases in one folder and counts what became of them."""

    def __init__(self, folder: Path) -> None:
        os.chdir(folder)
        self._folder = folder
        self._bases = [Base(folder, framed=framed) for framed in (False, True)]
        self.outcomes: collections.Counter[str] = collections.Counter()
        self.flaws: list[str] = []
        """Where errors were not documented ones or lacked file or node, with tracebacks."""

    def check(self, case: Case) -> None:
        """Try one case.

        Raises
        ------
        AssertionError
            The pickle was run.
        """
        path = self._folder / f"case{self.outcomes.total()}.hdf5"  # PyTables may hold the last
        place = write_case(case, self._bases[case.is_framed], path)
        (self._folder / "last").write_text(f"{place}\n{case}\n")
        outcome = perform(case, str(path))
        self.outcomes[outcome.name] += 1
        if outcome.flaw:
            self.flaws.append(f"raw error at {place}: {case}\n{outcome.flaw}")
        path.unlink()
        assert not (self._folder / CANARY).exists(), f"the pickle at {place} was run: {case}"


def work(folder: Path, count: int, number: int, seconds: float) -> int:
    """Try cases in this process."""
    tally = Tally(folder)
    end = time.monotonic() + seconds

    @seed(number)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases())
    def try_all(case: Case) -> None:
        if time.monotonic() < end:
            tally.check(case)

    try_all()
    found = {"outcomes": tally.outcomes, "flaws": tally.flaws}
    (folder / FOUND).write_text(json.dumps(found))
    return 0


def chunks(count: int) -> Iterator[int]:
    """Yield how many cases each process tries."""
    while count > 0:
        yield min(count, CASES_PER_PROCESS)
        count -= CASES_PER_PROCESS


def run(
    count: int, number: int, seconds: float, report: Callable[[str], None] = lambda failure: None
) -> tuple[collections.Counter[str], list[str]]:
    """Try cases in processes of their own; return outcomes by name, and what went wrong.

    ``report`` is called with each failure at once.
    """
    outcomes: collections.Counter[str] = collections.Counter()
    failures = []
    end = time.monotonic() + seconds
    for chunk, size in enumerate(chunks(count)):
        left = end - time.monotonic()
        if left <= 0:
            break
        found, flaws = _tried(size, number + chunk, left)
        outcomes.update(found)
        for failure in flaws:
            report(failure)
        failures += flaws
    return outcomes, failures


def _tried(count: int, number: int, seconds: float) -> tuple[dict[str, int], list[str]]:
    """Try cases in one process; return what `run` does."""
    with tempfile.TemporaryDirectory(prefix="pypet-pickles-") as folder:
        command = [sys.executable, __file__, "--worker", folder, "--cases", str(count)]
        command += ["--seed", str(number), "--seconds", str(seconds)]
        try:
            done = subprocess.run(command, capture_output=True, timeout=seconds + 60, check=False)
        except subprocess.TimeoutExpired:
            return {}, [f"no end: {_last(folder)}"]
        if done.returncode != 0:
            end_of_it = done.stderr.decode(errors="replace")[-3000:]
            return {}, [f"ended by {done.returncode}: {_last(folder)}\n{end_of_it}"]
        found = json.loads(Path(folder, FOUND).read_text())
        return found["outcomes"], found["flaws"]


def _last(folder: str) -> str:
    last = Path(folder, "last")
    return last.read_text() if last.exists() else "before the first case"


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and try cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=7200.0, help="stop after this long")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.worker:
        return work(Path(chosen.worker), chosen.cases, chosen.seed, chosen.seconds)

    def report(failure: str) -> None:
        sys.stdout.write(f"FAILED: {failure}\n")
        sys.stdout.flush()

    outcomes, failures = run(chosen.cases, chosen.seed, chosen.seconds, report)
    for name, times in outcomes.most_common():
        sys.stdout.write(f"{times:7} {name}\n")
    sys.stdout.write(f"{outcomes.total()} cases, {len(failures)} failures\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
