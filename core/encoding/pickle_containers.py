"""Operations of pickles that make containers and fill them, with keys that can be hashed soon."""

from __future__ import annotations

from collections import Counter as CounterDict
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

from pypet.encoding.pickle_stack import PickleStack
from pypet.encoding.pickle_vocabulary import MalformedPickleError
from pypet.errors import RefusedPickleError

_KEY_VISITS = 100_000
_SIMPLE_KEYS = frozenset((str, int, float, bytes, bool, complex, type(None)))


class ContainerOperations(PickleStack):
    """Makes containers of what is on the stack."""

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
        """Raise RefusedPickleError for what takes too long to be hashed."""
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
