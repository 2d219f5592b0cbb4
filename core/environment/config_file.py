"""Merges options, parameters and logging of a config file with those given in Python."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pypet.interfaces import ConfigContent, ConfigEntry
from pypet.manager import PluginManager
from pypet.options import ESTABLISHED, OptionValues, given_names, unknown_option_error
from pypet.options.checks import flag
from pypet.options.collection import KnownOptions, map_deprecated
from pypet.trajectory import Trajectory
from pypet.trajectory.properties import PROPERTY_PREFIX, settable_properties
from pypet.tree.names import check_trajectory_name
from pypet.tree.tree import tree_of

_LOGGING = frozenset(
    ("log_config", "log_folder", "log_level", "log_levels", "log_multiproc", "logger_names")
)

if TYPE_CHECKING:
    from pypet.trajectory import Trajectory
"""Options that configure logging together: one given in Python replaces all of a file."""
_SERVICE = "storage_service"


def read_config(
    manager: PluginManager, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[dict[str, Any], ConfigContent]:
    """Return the keywords of an environment merged with its config file, and the file's content.

    What is given in Python takes precedence, and is removed from the content.

    Raises
    ------
    RuntimeError
        No reader supports ``config``.
    ValueError
        The file is missing or malformed, or has an option that is unknown or has a wrong value.
    """
    merged = dict(kwargs)
    source = kwargs.get("config")
    ESTABLISHED["config"].validate(source)
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
    entries = list(_wanted(content.keywords, given))
    service = next((each.value for each in reversed(entries) if each.name == _SERVICE), None)
    service = kwargs.get(_SERVICE, service or ESTABLISHED[_SERVICE].default)
    known = KnownOptions(manager)
    used = {}
    for entry in entries:
        used[entry.name] = _checked(entry, known, service, content.has_only_lists)
    keywords = {name: entry.value for name, entry in used.items()}
    if content.log_config is not None and _LOGGING.isdisjoint({*given, *keywords}):
        keywords["log_config"] = content.log_config
        used["log_config"] = ConfigEntry("log_config", None, content.log_where)
    return {**keywords, **merged}, content._replace(keywords=list(used.values()))


def optional_storage_keywords(content: ConfigContent, options: OptionValues) -> set[str]:
    """Return the storage keywords of a file that the storage service need not accept.

    A file is written for one service. If Python code gives another one, or a trajectory that has
    one, the keywords of the file are used as far as that service accepts them.
    """
    names = {entry.name for entry in content.keywords}
    in_python = options.given - names
    brings_service = "trajectory" in in_python and not isinstance(options["trajectory"], str)
    if _SERVICE in in_python or brings_service:
        return names & options.given_of("storage").keys()
    return set()


@contextmanager
def annotate_places(content: ConfigContent) -> Iterator[None]:
    """Add a note to errors with the places in the file of the options that the message names."""
    try:
        yield
    except Exception as error:
        text = "\n".join([str(error), *getattr(error, "__notes__", ())])
        places = [entry.where for entry in content.keywords if _is_named(entry, text)]
        if places:
            error.add_note(f"pypet: see {'; '.join(dict.fromkeys(places))}")
        raise


def check_leaves(
    trajectory: Trajectory, content: ConfigContent, properties: Mapping[str, Any]
) -> None:
    """Raise if `add_leaves` would, once the trajectory has these ``properties``.

    Raises
    ------
    ValueError
        A name or value is refused; the message has its place in the file.
    """
    if not content.parameters and not content.config:
        return
    trial = Trajectory("trial")
    tree_of(trial).wildcards = tree_of(trajectory).wildcards
    trial.v_standard_parameter = trajectory.v_standard_parameter
    trial.v_no_clobber = trajectory.v_no_clobber
    service = f"{PROPERTY_PREFIX}{_SERVICE}"
    trial.f_set_properties(**{key: properties[key] for key in properties if key != service})
    _check(trial.f_add_parameter, content.parameters, _existing(trajectory, "parameters"))
    _check(trial.f_add_config, content.config, _existing(trajectory, "config"))


def add_leaves(trajectory: Trajectory, content: ConfigContent) -> None:
    """Add the parameters and config of a file to a trajectory."""
    for entry in content.parameters:
        trajectory.f_add_parameter(entry.name, entry.value, comment=entry.comment)
    for entry in content.config:
        trajectory.f_add_config(entry.name, entry.value, comment=entry.comment)


def _wanted(entries: Iterable[ConfigEntry], given: set[str]) -> Iterator[ConfigEntry]:
    """Yield the options that Python code does not give, under their present names."""
    for entry in entries:
        if entry.name == "config":
            raise ValueError(f"{entry.where}: a config file cannot name another one.")
        name, value = _renamed(entry)
        if name is not None and given.isdisjoint((name, _bare(name))):
            yield entry._replace(name=name, value=value)


def _renamed(entry: ConfigEntry) -> tuple[str | None, Any]:
    """Return present name and value of an option; None for a name without effect."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mapped = map_deprecated({entry.name: entry.value})
    for warning in caught:
        warnings.warn(f"{entry.where}: {warning.message}", DeprecationWarning, stacklevel=5)
    return next(iter(mapped.items()), (None, None))


def _bare(name: str) -> str:
    return name.removeprefix(PROPERTY_PREFIX)


def _checked(
    entry: ConfigEntry, known: KnownOptions, service: Any, has_only_lists: bool
) -> ConfigEntry:
    """Return an option with its validated and converted value."""
    name, value = entry.name, entry.value
    try:
        if name in known:
            if has_only_lists:
                value = known[name].from_list(value)
            known.validate(name, value, service if isinstance(service, str) else None)
            if name == "trajectory":
                _check_name(value)
        elif _bare(name) in (properties := settable_properties(Trajectory)):
            _check_property(name, value)
        elif isinstance(service, str) and "." not in service:
            prefixed = [f"{PROPERTY_PREFIX}{each}" for each in properties]
            raise unknown_option_error([name], [*known, *properties, *prefixed])
    except (TypeError, ValueError) as error:
        kind = type(error) if isinstance(error, ValueError) else ValueError
        raise kind(f"{entry.where}: {error}") from error
    return entry._replace(value=value)


def _check_name(value: Any) -> None:
    """Check the option ``trajectory``, which can only be a name in a file."""
    if not isinstance(value, str):
        raise ValueError(f"The name of a trajectory is text, not {value!r}.")
    check_trajectory_name(value)


def _check_property(name: str, value: Any) -> None:
    """Check a property of the trajectory that a file sets."""
    bare = _bare(name)
    if bare == _SERVICE:
        raise ValueError(f"In files this is the option {_SERVICE!r}, which takes a name.")
    trial = Trajectory("trial")
    default = getattr(trial, f"{PROPERTY_PREFIX}{bare}")
    if isinstance(default, type):
        raise ValueError(f"{name!r} takes a class; give it in Python.")
    if isinstance(default, bool):
        flag(name)(value)
    try:
        trial.f_set_properties(**{bare: value})
    except Exception as error:
        raise ValueError(f"{name}={value!r}: {error}") from error


def _is_named(entry: ConfigEntry, text: str) -> bool:
    """Return whether the text of an error names an option or its value."""
    if entry.where in text:
        return False
    if entry.name in _LOGGING and re.search(r"\blog(ger|ging)?\b", text):
        return True
    words = re.escape(entry.name.removesuffix("s")).replace("_", "[_ ]")
    if re.search(rf"\b{words}s?\b", text):
        return True
    value = entry.value
    if not isinstance(value, str) or not value:
        return False
    return repr(value) in text or (os.sep in value and os.path.abspath(value) in text)


def _check(
    add: Callable[..., Any], entries: Iterable[ConfigEntry], exists: Callable[[str], bool]
) -> None:
    """Add the entries of a file to a trial trajectory, with placeholders for existing leaves."""
    placeholders = set()
    for entry in entries:
        parts = entry.name.split(".")
        for name in (".".join(parts[:end]) for end in range(1, len(parts) + 1)):
            if name not in placeholders and exists(name):
                placeholders.add(name)
                add(name, 0)
        try:
            add(entry.name, entry.value, comment=entry.comment)
        except Exception as error:
            raise ValueError(f"{entry.where}: {error}") from error


def _existing(trajectory: Trajectory, branch: str) -> Callable[[str], bool]:
    """Return a function of a name: whether the branch has such a leaf."""

    def exists(name: str) -> bool:
        full = f"{branch}.{name}"
        if not trajectory.f_contains(full, shortcuts=False, with_links=False):
            return False
        return bool(trajectory.f_get(full, shortcuts=False).v_is_leaf)

    return exists
