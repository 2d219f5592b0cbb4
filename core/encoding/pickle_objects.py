"""Operations of pickles that name something, call it, and give states to what came of it."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pypet.encoding.pickle_stack import PickleStack
from pypet.encoding.pickle_vocabulary import Constructor, MalformedPickleError, Pending
from pypet.errors import RefusedPickleError


class ObjectOperations(PickleStack):
    """Makes objects, of what the vocabulary admits."""

    def _find(self, module_name: Any, global_name: Any) -> None:
        if type(module_name) is not str or type(global_name) is not str:
            raise MalformedPickleError("A name is no text.")
        self._stack.append(self.vocabulary.find(module_name, global_name))

    def op_global(self) -> None:
        module_name = self._literal(_name)
        self._find(module_name, self._literal(_name))

    def op_stack_global(self) -> None:
        global_name = self._pop()
        self._find(self._pop(), global_name)

    def call(self, function: Any, args: tuple[Any, ...]) -> Any:
        """Return what an admitted class or constructor makes of arguments.

        Raises
        ------
        RefusedPickleError
            It cannot be called, or not with these arguments.
        """
        if type(args) is not tuple:
            raise MalformedPickleError("Arguments are no tuple.")
        if type(function) is Constructor:
            return self._checked(function.call, self, *args)
        if self.vocabulary.is_declared(function):
            return function(*args)
        handler = self.vocabulary.caller(function) if isinstance(function, type) else None
        if handler is None:
            raise RefusedPickleError(f"A pickle calls {function!r}.")
        return self._checked(handler, self, *args)

    def make(self, cls: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Return what ``cls.__new__`` of an admitted class gives; see `call`."""
        if type(args) is not tuple or type(kwargs) is not dict:
            raise MalformedPickleError("Arguments are no tuple.")
        if isinstance(cls, type):
            handler = self.vocabulary.maker(cls)
            if handler is not None:
                return self._checked(handler, self, cls, *args, **kwargs)
            if self.vocabulary.is_declared(cls):
                return cls.__new__(cls, *args, **kwargs)
        raise RefusedPickleError(f"A pickle makes an object of {cls!r}.")

    def _checked(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except (RefusedPickleError, pickle.UnpicklingError):
            raise
        except Exception as err:  # numpy, pandas and others on arguments that are none of theirs
            raise RefusedPickleError(
                f"A pickle has content that is none of its type: {type(err).__name__}: {err}"
            ) from err

    def op_reduce(self) -> None:
        args = self._pop()
        self._push(self.call(self._pop(), args))

    def op_newobj(self) -> None:
        args = self._pop()
        self._push(self.make(self._pop(), args, {}))

    def op_newobj_ex(self) -> None:
        kwargs = self._pop()
        args = self._pop()
        self._push(self.make(self._pop(), args, kwargs))

    def op_inst(self) -> None:
        args = tuple(self._pop_marked())
        self.op_global()
        self._old_instance(self._pop(), args)

    def op_obj(self) -> None:
        args = self._pop_marked()
        if not args:
            raise MalformedPickleError("The stack is empty.", fails_everywhere=True)
        self._old_instance(args[0], tuple(args[1:]))

    def _old_instance(self, cls: Any, args: tuple[Any, ...]) -> None:
        if args or not self.vocabulary.is_declared(cls):
            self._push(self.call(cls, args))
        else:
            self._push(self.make(cls, (), {}))

    def op_build(self) -> None:
        state = self._pop()
        target = self._top()
        if type(target) is Pending:
            target.value = self._checked(target.restore, state)
            target.is_done = True
            self._pending -= 1
            self._stack[-1] = target.value
        elif self.vocabulary.is_declared(type(target)):
            _set_declared_state(target, state)
        elif not self._checked(self.vocabulary.set_state, target, state):
            raise RefusedPickleError(f"A pickle changes {type(target).__name__} {target!r:.80}.")

    def op_refused(self) -> None:
        raise RefusedPickleError("A pickle refers to something outside itself.")


def _name(line: bytes) -> str:
    try:
        return line.decode("utf8")
    except UnicodeDecodeError as err:
        raise ValueError(str(err)) from err


_NEVER_BY_ITS_OWN_STATE = (np.ndarray, np.dtype, np.generic)


def _set_declared_state(target: Any, state: Any) -> None:
    """Do what `pickle` does, to an instance of a class that somebody trusts."""
    if isinstance(target, _NEVER_BY_ITS_OWN_STATE):
        raise RefusedPickleError(
            f"A pickle has a {type(target).__name__}, a kind of array that is not restored safely."
        )
    set_state = getattr(target, "__setstate__", None)
    if set_state is not None:
        set_state(state)
        return
    slots = None
    if isinstance(state, tuple) and len(state) == 2:
        state, slots = state
    if state:
        target.__dict__.update({str(key): value for key, value in state.items()})
    if slots:
        known = {
            name
            for cls in type(target).__mro__
            for name in _names(cls.__dict__.get("__slots__", ()))
        }
        for key, value in slots.items():
            if key not in known:
                raise RefusedPickleError(f"A pickle sets {key!r}, which is no slot of its class.")
            setattr(target, key, value)


def _names(slots: Any) -> tuple[str, ...]:
    return (slots,) if isinstance(slots, str) else tuple(slots)
