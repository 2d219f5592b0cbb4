"""Who an environment is: the hash and the name under which a trajectory remembers it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from pypet.pypetconstants import VERSION
from pypet.support.time_format import format_time

if TYPE_CHECKING:
    from pypet.environment.environment import Environment
    from pypet.interfaces import Versioning
    from pypet.trajectory import Trajectory

SHORT_HEXSHA_LENGTH = 7


class Identity(NamedTuple):
    """``timestamp`` is in seconds since the epoch, ``time`` the same as formatted local time."""

    name: str
    hexsha: str
    timestamp: float
    time: str


def make_identity(
    trajectory_name: str, trajectory_timestamp: float, timestamp: float, revision: str | None
) -> Identity:
    """Return the identity of an environment made at ``timestamp``.

    ``revision`` is the SHA-1 of a commit that was made for the environment; without one the
    hash comes from the name and the time of the trajectory, the time of the environment and the
    version of pypet.
    """
    hexsha = revision
    if hexsha is None:
        text = f"{trajectory_name}{trajectory_timestamp!r}{timestamp!r}{VERSION}"
        hexsha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    formatted = format_time(timestamp)
    name = f"environment_{hexsha[:SHORT_HEXSHA_LENGTH]}_{formatted}"
    return Identity(name, hexsha, timestamp, formatted)


def identify(environment: Environment, versionings: Sequence[Versioning]) -> Identity:
    """Return the identity, with the revision that a versioning feature made, if any."""
    trajectory = environment.trajectory
    is_new = trajectory is not environment.options["trajectory"]
    timestamp = trajectory.v_timestamp if is_new else time.time()
    revisions = [versioning.snapshot(environment) for versioning in versionings]
    revision = next((made for made in revisions if made is not None), None)
    return make_identity(trajectory.v_name, trajectory.v_timestamp, timestamp, revision)


def sign(trajectory: Trajectory, name: str, hexsha: str) -> None:
    """Let a trajectory know which environment's it is; another one may have had it meanwhile."""
    trajectory._environment_name = name
    trajectory._environment_hexsha = hexsha
