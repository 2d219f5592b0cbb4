"""Sound plugins that accompany experiments, as small as can be, to be broken."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pypet.interfaces import (
    Activity,
    AdmissionGate,
    ConfigReader,
    EnvironmentLike,
    LogContext,
    LoggingSetup,
    Option,
    ProgressReporter,
    Versioning,
)
from pypet.interfaces.config_reading import ConfigContent, ConfigEntry


class SmallVersioning(Versioning):
    """Records a note, and its hash as revision."""

    name = "small_versioning"
    options = (Option("small_note", None, (str,), "Note to record."),)

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.note: str | None = options["small_note"]

    def snapshot(self, environment: EnvironmentLike) -> str | None:
        """Return the hash of the note."""
        return None if self.note is None else hashlib.sha1(self.note.encode()).hexdigest()

    def experiment_started(self, environment: EnvironmentLike) -> None:
        """Record the note."""
        traj: Any = environment.trajectory
        if self.note is not None and "config.small_note" not in traj:
            traj.f_add_config("small_note", self.note, comment="a note")


class SmallLogging(LoggingSetup):
    """Writes the messages of all loggers to a file."""

    name = "small_logging"
    options = (Option("small_folder", None, (str,), "Folder of the log file."),)

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.folder: str | None = options["small_folder"]
        self.handlers: list[logging.Handler] = []

    def start(self, context: LogContext) -> None:
        """Add a handler."""
        if self.folder is not None:
            Path(self.folder).mkdir(parents=True, exist_ok=True)
            handler = logging.FileHandler(Path(self.folder, "log.txt"))
            self.handlers.append(handler)
            logging.getLogger().addHandler(handler)

    @property
    def folders(self) -> list[str]:
        """The folder of the file."""
        return [str(self.folder)] if self.handlers else []

    def start_worker(self, context: LogContext) -> None:
        """Log from workers, too."""
        self.start(context)

    def stop(self, *, remove_all_handlers: bool = True) -> None:
        """Remove the handler."""
        while self.handlers:
            handler = self.handlers.pop()
            logging.getLogger().removeHandler(handler)
            handler.close()


class SmallProgress(ProgressReporter):
    """Counts."""

    name = "small_progress"

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.total = self.done = 0
        self.activity: Callable[[], Activity | None] | None = None

    def start(self, total: int, done: int = 0) -> None:
        """Begin to count."""
        self.total, self.done = total, done

    def advance(self, finished: int = 1, failed: int = 0) -> None:
        """Count runs."""
        self.done += finished + failed
        assert self.done <= self.total

    def watch(self, activity: Callable[[], Activity | None]) -> None:
        """Ask for activity from now on."""
        self.activity = activity

    def refresh(self) -> None:
        """Ask for it."""
        if self.activity is not None and (active := self.activity()) is not None:
            assert len(active.running) <= active.workers

    def stop(self) -> None:
        """Ask no more."""
        self.activity = None


class SmallGate(AdmissionGate):
    """Admits a number of processes."""

    name = "small_gate"
    options = (Option("small_limit", None, (int,), "Largest number of processes."),)

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.limit: int | None = options["small_limit"]

    @property
    def admits_all(self) -> bool:
        """Whether there is no limit."""
        return self.limit is None

    def admits(self, active: int) -> bool:
        """Return whether there may be more."""
        return self.limit is None or active < self.limit


class SmallReader(ConfigReader):
    """Reads JSON files."""

    name = "small_reader"

    @classmethod
    def reads(cls, source: Any) -> bool:
        """Return whether it is the path of a JSON file."""
        return isinstance(source, str) and source.endswith(".json")

    @classmethod
    def read(cls, source: Any) -> ConfigContent:
        """Read the file."""
        try:
            text = Path(source).read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise ValueError(f"There is no file {source}.") from error
        content = json.loads(text)
        return ConfigContent(
            [ConfigEntry(name, value, source) for name, value in content["keywords"].items()],
            [ConfigEntry(name, value, source) for name, value in content["parameters"].items()],
        )


class SmallCommand:
    """The parts of a sub-command."""

    name = "small-command"
    help = "Print a number."

    @staticmethod
    def add_arguments(parser: Any) -> None:
        """Add an argument with a default."""
        parser.add_argument("--number", type=int, default=3)

    @staticmethod
    def run(arguments: Any) -> int:
        """Succeed."""
        return 0 if arguments.number == 3 else 1
