"""Reads the JSON sidecars of the sample files and compares trajectories with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from pypet.pypetconstants import PARAMETERTYPEDICT
from pypet.support.comparisons import nested_equal

SAMPLES = Path(__file__).parents[1] / "data" / "samples"

PLAIN = {"int": int, "float": float, "bool": bool, "str": str}


def expected(name: str) -> dict[str, Any]:
    """Return, per trajectory of a sample file, what a full load must give."""
    content = json.loads((SAMPLES / f"{name}.json").read_text())
    return {
        key: trajectory["expected_after_full_load"]
        for key, trajectory in content["trajectories"].items()
    }


def build(entry: dict[str, Any]) -> Any:
    """Return the Python value that an entry of a sidecar describes."""
    kind = entry["t"]
    if kind in PLAIN:
        return PLAIN[kind](entry["v"])
    if kind == "None":
        return None
    if kind == "complex":
        return complex(*map(float, entry["v"]))
    if kind == "bytes":
        return bytes.fromhex(entry["hex"])
    if kind.startswith("numpy."):
        return _numpy_scalar(kind[len("numpy.") :], entry["v"])
    if kind in ("list", "tuple"):
        values = [build(value) for value in entry["v"]]
        return values if kind == "list" else tuple(values)
    if kind == "dict" and "rule" in entry:  # odd ones are integers
        return {f"k{i:04d}": i if i % 2 else f"s{i}" for i in range(entry["len"])}
    if kind == "dict":
        return {key: build(value) for key, value in entry["v"].items()}
    if kind in ("ndarray", "matrix"):
        array = _array(entry)
        return array.view(np.matrix) if kind == "matrix" else array
    if kind in ("ObjectTable", "DataFrame", "Series"):
        return _build_pandas(kind, entry)
    if kind.endswith("_matrix"):
        return np.array(entry["dense"], dtype=entry["dtype"]).reshape(entry["shape"])
    raise ValueError(f"unknown entry {entry!r}")


def _build_pandas(kind: str, entry: dict[str, Any]) -> Any:
    """Return a frame or series whose index is left as the text that the sidecar has."""
    import pandas

    if kind == "Series":
        values = [build(value) for value in entry["v"]]
        return pandas.Series(values, entry["index"], entry["dtype"], entry["name"])
    if kind == "ObjectTable":
        return pandas.DataFrame(
            {name: [build(cell) for cell in cells] for name, cells in entry["v"].items()},
            columns=entry["columns"],
            dtype=object,
        )
    columns = [[build(cell) for cell in cells] for cells in entry["v"]]
    frame = pandas.DataFrame(dict(enumerate(columns)), index=entry["index"])
    frame = frame.astype(dict(enumerate(entry["dtypes"])))
    frame.columns = pandas.Index(entry["columns"], dtype=str)
    return frame


def _numpy_scalar(name: str, value: Any) -> Any:
    if name == "str_":
        return np.str_(value)
    if name == "bytes_":
        return np.bytes_(bytes.fromhex(value))
    if name.startswith("complex"):
        return PARAMETERTYPEDICT[name](complex(*value))
    return PARAMETERTYPEDICT[name](value)


def _array(entry: dict[str, Any]) -> Any:
    dtype, values, shape = entry["dtype"], entry["v"], entry["shape"]
    if dtype.startswith("complex"):
        pairs = np.array(values, dtype=float).reshape(*shape, 2)
        return (pairs[..., 0] + 1j * pairs[..., 1]).astype(dtype)
    if dtype.startswith("S"):
        flat = [bytes.fromhex(text) for text in np.array(values).ravel().tolist()]
        return np.array(flat, dtype=dtype if len(dtype) > 1 else None).reshape(shape)
    return np.array(values, dtype=None if dtype.startswith("U") else dtype).reshape(shape)


def same(actual: Any, entry: dict[str, Any]) -> bool:
    """Return whether a loaded value is what the sidecar says, type included."""
    if entry["t"].startswith("Shared"):
        return type(actual).__name__ == entry["t"]
    value = build(entry)
    if entry["t"] == "ObjectTable":
        return _same_table(actual, value)
    if entry["t"] in ("DataFrame", "Series"):
        return _same_frame(actual, entry, value)
    if entry["t"].endswith("_matrix"):
        return type(actual).__name__ == entry["t"] and nested_equal(actual.toarray(), value)
    if isinstance(value, np.ndarray):
        kinds = {actual.dtype.kind, value.dtype.kind}
        return (
            type(actual) is type(value)
            and actual.shape == value.shape
            and (actual.dtype == value.dtype or kinds == {"U"})
            and bool(nested_equal(actual, value))
        )
    return type(actual) is type(value) and bool(nested_equal(actual, value))


def _same_table(actual: Any, value: Any) -> bool:
    if type(actual).__name__ != "ObjectTable" or list(actual.columns) != list(value.columns):
        return False
    return len(actual) == len(value) and all(
        type(cell) is type(wanted) and bool(nested_equal(cell, wanted))
        for name in value.columns
        for cell, wanted in zip(actual[name], value[name], strict=True)
    )


def _same_frame(actual: Any, entry: dict[str, Any], value: Any) -> bool:
    import pandas

    if type(actual).__name__ != entry["t"] or [*map(str, actual.index)] != entry["index"]:
        return False
    actual = actual.copy()
    actual.index = value.index
    if isinstance(actual, pandas.Series):
        pandas.testing.assert_series_equal(actual, value)
    else:
        actual.columns = actual.columns.astype(str)  # what an empty frame has there is no text
        pandas.testing.assert_frame_equal(actual, value)
    return True
