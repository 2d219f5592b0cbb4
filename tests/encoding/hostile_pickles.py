"""Pickles that would run code, change classes, corrupt memory or never end, by name.

They are tried in a process of their own: `python hostile_pickles.py MARK` writes, for each name,
what became of it as JSON. No pickle may make the folder MARK.
"""

from __future__ import annotations

import copyreg
import json
import os
import pathlib
import pickle
import struct
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from pypet.encoding.unpickling import UnpicklingPolicy
from pypet.errors import RefusedPickleError

MULTIARRAY = np.array([1]).__reduce__()[0].__module__
RECONSTRUCT, SCALAR = np.array([1]).__reduce__()[0], np.float64(1).__reduce__()[0]
OBJECTS = (3, "|", None, None, None, -1, -1, 63)
"""The state of a dtype of objects."""


class Forged:
    """Pickles as a call of any function, followed by any state."""

    def __init__(self, function: Any, args: tuple[Any, ...], state: Any = None) -> None:
        self._reduced = (function, args) if state is None else (function, args, state)

    def __reduce__(self) -> Any:
        return self._reduced


def dumped(value: Any, protocol: int = 2) -> bytes:
    return pickle.dumps(value, protocol)


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def named(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def forged_dtype(name: str = "i8") -> Forged:
    """A dtype of 8 bytes whose state says that they point to an object."""
    return Forged(np.dtype, (name, False, True), OBJECTS)


def nested(depth: int, *, twice: bool = False) -> bytes:
    step = (b"2\x86" if twice else b"\x85") * depth
    return b"\x80\x02}K\x01" + step + b"K\x01s."


def pandas_cases() -> dict[str, bytes]:
    import pandas

    frame = pandas.DataFrame({"a": [1, 2], "b": [3, 4]})
    far = pickle.dumps(frame, 4)
    codes = pandas.Categorical(["x", "y"])
    cases = {}
    block, manager = frame._mgr.blocks[0].__reduce__(), frame._mgr.__reduce__()
    for name, places in (("far", slice(10**6, 10**6 + 2, 1)), ("same", np.array([0, 0]))):
        forged = Forged(block[0], (block[1][0], places, 2))
        inner = Forged(manager[0], ((forged,), list(frame._mgr.axes)))
        state = {"_mgr": inner, "_typ": "dataframe", "_metadata": [], "attrs": {}, "_flags": {}}
        cases[f"frame with columns at {name} places"] = dumped(New(pandas.DataFrame, state))
    restore, args, state = codes.__reduce__()
    cases["categories without an end"] = dumped(
        Forged(restore, args, (state[0], np.array([100, 10**8], dtype="i8"), *state[2:]))
    )
    index = pandas.MultiIndex.from_tuples([("a", 1), ("b", 2)])
    new_index, (kind, given) = index.__reduce__()[:2]
    given = {**given, "codes": [np.array([0, 10**8]), np.array([0, 1])]}
    cases["index with codes that are nowhere"] = dumped(Forged(new_index, (kind, given)))
    doubled: Any = 1
    for _ in range(60):
        doubled = (doubled, doubled)
    array = np.empty(1, dtype=object)
    array[0] = doubled
    cases["index of doubled tuples"] = dumped(Forged(new_index, (pandas.Index, {"data": array})))
    cases["a frame that is cut off"] = far[: len(far) // 2]
    return cases


class New:
    """Pickles as an object of a class without arguments, with any state."""

    def __init__(self, cls: type, state: Any) -> None:
        self._cls, self._state = cls, state

    def __reduce__(self) -> Any:
        return copyreg._reconstructor, (self._cls, object, None), self._state  # type: ignore


def sparse_cases() -> dict[str, bytes]:
    from scipy import sparse

    matrix = sparse.csr_matrix(np.eye(3))
    state = {**matrix.__dict__}
    far = {**state, "indices": np.array([0, 1, 10**8], dtype="i4")}
    pointers = {**state, "indptr": np.array([0, 10**8, 10**8, 3], dtype="i4")}
    coo = sparse.coo_matrix(np.eye(3))
    coords = {**coo.__dict__, "coords": (np.array([0, 1, 10**8]), np.array([0, 1, 2]))}
    return {
        "sparse indices that are nowhere": dumped(New(sparse.csr_matrix, far)),
        "sparse pointers that are nowhere": dumped(New(sparse.csr_matrix, pointers)),
        "sparse coordinates that are nowhere": dumped(New(sparse.coo_matrix, coords)),
    }


def random_cases() -> dict[str, bytes]:
    cases = {}
    for kind, key in ((np.random.MT19937, "pos"), (np.random.Philox, "buffer_pos")):
        make, args, state = kind(1).__reduce__()
        inner = state[0] if isinstance(state, tuple) else state
        for position in (-5, 10**6):
            changed = {**inner, "state": {**inner["state"]}}
            (changed["state"] if key == "pos" else changed)[key] = position
            whole = (changed, *state[1:]) if isinstance(state, tuple) else changed
            cases[f"{kind.__name__} at {position}"] = dumped(Forged(make, args, whole))
    make, args, state = np.random.RandomState(1).__reduce__()
    state = {**state, "state": {**state["state"], "pos": 10**6}}
    cases["RandomState at 1000000"] = dumped(Forged(make, args, state))
    make, args, state = np.random.SeedSequence(1).__reduce__()
    cases["seed of 2 GB"] = dumped(Forged(make, args, (*state[:3], 2**31, ())))
    return cases


def cases(mark: str) -> dict[str, bytes]:
    """Return all pickles by name."""
    address = struct.pack("<Q", 0x4141414141414141)
    plain = np.dtype("O")
    array = (RECONSTRUCT, (np.ndarray, (0,), b"b"))
    exists = text("exists") + b"N"
    numbers = np.arange(3)
    found = {
        "scalar of a forged dtype": dumped(Forged(SCALAR, (forged_dtype(), address))),
        "array of a forged dtype": dumped(
            Forged(*array, (1, (1,), forged_dtype(), False, address))
        ),
        "array of objects out of bytes": dumped(Forged(*array, (1, (1,), plain, False, address))),
        "array that is longer than its bytes": dumped(
            Forged(*array, (1, (10**9,), np.dtype("i8"), False, address))
        ),
        "array of negative size": dumped(Forged(*array, (1, (-1,), np.dtype("i8"), False, b""))),
        "array without end of nothing": dumped(
            Forged(*array, (1, (2**60,), np.dtype("V0"), False, b""))
        ),
        "state for a finished array": dumped(numbers, 2)[:-1]
        + dumped((1, (1,), plain, False, address), 2)[2:-1]
        + b"b.",
        "dtype with fields outside": dumped(
            Forged(
                np.dtype,
                ("V8", False, True),
                (3, "|", None, ("a",), {"a": (np.dtype("i8"), 10**6)}, 8, 1, 16),
            )
        ),
        "buffer of a forged dtype": b"\x80\x04"
        + named("numpy._core.numeric", "_frombuffer")
        + b"(C\x08"
        + address
        + dumped(forged_dtype(), 2)[2:-1]
        + b"K\x01\x85\x8c\x01CtR.",
        "a class that is changed": b"\x80\x02"
        + named("pathlib", "Path")
        + b"N}"
        + exists
        + b"s\x86b.",
        "a class whose dictionary is changed": b"\x80\x02"
        + named("collections", "Counter")
        + b"}"
        + text("update")
        + b"Nsb.",
        "a path that is changed": b"\x80\x02"
        + named("pathlib", "Path")
        + b")RN}"
        + exists
        + b"s\x86b.",
        "a module with side effects": named("numpy.f2py.__main__", "main") + b".",
        "a module by a long name": named("numpy.f2py.f2py2e", "main") + b")R.",
        "text in a slow encoding": named("_codecs", "encode")
        + b"("
        + text("a" * 1000)
        + text("punycode")
        + b"tR.",
        "a codec that reads archives": named("_codecs", "decode")
        + b"(C\x01x"
        + text("zip")
        + b"tR.",
        "a folder": dumped(Forged(os.mkdir, (mark,))),
        "a folder by an old instance": b"(" + text(mark) + b"ios\nmkdir\n.",
        "a folder by an old object": b"(" + named("os", "mkdir") + text(mark) + b"o.",
        "a folder by getattr": named("builtins", "getattr")
        + b"("
        + named("builtins", "object")
        + text("__subclasses__")
        + b"tR.",
        "a folder by a default": named("collections", "defaultdict")
        + b"("
        + named("os", "getcwd")
        + b"tR.",
        "a default that is a constructor": named("collections", "defaultdict")
        + b"("
        + named("copyreg", "_reconstructor")
        + b"tR.",
        "a file of numbers": dumped(Forged(np.memmap, (mark, "u1", "w+", 0, (3,)))),
        "an extension": b"\x80\x02\x82\x01.",
        "a persistent object": b"P1\n.",
        "a buffer from outside": b"\x80\x05\x97.",
        "a key of a million levels": nested(1_000_000),
        "a tuple of a million levels": b"\x80\x02K\x01" + b"\x85" * 1_000_000 + b".",
        "a key that is doubled 60 times": nested(60, twice=True),
        "an element that is doubled 60 times": b"\x80\x04\x8f(K\x01" + b"2\x86" * 60 + b"\x90.",
        "a set of doubled elements": b"\x80\x04(K\x01" + b"2\x86" * 60 + b"\x91.",
        "a memory of 16 GB": b"\x80\x02Nr\xff\xff\xff\x7f.",
        "a memory without end": b"Np99999999999999999999\n.",
        "text of 4 GB": b"\x80\x02X\xff\xff\xff\xff.",
        "bytes of an exabyte": b"\x80\x04\x8e" + b"\xff" * 7 + b"\x0f.",
        "bytes that are copied without end": amplified(),
        "a number without end": b"I" + b"9" * 10_000_000 + b"\n.",
        "a fraction without end": named("fractions", "Fraction")
        + b"("
        + text("1e999999999")
        + b"tR.",
        "a zone in another folder": named("builtins", "getattr")
        + b"("
        + named("zoneinfo", "ZoneInfo")
        + text("_unpickle")
        + b"tR("
        + text("../../etc/passwd")
        + b"K\x01tR.",
        "a date in month 200": named("datetime", "date") + b"(C\x04\x07\xe4\xc8\x01tR.",
        "an array that contains itself": named(MULTIARRAY, "_reconstruct")
        + b"("
        + named("numpy", "ndarray")
        + b"K\x00\x85C\x01btRq\x63(K\x01K\x01\x85"
        + dumped(plain, 2)[2:-1]
        + b"\x89]h\x63atb.",
        "an array without content": named(MULTIARRAY, "_reconstruct")
        + b"("
        + named("numpy", "ndarray")
        + b"K\x00\x85C\x01btR\x85.",
    }
    return found | random_cases() | pandas_cases() | sparse_cases()


def amplified() -> bytes:
    """A megabyte that is copied a hundred thousand times."""
    content = b"\x80\x02(B" + struct.pack("<I", 1 << 20) + bytes(1 << 20) + b"q\x010"
    make = named("builtins", "bytearray") + b"q\x020"
    return content + make + b"h\x02h\x01\x85R" * 100_000 + b"l."


def outcome(load: Callable[[], Any]) -> str:
    """Return what became of a pickle."""
    try:
        load()
    except RefusedPickleError:
        return "refused"
    except pickle.UnpicklingError:
        return "malformed"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "loaded"


def main(mark: str) -> int:
    """Try all of them."""
    results = {}
    before = set(sys.modules)
    for mode in ("safe", "never"):
        for name, raw in cases(mark).items():
            rule = UnpicklingPolicy(mode)
            found = outcome(lambda raw=raw, rule=rule: rule.loads(raw, "here"))
            results[f"{name} ({mode})"] = found
    state = {
        "exists": callable(pathlib.Path.exists),
        "mark": os.path.exists(mark),
        "imported": sorted(name for name in set(sys.modules) - before if "__main__" in name),
    }
    sys.stdout.write(json.dumps({"results": results, "state": state}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
