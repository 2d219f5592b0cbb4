"""The interpreter of pickles, and the operations that create objects.

`pickle.Unpickler` executes a pickle: it calls what the pickle names, sets attributes of objects on
its stack, and passes states to types that trust them (a forged state of a numpy dtype or of a
random generator corrupts memory). Here each name maps to a constructor that checks its
arguments, only the few types that check a state accept one, and nothing is imported because a
pickle names it.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pypet.encoding.safe_pickle.data_operations import ConstantOperations, ContainerOperations
from pypet.encoding.safe_pickle.stack import PickleStack
from pypet.encoding.safe_pickle.vocabulary import Constructor, MalformedPickleError, Pending
from pypet.errors import RefusedPickleError


class ObjectOperations(PickleStack):
    """Creates objects with the names that the vocabulary allows."""

    def _find(self, module_name: Any, global_name: Any) -> None:
        if type(module_name) is not str or type(global_name) is not str:
            raise MalformedPickleError("A name is not text.")
        self._stack.append(self.vocabulary.find(module_name, global_name))

    def op_global(self) -> None:
        module_name = self._literal(_name)
        self._find(module_name, self._literal(_name))

    def op_stack_global(self) -> None:
        global_name = self._pop()
        self._find(self._pop(), global_name)

    def call(self, function: Any, args: tuple[Any, ...]) -> Any:
        """Return the result of calling an allowed class or constructor.

        Raises
        ------
        RefusedPickleError
            It cannot be called, or not with these arguments.
        """
        if type(args) is not tuple:
            raise MalformedPickleError("Arguments are not a tuple.")
        if type(function) is Constructor:
            return self._checked(function.call, self, *args)
        if self.vocabulary.is_declared(function):
            return function(*args)
        handler = self.vocabulary.caller(function) if isinstance(function, type) else None
        if handler is None:
            raise RefusedPickleError(f"A pickle calls {function!r}.")
        return self._checked(handler, self, *args)

    def make(self, cls: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Return the result of ``cls.__new__`` of an allowed class; see `call`."""
        if type(args) is not tuple or type(kwargs) is not dict:
            raise MalformedPickleError("Arguments are not a tuple.")
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
        except Exception as err:  # numpy, pandas and others raise various types for bad arguments
            raise RefusedPickleError(
                f"A pickle has content of the wrong type: {type(err).__name__}: {err}"
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
        raise RefusedPickleError("A pickle refers to an object outside of itself.")


def _name(line: bytes) -> str:
    try:
        return line.decode("utf8")
    except UnicodeDecodeError as err:
        raise ValueError(str(err)) from err


_NEVER_BY_ITS_OWN_STATE = (np.ndarray, np.dtype, np.generic)


def _set_declared_state(target: Any, state: Any) -> None:
    """Set the state of an instance of a declared class as `pickle` does."""
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
                raise RefusedPickleError(f"A pickle sets {key!r}, not a slot of its class.")
            setattr(target, key, value)


def _names(slots: Any) -> tuple[str, ...]:
    return (slots,) if isinstance(slots, str) else tuple(slots)


class PickleMachine(ConstantOperations, ContainerOperations, ObjectOperations):
    """Executes one pickle; see `load`."""

    def load(self) -> Any:
        """Return the object.

        Raises
        ------
        RefusedPickleError
            The pickle uses something that is not allowed.
        MalformedPickleError
            The bytes are not a pickle.
        UnicodeDecodeError
            Text of Python 2 is in another encoding.
        Exception
            An exception of a declared class.
        """
        raw = self._raw
        operations = _OPERATIONS
        while True:
            position = self._position
            if position >= len(raw):
                raise MalformedPickleError("It ends too early.", fails_everywhere=True)
            operation = operations[raw[position]]
            if operation is None:
                raise MalformedPickleError(
                    f"There is no operation {raw[position : position + 1]!r}.",
                    fails_everywhere=True,
                )
            self._position = position + 1
            if operation is _STOP:
                break
            operation(self)
        value = self._pop()
        if self._pending or type(value) is Pending:
            raise RefusedPickleError("A pickle has an object without its content.")
        return value


def _stop(machine: PickleMachine) -> None:
    """Marker of the last operation; never called."""


_STOP = _stop


def _table() -> list[Callable[[PickleMachine], None] | None]:
    machine = PickleMachine
    table: list[Callable[[PickleMachine], None] | None] = [None] * 256
    for code, operation in {
        pickle.STOP: _STOP,
        pickle.MARK: machine.op_mark,
        pickle.POP: machine.op_pop,
        pickle.POP_MARK: machine.op_pop_mark,
        pickle.DUP: machine.op_dup,
        pickle.PUT: machine.op_put,
        pickle.BINPUT: machine.op_binput,
        pickle.LONG_BINPUT: machine.op_long_binput,
        pickle.MEMOIZE: machine.op_memoize,
        pickle.GET: machine.op_get,
        pickle.BINGET: machine.op_binget,
        pickle.LONG_BINGET: machine.op_long_binget,
        pickle.PROTO: machine.op_proto,
        pickle.FRAME: machine.op_frame,
        pickle.NONE: machine.op_none,
        pickle.NEWTRUE: machine.op_true,
        pickle.NEWFALSE: machine.op_false,
        pickle.INT: machine.op_int,
        pickle.LONG: machine.op_long,
        pickle.BININT: machine.op_binint,
        pickle.BININT1: machine.op_binint1,
        pickle.BININT2: machine.op_binint2,
        pickle.LONG1: machine.op_long1,
        pickle.LONG4: machine.op_long4,
        pickle.FLOAT: machine.op_float,
        pickle.BINFLOAT: machine.op_binfloat,
        pickle.STRING: machine.op_string,
        pickle.BINSTRING: machine.op_binstring,
        pickle.SHORT_BINSTRING: machine.op_short_binstring,
        pickle.BINBYTES: machine.op_binbytes,
        pickle.SHORT_BINBYTES: machine.op_short_binbytes,
        pickle.BINBYTES8: machine.op_binbytes8,
        pickle.BYTEARRAY8: machine.op_bytearray8,
        pickle.UNICODE: machine.op_unicode,
        pickle.BINUNICODE: machine.op_binunicode,
        pickle.SHORT_BINUNICODE: machine.op_short_binunicode,
        pickle.BINUNICODE8: machine.op_binunicode8,
        pickle.EMPTY_LIST: machine.op_empty_list,
        pickle.EMPTY_TUPLE: machine.op_empty_tuple,
        pickle.EMPTY_DICT: machine.op_empty_dict,
        pickle.EMPTY_SET: machine.op_empty_set,
        pickle.LIST: machine.op_list,
        pickle.TUPLE: machine.op_tuple,
        pickle.TUPLE1: machine.op_tuple1,
        pickle.TUPLE2: machine.op_tuple2,
        pickle.TUPLE3: machine.op_tuple3,
        pickle.DICT: machine.op_dict,
        pickle.FROZENSET: machine.op_frozenset,
        pickle.APPEND: machine.op_append,
        pickle.APPENDS: machine.op_appends,
        pickle.SETITEM: machine.op_setitem,
        pickle.SETITEMS: machine.op_setitems,
        pickle.ADDITEMS: machine.op_additems,
        pickle.GLOBAL: machine.op_global,
        pickle.STACK_GLOBAL: machine.op_stack_global,
        pickle.REDUCE: machine.op_reduce,
        pickle.NEWOBJ: machine.op_newobj,
        pickle.NEWOBJ_EX: machine.op_newobj_ex,
        pickle.INST: machine.op_inst,
        pickle.OBJ: machine.op_obj,
        pickle.BUILD: machine.op_build,
        pickle.PERSID: machine.op_refused,
        pickle.BINPERSID: machine.op_refused,
        pickle.EXT1: machine.op_refused,
        pickle.EXT2: machine.op_refused,
        pickle.EXT4: machine.op_refused,
        pickle.NEXT_BUFFER: machine.op_refused,
        pickle.READONLY_BUFFER: machine.op_refused,
    }.items():
        table[code[0]] = operation
    return table


_OPERATIONS = _table()
