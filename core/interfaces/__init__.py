"""The abstract classes that plugins implement, one module per family."""

from pypet.interfaces.admission import AdmissionGate
from pypet.interfaces.command import Command
from pypet.interfaces.config_reading import ConfigContent, ConfigEntry, ConfigReader
from pypet.interfaces.display import Display
from pypet.interfaces.environment import EnvironmentLike, TrajectoryLike
from pypet.interfaces.exporting import Exporter
from pypet.interfaces.feature import Feature
from pypet.interfaces.journaling import CommittedRun, Journal, Restored, Snapshot
from pypet.interfaces.logging import LogContext, LoggingSetup, ProgressReporter
from pypet.interfaces.option import Option
from pypet.interfaces.plotting import Plot
from pypet.interfaces.sampling import MAXIMIZE, MINIMIZE, Point, Sampler
from pypet.interfaces.scheduling import Activity, Outcome, Scheduler, Task, TaskFunction
from pypet.interfaces.storage import InspectsRuns, StorageService
from pypet.interfaces.storage_adapter import ServiceAdapter, adapted, without_adapter
from pypet.interfaces.terminal import TableColumn, TerminalWriter
from pypet.interfaces.versioning import Versioning
from pypet.interfaces.wrapping import WorkerService, WrapMode
from pypet.moved import former_names

__getattr__ = former_names(__name__)

INTERFACE_VERSION = (1, 0)
"""Version of what plugins may import, see docs/plugins.md: the minor number grows when something is
added, the major number when something is removed."""

__all__ = [
    "INTERFACE_VERSION",
    "MAXIMIZE",
    "MINIMIZE",
    "Activity",
    "AdmissionGate",
    "Command",
    "CommittedRun",
    "ConfigContent",
    "ConfigEntry",
    "ConfigReader",
    "Display",
    "EnvironmentLike",
    "Exporter",
    "Feature",
    "InspectsRuns",
    "Journal",
    "LogContext",
    "LoggingSetup",
    "Option",
    "Outcome",
    "Plot",
    "Point",
    "ProgressReporter",
    "Restored",
    "Sampler",
    "Scheduler",
    "ServiceAdapter",
    "Snapshot",
    "StorageService",
    "TableColumn",
    "Task",
    "TaskFunction",
    "TerminalWriter",
    "TrajectoryLike",
    "Versioning",
    "WorkerService",
    "WrapMode",
    "adapted",
    "without_adapter",
]
