"""The nearest known name to one that is unknown, for error messages."""

from __future__ import annotations

from collections.abc import Iterable

LIKELY = 0.6
"""Similarity from which a known name is worth a question."""
ALMOST_CERTAIN = 0.74
"""Similarity of two words of four letters of which two are exchanged, or of five with one wrong."""


_LETTERS_PER_MISTAKE = 4
_SHORTEST = 3
"""Of words with less letters one mistake makes just another word."""
_CANDIDATES = 8


def nearest(name: str, known: Iterable[str], similarity: float = LIKELY) -> str | None:
    """Return the known name that ``name`` is likely to mean, None if there is no such.

    That is one that differs by a few mistakes of typing, at most one in four letters, or has
    ``name`` as at least a half of it, or is at least a half of ``name``. Case does not matter; the
    name is returned as it is known. ``similarity``, from 0 to 1, is the least that counts as near.
    """
    import difflib  # for a mistake only

    by_lower = {candidate.lower(): candidate for candidate in known}
    wanted = name.lower()
    # It counts common letters, so that short words with some of the same letters come near, too.
    similar = difflib.get_close_matches(wanted, by_lower, n=_CANDIDATES, cutoff=similarity)
    return next((by_lower[word] for word in similar if _is_near(wanted, word)), None)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean ...?`` (with the space), ``''`` if no known name comes near."""
    near = nearest(name, known)
    return f" Did you mean {near!r}?" if near else ""


def _is_near(name: str, other: str) -> bool:
    shorter, longer = sorted((name, other), key=len)
    if len(shorter) < _SHORTEST:
        return False
    if shorter in longer and 2 * len(shorter) >= len(longer):
        return True
    return _mistakes(name, other) <= max(1, len(longer) // _LETTERS_PER_MISTAKE)


def _mistakes(name: str, other: str) -> int:
    """Return how many letters are wrong, missing, too many, or exchanged with their neighbour.

    Notes
    -----
    Optimal string alignment: Damerau, Commun. ACM 7, 171 (1964), by dynamic programming.
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(name, 1):
        last, before, row = before, row, [i]
        for j, expected in enumerate(other, 1):
            cost = min(row[j - 1] + 1, before[j] + 1, before[j - 1] + (letter != expected))
            if i > 1 and j > 1 and letter == other[j - 2] and name[i - 2] == expected:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
