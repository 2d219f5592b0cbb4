"""The arguments of an environment for type checkers and editors.

Each option is declared separately (`pypet.options.established`, and by plugins), which tools that
only read code cannot follow. This signature repeats the established options; a test compares both.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from configparser import RawConfigParser
from typing import TYPE_CHECKING, Any, ParamSpec, SupportsFloat, SupportsIndex, TypeAlias, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from pypet.trajectory import Trajectory

P = ParamSpec("P")
R = TypeVar("R")

Path: TypeAlias = str | os.PathLike[str]
Whole: TypeAlias = SupportsIndex
"""An int, also one of numpy."""
Number: TypeAlias = SupportsFloat
"""An int or a float, also one of numpy."""


def called_like(pattern: Callable[P, R]) -> Callable[[Callable[..., Any]], Callable[P, R]]:
    """Give a function the signature of ``pattern`` for type checkers; returns it unchanged."""

    def decorate(function: Callable[..., Any]) -> Callable[P, R]:
        return function

    return decorate


def environment_arguments(
    self: Any,
    trajectory: str | Trajectory = "trajectory",
    add_time: bool = False,
    comment: str = "",
    dynamic_imports: type | str | Sequence[type | str] | None = None,
    wildcard_functions: dict[Any, Any] | None = None,
    automatic_storing: bool = True,
    log_config: Path | Mapping[str, Any] | RawConfigParser | None = "DEFAULT",
    log_stdout: bool | Whole | str | tuple[Any, ...] | list[Any] | None = False,
    report_progress: bool | Number | str | tuple[Any, ...] | list[Any] | None = (5, "pypet", 20),
    multiproc: bool = False,
    ncores: Whole = 1,
    use_scoop: bool = False,
    use_pool: bool = False,
    freeze_input: bool = False,
    timeout: Number | None = None,
    cpu_cap: Number = 100.0,
    memory_cap: Number | tuple[Number, Number] = 100.0,
    swap_cap: Number = 100.0,
    niceness: Whole | None = None,
    wrap_mode: str | None = "LOCK",
    queue_maxsize: Whole = -1,
    port: Whole | str | tuple[Whole, Whole] | None = None,
    gc_interval: Whole | None = None,
    clean_up_runs: bool = True,
    immediate_postproc: bool = False,
    resumable: bool = False,
    resume_folder: Path | None = None,
    delete_resume: bool = True,
    storage_service: Any = "hdf5",
    git_repository: Path | None = None,
    git_message: str = "",
    git_fail: bool = False,
    sumatra_project: Path | None = None,
    sumatra_reason: str = "",
    sumatra_label: str | None = None,
    do_single_runs: bool = True,
    graceful_exit: bool = False,
    lazy_debug: bool = False,
    *,
    config: Path | RawConfigParser | None = None,
    log_folder: Path | None = None,
    logger_names: str | list[str] | tuple[str, ...] | None = None,
    log_levels: Whole | str | list[Any] | tuple[Any, ...] | None = None,
    log_level: Whole | str | None = None,
    log_multiproc: bool | None = None,
    filename: Path | None = None,
    file_title: str | None = None,
    overwrite_file: bool = False,
    encoding: str = "utf8",
    complevel: Whole = 9,
    complib: str = "zlib",
    shuffle: bool = True,
    fletcher32: bool = False,
    pandas_format: str = "fixed",
    purge_duplicate_comments: bool = True,
    summary_tables: bool = True,
    small_overview_tables: bool = True,
    large_overview_tables: bool = False,
    results_per_run: Whole = 0,
    derived_parameters_per_run: Whole = 0,
    display_time: Number = 20,
    scheduler: str | Executor | None = None,
    start_method: str | None = None,
    on_error: str | None = None,
    on_existing: str | None = None,
    seed: Whole | None = None,
    unpickle: str = "trust",
    checksums: bool = True,
    git_commit: bool = True,
    record_environment: bool = True,
    commit_interval: Number = 0.2,
    dask_address: Any = None,
    force_wrap_mode: bool = False,
    disable_plugins: str | Iterable[str] = (),
    **options: Any,
) -> None:
    """Accept options; ``options`` are those of plugins and properties of the trajectory."""
