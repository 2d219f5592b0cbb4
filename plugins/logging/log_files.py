"""Log files: wildcards in their names, their folders, and removing those that stay empty."""

from __future__ import annotations

import ast
import contextlib
import multiprocessing
import os
import socket
import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path

from pypet import pypetconstants as constants
from pypet.interfaces import LogContext, TrajectoryLike
from pypet.support.filesystem import absolute_path

FILENAME_INDICATORS = frozenset(
    (
        constants.LOG_ENV,
        constants.LOG_TRAJ,
        constants.LOG_RUN,
        constants.LOG_SET,
        constants.LOG_PROC,
        constants.LOG_HOST,
        ".log",
        ".txt",
    )
)
"""A string among the arguments of a handler is a file name if it contains one of these."""


def is_filename(text: str) -> bool:
    """Return whether ``text`` looks like the name of a log file."""
    return any(indicator in text for indicator in FILENAME_INDICATORS)


def rename_log_file(
    filename: str,
    trajectory: TrajectoryLike | None = None,
    env_name: str | None = None,
    traj_name: str | None = None,
    set_name: str | None = None,
    run_name: str | None = None,
    process_name: str | None = None,
    host_name: str | None = None,
) -> str:
    """Replace the wildcards in the name of a log file.

    ``$env``, ``$traj``, ``$run`` and ``$set`` are replaced by the names of the environment, the
    trajectory, its current run and run set (``run_ALL`` and ``run_set_ALL`` outside runs),
    ``$proc`` by that of the process and ``$host`` by that of the computer. Given names take
    precedence over those of ``trajectory``.

    Raises
    ------
    ValueError
        A wildcard is used whose name is neither given nor known from the trajectory.
    TypeError
        The name is not a string, or the trajectory not a trajectory.
    """
    if not isinstance(filename, str):
        raise TypeError(f"The name of a log file is text, not {filename!r:.80}.")
    if trajectory is not None and not hasattr(trajectory, "f_wildcard"):
        raise TypeError(f"The names for a log file are those of a trajectory, not {trajectory!r}.")

    def ask(attribute: Callable[[TrajectoryLike], str | None]) -> Callable[[], str | None]:
        return lambda: None if trajectory is None else attribute(trajectory)

    replacements: tuple[tuple[str, str | None, Callable[[], str | None]], ...] = (
        (constants.LOG_ENV, env_name, ask(lambda traj: traj.v_environment_name)),
        (constants.LOG_TRAJ, traj_name, ask(lambda traj: traj.v_name)),
        (constants.LOG_RUN, run_name, ask(lambda traj: traj.f_wildcard("$"))),
        (constants.LOG_SET, set_name, ask(lambda traj: traj.f_wildcard("$set"))),
        (constants.LOG_PROC, process_name, current_process_name),
        (constants.LOG_HOST, host_name, current_host_name),
    )
    renamed = filename
    for wildcard, given, find in replacements:
        if wildcard not in renamed:
            continue
        name = given if given is not None else find()
        if name is None:
            raise ValueError(
                f"There is no name for {wildcard!r} in the log file name {filename!r}: pass the "
                "name, or a trajectory of an environment."
            )
        renamed = renamed.replace(wildcard, name)
    return renamed


def try_make_dirs(filename: str) -> None:
    """Create the folder of a file with all parents; a failure is only written to stderr."""
    folder = os.path.dirname(absolute_path(filename))
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as err:
        sys.stderr.write(f"Cannot create the folder {folder!r} of a log file: {err}\n")


def handler_error(handler: str, err: Exception) -> ValueError:
    """Return the error for a log handler that cannot be made, with a remedy if its file is why."""
    text = f"Cannot make the log handler {handler}: {err}"
    if isinstance(err, OSError) or isinstance(err.__cause__, OSError):
        text += ". Give another `log_folder`, or log_config=None for no log files."
    return ValueError(text)


def get_strings(args: str) -> list[str]:
    """Return the string literals in a Python expression, such as the ``args`` of a handler.

    Raises
    ------
    SyntaxError
        The text is not a Python expression.
    """
    nodes = ast.walk(ast.parse(args.strip(), mode="eval"))
    return [
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def current_process_name() -> str:
    """Return ``<process name>-<pid>``."""
    return f"{multiprocessing.current_process().name}-{os.getpid()}"


@lru_cache(maxsize=1)  # may ask a name server
def current_host_name() -> str:
    """Return the full name of this computer, with ``-`` for dots."""
    return socket.getfqdn().replace(".", "-")


class LogFilePlaces:
    """Resolves the names of log files, creates their folders, and removes what stays empty."""

    def __init__(self, context: LogContext) -> None:
        """``context`` has the names for the wildcards."""
        self._context = context
        self._new: list[Path] = []
        self._pid = os.getpid()

    def place(self, filename: str) -> str:
        """Replace the wildcards in a file name and create the folder of the file."""
        renamed = self._renamed(filename)
        path = Path(absolute_path(renamed))
        with contextlib.suppress(OSError):
            new = [each for each in (path, *path.parents) if not each.exists()]
            self._new.extend(reversed(new))
        try_make_dirs(renamed)
        return renamed

    def check(self, filenames: Iterable[str]) -> None:
        """Raise ValueError if other processes will not be able to make files of these names.

        Nothing is made now, so a folder may turn out not to be writable all the same.
        """
        for filename in filenames:
            path = Path(absolute_path(self._renamed(filename)))
            folder = next((each for each in path.parents if os.path.lexists(each)), path.parent)
            if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
                error: OSError = PermissionError(f"nothing can be created in {str(folder)!r}")
                if not folder.is_dir():
                    error = NotADirectoryError(f"{str(folder)!r} is not a folder")
                raise handler_error(f"for {filename!r} of workers", error)

    def _renamed(self, filename: str) -> str:
        names = self._context
        return rename_log_file(
            filename,
            env_name=names.environment_name,
            traj_name=names.trajectory_name,
            run_name=names.run_name,
            set_name=names.set_name,
        )

    def remove_empty(self) -> None:
        """Remove the new files and folders that are empty.

        Does nothing in processes that were forked since: the files belong to their parent.
        """
        if self._pid != os.getpid():
            return
        for path in reversed(self._new):
            with contextlib.suppress(OSError):
                if path.is_dir():
                    path.rmdir()
                elif path.stat().st_size == 0:
                    path.unlink()
        self._new.clear()
