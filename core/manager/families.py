"""The families of features: the hook that registers each, and the option that selects one."""

from __future__ import annotations

from typing import NamedTuple

from pypet.interfaces import (
    AdmissionGate,
    Command,
    ConfigReader,
    Display,
    Exporter,
    Journal,
    LoggingSetup,
    Plot,
    ProgressReporter,
    Sampler,
    Scheduler,
    StorageService,
    TerminalWriter,
    Versioning,
    WrapMode,
)

OPTIONS_HOOK = "pypet_register_options"
LEAF_CLASSES_HOOK = "pypet_register_leaf_classes"


class Family(NamedTuple):
    """One family of features."""

    name: str
    noun: str
    """Name of one such feature in messages."""
    plural: str
    hook: str
    interface: type
    """The hook returns subclasses of this class, or instances for commands."""
    option: str | None = None
    """The option that selects one by name; None: all of them are used."""

    def request_text(self, name: str) -> str:
        """Return the request for a feature as users write it, for messages."""
        return f"{self.option}={name!r}" if self.option else f"{self.noun} {name!r}"


STORAGE = Family(
    "storage",
    "storage service",
    "storage services",
    "pypet_register_storage_services",
    StorageService,
    "storage_service",
)
WRAPPING = Family(
    "wrapping", "wrap mode", "wrap modes", "pypet_register_wrap_modes", WrapMode, "wrap_mode"
)
SCHEDULING = Family(
    "scheduling", "scheduler", "schedulers", "pypet_register_schedulers", Scheduler, "scheduler"
)
ADMISSION = Family(
    "admission",
    "admission gate",
    "admission gates",
    "pypet_register_admission_gates",
    AdmissionGate,
)
LOGGING = Family(
    "logging", "logging set-up", "logging set-ups", "pypet_register_logging", LoggingSetup
)
PROGRESS = Family(
    "progress",
    "progress reporter",
    "progress reporters",
    "pypet_register_progress_reporters",
    ProgressReporter,
)
VERSIONING = Family(
    "versioning",
    "versioning feature",
    "versioning features",
    "pypet_register_versioning",
    Versioning,
)
JOURNALING = Family("journaling", "journal", "journals", "pypet_register_journals", Journal)
CONFIG = Family(
    "config", "config reader", "config readers", "pypet_register_config_readers", ConfigReader
)
PLOTTING = Family("plotting", "plot", "plots", "pypet_register_plots", Plot)
DISPLAYING = Family("displaying", "display", "displays", "pypet_register_displays", Display)
TERMINAL = Family(
    "terminal",
    "terminal writer",
    "terminal writers",
    "pypet_register_terminal_writers",
    TerminalWriter,
)
EXPORTING = Family("exporting", "exporter", "exporters", "pypet_register_exporters", Exporter)
SAMPLING = Family("sampling", "sampler", "samplers", "pypet_register_samplers", Sampler, "sampler")
COMMANDS = Family("command", "command", "commands", "pypet_register_commands", Command)

FAMILIES: tuple[Family, ...] = (
    STORAGE,
    WRAPPING,
    SCHEDULING,
    ADMISSION,
    LOGGING,
    PROGRESS,
    VERSIONING,
    JOURNALING,
    CONFIG,
    PLOTTING,
    DISPLAYING,
    TERMINAL,
    EXPORTING,
    SAMPLING,
    COMMANDS,
)
