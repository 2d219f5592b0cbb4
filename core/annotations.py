"""Annotations: small free-form notes on the nodes of a trajectory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pypet.slots import HasSlots
from pypet.support.loggers import HasLogger


class Annotations(HasSlots):
    """Names and values, as attributes or items: ``a.x = 5``, ``a['x']``, ``a.f_get('x')``.

    Integers are positional annotations: 0 for ``annotation``, n for ``annotation_n``.
    Values may be anything, but most services keep only small ones.
    """

    __slots__ = ("_dict",)

    _dict: dict[str, Any]

    def __init__(self) -> None:
        object.__setattr__(self, "_dict", {})

    # ----- setting -------------------------------------------------------------------------

    def f_set(self, /, *args: Any, **kwargs: Any) -> None:
        """Set positional annotations (``annotation``, ``annotation_1``, ...) and named ones."""
        for position, value in enumerate(args):
            self._dict[_name_of(position)] = value
        self._dict.update(kwargs)

    def f_set_single(self, name: str, data: Any) -> None:
        """Set or replace one annotation."""
        self._dict[_name_of(name)] = data

    def __setattr__(self, name: str, value: Any) -> None:
        if hasattr(type(self), name):
            object.__setattr__(self, name, value)  # a slot, or an error for what is not data
        else:
            self._dict[name] = value

    def __setitem__(self, key: str | int, value: Any) -> None:
        self._dict[_name_of(key)] = value

    # ----- getting -------------------------------------------------------------------------

    def f_get(self, *args: str | int) -> Any:
        """Return one annotation, or a tuple if several are named.

        Without arguments, the only annotation there is.

        Raises
        ------
        AttributeError
            There is no such annotation, or none at all.
        ValueError
            Nothing was named and there are several annotations.
        """
        if not args:
            return self._only_value()
        if len(args) == 1:
            return self._value(args[0])
        return tuple(self._value(key) for key in args)

    def _only_value(self) -> Any:
        if not self._dict:
            raise AttributeError("There are no annotations.")
        if len(self._dict) > 1:
            raise ValueError(
                f"There are {len(self._dict)} annotations, specify one of: "
                f"{', '.join(sorted(self._dict))}."
            )
        return next(iter(self._dict.values()))

    def _value(self, key: str | int) -> Any:
        name = _name_of(key)
        try:
            return self._dict[name]
        except (KeyError, TypeError):
            raise self._missing(name) from None

    def _missing(self, name: Any) -> AttributeError:
        known = ", ".join(sorted(self._dict)) or "none"
        return AttributeError(f"There is no annotation {name!r}; there are: {known}.")

    def __getattr__(self, name: str) -> Any:
        if name == "_dict":  # looked up before it is set, while unpickling
            raise AttributeError(name)
        return self._value(name)

    def __getitem__(self, key: str | int) -> Any:
        return self._value(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._dict)

    def __contains__(self, key: object) -> bool:
        return _name_of(key) in self._dict

    def f_to_dict(self, copy: bool = True) -> dict[str, Any]:
        """Return all annotations as a (shallow) copy, or the dictionary that keeps them."""
        return self._dict.copy() if copy else self._dict

    def f_is_empty(self) -> bool:
        """Return whether there are no annotations."""
        return not self._dict

    # ----- removing ------------------------------------------------------------------------

    def f_remove(self, key: str | int) -> None:
        """Remove one annotation.

        Raises
        ------
        AttributeError
            There is no such annotation.
        """
        name = _name_of(key)
        try:
            del self._dict[name]
        except (KeyError, TypeError):
            raise self._missing(name) from None

    def __delattr__(self, name: str) -> None:
        self.f_remove(name)

    def __delitem__(self, key: str | int) -> None:
        self.f_remove(key)

    def f_empty(self) -> None:
        """Remove all annotations."""
        self._dict.clear()

    # ----- text ----------------------------------------------------------------------------

    def f_ann_to_str(self) -> str:
        """Return ``key=value`` of all annotations, sorted by key and joined by ``'; '``."""
        return "; ".join(f"{name}={self._dict[name]}" for name in sorted(self._dict))

    def __str__(self) -> str:
        return self.f_ann_to_str()

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._dict})


def _name_of(key: Any) -> Any:
    if isinstance(key, int):
        return "annotation" if key == 0 else f"annotation_{int(key)}"
    return key


class WithAnnotations(HasLogger, HasSlots):
    """Gives nodes annotations; the container is created on first access."""

    __slots__ = ("_annotations",)

    _annotations: Annotations | None

    def __init__(self) -> None:
        self._annotations = None

    @property
    def v_annotations(self) -> Annotations:
        """The annotations of this node."""
        annotations = self._annotations
        if annotations is None:
            annotations = Annotations()
            object.__setattr__(self, "_annotations", annotations)
        return annotations

    def f_set_annotations(self, /, *args: Any, **kwargs: Any) -> None:
        """Set annotations, see `Annotations.f_set`."""
        self.v_annotations.f_set(*args, **kwargs)

    def f_get_annotations(self, *args: str | int) -> Any:
        """Return annotations, see `Annotations.f_get`."""
        return self.v_annotations.f_get(*args)

    def f_ann_to_str(self) -> str:
        """Return all annotations as text, ``''`` if there are none."""
        annotations = self._annotations
        return "" if annotations is None else annotations.f_ann_to_str()
