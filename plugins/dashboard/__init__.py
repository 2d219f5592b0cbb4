"""Look at experiments in a browser: ``pypet ui [FILE | FOLDER]``, or the same panes in a notebook.

Reads only, also while an experiment is running, and unpickles nothing. The page is served on the
loopback device to whoever has its token. `model` knows what is shown, `panes` how, and neither
is imported before it is needed: Panel and Bokeh take a second.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pypet.interfaces import Command
from pypet.markers import hookimpl
from pypet.plugins.dashboard.command import UI
from pypet.support.optional import require

if TYPE_CHECKING:
    from pypet.plugins.dashboard.panes.experiment import ExperimentPane

__all__ = ["dashboard", "experiment_pane", "pypet_register_commands"]

_EXTRA = "ui"


@hookimpl
def pypet_register_commands() -> list[Command]:
    """Register ``pypet ui``."""
    return [UI]


def dashboard(
    path: str | os.PathLike[str] = ".", *, log_folder: str | os.PathLike[str] | None = None
) -> Any:
    """Return the dashboard of a file or folder, as ``pypet ui`` shows it, for a notebook.

    Parameters
    ----------
    path
        File of a storage service, or a folder: then all files in it and in its folders.
    log_folder
        Folder with log files, for the logs of single runs. By default ``logs`` in the working
        folder, beside a file, or one folder above it.

    Returns
    -------
    panel.Column
        Show it as the last line of a cell, or serve it with Panel. It refreshes itself.

    Raises
    ------
    MissingDependencyError
        Panel is not installed.
    FileNotFoundError
        There is no such file or folder.
    """
    _prepare()
    place = _existing(path)
    from pypet.plugins.dashboard.model.experiment import Readers
    from pypet.plugins.dashboard.model.listing import ExperimentList
    from pypet.plugins.dashboard.panes.dashboard import DashboardPane, keep_refreshed

    pane = DashboardPane(ExperimentList(place), Readers(), _text(log_folder))
    return keep_refreshed(pane.view, pane.refresh)


def experiment_pane(
    source: Any, trajectory: str | None = None, *, log_folder: str | os.PathLike[str] | None = None
) -> Any:
    """Return the panes of one experiment, for a notebook.

    Parameters
    ----------
    source
        A stored trajectory, loaded or not, or the file that it is in.
    trajectory
        Name of the trajectory, if ``source`` is a file with several.
    log_folder
        As for `dashboard`.

    Returns
    -------
    panel.Column
        As of `dashboard`.

    Raises
    ------
    MissingDependencyError
        Panel is not installed.
    FileNotFoundError
        There is no such file.
    ValueError
        The trajectory is not in a file, or the file has several and none is named.
    """
    _prepare()
    from pypet.plugins.dashboard.model.experiment import ExperimentReader
    from pypet.plugins.dashboard.panes.dashboard import keep_refreshed
    from pypet.plugins.dashboard.panes.experiment import ExperimentPane

    path, name = _place_of(source, trajectory)
    reader = ExperimentReader(path, name)
    reader.update()  # so that the pane has something to show before a page refreshes it
    pane: ExperimentPane = ExperimentPane(reader, _text(log_folder))
    pane.session.take()
    return keep_refreshed(pane.view, pane.refresh)


def _prepare() -> None:
    """Load Panel with what the panes need of it."""
    panel: Any = require("panel", plugin="ui", extra=_EXTRA)
    require("bokeh", plugin="ui", extra=_EXTRA)
    require("pandas", plugin="ui", extra=_EXTRA)
    panel.extension("tabulator")


def _existing(path: str | os.PathLike[str]) -> str:
    place = os.path.abspath(os.path.expanduser(os.fspath(path)))
    if not os.path.exists(place):
        raise FileNotFoundError(f"There is no file or folder {place}.")
    return place


def _text(path: str | os.PathLike[str] | None) -> str | None:
    return None if path is None else os.fspath(path)


def _place_of(source: Any, trajectory: str | None) -> tuple[str, str]:
    """Return the file and the name of a trajectory."""
    if isinstance(source, str | os.PathLike):
        path = _existing(source)
        if trajectory is not None:
            return path, trajectory
        from pypet.services.storage_choice import service_to_read

        names: list[str] = list(service_to_read(path).trajectory_names() or ())
        if len(names) != 1:
            known = ", ".join(names) or "none"
            raise ValueError(f"Say which trajectory of {path} to show; there are: {known}.")
        return path, names[0]
    file: str | None = getattr(getattr(source, "v_storage_service", None), "filename", None)
    if file is None or not os.path.exists(file):
        raise ValueError(
            f"{source!r:.80} is in no file; store it in one, or give the file and the name."
        )
    return os.path.abspath(file), trajectory or source.v_name
