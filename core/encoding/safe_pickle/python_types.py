"""Vocabularies for pickles of unknown origin, with Python's own types of data.

A pickle calls the names it uses with arbitrary arguments. Therefore neither packages nor classes
can be allowed as they are: `numpy.memmap` creates files, and numpy trusts the states of
dtypes and random generators. Types of numpy, pandas and scipy have separate modules.
"""

from __future__ import annotations

import importlib
import pathlib
import re
import types
import uuid
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from pypet.encoding.safe_pickle.machine import PickleMachine
from pypet.encoding.safe_pickle.vocabulary import (
    AllowedNames,
    Constructor,
    Pending,
    Vocabulary,
    check,
    check_text,
)
from pypet.errors import RefusedPickleError

_OLD_MODULES = {"__builtin__": "builtins", "copy_reg": "copyreg", "pathlib._local": "pathlib"}
"""Former names of modules: of Python 2, which older protocols use, and of 3.13."""
_OLD_NAMES = {
    ("builtins", "unicode"): "str",
    ("builtins", "long"): "int",
    ("builtins", "xrange"): "range",
}
_MAX_DIGITS = 4300
"""Python's own default limit of conversions, `sys.int_info.default_max_str_digits`."""
_ZONE = re.compile(r"[A-Za-z0-9_+\-]+(/[A-Za-z0-9_+\-]+)*")


class SafeVocabulary(Vocabulary):
    """Names of plain data, and declared classes."""

    def __init__(self, declared: dict[tuple[str, str], type]) -> None:
        self._names = declared
        self._declared = frozenset(declared.values())

    def find(self, module_name: str, global_name: str) -> Any:
        declared = self._names.get((module_name, global_name))
        if declared is not None:
            return declared
        module_name = _OLD_MODULES.get(module_name, module_name)
        global_name = _OLD_NAMES.get((module_name, global_name), global_name)
        if module_name in _OWN_MODULES:
            found = _PLAIN.names.get(f"{module_name}.{global_name}")
        else:
            kinds = _kinds(module_name.partition(".")[0])
            found = None if kinds is None else kinds.names.get(global_name)
        if found is None:
            raise RefusedPickleError(
                f"A pickle names {module_name}.{global_name}, which `unpickle='safe'` does not "
                "load. If it is a class that you know, add it to `dynamic_imports`; if you know "
                "who wrote the file, load with 'trust'."
            )
        return found

    def caller(self, cls: type) -> Callable[..., Any] | None:
        return self._first("callers", cls)

    def maker(self, cls: type) -> Callable[..., Any] | None:
        found = self._first("makers", cls)
        if found is not None or cls not in self._declared:
            return found
        for base in cls.__mro__[1:]:  # a declared kind of frame is restored as frames are
            kinds = _kinds(base.__module__.partition(".")[0])
            if kinds is not None and base in kinds.inherited_makers:
                return kinds.inherited_makers[base]
        return None

    def is_declared(self, cls: Any) -> bool:
        return isinstance(cls, type) and cls in self._declared

    def set_state(self, value: Any, state: Any) -> bool:
        for kinds in _loaded_kinds():
            setter = kinds.setters.get(type(value))
            if setter is not None:
                setter(value, state)
                return True
        return False

    def _first(self, table: str, cls: type) -> Callable[..., Any] | None:
        for kinds in _loaded_kinds():
            found: Callable[..., Any] | None = getattr(kinds, table).get(cls)
            if found is not None:
                return found
        return None


class NoVocabulary(Vocabulary):
    """No names at all: only constants, and lists and dictionaries of them."""

    def __init__(self, mode: str) -> None:
        self._mode = mode

    def find(self, module_name: str, global_name: str) -> Any:
        raise RefusedPickleError(
            f"A pickle names {module_name}.{global_name}; because of `unpickle={self._mode!r}` "
            "only numbers, text and containers of them are loaded here."
        )

    def caller(self, cls: type) -> None:
        return None

    def maker(self, cls: type) -> None:
        return None

    def is_declared(self, cls: Any) -> bool:
        return False

    def set_state(self, value: Any, state: Any) -> bool:
        return False


def resolved_imports(imports: Iterable[type | str]) -> dict[tuple[str, str], type]:
    """Return declared classes by the module and name under which a pickle may know them."""
    classes: dict[tuple[str, str], type] = {}
    for entry in imports:
        if isinstance(entry, str):
            module_name, _, name = entry.rpartition(".")
            try:
                cls = getattr(importlib.import_module(module_name), name, None)
            except (ImportError, ValueError):
                continue
            if not isinstance(cls, type):
                continue
            classes[(module_name, name)] = cls
        else:
            cls = entry
        classes[(cls.__module__, cls.__qualname__)] = cls
    return classes


# ----- families of packages ----------------------------------------------------------------------

_FAMILIES = {
    "numpy": "pypet.encoding.safe_pickle.numpy_types",
    "pandas": "pypet.encoding.safe_pickle.pandas_types",
    "scipy": "pypet.encoding.safe_pickle.scipy_types",
    "pyarrow": "pypet.encoding.safe_pickle.arrow_text",
    "pypet": "pypet.encoding.safe_pickle.pandas_types",
}
_LOADED: dict[str, AllowedNames | None] = {}


def _kinds(package: str) -> AllowedNames | None:
    """Return the allowed names of a package, None if there are none or it is not installed."""
    path = _FAMILIES.get(package)
    if path is None:
        return None
    if path not in _LOADED:
        try:
            _LOADED[path] = importlib.import_module(path).kinds()
        except ImportError:
            _LOADED[path] = None
    return _LOADED[path]


def _loaded_kinds() -> Iterable[AllowedNames]:
    yield _PLAIN
    for kinds in _LOADED.values():
        if kinds is not None:
            yield kinds


# ----- Python's own types ------------------------------------------------------------------------


def _complex(machine: PickleMachine, real: Any, imag: Any) -> complex:
    check(type(real) is float and type(imag) is float, "a complex number")
    return complex(real, imag)


def _bytes(machine: PickleMachine, *args: Any) -> bytes:
    return bytes(_sequence_of_bytes(machine, args))


def _bytearray(machine: PickleMachine, *args: Any) -> bytearray:
    return bytearray(_sequence_of_bytes(machine, args))


def _sequence_of_bytes(machine: PickleMachine, args: tuple[Any, ...]) -> bytes:
    if not args:
        return b""
    if len(args) == 2:
        return _encoded(machine, *args)
    (content,) = args
    check(type(content) in (bytes, bytearray), "bytes")
    machine.charge(len(content))
    return bytes(content)


def _encoded(machine: PickleMachine, text: Any, encoding: Any) -> bytes:
    """Replace ``_codecs.encode``, which older protocols use to write bytes."""
    check(type(text) is str and encoding in ("latin1", "latin-1"), "bytes")
    machine.charge(len(text))
    return text.encode("latin1")  # type: ignore[no-any-return]


def _set_of(kind: type) -> Callable[..., Any]:
    def make(machine: PickleMachine, items: Any = ()) -> Any:
        check(type(items) in (list, tuple, set, frozenset), "a set")
        machine.charge(8 * len(items))
        for item in items:
            machine.check_key(item)
        return kind(items)

    return make


def _range(machine: PickleMachine, *args: Any) -> range:
    check(all(type(arg) is int for arg in args), "a range")
    return range(*args)


def _slice(machine: PickleMachine, *args: Any) -> slice:
    return machine.nested(slice(*args), args)  # type: ignore[no-any-return]


def _ordered(machine: PickleMachine, items: Any = ()) -> OrderedDict[Any, Any]:
    check(type(items) in (list, tuple), "an ordered dictionary")  # Python 2 gave pairs
    machine.charge(8 * len(items))
    made: OrderedDict[Any, Any] = OrderedDict()
    for key, value in items:
        machine.check_key(key)
        made[key] = value
    return made


def _counter(machine: PickleMachine, counts: Any = None) -> Counter[Any]:
    check(counts is None or type(counts) is dict, "a counter")
    made: Counter[Any] = Counter()
    if counts:
        machine.charge(8 * len(counts))
        dict.update(made, counts)
    return made


_FACTORIES = (bool, bytearray, bytes, complex, dict, float, frozenset, int, list, set, str, tuple)
_FACTORIES += (Counter, OrderedDict, deque)  # type: ignore[assignment]


def _default(machine: PickleMachine, factory: Any = None) -> defaultdict[Any, Any]:
    check(factory is None or factory in _FACTORIES, "a dictionary with a default")
    return defaultdict(factory)


def _deque(machine: PickleMachine, items: Any = (), length: Any = None) -> deque[Any]:
    check(type(items) in (list, tuple), "a deque")
    check(length is None or type(length) is int, "a deque")
    machine.charge(8 * len(items))
    return deque(items, length)


def _object(machine: PickleMachine) -> object:
    return object()


def _namespace(machine: PickleMachine) -> Pending:
    def restore(state: Any) -> types.SimpleNamespace:
        check(type(state) is dict and all(type(name) is str for name in state), "a namespace")
        return types.SimpleNamespace(**state)

    return Pending(restore)


def _decimal(machine: PickleMachine, text: Any) -> Decimal:
    return Decimal(check_text(text, _MAX_DIGITS))


def _fraction(machine: PickleMachine, *args: Any) -> Fraction:
    if len(args) == 1 and type(args[0]) is str:
        found = re.fullmatch(r"(-?\d{1,4300})(?:/(\d{1,4300}))?", args[0], re.ASCII)
        check(found is not None, "a fraction")
        assert found is not None
        args = tuple(int(part) for part in found.groups(default="1"))
    check(
        all(type(arg) is int and arg.bit_length() <= 4 * _MAX_DIGITS for arg in args), "a fraction"
    )
    return Fraction(*args)


def _path_of(kind: Any) -> Callable[..., Any]:
    def make(machine: PickleMachine, *parts: Any) -> Any:
        check(all(type(part) is str for part in parts), "a path")
        return kind(*parts)

    return make


def _new_uuid(machine: PickleMachine, cls: type) -> Pending:
    def restore(state: Any) -> uuid.UUID:
        check(type(state) is dict and type(state.get("int")) is int, "a UUID")
        return uuid.UUID(int=state["int"])

    return Pending(restore)


def _new_object(machine: PickleMachine, cls: type) -> object:
    return object()


def _restoring_method(machine: PickleMachine, owner: Any, name: Any) -> Any:
    """Replace ``getattr`` in pickles of time zones, which need it for one method."""
    check(owner is ZoneInfo and name == "_unpickle", "a time zone")
    return Constructor("ZoneInfo", _zone)


def _zone(machine: PickleMachine, key: Any, from_cache: Any) -> ZoneInfo:
    check(_ZONE.fullmatch(check_text(key, 100)) is not None, "a time zone")
    return ZoneInfo(key)


def _raw_time(value: Any, size: int) -> bytes:
    raw = value.encode("latin1") if type(value) is str else value  # Python 2 had no bytes
    check(type(raw) is bytes and len(raw) == size, "a time")
    return bytes(raw)


def _date(machine: PickleMachine, raw: Any) -> date:
    raw = _raw_time(raw, 4)
    return date(256 * raw[0] + raw[1], raw[2], raw[3])


def _datetime(machine: PickleMachine, raw: Any, zone: Any = None) -> datetime:
    raw = _raw_time(raw, 10)
    check(zone is None or isinstance(zone, tzinfo), "a time zone")
    return datetime(
        256 * raw[0] + raw[1],
        raw[2] & 0x7F,
        raw[3],
        raw[4],
        raw[5],
        raw[6],
        int.from_bytes(raw[7:], "big"),
        zone,
        fold=raw[2] >> 7,
    )


def _time(machine: PickleMachine, raw: Any, zone: Any = None) -> time:
    raw = _raw_time(raw, 6)
    check(zone is None or isinstance(zone, tzinfo), "a time zone")
    return time(
        raw[0] & 0x7F, raw[1], raw[2], int.from_bytes(raw[3:], "big"), zone, fold=raw[0] >> 7
    )


def _timedelta(machine: PickleMachine, *args: Any) -> timedelta:
    check(all(type(arg) is int for arg in args), "a time difference")
    return timedelta(*args)


def _timezone(machine: PickleMachine, offset: Any, name: Any = None) -> timezone:
    if name is None:
        return timezone(offset)
    return timezone(offset, check_text(name, 1000))


_BASES = (bytes, complex, dict, float, frozenset, int, list, set, str, tuple)


def _reconstructed(machine: PickleMachine, cls: Any, base: Any, state: Any) -> Any:
    """Replace ``copyreg._reconstructor``, which protocols 0 and 1 use for most objects."""
    check(isinstance(cls, type) and isinstance(base, type), "a class")
    if base is object:
        return machine.make(cls, (), {})
    check(base in _BASES and base in cls.__mro__, "a class with this base")
    if base not in (dict, list, set):
        return machine.make(cls, (state,), {})
    made = machine.make(cls, (), {})
    if type(made) is Pending:
        made.given = state
        return made
    check(type(state) in (dict, list), "a container")
    machine.charge(8 * len(state))
    if base is set:
        for item in state:
            machine.check_key(item)
    base.__init__(made, state)
    return made


def _made(machine: PickleMachine, cls: Any, *args: Any) -> Any:
    return machine.make(cls, args, {})


def _made_with_keywords(machine: PickleMachine, cls: Any, args: Any, kwargs: Any) -> Any:
    return machine.make(cls, args, kwargs)


def _nothing_to_set(value: Any, state: Any) -> None:
    check(not state, "an object without attributes")


_PATHS = ("Path", "PosixPath", "PurePath", "PurePosixPath", "PureWindowsPath", "WindowsPath")
_PLAIN_TYPES: dict[type, Callable[..., Any] | None] = {
    bool: None,
    bytearray: _bytearray,
    bytes: _bytes,
    complex: _complex,
    dict: None,
    float: None,
    frozenset: _set_of(frozenset),
    int: None,
    list: None,
    object: _object,
    range: _range,
    set: _set_of(set),
    slice: _slice,
    str: None,
    tuple: None,
    Counter: _counter,
    OrderedDict: _ordered,
    defaultdict: _default,
    deque: _deque,
    date: _date,
    datetime: _datetime,
    time: _time,
    timedelta: _timedelta,
    timezone: _timezone,
    Decimal: _decimal,
    Fraction: _fraction,
    types.SimpleNamespace: _namespace,
    uuid.UUID: None,
    ZoneInfo: None,
}


def _plain_kinds() -> AllowedNames:
    kinds = AllowedNames()
    for cls, call in _PLAIN_TYPES.items():
        kinds.names[f"{cls.__module__}.{cls.__qualname__}"] = cls
        if call is not None:
            kinds.callers[cls] = call
    for name in _PATHS:
        cls = getattr(pathlib, name)
        kinds.names[f"pathlib.{name}"] = cls
        kinds.callers[cls] = _path_of(cls)
    kinds.names |= {
        "builtins.Ellipsis": Ellipsis,
        "builtins.NotImplemented": NotImplemented,
        "builtins.getattr": Constructor("getattr", _restoring_method),
        "_codecs.encode": Constructor("encode", _encoded),
        "copyreg._reconstructor": Constructor("_reconstructor", _reconstructed),
        "copyreg.__newobj__": Constructor("__newobj__", _made),
        "copyreg.__newobj_ex__": Constructor("__newobj_ex__", _made_with_keywords),
        "decimal.Decimal": Decimal,
        "zoneinfo.ZoneInfo": ZoneInfo,
    }
    kinds.makers |= {object: _new_object, uuid.UUID: _new_uuid}
    for cls in (OrderedDict, Counter, defaultdict, deque, set, object):
        kinds.setters[cls] = _nothing_to_set
    return kinds


_PLAIN = _plain_kinds()
_OWN_MODULES = frozenset(name.rpartition(".")[0] for name in _PLAIN.names)
