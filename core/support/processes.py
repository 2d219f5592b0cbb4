"""Processes: how they start and end, the main script, and interrupts that have to wait."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def effective_start_method(given: str | None = None) -> str:
    """Return the start method for processes of this program.

    ``given`` is the value of the option. Without it the method that the program has chosen for
    all its processes counts, by `multiprocessing.set_start_method` or by having used the default
    of `multiprocessing` already: who asks for ``'spawn'`` may hold what no child may inherit, such
    as threads or a CUDA context. In a program that has chosen nothing processes are forked where
    the platform can, whatever the default of this version of Python is.
    """
    # Without `allow_none` this question would itself settle the method for the whole program.
    if chosen := given or multiprocessing.get_start_method(allow_none=True):
        return chosen
    return "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"


_loading: list[str] = []
"""Scripts that are being executed for what they define, the innermost last."""


def main_script() -> str | None:
    """Return the path of the main script as Python was given it, None in interactive sessions.

    In a process that multiprocessing started without a fork it is that of the main process.
    """
    path: str | None = getattr(sys.modules.get("__main__"), "__file__", None)
    return path


def is_importing_main_script() -> bool:
    """Return whether this process was not forked and is importing the main script.

    multiprocessing starts no processes meanwhile: that would never end. It marks the process so.
    """
    from multiprocessing.process import current_process

    return bool(getattr(current_process(), "_inheriting", False))


@contextmanager
def loading_script(path: str) -> Iterator[None]:
    """Mark a script as being executed for what it defines only, within a ``with`` block."""
    _loading.append(path)
    try:
        yield
    finally:
        _loading.pop()


def refuse_in_loaded_script(what: str) -> None:
    """Raise if a script does ``what`` while it is executed for what it defines only.

    Raises
    ------
    RuntimeError
        It does: another process loads it to resume an experiment, whose data is at stake.
    """
    if _loading:
        raise RuntimeError(
            f"The script {_loading[-1]} makes {what} although it is only loaded for the functions "
            "and classes that it defines"
        )


@contextmanager
def deferred_interrupts(*others: signal.Signals) -> Iterator[None]:
    """Let CTRL+C, and other signals, wait during a ``with`` block, say while a process starts.

    In the middle of a fork it would leave locks of Python held, and a process that has just begun
    could not yet say what it does about it. A process that is started here inherits that they
    wait, until it lets them in.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    former = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        # Raises what came before, when interrupts are already held back.
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, *others))
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def deliver_pending_interrupt() -> None:
    """Let in an interrupt that has to wait, if one came; for loops that may take long."""
    if hasattr(signal, "sigpending") and signal.SIGINT in signal.sigpending():
        former = signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT,))
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


MAIN_GUARD_ADVICE = (
    "Processes that are not forked import the main script, so what it executes has to stand below "
    "if __name__ == '__main__'."
)
"""What to look for if such a process ended with exit code 1 before it said anything."""


def describe_exit(exit_code: int | None) -> str:
    """Return how a process ended, as part of a sentence; ``exit_code`` is multiprocessing's."""
    if exit_code is None:
        return "is gone"
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:
        name = f"signal {-exit_code}"
    return f"was killed by {name}"
