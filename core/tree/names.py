"""Rules for the names of nodes."""

from __future__ import annotations

import keyword
import re
import sys
import warnings
from collections.abc import Sequence

from pypet.pypetconstants import HDF5_STRCOL_MAX_NAME_LENGTH

BRANCH_SHORTCUTS = {
    "par": "parameters",
    "dpar": "derived_parameters",
    "res": "results",
    "conf": "config",
}
"""Short form of a branch -> the branch; translated wherever the short form is a component."""

BRANCHES = ("config", "parameters", "derived_parameters", "results")
"""Root children with a group class of their own; they come into being when they are needed."""

RESERVED_UNDER_ROOT = "overview"

_ALLOWED = re.compile(r"[A-Za-z0-9_-]+")
_CACHE_SIZE = 20_000


def check_component(name: str) -> None:
    """Check one component of a name.

    Raises
    ------
    ValueError
        It is empty, too long, starts with an underscore or has a character that is not allowed.
    """
    if not name:
        raise ValueError("A name is empty or has an empty component: '..' or a dot at an end.")
    if name[0] == "_":
        raise ValueError(f"The name {name!r} starts with '_'; such names belong to Python.")
    if not _ALLOWED.fullmatch(name):
        raise ValueError(
            f"The name {name!r} has other characters than A-Z, a-z, 0-9, '_' and '-'; "
            "if it should be a wildcard, it is none that the trajectory knows."
        )
    if len(name) >= HDF5_STRCOL_MAX_NAME_LENGTH:
        raise ValueError(
            f"The name {name[:32]!r}... has {len(name)} characters; "
            f"at most {HDF5_STRCOL_MAX_NAME_LENGTH - 1} are possible."
        )


def check_trajectory_name(name: object) -> None:
    """Check the name of a trajectory.

    Raises
    ------
    TypeError
        It is no string.
    ValueError
        It has a dot or is no valid component.
    """
    if not isinstance(name, str):
        raise TypeError(
            f"The name of a trajectory is a string, not {name!r} ({type(name).__name__})."
        )
    if "." in name:
        raise ValueError(f"The name of a trajectory must not contain a dot: {name!r}.")
    check_component(name)


class NameRules:
    """Checks components and remembers those that were fine.

    ``root_class`` is the class of the trajectory: a component that equals one of its attributes
    hides behind that attribute and earns a SyntaxWarning, as Python keywords do.
    """

    __slots__ = ("_fine", "_hiding")

    def __init__(self, root_class: type) -> None:
        self._fine: set[str] = set()
        # Not hasattr: attributes of the metaclass, like `mro`, hide nothing.
        self._hiding = {name for cls in root_class.__mro__ for name in vars(cls)}

    def check(self, components: Sequence[str]) -> None:
        """Check the components of a new name; warn about those that no attribute can reach.

        Raises
        ------
        ValueError
            There is no component, or one breaks a rule of `check_component`.
        """
        if not components:
            check_component("")
        fine = self._fine
        if fine.issuperset(components):
            return
        for name in components:
            if name not in fine:
                check_component(name)
                if not self._warn(name):
                    if len(fine) >= _CACHE_SIZE:
                        fine.clear()
                    fine.add(name)

    def _warn(self, name: str) -> bool:
        if keyword.iskeyword(name):
            reason = "is a keyword of Python"
        elif name in self._hiding:
            reason = "equals an attribute or method of nodes"
        else:
            return False
        warnings.warn(
            f"The name `{name}` {reason}; the node is reached by `traj['{name}']`, not as "
            "an attribute.",
            SyntaxWarning,
            stacklevel=_stacklevel(),
        )
        return True


def _stacklevel() -> int:
    """Return the stacklevel that points a warning at the code outside pypet."""
    level = 1
    frame = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module != "pypet" and not module.startswith("pypet."):
            return level
        level += 1
        if frame.f_back is None:
            break
        frame = frame.f_back
    return level
