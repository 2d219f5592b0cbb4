"""Processes: how they start and end, the main script, and interrupts that have to wait."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def effective_start_method(given: str | None = None) -> str:
    """Return the start method for processes of this program.

    ``given`` is the value of the option. It defaults to the method of the program, set by
    `multiprocessing.set_start_method` or by using the default of `multiprocessing`: a program that
    chooses ``'spawn'`` may hold resources that children must not inherit, such as threads or a
    CUDA context. Otherwise processes are forked where possible, whatever the default of this
    version of Python.
    """
    # Without `allow_none` the call would fix the method for the whole program.
    if chosen := given or multiprocessing.get_start_method(allow_none=True):
        return chosen
    return "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"


_loading: list[str] = []
"""Scripts that are being executed for their definitions only, the innermost last."""


def main_script() -> str | None:
    """Return the path of the main script as passed to Python, None in interactive sessions.

    In processes that multiprocessing starts without fork, this is the script of the main process.
    """
    path: str | None = getattr(sys.modules.get("__main__"), "__file__", None)
    return path


def is_importing_main_script() -> bool:
    """Return whether this process was started without fork and is importing the main script.

    multiprocessing marks such processes, and starts no processes in them, to avoid recursion.
    """
    from multiprocessing.process import current_process

    return bool(getattr(current_process(), "_inheriting", False))


@contextmanager
def loading_script(path: str) -> Iterator[None]:
    """Mark a script, within a ``with`` block, as being executed for its definitions only."""
    _loading.append(path)
    try:
        yield
    finally:
        _loading.pop()


def refuse_in_loaded_script(what: str) -> None:
    """Raise if a script is being executed for its definitions only.

    Raises
    ------
    RuntimeError
        The script is being loaded to resume an experiment, and ``what`` would affect its data.
    """
    if _loading:
        raise RuntimeError(
            f"The script {_loading[-1]} makes {what} although it is only loaded for the functions "
            "and classes that it defines"
        )


@contextmanager
def deferred_interrupts(*others: signal.Signals) -> Iterator[None]:
    """Block SIGINT and other signals during a ``with`` block, for example to start a process.

    An interrupt in the middle of a fork would leave locks of Python held, and a new process has not
    installed its handlers yet. A process started in the block inherits the blocked signals until it
    unblocks them.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    former = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        # Raises a KeyboardInterrupt that arrived before, with signals already blocked.
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, *others))
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def deliver_pending_interrupt() -> None:
    """Deliver a blocked interrupt, if there is one; for loops that may take long."""
    if hasattr(signal, "sigpending") and signal.SIGINT in signal.sigpending():
        former = signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT,))
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


MAIN_GUARD_ADVICE = (
    "Processes that are not forked import the main script, so put the code that it executes below "
    "if __name__ == '__main__'."
)
"""Advice for a process that ended with exit code 1 before it sent anything."""


def describe_exit(exit_code: int | None) -> str:
    """Return the way a process ended as part of a sentence, from multiprocessing's exit code."""
    if exit_code is None:
        return "is gone"
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:
        name = f"signal {-exit_code}"
    return f"was killed by {name}"
