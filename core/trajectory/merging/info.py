"""What is noted about a merge under ``config.merge``."""

from __future__ import annotations

import hashlib
import time
from typing import Any

from pypet.pypetconstants import VERSION
from pypet.support.time_format import format_time
from pypet.trajectory.merging.options import MergeOptions


def merge_info(
    traj: Any, other: Any, options: MergeOptions, merged_runs: int, old_length: int
) -> list[tuple[str, Any, str]]:
    """Return full name, value and comment of each config parameter that describes the merge.

    The hash is the SHA-1 of both names, both timestamps and the version.
    """
    timestamp = time.time()
    identity = (traj.v_name, traj.v_timestamp, other.v_name, other.v_timestamp, VERSION)
    hexsha = hashlib.sha1("".join(map(str, identity)).encode(), usedforsecurity=False).hexdigest()
    entries: list[tuple[str, Any, str]] = [
        ("timestamp", timestamp, "Time of the merge in seconds since the epoch"),
        ("hexsha", hexsha, "SHA-1 that identifies the merge"),
        ("merged_runs", merged_runs, "Number of runs that were added by the merge"),
        ("length_before_merge", old_length, "Number of runs before the merge"),
        ("remove_duplicates", options.remove_duplicates, "Whether equal points were left out"),
    ]
    if options.ignore_data:
        ignored = tuple(sorted(options.ignore_data))
        entries.append(("ignore_data", ignored, "What was left out on request"))
    if options.trial_parameter is not None:
        entries.append(("trial_parameter", options.trial_parameter, "Parameter that counts trials"))
    if traj.v_version != VERSION:
        entries.append(("version", VERSION, "Version of pypet that merged"))
    if options.keep_other_trajectory_info:
        entries += _about_other(traj, other)
    group = _free_name(traj, f"config.merge.merge_{hexsha[:7]}_{format_time(timestamp)}")
    return [(f"{group}.{name}", value, comment) for name, value, comment in entries]


def _free_name(traj: Any, name: str) -> str:
    """Return the name, or with a number if the same two were merged in the same second."""
    free, number = name, 1
    while traj._tree.get_node(free) is not None:
        number += 1
        free = f"{name}_{number}"
    return free


def _about_other(traj: Any, other: Any) -> list[tuple[str, Any, str]]:
    entries: list[tuple[str, Any, str]] = [
        ("other_trajectory.name", other.v_name, "Name of the trajectory that was merged"),
        ("other_trajectory.timestamp", other.v_timestamp, "Time of its creation"),
        ("other_trajectory.length", len(other), "Number of its runs"),
    ]
    if other.v_version != traj.v_version:
        entries.append(("other_trajectory.version", other.v_version, "Version that created it"))
    if other.v_comment:
        entries.append(("other_trajectory.comment", other.v_comment, "Its comment"))
    return entries
