"""Telling a storing call that is applied again from a new one.

Most of what is stored can be stored twice with the effect of once. With creation options that
add to what is there, like ``append=True``, it cannot: there a backend has to know the call.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

_BYTES = 8


def identity_of_call(leaf: Any) -> int:
    """Return a number for one storing call about ``leaf``, from 1 to 2**64 - 1.

    In a run of an environment it follows from the run, so that a run that is executed again
    after it failed makes the same calls as before. Anywhere else it is drawn.
    """
    root = leaf
    while root._parent is not None:
        root = root._parent
    if not (getattr(root, "_is_run", False) and root._run_by_environment):
        return secrets.randbits(8 * _BYTES) or 1
    path = leaf._full_name
    count = root._calls_in_run.get(path, 0)
    root._calls_in_run[path] = count + 1
    text = repr((root.v_name, root._timestamp, root._idx, path, count))
    digest = hashlib.blake2b(text.encode("utf8", "replace"), digest_size=_BYTES).digest()
    return int.from_bytes(digest, "little") or 1
