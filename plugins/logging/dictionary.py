"""Logging configurations in the schema of `logging.config.dictConfig`."""

from __future__ import annotations

import logging
import logging.config
from collections.abc import Callable, Mapping
from typing import Any

from pypet.plugins.logging.attachment import LoggerPlan, LoggingPlan, close_handlers, level_number
from pypet.plugins.logging.lines import HANDLER_CLASSES, LineFormatter, Replacements
from pypet.plugins.logging.log_files import handler_error


def check_dictionary(config: Mapping[str, Any]) -> None:
    """Raise ValueError unless it is a full configuration whose classes, levels and names exist.

    Opens no files, so that errors in the configuration of workers are raised before they start.
    """
    if config.get("version") != 1:
        raise ValueError(
            f"A logging configuration needs 'version': 1, not {config.get('version')!r}."
        )
    if config.get("incremental"):
        raise ValueError(
            "A logging configuration of an environment cannot be incremental: leave "
            "'incremental' out, or pass log_config=None and configure logging yourself."
        )
    for key in ("handlers", "formatters", "filters", "loggers"):
        for name, section in _table(config.get(key, {}), key).items():
            _table(section, f"{key}: {name}")
    _table(config.get("root") or {}, "root")
    handlers, formatters = config.get("handlers", {}), config.get("formatters", {})
    resolve = logging.config.BaseConfigurator({}).resolve
    for name, section in handlers.items():
        kind = section.get("class")
        if isinstance(kind, str):
            try:
                resolve(kind)
            except (ValueError, ImportError) as err:
                raise handler_error(repr(name), err) from err
        if section.get("formatter") not in {None, *formatters}:
            raise _undefined(f"handler {name!r}", section["formatter"])
        if "level" in section:
            level_number(section["level"])
    # The root may be there under both of its names.
    for name, section in (*config.get("loggers", {}).items(), ("", config.get("root") or {})):
        for each in section.get("handlers", ()):
            if each not in handlers:
                raise _undefined(f"logger {name or 'root'!r}", each)
        if section.get("level") is not None:
            level_number(section["level"])


def _table(part: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(part, Mapping):
        raise ValueError(
            f"The logging configuration needs a dictionary for {where!r}, not {part!r}."
        )
    return part


def _undefined(what: str, name: Any) -> ValueError:
    return ValueError(
        f"The logging configuration of {what} names {name!r}, which it does not define."
    )


def build_from_dictionary(
    config: Mapping[str, Any],
    place: Callable[[str], str],
    replacements: Replacements = HANDLER_CLASSES,
) -> LoggingPlan:
    """Create the handlers; ``place`` turns each ``filename`` into the one to open.

    Unlike `logging.config.dictConfig`, existing loggers are only disabled if
    ``disable_existing_loggers`` is given and true.

    Raises
    ------
    ValueError
        Something is missing, or a handler cannot be made.
    """
    builder = _Builder(_with_places(config, place), replacements)
    try:
        return builder.build()
    except BaseException:
        close_handlers(builder.handlers.values())
        raise


def file_names(config: Any) -> list[str]:
    """Return the names of log files, with wildcards: every ``filename``, at any depth."""
    found: list[str] = []

    def collect(name: str) -> str:
        found.append(name)
        return name

    _with_places(config, collect)
    return found


def _with_places(config: Any, place: Callable[[str], str]) -> Any:
    """Return a copy with every ``filename``, at any depth, replaced by the one to open."""
    if isinstance(config, Mapping):
        return {
            key: place(value)
            if key == "filename" and isinstance(value, str)
            else _with_places(value, place)
            for key, value in config.items()
        }
    if isinstance(config, list):
        return [_with_places(value, place) for value in config]
    return config


class _Builder(logging.config.DictConfigurator):
    """Makes the handlers of a dictionary, without touching any logger."""

    def __init__(self, config: dict[str, Any], replacements: Replacements) -> None:
        super().__init__(config)
        self._replacements = replacements
        self.handlers: dict[str, logging.Handler] = {}

    def resolve(self, s: str) -> Any:
        """Find an object by its dotted name; some standard classes are replaced."""
        found = super().resolve(s)
        return self._replacements.get(found, found) if isinstance(found, type) else found

    def build(self) -> LoggingPlan:
        for kind, make in (
            ("formatters", self._make_formatter),
            ("filters", self.configure_filter),
        ):
            group = self.config.get(kind, {})
            for name in group:
                group[name] = self._attempt(kind, name, make, group[name])
        self._make_handlers()
        loggers = [
            self._logger_plan(name, section)
            for name, section in self.config.get("loggers", {}).items()
        ]
        if self.config.get("root"):
            loggers.insert(0, self._logger_plan("", self.config["root"]))
        return LoggingPlan(
            tuple(loggers),
            tuple(self.handlers.values()),
            bool(self.config.get("disable_existing_loggers", False)),
        )

    def _make_formatter(self, section: Any) -> logging.Formatter:
        formatter: logging.Formatter = self.configure_formatter(section)
        return LineFormatter.like(formatter)

    def _make_handlers(self) -> None:
        """Make handlers; those that reference another one are made after it."""
        group = self.config.get("handlers", {})
        waiting = sorted(group)
        while waiting:
            postponed = []
            for name in waiting:
                try:
                    handler: logging.Handler = self.configure_handler(group[name])
                except Exception as err:
                    if "not configured yet" not in f"{err} {err.__cause__}":
                        raise handler_error(repr(name), err) from err
                    postponed.append(name)
                    continue
                handler.name = name
                group[name] = self.handlers[name] = handler
            if postponed == waiting:
                raise ValueError(f"Log handlers wait for each other: {', '.join(waiting)}.")
            waiting = postponed

    def _attempt(self, kind: str, name: str, make: Callable[[Any], Any], section: Any) -> Any:
        try:
            return make(section)
        except Exception as err:
            raise ValueError(
                f"Cannot make {name!r} of {kind!r} in the logging configuration: {err}"
            ) from err

    def _logger_plan(self, name: str, section: Mapping[str, Any]) -> LoggerPlan:
        level = section.get("level")
        try:
            handlers = tuple(self.handlers[key] for key in section.get("handlers", ()))
            filters = tuple(self.config["filters"][key] for key in section.get("filters", ()))
        except KeyError as err:
            raise _undefined(f"logger {name or 'root'!r}", err.args[0]) from None
        return LoggerPlan(
            name,
            None if level is None else level_number(level),
            handlers,
            section.get("propagate"),
            filters,
        )
