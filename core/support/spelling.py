"""Spelling suggestions for error messages: the known name closest to an unknown one."""

from __future__ import annotations

from collections.abc import Iterable

LIKELY = 0.6
"""Similarity from which a name is worth suggesting."""
ALMOST_CERTAIN = 0.74
"""Similarity of two words of four letters with two swapped, or of five with one wrong."""


_LETTERS_PER_MISTAKE = 4
_SHORTEST = 3
"""In words with fewer letters one typo makes just another word."""
_CANDIDATES = 8


def closest_match(name: str, known: Iterable[str], similarity: float = LIKELY) -> str | None:
    """Return the known name that ``name`` most likely means, None if there is none.

    A name matches if it differs by at most one typo in four letters, or if one of the two names
    contains the other and is at most twice as long. Case is ignored. ``similarity``, from 0 to 1,
    is the lowest ratio of `difflib` that counts.
    """
    import difflib  # needed for error messages only

    by_lower = {candidate.lower(): candidate for candidate in known}
    wanted = name.lower()
    # difflib counts common letters, so it also accepts short words that merely share some.
    similar = difflib.get_close_matches(wanted, by_lower, n=_CANDIDATES, cutoff=similarity)
    return next((by_lower[word] for word in similar if _is_near(wanted, word)), None)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean ...?`` (with the space), ``''`` if no known name comes near."""
    near = closest_match(name, known)
    return f" Did you mean {near!r}?" if near else ""


def _is_near(name: str, other: str) -> bool:
    shorter, longer = sorted((name, other), key=len)
    if len(shorter) < _SHORTEST:
        return False
    if shorter in longer and 2 * len(shorter) >= len(longer):
        return True
    return _mistakes(name, other) <= max(1, len(longer) // _LETTERS_PER_MISTAKE)


def _mistakes(name: str, other: str) -> int:
    """Return the number of wrong, missing, superfluous or transposed letters.

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
