"""Executing what may crash or hang in a process of its own."""

from __future__ import annotations

import logging
import multiprocessing
import traceback
import warnings
from collections.abc import Callable
from typing import Any

DEADLINE_SECONDS = 120


def findings_of(check: Callable[..., list[str]], *arguments: Any) -> list[str]:
    """Return what a check finds; that it raises, crashes or hangs is found as well."""
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sending, check, arguments))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads
        process.start()
    sending.close()
    try:
        if not receiving.poll(DEADLINE_SECONDS):
            return [f"it hangs: not checked within {DEADLINE_SECONDS} s"]
        found: list[str] = receiving.recv()
        return found
    except EOFError:
        process.join()
        return [f"it crashes whoever reads it (exit code {process.exitcode})"]
    finally:
        receiving.close()
        if process.is_alive():
            process.kill()
        process.join()


def _send(sending: Any, check: Callable[..., list[str]], arguments: tuple[Any, ...]) -> None:
    logging.disable()
    warnings.simplefilter("ignore")
    try:
        found = check(*arguments)
    except Exception:
        found = [f"the check fails: {traceback.format_exc()}"]
    sending.send(found)
    sending.close()
