"""State of the interpreter of a pickle: bytes, stack, memo, and limits on memory and time."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Any

from pypet.encoding.safe_pickle.vocabulary import MalformedPickleError, Pending, Vocabulary
from pypet.errors import RefusedPickleError

_MAX_DEPTH = 100
"""Maximum depth of nested tuples: Python hashes them recursively, without a limit."""
_NESTING = frozenset((tuple, frozenset, slice))
_WORK_PER_BYTE = 64
_FREE_WORK = 1 << 20


class PickleStack:
    """Reads the bytes of a pickle, and holds the objects created from them."""

    def __init__(self, raw: bytes, vocabulary: Vocabulary, encoding: str = "ASCII") -> None:
        self._raw = raw
        self.vocabulary = vocabulary
        self._encoding = encoding
        self._position = 0
        self._stack: list[Any] = []
        self._marked: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        self._pending = 0
        self._work = _WORK_PER_BYTE * len(raw) + _FREE_WORK
        self._depths: dict[int, tuple[int, Any]] = {}
        """Identity of a nested object -> its depth, and the object, which keeps the id valid."""

    def charge(self, amount: int) -> None:
        """Count work caused by a pickle, so that a small one cannot cause too much.

        Raises
        ------
        RefusedPickleError
            The work is out of proportion to the size of the pickle.
        """
        self._work -= amount
        if self._work < 0:
            raise RefusedPickleError(
                f"A pickle of {len(self._raw)} bytes needs too much memory or time."
            )

    def nested(self, made: Any, items: Iterable[Any]) -> Any:
        """Return the hashable object ``made`` of ``items`` after checking how deep it is nested.

        Raises
        ------
        RefusedPickleError
            It is nested too deeply.
        """
        deepest = 0
        for item in items:
            if type(item) in _NESTING:
                known = self._depths.get(id(item))
                deepest = max(deepest, 1 if known is None else known[0])
        if deepest:
            if deepest >= _MAX_DEPTH:
                raise RefusedPickleError("A pickle has tuples that are nested too deeply.")
            self._depths[id(made)] = (deepest + 1, made)
        return made

    # ----- reading -------------------------------------------------------------------------

    def _take(self, size: int) -> bytes:
        end = self._position + size
        if end > len(self._raw):
            raise MalformedPickleError("It ends too early.", fails_everywhere=True)
        taken = self._raw[self._position : end]
        self._position = end
        return taken

    def _line(self) -> bytes:
        end = self._raw.find(b"\n", self._position)
        if end < 0:
            raise MalformedPickleError("It ends within a line.", fails_everywhere=True)
        line = self._raw[self._position : end]
        self._position = end + 1
        return line

    def _number(self, form: str) -> int:
        number: int = struct.unpack(form, self._take(struct.calcsize(form)))[0]
        return number

    def _literal(self, convert: Callable[[bytes], Any]) -> Any:
        line = self._line()
        try:
            return convert(line)
        except UnicodeDecodeError:
            raise
        except (ValueError, OverflowError) as err:
            raise MalformedPickleError(f"{line[:40]!r} is not a literal: {err}") from err

    # ----- stack and memo ------------------------------------------------------------------

    def _pop(self) -> Any:
        if not self._stack:
            raise MalformedPickleError("The stack is empty.", fails_everywhere=True)
        return self._stack.pop()

    def _top(self) -> Any:
        if not self._stack:
            raise MalformedPickleError("The stack is empty.", fails_everywhere=True)
        return self._stack[-1]

    def _push(self, value: Any) -> None:
        if type(value) is Pending:
            self._pending += 1
        self._stack.append(value)

    def _pop_marked(self) -> list[Any]:
        if not self._marked:
            raise MalformedPickleError("There is no mark.", fails_everywhere=True)
        items = self._stack
        self._stack = self._marked.pop()
        return items

    def op_mark(self) -> None:
        self._marked.append(self._stack)
        self._stack = []

    def op_pop(self) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._pop_marked()

    def op_pop_mark(self) -> None:
        self._pop_marked()

    def op_dup(self) -> None:
        if type(self._top()) is Pending:
            raise RefusedPickleError("A pickle uses an object before it has its content.")
        self._stack.append(self._top())

    def _remember(self, index: int) -> None:
        if index < 0 or index > len(self._raw):
            raise RefusedPickleError(f"A pickle of {len(self._raw)} bytes counts to {index}.")
        self._memo[index] = self._top()

    def _recall(self, index: int) -> None:
        if index not in self._memo:
            raise MalformedPickleError(f"The memo has no entry {index}.")
        value = self._memo[index]
        if type(value) is Pending:
            if not value.is_done:
                raise RefusedPickleError("A pickle uses an object before it has its content.")
            value = value.value
        self._stack.append(value)

    def op_put(self) -> None:
        self._remember(self._literal(int))

    def op_binput(self) -> None:
        self._remember(self._take(1)[0])

    def op_long_binput(self) -> None:
        self._remember(self._number("<I"))

    def op_memoize(self) -> None:
        self._memo[len(self._memo)] = self._top()

    def op_get(self) -> None:
        self._recall(self._literal(int))

    def op_binget(self) -> None:
        self._recall(self._take(1)[0])

    def op_long_binget(self) -> None:
        self._recall(self._number("<I"))
