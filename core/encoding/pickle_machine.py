"""An interpreter of pickles that calls nothing but constructors with checked arguments.

`pickle.Unpickler` carries out what a pickle says: it calls what the pickle names, sets attributes
of what it finds on its stack, and hands states to types that trust them (a forged state of a numpy
dtype or of a random generator corrupts memory). Here each name stands for a constructor that
checks its arguments, a state is accepted by the few types that check it, and nothing is imported
because a pickle names it.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

from pypet.encoding.pickle_constants import ConstantOperations
from pypet.encoding.pickle_containers import ContainerOperations
from pypet.encoding.pickle_objects import ObjectOperations
from pypet.encoding.pickle_vocabulary import MalformedPickleError, Pending
from pypet.errors import RefusedPickleError


class PickleMachine(ConstantOperations, ContainerOperations, ObjectOperations):
    """Carries out one pickle; see `load`."""

    def load(self) -> Any:
        """Return the object.

        Raises
        ------
        RefusedPickleError
            The pickle asks for something that is not admitted.
        MalformedPickleError
            The bytes are no pickle.
        UnicodeDecodeError
            Text of Python 2 is in another encoding.
        Exception
            Whatever a declared class raises.
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
    """End; never called."""


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
