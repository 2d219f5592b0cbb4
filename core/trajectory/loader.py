"""`load_trajectory`: a stored trajectory as a new object."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pypet import pypetconstants as constants
from pypet.support.decorators import kwargs_api_change
from pypet.trajectory.storage_choice import DEFAULT_SERVICE
from pypet.trajectory.trajectory import Trajectory
from pypet.tree.wildcards import WildcardFunction


@kwargs_api_change("load_all", "load_data")
@kwargs_api_change("dynamically_imported_classes", "dynamic_imports")
def load_trajectory(
    name: str | None = None,
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
    storage_service: Any = DEFAULT_SERVICE,
    **kwargs: Any,
) -> Trajectory:
    """Load a stored trajectory, chosen by name or index, and return it.

    ``new_name`` and ``add_time`` name the trajectory with ``as_new``. The keywords beyond those
    listed are for the storage service, for instance ``filename``: a file, or with ``name`` the
    folder of the file that is called so. For all else see `Trajectory.f_load`.

    Raises
    ------
    ValueError
        Not exactly one of name and index is given, there is no such trajectory or file, or a
        keyword is unknown.
    VersionMismatchError
        The layout of what is stored is not known, see ``force``.
    """
    if (name is None) == (index is None):
        raise ValueError(
            "Give the name or the index of the trajectory to load, for example `index=-1` for the "
            f"last one; {'neither was' if name is None else 'both were'} given."
        )
    is_file = isinstance(name, str) and bool(os.path.splitext(name)[1])
    if is_file and "filename" not in kwargs and storage_service == DEFAULT_SERVICE:
        raise ValueError(
            f"{name!r} is no name of a trajectory; if it is the file, load its last trajectory by "
            f"`load_trajectory(index=-1, filename={name!r})`."
        )
    traj = Trajectory(
        new_name,
        add_time=add_time,
        dynamic_imports=dynamic_imports,
        wildcard_functions=wildcard_functions,
    )
    traj.f_load(
        name=name,
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
        **kwargs,
    )
    return traj
