"""A Sumatra project, as far as it is needed here.

Sumatra (0.8) works relative to the current folder, and its own `launch` starts a program; here the
program runs already. So a record is made and filled in as `sumatra.projects.Project.new_record`
and `sumatra.records.Record.run` do, but saved in the end only.
"""

from __future__ import annotations

import contextlib
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pypet.errors import GitDiffError

_FINISHED = "__finished__"
"""Sumatra's tag of records of programs that ended well."""
_OUTCOME = "All runs are completed."


class SumatraProject:
    """Makes and saves records of one project."""

    def __init__(self, folder: Path) -> None:
        """Open the project in ``folder``.

        Raises
        ------
        ValueError
            There is none.
        """
        self._folder = folder
        self._start = folder
        """The folder that the process was in before it went inside the project."""
        if not (folder / ".smt").is_dir():
            raise ValueError(
                f"There is no Sumatra project in {folder}; make one there with `smt init NAME`."
            )
        with self._opened() as project:
            if project.default_repository is None:
                raise ValueError(f"The Sumatra project in {folder} has no repository of its code.")

    def check_label(self, label: str | None) -> None:
        """Raise ValueError if there is a record of this label."""
        with self._opened() as project:
            labels = project.get_labels()
        if label is not None and label in labels:
            raise ValueError(
                f"sumatra_label={label!r}: the Sumatra project in {self._folder} has a record of "
                "this label already."
            )

    def check_code(self) -> None:
        """Raise GitDiffError if the code was changed and the project does not store changes."""
        with self._opened() as project:
            copy = project.default_repository.get_working_copy()
            if project.on_changed == "error" and copy.has_changed():
                raise GitDiffError(
                    f"The code of the Sumatra project in {self._folder} has changes. Commit them "
                    "(`git_repository` does), or let Sumatra store them: "
                    "`smt configure --on-changed=store-diff`."
                )

    def new_record(self, trajectory: Any, reason: str, label: str | None) -> Any:
        """Return a record of an experiment that starts now; it is not saved.

        Raises
        ------
        GitDiffError
            The code was changed, and the project does not store changes.
        """
        self.check_code()
        with self._opened() as project:
            from sumatra import dependency_finder, launch, programs
            from sumatra.parameters import SimpleParameterSet
            from sumatra.projects import LABEL_GENERATORS
            from sumatra.records import Record
            from sumatra.users import get_user

            copy = project.default_repository.get_working_copy()
            version, diff = project.update_code(copy)
            main_file = self._main_file()
            record = Record(
                programs.get_executable(path=sys.executable),
                project.default_repository,
                main_file,
                version,
                launch.SerialLaunchMode(),
                project.data_store,
                SimpleParameterSet(_parameters(trajectory)),
                label=label or LABEL_GENERATORS[project.label_generator](),
                reason=reason,
                diff=diff,
                on_changed=project.on_changed,
                input_datastore=project.input_datastore,
                stdout_stderr="",
                timestamp_format=project.timestamp_format,
            )
            record.user = get_user(copy)
            record.platforms = record.launch_mode.get_platform_information()
            if main_file is not None:
                record.dependencies = dependency_finder.find_dependencies(
                    main_file, record.executable
                )
            return record

    def save(self, record: Any) -> None:
        """Complete a record with duration, outcome and output data, and save it."""
        record.duration = time.time() - record.timestamp.timestamp()
        record.outcome = _OUTCOME
        record.tags = {_FINISHED}
        with self._opened() as project:
            record.output_data = record.datastore.find_new_data(record.timestamp)
            project.add_record(record)
            project.save()

    def _main_file(self) -> str | None:
        """Return the main script relative to the project, None if it is elsewhere."""
        main = getattr(sys.modules.get("__main__"), "__file__", None)
        if main is None:
            return None
        path = self._start / main
        if not path.resolve().is_relative_to(self._folder):
            return None
        return str(path.resolve().relative_to(self._folder))

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Any]:
        """Open the project, in its folder and without the warnings of Sumatra's own code.

        It is closed afterwards: other processes may record their experiments meanwhile.
        """
        self._start = Path.cwd()
        with contextlib.chdir(self._folder), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from sumatra.projects import load_project

            project: Any = load_project()
            try:
                yield project
            finally:
                shelf = getattr(project.record_store, "shelf", None)
                if shelf is not None:
                    shelf.close()


def _parameters(trajectory: Any) -> dict[str, Any]:
    """Return all parameters by full name, explored ones with their ranges."""
    values: dict[str, Any] = {}
    for name, parameter in trajectory.f_get_parameters(copy=False).items():
        if parameter.f_has_range():
            values[name] = [_plain(value) for value in parameter.f_get_range(copy=False)]
        elif not parameter.f_is_empty():
            values[name] = _plain(parameter.f_get())
    return values


def _plain(value: Any) -> Any:
    """Return a value that Sumatra can keep as text and read again."""
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, bool | int | float | str) else repr(value)
