"""Outcomes as messages: what a worker returns, serialized so that it surely arrives.

Values or exceptions that cannot be pickled become errors of their run; nothing a run does may make
the report about other runs fail.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import sys
from collections.abc import Sequence
from time import time
from typing import Any, NamedTuple

from pypet.errors import RemoteRunError, WorkerDiedError
from pypet.interfaces import Outcome
from pypet.support.processes import describe_exit
from pypet.support.tracebacks import ErrorText, RemoteTraceback

PROTOCOL = pickle.HIGHEST_PROTOCOL
LARGE_BYTES = 1 << 16
"""It takes longer to copy more data than this than to read it piece by piece."""


class _Failure(NamedTuple):
    """An exception with its traceback; exceptions leave it behind when they are pickled."""

    error: BaseException
    text: str
    full: str
    """The same with the frames of pypet."""


def serialize(outcomes: Sequence[Outcome]) -> bytes:
    """Serialize outcomes; what cannot be pickled becomes an error of its run."""
    return b"".join(serialize_pieces(outcomes))


def serialize_one(outcome: Outcome) -> bytes:
    """Return the same as `serialize` of one outcome, in a third of the time if it is small."""
    if outcome.error is not None:
        return serialize([outcome])
    try:
        return pickle.dumps([tuple(outcome)], PROTOCOL)
    except Exception:
        return serialize([outcome])


def serialize_pieces(outcomes: Sequence[Outcome]) -> list[bytes | memoryview]:
    """Serialize outcomes as consecutive pieces; large ones are not copied."""
    if any(outcome.error is not None for outcome in outcomes):
        return _serialize_each(outcomes)
    try:
        # All at once, without a look at each: nearly always everything can be pickled.
        return _pickled(outcomes)
    except Exception:
        return _serialize_each(outcomes)


def _serialize_each(outcomes: Sequence[Outcome]) -> list[bytes | memoryview]:
    return _pickled([_picklable(outcome) for outcome in outcomes], plain_errors=True)


class _Pieces(list[bytes | memoryview]):
    """A file for a pickler, which hands over large bytes objects without a copy."""

    def write(self, piece: Any) -> None:
        self.append(piece if type(piece) is bytes else pickle.PickleBuffer(piece).raw())


def _pickled(
    outcomes: Sequence[Outcome], *, plain_errors: bool = False
) -> list[bytes | memoryview]:
    pieces = _Pieces()
    pickler = pickle.Pickler(pieces, PROTOCOL)
    if plain_errors:
        _pickle_errors_plainly(pickler)
    pickler.dump(list(map(tuple, outcomes)))  # four times as fast as with the class
    return pieces


_TBLIB = "tblib.pickling_support"


def _pickle_errors_plainly(pickler: pickle.Pickler) -> None:
    """Pickle exceptions as Python does, also once Dask was imported.

    Dask has tblib pickle all exceptions with their frames, which users would see a second time
    beside the text sent along, and tblib changes the class of those that cannot be unpickled.
    """
    if _TBLIB in sys.modules:
        pickler.dispatch_table = {
            kind: reduce
            for kind, reduce in copyreg.dispatch_table.items()
            if getattr(reduce, "__module__", "") != _TBLIB
        }


def _survives_pickling(error: BaseException) -> bool:
    """Return whether an exception has the same class when it is unpickled."""
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream, PROTOCOL)
    _pickle_errors_plainly(pickler)
    try:
        pickler.dump(error)
        return type(pickle.loads(stream.getvalue())) is type(error)
    except Exception:  # the constructor of its class may raise anything
        return False


class _BytesReader:
    """A file that reads from memory without copying all of it first, as BytesIO does."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._position = 0

    def read(self, size: int = -1) -> bytes:
        start = self._position
        self._position = len(self._data) if size < 0 else min(start + size, len(self._data))
        return bytes(self._data[start : self._position])

    def readinto(self, target: Any) -> int:
        part = self._data[self._position : self._position + len(target)]
        target[: len(part)] = part
        self._position += len(part)
        return len(part)

    def readline(self) -> bytes:
        return self.read(bytes(self._data[self._position :]).find(b"\n") + 1)

    def tell(self) -> int:
        return self._position


def deserialize(data: bytes | memoryview) -> list[Outcome]:
    """Return the outcomes that one call of `serialize` returned, or several concatenated.

    Raises
    ------
    Exception
        Some value cannot be unpickled here.
    """
    is_large = isinstance(data, memoryview) and len(data) >= LARGE_BYTES
    stream: Any = _BytesReader(data) if is_large else io.BytesIO(data)  # type: ignore[arg-type]
    outcomes: list[Outcome] = []
    while stream.tell() < len(data):
        outcomes += [_outcome(fields) for fields in pickle.load(stream)]
    return outcomes


_ERROR = Outcome._fields.index("error")


def _outcome(fields: tuple[Any, ...]) -> Outcome:
    outcome = tuple.__new__(Outcome, fields)
    failure = fields[_ERROR]
    if type(failure) is not _Failure:
        return outcome
    failure.error.__cause__ = RemoteTraceback(failure.text, failure.full)
    return outcome._replace(error=failure.error)


def _picklable(outcome: Outcome) -> Outcome:
    """Return an outcome that can be pickled and, if it is an error, unpickled."""
    error = outcome.error
    if error is None:
        try:
            pickle.dumps(outcome, PROTOCOL)
            return outcome
        except Exception as refusal:
            error = RemoteRunError(
                f"Run {outcome.index} returned a value of type {type(outcome.value).__name__} "
                f"that cannot be pickled, so it cannot leave its process: {refusal}"
            )
    text = ErrorText(error)
    if not _survives_pickling(error):
        error = _description(error)
    failure: Any = _Failure(error, text.short, text.full)
    failed = outcome._replace(value=None, error=failure)
    try:
        pickle.dumps(outcome.payload, PROTOCOL)
    except Exception:
        return failed._replace(payload=None)
    return failed


def _description(error: BaseException) -> RemoteRunError:
    try:
        text = str(error)
    except Exception:
        text = "(no message)"
    return RemoteRunError(
        f"{type(error).__module__}.{type(error).__qualname__}: {text} (the exception itself "
        "cannot be pickled)"
    )


def exited_outcome(index: int, error: BaseException, started: float) -> Outcome:
    """Return the outcome of a run that tried to end its process, by `sys.exit` for example."""
    died = WorkerDiedError(f"Run {index} ended its process by {error!r}.")
    return Outcome(index, None, started, time(), died)


def killed_outcome(index: int, pid: int | None, exit_code: int | None, started: float) -> Outcome:
    """Return the outcome of a run whose worker died."""
    how = describe_exit(exit_code)
    if exit_code is not None and exit_code >= 0:
        how += " in the middle of the run"
    died = WorkerDiedError(f"The worker of run {index} (pid {pid}) {how}.")
    return Outcome(index, None, started, time(), died)


def unreadable_outcome(index: int, error: BaseException) -> Outcome:
    """Return the outcome of a run whose own outcome cannot be unpickled."""
    now = time()
    lost = RemoteRunError(
        f"The return value of run {index} cannot be unpickled in the main process: {error!r}"
    )
    lost.__cause__ = error
    return Outcome(index, None, now, now, lost)
