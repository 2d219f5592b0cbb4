"""`load_trajectory`: a stored trajectory as a new object."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pypet import pypetconstants as constants
from pypet.interfaces import adapted
from pypet.services.storage_choice import DEFAULT_SERVICE, service_of_file
from pypet.support.decorators import kwargs_api_change
from pypet.trajectory.trajectory import Trajectory
from pypet.tree.wildcards import WildcardFunction


class _Default(str):
    """A default that can be distinguished from the same text given by a caller."""

    __slots__ = ()


_DEFAULT = _Default(DEFAULT_SERVICE)


@kwargs_api_change("load_all", "load_data")
@kwargs_api_change("dynamically_imported_classes", "dynamic_imports")
def load_trajectory(
    name: str | os.PathLike[str] | None = None,
    index: int | None = None,
    as_new: bool = False,
    load_parameters: int = constants.LOAD_DATA,
    load_derived_parameters: int = constants.LOAD_SKELETON,
    load_results: int = constants.LOAD_SKELETON,
    load_other_data: int = constants.LOAD_SKELETON,
    recursive: bool = True,
    load_data: int | None = None,
    max_depth: int | None = None,
    force: bool = False,
    dynamic_imports: Any = None,
    new_name: str = "my_trajectory",
    add_time: bool = True,
    wildcard_functions: Mapping[str | tuple[str, ...], WildcardFunction] | None = None,
    with_run_information: bool = True,
    storage_service: Any = _DEFAULT,
    *,
    on_error: str = "raise",
    **kwargs: Any,
) -> Trajectory:
    """Load a stored trajectory and return it.

    Parameters
    ----------
    name, index
        Which trajectory: its name, or its position in alphabetical order, negative from the end.
        With neither, the only trajectory of the file. A ``name`` with the extension of a storage
        service, such as ``'my.hdf5'``, is used as ``filename``, since no trajectory can have such
        a name.
    storage_service
        As for `Environment`. By default, the extension of the file determines the service.
    new_name, add_time
        Name of the trajectory with ``as_new``.
    **kwargs
        For the storage service, for instance ``filename``: a file, or with ``name`` the folder of
        the file of that name.

    For all other parameters see `Trajectory.f_load`.

    Raises
    ------
    ValueError
        Name and index are both given; or neither is, and there are several trajectories, which
        the message names; there is no such trajectory or file, or a keyword is unknown.
    VersionMismatchError
        The layout of what is stored is not known, see ``force``.
    """
    chosen: Any = name
    is_made_here = isinstance(storage_service, str | type)
    if is_made_here and "filename" not in kwargs and _is_file(name):
        kwargs["filename"], chosen = name, None
    if storage_service is _DEFAULT and "filename" in kwargs:
        storage_service = service_of_file(kwargs["filename"]) or DEFAULT_SERVICE
    if chosen is not None and index is not None:
        raise ValueError(
            "Give the name or the index of the trajectory to load, for example `index=-1` for the "
            f"last one, not both: {name!r}, {index!r}."
        )
    if chosen is None and index is None and storage_service == DEFAULT_SERVICE and not kwargs:
        raise ValueError(
            "Give the trajectory to load, by `name=` or `index=`, and its storage, for example by "
            "`filename=`; neither was given."
        )
    traj = Trajectory(
        new_name,
        add_time=add_time,
        dynamic_imports=dynamic_imports,
        wildcard_functions=wildcard_functions,
    )
    if chosen is None and index is None:
        traj._take_service("`load_trajectory`", storage_service, kwargs)
        chosen, storage_service, kwargs = _only_name(traj.v_storage_service), None, {}
    traj.f_load(
        name=chosen,
        index=index,
        as_new=as_new,
        load_parameters=load_parameters,
        load_derived_parameters=load_derived_parameters,
        load_results=load_results,
        load_other_data=load_other_data,
        recursive=recursive,
        load_data=load_data,
        max_depth=max_depth,
        force=force,
        with_run_information=with_run_information,
        storage_service=storage_service,
        on_error=on_error,
        **kwargs,
    )
    return traj


def _is_file(name: Any) -> bool:
    if isinstance(name, os.PathLike):
        return True
    return isinstance(name, str) and service_of_file(name) is not None


def _only_name(service: Any) -> str:
    """Return the name of the only trajectory that a service has.

    Raises
    ------
    ValueError
        It has none or several, or cannot list them.
    """
    names = adapted(service).trajectory_names()
    if names is None:
        raise ValueError(
            f"{service!r} cannot list its trajectories: give the name or the index of the one to "
            "load; neither was given."
        )
    if len(names) != 1:
        known = f"has several: {', '.join(map(repr, names))}" if names else "has none"
        raise ValueError(
            f"Say which trajectory to load, by `name=` or `index=`; neither was given, and "
            f"{service!r} {known}."
        )
    return names[0]
