"""`HasSlots`: classes with ``__slots__`` that can be pickled, copied and listed like any other."""

from __future__ import annotations

from typing import Any

_NOT_STATE = frozenset(("__dict__", "__weakref__"))


def get_all_slots(cls: type) -> set[str]:
    """Return the names of all slots of ``cls`` and its bases, as they are found on instances.

    A single string as ``__slots__`` counts as one name; private names (``__x``) come mangled.
    """
    slots: set[str] = set()
    for base in cls.__mro__:
        declared = base.__dict__.get("__slots__", ())
        names = (declared,) if isinstance(declared, str) else declared
        slots.update(_mangled(base, name) for name in names)
    return slots


def _mangled(cls: type, name: str) -> str:
    if name.startswith("__") and not name.endswith("__"):
        return f"_{cls.__name__.lstrip('_')}{name}"
    return name


def _instance_dict(instance: object) -> dict[str, Any]:
    # Not getattr, here and below: it would call `__getattr__` of classes for unset slots.
    try:
        own: dict[str, Any] = object.__getattribute__(instance, "__dict__")
    except AttributeError:
        return {}
    return own


class MetaSlotMachine(type):
    """Gives every class its ``__all_slots__``: the set of all slots of the class and its bases."""

    __all_slots__: set[str]

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> None:
        super().__init__(name, bases, namespace)
        cls.__all_slots__ = get_all_slots(cls)


class HasSlots(metaclass=MetaSlotMachine):
    """Base of slotted classes; works with every pickle protocol, with and without ``__dict__``."""

    __slots__ = ("__weakref__",)

    def __getstate__(self) -> dict[str, Any]:
        """Return everything that is set, instance dictionary and slots in one dictionary."""
        get = object.__getattribute__
        state: dict[str, Any] = {}
        for name in type(self).__all_slots__:
            try:
                state[name] = get(self, name)
            except AttributeError:
                continue
        state.update(_instance_dict(self))
        for name in _NOT_STATE:
            state.pop(name, None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Set what `__getstate__` returned."""
        # Not setattr: some classes have a `__setattr__` that adds user data.
        put = object.__setattr__
        for name, value in state.items():
            put(self, name, value)

    def __dir__(self) -> list[str]:
        """List members of the class, slots and entries of the instance dictionary."""
        names = set(dir(type(self))) | type(self).__all_slots__
        names.update(_instance_dict(self))
        return sorted(names)
