"""Whether the names of plugins to switch off are names at all: else the plugin would stay on."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

from pypet.errors import PluginWarning, UnknownPluginError
from pypet.manager import PluginManager, split_names
from pypet.manager.absent import ANNOUNCED_NAMES
from pypet.manager.entries import normalized
from pypet.manager.nearest import ALMOST_CERTAIN, did_you_mean, nearest
from pypet.manager.process_wide import DISABLE_VARIABLE

OPTION = "disable_plugins"


def check_disabled(
    manager: PluginManager, given: str | Iterable[str], *, stacklevel: int = 1
) -> None:
    """Refuse names in ``disable_plugins`` that are misspelled, and warn of other unknown ones.

    A plugin that is not installed may be switched off, so that a script works where less is
    installed; so an unknown name is an error only if it is nearly that of something there. In
    ``PYPET_DISABLE_PLUGINS``, which holds for whatever is run, even that is a warning.
    ``given`` is the value of the option, ``manager`` has switched off what both say.

    Raises
    ------
    UnknownPluginError
        A name is misspelled.
    """
    if not manager.disabled:
        return
    known = manager.names()
    unknown = {
        name for name in manager.disabled - known - ANNOUNCED_NAMES if normalized(name) not in known
    }
    in_option = split_names(given)
    for name in sorted(unknown):
        where = OPTION if name in in_option else DISABLE_VARIABLE
        text = f"{where}: there is no plugin, feature or distribution named {name!r}."
        if name in in_option and nearest(name, known, ALMOST_CERTAIN):
            raise UnknownPluginError(text + did_you_mean(name, known))
        warnings.warn(
            f"{text}{did_you_mean(name, known)} `pypet plugins` lists what there is.",
            PluginWarning,
            stacklevel=stacklevel + 1,
        )
