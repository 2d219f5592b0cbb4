"""The standard streams of a process that was started without some of them (``pypet ... >&-``)."""

from __future__ import annotations

import os
import sys

_STREAMS = ("stdin", "stdout", "stderr")


def open_missing_streams() -> None:
    """Let the standard streams that are closed lead to nowhere.

    Python has None in their place, and the system gives their numbers to the next files that are
    opened: what any library writes to its standard error would then be written into these.
    """
    if all(getattr(sys, name) is not None for name in _STREAMS):
        return
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor < len(_STREAMS):
        descriptor = os.open(os.devnull, os.O_RDWR)
    os.close(descriptor)
    for number, name in enumerate(_STREAMS):
        if getattr(sys, name) is None:
            stream = os.fdopen(number, "w" if number else "r", encoding="utf8", closefd=False)
            setattr(sys, name, stream)
