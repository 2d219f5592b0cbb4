"""Verifying what a file holds: structure, checksums, and the run table against the data."""

from __future__ import annotations

import os
import re
from abc import ABC
from collections.abc import Collection, Iterator
from contextlib import ExitStack

from pypet.records import (
    DAMAGED,
    GROUP,
    LEAF,
    LINK,
    Finding,
    MetaRecord,
    PutMeta,
    RunRows,
    StoredNode,
    StoreRequest,
)
from pypet.records.stored import ERROR, NOTE, WARNING
from pypet.storage_backends.hdf5.files.exclusion import stepwise
from pypet.storage_backends.hdf5.files.guard import GUARD
from pypet.storage_backends.hdf5.service.inspecting import Inspecting

_RUN_PATH = re.compile(r"(results|derived_parameters)\.runs\.([^.]+)\Z")
_RUN_NAME = re.compile(r"run_(\d{8,9})\Z")

_RESTORE = (
    "`pypet repair` restores it if its run is in a journal and keeps everything else in a new "
    "file; or restore it from a backup, or store it again"
)
_REBUILT = "what is taken instead is said; to mend it, `pypet repair` or store in a new file"
_MOST_NAMED = 10


class Verifying(Inspecting, ABC):
    """The part of the service that reads everything only to find out what is broken."""

    def has_pending_commit(self) -> bool:
        """Return whether a writer was killed during a commit, which the next opening completes.

        Raises
        ------
        OSError
            There is no such file, or it may not be read.
        """
        from pypet.storage_backends.hdf5.files.locks import try_to_share
        from pypet.storage_backends.hdf5.files.redo_log import read_log

        descriptor = os.open(self._filename, os.O_RDONLY)
        try:
            # A commit that is under way has a log, too, but also the exclusive lock.
            return try_to_share(descriptor) and read_log(descriptor) is not None
        finally:
            os.close(descriptor)

    def verify(self, trajectory: str) -> Iterator[Finding]:
        """Yield what is wrong with a trajectory; see `RecordBackend.verify`.

        All groups and datasets are opened, all values read and compared with their checksums, and
        the run table is compared with the groups of runs. Memory is needed for one leaf at a
        time.
        """
        from pypet.storage_backends.hdf5.nodes.verification import NodeVerifier

        meta, rebuilt = self.inspect_meta(trajectory)
        for text in rebuilt:
            is_absent = " is missing" in text
            yield Finding(WARNING if is_absent else ERROR, "", text, _REBUILT)
        assert meta.runs is not None
        with_data: dict[str, set[str]] = {}
        with ExitStack() as held:
            held.enter_context(self.reading())
            with self.file_lock:
                file = held.enter_context(self._held_for_reading())
            verifier = NodeVerifier(file, trajectory)
            # All of them at first: to read some frames, the file is closed and opened again.
            for node in list(self.inspect_nodes(trajectory)):
                match = _RUN_PATH.match(node.path)
                if match is not None:
                    with_data.setdefault(match[1], set()).add(match[2])
                yield from _findings_in_headers(node)
                if node.kind in (LINK, DAMAGED) or node.problem:
                    continue
                for flaw in stepwise(verifier.flaws(node), self.file_lock):
                    level = ERROR if flaw.is_damage else WARNING
                    yield Finding(level, node.path, flaw.text, _RESTORE if flaw.is_damage else "")
        yield from _findings_about_runs(meta, meta.runs, with_data)

    def salvage(
        self, target: Verifying, trajectory: str, without: Collection[str]
    ) -> tuple[list[str], list[str]]:
        """Copy what is sound of a trajectory into the new file of another service.

        ``without`` are full names of leaves to leave out, as `verify` has found them. Nothing is
        unpickled. Returns the full names of the nodes that were copied, and of leaves that could
        not be.

        Raises
        ------
        RuntimeError
            The other file has a trajectory of this name.
        StorageFormatError
            Nothing of the trajectory can be read.
        """
        from pypet.storage_backends.hdf5.nodes.salvage import copy_sound_nodes

        meta, _ = self.inspect_meta(trajectory)
        assert meta.runs is not None
        nodes = list(self.inspect_nodes(trajectory))
        target.adopt_settings(meta.settings)
        # Annotations are copied as they are.
        put = PutMeta(meta.info, {}, meta.runs, meta.explorations, meta.settings, is_new=True)
        with (
            self.exclusive(target),
            GUARD,
            self._held_for_reading() as file,
            target.kept_open(trajectory),
        ):
            target.apply(StoreRequest(trajectory, (put,)))
            assert target._file is not None
            lost = copy_sound_nodes(file, target._file, target, trajectory, nodes, without)
        absent = {*lost, *without}
        copied = [
            node.path for node in nodes if node.kind in (GROUP, LEAF) and node.path not in absent
        ]
        return copied, lost


def _findings_in_headers(node: StoredNode) -> Iterator[Finding]:
    if node.kind == LINK:
        if node.problem:
            yield Finding(NOTE, node.path, f"link {node.problem}")
        return
    if node.problem:
        yield Finding(ERROR, node.path, node.problem, _RESTORE)
    if node.kind == LEAF:
        for item in node.items:
            if item.problem:
                text = f"item {item.name!r} {item.problem}"
                yield Finding(ERROR, node.path, text, _RESTORE)


# ----- the run table ---------------------------------------------------------------------------


def _findings_about_runs(
    meta: MetaRecord, rows: RunRows, with_data: dict[str, set[str]]
) -> Iterator[Finding]:
    names = _names_of(rows)
    completed = {
        name for name, is_done in zip(names, rows.completed.tolist(), strict=True) if is_done
    }
    known = set(names)
    for branch, stored in sorted(with_data.items()):
        place = f"{branch}.runs"
        missing = sorted(completed - stored)
        if missing and completed & stored:
            yield Finding(
                WARNING,
                place,
                f"{_some(missing)} completed, but without a group here, which others have",
                "that is right if they stored nothing; otherwise execute them again",
            )
        unfinished = sorted((stored & known) - completed)
        if unfinished:
            yield Finding(
                WARNING,
                place,
                f"{_some(unfinished)} not completed, but with data here",
                "they failed or were interrupted; executing them again stores what is missing",
            )
        strangers = sorted(stored - known - _set_names(stored))
        if strangers:
            yield Finding(
                WARNING,
                place,
                f"{_some(strangers)} not in the run table, which has {len(rows)} runs",
                "execute or merge with the trajectory that knows them, or delete them",
            )
    late = (rows.completed != 0) & (rows.finish_timestamp < rows.timestamp)
    if late.any():
        broken = [name for name, is_odd in zip(names, late.tolist(), strict=True) if is_odd]
        yield Finding(WARNING, "", f"{_some(broken)} completed before being started", "")
    if meta.info.length > len(rows):
        text = f"the run table has {len(rows)} rows, there are {meta.info.length} runs"
        yield Finding(WARNING, "", text, "runs without a row count as not completed")


def _names_of(rows: RunRows) -> list[str]:
    if rows.names is not None:
        return list(rows.names)
    return [f"run_{idx:08d}" for idx in rows.idx.tolist()]


def _set_names(names: set[str]) -> set[str]:
    """Return which names are of sets of runs, or of no run at all."""
    return {name for name in names if _RUN_NAME.match(name) is None}


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMED])
    more = len(names) - _MOST_NAMED
    return f"{shown} and {more} more are" if more > 0 else f"{shown} {_verb(names)}"


def _verb(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"
