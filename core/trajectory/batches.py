"""Batches: splitting the runs of a trajectory over files of their own, and merging them back."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pypet import pypetconstants as constants
from pypet.errors import DataNotInStorageError, NoSuchServiceError, StorageFormatError
from pypet.leaves.parameter import Parameter
from pypet.runs import run_table_of
from pypet.runs.states import NOT_RUN
from pypet.support.arguments import check_iterable
from pypet.trajectory.loader import load_trajectory
from pypet.trajectory.merging.merger import transfer_data
from pypet.trajectory.merging.plan import MergeOptions
from pypet.trajectory.merging.transfer import MERGED_CONFIG, RunRenaming, Transfer, plan_transfer
from pypet.trajectory.trajectory import Trajectory
from pypet.tree.storage import load_below
from pypet.tree.tree import tree_of
from pypet.tree.typed_groups import storage_service_of

if TYPE_CHECKING:
    from pypet.runs.table import RunTable
    from pypet.trajectory.trajectory import Trajectory

GROUP = "config.batch"
RUNS, SEED = "runs", "seed"
NAMES_SHOWN = 5
"""Maximum number of incomplete runs of a batch in a message."""

logger = logging.getLogger(__name__)


def split_into_batches(
    trajectory: Trajectory, number: int, folder: str | os.PathLike[str] | None = None
) -> list[str]:
    """Split the runs that are not completed into batches, and return the names of their files.

    Each file has a copy of the trajectory, with all its parameters and ranges, and is for some
    consecutive runs; the sizes of batches differ by one at most. `load_batch` loads one, and an
    `Environment` with the loaded trajectory executes these runs only, with the names, indices and
    random numbers that they have in the whole trajectory. `merge_batches` merges their data back.
    The trajectory itself is stored first.

    Parameters
    ----------
    trajectory
        A trajectory whose storage service has files, such as HDF5; its state in memory is split.
    number
        Number of batches, at least 1. If fewer runs are left, each one is a batch.
    folder
        Folder of the files ``<name of the trajectory>_batch_<number>.hdf5``; by default
        ``<data file>_batches`` beside the data file.

    Raises
    ------
    ValueError
        All runs are completed, or ``number`` is less than 1.
    TypeError
        ``number`` is not an integer, or the trajectory is in a run.
    FileExistsError
        There is a file of a batch already: merge its runs first, or choose another folder.
        Nothing was changed.
    NoSuchServiceError
        There is no storage service, or it cannot make copies in other files.
    RuntimeError
        It is not known of all runs whether they are completed.
    """
    traj = trajectory
    if isinstance(number, bool) or not isinstance(number, int | np.integer):
        raise TypeError(f"The number of batches is an integer, not {number!r}.")
    if number < 1:
        raise ValueError(f"There is at least one batch, not {number}.")
    parts = np.array_split(_pending(traj), number)
    batches = [part for part in parts if len(part)]
    if not batches:
        raise ValueError(
            f"All runs of trajectory `{traj.v_name}` are completed; there is nothing to split."
        )
    files = _free_files(traj, len(batches), folder)
    traj.f_store()
    parent = files[0].parent
    parent.mkdir(parents=True, exist_ok=True)
    # Files appear under their names when all of them are complete.
    with tempfile.TemporaryDirectory(prefix=".split_", dir=parent) as temporary:
        made = [Path(temporary, file.name) for file in files]
        for file, runs in zip(made, batches, strict=True):
            traj.f_backup(backup_filename=str(file))
            _mark(traj, file, runs)
        for source, target in zip(made, files, strict=True):
            os.replace(source, target)
    return [str(file) for file in files]


def load_batch(
    filename: str | os.PathLike[str], *, dynamic_imports: Any = None, wildcard_functions: Any = None
) -> Trajectory:
    """Load a batch to execute its runs: ``Environment(trajectory=load_batch(file)).run(...)``.

    Completed runs are not executed again, so that a batch that was interrupted, or whose runs
    failed, continues when its job is submitted once more.

    Parameters
    ----------
    filename
        One of the files that `split_into_batches` made.
    dynamic_imports, wildcard_functions
        As for `load_trajectory`.

    Raises
    ------
    ValueError
        There is no such file, or it is not a batch.
    """
    traj: Any = load_trajectory(
        index=-1,
        filename=os.fspath(filename),
        load_derived_parameters=constants.LOAD_DATA,
        dynamic_imports=dynamic_imports,
        wildcard_functions=wildcard_functions,
    )
    run_table_of(traj).select(_runs_of_batch(traj, filename), is_batch=True)
    # As in a new experiment, runs do not find data of earlier ones.
    find = run_table_of(traj).names.find
    nodes = (*tree_of(traj).groups.values(), *tree_of(traj).leaves.values())
    traj.f_remove_items([node for node in nodes if find(node.v_name) is not None], recursive=True)
    traj._seed = int(tree_of(traj).get_node(f"{GROUP}.{SEED}").f_get())
    return traj  # type: ignore[no-any-return]


def merge_batches(trajectory: Trajectory, filenames: Iterable[str | os.PathLike[str]]) -> list[str]:
    """Merge batches into their trajectory, and return the files of incomplete ones.

    Runs keep index, name, times, and the environment that executed them. Their data is copied, and
    so is everything that batches added outside of runs and that is not in the trajectory; their
    environments are recorded below ``config.environment``. Errors of failed runs are copied. Runs
    that are completed in the trajectory are skipped, so this can be called again, also while jobs
    are active. The files are not changed.

    A batch with incomplete runs is logged as a warning with the names of these runs, one that
    cannot be read as an error. Submit the job of such a batch again, and merge it afterwards. The
    data is then in the file of the trajectory: ``traj.f_load(load_data=2)`` loads it.

    Raises
    ------
    ValueError
        A file does not exist or is not a batch of this trajectory. Nothing was changed.
    """
    traj = trajectory
    files = [os.fspath(file) for file in check_iterable(filenames, "merge_batches", "load_batch")]
    for file in files:
        if not os.path.isfile(file):
            raise ValueError(f"There is no file {file!r}; `split_into_batches` makes batches.")
    _pending(traj)
    left = []
    loaded: dict[str, Any] = {}
    for file in files:
        try:
            copy = _load_copy(traj, file, constants.LOAD_NOTHING)
        except (OSError, StorageFormatError) as error:
            logger.error(
                "Batch %s cannot be read: %s. If it is damaged, delete it and make new batches of "
                "the runs that are left with `split_into_batches`.",
                file,
                error,
            )
            left.append(file)
            continue
        _check_belongs(traj, copy, file)
        loaded[file] = copy
    known = _stored_config(traj)
    for file, copy in loaded.items():
        if _merge(traj, copy, file, known):
            left.append(file)
    return [file for file in files if file in left]


def _merge(traj: Trajectory, copy: Trajectory, file: str, known: set[str]) -> int:
    """Merge one batch; return how many of its runs are not completed."""
    runs = [int(idx) for idx in _runs_of_batch(copy, file)]
    open_runs = [idx for idx in runs if not run_table_of(traj).completed(idx)]
    completed = [idx for idx in open_runs if run_table_of(copy).completed(idx)]
    failed = [idx for idx in open_runs if idx in run_table_of(copy).errors]
    if completed or failed:
        # Loaded only now, to have the nodes of one batch at a time in memory.
        whole = _load_copy(traj, file, constants.LOAD_SKELETON)
        # By its run table when it was loaded first: the job may have completed more runs by now.
        _merge_in_place(traj, whole, run_table_of(copy), completed, failed, known)
    missing = [idx for idx in open_runs if not run_table_of(copy).completed(idx)]
    logger.info("Batch %s: runs merged: %d.", file, len(completed))
    if missing:
        shown = ", ".join(
            f"{traj.f_idx_to_run(idx)} ({_state_text(copy, idx)})" for idx in missing[:NAMES_SHOWN]
        )
        more = f" and {len(missing) - NAMES_SHOWN} more" if len(missing) > NAMES_SHOWN else ""
        logger.warning(
            "Batch %s: %d of %d runs are not completed: %s%s. Submit its job again.",
            file,
            len(missing),
            len(runs),
            shown,
            more,
        )
    return len(missing)


def _state_text(copy: Trajectory, idx: int) -> str:
    error = run_table_of(copy).errors.get(idx)
    return NOT_RUN if error is None else f"failed: {error.type}"


def _pending(traj: Trajectory) -> Any:
    if traj._is_run:
        raise TypeError("Batches cannot be made or merged within a run.")
    if not run_table_of(traj).knows_all:
        raise RuntimeError(
            f"It is not known which of the {len(traj)} runs of trajectory `{traj.v_name}` are "
            "completed; load it with run information."
        )
    return run_table_of(traj).pending()


def _free_files(traj: Trajectory, number: int, folder: str | os.PathLike[str] | None) -> list[Path]:
    filename = storage_service_of(traj).filename
    if filename is None:
        raise NoSuchServiceError(
            f"Batches are files next to that of the trajectory, but `{traj.v_name}` has none: its "
            f"storage service is {traj.v_storage_service!r}."
        )
    if folder is None:
        folder = f"{Path(filename).with_suffix('')}_batches"
    digits = len(str(number - 1))
    place = Path(os.path.abspath(os.path.expanduser(folder)))
    endings = storage_service_of(traj).file_extensions
    ending = endings[0] if endings else Path(filename).suffix
    files = [place / f"{traj.v_name}_batch_{k:0{digits}}{ending}" for k in range(number)]
    for file in files:
        if file.exists():
            raise FileExistsError(
                f"There is a batch in {str(file)!r} already. Merge it with `merge_batches` and "
                "delete it, or name another `folder`."
            )
    return files


def _mark(traj: Trajectory, file: Path, runs: Any) -> None:
    """Store in the file of a batch which runs it is for."""
    batch = _load_copy(traj, file, constants.LOAD_NOTHING)
    notes = [
        (RUNS, np.asarray(runs, np.int64), "Indices of the runs that this batch is for."),
        (SEED, traj._current_seed(), "Seed of the random number generators of all runs."),
    ]
    leaves = []
    for name, value, comment in notes:
        path = f"{GROUP}.{name}"
        former = tree_of(batch).get_node(path)
        if former is not None:  # a batch of a batch
            batch.f_delete_item(former, remove_from_trajectory=True)
        leaves.append(tree_of(batch).insert_leaf(path, Parameter(path, value, comment)))
    batch.f_store_items(leaves)


def _load_copy(traj: Trajectory, file: str | Path, load_results: int) -> Any:
    """Load a copy of a trajectory, with the same classes and wildcards."""
    return load_trajectory(
        index=-1,
        filename=os.fspath(file),
        load_results=load_results,
        dynamic_imports=traj._dynamic_imports,
        wildcard_functions=dict[Any, Any](tree_of(traj).wildcards.functions),
    )


def _runs_of_batch(traj: Trajectory, file: str | os.PathLike[str]) -> Any:
    node = tree_of(traj).get_node(f"{GROUP}.{RUNS}")
    if node is None:
        raise ValueError(
            f"{os.fspath(file)!r} is not a batch; create batches with `split_into_batches`."
        )
    return node.f_get()


def _check_belongs(traj: Trajectory, copy: Trajectory, file: str) -> None:
    _runs_of_batch(copy, file)
    own, others = ((each.v_name, each.v_timestamp, len(each)) for each in (traj, copy))
    if own != others:
        raise ValueError(
            f"{file!r} is a batch of trajectory `{copy.v_name}` of {copy.v_time} with {len(copy)} "
            f"runs, not of `{traj.v_name}` of {traj.v_time} with {len(traj)}. Nothing was changed."
        )


# ----- merging runs that keep their indices ------------------------------------------------------


def _merge_in_place(
    traj: Trajectory,
    copy: Trajectory,
    runs_of_copy: RunTable,
    completed: Sequence[int],
    failed: Sequence[int],
    known: set[str],
) -> None:
    """Copy the data of completed runs, the errors of failed ones, and config of environments.

    Runs count as completed when all data is stored. After an error both trajectories are stored as
    before. The skeleton of ``copy`` has to be in memory. ``known`` has the names of config data
    that exists already, see `_stored_config`; the copied names are added.
    """
    renaming = RunRenaming(traj, copy, {idx: idx for idx in completed})
    transfer = _without_known(
        traj, plan_transfer(traj, copy, renaming, MergeOptions()), renaming, known
    )
    runs = run_table_of(traj)
    former = runs.copy()

    def store_runs() -> None:
        runs.update_from(runs_of_copy, [*completed, *failed])
        traj.f_store(only_init=True)

    try:
        transfer_data(traj, copy, transfer, MergeOptions(), store_runs)
    except BaseException:
        runs.restore(former)
        raise
    known.update(name for name in transfer.nodes if name.startswith("config."))


def _stored_config(traj: Trajectory) -> set[str]:
    """Return the full names of stored config data of the kinds that a merge copies."""
    for branch in MERGED_CONFIG:
        try:
            load_below(
                traj,
                branch,
                recursive=True,
                load_data=constants.LOAD_SKELETON,
                with_links=False,
            )
        except DataNotInStorageError:
            logger.debug("There is no `%s`.", branch)
    return {name for name in tree_of(traj).leaves if name.startswith(MERGED_CONFIG)}


def _without_known(
    traj: Trajectory, transfer: Transfer, renaming: RunRenaming, known: set[str]
) -> Transfer:
    """Remove what is outside of runs and existed already when the copy was made."""

    def is_known(path: str) -> bool:
        if path in known:
            return True
        return renaming.run_of(path) is None and tree_of(traj).get_node(path) is not None

    return Transfer(
        {old: new for old, new in transfer.nodes.items() if not is_known(old)},
        {path: target for path, target in transfer.links.items() if not is_known(path)},
    )
