"""Resolves what users give as a storage service, and the keywords to make it with."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pypet.errors import UnknownPluginError
from pypet.interfaces import adapted
from pypet.leaves.class_lookup import create_class, load_class
from pypet.manager import get_manager
from pypet.manager.lookup_errors import unusable_plugins
from pypet.options.established import ESTABLISHED
from pypet.support.arguments import check_path, get_matching_kwargs
from pypet.support.spelling import did_you_mean

if TYPE_CHECKING:
    from pypet.interfaces import StorageService
    from pypet.manager import PluginManager
    from pypet.trajectory.state import TrajectoryState

DEFAULT_SERVICE: str = ESTABLISHED["storage_service"].default


class StorageChoice(NamedTuple):
    """A service that is not made yet, so that all keywords can be checked before."""

    service: Any
    """A class, an instance, or None for no service."""
    keywords: dict[str, Any]
    """Arguments of the class."""
    unused: frozenset[str]
    """Keywords that it does not take."""

    def make(self) -> Any:
        """Return the service; some constructors add config data to the trajectory."""
        if isinstance(self.service, type):
            return self.service(**self.keywords)
        return self.service

    def made(self) -> StorageChoice:
        """Return the same choice with the service itself instead of its class."""
        return self._replace(service=self.make())

    def check_all_used(self, caller: str, known: Iterable[str] = ()) -> None:
        """Raise if there are unused keywords; ``known`` are those of the caller itself.

        Raises
        ------
        ValueError
            There are.
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
                f"{caller} got {names}, which is not a keyword of its own or of {taker}."
                + did_you_mean(min(self.unused), [*known, *names_of_service])
            )


def choose_storage(
    service: Any,
    trajectory: TrajectoryState | None = None,
    kwargs: Mapping[str, Any] = {},
    manager: PluginManager | None = None,
) -> StorageChoice:
    """Resolve ``service`` and the keywords that it takes, without making it.

    Parameters
    ----------
    service
        A registered name like ``'hdf5'``, the name of a class among the dynamic imports of the
        trajectory, a class, an import string ``'module.Class'``, an instance, or None: then
        the extension of ``filename`` decides, and without it there is no service.
    trajectory
        Passed to services that take it.
    kwargs
        Keywords of the service.
    manager
        Knows the registered names; by default the manager with all plugins.

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
        service = _service_for(kwargs["filename"], manager or get_manager())
    if isinstance(service, str):
        imports = () if trajectory is None else trajectory._dynamic_imports
        service = _service_named(service, imports, manager or get_manager())
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
    """Make a storage service; return it and the names of unused keywords.

    For arguments and errors see `choose_storage`.
    """
    choice = choose_storage(storage_service, trajectory, kwargs)
    return choice.make(), set(choice.unused)


def service_of_file(filename: Any, manager: PluginManager | None = None) -> str | None:
    """Return the name of the storage service that claims the extension of a file; None for none.

    The service need not be usable: a package may be missing.
    """
    if not isinstance(filename, str | os.PathLike):
        return None
    extension = os.path.splitext(os.fspath(filename).rstrip("/"))[1]
    if not extension:
        return None
    return (manager or get_manager()).storage_service_of_file(extension, DEFAULT_SERVICE)


def service_to_read(path: str | os.PathLike[str]) -> StorageService:
    """Return a service for a file of unknown origin, which unpickles only what is safe.

    The extension chooses it; without a known one it is the default service.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    IsADirectoryError
        It is a folder, in which the service finds nothing.
    MissingDependencyError, PluginError, UnknownPluginError
        The service is not available.
    """
    if not os.path.exists(path):
        if os.path.islink(path):
            raise FileNotFoundError(f"{path} is a link to a file that does not exist.")
        raise FileNotFoundError(f"There is no file or folder {path}.")
    name = service_of_file(path) or DEFAULT_SERVICE
    keywords = {"filename": os.path.abspath(path), "unpickle": "safe"}
    service = adapted(choose_storage(name, None, keywords).make())
    # The default service may take a file of its own choice in a folder.
    file = getattr(service, "filename", None) or path
    if os.path.isdir(path) and not os.path.exists(file):
        raise IsADirectoryError(f"{path} is a folder; name one of the files in it.")
    if hasattr(service, "unpickle"):
        # Also of services that inherit the policy and have no option for it.
        service.unpickle = "safe"
    return service


def _service_for(filename: Any, manager: PluginManager) -> str:
    check_path(filename, "filename")
    name = service_of_file(filename, manager)
    if name is None:
        extension = os.path.splitext(os.fspath(filename))[1]
        known = "".join(
            f" Files of {service!r} end in {', '.join(endings)}."
            for service, endings in manager.file_extensions().items()
        )
        switched_off = "".join(f" {text}." for text in unusable_plugins(manager.entries))
        raise ValueError(
            f"The extension {extension!r} of filename={filename!r} does not determine the "
            f"storage service.{known}{switched_off} For others, or for a folder, give "
            "`storage_service=` too."
        )
    return name


def _service_named(name: str, imports: Iterable[Any], manager: PluginManager) -> Any:
    if "." in name:
        try:
            return load_class(name)
        except (ImportError, AttributeError) as err:
            err.add_note(f"This happened while importing storage_service={name!r}.")
            raise
    try:
        return manager.storage_service(name)
    except UnknownPluginError as unknown:
        try:
            return create_class(name, imports)
        except ImportError:
            raise unknown from None
