"""All hooks of pypet: the page to read first when writing a plugin.

A plugin is a module (or any object) with functions marked by `pypet.markers.hookimpl`, named in
the entry-point group ``pypet`` of its distribution::

    [project.entry-points.pypet]
    myfiles = "my_package.my_module"

pypet finds entry points without importing them. A plugin is imported when somebody asks for a
feature of the entry point's name, or by everything that needs to know all plugins: creating an
environment, and ``pypet plugins``. So importing a plugin's module must be cheap: heavy packages
are imported in the method that needs them. If the import raises, the plugin is reported as
failed and everything else goes on.

There are two kinds of hooks. *Register* hooks are called once per plugin, right after its import,
in the process that imports it (workers import a plugin only if they need it), and return classes
or declarations. *Lifecycle* hooks are told what happens; they are called in the main process only
and return nothing. An exception of a lifecycle hook is logged with the plugin's name and
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
        EnvironmentLike,
        Journal,
        LoggingSetup,
        Option,
        Outcome,
        ProgressReporter,
        Scheduler,
        StorageService,
        Versioning,
        WrapMode,
    )


@hookspec
def pypet_register_storage_services() -> Iterable[type[StorageService]]:
    """Return storage services; users choose one with ``storage_service='name'``.

    The class is instantiated once per trajectory or environment, with those of its options that
    were given and, if its ``__init__`` takes it, ``trajectory=``.
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
    """Return logging set-ups; the environment makes one of each."""


@hookspec
def pypet_register_progress_reporters() -> Iterable[type[ProgressReporter]]:
    """Return progress reporters; the environment makes one of each."""


@hookspec
def pypet_register_versioning() -> Iterable[type[Versioning]]:
    """Return versioning features; the environment makes one of each."""


@hookspec
def pypet_register_journals() -> Iterable[type[Journal]]:
    """Return journals, which make experiments resumable; the environment uses the first one."""


@hookspec
def pypet_register_config_readers() -> Iterable[type[ConfigReader]]:
    """Return readers of what is given as ``config=``; the first one that reads it is asked."""


@hookspec
def pypet_register_options() -> Iterable[Option]:
    """Return options that belong to no class of another hook, e.g. those of lifecycle hooks.

    Their values are found in ``environment.options`` under their names.
    """


@hookspec
def pypet_register_commands() -> Iterable[Command]:
    """Return sub-commands of ``pypet``; called when the command line is used."""


@hookspec
def pypet_environment_created(environment: EnvironmentLike) -> None:
    """Be told that an environment is complete; nothing ran yet. Once per environment."""


@hookspec
def pypet_experiment_started(environment: EnvironmentLike) -> None:
    """Be told that ``run``, ``run_map`` or ``pipeline`` begins: parameters are complete and
    locked, meta data is stored."""


@hookspec
def pypet_runs_started(environment: EnvironmentLike, indices: Sequence[int]) -> None:
    """Be told which runs were handed to the scheduler, in batches; before they execute."""


@hookspec
def pypet_runs_finished(environment: EnvironmentLike, outcomes: Sequence[Outcome]) -> None:
    """Be told which runs completed and are stored, in batches, in the order of finishing."""


@hookspec
def pypet_runs_failed(environment: EnvironmentLike, outcomes: Sequence[Outcome]) -> None:
    """Be told which runs raised or were lost, in batches, before the error is acted upon."""


@hookspec
def pypet_experiment_finished(environment: EnvironmentLike, completed: bool) -> None:
    """Be told that the experiment ended; ``completed`` is True if every run is completed.

    Also called after an error, then with False, before the error is raised.
    """
