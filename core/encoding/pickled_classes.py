"""Which classes and functions a pickle of unknown origin may name.

A pickle calls what it names, with arguments of its own. So whole packages cannot be admitted
(`numpy.memmap` makes files, other functions run code): of numpy, pandas and scipy there are the
types of data and the functions with which these restore themselves.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from pypet.errors import RefusedPickleError

_OLD_MODULES = {"__builtin__": "builtins", "copy_reg": "copyreg"}
"""Names of Python 2, which the older protocols use."""
_OLD_NAMES = {("builtins", "unicode"): "str", ("builtins", "long"): "int"}

_PLAIN = {
    "builtins": "bool bytearray bytes complex dict float frozenset int list object range set "
    "slice str tuple Ellipsis NotImplemented",
    "collections": "Counter OrderedDict defaultdict deque",
    "copyreg": "_reconstructor __newobj__ __newobj_ex__",
    "_codecs": "encode",
    "datetime": "date datetime time timedelta timezone",
    "decimal": "Decimal",
    "fractions": "Fraction",
    "pathlib": "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath",
    "types": "SimpleNamespace",
    "uuid": "UUID",
    "zoneinfo": "ZoneInfo",
}
_PLAIN_NAMES = frozenset(
    (module, name) for module, names in _PLAIN.items() for name in names.split()
)

_NUMPY_FUNCTIONS = frozenset(
    (
        "_reconstruct",
        "scalar",
        "_frombuffer",
        "_mareconstruct",
        "__generator_ctor",
        "__bit_generator_ctor",
        "__randomstate_ctor",
        "__pyx_unpickle_SeedSequence",
    )
)
_PANDAS_PREFIXES = ("_new_", "_unpickle_", "__pyx_unpickle_", "_nat_unpickle", "_timedelta_unp")


def admitted(
    module_name: str, global_name: str, declared: dict[tuple[str, str], type]
) -> Any | None:
    """Return what a pickle names, or None if it may not.

    No module is imported but those of numpy, pandas, scipy and Python's own containers.
    ``declared`` is what `resolved_imports` returned.
    """
    found = declared.get((module_name, global_name))
    if found is not None:
        return found
    module_name = _OLD_MODULES.get(module_name, module_name)
    global_name = _OLD_NAMES.get((module_name, global_name), global_name)
    if (module_name, global_name) == ("builtins", "getattr"):
        return _restoring_method
    if (module_name, global_name) in _PLAIN_NAMES:
        return _named(module_name, global_name)
    judge = _JUDGES.get(module_name.partition(".")[0])
    if judge is None:
        return None
    candidate = _named(module_name, global_name)
    return candidate if candidate is not None and judge(candidate, global_name) else None


def resolved_imports(imports: Iterable[type | str]) -> dict[tuple[str, str], type]:
    """Return declared classes by the module and name under which a pickle may know them."""
    classes: dict[tuple[str, str], type] = {}
    for entry in imports:
        if isinstance(entry, str):
            module_name, _, name = entry.rpartition(".")
            cls = _named(module_name, name)
            if not isinstance(cls, type):
                continue
            classes[(module_name, name)] = cls
        else:
            cls = entry
        classes[(cls.__module__, cls.__qualname__)] = cls
    return classes


def _restoring_method(owner: Any, name: Any) -> Any:
    """Stand for ``getattr`` in pickles of time zones, which need it for one method."""
    from zoneinfo import ZoneInfo

    if owner is not ZoneInfo or name != "_unpickle":
        raise RefusedPickleError(
            f"A pickle asks {owner!r} for {name!r}, which `unpickle='safe'` does not load."
        )
    return getattr(owner, name)


def _named(module_name: str, global_name: str) -> Any | None:
    try:
        found: Any = importlib.import_module(module_name)
        for part in global_name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError):
        return None
    return found


def _is_numpy_data(candidate: Any, name: str) -> bool:
    if isinstance(candidate, type):
        if issubclass(candidate, np.ndarray):
            return not issubclass(candidate, np.memmap)
        if issubclass(candidate, np.generic | np.dtype):
            return True
        return issubclass(candidate, np.random.BitGenerator | np.random.SeedSequence)
    return name in _NUMPY_FUNCTIONS and _is_of(candidate, "numpy")


def _is_pandas_data(candidate: Any, name: str) -> bool:
    pandas = importlib.import_module("pandas")
    extensions = pandas.api.extensions
    if isinstance(candidate, type):
        kinds = (
            pandas.DataFrame,
            pandas.Series,
            pandas.Index,
            extensions.ExtensionArray,
            extensions.ExtensionDtype,
            pandas.Timestamp,
            pandas.Timedelta,
            pandas.Period,
            pandas.Interval,
            type(pandas.NaT),
            pandas.tseries.offsets.BaseOffset,
            pandas.core.internals.BlockManager,
            pandas.core.internals.SingleBlockManager,
        )
        return issubclass(candidate, kinds)
    return name.startswith(_PANDAS_PREFIXES) and _is_of(candidate, "pandas")


def _is_scipy_data(candidate: Any, name: str) -> bool:
    if not isinstance(candidate, type):
        return False
    sparse = importlib.import_module("scipy.sparse")
    return issubclass(candidate, sparse.spmatrix | sparse.sparray | dict)


def _is_own_data(candidate: Any, name: str) -> bool:
    pandas = sys.modules.get("pandas")  # without it nothing of pypet is a frame
    return pandas is not None and isinstance(candidate, type) and name == "ObjectTable"


def _is_of(candidate: Any, package: str) -> bool:
    return str(getattr(candidate, "__module__", "")).partition(".")[0] == package


_JUDGES: dict[str, Callable[[Any, str], bool]] = {
    "numpy": _is_numpy_data,
    "pandas": _is_pandas_data,
    "scipy": _is_scipy_data,
    "pypet": _is_own_data,
}
