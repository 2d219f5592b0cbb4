"""The table of established options, in positional order, and of those that pypet added.

Positions, names and defaults are a contract with existing scripts. A plugin that reads some of
these options declares them by taking them from here::

    options = established("git_repository", "git_message", "git_fail")
"""

from __future__ import annotations

import configparser
import logging
import os
from collections.abc import Mapping
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any

from pypet.interfaces.option import Option
from pypet.options import checks
from pypet.options.checks import EXTEND, SKIP


def _switch(name: str, default: bool, family: str, text: str, only_with: str = "") -> Option:
    check = checks.flag(name)
    return Option(name, default, help=text, family=family, check=check, only_with=only_with)


_TRAJECTORY = (
    Option(
        "trajectory",
        "trajectory",
        family="trajectory",
        help="Name of a new trajectory, or an existing trajectory to work with.",
    ),
    _switch("add_time", False, "trajectory", "Append the current time to a new trajectory's name."),
    Option("comment", "", types=(str,), family="trajectory", help="Comment of a new trajectory."),
    Option(
        "dynamic_imports",
        family="trajectory",
        help="Your own parameter and result classes, which loading needs: a class, its dotted "
        "path, or a list of these. Only for a new trajectory.",
    ),
    Option(
        "wildcard_functions",
        family="trajectory",
        types=(dict,),
        help="Names that replace wildcards, {('$', 'crun'): function}; a function gets the run "
        "index, or -1 outside runs. Only for a new trajectory.",
    ),
)

_STORING_AND_LOGGING = (
    _switch(
        "automatic_storing",
        True,
        "runs",
        "Store each run when its function has returned, and the whole trajectory at the end.",
    ),
    Option(
        "log_config",
        "DEFAULT",
        types=(str, os.PathLike, Mapping, configparser.RawConfigParser, type(None)),
        family="logging",
        help="Logging configuration: path of an ini file, a dict, a parser, 'DEFAULT', or None "
        "to leave logging alone.",
    ),
    Option(
        "log_stdout",
        False,
        types=(bool, Integral, str, tuple, list, type(None)),
        family="logging",
        help="Log what is printed: True, a level, a logger's name, or (name, level).",
    ),
    Option(
        "report_progress",
        (5, "pypet", logging.INFO),
        types=(bool, Real, str, tuple, list, type(None)),
        family="progress",
        help="Report progress: True or False, the step in percent, a logger's name or 'print', "
        "or (step, name, level).",
    ),
)

_PROCESSES = (
    _switch("multiproc", False, "multiprocess", "Execute runs in parallel."),
    Option(
        "ncores",
        1,
        types=(Integral,),
        family="scheduling",
        help="Number of workers; 0: as many as the machine has cores (needs psutil).",
        check=checks.count("ncores", 0, "; 0 stands for all cores"),
        only_with="multiproc",
    ),
    _switch(
        "use_scoop", False, "scoop", "Distribute runs over hosts with SCOOP.", only_with="multiproc"
    ),
    _switch(
        "use_pool",
        False,
        "scheduling",
        "Use a fixed pool instead of one process per run.",
        only_with="multiproc",
    ),
    _switch(
        "freeze_input",
        False,
        "scheduling",
        "Assume that runs change neither function nor arguments, which each worker gets once.",
    ),
    Option(
        "timeout",
        types=(Real,),
        family="remote",
        help="Seconds until a network lock is taken from its owner, or a SCOOP run is given up.",
        check=checks.seconds("timeout"),
    ),
    Option(
        "cpu_cap",
        100.0,
        types=(Real,),
        family="caps",
        help="Start no process while CPU usage is above this percentage.",
        check=checks.percentage("cpu_cap"),
        only_with="multiproc",
    ),
    Option(
        "memory_cap",
        100.0,
        types=(Real, tuple),
        family="caps",
        help="Start no process while memory usage is above this percentage; or a tuple of it and "
        "the estimated MB that a process needs.",
        check=checks.memory_cap,
        only_with="multiproc",
    ),
    Option(
        "swap_cap",
        100.0,
        types=(Real,),
        family="caps",
        help="Start no process while swap usage is above this percentage.",
        check=checks.percentage("swap_cap"),
        only_with="multiproc",
    ),
    Option(
        "niceness",
        types=(Integral,),
        family="scheduling",
        help="Minimum nice value of worker processes.",
        check=checks.niceness,
        only_with="multiproc",
    ),
    Option(
        "wrap_mode",
        "LOCK",
        types=(str, type(None)),
        family="wrapping",
        help="How parallel runs share the storage service; None stands for 'NONE'.",
        only_with="multiproc",
    ),
    Option(
        "queue_maxsize",
        -1,
        types=(Integral,),
        family="wrapping",
        help="Length of the queue of data to store; -1: twice the number of workers, 0: unbounded.",
        check=checks.count("queue_maxsize", -1, ", twice the number of workers; 0: unbounded"),
        only_with="multiproc",
    ),
    Option(
        "port",
        types=(Integral, str, tuple),
        family="network",
        help="Where a network wrap mode listens: a port, a range (low, high) of ports, or an "
        "address like 'tcp://127.0.0.1:7777'; None: any free port.",
        check=checks.port,
    ),
    Option(
        "gc_interval",
        types=(Integral,),
        family="wrapping",
        help="Collect garbage after every n-th run or storage operation, where data is stored.",
        check=checks.at_least("gc_interval", 0, "; leave it out to let Python decide"),
    ),
)

_RUNS = (
    _switch("clean_up_runs", True, "runs", "Drop a run's data from memory when it is stored."),
    _switch(
        "immediate_postproc",
        False,
        "runs",
        "Call post-processing as soon as the last run has started.",
        only_with="multiproc",
    ),
    _switch("resumable", False, "resume", "Keep a journal to resume from after a crash."),
    Option(
        "resume_folder",
        types=(str, os.PathLike),
        family="resume",
        help="Folder of the resume files; None: ./resume.",
        only_with="resumable",
    ),
    _switch(
        "delete_resume",
        True,
        "resume",
        "Remove the resume files after success.",
        only_with="resumable",
    ),
)

_SERVICES = (
    Option(
        "storage_service",
        "hdf5",
        family="storage",
        help="Where data goes: a registered name, a class, its dotted path, or an instance.",
    ),
    Option(
        "git_repository",
        types=(str, os.PathLike),
        family="git",
        help="Folder with the .git of the code; uncommitted changes are committed.",
    ),
    Option(
        "git_message",
        "",
        types=(str,),
        family="git",
        help="Text for the commit message.",
        only_with="git_repository",
    ),
    _switch(
        "git_fail",
        False,
        "git",
        "Refuse uncommitted changes instead of committing them.",
        only_with="git_repository",
    ),
    Option(
        "sumatra_project",
        types=(str, os.PathLike),
        family="sumatra",
        help="Root folder of a Sumatra project that records the experiment.",
    ),
    Option(
        "sumatra_reason",
        "",
        types=(str,),
        family="sumatra",
        help="Reason for the record.",
        only_with="sumatra_project",
    ),
    Option(
        "sumatra_label",
        types=(str,),
        family="sumatra",
        help="Label of the record, without dots; None: Sumatra's own.",
        check=checks.sumatra_label,
        only_with="sumatra_project",
    ),
    _switch(
        "do_single_runs",
        True,
        "runs",
        "Whether runs will be executed; False for analysis only.",
    ),
    _switch(
        "graceful_exit",
        False,
        "runs",
        "On CTRL+C finish and store the active runs; a second CTRL+C ends immediately.",
    ),
    _switch("lazy_debug", False, "runs", "Store nothing while the pydevd debugger is active."),
)

_LOGGING_KEYWORDS = (
    Option(
        "config",
        types=(),
        family="config",
        help="Ini file, or a parser, with options, parameters and logging configuration.",
        check=checks.config,
    ),
    Option(
        "log_folder",
        types=(str, os.PathLike),
        family="logging",
        help="Folder of the log files, instead of `log_config`; None: 'logs'.",
    ),
    Option(
        "logger_names",
        types=(str, list, tuple),
        family="logging",
        help="Names of the loggers that are configured; None: the root logger.",
        check=checks.names("logger_names", "('pypet', 'model')"),
    ),
    Option(
        "log_levels",
        types=(Integral, str, list, tuple),
        family="logging",
        help="Level of all of them, or a level for each; None: INFO.",
    ),
    Option(
        "log_level",
        types=(Integral, str),
        family="logging",
        help="The same as `log_levels`, for one level.",
    ),
    Option(
        "log_multiproc",
        family="logging",
        help="Whether workers write log files, too; None: yes.",
        check=checks.flag("log_multiproc"),
    ),
)


def _storage(name: str, default: Any, text: str) -> Option:
    # No types and no checks: each storage service may define keywords of these names.
    return Option(name, default, family="storage", help=text)


_STORAGE_KEYWORDS = (
    _storage("filename", None, "The file, or its folder; None: ./hdf5/<trajectory>.hdf5."),
    _storage("file_title", None, "Title of a new file."),
    _storage("overwrite_file", False, "Delete an existing file first."),
    _storage("encoding", "utf8", "Encoding of text."),
    _storage("complevel", 9, "Compression level from 0 (none) to 9."),
    _storage("complib", "zlib", "Compression library: zlib, blosc, bzip2, lzo or blosc2."),
    _storage("shuffle", True, "Shuffle bytes before compressing, which helps on numbers."),
    _storage("fletcher32", False, "Add checksums."),
    _storage("pandas_format", "fixed", "Format of pandas frames: 'fixed' or 'table'."),
    _storage("purge_duplicate_comments", True, "Store equal comments of different runs once."),
    _storage("summary_tables", True, "Write a summary of results and derived parameters."),
    _storage("small_overview_tables", True, "Write overviews of parameters and config."),
    _storage("large_overview_tables", False, "Write overviews of all results, too."),
    _storage("results_per_run", 0, "Expected number of results per run; 0: unknown."),
    _storage("derived_parameters_per_run", 0, "Expected number of derived parameters per run."),
    _storage(
        "display_time",
        20,
        "Seconds between two messages while storing, loading, merging or removing.",
    ),
)

_ADDED = (
    Option(
        "scheduler",
        family="scheduling",
        help="What executes runs: a registered name or a concurrent.futures.Executor; "
        "None: determined by the other options.",
    ),
    Option(
        "start_method",
        types=(str,),
        family="multiprocess",
        help="How processes start: 'fork', 'forkserver' or 'spawn'; None: as set by "
        "multiprocessing.set_start_method, else fork where possible.",
        check=checks.start_method,
        only_with="multiproc",
    ),
    Option(
        "on_error",
        types=(str,),
        family="runs",
        help="What happens if a run fails: 'raise', 'continue' or 'retry:N'; "
        "None: raise, but continue with a process for each run.",
        check=checks.on_error,
    ),
    Option(
        "on_existing",
        types=(str,),
        family="runs",
        help="What happens if the storage has a trajectory of the same name: 'skip' continues it "
        "without executing completed runs again, 'extend' also adds new points; None: an error.",
        check=checks.one_of("on_existing", SKIP, EXTEND),
    ),
    Option(
        "seed",
        types=(Integral,),
        family="runs",
        help="Seed of the random generators of all runs; None: that of earlier runs, else random.",
        check=checks.at_least("seed", 0),
    ),
    Option(
        "unpickle",
        "trust",
        types=(str,),
        family="storage",
        help="Pickled data in files: 'trust' it, load only 'safe' types, or 'never' load it.",
        check=checks.one_of("unpickle", "trust", "safe", "never"),
    ),
    _switch(
        "checksums",
        True,
        "storage",
        "Keep checksums of values that HDF5 does not check, and check them when loading.",
    ),
    _switch(
        "git_commit",
        True,
        "git",
        "Commit changes; False: store the difference to HEAD with the trajectory instead.",
        only_with="git_repository",
    ),
    _switch(
        "record_environment",
        True,
        "provenance",
        "Store installed distributions, command line and host.",
    ),
    Option(
        "commit_interval",
        0.2,
        types=(Real,),
        family="resume",
        help="Seconds between two durable commits of a resumable experiment.",
        check=checks.at_least("commit_interval", 0),
        only_with="resumable",
    ),
    Option(
        "dask_address",
        family="dask",
        help="Where scheduler='dask' executes runs: the address of a Dask scheduler, a Client or a "
        "cluster; None: in a local cluster of ncores workers.",
        only_with="scheduler",
    ),
    _switch(
        "force_wrap_mode",
        False,
        "wrapping",
        "Use the wrap mode also for a storage service that is safe for many processes.",
        only_with="multiproc",
    ),
    Option(
        "disable_plugins",
        (),
        family="plugins",
        help="Names of plugins or distributions to switch off.",
        check=checks.names("disable_plugins", "('git', 'sumatra')"),
    ),
)

_POSITIONAL = (*_TRAJECTORY, *_STORING_AND_LOGGING, *_PROCESSES, *_RUNS, *_SERVICES)

POSITIONAL_COUNT = len(_POSITIONAL)
"""Number of options that may be given by position: the first ones in `ESTABLISHED`."""

ESTABLISHED: MappingProxyType[str, Option] = MappingProxyType(
    {
        option.name: option
        for option in (*_POSITIONAL, *_LOGGING_KEYWORDS, *_STORAGE_KEYWORDS, *_ADDED)
    }
)
"""Name -> option, in the order of the signature."""


def established(*names: str) -> tuple[Option, ...]:
    """Return options of the table, for a plugin's ``options``.

    Raises
    ------
    KeyError
        The table has no such option.
    """
    return tuple(ESTABLISHED[name] for name in names)


CONFIG_SECTIONS = ("storage_service", "trajectory", "environment")
"""Sections of config files with options. Each accepts all options; the last one wins."""


def config_section(family: str) -> str:
    """Return the section of a config file in which options of a family are expected."""
    return {"storage": "storage_service", "trajectory": "trajectory"}.get(family, "environment")
