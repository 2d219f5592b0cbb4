"""Classes of nodes by name: built-in ones, and those that users import dynamically."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from pypet import tree
from pypet.leaves.array_parameter import ArrayParameter
from pypet.leaves.base_parameter import BaseParameter
from pypet.leaves.base_result import BaseResult
from pypet.leaves.parameter import Parameter
from pypet.leaves.pickle_result import PickleResult
from pypet.leaves.result import Result
from pypet.leaves.sparse_parameter import SparseParameter
from pypet.leaves.sparse_result import SparseResult

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
"""Classes of layers above this one, imported when they are asked for."""


def load_class(path: str) -> type:
    """Import the class with this dotted path, for example ``'my_package.my_module.MyResult'``.

    Raises
    ------
    ImportError
        There is no such module, or ``path`` names none.
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


def create_class(class_name: str, dynamic_imports: Iterable[type | str]) -> type:
    """Return the class of this bare name.

    Built-in classes come first, then ``dynamic_imports``: classes, or dotted paths of which the
    last part counts.

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
    known = ", ".join(c if isinstance(c, str) else c.__name__ for c in imports) or "none"
    raise ImportError(
        f"There is no class {class_name!r} among the built-in ones and the dynamic imports "
        f"({known}). Add it to `dynamic_imports`, as a class or as a path like "
        f"'my_module.{class_name}'."
    )
