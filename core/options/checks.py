"""Checks of single options; the environment checks combinations."""

from __future__ import annotations

import configparser
import math
import multiprocessing
import os
from collections.abc import Callable, Iterable
from numbers import Integral, Real
from typing import Any

from pypet.support.arguments import check_path

RAISE, CONTINUE = "raise", "continue"
RETRY_PREFIX = "retry:"
SKIP, EXTEND = "skip", "extend"
MOST_PORT = 2**16 - 1
MOST = 2**31 - 1
"""Largest count of semaphores, queues and C libraries."""


def flag(name: str) -> Callable[[Any], None]:
    """Return a check for switches: anything with a truth value except text.

    Text is always a mistake here, because ``'False'`` would be true.
    """

    def check(value: Any) -> None:
        if isinstance(value, str | bytes):
            raise ValueError(f"{name}={value!r}: give True or False, not text.")

    return check


def at_least(name: str, least: int, meaning: str = "") -> Callable[[Any], None]:
    """Return a check for numbers not below ``least``; NaN is rejected, too."""

    def check(value: Any) -> None:
        if not value >= least:
            raise ValueError(f"{name}={value!r}: must be at least {least}{meaning}.")

    return check


def count(name: str, least: int, meaning: str = "") -> Callable[[Any], None]:
    """Return a check for numbers of workers or queued items, from ``least`` on."""
    check_least = at_least(name, least, meaning)

    def check(value: Any) -> None:
        check_least(value)
        if value > MOST:
            raise ValueError(f"{name}={value!r}: must be at most {MOST}.")

    return check


def seconds(name: str) -> Callable[[Any], None]:
    """Return a check for durations, more than 0 seconds."""

    def check(value: Any) -> None:
        if not value > 0:
            raise ValueError(
                f"{name}={value!r}: give seconds, more than 0, or leave it out for no limit."
            )

    return check


def niceness(value: Any) -> None:
    """Check a nice value in the range of POSIX systems."""
    if not -20 <= value <= 20:
        raise ValueError(
            f"niceness={value!r}: nice values go from -20 to 19, the higher the nicer; "
            "leave it out to let workers be as nice as the main process."
        )


def one_of(name: str, *choices: str) -> Callable[[Any], None]:
    """Return a check for a fixed set of strings."""

    def check(value: Any) -> None:
        if value not in choices:
            listed = ", ".join(map(repr, choices))
            raise ValueError(f"{name}={value!r}: must be one of {listed}.")

    return check


def percentage(name: str) -> Callable[[Any], None]:
    """Return a check for caps: more than 0 and at most 100 percent."""

    def check(value: Any) -> None:
        if not 0 < value <= 100:
            raise ValueError(
                f"{name}={value!r}: a cap is in percent, more than 0 and at most 100; "
                "100 switches it off."
            )

    return check


def memory_cap(value: Any) -> None:
    """Check a cap in percent, or a tuple of a cap and the estimated MB a process needs."""
    cap, megabytes = value if isinstance(value, tuple) and len(value) == 2 else (value, 0.0)
    numbers = (cap, megabytes)
    are_numbers = all(isinstance(each, Real) and not isinstance(each, bool) for each in numbers)
    if not are_numbers or not 0 <= megabytes < math.inf:
        raise ValueError(
            f"memory_cap={value!r}: give percent, or a tuple (percent, MB a process), "
            "for example (90.0, 500.0)."
        )
    percentage("memory_cap")(cap)


def sumatra_label(value: Any) -> None:
    """Check that a label has no dot, since it becomes the name of a node."""
    if "." in value:
        raise ValueError(f"sumatra_label={value!r}: a label must not contain a dot.")
    if not value.strip():
        raise ValueError(
            f"sumatra_label={value!r}: a label must not be empty; leave it out to let Sumatra "
            "choose one."
        )


def port(value: Any) -> None:
    """Check a port: a number, a range of numbers, or a complete address."""
    if isinstance(value, str):
        valid = "://" in value
    else:
        low, high = value if isinstance(value, tuple) and len(value) == 2 else (value, value)
        numbers = isinstance(low, Integral) and isinstance(high, Integral)
        valid = numbers and 0 < low <= high <= MOST_PORT
    if not valid:
        raise ValueError(
            f"port={value!r}: give a number from 1 to {MOST_PORT}, a range like (7777, 9999), or "
            "an address like 'tcp://127.0.0.1:7777'."
        )


def config(value: Any) -> None:
    """Check that a configuration is a path or a parser.

    Raises
    ------
    RuntimeError
        It is neither.
    ValueError
        The path is empty, or has a null character.
    """
    if not isinstance(value, str | os.PathLike | configparser.RawConfigParser):
        raise RuntimeError(
            f"config={value!r}: give the path of an ini file or a parser, "
            f"not {type(value).__name__}."
        )
    if not isinstance(value, configparser.RawConfigParser):
        check_path(value, "config")


def start_method(value: Any) -> None:
    """Check that the platform supports this start method."""
    available = multiprocessing.get_all_start_methods()
    if value not in available:
        listed = ", ".join(map(repr, available))
        raise ValueError(f"start_method={value!r}: this platform has {listed}.")


def on_error(value: Any) -> None:
    """Check ``'raise'``, ``'continue'`` or ``'retry:N'`` with N at least 1."""
    if value in (RAISE, CONTINUE):
        return
    if isinstance(value, str) and value.startswith(RETRY_PREFIX):
        times = value.removeprefix(RETRY_PREFIX)
        if times.isascii() and times.isdigit() and int(times) > 0:
            return
    raise ValueError(
        f"on_error={value!r}: must be 'raise', 'continue' or 'retry:N' with a number N of "
        "further attempts, for example 'retry:3'."
    )


def names(name: str, example: str) -> Callable[[Any], None]:
    """Return a check for a name or several names."""

    def check(value: Any) -> None:
        if isinstance(value, str):
            return
        if isinstance(value, Iterable) and all(isinstance(item, str) for item in value):
            return
        raise ValueError(f"{name}={value!r}: give names, for example {example}.")

    return check
