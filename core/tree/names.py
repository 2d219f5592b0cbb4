"""Rules for the names of nodes."""

from __future__ import annotations

import keyword
import re
import sys
import warnings
from collections.abc import Sequence

from pypet.pypetconstants import HDF5_STRCOL_MAX_NAME_LENGTH, SET_NAME

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

RUNS = "runs"
"""The group in each branch that holds the groups of single runs."""

_BRANCH = "a branch of the tree"
_KINDS = {"crun": "the current run", "crunset": "the set of the current run"}
_KINDS_BY_HEAD = dict.fromkeys(("r", "run"), "a run") | dict.fromkeys(
    ("rts", "runtoset"), "the set of a run"
)

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
        hint = "; the trajectory has no such wildcard" if "$" in name else ""
        raise ValueError(
            f"The name {name!r} contains characters other than A-Z, a-z, 0-9, '_' and '-'{hint}."
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
        It is not a string.
    ValueError
        It has a dot or is not a valid component.
    """
    if not isinstance(name, str):
        raise TypeError(
            f"The name of a trajectory is a string, not {name!r} ({type(name).__name__})."
        )
    if "." in name:
        raise ValueError(f"The name of a trajectory must not contain a dot: {name!r}.")
    check_component(name)


class NameRules:
    """Checks components, and caches those that are valid.

    ``root_class`` is the class of the trajectory: a component that equals one of its attributes
    is hidden by that attribute and causes a SyntaxWarning, as Python keywords do. So does the
    first component of each kind that is translated to another name.
    """

    __slots__ = ("_hiding", "_valid", "_warned")

    def __init__(self, root_class: type) -> None:
        self._valid: set[str] = set()
        self._warned: set[str] = set()
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
        valid = self._valid
        if valid.issuperset(components):
            return
        for name in components:
            if name not in valid:
                check_component(name)
                if not self._warn(name):
                    if len(valid) >= _CACHE_SIZE:
                        valid.clear()
                    valid.add(name)

    def warn_of_translation(
        self, written: Sequence[str], used: Sequence[str], parent: str | None
    ) -> None:
        """Warn about components that are translated to other names, perhaps by surprise.

        ``written`` are the components, ``used`` their translations; ``parent`` is the name of the
        group above, None for the trajectory. There is no warning for ``par`` before a full name,
        for ``$``, and for ``r_1`` and ``crun`` where groups of runs belong.
        """
        above = parent
        for name, result in zip(written, used, strict=True):
            if name != result:
                kind = _kind_of(name)
                is_plain = above is None if kind == _BRANCH else _holds_runs(above)
                if kind is not None and not is_plain and kind not in self._warned:
                    self._warned.add(kind)
                    other = name.replace("_", "") if "_" in name else f"{name}_"
                    _warn_outside(
                        f"The name `{name}` stands for {kind}, so the node is called `{result}`. "
                        f"If that is not meant, choose another name, such as `{other}`. There is "
                        "one such warning for all names that stand for the like."
                    )
            above = result

    def _warn(self, name: str) -> bool:
        if keyword.iskeyword(name):
            reason = "is a keyword of Python"
        elif name in self._hiding:
            reason = "equals an attribute or method of nodes"
        else:
            return False
        _warn_outside(
            f"The name `{name}` {reason}; the node is reached by `traj['{name}']`, not as "
            "an attribute."
        )
        return True


def _kind_of(name: str) -> str | None:
    """Return what a name is translated to, None for names that are not chosen by accident."""
    if name in BRANCH_SHORTCUTS:
        return _BRANCH
    head = name.partition("_")[0]
    return _KINDS.get(name) or (_KINDS_BY_HEAD.get(head) if head != name else None)


def _holds_runs(group: str | None) -> bool:
    return group is not None and (group == RUNS or group.startswith((SET_NAME, "$set", "crunset")))


def _warn_outside(message: str) -> None:
    warnings.warn(message, SyntaxWarning, stacklevel=_stacklevel())


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
