"""Random requests on few nodes, so that they meet, and records in a form that can be compared."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from pypet.records import (
    ArrayItem,
    Column,
    DeleteItems,
    DeleteLink,
    DeleteNode,
    PutLink,
    PutNode,
    TableItem,
)

GROUPS = ["results", "results.g", "results.g.h", "results.runs", "results.runs.run_00000001"]
LEAVES = [*[f"{group}.leaf" for group in GROUPS], *[f"{group}.other" for group in GROUPS[:3]]]
LINKS = [f"{group}.link" for group in GROUPS[:3]]
NAMES = ["x", "y", "nested.a", "nested.b"]

values = st.one_of(
    st.floats(allow_nan=False).map(lambda v: ("ARRAY", np.array(v), "COLL_SCALAR", "float")),
    st.integers(-(2**63), 2**63 - 1).map(
        lambda v: ("ARRAY", np.array(v, np.int64), "COLL_SCALAR", "int")
    ),
    st.lists(st.booleans(), max_size=4).map(
        lambda v: ("ARRAY", np.array(v, bool), "COLL_LIST", "bool")
    ),
    st.binary(min_size=1, max_size=80).map(
        lambda v: (
            "ARRAY",
            np.array([v], dtype=f"S{len(v)}")[0:1].reshape(()),
            "COLL_SCALAR",
            "bytes",
        )
    ),
    st.integers(1, 3000).map(lambda n: ("CARRAY", np.arange(n), "COLL_NDARRAY", None)),
)


@st.composite
def items(draw):
    made = []
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=3)):
        if draw(st.booleans()):
            made.append(ArrayItem(name, *draw(values)))
        else:
            column = Column("c", np.array([draw(st.integers(0, 9))]), "COLL_SCALAR", "int")
            made.append(TableItem(name, "TABLE", (column,)))
    return tuple(made)


def built(kind, *fields):
    return st.tuples(*fields).map(lambda values: kind(*values))


comments = st.sampled_from(["", "one", "two"])
annotations = st.dictionaries(st.sampled_from(["a", "b"]), st.integers(0, 9), max_size=2)
put_group = built(
    PutNode,
    st.sampled_from(GROUPS),
    st.just(False),
    st.sampled_from([None, "MyGroup"]),
    comments,
    annotations,
    st.just(()),
    st.booleans(),
)
put_leaf = built(
    PutNode,
    st.sampled_from(LEAVES),
    st.just(True),
    st.just("Result"),
    st.just(""),
    annotations,
    items(),
    st.one_of(st.booleans(), st.frozensets(st.sampled_from(NAMES), max_size=2)),
)
operations = st.one_of(
    put_group,
    put_leaf,
    put_leaf,
    built(PutLink, st.sampled_from(LINKS), st.just("results")),
    built(DeleteNode, st.sampled_from(GROUPS + LEAVES), st.booleans()),
    built(DeleteItems, st.sampled_from(LEAVES), st.tuples(st.sampled_from(NAMES))),
    built(DeleteLink, st.sampled_from(LINKS)),
)
requests = st.lists(st.lists(operations, min_size=1, max_size=6), max_size=6)


def plain(record):
    found = []
    for item in record.items or ():
        if isinstance(item, TableItem):
            cells = [(c.name, c.values.tolist(), c.collection, c.scalar) for c in item.columns]
            found.append((item.name, item.flag, cells))
        else:
            value = (item.value.dtype.str, item.value.shape, item.value.tobytes())
            found.append((item.name, item.flag, value, item.collection, item.scalar))
    return (
        record.path,
        record.kind,
        record.class_name,
        record.comment,
        {name: int(value) for name, value in record.annotations.items()},
        found,
        record.target,
    )
