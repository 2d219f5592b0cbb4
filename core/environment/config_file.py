"""Options, parameters and logging from a config file, beside what Python code gives."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pypet.environment.construction import settable_properties
from pypet.interfaces import ConfigContent, ConfigEntry, Option
from pypet.manager import PluginManager
from pypet.options import given_names, known_options, unknown_option_error
from pypet.options.deprecated import map_deprecated
from pypet.trajectory import Trajectory

_LOGGING = frozenset(
    ("log_config", "log_folder", "log_level", "log_levels", "log_multiproc", "logger_names")
)
"""These configure logging together: given in Python, they replace all those of a file."""


def read_config(
    manager: PluginManager, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[dict[str, Any], ConfigContent]:
    """Return the keywords of an environment with those of its config file, and the rest of that.

    What is given in Python always wins.

    Raises
    ------
    RuntimeError
        ``config`` is nothing that could be read.
    ValueError
        The file is missing or malformed, or has an option that is unknown or has a wrong value.
    """
    merged = dict(kwargs)
    source = kwargs.get("config")
    readers = manager.config_readers() if source is not None else ()
    if not readers:
        return merged, ConfigContent()
    reader = next((reader for reader in readers if reader.reads(source)), None)
    if reader is None:
        raise RuntimeError(
            f"config={source!r}: give the path of a config file, or a parser of configparser."
        )
    content = reader.read(source)
    given = given_names(args, kwargs)
    if not given.isdisjoint(_LOGGING):
        given |= _LOGGING
    known = known_options(manager)
    custom = not isinstance(kwargs.get("storage_service", ""), str)
    properties = settable_properties(Trajectory)
    keywords = {}
    for entry in content.keywords:
        name, value = _renamed(entry)
        if name is None or _bare(name) in given or name in given:
            continue
        if name in known:
            _check(known[name], value, entry)
        elif not custom and _bare(name) not in properties:
            prefixed = [f"v_{each}" for each in properties]
            error = unknown_option_error([name], [*known, *properties, *prefixed])
            raise type(error)(f"{entry.where}: {error}")
        keywords[name] = value
    if content.log_config is not None and _LOGGING.isdisjoint({*given, *keywords}):
        keywords["log_config"] = content.log_config
    return {**keywords, **merged}, content


def add_leaves(trajectory: Any, content: ConfigContent) -> None:
    """Add the parameters and config of a file to a trajectory.

    Raises
    ------
    Exception
        Whatever adding raises, with a note that says where the file asks for it.
    """
    _add(trajectory.f_add_parameter, content.parameters)
    _add(trajectory.f_add_config, content.config)


def _add(add: Any, entries: Iterable[ConfigEntry]) -> None:
    for entry in entries:
        try:
            add(entry.name, entry.value, comment=entry.comment)
        except Exception as error:
            error.add_note(f"pypet: this stands in {entry.where}")
            raise


def _renamed(entry: ConfigEntry) -> tuple[str | None, Any]:
    """Return name and value in today's spelling; None for a name without effect."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mapped = map_deprecated({entry.name: entry.value})
    for warning in caught:
        warnings.warn(f"{entry.where}: {warning.message}", DeprecationWarning, stacklevel=4)
    return next(iter(mapped.items()), (None, None))


def _bare(name: str) -> str:
    return name.removeprefix("v_")


def _check(option: Option, value: Any, entry: ConfigEntry) -> None:
    try:
        option.validate(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{entry.where}: {error}") from error
