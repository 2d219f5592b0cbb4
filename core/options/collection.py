"""Collecting the options of an environment: from positions, keywords, old names and plugins."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pypet.errors import OptionWarning, UnknownOptionError
from pypet.interfaces import Option
from pypet.manager import DeclaredOption, PluginManager
from pypet.manager.families import STORAGE
from pypet.manager.nearest import nearest
from pypet.options.deprecated import RENAMED, map_deprecated
from pypet.options.disabled import OPTION, check_disabled
from pypet.options.established import ESTABLISHED, POSITIONAL_COUNT
from pypet.options.needs import asks, check_needs

_POSITIONAL = tuple(ESTABLISHED)[:POSITIONAL_COUNT]


class OptionValues(dict[str, Any]):
    """Values of all options by name: what was given, else the default.

    ``given`` are the names of those that were given, also where the value is the default;
    ``options`` has for each of them the declaration that counts, ``families`` says to which
    family it belongs.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        given: Iterable[str],
        families: Mapping[str, str],
        options: Mapping[str, Option],
    ) -> None:
        super().__init__(values)
        self.given = frozenset(given)
        self._families = families
        self._options = options

    def asked_only_with(self) -> Iterator[tuple[str, str]]:
        """Yield given options that ask for something, and what each does nothing without."""
        for name, option in self._options.items():
            if option.only_with and asks(self[name], option.default):
                yield name, option.only_with

    def given_of(self, family: str) -> dict[str, Any]:
        """Return the given values of the options of a family, those of plugins included.

        For ``'storage'`` these are the keywords that may go to a storage service's ``__init__``.
        """
        return {name: self[name] for name in self.given if self._families[name] == family}


class KnownOptions(Mapping[str, Option]):
    """All options of what is installed by name, with the declarations of all who read them."""

    def __init__(self, manager: PluginManager) -> None:
        """Load all plugins, because each may declare options."""
        self.declared = _by_name(manager.options())
        self._options = known_options(manager, self.declared)

    def __getitem__(self, name: str) -> Option:
        return self._options[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._options)

    def __len__(self) -> int:
        return len(self._options)

    def validate(self, name: str, value: Any, service: str | None = None) -> None:
        """Check a value against the declaration that counts and those of others who read it.

        Of the declarations of storage services only that of the one with the name ``service``
        counts: as long as it is not known who will read an option, none does.

        Raises
        ------
        TypeError, ValueError
            As `Option.validate`.
        """
        option = self._options[name]
        if value is option.default:
            return
        option.validate(value)
        for other, _, feature in self.declared.get(name, ()):
            if other is not option and (
                feature is None
                or feature.family is not STORAGE
                or feature.name.lower() == str(service).lower()
            ):
                other.validate(value)


class Collected(NamedTuple):
    """All options, and the keywords that are none."""

    values: OptionValues
    leftovers: dict[str, Any]
    """Keywords that nobody declares; the environment tries them on the trajectory."""


def collect(
    manager: PluginManager,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    stacklevel: int = 2,
) -> Collected:
    """Merge positional and keyword arguments of an environment and check each option by itself.

    Loads all plugins, because each may declare options. ``stacklevel`` says whom warnings blame,
    counted from the function that calls this one (1).

    Raises
    ------
    TypeError
        There are too many positional arguments, one is given twice, or a value has a wrong type.
    ValueError
        A value is refused by the check of its option.
    UnknownPluginError
        A plugin to switch off is misspelled.
    MissingDependencyError
        An option needs a package, or an established option a plugin, that is not installed.
    """
    given = {**_positional(args, kwargs), **map_deprecated(kwargs, stacklevel=stacklevel + 1)}
    known = KnownOptions(manager)
    declared = known.declared
    leftovers = {name: value for name, value in given.items() if name not in known}
    given = {name: value for name, value in given.items() if name in known}
    given = _with_text(given, known, stacklevel=stacklevel + 1)
    for name, value in given.items():
        known.validate(name, value)
    check_disabled(manager, given.get(OPTION, ()), stacklevel=stacklevel + 1)
    check_needs(manager, declared, given)
    values = {name: option.default for name, option in known.items()} | given
    families = {name: _family(known[name], declared.get(name, ())) for name in given}
    options = {name: known[name] for name in sorted(given)}
    return Collected(OptionValues(values, given, families, options), leftovers)


def given_names(args: Sequence[Any], kwargs: Mapping[str, Any]) -> set[str]:
    """Return the names, in today's spelling, of all options that are given in a call."""
    bare = (name.removeprefix("v_") for name in kwargs)
    return {*_POSITIONAL[: len(args)], *kwargs, *bare, *(RENAMED.get(name, "") for name in kwargs)}


def known_options(
    manager: PluginManager, declared: Mapping[str, Sequence[DeclaredOption]] | None = None
) -> dict[str, Option]:
    """Return all options by name: the established ones in order, then those of plugins.

    Defaults of established options are a contract that plugins cannot change; of several other
    declarations of the same name the first one counts.
    """
    if declared is None:
        declared = _by_name(manager.options())
    return dict(ESTABLISHED) | {
        name: declarations[0].option
        for name, declarations in declared.items()
        if name not in ESTABLISHED
    }


def unknown_option_error(
    names: Iterable[str], known: Iterable[str] = (), storage_refusal: str = ""
) -> UnknownOptionError:
    """Return the error that names all keywords that nobody takes, and the nearest known names.

    ``storage_refusal`` says why keywords of storage services are among them, with ``{names}``.
    ``known`` are further names that would have been understood, for example options of plugins
    and settable properties of the trajectory; established options and old names always count.
    """
    candidates = {*known, *ESTABLISHED, *RENAMED}
    names = list(names)
    refused = [
        name
        for name, option in ESTABLISHED.items()
        if storage_refusal and name in names and option.family == "storage"
    ]
    lines = [
        _unknown(name, candidates - {name}, name in candidates)
        for name in names
        if name not in refused
    ]
    if refused:
        lines.append(storage_refusal.format(names=", ".join(map(repr, refused))))
    return UnknownOptionError(" ".join(lines))


def _unknown(name: str, others: Iterable[str], is_known: bool) -> str:
    if is_known:
        return f"Option {name!r} is not taken here."
    near = nearest(name, others)
    suggestion = f"; did you mean {near!r}?" if near else "; see help(pypet.Environment)."
    return f"Nobody knows the option {name!r}{suggestion}"


def _positional(args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Name the positional arguments."""
    if len(args) > POSITIONAL_COUNT:
        raise TypeError(
            f"Environment takes at most {POSITIONAL_COUNT} positional arguments, "
            f"{len(args)} were given; further options are keywords."
        )
    named = dict(zip(_POSITIONAL, args, strict=False))
    twice = [name for name in named if name in kwargs]
    if twice:
        raise TypeError(f"Environment got several values for the argument {twice[0]!r}.")
    return named


def _with_text(
    given: Mapping[str, Any], known: Mapping[str, Option], *, stacklevel: int
) -> dict[str, Any]:
    """Return options with ``''`` in the place of None where they take text only, and warn."""
    taken = dict(given)
    for name, value in given.items():
        option = known[name]
        if value is None and option.types == (str,) and option.default == "":
            taken[name] = ""
            text = f"{name}=None is taken as {name}='': give text, or leave it out."
            warnings.warn(text, OptionWarning, stacklevel=stacklevel + 1)
    return taken


def _by_name(options: Iterable[DeclaredOption]) -> dict[str, list[DeclaredOption]]:
    by_name: dict[str, list[DeclaredOption]] = {}
    for declaration in options:
        by_name.setdefault(declaration.option.name, []).append(declaration)
    return by_name


def _family(option: Option, declarations: Sequence[DeclaredOption]) -> str:
    """Return the family of an option: that of the table, else of the feature that declares it."""
    if option.name in ESTABLISHED or not declarations:
        return option.family
    feature = declarations[0].feature
    return option.family if feature is None else feature.family.name
