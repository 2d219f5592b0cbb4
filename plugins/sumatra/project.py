"""Records of experiments in a Sumatra project.

Sumatra's own `launch` (0.8) starts a program; here the program is already running. A record is
therefore created and filled in like in `sumatra.projects.Project.new_record` and
`sumatra.records.Record.run`, but saved only at the end.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pypet.errors import GitDiffError
from pypet.interfaces import TrajectoryLike
from pypet.plugins.sumatra.dependencies import find_dependencies
from pypet.support.git_environment import without_git_environment
from pypet.support.processes import main_script

MAX_VALUES = 1000
"""Of longer ranges only the first and last values are stored."""
MAX_CHARACTERS = 10_000
"""Longer text is truncated; the trajectory has all of it."""
_ENDS = 3


def parameters_as_json(trajectory: TrajectoryLike) -> str:
    """Return all parameters by full name, explored ones with their ranges."""
    values: dict[str, Any] = {}
    for name, parameter in trajectory.f_get_parameters(copy=False).items():
        if parameter.f_has_range():
            values[name] = _range(parameter.f_get_range(copy=False))
        elif not parameter.f_is_empty():
            values[name] = _plain(parameter.f_get())
    return json.dumps(values)


def _range(values: Any) -> list[Any] | str:
    """Return the values of a range; of a long one its length and the first and last values."""
    if len(values) <= MAX_VALUES:
        return [_plain(value) for value in values]
    first, last = (
        ", ".join(str(_plain(value)) for value in ends)
        for ends in (values[:_ENDS], values[-_ENDS:])
    )
    return f"{len(values)} values: {first}, ..., {last}"


def _plain(value: Any) -> bool | int | float | str:
    """Return a value that JSON preserves, else its ``repr``."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool | int | float) and type(value) in (bool, int, float):
        return value
    text = value if isinstance(value, str) else repr(value)
    if len(text) <= MAX_CHARACTERS:
        return str(text)
    return f"{text[:MAX_CHARACTERS]}... ({len(text)} characters)"


_FINISHED = "__finished__"
"""Sumatra's tag for records of successful programs."""
_OUTCOME = "All runs are completed."
_STORES = ("record_store", "data_store", "input_datastore")
_OWN_FOLDER = "server_url"
"""Setting of a record store that creates a cache in the current folder."""


class SumatraProject:
    """Creates and saves records of one project."""

    def __init__(self, folder: Path) -> None:
        """Open the project in ``folder``.

        Raises
        ------
        ValueError
            There is no project, or Sumatra cannot open it.
        """
        self._folder = folder
        if not (folder / ".smt").is_dir():
            raise ValueError(
                f"There is no Sumatra project in {folder}; make one there with `smt init NAME`."
            )
        with self._opened() as project:
            if project.default_repository is None:
                raise ValueError(f"The Sumatra project in {folder} has no repository of its code.")

    def check_label(self, label: str | None) -> None:
        """Raise ValueError if there is a record with this label, or records cannot be read."""
        with self._opened() as project:
            try:
                # A server has no entry of the project before its first record.
                is_known = project.record_store.has_project(project.name)
                labels = project.get_labels() if is_known else []
            except Exception as err:  # stores raise all kinds
                raise ValueError(
                    f"The records of the Sumatra project in {self._folder} cannot be read from "
                    f"its {type(project.record_store).__name__}: {err}"
                ) from err
        if label is not None and label in labels:
            raise ValueError(
                f"sumatra_label={label!r}: the Sumatra project in {self._folder} has a record of "
                "this label already."
            )

    def check_code(self) -> None:
        """Raise GitDiffError if the code was changed and the project does not store changes."""
        with self._opened() as project:
            copy = self._working_copy(project)
            if project.on_changed == "error" and copy.has_changed():
                raise GitDiffError(
                    f"The code of the Sumatra project in {self._folder} has changes. Commit them "
                    "(`git_repository` does), or let Sumatra store them: "
                    "`smt configure --on-changed=store-diff`."
                )

    def new_record(self, trajectory: TrajectoryLike, reason: str, label: str | None) -> Any:
        """Return a record of an experiment that starts now, without saving it.

        Raises
        ------
        GitDiffError
            The code was changed, and the project does not store changes.
        """
        self.check_code()
        main_file = self._main_file()
        working_directory = os.getcwd()
        with without_git_environment():  # a module's version may be that of its repository
            dependencies = [] if main_file is None else find_dependencies(main_file, self._folder)
        with self._opened() as project:
            from sumatra import launch, programs
            from sumatra.parameters import JSONParameterSet
            from sumatra.projects import LABEL_GENERATORS
            from sumatra.records import Record
            from sumatra.users import get_user

            copy = self._working_copy(project)
            version, diff = project.update_code(copy)
            record = Record(
                programs.get_executable(path=sys.executable),
                project.default_repository,
                main_file,
                version,
                launch.SerialLaunchMode(working_directory),
                project.data_store,
                JSONParameterSet(parameters_as_json(trajectory)),
                label=label or LABEL_GENERATORS[project.label_generator](),
                reason=reason,
                diff=diff,
                on_changed=project.on_changed,
                input_datastore=project.input_datastore,
                stdout_stderr="",
                timestamp_format=project.timestamp_format,
            )
            record.user = get_user(copy)
            record.platforms = [launch.PlatformInformation(**_machine())]
            record.dependencies = dependencies
            return record

    def save(self, record: Any) -> None:
        """Complete a record with duration, outcome and output data, and save it."""
        record.duration = time.time() - record.timestamp.timestamp()
        record.outcome = _OUTCOME
        record.tags = {_FINISHED}
        with self._opened() as project:
            record.output_data = record.datastore.find_new_data(record.timestamp)
            # Not `add_record`, which retries for 15 minutes and then gives up without an error.
            project.save_record(record)
            project._most_recent = record.label
            project.save()

    def _working_copy(self, project: Any) -> Any:
        return project.default_repository.get_working_copy(str(self._folder))

    def _main_file(self) -> str | None:
        """Return the main script relative to the project, None if it is elsewhere."""
        main = main_script()
        if main is None:
            return None
        path = Path(main).resolve()
        return str(path.relative_to(self._folder)) if path.is_relative_to(self._folder) else None

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Any]:
        """Open the project, without the warnings of Sumatra's own code.

        It is closed afterwards, because other processes may record experiments in the meantime.
        """
        with contextlib.ExitStack() as stack:
            stack.enter_context(without_git_environment())
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            try:
                if self._is_relative():
                    stack.enter_context(contextlib.chdir(self._folder))
                from sumatra.projects import load_project

                project: Any = load_project(str(self._folder))
            except Exception as err:  # Sumatra raises bare exceptions here
                raise ValueError(
                    f"Sumatra cannot open the project in {self._folder}: {err}"
                ) from err
            stack.callback(_close, project.record_store)
            yield project

    def _is_relative(self) -> bool:
        """Return whether the project has paths of stores relative to its folder.

        Sumatra resolves them relative to the current folder, which all threads of the process
        share, so that it is only changed if necessary. Paths by `smt init` are absolute by default.
        """
        settings = json.loads((self._folder / ".smt" / "project").read_text(encoding="utf-8"))
        for store in (settings.get(name) for name in _STORES):
            for key, value in (store or {}).items():
                if key == _OWN_FOLDER:
                    return True
                is_path = key != "type" and isinstance(value, str) and "://" not in value
                if is_path and not Path(value).expanduser().is_absolute():
                    return True
        return False


def _close(store: Any) -> None:
    """Close the files of a record store; Sumatra has no method for it."""
    shelf = getattr(store, "shelf", None)
    if shelf is not None:
        shelf.close()
    database = getattr(store, "_db_label", None)
    if database is not None:
        from django.conf import settings
        from django.db import connections

        if settings.configured:  # Sumatra does so when it needs the database
            connections[database].close()


def _machine() -> dict[str, str]:
    """Return Sumatra's information on the machine; its own function accesses the internet."""
    bits, linkage = platform.architecture()
    return {
        "architecture_bits": bits,
        "architecture_linkage": linkage,
        "machine": platform.machine(),
        "network_name": platform.node(),
        "ip_addr": "127.0.0.1",
        "processor": platform.processor(),
        "release": platform.release(),
        "system_name": platform.system(),
        "version": platform.version(),
    }
