"""`SparseParameter` and `SparseResult`."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest

sparse = pytest.importorskip("scipy.sparse")

from pypet.leaves import SparseParameter, SparseResult  # noqa: E402 - needs scipy
from tests import leaf_calls  # noqa: E402
from tests.encoding.exactly import same  # noqa: E402

FORMATS = [
    f"{name}_{kind}"
    for name in ("csr", "csc", "bsr", "coo", "dia", "lil", "dok")
    for kind in ("matrix", "array")
]


def make(name="csr_matrix", size=4, value=2.5):
    dense = np.zeros((size, size + 1))
    dense[1, 2] = value
    return getattr(sparse, name)(dense)


def identical(a, b):
    return type(a) is type(b) and a.dtype == b.dtype and (a.toarray() == b.toarray()).all()


def items_of(leaf):
    return {item.name: item for item in leaf_calls.encode(leaf)}


@pytest.mark.parametrize("name", FORMATS)
def test_matrices_survive_storing_in_their_format(name):
    matrix = make(name)
    twin = SparseParameter("parameters.x")
    leaf_calls.decode(twin, items_of(SparseParameter("parameters.x", matrix)), "utf8")

    assert identical(twin.f_get(), matrix)


def test_matrices_are_kept_as_text():
    (item,) = leaf_calls.encode(SparseParameter("x", make()), "utf8")

    assert (item.name, item.flag, item.scalar) == ("data__spsp__", "ARRAY", "str")
    assert bytes.fromhex(item.value.item().decode())[:2] == b"PK"


def test_formats_may_be_mixed_but_are_not_equal():
    param = SparseParameter("x", make())
    matrices = [make(name) for name in FORMATS] + [make(size=2), make(value=3)]
    leaf_calls.explore(param, matrices * 3)

    items = items_of(param)
    twin = SparseParameter("x")
    leaf_calls.decode(twin, items)

    assert set(items) == {"data__spsp__", "explored_data__spsp__"} | {
        f"xspm__spsp__{index:08d}" for index in range(len(FORMATS) + 2)
    }
    assert all(map(identical, twin.f_get_range(), matrices * 3))
    assert leaf_calls.same_type(param, make("csr_matrix"), make("csc_matrix"))
    assert not leaf_calls.equal_values(param, make("csr_matrix"), make("csc_matrix"))
    assert not leaf_calls.equal_values(param, make("csr_matrix"), make("csr_array"))
    assert all(leaf_calls.equal_values(param, make(name), make(name)) for name in FORMATS)
    assert not leaf_calls.equal_values(param, make(), make(value=3))


def test_sparse_and_dense_differ():
    param = SparseParameter("x")

    assert not leaf_calls.same_type(param, make(), np.eye(2))
    assert not leaf_calls.equal_values(param, np.eye(2), make())
    assert leaf_calls.equal_values(param, np.eye(2), np.eye(2))
    with pytest.raises(TypeError, match="Entry 0"):
        leaf_calls.explore(SparseParameter("x", make()), [np.eye(2)])


def test_subclasses_are_refused():
    class OwnMatrix(sparse.csr_matrix):
        pass

    matrix = OwnMatrix((2, 2))

    assert not SparseParameter("x").f_supports(matrix)
    with pytest.raises(TypeError):
        SparseResult("x", matrix)


@pytest.mark.parametrize(
    ("name", "kept"), [("lil_matrix", "csr"), ("lil_array", "csr"), ("dok_array", "coo")]
)
def test_formats_without_archives_are_kept_as_others_for_readers_of_the_layout(name, kept):
    (item,) = leaf_calls.encode(SparseParameter("x", make(name)), "utf8")

    archive = BytesIO(bytes.fromhex(item.value.item().decode()))
    found = sparse.load_npz(archive)

    assert found.format == kept
    assert (found.toarray() == make(name).toarray()).all()


def test_coordinates_keep_duplicates_and_their_order():
    places = ([1, 0, 1], [2, 0, 2])
    matrix = sparse.coo_array(([3.0, 1.0, 4.0], places), shape=(2, 3))
    twin = SparseParameter("x")
    leaf_calls.decode(twin, items_of(SparseParameter("x", matrix)), "utf8")

    assert twin.f_get().data.tolist() == [3.0, 1.0, 4.0]
    assert not leaf_calls.equal_values(SparseParameter("x"), matrix, matrix.tocsr().tocoo())


def test_arrays_of_one_axis_come_back():
    if not hasattr(sparse.coo_array((1, 1)), "coords"):
        pytest.skip("scipy knows none")
    for array in (sparse.coo_array([0, 1, 0]), sparse.dok_array([0, 1.5, 0])):
        twin = SparseResult("r")
        leaf_calls.decode(twin, items_of(SparseResult("r", a=array)), "utf8")
        assert identical(twin.a, array)


def test_dictionaries_of_keys_are_equal_in_any_order():
    one, other = sparse.dok_matrix((2, 2)), sparse.dok_matrix((2, 2))
    one[0, 0], one[1, 1] = 1, 2
    other[1, 1], other[0, 0] = 2, 1

    assert leaf_calls.equal_values(SparseParameter("x"), one, other)


@pytest.mark.parametrize(
    ("data", "name"), [(np.arange(3), "data__rr__"), ((1, 2), "data__rr__"), (7, "data")]
)
def test_dense_data_is_stored_as_by_array_parameter(data, name):
    param = SparseParameter("x", data)
    twin = SparseParameter("x")

    assert list(items_of(param)) == [name]
    leaf_calls.decode(twin, items_of(param))
    assert same(twin.f_get(), data)


def test_parameter_store_dictionary_and_items_agree():
    pytest.importorskip("pandas")
    param = SparseParameter("x", make())
    leaf_calls.explore(param, [make(), make(value=1)])

    stored = leaf_calls.store(param)
    twin = SparseParameter("y")
    leaf_calls.load(twin, stored)

    assert set(stored) == set(items_of(param))
    assert all(map(identical, twin.f_get_range(), param.f_get_range()))


@pytest.mark.parametrize("name", FORMATS)
def test_results_mark_sparse_items(name):
    result = SparseResult("results.r", m=make(name), plain=7, protocol=5)
    twin = SparseResult("results.r", other=1)

    items = items_of(result)
    assert set(items) == {"m__spsp__", "plain", "protocol"}
    assert leaf_calls.store(result).keys() == items.keys()
    leaf_calls.decode(twin, items)

    assert identical(twin.m, result.m)
    assert (twin.plain, twin.protocol, twin.other) == (7, 5, 1)
    again = SparseResult("results.r")
    leaf_calls.load(again, leaf_calls.store(result))
    assert identical(again.m, result.m)


def test_reserved_names_are_refused():
    with pytest.raises(AttributeError, match="__spsp__"):
        SparseResult("r", a__spsp__=1)
