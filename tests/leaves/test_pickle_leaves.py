"""`PickleParameter` and `PickleResult`."""

from __future__ import annotations

import pickle
from dataclasses import dataclass

import numpy as np
import pytest

from pypet.leaves import PickleParameter, PickleResult
from pypet.records import ArrayItem
from tests import leaf_calls

THING = {"a": [1, None, {"b": (2.5, "ü")}]}


def items_of(leaf):
    return {item.name: item for item in leaf_calls.encode(leaf)}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_parameter_survives_storing_with_its_protocol(protocol):
    param = PickleParameter("x", THING, "note", protocol)
    twin = PickleParameter("x")

    leaf_calls.decode(twin, items_of(param))

    assert twin.f_get() == THING
    assert twin.v_protocol == protocol


def test_protocols_by_default():
    assert PickleParameter("x").v_protocol == 2
    assert PickleResult("x").v_protocol == 0


@dataclass(slots=True)
class Slotted:
    """Protocols 0 and 1 cannot pickle it."""

    x: int


class ForLatest:
    """Reduces itself for the latest protocol only."""

    def __init__(self, x):
        self.x = x

    def __reduce_ex__(self, protocol):
        if protocol < 5:
            raise ValueError(f"not with protocol {protocol}")
        return ForLatest, (self.x,)

    def __eq__(self, other):
        return self.x == other.x

    __hash__ = None


@pytest.mark.parametrize(("value", "needed"), [(Slotted(3), 2), (ForLatest(3), 5)])
def test_protocol_rises_as_far_as_an_item_needs(value, needed):
    result = PickleResult("results.r", plain=THING, item=value)
    param = PickleParameter("x", value, protocol=0)
    leaf_calls.explore(param, [value, type(value)(4)])

    for leaf in (result, param):
        items = items_of(leaf)
        assert leaf.v_protocol == needed
        assert items["__pckl_prtcl__"].value == needed
        twin = type(leaf)(leaf.v_full_name)
        leaf_calls.decode(twin, items)
        assert twin.v_protocol == needed
        assert (twin["item"] if leaf is result else twin.f_get()) == value
    assert twin.f_get_range() == [value, type(value)(4)]
    assert leaf_calls.store(result)["__pckl_prtcl__"] == needed


def test_what_no_protocol_can_pickle_fails_for_the_real_reason():
    result = PickleResult("results.r", fine=1, item=(Slotted(1), lambda: 1))

    with pytest.raises((AttributeError, pickle.PicklingError), match="lambda") as caught:
        items_of(result)

    assert any("'item'" in note for note in caught.value.__notes__)
    assert result.v_protocol == 0


def test_protocols_that_do_not_exist_are_refused():
    with pytest.raises(ValueError, match="protocol must be <= 5"):
        items_of(PickleResult("results.r", 1, protocol=6))


def test_items_have_the_established_names():
    shared = {"k": 1}
    param = PickleParameter("x", {})
    leaf_calls.explore(param, [shared, {"z": 1}, shared, {"k": 1}])

    items = items_of(param)

    assert list(items) == [
        "data", "__pckl_prtcl__", "xp_00000000", "xp_00000001", "xp_00000002", "explored_data",
    ]  # fmt: skip
    assert items["data"].scalar == "bytes"
    assert items["explored_data"].columns[0].values.tolist() == [0, 1, 0, 2]


def test_objects_that_were_shared_are_shared_after_loading():
    shared = {"k": 1}
    param = PickleParameter("x", {})
    leaf_calls.explore(param, [shared, {"z": 1}, shared])
    twin = PickleParameter("x")

    leaf_calls.decode(twin, items_of(param))

    assert twin.f_get_range() == [shared, {"z": 1}, shared]
    assert twin.f_get_range()[0] is twin.f_get_range()[2]


def test_entries_need_the_exact_type_of_the_default():
    param = PickleParameter("x", ())
    leaf_calls.explore(param, [(), (1, "a"), (None,)])
    assert len(param) == 3

    with pytest.raises(TypeError, match="Entry 1"):
        leaf_calls.explore(PickleParameter("x", 1), [1, 2.0])
    with pytest.raises(TypeError, match="default"):
        leaf_calls.explore(PickleParameter("x", None), [1])


def test_values_are_compared_without_type_errors():
    param = PickleParameter("x")

    assert leaf_calls.equal_values(param, {"a": np.arange(2)}, {"a": np.arange(2)})
    assert not leaf_calls.equal_values(param, {}, [])
    assert not leaf_calls.same_type(param, None, 1)


def test_missing_data_is_a_warning(caplog):
    param = PickleParameter("parameters.x")

    leaf_calls.decode(param, {})

    assert "`parameters.x`" in caplog.text
    assert param.f_is_empty()
    assert param.v_locked


def test_pickles_of_python_2_have_another_type_name():
    raw = pickle.dumps({"a": b"\xff"}, 2)
    items = {
        "data": ArrayItem("data", "ARRAY", np.array(raw), "COLL_SCALAR", "str"),
        "__pckl_prtcl__": ArrayItem("__pckl_prtcl__", "ARRAY", np.array(2), "COLL_SCALAR", "int"),
    }
    param, result = PickleParameter("x"), PickleResult("x")

    leaf_calls.decode(param, items)
    leaf_calls.decode(result, items)

    assert param.f_get() == {"a": b"\xff"}
    assert result.f_to_dict() == {"data": {"a": b"\xff"}}


def test_parameter_store_dictionary_and_items_agree():
    pytest.importorskip("pandas")
    param = PickleParameter("x", THING, protocol=4)
    leaf_calls.explore(param, [THING, {}])
    stored = leaf_calls.store(param)
    twin = PickleParameter("y")

    leaf_calls.load(twin, stored)

    assert set(stored) == set(items_of(param))
    assert (twin.f_get(), twin.f_get_range(), twin.v_protocol) == (THING, [THING, {}], 4)


def test_result_takes_anything():
    result = PickleResult("results.r", None, comment="note", protocol=3, thing=THING)
    twin = PickleResult("results.r", kept=1)

    leaf_calls.decode(twin, items_of(result))

    assert twin.f_to_dict() == {"kept": 1, "r": None, "thing": THING}
    assert (twin.v_protocol, result.v_comment) == (3, "note")


def test_result_takes_the_protocol_out_of_the_dictionary():
    result = PickleResult("results.r", 5)
    stored = leaf_calls.store(result)

    twin = PickleResult("results.r")
    leaf_calls.load(twin, stored)

    assert list(stored) == ["r"]
    assert twin.r == 5


def test_result_loads_without_protocol():
    result = PickleResult("results.r", protocol=4)

    leaf_calls.load(result, {"x": pickle.dumps(1)})

    assert (result.x, result.v_protocol) == (1, 4)


def test_name_of_the_protocol_is_reserved():
    with pytest.raises(AttributeError, match="__pckl_prtcl__"):
        PickleResult("r", __pckl_prtcl__=1)


def test_errors_name_the_item():
    with pytest.raises((AttributeError, TypeError, pickle.PicklingError)) as caught:
        leaf_calls.store(PickleResult("r", f=lambda: 0))
    assert "'f'" in caught.value.__notes__[0]

    with pytest.raises(pickle.UnpicklingError) as caught:
        leaf_calls.load(PickleResult("r"), {"f": b"no pickle"})
    assert "'f'" in caught.value.__notes__[0]
