"""Deep equality of arbitrary data.

No package is imported for a comparison: values of pandas and scipy exist only where these packages
are imported already.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

_PLAIN = frozenset((bool, int, float, complex, str, bytes))
_TEXT = (str, bytes, bytearray, memoryview)
_BY_IDENTITY = (type, ModuleType)

Pairs = Iterator[tuple[Any, Any]]


def nested_equal(a: Any, b: Any) -> bool:
    """Return whether two values are equal, containers element by element, at any depth.

    - None equals only None. NaN equals NaN.
    - Scalars are equal by value, whatever their type: ``1 == True == 1.0 == np.int8(1)``.
    - Strings and bytes are scalars. Other sequences are equal if their lengths and elements are;
      a list may equal a tuple, but never an array.
    - Arrays are equal if their shapes and elements are, whatever their dtype.
    - Frames and series of pandas are equal if labels and cells are; missing values equal missing
      values. Any two frames without cells are equal.
    - Sparse matrices of scipy are equal if their shapes and non-zero elements are, whatever
      their format.
    - Mappings are equal if their keys and values are.
    - Objects with a useful ``__eq__`` (or the legacy ``__cmp__``) are asked, others are equal if
      they have attributes and these are equal. A method that raises an exception has no answer.

    Structures that contain themselves are allowed.
    """
    if a is b:
        return True
    seen: dict[tuple[int, int], tuple[Any, Any]] = {}
    # Equality is a conjunction, so pairs may be checked in any order: a stack of iterators
    # instead of recursion takes nesting of any depth.
    stack: list[Pairs] = [iter(((a, b),))]
    while stack:
        for left, right in stack[-1]:
            if left is right:
                continue
            if type(left) in _PLAIN and type(right) in _PLAIN:
                if left == right or (left != left and right != right):
                    continue
                return False
            key = (id(left), id(right))
            if key in seen:
                continue
            verdict = _compare(left, right)
            if verdict is True:
                continue
            if verdict is False:
                return False
            seen[key] = (left, right)  # the values stay alive, so their ids stay theirs
            stack.append(iter(verdict))
            break
        else:
            stack.pop()
    return True


def get_all_attributes(instance: Any) -> dict[str, Any]:
    """Return what an object holds in its ``__dict__`` and in all slots that are set."""
    attributes: dict[str, Any] = dict(getattr(instance, "__dict__", ()))
    for cls in type(instance).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            if slot in ("__dict__", "__weakref__"):
                continue
            name = _unmangled(slot, cls)
            try:
                attributes[name] = object.__getattribute__(instance, name)
            except AttributeError:
                continue  # the slot was never set
    return attributes


def _compare(a: Any, b: Any) -> bool | Iterable[tuple[Any, Any]]:
    """Decide about one pair, or return the pairs that decide.

    The order matters: containers of pandas and numpy overload ``==``, and arrays are no
    sequences.
    """
    if a is None or b is None:
        return False
    sparse = sys.modules.get("scipy.sparse")
    if sparse is not None and (sparse.issparse(a) or sparse.issparse(b)):
        return sparse.issparse(a) and sparse.issparse(b) and _sparse_equal(a, b)
    pandas = sys.modules.get("pandas")
    if pandas is not None:
        for kind, pairs in (
            (pandas.Series, _series_pairs),
            (pandas.DataFrame, _frame_pairs),
            (pandas.Index, _index_pairs),
        ):
            if isinstance(a, kind) or isinstance(b, kind):
                return isinstance(a, kind) and isinstance(b, kind) and pairs(a, b)
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and _array_pairs(a, b)
    if _is_sequence(a) or _is_sequence(b):
        return _is_sequence(a) and _is_sequence(b) and len(a) == len(b) and zip(a, b, strict=True)
    if isinstance(a, Mapping) or isinstance(b, Mapping):
        return isinstance(a, Mapping) and isinstance(b, Mapping) and _mapping_pairs(a, b)
    return _compare_objects(a, b)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, _TEXT)


def _mapping_pairs(a: Mapping[Any, Any], b: Mapping[Any, Any]) -> bool | Pairs:
    if len(a) != len(b) or any(key not in b for key in a):
        return False
    return ((a[key], b[key]) for key in a)


def _array_pairs(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool | Pairs:
    if a.shape != b.shape:
        return False
    masked = sys.modules.get("numpy.ma")
    if masked is not None and (masked.isMaskedArray(a) or masked.isMaskedArray(b)):
        valid = ~masked.getmaskarray(a)
        if not np.array_equal(valid, ~masked.getmaskarray(b)):
            return False
        return iter(((masked.getdata(a)[valid], masked.getdata(b)[valid]),))
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype.names or b.dtype.names:
        if a.dtype.names != b.dtype.names:
            return False
        return ((a[name], b[name]) for name in a.dtype.names or ())
    if a.dtype.hasobject or b.dtype.hasobject:
        return zip(a.ravel().tolist(), b.ravel().tolist(), strict=True)
    try:
        same = a == b
    except TypeError:  # dtypes that numpy cannot compare, such as bytes with numbers
        return False
    return bool(np.all(same)) or bool(np.all(same | ((a != a) & (b != b))))


def _sparse_equal(a: Any, b: Any) -> bool:
    if a.shape != b.shape:
        return False
    left, right = a.tocoo(copy=True), b.tocoo(copy=True)
    for matrix in (left, right):
        matrix.sum_duplicates()  # also sorts
        matrix.eliminate_zeros()
    if left.nnz != right.nnz or not nested_equal(left.data, right.data):
        return False
    return all(
        np.array_equal(x, y)
        for x, y in (
            zip(left.coords, right.coords, strict=True)
            if hasattr(left, "coords")
            else ((left.row, right.row), (left.col, right.col))
        )
    )


def _compare_objects(a: Any, b: Any) -> bool | Pairs:
    """Ask ``__eq__`` of either side, then ``__cmp__``, and finally compare attributes."""
    if isinstance(a, _BY_IDENTITY) or isinstance(b, _BY_IDENTITY):
        return False
    for left, right in ((a, b), (b, a)):
        answer = _ask_eq(left, right)
        if answer is not None:
            return answer or bool(_is_nan(a) and _is_nan(b))
    for left, right in ((a, b), (b, a)):
        answer = _ask_cmp(left, right)
        if answer is not None:
            return answer
    mine, other = get_all_attributes(a), get_all_attributes(b)
    if not mine or mine.keys() != other.keys():
        return False
    return ((value, other[name]) for name, value in mine.items())


def _ask_eq(a: Any, b: Any) -> bool | None:
    """Return what ``a.__eq__(b)`` says, None if it has no useful answer."""
    equal: Any = type(a).__eq__
    if equal is object.__eq__:
        return None
    try:
        answer = equal(a, b)
        return None if answer is NotImplemented else bool(np.all(answer))
    except Exception:  # a dataclass that holds arrays, or code that expects another type
        return None


def _ask_cmp(a: Any, b: Any) -> bool | None:
    """Return whether ``a.__cmp__(b)`` says that both are equal, None without a useful answer."""
    compare = getattr(type(a), "__cmp__", None)
    if compare is None:
        return None
    try:
        order = compare(a, b)
        return None if order is NotImplemented else bool(np.all(order == 0))
    except Exception:  # see `_ask_eq`
        return None


def _is_nan(value: Any) -> bool:
    """Return whether a scalar differs from itself, as NaN and NaT do."""
    if not isinstance(value, float | complex | np.generic):
        return False
    return bool(np.all(value != value))


def _unmangled(slot: str, cls: type) -> str:
    """Return the name under which a slot can be read: private ones carry the class name."""
    if slot.startswith("__") and not slot.endswith("__"):
        return f"_{cls.__name__.lstrip('_')}{slot}"
    return slot


def _frame_pairs(a: Any, b: Any) -> bool | Pairs:
    """Compare two DataFrames: same labels and cells; columns may be in another order."""
    if a.empty and b.empty:
        return True
    if a.shape != b.shape or not a.index.equals(b.index):
        return False
    if not a.columns.equals(b.columns):
        if not (a.columns.is_unique and a.columns.isin(b.columns).all()):
            return False
        b = b[a.columns]
    return (
        pair
        for position in range(a.shape[1])
        for pair in _cell_pairs(a.iloc[:, position], b.iloc[:, position])
    )


def _series_pairs(a: Any, b: Any) -> bool | Pairs:
    """Compare two Series: same index and cells, whatever their names."""
    if len(a) != len(b) or not a.index.equals(b.index):
        return False
    return _cell_pairs(a, b)


def _index_pairs(a: Any, b: Any) -> bool:
    """Compare two Indexes."""
    return bool(a.equals(b))


def _cell_pairs(a: Any, b: Any) -> Pairs:
    missing = a.isna().to_numpy()
    yield missing, b.isna().to_numpy()
    present = ~missing
    values, others = _values(a), _values(b)
    if values is not None and others is not None:
        yield values[present], others[present]
    else:
        keep = np.flatnonzero(present)
        yield a.iloc[keep].tolist(), b.iloc[keep].tolist()


def _values(column: Any) -> np.ndarray[Any, Any] | None:
    """Return the cells as a plain array if they are one, None for objects and extensions."""
    return column.to_numpy() if type(column.dtype).__module__.startswith("numpy") else None
