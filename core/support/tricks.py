"""What makes pypet fast beyond the plain way, each with a name by which it is switched off.

With ``PYPET_PLAIN=1`` in the environment all of them are off, with ``PYPET_PLAIN=templates`` or
``PYPET_PLAIN=templates,compact_requests`` the named ones. Results and files hold the same either
way, byte order of attributes and sizes aside; it only takes longer. That is for finding out
whether a trick is to blame for a fault, and what it gains (``benchmarks/tricks.py``).

The variable is read once in each process. Child processes inherit it; on other hosts it has to be
set there.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Final

VARIABLE: Final = "PYPET_PLAIN"
ALL: Final = "1"

TRICKS: Final = {
    "templates": "Nodes of one shape are copied from a template, in one call to HDF5.",
    "object_headers": "Headers of objects are read from the file, past the HDF5 library.",
    "whole_chunks": "Chunks of arrays are compressed by ISA-L and written past HDF5's filters.",
    "fork_server": "Processes for single runs are forked from one that has set up everything.",
    "write_back": "The disk begins early with what a durable flush waits for.",
    "compact_requests": "Requests are pickled as tuples of builtin types.",
    "run_banners": "Log records of runs are handled in batches.",
    "allocator_hint": "The C library keeps freed memory of megabytes.",
}
"""Name of each trick -> what it does."""


@cache
def _switched_off() -> frozenset[str]:
    given = os.environ.get(VARIABLE, "")
    if given in ("", "0"):
        return frozenset()
    if given == ALL:
        return frozenset(TRICKS)
    names = frozenset(name.strip() for name in given.split(",") if name.strip())
    if unknown := sorted(names.difference(TRICKS)):
        raise ValueError(
            f"{VARIABLE}={given!r}: there is no trick {', '.join(unknown)}. Give 1 for all, or "
            f"names out of {', '.join(TRICKS)}."
        )
    return names


def is_on(trick: str) -> bool:
    """Return whether a trick of `TRICKS` may be used.

    Raises
    ------
    ValueError
        The variable names something that is none.
    """
    return trick not in _switched_off()
