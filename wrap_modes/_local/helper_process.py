"""Start the helper process of a wrap mode, and describe how one died."""

from __future__ import annotations

import multiprocessing.context
import signal
from collections.abc import Callable
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Any

from pypet.support.filesystem import working_folder
from pypet.support.processes import MAIN_GUARD_ADVICE, deferred_interrupts, describe_exit

_NAMES = {"NETLOCK": "LockServer", "NETQUEUE": "QueuingServerProcess"}
"""Established names of processes, which names of log files contain; others follow the mode."""


def start_helper(
    mode: str, mp_context: BaseContext, target: Callable[..., None], args: tuple[Any, ...]
) -> BaseProcess:
    """Start the process that stores or locks for a wrap mode and return it."""
    # The contexts of all start methods have `Process`, their common base does not say so.
    name = _NAMES.get(mode, f"{mode.capitalize()}Process")
    process: BaseProcess = mp_context.Process(  # type: ignore[attr-defined]
        target=target, args=args, name=name, daemon=True
    )
    # The process ignores them from its first step on.
    with deferred_interrupts(signal.SIGTERM):
        try:
            process.start()
        except FileNotFoundError:  # new interpreters start in the working folder
            working_folder()
            raise
    return process


def describe_death(mode: str, process: BaseProcess) -> str:
    """Return what is known about a helper that should still be there, without a full stop."""
    process.join()
    forked = isinstance(process, getattr(multiprocessing.context, "ForkProcess", ()))
    advice = f"{MAIN_GUARD_ADVICE} " if process.exitcode == 1 and not forked else ""
    return (
        f"The process that stores data for wrap_mode={mode!r} {describe_exit(process.exitcode)}. "
        f"{advice}What it had not written yet is lost"
    )
