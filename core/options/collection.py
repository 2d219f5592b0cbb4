"""Collecting the options of an environment from positions, keywords, old names and plugins."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pypet.errors import OptionWarning, PluginWarning, UnknownOptionError
from pypet.interfaces import Option
from pypet.interfaces.option import type_name
from pypet.manager import DeclaredOption, PluginManager
from pypet.manager.entries import RegisteredFeature
from pypet.manager.families import STORAGE
from pypet.options.established import ESTABLISHED, POSITIONAL_COUNT
from pypet.options.ineffective import (
    DISABLE_OPTION,
    check_disabled,
    check_option_features,
    requests_feature,
)
from pypet.support.spelling import closest_match

RENAMED: dict[str, str] = {
    "delete_continue": "delete_resume",
    "continue_folder": "resume_folder",
    "continuable": "resumable",
    "freeze_pool_input": "freeze_input",
    "dynamically_imported_classes": "dynamic_imports",
    "use_hdf5": "storage_service",
}
"""Old name -> new name."""

WITHOUT_EFFECT: tuple[str, ...] = ("pandas_append",)
"""Old names without effect."""


def map_deprecated(keywords: Mapping[str, Any], *, stacklevel: int = 1) -> dict[str, Any]:
    """Return ``keywords`` with old names replaced by the new ones.

    If both spellings are given, the old one wins. Each old name is a DeprecationWarning;
    ``stacklevel`` counts from the function that calls this one (1), as `warnings.warn` does.
    """
    mapped = {name: value for name, value in keywords.items() if not _is_old(name)}
    for name, value in keywords.items():
        if name in WITHOUT_EFFECT:
            text = f"Option {name!r} has no effect any more; leave it out."
        elif name in RENAMED:
            new = RENAMED[name]
            mapped[new] = _translated(name, value)
            text = f"Option {name!r} is deprecated; use {new!r} instead."
        else:
            continue
        warnings.warn(text, DeprecationWarning, stacklevel=stacklevel + 1)
    return mapped


def _is_old(name: str) -> bool:
    return name in RENAMED or name in WITHOUT_EFFECT


def _translated(name: str, value: Any) -> Any:
    if name == "use_hdf5":
        return ESTABLISHED["storage_service"].default if value else None
    return value


_POSITIONAL = tuple(ESTABLISHED)[:POSITIONAL_COUNT]


class OptionValues(dict[str, Any]):
    """Values of all options by name: the given ones and defaults.

    ``given`` holds the names of the given options, including those with the default value;
    ``options`` and ``families`` map each of them to its effective declaration and its family.
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

    def ineffective_without(self) -> Iterator[tuple[str, str]]:
        """Yield pairs of a given option and the switch without which it has no effect."""
        for name, option in self._options.items():
            if option.only_with and requests_feature(self[name], option.default):
                yield name, option.only_with

    def given_of(self, family: str) -> dict[str, Any]:
        """Return the given values of the options of a family, including options of plugins.

        For ``'storage'`` these are possible keywords of a storage service's ``__init__``.
        """
        return {name: self[name] for name in self.given if self._families[name] == family}


class KnownOptions(Mapping[str, Option]):
    """All options of pypet and the installed plugins by name, with all their declarations."""

    def __init__(self, manager: PluginManager) -> None:
        """Load all plugins, since each may declare options. Warn of clashes, once per manager."""
        self.declared = _by_name(manager.options())
        self._options = known_options(manager, self.declared)
        for name, declarations in self.declared.items():
            _warn_of_clashes(manager, self._options[name], declarations)

    def __getitem__(self, name: str) -> Option:
        return self._options[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._options)

    def __len__(self) -> int:
        return len(self._options)

    def validate(self, name: str, value: Any, service: str | None = None) -> None:
        """Check a value against the effective declaration and those that agree with it.

        Among declarations of storage services only that of the service named ``service`` counts;
        while the service is unknown, none does. Declarations of third parties do not count if
        they contradict the effective one, or if they are those of schedulers and wrap modes, which
        are asked when they are chosen: no plugin can spoil an option for those who do not use it.

        Raises
        ------
        TypeError, ValueError
            As `Option.validate`.
        """
        option = self._options[name]
        if value is option.default:
            return
        option.validate(value)
        for other, entry, feature in self.declared.get(name, ()):
            if other is option:
                continue
            if feature is not None and feature.family is STORAGE:
                if feature.name.lower() == str(service).lower():
                    other.validate(value)
            elif entry.builtin or not (_is_selected(feature) or _contradict(other, option)):
                other.validate(value)


def _warn_of_clashes(
    manager: PluginManager, option: Option, declarations: Sequence[DeclaredOption]
) -> None:
    """Warn of declarations that contradict the effective one; each is noted in its entry.

    Those of two storage services do not clash: an environment has one of them, which gets only
    what is given.
    """
    winner = next((each for each in declarations if each.option is option), None)
    for each in declarations:
        is_storage = each.feature is not None and each.feature.family is STORAGE
        if is_storage and (option.family == STORAGE.name or _declares_storage(winner)):
            continue
        if each.option is option or each.entry.builtin or not _contradict(each.option, option):
            continue
        by = "pypet itself" if winner is None else winner.entry.label
        if manager.note_option_clash(each.entry, option.name, by):
            warnings.warn(
                f"Two plugins declare the option {option.name!r} differently: the declaration of "
                f"{by} counts, with the default {option.default!r}; that of {each.entry.label} "
                f"({_described(each.option)}) does not. Switch one of them off with "
                "`disable_plugins` or PYPET_DISABLE_PLUGINS, or rename the option of the plugin.",
                PluginWarning,
                stacklevel=2,
            )


def _declares_storage(declaration: DeclaredOption | None) -> bool:
    feature = None if declaration is None else declaration.feature
    return feature is not None and feature.family is STORAGE


def _is_selected(feature: RegisteredFeature | None) -> bool:
    """Return whether a feature is in use only if an option selects it by name."""
    return feature is not None and feature.family.option is not None


def _contradict(one: Option, other: Option) -> bool:
    """Return whether two declarations have another default, or types without a common one."""
    # By their text: comparing values of foreign classes may raise.
    if type(one.default) is not type(other.default) or repr(one.default) != repr(other.default):
        return True
    names = {type_name(kind) for kind in one.types}
    others = {type_name(kind) for kind in other.types}
    return bool(names and others and names.isdisjoint(others))


def _described(option: Option) -> str:
    types = " or ".join(type_name(kind) for kind in option.types)
    return f"{types + ', ' if types else ''}default {option.default!r}"


class Collected(NamedTuple):
    """All options, and the keywords that are not options."""

    values: OptionValues
    leftovers: dict[str, Any]
    """Undeclared keywords; the environment tries them as properties of the trajectory."""


def collect(
    manager: PluginManager,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    stacklevel: int = 2,
) -> Collected:
    """Merge positional and keyword arguments of an environment and check each option by itself.

    Loads all plugins, since each may declare options. ``stacklevel`` of warnings counts from the
    calling function (1).

    Raises
    ------
    TypeError
        There are too many positional arguments, one is given twice, or a value has a wrong type.
    ValueError
        The check of an option rejects its value.
    UnknownPluginError
        The name of a plugin to switch off is misspelled.
    MissingDependencyError
        An option needs a package, or an established option a plugin, that is not installed.
    """
    given = {**_positional(args, kwargs), **map_deprecated(kwargs, stacklevel=stacklevel + 1)}
    known = KnownOptions(manager)
    declared = known.declared
    leftovers = {name: value for name, value in given.items() if name not in known}
    given = {name: value for name, value in given.items() if name in known}
    given = _none_to_text(given, known, stacklevel=stacklevel + 1)
    for name, value in given.items():
        known.validate(name, value)
    check_disabled(manager, given.get(DISABLE_OPTION, ()), stacklevel=stacklevel + 1)
    check_option_features(manager, declared, given)
    values = {name: option.default for name, option in known.items()} | given
    families = {name: _family(known[name], declared.get(name, ())) for name in given}
    options = {name: known[name] for name in sorted(given)}
    return Collected(OptionValues(values, given, families, options), leftovers)


def given_names(args: Sequence[Any], kwargs: Mapping[str, Any]) -> set[str]:
    """Return the current names of all options given in a call."""
    bare = (name.removeprefix("v_") for name in kwargs)
    return {*_POSITIONAL[: len(args)], *kwargs, *bare, *(RENAMED.get(name, "") for name in kwargs)}


def known_options(
    manager: PluginManager, declared: Mapping[str, Sequence[DeclaredOption]] | None = None
) -> dict[str, Option]:
    """Return all options by name: the established ones in order, then those of plugins.

    Plugins cannot change the defaults of established options, which are a contract. Of several
    declarations of another name the first one counts.
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
    """Return the error that lists unknown keywords and the closest known names.

    ``known`` are valid names beside established options and old names, such as options of plugins
    and settable properties of the trajectory. ``storage_refusal``, a template with ``{names}``,
    explains why keywords of storage services were rejected.
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
    near = closest_match(name, others)
    suggestion = f"; did you mean {near!r}?" if near else "; see help(pypet.Environment)."
    return f"Unknown option {name!r}{suggestion}"


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


def _none_to_text(
    given: Mapping[str, Any], known: Mapping[str, Option], *, stacklevel: int
) -> dict[str, Any]:
    """Return options with None replaced by ``''`` where only text is allowed, and warn."""
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
    """Return the family of an option: from the table, else of the feature that declares it."""
    if option.name in ESTABLISHED or not declarations:
        return option.family
    feature = declarations[0].feature
    return option.family if feature is None else feature.family.name
