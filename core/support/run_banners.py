"""The two log records of every run: that it starts, and that it is finished.

To make, format and write them one by one would cost a trivial run a fifth of its time, so they
are gathered and handled in batches, at most `LATE_SECONDS` late, with the times of their events.
That needs handlers which take part (`HANDLE_MANY`): before any other record they ask for what was
gathered (`flush`), so that lines are in order. Where another handler listens, every record is
handled at once. A process that is killed loses what it gathered last; one that ends otherwise,
also by an exception, loses nothing.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections.abc import Iterator
from multiprocessing.util import Finalize
from time import time
from typing import Any

from pypet.support.tricks import is_on

RUN_BANNER = "pypet_run_banner"
"""Name of an attribute that these records have, and no others."""
HANDLE_MANY = "handle_run_banners"
"""Name of a method of handlers that call `flush` before they handle other records: it handles a
sequence of these."""
LATE_SECONDS = 0.2
MOST = 256
"""Upper limit of the records in one batch."""

_GATHERS = is_on("run_banners")
_STARTING = "Starting single run #%d of %d"
_FINISHED = "Finished single run #%d of %d"
_logger = logging.getLogger("pypet")
_Event = tuple[str, int, int, float]


class _Banners:
    """Gathers and handles events. The thread that watches the time exists in bursts only."""

    def __init__(self) -> None:
        self._events: list[_Event] = []
        self._lock = threading.RLock()
        self._stopped = threading.Event()
        self._watcher: threading.Thread | None = None
        self._teller = 0
        self._template: dict[str, Any] = {}

    def log(self, text: str, index: int, total: int) -> None:
        """Take an event of now."""
        event = (text, index, total, time())
        if 0 < len(self._events) < MOST and self._teller == threading.get_ident():
            self._events.append(event)
            return
        with self._lock:
            self.flush()
            if not _all_take_late():
                _handle_at_once(event)
                return
            self._prepare()
            self._events.append(event)
            if self._watcher is None:
                self._stopped.clear()
                self._watcher = threading.Thread(
                    target=self._watch, name="pypet-run-banners", daemon=True
                )
                self._watcher.start()

    def flush(self) -> None:
        """Handle what was gathered."""
        if not self._events:
            return
        with self._lock:
            events, self._events = self._events, []
            records = list(map(self._record, events))
            # There are no filters, and levels do not depend on the record: ask once for all.
            for handler in [each for each in _listening() if each.level <= logging.INFO]:
                handle_many = getattr(handler, HANDLE_MANY, None)
                if handle_many is not None:
                    handle_many(records)
                    continue
                for record in records:
                    handler.handle(record)

    def _prepare(self) -> None:
        """Note the caller; records of a batch differ only in text, numbers and time."""
        self._teller = threading.get_ident()
        self._template = vars(_make_record("", ()))

    def _record(self, event: _Event) -> logging.LogRecord:
        text, index, total, created = event
        template = self._template
        record = logging.LogRecord.__new__(logging.LogRecord)
        attributes = record.__dict__
        attributes.update(template)
        attributes["msg"] = text
        attributes["args"] = args = (index, total)
        attributes["message"] = text % args  # once for all handlers
        attributes["created"] = created
        attributes["msecs"] = float(int((created - int(created)) * 1000))
        later = created - template["created"]
        attributes["relativeCreated"] = template["relativeCreated"] + 1000 * later
        return record

    # ----- the thread -----------------------------------------------------------------------

    def _watch(self) -> None:
        while not self._stopped.wait(LATE_SECONDS):
            with self._lock:
                if not self._events:
                    self._watcher = None
                    return
                self.flush()

    def before_fork(self) -> None:
        """Leave nothing that could happen twice, no thread and no lock that a thread holds."""
        watcher = self._watcher
        self._stopped.set()
        if watcher is not None and watcher is not threading.current_thread():
            watcher.join()
        self._watcher = None
        self.flush()


_banners = _Banners()
atexit.register(_banners.flush)  # before logging's own, which was registered earlier
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_banners.before_fork)

flush = _banners.flush
"""Handle what was gathered. Not to be called while the lock of a handler is held."""


def is_wanted() -> bool:
    """Return whether anybody listens."""
    return _logger.isEnabledFor(logging.INFO)


def tell_starting(index: int, total: int) -> None:
    """Log that the run of this index starts, of ``total`` runs."""
    _banners.log(_STARTING, index, total)


def tell_finished(index: int, total: int) -> None:
    """Log that a run is finished."""
    _banners.log(_FINISHED, index, total)


def flush_at_end_of_worker() -> None:
    """Flush the records when this process of `multiprocessing` ends."""
    Finalize(None, _banners.flush, exitpriority=10)


def _all_take_late() -> bool:
    """Return whether all that listen take records late, and may."""
    if not _GATHERS:
        return False
    if logging.getLogRecordFactory() is not logging.LogRecord or _logger.filters:
        return False
    return all(hasattr(handler, HANDLE_MANY) for handler in _listening())


def _listening() -> Iterator[logging.Handler]:
    """Return the handlers of the logger and of those that it hands on to."""
    logger: logging.Logger | None = _logger
    while logger is not None:
        yield from logger.handlers
        logger = logger.parent if logger.propagate else None


def _make_record(text: str, args: tuple[int, ...]) -> logging.LogRecord:
    # Not `_logger.info`: it looks through the stack for its caller.
    return _logger.makeRecord(
        _logger.name, logging.INFO, __file__, 0, text, args, None, "log", {RUN_BANNER: True}
    )


def _handle_at_once(event: _Event) -> None:
    text, index, total, _ = event
    _logger.handle(_make_record(text, (index, total)))
