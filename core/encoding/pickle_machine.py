"""An interpreter of pickles that calls nothing but constructors with checked arguments.

`pickle.Unpickler` carries out what a pickle says: it calls what the pickle names, sets attributes
of what it finds on its stack, and hands states to types that trust them (a forged state of a numpy
dtype or of a random generator corrupts memory). Here each name stands for a constructor that
checks its arguments, a state is accepted by the few types that check it, and nothing is imported
because a pickle names it.
"""

from __future__ import annotations

import codecs
import pickle
import struct
from collections import Counter as CounterDict
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from pypet.errors import RefusedPickleError, StorageFormatError


class MalformedPickleError(StorageFormatError, pickle.UnpicklingError):
    """The bytes are no pickle.

    ``fails_everywhere`` says that Python's own unpickler fails at the same place, too.
    """

    def __init__(self, message: str, *, fails_everywhere: bool = False) -> None:
        super().__init__(message)
        self.fails_everywhere = fails_everywhere


class Constructor:
    """What a name in a pickle stands for if it is no class: it checks its arguments."""

    __slots__ = ("call", "name")

    def __init__(self, name: str, call: Callable[..., Any]) -> None:
        self.name = name
        self.call = call
        """Called with the machine and the arguments."""

    def __repr__(self) -> str:
        return f"<constructor {self.name}>"


class Pending:
    """An object whose state is still to come, with the next BUILD."""

    __slots__ = ("given", "is_done", "restore", "value")

    def __init__(self, restore: Callable[[Any], Any]) -> None:
        self.restore = restore
        self.is_done = False
        self.value: Any = None
        self.given: Any = None
        """What is known of the content before the state comes."""


class Vocabulary:
    """What a pickle may name, and what may be done with it."""

    def find(self, module_name: str, global_name: str) -> Any:
        """Return a class, a constant or a `Constructor`.

        Raises
        ------
        RefusedPickleError
            The name is not admitted.
        """
        raise NotImplementedError

    def caller(self, cls: type) -> Callable[..., Any] | None:
        """Return what is called with the machine and the arguments in place of the class."""
        raise NotImplementedError

    def maker(self, cls: type) -> Callable[..., Any] | None:
        """Return what is called with the machine, the class and arguments for ``cls.__new__``."""
        raise NotImplementedError

    def is_declared(self, cls: Any) -> bool:
        """Return whether somebody trusts the class, whatever it does with its arguments."""
        raise NotImplementedError

    def set_state(self, value: Any, state: Any) -> bool:
        """Give a finished object of an admitted type its state; False if it takes none."""
        raise NotImplementedError


_KEY_VISITS = 100_000
_DEEPEST = 100
"""So deep are tuples within tuples: Python hashes them recursively, without a limit of its own."""
_SIMPLE_KEYS = frozenset((str, int, float, bytes, bool, complex, type(None)))
_NESTING = frozenset((tuple, frozenset, slice))
_WORK_PER_BYTE = 64
_FREE_WORK = 1 << 20


class PickleMachine:
    """Carries out one pickle; see `load`."""

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
        """Identity of what is nested -> how deep it is, and the object, which has to live on."""

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

    def charge(self, amount: int) -> None:
        """Count work that a pickle causes, so that a small one cannot cause too much.

        Raises
        ------
        RefusedPickleError
            It is out of proportion.
        """
        self._work -= amount
        if self._work < 0:
            raise RefusedPickleError(
                f"A pickle of {len(self._raw)} bytes asks for too much memory or time."
            )

    def nested(self, made: Any, items: Iterable[Any]) -> Any:
        """Return ``made``, which can be hashed, unless its items are nested too deeply.

        Raises
        ------
        RefusedPickleError
            They are.
        """
        deepest = 0
        for item in items:
            if type(item) in _NESTING:
                known = self._depths.get(id(item))
                deepest = max(deepest, 1 if known is None else known[0])
        if deepest:
            if deepest >= _DEEPEST:
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
            raise MalformedPickleError(f"Nothing was remembered as {index}.")
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

    # ----- constants -----------------------------------------------------------------------

    def _literal(self, convert: Callable[[bytes], Any]) -> Any:
        line = self._line()
        try:
            return convert(line)
        except UnicodeDecodeError:
            raise
        except (ValueError, OverflowError) as err:
            raise MalformedPickleError(f"{line[:40]!r} is no literal: {err}") from err

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
            raise MalformedPickleError(f"Text is no UTF-8: {err}", fails_everywhere=True) from err

    def op_binunicode(self) -> None:
        self._text(self._take(self._number("<I")))

    def op_short_binunicode(self) -> None:
        self._text(self._take(self._take(1)[0]))

    def op_binunicode8(self) -> None:
        self._text(self._take(self._number("<Q")))

    # ----- containers ----------------------------------------------------------------------

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

    # ----- names, calls and states ---------------------------------------------------------

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


def _integer(line: bytes) -> Any:
    if line in (b"00", b"01"):
        return line == b"01"
    return int(line, 0)


def _quoted(line: bytes) -> bytes:
    line = line.strip()
    if len(line) < 2 or line[0] != line[-1] or line[:1] not in (b'"', b"'"):
        raise ValueError("text has no quotes")
    return codecs.escape_decode(line[1:-1])[0]


def _name(line: bytes) -> str:
    try:
        return line.decode("utf8")
    except UnicodeDecodeError as err:
        raise ValueError(str(err)) from err


def _no_container(target: Any) -> RefusedPickleError:
    return RefusedPickleError(f"A pickle adds items to a {type(target).__name__}.")


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
