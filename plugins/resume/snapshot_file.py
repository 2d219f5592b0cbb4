"""What is in a snapshot, and whether an experiment that goes on is still the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pypet.interfaces import EnvironmentLike, Snapshot
from pypet.plugins.resume.folders import snapshot_path
from pypet.plugins.resume.snapshots.comparison import require_same_experiment
from pypet.plugins.resume.snapshots.container import (
    read_header,
    read_payload,
    script_of,
    write_snapshot,
)
from pypet.plugins.resume.snapshots.descriptions import (
    EXPERIMENT_KEY,
    describe_experiment,
    describe_storage,
)
from pypet.plugins.resume.snapshots.facts import FACTS_KEY, collect_facts, seed_of
from pypet.plugins.resume.snapshots.scripts import script_in_place
from pypet.trajectory.pickling import bare_and_full, full_copy_flags, restore_flags
from pypet.trajectory.run_control import set_driven
from pypet.tree.typed_groups import attach_service


def save(folder: str, environment: EnvironmentLike, snapshot: Snapshot, service: Any) -> None:
    """Write the snapshot of an experiment into its folder.

    ``service`` is the storage service of the trajectory as it was before the experiment: during
    it, it insists on its file as it is now, which will be another one when it is resumed twice.

    Raises
    ------
    ResumeError
        A part of it cannot be pickled.
    """
    trajectory: Any = snapshot.trajectory
    header = _header(environment, snapshot)
    flags = full_copy_flags(trajectory)
    with bare_and_full(trajectory):
        payload = {
            "trajectory": trajectory,
            "full_copy": flags,
            "storage_service": service,
            "job": snapshot.job,
            "postprocessing": snapshot.postprocessing,
            "start_timestamp": snapshot.start_timestamp,
            "results": snapshot.results,
        }
        write_snapshot(snapshot_path(folder), header, payload)


def load(
    folder: str, environment: EnvironmentLike, given: Mapping[str, Any], *, force: bool
) -> tuple[Mapping[str, Any], Snapshot]:
    """Return the snapshot in a folder, and its header.

    ``given`` are the options that the user has given to the environment that resumes.

    Raises
    ------
    ResumeError
        The experiment is not what it was, and ``force`` is not given; or something of it is gone.
    StorageFormatError
        The file is damaged, or of the established pypet.
    """
    path = snapshot_path(folder)
    header = read_header(path)
    payload = read_payload(path)
    trajectory = payload["trajectory"]
    attach_service(trajectory, payload["storage_service"])
    restore_flags(trajectory, payload["full_copy"])
    set_driven(trajectory, False)  # it was, if post-processing had expanded it
    snapshot = Snapshot(
        trajectory,
        payload["job"],
        payload["postprocessing"],
        payload["start_timestamp"],
        payload["results"],
    )
    with script_in_place(script_of(header)):
        now = _now(header, environment, snapshot, given)
        require_same_experiment(header, now, force=force)
    return header, snapshot


def _header(environment: EnvironmentLike, snapshot: Snapshot) -> dict[str, Any]:
    return {
        FACTS_KEY: collect_facts(environment),
        EXPERIMENT_KEY: _described(snapshot, seed_of(environment)),
    }


def _described(snapshot: Snapshot, seed: int | None) -> dict[str, Any]:
    job, postprocessing = snapshot.job, snapshot.postprocessing
    # What is drawn for each run is a part of the snapshot, and cannot change.
    is_same_for_all = not job.draws
    return describe_experiment(
        snapshot.trajectory,
        job.function,
        job.args if is_same_for_all else (),
        job.kwargs if is_same_for_all else {},
        seed=seed,
        postprocessing=None
        if postprocessing is None
        else (postprocessing.function, postprocessing.args, postprocessing.kwargs),
    )


def _now(
    header: Mapping[str, Any],
    environment: EnvironmentLike,
    snapshot: Snapshot,
    given: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the header of the experiment as it would go on, by the options that were given."""
    before = header[EXPERIMENT_KEY]
    description = _described(snapshot, given.get("seed", before["seed"]))
    asked = describe_storage(environment.trajectory.v_storage_service)
    storage = description["storage"]
    if "filename" in given:
        storage["file"] = asked["file"]
    if "storage_service" in given:
        storage["service"] = asked["service"]
    for name, value in asked["settings"].items():
        if name in given:
            storage["settings"][name] = value
    return {EXPERIMENT_KEY: description}
