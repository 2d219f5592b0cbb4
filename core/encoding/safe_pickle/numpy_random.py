"""Random generators of numpy from pickles, with every number of their states checked for bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from pypet.encoding.safe_pickle.machine import PickleMachine
from pypet.encoding.safe_pickle.vocabulary import (
    AllowedNames,
    Pending,
    check,
    check_integer,
    check_text,
)

_STATE = "the state of a random generator"
_MOST_ENTROPY = 1 << 16
"""Bits, or numbers, of the entropy of a seed."""


class _Form(NamedTuple):
    """The structure of the state of one kind of bit generator."""

    arrays: Mapping[str, tuple[int, str]]
    """Length and dtype of arrays within the inner state."""
    numbers: Mapping[str, int]
    """Largest value of numbers within the inner state."""
    outer_arrays: Mapping[str, tuple[int, str]]
    outer_numbers: Mapping[str, int]


_HALF: dict[str, int] = {"has_uint32": 1, "uinteger": 2**32 - 1}
_PCG = _Form({}, {"state": 2**128 - 1, "inc": 2**128 - 1}, {}, _HALF)
_FORMS = {
    "MT19937": _Form({"key": (624, "u4")}, {"pos": 624}, {}, {}),
    "PCG64": _PCG,
    "PCG64DXSM": _PCG,
    "Philox": _Form(
        {"counter": (4, "u8"), "key": (2, "u8")},
        {},
        {"buffer": (4, "u8")},
        {"buffer_pos": 4, **_HALF},
    ),
    "SFC64": _Form({"state": (4, "u8")}, {}, {}, _HALF),
}


def _checked_part(
    state: Any, arrays: Mapping[str, tuple[int, str]], numbers: Mapping[str, int]
) -> dict[str, Any]:
    check(type(state) is dict, _STATE)
    part: dict[str, Any] = {}
    for name, (length, dtype) in arrays.items():
        array = state.get(name)
        check(type(array) is np.ndarray and array.shape == (length,), _STATE)
        check(array.dtype.kind in "iu", _STATE)
        part[name] = array.astype(dtype)
    for name, most in numbers.items():
        number = state.get(name)
        if isinstance(number, np.integer):
            number = int(number)
        part[name] = check_integer(number, 0, most, _STATE)
    return part


def _checked_state(name: str, state: Any) -> dict[str, Any]:
    form = _FORMS[name]
    check(type(state) is dict and state.get("bit_generator") == name, _STATE)
    checked = _checked_part(state, form.outer_arrays, form.outer_numbers)
    checked["bit_generator"] = name
    checked["state"] = _checked_part(state.get("state"), form.arrays, form.numbers)
    return checked


def _bit_generator(machine: PickleMachine, kind: Any = "MT19937") -> Pending:
    name = kind.__name__ if isinstance(kind, type) else kind
    check(type(name) is str and name in _FORMS, "a random generator")

    def restore(state: Any) -> Any:
        seed = 0
        if type(state) is tuple:
            check(len(state) == 2, _STATE)
            state, seed = state
            check(type(seed) is np.random.SeedSequence, _STATE)
        made = getattr(np.random, name)(seed)
        made.state = _checked_state(name, state)
        return made

    return Pending(restore)


def _generator(machine: PickleMachine, bits: Any = "MT19937", *rest: Any) -> Any:
    if type(bits) is str:  # older versions pickle the state with the generator
        inner = _bit_generator(machine, bits)
        return Pending(lambda state: np.random.Generator(inner.restore(state)))
    check(isinstance(bits, np.random.BitGenerator), "a random generator")
    return np.random.Generator(bits)


def _random_state(machine: PickleMachine, bits: Any = "MT19937", *rest: Any) -> Pending:
    def restore(state: Any) -> Any:
        made_bits = bits
        if type(bits) is str:
            made_bits = _bit_generator(machine, bits).restore(state)
        check(isinstance(made_bits, np.random.MT19937), "a random generator")
        made = np.random.RandomState(made_bits)
        checked = _checked_state("MT19937", state)
        checked["has_gauss"] = check_integer(state.get("has_gauss", 0), 0, 1, _STATE)
        gauss = state.get("gauss", 0.0)
        check(type(gauss) is float, _STATE)
        checked["gauss"] = gauss
        made.set_state(checked)
        return made

    return Pending(restore)


def _seed_sequence(machine: PickleMachine, cls: Any, checksum: Any, given: Any) -> Pending:
    check(cls is np.random.SeedSequence and given is None, "a seed")

    def restore(state: Any) -> np.random.SeedSequence:
        check(type(state) is tuple and len(state) == 5, "a seed")
        entropy, spawned, _, pool_size, key = state
        check(type(key) is tuple and len(key) <= _MOST_ENTROPY, "a seed")
        return np.random.SeedSequence(
            _checked_entropy(entropy),
            spawn_key=tuple(check_integer(part, 0, 2**64 - 1, "a seed") for part in key),
            pool_size=check_integer(pool_size, 4, 1024, "a seed"),
            n_children_spawned=check_integer(spawned, 0, 2**32 - 1, "a seed"),
        )

    return Pending(restore)


def _checked_entropy(entropy: Any) -> Any:
    if type(entropy) is int:
        check(entropy >= 0 and entropy.bit_length() <= _MOST_ENTROPY, "a seed")
        return entropy
    if type(entropy) is np.ndarray:
        check(entropy.dtype.kind in "iu" and entropy.size <= _MOST_ENTROPY, "a seed")
        return entropy
    check(type(entropy) in (list, tuple) and len(entropy) <= _MOST_ENTROPY, "a seed")
    return [check_integer(part, 0, 2**128 - 1, "a seed") for part in entropy]


def add_random(kinds: AllowedNames) -> None:
    """Admit the classes of numpy.random that hold a state."""
    for name in _FORMS:
        kinds.names[check_text(name, 20)] = getattr(np.random, name)
    kinds.names["SeedSequence"] = np.random.SeedSequence
    kinds.add_constructors(
        {
            "__generator_ctor": _generator,
            "__bit_generator_ctor": _bit_generator,
            "__randomstate_ctor": _random_state,
            "__pyx_unpickle_SeedSequence": _seed_sequence,
        }
    )
