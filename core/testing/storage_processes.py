"""The part of the suite of storage services about processes: copies, locks and open files."""

from __future__ import annotations

import multiprocessing
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pypet.interfaces.storage import StorageService
from pypet.testing.storage_suite import NAME, StorageSuite
from pypet.trajectory import Trajectory, load_trajectory

WRITERS = 4
STORES_PER_WRITER = 5
LARGE = 40_000
"""Values per stored array: 320 kB, more than is written to a file at a time."""
PATIENCE_SECONDS = 60


def _load_in_child(pickled: bytes, name: str, answer: Any) -> None:
    """Executed by a new process: load everything and answer what is there."""
    try:
        loaded = load_trajectory(name, storage_service=pickle.loads(pickled), load_data=2)
        answer.send((loaded.f_get("results.outcome").value, len(loaded)))
    except BaseException as error:
        answer.send(repr(error))


def _store_in_child(service: StorageService, name: str, writer: int, barrier: Any) -> None:
    """Executed by one of several processes: store results at the same time as the others."""
    traj = load_trajectory(name, storage_service=service, load_data=0)
    barrier.wait(PATIENCE_SECONDS)
    for index in range(STORES_PER_WRITER):
        result = traj.f_add_result(f"by{writer}.z{index}", np.full(LARGE, float(writer)))
        traj.f_store_item(result)


class ProcessConformance(StorageSuite):
    """What a service has to do for processes and threads other than the one that made it."""

    def test_services_can_be_pickled(self, stored: Trajectory, service: StorageService) -> None:
        if service.main_process_only:
            pytest.skip("the service stays in the main process")
        copy = pickle.loads(pickle.dumps(service))
        assert type(copy) is type(service)
        assert not copy.is_open
        loaded = load_trajectory(NAME, storage_service=copy, load_data=2)
        assert loaded.f_get("results.outcome").value == 42

    def test_pickled_services_keep_their_rule_about_pickles(self, service: StorageService) -> None:
        if service.main_process_only or not hasattr(service, "unpickle"):
            pytest.skip("the service has no rule about pickles, or stays in the main process")
        service.unpickle = "safe"
        assert pickle.loads(pickle.dumps(service)).unpickle == "safe"

    def test_another_process_reads_what_was_stored(
        self, traj: Trajectory, service: StorageService, tmp_path: Path
    ) -> None:
        """What a new process reads is in the storage: its copy is older than the data."""
        self.skip_without_data(service)
        if service.main_process_only:
            pytest.skip("the service stays in the main process")
        pickled = pickle.dumps(self.reopened(service, tmp_path))
        traj.f_store()
        context = multiprocessing.get_context("spawn")
        question, answer = context.Pipe(duplex=False)
        process = context.Process(target=_load_in_child, args=(pickled, NAME, answer))
        process.start()
        answer.close()
        try:
            found = question.recv() if question.poll(PATIENCE_SECONDS) else "no answer"
        except EOFError:
            found = "no answer"
        finally:
            process.join(PATIENCE_SECONDS)
            question.close()
        assert found == (42, 3)

    def test_processes_that_store_at_once_lose_nothing(
        self, stored: Trajectory, service: StorageService, tmp_path: Path
    ) -> None:
        if not service.multiproc_safe:
            pytest.skip("the service does not declare `multiproc_safe`")
        if "fork" not in multiprocessing.get_all_start_methods():
            pytest.skip("the platform has no fork")
        context = multiprocessing.get_context("fork")
        barrier = context.Barrier(WRITERS)
        writers = [
            context.Process(
                target=_store_in_child,
                args=(self.reopened(service, tmp_path), NAME, writer, barrier),
            )
            for writer in range(WRITERS)
        ]
        for each in writers:
            each.start()
        for each in writers:
            each.join(PATIENCE_SECONDS)
        assert [each.exitcode for each in writers] == [0] * WRITERS
        loaded = self.load(stored, tmp_path)
        for writer in range(WRITERS):
            for index in range(STORES_PER_WRITER):
                array = loaded.f_get(f"results.by{writer}.z{index}").f_get()
                np.testing.assert_array_equal(array, np.full(LARGE, float(writer)))

    def test_no_file_is_left_open(
        self, stored: Trajectory, service: StorageService, tmp_path: Path
    ) -> None:
        psutil = pytest.importorskip("psutil")
        with service.kept_open(NAME):
            stored.f_store_item(stored.f_add_result("while_open", 1))
        stored.f_store_item(stored.f_add_result("after", 2))
        loaded = self.load(stored, tmp_path)
        assert loaded.f_get("results.after").f_get() == 2
        del loaded
        left = [file.path for file in psutil.Process().open_files()]
        assert [path for path in left if Path(path).is_relative_to(tmp_path)] == []

    def test_what_is_stored_while_kept_open_comes_back(
        self, stored: Trajectory, service: StorageService, tmp_path: Path
    ) -> None:
        with service.kept_open(NAME):
            for index in range(5):
                stored.f_store_item(stored.f_add_result(f"kept.z{index}", index))
            assert (
                load_trajectory(NAME, storage_service=service, load_data=2)
                .f_get("results.kept.z4")
                .f_get()
                == 4
            )
        assert not service.is_open
        loaded = self.load(stored, tmp_path)
        assert [loaded.f_get(f"results.kept.z{index}").f_get() for index in range(5)] == [*range(5)]
