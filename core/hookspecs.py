"""All hooks of pypet: the page to read first when writing a plugin.

A plugin is a module (or any object) with functions marked by `pypet.markers.hookimpl`, named in
the entry-point group ``pypet`` of its distribution::

    [project.entry-points.pypet]
    myfiles = "my_package.my_module"

pypet finds entry points without importing them. A plugin is imported when a feature with the name
of its entry point is requested, and whenever all plugins have to be known: to create an
environment, and for ``pypet plugins``. So importing the module of a plugin must be cheap: import
heavy packages in the method that needs them. If the import raises, the plugin is reported as failed
and everything else continues.

There are two kinds of hooks. *Register* hooks are called once per plugin, right after its import,
in the process that imports it (workers import a plugin only if they need it), and return classes
or declarations. *Lifecycle* hooks are notified of events; they are called in the main process only
and return nothing. An exception in a lifecycle hook is logged with the plugin's name and
distribution and does not stop the experiment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pypet.markers import hookspec

if TYPE_CHECKING:
    from pypet.interfaces import (
        AdmissionGate,
        Command,
        ConfigReader,
        Display,
        EnvironmentLike,
        Exporter,
        Journal,
        LoggingSetup,
        Option,
        Outcome,
        Plot,
        ProgressReporter,
        Sampler,
        Scheduler,
        StorageService,
        TerminalWriter,
        Versioning,
        WrapMode,
    )


@hookspec
def pypet_register_storage_services() -> Iterable[type[StorageService]]:
    """Return storage services; users choose one with ``storage_service='name'``.

    The class is instantiated once per trajectory or environment, with those of its options that
    were given and, if its ``__init__`` accepts it, ``trajectory=``.
    """


@hookspec
def pypet_register_wrap_modes() -> Iterable[type[WrapMode]]:
    """Return wrap modes; users choose one with ``wrap_mode='NAME'`` when runs are parallel."""


@hookspec
def pypet_register_schedulers() -> Iterable[type[Scheduler]]:
    """Return schedulers; users choose one with ``scheduler='name'`` or by the flags
    ``multiproc``, ``use_pool`` and ``use_scoop``."""


@hookspec
def pypet_register_admission_gates() -> Iterable[type[AdmissionGate]]:
    """Return gates; all of them must admit a worker process before it starts."""


@hookspec
def pypet_register_logging() -> Iterable[type[LoggingSetup]]:
    """Return logging set-ups; each environment makes one instance of each."""


@hookspec
def pypet_register_progress_reporters() -> Iterable[type[ProgressReporter]]:
    """Return progress reporters; each environment makes one instance of each."""


@hookspec
def pypet_register_versioning() -> Iterable[type[Versioning]]:
    """Return versioning features; each environment makes one instance of each."""


@hookspec
def pypet_register_journals() -> Iterable[type[Journal]]:
    """Return journals, which make experiments resumable; the environment uses the first one."""


@hookspec
def pypet_register_config_readers() -> Iterable[type[ConfigReader]]:
    """Return readers for the argument ``config``; the first one that supports it reads it."""


@hookspec
def pypet_register_plots() -> Iterable[type[Plot]]:
    """Return plots; users choose one with ``traj.f_plot('name')`` or ``pypet plot --kind name``."""


@hookspec
def pypet_register_displays() -> Iterable[type[Display]]:
    """Return displays; those of other distributions are asked before pypet's own."""


@hookspec
def pypet_register_terminal_writers() -> Iterable[type[TerminalWriter]]:
    """Return terminal writers; commands ask those of other distributions before pypet's own."""


@hookspec
def pypet_register_samplers() -> Iterable[type[Sampler]]:
    """Return samplers, which choose the points of `pypet.Environment.search`.

    Users give the name of one, which is then made without arguments for each search.
    """


@hookspec
def pypet_register_options() -> Iterable[Option]:
    """Return options that belong to no class of another hook, e.g. those of lifecycle hooks.

    Their values are in ``environment.options``.
    """


@hookspec
def pypet_register_leaf_classes() -> Iterable[str]:
    """Return dotted paths of classes of parameters and results, ``'my_package.MyResult'``.

    Loading finds them by the last part of their path, without ``dynamic_imports``. A class is
    imported when a node of its name is loaded.
    """


@hookspec
def pypet_register_exporters() -> Iterable[type[Exporter]]:
    """Return formats that tables of runs are exported to; users choose one by the ending of the
    file, ``pypet export ... --to FILE``, or by its name."""


@hookspec
def pypet_register_commands() -> Iterable[Command]:
    """Return sub-commands of ``pypet``; called when the command line is used."""


@hookspec
def pypet_environment_created(environment: EnvironmentLike) -> None:
    """Called once per environment, when it is complete and nothing ran yet."""


@hookspec
def pypet_experiment_started(environment: EnvironmentLike) -> None:
    """Called when ``run``, ``run_map`` or ``pipeline`` begins.

    Parameters are complete and locked, and meta data is stored.
    """


@hookspec
def pypet_runs_started(environment: EnvironmentLike, indices: Sequence[int]) -> None:
    """Called with batches of runs right before they are submitted to the scheduler."""


@hookspec
def pypet_runs_finished(environment: EnvironmentLike, outcomes: Sequence[Outcome]) -> None:
    """Called with batches of runs that completed and are stored, in the order of finishing."""


@hookspec
def pypet_runs_failed(environment: EnvironmentLike, outcomes: Sequence[Outcome]) -> None:
    """Called with batches of runs that raised or were lost, before the error is handled."""


@hookspec
def pypet_experiment_finished(environment: EnvironmentLike, completed: bool) -> None:
    """Called when an experiment has ended; ``completed`` is True if every run is completed.

    Also called after an error, with False, before the error is raised.
    """
