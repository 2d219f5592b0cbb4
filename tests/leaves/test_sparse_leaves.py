"""`SparseParameter` and `SparseResult`."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest

sparse = pytest.importorskip("scipy.sparse")

from pypet.leaves import SparseParameter, SparseResult  # noqa: E402 - needs scipy
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
    return {item.name: item for item in leaf._encode("utf8")}


@pytest.mark.parametrize("name", FORMATS)
def test_matrices_survive_storing_in_their_format(name):
    matrix = make(name)
    twin = SparseParameter("parameters.x")
    twin._decode(items_of(SparseParameter("parameters.x", matrix)), "utf8")

    assert identical(twin.f_get(), matrix)


def test_matrices_are_kept_as_text():
    (item,) = SparseParameter("x", make())._encode("utf8")

    assert (item.name, item.flag, item.scalar) == ("data__spsp__", "ARRAY", "str")
    assert bytes.fromhex(item.value.item().decode())[:2] == b"PK"


def test_formats_may_be_mixed_but_are_not_equal():
    param = SparseParameter("x", make())
    matrices = [make(name) for name in FORMATS] + [make(size=2), make(value=3)]
    param._explore(matrices * 3)

    items = items_of(param)
    twin = SparseParameter("x")
    twin._decode(items, "utf8")

    assert set(items) == {"data__spsp__", "explored_data__spsp__"} | {
        f"xspm__spsp__{index:08d}" for index in range(len(FORMATS) + 2)
    }
    assert all(map(identical, twin.f_get_range(), matrices * 3))
    assert param._values_of_same_type(make("csr_matrix"), make("csc_matrix"))
    assert not param._equal_values(make("csr_matrix"), make("csc_matrix"))
    assert not param._equal_values(make("csr_matrix"), make("csr_array"))
    assert all(param._equal_values(make(name), make(name)) for name in FORMATS)
    assert not param._equal_values(make(), make(value=3))


def test_sparse_and_dense_differ():
    param = SparseParameter("x")

    assert not param._values_of_same_type(make(), np.eye(2))
    assert not param._equal_values(np.eye(2), make())
    assert param._equal_values(np.eye(2), np.eye(2))
    with pytest.raises(TypeError, match="Entry 0"):
        SparseParameter("x", make())._explore([np.eye(2)])


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
    (item,) = SparseParameter("x", make(name))._encode("utf8")

    archive = BytesIO(bytes.fromhex(item.value.item().decode()))
    found = sparse.load_npz(archive)

    assert found.format == kept
    assert (found.toarray() == make(name).toarray()).all()


def test_coordinates_keep_duplicates_and_their_order():
    places = ([1, 0, 1], [2, 0, 2])
    matrix = sparse.coo_array(([3.0, 1.0, 4.0], places), shape=(2, 3))
    twin = SparseParameter("x")
    twin._decode(items_of(SparseParameter("x", matrix)), "utf8")

    assert twin.f_get().data.tolist() == [3.0, 1.0, 4.0]
    assert not SparseParameter("x")._equal_values(matrix, matrix.tocsr().tocoo())


def test_arrays_of_one_axis_come_back():
    if not hasattr(sparse.coo_array((1, 1)), "coords"):
        pytest.skip("scipy knows none")
    for array in (sparse.coo_array([0, 1, 0]), sparse.dok_array([0, 1.5, 0])):
        twin = SparseResult("r")
        twin._decode(items_of(SparseResult("r", a=array)), "utf8")
        assert identical(twin.a, array)


def test_dictionaries_of_keys_are_equal_in_any_order():
    one, other = sparse.dok_matrix((2, 2)), sparse.dok_matrix((2, 2))
    one[0, 0], one[1, 1] = 1, 2
    other[1, 1], other[0, 0] = 2, 1

    assert SparseParameter("x")._equal_values(one, other)


@pytest.mark.parametrize(
    ("data", "name"), [(np.arange(3), "data__rr__"), ((1, 2), "data__rr__"), (7, "data")]
)
def test_dense_data_is_stored_as_by_array_parameter(data, name):
    param = SparseParameter("x", data)
    twin = SparseParameter("x")

    assert list(items_of(param)) == [name]
    twin._decode(items_of(param), "utf8")
    assert same(twin.f_get(), data)


def test_parameter_store_dictionary_and_items_agree():
    pytest.importorskip("pandas")
    param = SparseParameter("x", make())
    param._explore([make(), make(value=1)])

    stored = param._store()
    twin = SparseParameter("y")
    twin._load(stored)

    assert set(stored) == set(items_of(param))
    assert all(map(identical, twin.f_get_range(), param.f_get_range()))


@pytest.mark.parametrize("name", FORMATS)
def test_results_mark_sparse_items(name):
    result = SparseResult("results.r", m=make(name), plain=7, protocol=5)
    twin = SparseResult("results.r", other=1)

    items = items_of(result)
    assert set(items) == {"m__spsp__", "plain", "protocol"}
    assert result._store().keys() == items.keys()
    twin._decode(items, "utf8")

    assert identical(twin.m, result.m)
    assert (twin.plain, twin.protocol, twin.other) == (7, 5, 1)
    again = SparseResult("results.r")
    again._load(result._store())
    assert identical(again.m, result.m)


def test_reserved_names_are_refused():
    with pytest.raises(AttributeError, match="__spsp__"):
        SparseResult("r", a__spsp__=1)
