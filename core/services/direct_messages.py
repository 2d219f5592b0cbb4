"""Messages that work on stored data directly, without a request from live nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pypet import pypetconstants as constants
from pypet.services.backend import RecordBackend
from pypet.services.transfer import delete

if TYPE_CHECKING:
    from pypet.tree.typed_groups import RootGroup


def _backup(
    service: RecordBackend,
    traj: RootGroup,
    backup_filename: str | None = None,
    *,
    trajectory_name: str,
    **_: Any,
) -> None:
    target = service.backup_service(trajectory_name, backup_filename)
    with service.exclusive(target), service.reading():
        service.copy_to(target, trajectory_name)


def _merge(
    service: RecordBackend,
    label: Any,
    other_trajectory_name: str,
    rename_dict: Mapping[str, str],
    move_nodes: bool = False,
    delete_trajectory: bool = False,
    other_filename: str | None = None,
    links: Mapping[str, str] | None = None,
    last_step: Callable[[], None] | None = None,
    *,
    trajectory_name: str,
    **_: Any,
) -> None:
    """Copy nodes one by one from their old to their new names, then create the links.

    ``last_step`` is called when everything is copied. After an error, including one of the last
    step, the copies are deleted again. Moved nodes are deleted from the other trajectory at the
    very end.

    Raises
    ------
    ValueError
        There is no such other trajectory, or no such file.
    """
    source = service.beside(other_filename)
    with service.exclusive(source):
        with source.reading():
            source.read_meta(other_trajectory_name, with_runs=False)
        copying = service.node_copy(trajectory_name)
        with source.kept_open(other_trajectory_name), service.kept_open(trajectory_name):
            try:
                copying.copy(source, other_trajectory_name, rename_dict)
                copying.link(links or {})
                if last_step is not None:
                    last_step()
                service.flush()
            except BaseException:
                copying.undo()
                raise
            if delete_trajectory:
                source.delete_trajectory(other_trajectory_name)
            elif move_nodes:
                delete(source, other_trajectory_name, copying.copied_leaves)


def _access_data(
    service: RecordBackend,
    path: str,
    item_name: str,
    request: str,
    args: Sequence[Any] | None,
    kwargs: Mapping[str, Any] | None,
    *,
    trajectory_name: str,
    **_: Any,
) -> Any:
    return service.access_data(trajectory_name, path, item_name, request, args, kwargs)


DIRECT: dict[str, Callable[..., Any]] = {
    constants.BACKUP: _backup,
    constants.MERGE: _merge,
    constants.ACCESS_DATA: _access_data,
}
"""Message -> the function that handles it."""
