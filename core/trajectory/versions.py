"""Compatibility of stored trajectories with this version of pypet."""

from __future__ import annotations

import logging
import re

from pypet.errors import VersionMismatchError
from pypet.records import Info
from pypet.version import __version__

logger = logging.getLogger(__name__)

# Everything from 0.1b on has a layout that is known: the first public beta, all later 0.x.
_READABLE_ZERO = re.compile(r"0\.(?:1b|1rc|1(?:\.\d+)*$|[2-9]|[1-9]\d)")
_MAJOR = re.compile(r"([1-9]\d*)\.\d")


def is_readable(version: str) -> bool:
    """Return whether this version of pypet can read the layout that ``version`` wrote."""
    major = _MAJOR.match(version)
    if major is not None:
        return int(major[1]) <= int(__version__.partition(".")[0])
    return _READABLE_ZERO.match(version) is not None


def check_version(info: Info, force: bool) -> None:
    """Refuse a stored trajectory whose layout this version of pypet cannot read.

    The version of Python does not matter. With ``force`` there is only a warning in the log.

    Raises
    ------
    VersionMismatchError
        The layout is unknown.
    """
    if is_readable(info.version):
        return
    text = (
        f"Trajectory {info.name!r} was written by pypet {info.version or '(version unknown)'}; "
        f"pypet {__version__} reads what 0.1b to {__version__.partition('.')[0]}.x wrote."
    )
    if not force:
        raise VersionMismatchError(f"{text} Load it with `force=True` to try anyway.")
    logger.warning("%s Loading it anyway.", text)
