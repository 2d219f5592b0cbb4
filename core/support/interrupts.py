"""Interrupts from the keyboard while something happens that they must not cut short."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_interrupts(*others: signal.Signals) -> Iterator[None]:
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


def admit_interrupts() -> None:
    """Let in an interrupt that has to wait, if one came; for loops that may take long."""
    if hasattr(signal, "sigpending") and signal.SIGINT in signal.sigpending():
        former = signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT,))
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
