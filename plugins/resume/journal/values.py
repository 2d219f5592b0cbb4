"""What runs return, as bytes in the journal."""

from __future__ import annotations

import pickle
from typing import Any

from pypet.support.optional import require


def encode_value(value: Any) -> bytes:
    """Return a pickle of a value, by dill where Python's own cannot do it.

    Raises
    ------
    Exception
        What dill raises, with a note that says what to do.
    """
    try:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception:
        dill = require("dill", plugin="resumable", extra="resume")
    try:
        pickled: bytes = dill.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        error.add_note(
            f"pypet: the return value of the run, of type {type(value).__name__}, cannot be "
            "pickled, but a resumable experiment keeps what runs return. Return plain data, or "
            "store it as results."
        )
        raise
    return pickled


def decode_value(pickled: bytes) -> Any:
    """Return the value of a pickle that `encode_value` made."""
    try:
        return pickle.loads(pickled)
    except Exception:
        return require("dill", plugin="resumable", extra="resume").loads(pickled)
