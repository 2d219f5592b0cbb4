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
    if kind == "dict":
        return {key: build(value) for key, value in entry["v"].items()}
    if kind in ("ndarray", "matrix"):
        array = _array(entry)
        return array.view(np.matrix) if kind == "matrix" else array
    if kind.endswith("_matrix"):
        return np.array(entry["dense"], dtype=entry["dtype"]).reshape(entry["shape"])
    raise ValueError(f"unknown entry {entry!r}")


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
