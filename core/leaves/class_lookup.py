"""Classes of nodes by name: built-in ones, and those that users import dynamically."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec

from pypet import tree
from pypet.leaves.array_parameter import ArrayParameter
from pypet.leaves.base_parameter import BaseParameter
from pypet.leaves.parameter import Parameter
from pypet.leaves.pickle_leaves import PickleResult
from pypet.leaves.result import BaseResult, Result
from pypet.leaves.sparse_leaves import SparseParameter, SparseResult
from pypet.manager import get_manager
from pypet.support.spelling import did_you_mean

_BUILT_IN: dict[str, type] = {
    cls.__name__: cls
    for cls in (
        tree.ConfigGroup,
        tree.DerivedParameterGroup,
        tree.NNGroupNode,
        tree.NNLeafNode,
        tree.ParameterGroup,
        tree.ResultGroup,
        ArrayParameter,
        BaseParameter,
        BaseResult,
        Parameter,
        PickleResult,
        Result,
        SparseParameter,
        SparseResult,
    )
}

_BUILT_IN_ABOVE = {"SharedResult": "pypet.shareddata.SharedResult"}
"""Classes of higher layers, imported on demand."""


def load_class(path: str) -> type:
    """Import the class with this dotted path, for example ``'my_package.my_module.MyResult'``.

    Raises
    ------
    ImportError
        There is no such module, or ``path`` does not include one.
    AttributeError
        The module has no such class.
    """
    module_name, _, class_name = path.rpartition(".")
    if not module_name:
        raise ImportError(
            f"Cannot import the class {path!r}: say from which module, as in 'my_module.{path}'."
        )
    cls: type = getattr(import_module(module_name), class_name)
    return cls


def check_class_path(path: str) -> None:
    """Check for a class with this dotted path without importing its module.

    An import could run the script of the experiment a second time.

    Raises
    ------
    ValueError
        There is no such module, or it has no such class.
    """
    module_name, _, class_name = path.rpartition(".")
    if not module_name or not all(part.isidentifier() for part in path.split(".")):
        raise ValueError(
            f"The dynamic import {path!r} is not a path of a class: say from which module, as in "
            "'my_module.MyResult'."
        )
    module = sys.modules.get(module_name)
    if module is not None:
        # A module that is still being executed, like the script, may define the class later.
        spec = getattr(module, "__spec__", None)
        is_complete = module_name != "__main__" and not getattr(spec, "_initializing", False)
        if is_complete and not hasattr(module, class_name):
            raise _no_class(path, module_name, class_name, dir(module))
        return
    spec = _find_module(module_name)
    if spec is None:
        raise ValueError(
            f"The dynamic import {path!r} was not found: there is no module {module_name!r}. "
            "Check its name and `sys.path`."
        )
    source = _source(spec)
    words = set(re.findall(r"\w+", source))
    is_dynamic = words & {"__getattr__", "globals", "setattr"} or re.search(r"import\s+\*", source)
    if source and class_name not in words and not is_dynamic:
        raise _no_class(path, module_name, class_name, words)


def _no_class(path: str, module_name: str, class_name: str, names: Iterable[str]) -> ValueError:
    return ValueError(
        f"The dynamic import {path!r} was not found: module {module_name!r} has no class "
        f"{class_name!r}.{did_you_mean(class_name, names)}"
    )


def _find_module(name: str) -> ModuleSpec | None:
    """Return the spec of a module, None if there is none; imports parent packages only."""
    package, _, _ = name.rpartition(".")
    if package and _find_module(package) is None:
        return None
    try:
        return find_spec(name)
    except (ImportError, ValueError):  # the parent is not a package, or has no spec
        return None


def _source(spec: ModuleSpec) -> str:
    """Return the source of a module, ``''`` if it has no Python source."""
    try:
        return getattr(spec.loader, "get_source", lambda _: None)(spec.name) or ""
    except (ImportError, SyntaxError, UnicodeDecodeError):
        return ""


def create_class(class_name: str, dynamic_imports: Iterable[type | str]) -> type:
    """Return the class with this name, without module.

    Built-in classes come first, then ``dynamic_imports``: classes, or dotted paths that end with
    the name. The classes that plugins register come last.

    Raises
    ------
    ImportError
        There is no class of this name.
    """
    built_in = _BUILT_IN.get(class_name)
    if built_in is not None:
        return built_in
    if class_name in _BUILT_IN_ABOVE:
        return load_class(_BUILT_IN_ABOVE[class_name])
    imports = list(dynamic_imports)
    for candidate in imports:
        if isinstance(candidate, str):
            if candidate.rpartition(".")[2] == class_name:
                return load_class(candidate)
        elif candidate.__name__ == class_name:
            return candidate
    registered = get_manager().leaf_class_path(class_name)
    if registered is not None:
        return load_class(registered)
    known = ", ".join(c if isinstance(c, str) else c.__name__ for c in imports) or "none"
    raise ImportError(
        f"There is no class {class_name!r} among the built-in ones, those of plugins, and the "
        f"dynamic imports ({known}). Add it to `dynamic_imports`, as a class or as a path like "
        f"'my_module.{class_name}'."
    )
