"""Operations that push constants, and build and fill containers."""

from __future__ import annotations

import codecs
import pickle
import struct
from collections import Counter as CounterDict
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

from pypet.encoding.safe_pickle.stack import PickleStack
from pypet.encoding.safe_pickle.vocabulary import MalformedPickleError
from pypet.errors import RefusedPickleError


class ConstantOperations(PickleStack):
    """Pushes constants."""

    def op_proto(self) -> None:
        if self._take(1)[0] > pickle.HIGHEST_PROTOCOL:
            raise MalformedPickleError("The protocol is unknown.", fails_everywhere=True)

    def op_frame(self) -> None:
        size = self._number("<Q")
        if size > len(self._raw) - self._position:
            raise MalformedPickleError("It ends too early.", fails_everywhere=True)

    def op_none(self) -> None:
        self._stack.append(None)

    def op_true(self) -> None:
        self._stack.append(True)

    def op_false(self) -> None:
        self._stack.append(False)

    def op_int(self) -> None:
        self._stack.append(self._literal(_integer))

    def op_long(self) -> None:
        self._stack.append(self._literal(lambda line: int(line.removesuffix(b"L"), 0)))

    def op_binint(self) -> None:
        self._stack.append(self._number("<i"))

    def op_binint1(self) -> None:
        self._stack.append(self._take(1)[0])

    def op_binint2(self) -> None:
        self._stack.append(self._number("<H"))

    def op_long1(self) -> None:
        self._stack.append(int.from_bytes(self._take(self._take(1)[0]), "little", signed=True))

    def op_long4(self) -> None:
        raw = self._take(self._size("<i"))
        self._stack.append(int.from_bytes(raw, "little", signed=True))

    def _size(self, form: str) -> int:
        size = self._number(form)
        if size < 0:
            raise MalformedPickleError("A size is negative.", fails_everywhere=True)
        return size

    def op_float(self) -> None:
        self._stack.append(self._literal(float))

    def op_binfloat(self) -> None:
        self._stack.append(struct.unpack(">d", self._take(8))[0])

    def _old_text(self, raw: bytes) -> Any:
        return raw if self._encoding == "bytes" else raw.decode(self._encoding)

    def op_string(self) -> None:
        self._stack.append(self._old_text(self._literal(_quoted)))

    def op_binstring(self) -> None:
        self._stack.append(self._old_text(self._take(self._size("<i"))))

    def op_short_binstring(self) -> None:
        self._stack.append(self._old_text(self._take(self._take(1)[0])))

    def op_binbytes(self) -> None:
        self._stack.append(self._take(self._number("<I")))

    def op_short_binbytes(self) -> None:
        self._stack.append(self._take(self._take(1)[0]))

    def op_binbytes8(self) -> None:
        self._stack.append(self._take(self._number("<Q")))

    def op_bytearray8(self) -> None:
        self._stack.append(bytearray(self._take(self._number("<Q"))))

    def op_unicode(self) -> None:
        self._stack.append(self._literal(lambda line: line.decode("raw-unicode-escape")))

    def _text(self, raw: bytes) -> None:
        try:
            self._stack.append(raw.decode("utf8", "surrogatepass"))
        except UnicodeDecodeError as err:
            raise MalformedPickleError(f"Text is not UTF-8: {err}", fails_everywhere=True) from err

    def op_binunicode(self) -> None:
        self._text(self._take(self._number("<I")))

    def op_short_binunicode(self) -> None:
        self._text(self._take(self._take(1)[0]))

    def op_binunicode8(self) -> None:
        self._text(self._take(self._number("<Q")))


def _integer(line: bytes) -> Any:
    if line in (b"00", b"01"):
        return line == b"01"
    return int(line, 0)


def _quoted(line: bytes) -> bytes:
    line = line.strip()
    if len(line) < 2 or line[0] != line[-1] or line[:1] not in (b'"', b"'"):
        raise ValueError("text has no quotes")
    return codecs.escape_decode(line[1:-1])[0]


_KEY_VISITS = 100_000
_SIMPLE_KEYS = frozenset((str, int, float, bytes, bool, complex, type(None)))


class ContainerOperations(PickleStack):
    """Builds and fills containers with objects on the stack."""

    def op_empty_list(self) -> None:
        self._stack.append([])

    def op_empty_tuple(self) -> None:
        self._stack.append(())

    def op_empty_dict(self) -> None:
        self._stack.append({})

    def op_empty_set(self) -> None:
        self._stack.append(set())

    def op_list(self) -> None:
        items = self._pop_marked()
        self._stack.append(items)

    def op_tuple(self) -> None:
        items = self._pop_marked()
        self._stack.append(self.nested(tuple(items), items))

    def _tuple_of(self, size: int) -> None:
        if len(self._stack) < size:
            raise MalformedPickleError("The stack is too short.", fails_everywhere=True)
        items = self._stack[-size:]
        self._stack[-size:] = [self.nested(tuple(items), items)]

    def op_tuple1(self) -> None:
        self._tuple_of(1)

    def op_tuple2(self) -> None:
        self._tuple_of(2)

    def op_tuple3(self) -> None:
        self._tuple_of(3)

    def op_dict(self) -> None:
        items = self._pop_marked()
        self._stack.append(self._fill({}, items))

    def op_frozenset(self) -> None:
        items = self._pop_marked()
        for item in items:
            self.check_key(item)
        self._stack.append(self.nested(self._hashed(frozenset, items), items))

    def op_append(self) -> None:
        item = self._pop()
        self._extend(self._top(), [item])

    def op_appends(self) -> None:
        items = self._pop_marked()
        self._extend(self._top(), items)

    def _extend(self, target: Any, items: list[Any]) -> None:
        if type(target) is list or type(target) is deque:
            target.extend(items)
        elif self.vocabulary.is_declared(type(target)):
            for item in items:
                target.append(item)
        else:
            raise _no_container(target)

    def op_setitem(self) -> None:
        value = self._pop()
        key = self._pop()
        self._fill(self._top(), [key, value])

    def op_setitems(self) -> None:
        items = self._pop_marked()
        self._fill(self._top(), items)

    def _fill(self, target: Any, items: list[Any]) -> Any:
        kind = type(target)
        is_mapping = kind in (dict, OrderedDict, CounterDict, defaultdict)
        if not is_mapping and not self.vocabulary.is_declared(kind):
            raise _no_container(target)
        if len(items) % 2:
            raise MalformedPickleError("A key has no value.")
        for position in range(0, len(items), 2):
            key = items[position]
            if type(key) not in _SIMPLE_KEYS:
                self.check_key(key)
            try:
                target[key] = items[position + 1]
            except TypeError as err:
                raise MalformedPickleError(f"A key has no hash: {err}") from err
        return target

    def op_additems(self) -> None:
        items = self._pop_marked()
        target = self._top()
        if type(target) is not set and not self.vocabulary.is_declared(type(target)):
            raise _no_container(target)
        for item in items:
            self.check_key(item)
        self._hashed(target.update, items)

    def _hashed(self, function: Callable[[list[Any]], Any], items: list[Any]) -> Any:
        try:
            return function(items)
        except TypeError as err:
            raise MalformedPickleError(f"An element has no hash: {err}") from err

    def check_key(self, key: Any) -> None:
        """Raise RefusedPickleError for a key that takes too long to hash."""
        if type(key) in _SIMPLE_KEYS:
            return
        waiting = [key]
        visits = 0
        while waiting:
            value = waiting.pop()
            visits += 1
            if visits > _KEY_VISITS:
                raise RefusedPickleError("A pickle has a key of too many parts.")
            kind = type(value)
            if kind is tuple or kind is frozenset:
                waiting.extend(value)
            elif kind is slice:
                waiting += (value.start, value.stop, value.step)
        self.charge(visits)


def _no_container(target: Any) -> RefusedPickleError:
    return RefusedPickleError(f"A pickle adds items to a {type(target).__name__}.")
