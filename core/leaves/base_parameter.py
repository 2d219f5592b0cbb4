"""`BaseParameter`: the common part of all parameters, and the interface of custom ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn

from pypet.errors import ParameterLockedException
from pypet.leaves.supported_data import SCALAR_TYPES
from pypet.support.comparisons import nested_equal
from pypet.tree.node import NNLeafNode

NO_VALUE_TEXT = "(no value)"


class BaseParameter(NNLeafNode):
    """Base class of parameters: leaves with one value that can be explored over a range.

    A range has one value for each run. Reading, exploring, storing and loading lock a parameter, so
    that a value that a simulation has already used cannot change.

    Custom classes implement `f_set`, `f_get`, `f_get_default`, `f_get_range`,
    `f_has_range`, `f_is_empty`, `f_empty`, `_explore`, `_expand`, `_shrink`,
    `_set_parameter_access`, `_restore_default`, `_store` and `_load`, or derive from `Parameter`
    and override `f_supports`, `_values_of_same_type` and `_equal_values`.
    """

    __slots__ = ("_explored", "_full_copy", "_is_left_in_storage", "_locked")

    _explored: bool
    _full_copy: bool
    _is_left_in_storage: bool
    """Whether the storage may hold a value that is not in memory."""
    _locked: bool

    def __init__(self, full_name: str, comment: str = "") -> None:
        super().__init__(full_name, comment, True)
        self._locked = False
        self._explored = False
        self._full_copy = False
        self._is_left_in_storage = False

    # ----- state ---------------------------------------------------------------------------

    @property
    def v_locked(self) -> bool:
        """Whether the parameter rejects changes."""
        return self._locked

    @property
    def v_explored(self) -> bool:
        """Whether the parameter was explored; also true for copies without the range."""
        return self._explored

    @property
    def v_full_copy(self) -> bool:
        """Whether pickles and copies contain the whole range, not just the current value."""
        return self._full_copy

    @v_full_copy.setter
    def v_full_copy(self, value: Any) -> None:
        self._full_copy = bool(value)

    def f_lock(self) -> None:
        """Reject further changes."""
        self._locked = True

    def f_unlock(self) -> None:
        """Allow changes again."""
        self._locked = False

    def _refuse_if_locked(self, change: str) -> None:
        if self._locked:
            raise ParameterLockedException(
                f"Parameter {self._full_name!r} is locked and cannot be {change}. It was read, "
                "stored or loaded before; `f_unlock()` allows changes again."
            )

    # ----- types of data -------------------------------------------------------------------

    def f_supports(self, data: Any) -> bool:
        """Return whether the parameter supports ``data``, by its exact type."""
        return type(data) in SCALAR_TYPES

    def _both_supported(self, a: Any, b: Any) -> bool:
        supports_a, supports_b = self.f_supports(a), self.f_supports(b)
        if not (supports_a or supports_b):
            raise TypeError(
                f"{type(self).__name__} {self._full_name!r} supports neither "
                f"{type(a).__name__} nor {type(b).__name__}, so they cannot be compared."
            )
        return supports_a and supports_b

    def _values_of_same_type(self, a: Any, b: Any) -> bool:
        """Return whether both values may be entries of one range.

        Raises
        ------
        TypeError
            The parameter supports neither.
        """
        return self._both_supported(a, b) and type(a) is type(b)

    def _equal_values(self, a: Any, b: Any) -> bool:
        """Return whether both values are of the same type and equal.

        Raises
        ------
        TypeError
            The parameter supports neither.
        """
        return self._both_supported(a, b) and self._values_of_same_type(a, b) and nested_equal(a, b)

    # ----- reading -------------------------------------------------------------------------

    def f_supports_fast_access(self) -> bool:
        """Return whether there is a value, which natural naming then returns.

        Natural naming returns None for a parameter added without value, and the parameter itself if
        the value was not loaded.
        """
        return not self.f_is_empty()

    def _means_none(self) -> bool:
        return not self._is_left_in_storage and self.f_is_empty()

    def f_get_range_length(self) -> int:
        """Return the number of entries of the range.

        Raises
        ------
        TypeError
            There is no range.
        """
        if not self.f_has_range():
            raise self._no_range()
        if not hasattr(self, "__len__"):
            self._not_implemented("__len__")
        return len(self)

    def _no_range(self) -> TypeError:
        return TypeError(f"Parameter {self._full_name!r} has no range: it is not explored here.")

    def f_val_to_str(self) -> str:
        """Return ``repr`` of the value; leaves the lock as it is."""
        locked = self._locked
        try:
            return repr(self.f_get())
        except Exception:
            # A failing `repr` of the value must not prevent the parameter from being stored.
            return NO_VALUE_TEXT
        finally:
            self._locked = locked

    def __getitem__(self, item: Any) -> Any:
        return self.f_get_range()[item]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.f_get_range())

    def __str__(self) -> str:
        facts = []
        if self.f_has_range():
            facts.append(f"len:{self.f_get_range_length()}")
        if self._comment:
            facts.append(f"`{self._comment}`")
        extra = f" ({', '.join(facts)})" if facts else ""
        value = "" if self.f_is_empty() else f": {self.f_val_to_str()}"
        return f"{self.f_get_class_name()} {self._full_name}{extra}{value}"

    def __repr__(self) -> str:
        return f"<{self}>"

    # ----- to be implemented by derived classes --------------------------------------------

    def _not_implemented(self, name: str) -> NoReturn:
        raise NotImplementedError(f"{type(self).__name__} does not implement `{name}`.")

    def f_set(self, data: Any) -> None:
        """Set value and default."""
        self._not_implemented("f_set")

    def f_get(self) -> Any:
        """Return the value and lock the parameter."""
        self._not_implemented("f_get")

    def f_get_default(self) -> Any:
        """Return the default value and lock the parameter."""
        self._not_implemented("f_get_default")

    def f_get_range(self, copy: bool = True) -> list[Any]:
        """Return a copy of the range, or the list of the parameter itself."""
        self._not_implemented("f_get_range")

    def f_has_range(self) -> bool:
        """Return whether the parameter has its range in memory."""
        self._not_implemented("f_has_range")

    def f_is_empty(self) -> bool:
        """Return whether there is no value."""
        self._not_implemented("f_is_empty")

    def f_empty(self) -> None:
        """Drop value, default and range."""
        self._not_implemented("f_empty")

    def _explore(self, explore_iterable: Iterable[Any]) -> None:
        """Set the range and lock the parameter."""
        self._not_implemented("_explore")

    def _expand(self, explore_iterable: Iterable[Any]) -> None:
        """Append to the range and lock the parameter."""
        self._not_implemented("_expand")

    def _shrink(self) -> None:
        """Drop the range, keep the value."""
        self._not_implemented("_shrink")

    def _set_parameter_access(self, idx: int = 0) -> None:
        """Make entry ``idx`` of the range the value."""
        self._not_implemented("_set_parameter_access")

    def _hold_value_of_run(self, value: Any, idx: int) -> None:
        """Make ``value`` the value, of run ``idx``, which the range here lacks.

        What the range has of other runs is lost. Used in workers only, on copies.
        """
        self.f_unlock()
        if self.f_has_range():
            self._shrink()
        self._explore([value] * (idx + 1))
        self._set_parameter_access(idx)

    def _restore_default(self) -> None:
        """Make the default the value."""
        self._not_implemented("_restore_default")

    def _store(self) -> Mapping[str, Any]:
        """Return the data to store by item name, and lock the parameter."""
        self._not_implemented("_store")

    def _load(self, load_dict: Mapping[str, Any]) -> None:
        """Restore the result of `_store` and lock the parameter."""
        self._not_implemented("_load")


def set_left_in_storage(parameter: BaseParameter, value: bool) -> None:
    """Set whether the storage may hold a value of a parameter that is not in memory."""
    parameter._is_left_in_storage = value
