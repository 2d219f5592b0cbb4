"""`Result`: named data by attribute, entry and position."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypet.leaves import BaseResult, Result
from tests import leaf_calls
from tests.encoding.exactly import matrix, same


def test_positional_and_named_data():
    result = Result("results.run.z", 1, "two", comment=3, x=[4], full=5)

    assert result.f_to_dict() == {"z": 1, "z_1": "two", "x": [4], "full": 5}
    assert result.v_comment == "3"
    assert not result.v_is_parameter
    assert list(result) == ["z", "z_1", "x", "full"]


def test_comment_is_ordinary_data_when_set_later():
    result = Result("r", comment="mine")

    result.f_set(comment="data")

    assert result.v_comment == "mine"
    assert result.f_get("comment") == "data"


def test_positional_data_needs_a_name():
    with pytest.raises(AttributeError, match="without name"):
        Result("", 1)
    assert Result("", x=1).x == 1


def test_names_do_not_follow_renaming():
    result = Result("results.z", 1)

    leaf_calls.rename(result, "results.other")

    assert list(result) == ["z"]
    assert not result.f_supports_fast_access()


@pytest.mark.parametrize(
    ("key", "name"),
    [(0, "z"), (False, "z"), (1, "z_1"), (True, "z_1"), (-1, "z_-1"), ("a", "a"), (2.0, 2.0)],
)
def test_translation_of_keys(key, name):
    assert Result("results.z").f_translate_key(key) == name


def test_numpy_integers_are_no_positions():
    assert Result("results.z").f_translate_key(np.int64(1)) == np.int64(1)


def test_every_getter_gives_the_same():
    result = Result("results.z", 1, 2, x=3)

    assert result.z == result["z"] == result[0] == result.f_get("z") == result.f_get(0) == 1
    assert result.z_1 == result[1] == result.f_get(1) == 2
    assert result.f_get("x", 0) == [3, 1]


def test_every_setter_gives_the_same():
    result = Result("results.z")

    result[0] = 1
    result.z_1 = 2
    result["x"] = 3
    result.f_set_single("y", 4)
    result["a.b.c"] = 5

    assert result.f_to_dict() == {"z": 1, "z_1": 2, "x": 3, "y": 4, "a.b.c": 5}


def test_the_only_item_needs_no_name():
    result = Result("results.z", x=7)

    assert result.f_get() == result.data == result["data"] == result.f_get("data") == 7
    assert "data" not in result
    assert result.f_get("data", "x") == [7, 7]
    with pytest.raises(AttributeError, match="other"):
        result.f_get("data", "other")


def test_item_called_data_is_itself():
    result = Result("results.z", data=1, x=2)

    assert result.data == 1
    with pytest.raises(ValueError, match="data, x"):
        result.f_get()


@pytest.mark.parametrize(
    "access",
    [
        lambda r: r.missing,
        lambda r: r["missing"],
        lambda r: r[5],
        lambda r: r.f_get("missing"),
        lambda r: r.data,
        lambda r: r.f_remove("missing"),
        lambda r: delattr(r, "missing"),
        lambda r: r.__delitem__(5),
        lambda r: r.f_get(["x"]),
    ],
)
def test_missing_items_are_attribute_errors(access):
    with pytest.raises(AttributeError, match=r"'results\.z' has no item .*; there are: z, x"):
        access(Result("results.z", 1, x=2))


def test_empty_result():
    result = Result("results.z")

    assert result.f_is_empty()
    assert bool(result)
    with pytest.raises(AttributeError, match="empty"):
        result.f_get()
    with pytest.raises(TypeError):
        len(result)


@pytest.mark.parametrize(
    "data",
    [1, 2**80, "a", b"a", np.int8(1), np.str_("a"), [], (), {}, [None], {1: 2}, np.array(None),
     matrix([[1]])],
)  # fmt: skip
def test_outer_types_decide(data):
    assert Result("r", data).r is data


@pytest.mark.parametrize("data", [set(), object(), np.float16(1), np.bytes_(b"a"), range(2)])
def test_unsupported_types_are_refused(data):
    with pytest.raises(TypeError, match=r"'results\.r' does not support item 'x' of type"):
        Result("results.r", x=data)


def test_pandas_data_is_supported_by_exact_type():
    pd = pytest.importorskip("pandas")
    from pypet.leaves import ObjectTable

    class OwnFrame(pd.DataFrame):
        pass

    Result("r", pd.DataFrame(), pd.Series([1]), ObjectTable())
    with pytest.raises(TypeError, match="OwnFrame"):
        Result("r", OwnFrame())


def test_attributes_of_the_class_are_not_data():
    result = Result("results.z", 1)

    result.v_comment = "note"
    assert result.v_comment == "note"
    assert list(result) == ["z"]
    for name in ("v_name", "f_get", "f_set", "_unknown", "SUPPORTED_DATA"):
        with pytest.raises(AttributeError):
            setattr(result, name, 3)


def test_removing_items():
    result = Result("results.z", 1, 2, x=3, y=4)

    del result.x
    del result[1]
    del result["y"]
    assert list(result) == ["z"]
    result.f_remove(0)
    assert result.f_is_empty()


def test_membership():
    result = Result("results.z", 1, x=2)

    assert "x" in result
    assert 0 in result
    assert 1 not in result


def test_copy_of_the_dictionary():
    result = Result("r", x=1)

    result.f_to_dict()["y"] = 2
    assert "y" not in result
    result.f_to_dict(copy=False)["y"] = 2
    assert result.y == 2


def test_fast_access_needs_one_item_of_its_own_name():
    assert Result("results.z", 1).f_supports_fast_access()
    assert not Result("results.z", 1, 2).f_supports_fast_access()
    assert not Result("results.z", x=1).f_supports_fast_access()
    assert not Result("results.z").f_supports_fast_access()


# ----- text -------------------------------------------------------------------------------------


def test_text_forms():
    assert str(Result("results.z", 1, x="a")) == "Result results.z: z=1, x='a'"
    assert repr(Result("results.z", 1, comment="note")) == "<Result results.z (`note`): z=1>"
    assert str(Result("results.z")) == "Result results.z"


@given(st.dictionaries(st.text("abc", min_size=1), st.text() | st.lists(st.integers()), max_size=9))
def test_summary_is_the_beginning_of_all_items(data):
    text = ", ".join(f"{key}={value!r}" for key, value in data.items())

    summary = Result("r", **data).f_val_to_str()

    assert summary == (text if len(text) <= 64 else text[:61] + "...")


@pytest.mark.parametrize("data", [list(range(10**6)), dict.fromkeys(map(str, range(10**6)), 1)])
def test_summary_of_huge_data_is_its_beginning(data):
    assert Result("r", data).f_val_to_str() == f"r={data!r:.59}..."


def test_dir_lists_items():
    assert {"x", "f_get", "v_name", "_data"} <= set(dir(Result("r", x=1)))


# ----- pickling, storing and loading ------------------------------------------------------------


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling(protocol):
    result = Result("results.z", 1, comment="c", x=np.arange(2))

    back = pickle.loads(pickle.dumps(result, protocol))

    assert back.z == 1
    assert same(back.x, np.arange(2))
    assert (back.v_comment, back.v_full_name) == ("c", "results.z")
    assert not hasattr(back, "__dict__")


def test_shallow_copies_share_items():
    result = Result("r", x=[1])

    assert copy.copy(result).x is result.x
    assert copy.deepcopy(result).x is not result.x


class WithState(Result):
    """Has a ``__dict__``."""

    def __init__(self, full_name, *args, **kwargs):
        super().__init__(full_name, *args, **kwargs)
        self.__dict__["extra"] = "kept"


def test_instance_dictionary_survives_copies_without_becoming_data():
    twin = copy.copy(WithState("r", x=1))

    assert twin.extra == "kept"
    assert list(twin) == ["x"]


def test_store_gives_a_copy_and_load_adopts():
    result = Result("r", x=1)
    stored = leaf_calls.store(result)
    stored["y"] = 2
    assert "y" not in result

    result.f_set(old=1)
    leaf_calls.load(result, stored)

    assert result.f_to_dict(copy=False) is stored


def test_items_survive_encoding():
    data = {"a": 1, "b.c": "ü", "d": {"k": [1, 2]}, "e": np.eye(2), "f": [], "g": np.bool_(True)}
    result, twin = Result("r", **data), Result("r", old=1)

    items = {item.name: item for item in leaf_calls.encode(result)}
    assert list(items) == list(data)
    leaf_calls.decode(twin, items)

    assert same(twin.f_to_dict(), data)


def test_base_result_is_abstract():
    with pytest.raises(NotImplementedError):
        BaseResult("r").f_is_empty()
    assert not BaseResult("r").v_is_parameter
