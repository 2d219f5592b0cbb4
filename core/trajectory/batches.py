"""Batches: the runs of one trajectory spread over files of their own, and brought back."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from pypet import pypetconstants as constants
from pypet.errors import NoSuchServiceError, StorageFormatError
from pypet.leaves.parameter import Parameter
from pypet.runs.states import NOT_RUN
from pypet.support.arguments import check_iterable
from pypet.trajectory.loader import load_trajectory
from pypet.trajectory.merging.in_place import merge_in_place, stored_config
from pypet.trajectory.trajectory import Trajectory

GROUP = "config.batch"
RUNS, SEED = "runs", "seed"
NAMES_SHOWN = 5
"""How many runs of a batch are named that are not completed."""

logger = logging.getLogger(__name__)


def split_into_batches(
    trajectory: Any, number: int, folder: str | os.PathLike[str] | None = None
) -> list[str]:
    """Spread the runs that are not completed over files, and return the names of these.

    Each file has a copy of the trajectory, with all its parameters and ranges, and stands for some
    runs that follow each other; the batches differ by one run at most. `load_batch` loads it, and
    an `Environment` with what that returns executes those runs only, under the names and
    indices, and with the random numbers, that they have in the whole trajectory. `merge_batches`
    brings back what they stored. The trajectory itself is stored first.

    Parameters
    ----------
    trajectory
        A trajectory with the storage service of HDF5 files; what is in memory counts.
    number
        How many batches to make, at least 1. If fewer runs are left, there are as many batches.
    folder
        Where to put the files ``<name of the trajectory>_batch_<number>.hdf5``; by default
        ``<data file>_batches`` beside the data file.

    Raises
    ------
    ValueError
        All runs are completed, or ``number`` is less than 1.
    TypeError
        ``number`` is no integer, or the trajectory is in a run.
    FileExistsError
        There is a file of a batch already: merge its runs first, or name another folder. Nothing
        was changed.
    NoSuchServiceError
        There is no storage service, or it makes no copies in other files.
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
    place = files[0].parent
    place.mkdir(parents=True, exist_ok=True)
    # Whoever finds the file of a batch finds it whole, and most probably all others, too.
    with tempfile.TemporaryDirectory(prefix=".split_", dir=place) as workshop:
        made = [Path(workshop, file.name) for file in files]
        for file, runs in zip(made, batches, strict=True):
            traj.f_backup(backup_filename=str(file))
            _mark(traj, file, runs)
        for source, target in zip(made, files, strict=True):
            os.replace(source, target)
    return [str(file) for file in files]


def load_batch(
    filename: str | os.PathLike[str], *, dynamic_imports: Any = None, wildcard_functions: Any = None
) -> Trajectory:
    """Load one batch, to execute its runs: ``Environment(trajectory=load_batch(file)).run(...)``.

    Runs that are completed already are not executed again, so that a batch that was interrupted,
    or whose runs failed, goes on when its job is submitted once more.

    Parameters
    ----------
    filename
        One of the files that `split_into_batches` made.
    dynamic_imports, wildcard_functions
        As for `load_trajectory`.

    Raises
    ------
    ValueError
        There is no such file, or it is no batch.
    """
    traj: Any = load_trajectory(
        index=-1,
        filename=os.fspath(filename),
        load_derived_parameters=constants.LOAD_DATA,
        dynamic_imports=dynamic_imports,
        wildcard_functions=wildcard_functions,
    )
    traj._runs.select(_runs_of_batch(traj, filename), is_batch=True)
    # As in an experiment that begins, runs do not find what earlier ones stored.
    find = traj._runs.names.find
    nodes = (*traj._tree.groups.values(), *traj._tree.leaves.values())
    traj.f_remove_items([node for node in nodes if find(node._name) is not None], recursive=True)
    traj._seed = int(traj._tree.get_node(f"{GROUP}.{SEED}").f_get())
    return traj  # type: ignore[no-any-return]


def merge_batches(trajectory: Any, filenames: Iterable[str | os.PathLike[str]]) -> list[str]:
    """Bring back what batches stored, and return the files of those that are not complete.

    Runs keep index, name, times, and the environment that executed them. What they stored is
    copied, as is everything that batches added outside runs and that is not in the trajectory;
    what is noted about their environments goes below ``config.environment``. Of failed runs the
    errors are taken over. Runs that the trajectory has completed are left alone. So this may be
    called again, also while jobs are active. The files stay as they are.

    A batch with runs that are not completed is logged as a warning, with the names of these runs;
    one that cannot be read as an error. Submit the job of such a batch once more and merge it then.
    Afterwards data is in the file of the trajectory: ``traj.f_load(load_data=2)`` loads it.

    Raises
    ------
    ValueError
        A file does not exist or is no batch of this trajectory. Nothing was changed.
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
    known = stored_config(traj)
    for file, copy in loaded.items():
        if _merge(traj, copy, file, known):
            left.append(file)
    return [file for file in files if file in left]


def _merge(traj: Any, copy: Any, file: str, known: set[str]) -> int:
    """Merge one batch; return how many of its runs are not completed."""
    runs = [int(idx) for idx in _runs_of_batch(copy, file)]
    open_runs = [idx for idx in runs if not traj._runs.completed(idx)]
    completed = [idx for idx in open_runs if copy._runs.completed(idx)]
    failed = [idx for idx in open_runs if idx in copy._runs.errors]
    if completed or failed:
        # Only now, so that the nodes of one batch at a time are in memory.
        whole = _load_copy(traj, file, constants.LOAD_SKELETON)
        whole._runs = copy._runs  # of a job that goes on, more runs may be completed by now
        merge_in_place(traj, whole, completed, failed, known)
    missing = [idx for idx in open_runs if not copy._runs.completed(idx)]
    logger.info("Batch %s: runs taken over: %d.", file, len(completed))
    if missing:
        shown = ", ".join(
            f"{traj.f_idx_to_run(idx)} ({_became(copy, idx)})" for idx in missing[:NAMES_SHOWN]
        )
        more = f" and {len(missing) - NAMES_SHOWN} more" if len(missing) > NAMES_SHOWN else ""
        logger.warning(
            "Batch %s: %d of %d runs are not completed: %s%s. Submit its job again to go on.",
            file,
            len(missing),
            len(runs),
            shown,
            more,
        )
    return len(missing)


def _became(copy: Any, idx: int) -> str:
    error = copy._runs.errors.get(idx)
    return NOT_RUN if error is None else f"failed: {error.type}"


def _pending(traj: Any) -> Any:
    if traj._is_run:
        raise TypeError("Batches are not made or merged within a run.")
    if not traj._runs.knows_all:
        raise RuntimeError(
            f"It is not known which of the {len(traj)} runs of trajectory `{traj.v_name}` are "
            "completed; load it with run information."
        )
    return traj._runs.pending()


def _free_files(traj: Any, number: int, folder: str | os.PathLike[str] | None) -> list[Path]:
    filename = getattr(traj.v_storage_service, "filename", None)
    if filename is None:
        raise NoSuchServiceError(
            f"Batches are files beside that of the trajectory, but `{traj.v_name}` has none: its "
            f"storage service is {traj.v_storage_service!r}."
        )
    if folder is None:
        folder = f"{Path(filename).with_suffix('')}_batches"
    digits = len(str(number - 1))
    place = Path(os.path.abspath(os.path.expanduser(folder)))
    files = [place / f"{traj.v_name}_batch_{k:0{digits}}.hdf5" for k in range(number)]
    for file in files:
        if file.exists():
            raise FileExistsError(
                f"There is a batch in {str(file)!r} already. Merge it with `merge_batches` and "
                "delete it, or name another `folder`."
            )
    return files


def _mark(traj: Any, file: Path, runs: Any) -> None:
    """Note in the file of a batch which runs it stands for."""
    batch = _load_copy(traj, file, constants.LOAD_NOTHING)
    notes = [
        (RUNS, np.asarray(runs, np.int64), "Indices of the runs that this batch stands for."),
        (SEED, traj._current_seed(), "Seed of the random number generators of all runs."),
    ]
    leaves = []
    for name, value, comment in notes:
        path = f"{GROUP}.{name}"
        former = batch._tree.get_node(path)
        if former is not None:  # a batch of a batch
            batch.f_delete_item(former, remove_from_trajectory=True)
        leaves.append(batch._tree.insert_leaf(path, Parameter(path, value, comment)))
    batch.f_store_items(leaves)


def _load_copy(traj: Any, file: str | Path, load_results: int) -> Any:
    """Load a trajectory that is a copy of another one, with the classes and wildcards of that."""
    return load_trajectory(
        index=-1,
        filename=os.fspath(file),
        load_results=load_results,
        dynamic_imports=traj._dynamic_imports,
        wildcard_functions=dict(traj._tree.wildcards.functions),
    )


def _runs_of_batch(traj: Any, file: str | os.PathLike[str]) -> Any:
    node = traj._tree.get_node(f"{GROUP}.{RUNS}")
    if node is None:
        raise ValueError(f"{os.fspath(file)!r} is no batch; `split_into_batches` makes some.")
    return node.f_get()


def _check_belongs(traj: Any, copy: Any, file: str) -> None:
    _runs_of_batch(copy, file)
    own, others = ((each.v_name, each.v_timestamp, len(each)) for each in (traj, copy))
    if own != others:
        raise ValueError(
            f"{file!r} is a batch of trajectory `{copy.v_name}` of {copy.v_time} with {len(copy)} "
            f"runs, not of `{traj.v_name}` of {traj.v_time} with {len(traj)}. Nothing was changed."
        )
