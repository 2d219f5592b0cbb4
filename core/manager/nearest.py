"""The nearest known name to one that is unknown, for error messages."""

from __future__ import annotations

from collections.abc import Iterable

LIKELY = 0.6
"""Similarity from which a known name is worth a question."""
ALMOST_CERTAIN = 0.74
"""Similarity of two words of four letters of which two are exchanged, or of five with one wrong."""


def nearest(name: str, known: Iterable[str], similarity: float = LIKELY) -> str | None:
    """Return the known name that looks most like ``name``, None if none comes near.

    Case does not matter; the name is returned as it is known. ``similarity``, from 0 to 1, is
    the least that counts as near.
    """
    import difflib  # for a mistake only

    by_lower = {candidate.lower(): candidate for candidate in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=similarity)
    return by_lower[near[0]] if near else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean ...?`` (with the space), ``''`` if no known name comes near."""
    near = nearest(name, known)
    return f" Did you mean {near!r}?" if near else ""
