"""Which methods of a class turn its leaves into items and back."""

from __future__ import annotations

import numpy as np
import pytest

from pypet.errors import NoSuchServiceError, ParameterLockedException
from pypet.leaves import BaseResult, Parameter, Result
from pypet.leaves.codec import decode_leaf, encode_leaf
from tests import leaf_calls


class Doubling(Result):
    """Overrides both methods of the contract."""

    def _store(self):
        return {name: 2 * value for name, value in super()._store().items()}

    def _load(self, load_dict):
        super()._load({name: value // 2 for name, value in load_dict.items()})


class StoresOnly(Result):
    def _store(self):
        return {"only": 1}


class OwnResult(BaseResult):
    """Knows nothing but the contract."""

    def __init__(self, full_name, value=None):
        super().__init__(full_name)
        self.value = value

    def f_is_empty(self):
        return self.value is None

    def _store(self):
        return {"value": self.value}

    def _load(self, load_dict):
        self.value = load_dict["value"]


class Flagged(Result):
    def _store_flags(self):
        return {"x": "EARRAY", "y": "ARRAY"}

    def _load_flags(self):
        return {"x": "VLARRAY"}


class BackToItems(Doubling):
    """More derived than the override of the contract's method."""

    def _encode(self, encoding):
        return leaf_calls.encode(Result("r", mine=1), encoding)


def items_of(leaf, **kwargs):
    return {item.name: item for item in encode_leaf(leaf, **kwargs)}


def test_overridden_methods_of_the_contract_are_used():
    items = items_of(Doubling("r", x=4))
    twin = Doubling("r")

    assert items["x"].value == 8
    decode_leaf(twin, items)
    assert twin.x == 4


def test_each_direction_is_chosen_by_itself():
    twin = StoresOnly("r")

    decode_leaf(twin, items_of(StoresOnly("r", x=4)))

    assert twin.f_to_dict() == {"only": 1}


def test_classes_of_ones_own_need_only_the_contract():
    twin = OwnResult("r")

    decode_leaf(twin, items_of(OwnResult("r", [1, 2])))

    assert twin.value == [1, 2]


def test_the_most_derived_class_decides():
    assert list(items_of(BackToItems("r", x=4))) == ["mine"]


def test_flags_of_the_leaf_and_of_the_call():
    result = Flagged("r", x=np.arange(2), y=np.arange(2), z=np.arange(2))

    flags = {name: item.flag for name, item in items_of(result).items()}
    assert flags == {"x": "EARRAY", "y": "ARRAY", "z": "CARRAY"}

    flags = {name: item.flag for name, item in items_of(result, flags={"x": "ARRAY"}).items()}
    assert flags == {"x": "ARRAY", "y": "ARRAY", "z": "CARRAY"}


def test_load_flags_of_the_leaf_and_of_the_call():
    items = items_of(Result("r", x=np.arange(2), d={"a": 1}))
    twin = Flagged("r")

    decode_leaf(twin, items)
    assert [row.tolist() for row in twin.x] == [[0, 1]]

    decode_leaf(twin, items, flags={"x": "ARRAY"})
    assert twin.x.tolist() == [0, 1]
    with pytest.raises(TypeError, match="'d' is kept as DICT"):
        decode_leaf(twin, items, flags={"d": "FRAME"})


def test_unknown_flag_is_a_runtime_error():
    with pytest.raises(RuntimeError, match="NONSENSE"):
        encode_leaf(Result("r", x=1), flags={"x": "NONSENSE"})


def test_flags_for_parameters_go_through_tables():
    pytest.importorskip("pandas")
    twin = Parameter("x")

    decode_leaf(twin, items_of(Parameter("x", 3), flags={"data": "TABLE"}))

    assert twin.f_get() == 3


def test_errors_name_leaf_and_item():
    with pytest.raises(NoSuchServiceError, match="'value'") as caught:
        encode_leaf(OwnResult("results.mine", object()))

    assert any("'results.mine'" in note for note in caught.value.__notes__)


def test_locked_parameters_are_not_loaded_into():
    param = Parameter("x", 1)
    items = items_of(param)

    assert param.v_locked
    with pytest.raises(ParameterLockedException):
        decode_leaf(param, items)
    param.f_unlock()
    decode_leaf(param, items)
    assert param.v_locked


def test_encoding_reaches_text():
    items = items_of(Result("r", x="ü"), encoding="latin1")
    twin = Result("r")

    assert items["x"].value == b"\xfc"
    decode_leaf(twin, items, "latin1")
    assert twin.x == "ü"
