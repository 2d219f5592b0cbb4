"""Broken wrap modes; each differs from a sound one in one thing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from pypet import pypetconstants as constants
from pypet.interfaces import Outcome
from pypet.services.messages import StoreMessage
from pypet.services.sender import Sender
from pypet.wrap_modes.local import LocalWrapMode, ReferenceWrapper
from pypet.wrap_modes.lock import LockWrapMode, LockWrapper
from pypet.wrap_modes.pipe import PipeStorageServiceSender, PipeWrapMode
from pypet.wrap_modes.queue import QueueStorageServiceSender, QueueWrapMode
from tests.mutants import leaks
from tests.mutants.leaks import leak_file, leak_process, leak_thread
from tests.mutants.mutant import Mutant
from tests.mutants.scheduler_mutants import Patch, attributes, calls

LOCAL, LOCK, PIPE, QUEUE = LocalWrapMode, LockWrapMode, PipeWrapMode, QueueWrapMode

SLOW_SECONDS = 3.0
"""Longer than the main process takes from the end of the runs to stopping the wrap mode."""


# ----- services of workers ---------------------------------------------------------------------


def sent(base: type[Sender], change: Callable[[Any, StoreMessage], Any]) -> type[Sender]:
    """Return a sender that delivers what ``change`` returns of a message, or nothing for None."""

    class Broken(base):  # type: ignore[misc, valid-type]
        def deliver(self, message: StoreMessage) -> None:
            changed = change(self, message)
            for each in changed if isinstance(changed, list) else (changed,):
                if each is not None:
                    super().deliver(each)

    return Broken


def stored(change: Callable[[Any, str, Any, dict[str, Any]], bool]) -> type[LockWrapper]:
    """Return the service of LOCK that stores a message only if ``change`` returns True."""

    class Broken(LockWrapper):
        def store(self, msg: str, stuff: Any, *args: Any, **kwargs: Any) -> Any:
            if change(self, msg, stuff, kwargs):
                return super().store(msg, stuff, *args, **kwargs)
            return None

    return Broken


def worker(kind: type) -> Patch:
    """Give workers a service of another class; instances exist already, so theirs is changed."""

    def worker_service(base: Any, self: Any) -> Any:
        service = base.worker_service(self)
        service.__class__ = kind
        return service

    return calls(worker_service=worker_service)


def deletes(msg: str, stuff: Any) -> bool:
    """Return whether a message, or one of a list, deletes."""
    listed = [each[0] for each in stuff] if msg == constants.LIST else []
    return constants.DELETE in (msg, *listed)


def replaces(msg: str, stuff: Any, kwargs: Any) -> bool:
    """Return whether a message, or one of a list, replaces what is there."""
    listed = [str(each) for each in stuff] if msg == constants.LIST else []
    return "overwrite" in str([*listed, *kwargs])


def first_only(self: Any, message: StoreMessage) -> StoreMessage | None:
    former, self.former = getattr(self, "former", None), message.run
    return None if message.run == former else message


def small_only(self: Any, message: StoreMessage) -> StoreMessage | None:
    items = [
        i for each in getattr(message.content, "operations", ()) for i in getattr(each, "items", ())
    ]
    sizes = [getattr(getattr(item, "value", None), "nbytes", 0) for item in items]
    return message if max(sizes, default=0) < 1 << 20 else None


def without(kind: str) -> Callable[[Any, StoreMessage], StoreMessage]:
    """Drop operations of a kind."""

    def change(self: Any, message: StoreMessage) -> StoreMessage:
        content: Any = message.content
        kept = tuple(each for each in content.operations if type(each).__name__ != kind)
        return message._replace(content=content._replace(operations=kept))

    return change


def without_links(self: Any, message: StoreMessage) -> StoreMessage:
    content: Any = message.content
    if not hasattr(content, "operations"):
        return message
    kept = tuple(each for each in content.operations if "Link" not in type(each).__name__)
    return message._replace(content=content._replace(operations=kept))


def without_calls(self: Any, message: StoreMessage) -> StoreMessage | None:
    return message if hasattr(message.content, "operations") else None


def held_back(self: Any, message: StoreMessage) -> StoreMessage | None:
    former, self.former = getattr(self, "former", None), message
    return former


def newest_first(base: Any, self: Any, payload: Any) -> Any:
    return base.store_references(self, {name: group[::-1] for name, group in payload.items()})


class Loading(QueueStorageServiceSender):
    def load(self, msg: str, stuff: Any, *args: Any, **kwargs: Any) -> Any:
        return None


class Aliasing(ReferenceWrapper):
    """Keeps what it is given until it is collected."""

    def deliver(self, message: StoreMessage) -> None:
        self.references.setdefault(message.trajectory, []).append(message)  # type: ignore[arg-type]


# ----- modes ---------------------------------------------------------------------------------


class NoLock:
    """Excludes nobody."""

    def acquire(self) -> None:
        """Do nothing."""

    def release(self) -> None:
        """Do nothing."""


class StaleLock:
    """Is kept for ever by a process that dies."""

    def __init__(self, context: Any) -> None:
        self._lock = context.Lock()

    def acquire(self) -> None:
        self._lock.acquire()

    def release(self) -> None:
        self._lock.release()


def swallow(base: Any, self: Any, outcome: Outcome) -> None:
    try:
        base.accept(self, outcome)
    except RuntimeError:
        return


def swallow_stop(base: Any, self: Any) -> None:
    try:
        base.stop(self)
    except RuntimeError:
        return


def blame_next(base: Any, self: Any, outcome: Outcome) -> None:
    try:
        base.accept(self, outcome)
    except RuntimeError as error:
        raise RuntimeError(str(error).replace("run 1", "run 2")) from error


def accept_late(base: Any, self: Any, outcome: Outcome) -> None:
    self.late = [*getattr(self, "late", ()), outcome]


def stop_late(base: Any, self: Any) -> None:
    for each in self.__dict__.pop("late", ()):
        base.accept(self, each)
    base.stop(self)


def accept_some(base: Any, self: Any, outcome: Outcome) -> None:
    payload = outcome.payload
    if payload:
        payload = {name: group[:1] for name, group in payload.items()}
    base.accept(self, outcome._replace(payload=payload))


def refuse_all(base: Any, self: Any, outcome: Outcome) -> None:
    base.accept(self, outcome)
    raise RuntimeError(f"run {outcome.index} is refused")


def hang_once(base: Any, self: Any) -> None:
    base.stop(self)
    if not hasattr(self, "hung"):
        self.hung = True
        time.sleep(600)


def keep_started(base: Any, self: Any) -> None:
    kept = self._wrapper
    base.stop(self)
    self._wrapper = kept


def start_once(base: Any, self: Any, *args: Any) -> None:
    if not hasattr(self, "started"):
        self.started = True
        base.start(self, *args)


def stop_twice(base: Any, self: Any) -> None:
    self.worker_service()
    base.stop(self)


def start_slow_writer(base: Any, self: Any, service: Any, mp_context: Any) -> None:
    """Let the writer, which inherits the service, take long for each request."""
    apply = service.apply
    service.apply = lambda request: (time.sleep(SLOW_SECONDS), apply(request))
    base.start(self, service, mp_context)
    del service.apply


def kill_writer(base: Any, self: Any) -> None:
    self._writer._process.kill()
    try:
        base.stop(self)
    except RuntimeError:
        return


def leak_at_start(action: Callable[[], None]) -> Patch:
    return calls(start=lambda base, self, *args: (base.start(self, *args), action()))


SEVERAL = "test_runs_of_several_processes_are_stored[fork]"
LARGE = "test_large_messages_arrive"
STEPS = "test_each_store_of_a_run_arrives"
DELETES = "test_what_a_run_deletes_is_deleted"
REPLACES = "test_later_stores_replace_earlier_ones"
FAILING = "test_a_failing_store_is_reported_with_its_run"
HELPER = "test_a_helper_that_dies_is_noticed"
LOADING = "test_loading_is_allowed_or_refused_as_declared"
ROWS = "test_rows_of_runs_are_stored_after_their_data"
STARTED = "test_without_start_there_is_no_service"

QUEUED, KEPT, PIPED = QueueStorageServiceSender, ReferenceWrapper, PipeStorageServiceSender

MUTANTS = [
    Mutant(
        "StoresNothing",
        "drops everything that runs store",
        QUEUE,
        worker(sent(QUEUED, lambda self, message: None)),
        SEVERAL,
    ),
    Mutant(
        "StoresNothingLocked",
        "the same under a lock",
        LOCK,
        worker(stored(lambda *given: False)),
        SEVERAL,
    ),
    Mutant(
        "CollectsNothing",
        "what runs store does not travel",
        LOCAL,
        attributes(collect=staticmethod(lambda trajectory: None)),
        SEVERAL,
    ),
    Mutant(
        "AcceptsNothing",
        "the payload is not stored",
        LOCAL,
        calls(accept=lambda *given: None),
        SEVERAL,
    ),
    Mutant(
        "SkipsOddRuns",
        "every other run is dropped",
        PIPE,
        worker(sent(PIPED, lambda self, message: None if message.run % 2 else message)),
        SEVERAL,
    ),
    Mutant(
        "DropsLinks",
        "links are dropped",
        QUEUE,
        worker(sent(QUEUED, without_links)),
        SEVERAL,
    ),
    Mutant("RefusesRuns", "refuses runs that are stored", QUEUE, calls(accept=refuse_all), SEVERAL),
    Mutant(
        "DropsLarge",
        "messages past 1 MB are dropped",
        QUEUE,
        worker(sent(QUEUED, small_only)),
        LARGE,
    ),
    Mutant(
        "DropsLargePayload",
        "payloads past 1 MB are dropped",
        LOCAL,
        calls(
            accept=lambda base, self, outcome: (
                len(str(outcome.payload)) < 1 << 20 and base.accept(self, outcome)
            )
        ),
        LARGE,
    ),
    Mutant(
        "KeepsFirst", "keeps the first store only", QUEUE, worker(sent(QUEUED, first_only)), STEPS
    ),
    Mutant(
        "KeepsFirstPiped",
        "the same through a pipe",
        PIPE,
        worker(sent(PIPED, first_only)),
        STEPS,
    ),
    Mutant(
        "AcceptsFirst",
        "stores the first part of a payload",
        LOCAL,
        calls(accept=accept_some),
        STEPS,
    ),
    Mutant(
        "HoldsBack",
        "the last message of a worker is never sent",
        QUEUE,
        worker(sent(QUEUED, held_back)),
        STEPS,
    ),
    Mutant(
        "DropsDeletes",
        "nothing is deleted",
        QUEUE,
        worker(sent(QUEUED, without("DeleteNode"))),
        DELETES,
    ),
    Mutant(
        "DropsDeletesLocked",
        "nothing is deleted under the lock",
        LOCK,
        worker(stored(lambda self, msg, stuff, kwargs: not deletes(msg, stuff))),
        DELETES,
    ),
    Mutant(
        "ReversesOrder",
        "stores the newest message first",
        LOCAL,
        calls(store_references=newest_first),
        REPLACES,
    ),
    Mutant(
        "DropsReplacements",
        "what exists is not replaced",
        LOCK,
        worker(stored(lambda self, msg, stuff, kwargs: not replaces(msg, stuff, kwargs))),
        REPLACES,
    ),
    Mutant(
        "DropsSharedData",
        "shared data is not created",
        LOCK,
        worker(stored(lambda self, msg, stuff, kwargs: msg != constants.ACCESS_DATA)),
        "test_shared_data_of_runs_is_created",
    ),
    Mutant(
        "DropsUsersMessages",
        "messages for services of users are dropped",
        QUEUE,
        worker(sent(QUEUED, without_calls)),
        "test_services_of_users_are_shared_too[fork]",
    ),
    Mutant(
        "KeepsReferences",
        "stores what was changed after storing",
        LOCAL,
        lambda base: {
            **worker(Aliasing)(base),
            "accept": lambda self, outcome: [
                message.store(self._service)
                for group in (outcome.payload or {}).values()
                for message in group
            ],
        },
        "test_what_is_changed_after_storing_is_not_stored",
    ),
    Mutant(
        "LocksNothing",
        "the lock excludes nobody",
        LOCK,
        attributes(make_lock=lambda *given: NoLock()),
        "test_no_two_processes_use_the_storage_at_once",
    ),
    Mutant(
        "KeepsLock",
        "the lock of a dead process is never free",
        LOCK,
        attributes(make_lock=lambda self, service, context: StaleLock(context)),
        "test_a_worker_that_is_killed_while_it_stores_does_not_block_others",
    ),
    Mutant(
        "HidesFailures",
        "what could not be stored is not reported",
        LOCAL,
        calls(accept=swallow),
        FAILING,
    ),
    Mutant(
        "BlamesOthers",
        "names another run than the one that failed",
        LOCAL,
        calls(accept=blame_next),
        FAILING,
    ),
    Mutant(
        "HidesFailuresQueued",
        "the same with a writer",
        QUEUE,
        lambda base: {
            "accept": lambda self, outcome: None,
            "check": lambda self: None,
            **calls(stop=lambda base, self: swallow_stop(base, self))(base),
        },
        FAILING,
    ),
    Mutant("NeverLooks", "`check` does nothing", QUEUE, calls(check=lambda *given: None), HELPER),
    Mutant(
        "NeverLooksPiped", "the same with a pipe", PIPE, calls(check=lambda *given: None), HELPER
    ),
    Mutant("LoadsNothing", "loading does nothing", QUEUE, worker(Loading), LOADING),
    Mutant(
        "PromisesLoading",
        "declares that runs can load",
        QUEUE,
        attributes(supports_loading=True),
        LOADING,
    ),
    Mutant(
        "StoresRowsEarly",
        "rows of the run table are stored before the data of their runs",
        LOCAL,
        calls(accept=accept_late, stop=stop_late),
        ROWS,
    ),
    Mutant(
        "InventsRows",
        "says that rows were stored and does nothing",
        LOCK,
        calls(store_run_table=lambda *given: True),
        ROWS,
    ),
    Mutant(
        "StaysStarted",
        "has a service after the stop",
        LOCK,
        calls(stop=keep_started),
        "test_stop_is_safe_to_call_twice",
    ),
    Mutant(
        "StopsOnce",
        "stop cannot be called twice",
        LOCK,
        calls(stop=stop_twice),
        "test_stop_is_safe_to_call_twice",
    ),
    Mutant(
        "StartsOnce",
        "cannot be started again",
        LOCAL,
        calls(start=start_once),
        "test_a_mode_can_be_started_again",
    ),
    Mutant(
        "KillsWriter",
        "the writer is killed before it has stored everything",
        QUEUE,
        calls(start=start_slow_writer, stop=kill_writer),
        LARGE,
    ),
    Mutant("HangsAtEnd", "stop hangs", LOCK, calls(stop=hang_once), "test_stop_does_not_hang"),
    Mutant(
        "KeepsProcess",
        "a helper stays",
        QUEUE,
        leak_at_start(leak_process),
        "test_no_process_is_left_behind",
    ),
    Mutant(
        "KeepsThread",
        "a thread stays",
        LOCAL,
        leak_at_start(leak_thread),
        "test_no_thread_is_left_behind",
    ),
    Mutant(
        "KeepsFile",
        "a file stays open",
        LOCK,
        leak_at_start(leak_file),
        "test_no_file_or_memory_is_left_behind",
    ),
    Mutant(
        "KeepsLockFile",
        "the file of the lock stays",
        LOCK,
        calls(end_lock=lambda base, self: leaks.later(lambda: base.end_lock(self))),
        "test_no_file_or_memory_is_left_behind",
    ),
]
