"""Which storage service a user means, and with which of the keywords it is made."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable
from typing import Any, NamedTuple

from pypet.errors import UnknownPluginError
from pypet.leaves.class_lookup import create_class, load_class
from pypet.manager import get_manager
from pypet.support.arguments import check_path, get_matching_kwargs
from pypet.support.spelling import did_you_mean

HDF5_EXTENSIONS = (".hdf", ".h4", ".hdf4", ".he2", ".h5", ".hdf5", ".he5")
DEFAULT_SERVICE = "hdf5"


class StorageChoice(NamedTuple):
    """A service that can be made, once it is clear that every keyword has a use."""

    service: Any
    """A class, an instance, or None for no service."""
    keywords: dict[str, Any]
    """What the class is made with."""
    unused: frozenset[str]
    """Keywords that it does not take."""

    def make(self) -> Any:
        """Return the service; constructors of some services add config data to a trajectory."""
        if isinstance(self.service, type):
            return self.service(**self.keywords)
        return self.service

    def check_all_used(self, caller: str, known: Iterable[str] = ()) -> None:
        """Refuse keywords that nobody takes; ``known`` are those of the caller itself.

        Raises
        ------
        ValueError
            There are some.
        """
        if self.unused:
            names = ", ".join(f"`{name}`" for name in sorted(self.unused))
            if isinstance(self.service, type):
                taker = f"the storage service {self.service.__name__}"
            elif self.service is None:
                taker = "any storage service, because none is given"
            else:
                taker = f"the ready-made storage service {self.service!r}"
            names_of_service: Iterable[str] = ()
            if isinstance(self.service, type):
                names_of_service = inspect.signature(self.service).parameters
            raise ValueError(
                f"{caller} got {names}, which is no keyword of its own or of {taker}."
                + did_you_mean(min(self.unused), [*known, *names_of_service])
            )


def choose_storage(service: Any, trajectory: Any = None, **kwargs: Any) -> StorageChoice:
    """Find out what ``service`` means and which keywords it takes, without making it.

    Parameters
    ----------
    service
        A registered name like ``'hdf5'``, a class, an import string ``'module.Class'``, an
        instance, or None: then ``filename=`` decides by its extension, and without it there is
        no service.
    trajectory
        Given to services that take it.

    Raises
    ------
    ValueError
        The extension or the name is unknown, a package is not installed, or the service's own
        declaration of an option refuses a keyword's value.
    ImportError, AttributeError
        An import string leads nowhere.
    TypeError
        ``service`` can neither store nor load, or a keyword's value has a wrong type.
    """
    if service is None and "filename" in kwargs:
        service = _service_for(kwargs["filename"])
    if isinstance(service, str):
        service = _service_named(service, trajectory)
    if not isinstance(service, type):
        if not (service is None or hasattr(service, "store") or hasattr(service, "load")):
            raise TypeError(
                f"storage_service={service!r} ({type(service).__name__}) can neither store nor "
                "load; give a registered name, a class, its import string or an instance."
            )
        return StorageChoice(service, {}, frozenset(kwargs))
    offered = kwargs if trajectory is None else {**kwargs, "trajectory": trajectory}
    keywords = get_matching_kwargs(service, offered)
    for option in getattr(service, "options", ()):
        if option.name in keywords:
            option.validate(keywords[option.name])
    return StorageChoice(service, keywords, frozenset(kwargs) - frozenset(keywords))


def storage_factory(
    storage_service: Any, trajectory: Any = None, **kwargs: Any
) -> tuple[Any, set[str]]:
    """Return the storage service that is meant, and the names of unused keywords.

    For the arguments and errors see `choose_storage`.
    """
    choice = choose_storage(storage_service, trajectory, **kwargs)
    return choice.make(), set(choice.unused)


def _service_for(filename: Any) -> str:
    check_path(filename, "filename")
    extension = os.path.splitext(os.fspath(filename))[1]
    if extension.lower() not in HDF5_EXTENSIONS:
        raise ValueError(
            f"The extension {extension!r} of filename={filename!r} does not tell which storage "
            f"service to use. HDF5 files end in {', '.join(HDF5_EXTENSIONS)}; for others, or for "
            "a folder, give `storage_service=` too."
        )
    return DEFAULT_SERVICE


def _service_named(name: str, trajectory: Any) -> Any:
    if "." in name:
        try:
            return load_class(name)
        except (ImportError, AttributeError) as err:
            err.add_note(f"This happened while importing storage_service={name!r}.")
            raise
    try:
        return get_manager().storage_service(name)
    except UnknownPluginError as unknown:
        imports: Iterable[Any] = () if trajectory is None else trajectory._dynamic_imports
        try:
            return create_class(name, imports)
        except ImportError:
            raise unknown from None
