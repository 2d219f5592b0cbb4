"""The conformance suite of wrap modes: several processes share one storage service.

The results of runs are compared with those of the same runs in a single process. Start methods
that a mode cannot use (``needs_fork``) are skipped with that reason.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing.context import BaseContext
from pathlib import Path
from time import monotonic, sleep
from typing import Any, ClassVar

import numpy as np
import pytest

from pypet.errors import NoSuchServiceError
from pypet.interfaces import StorageService, WrapMode
from pypet.testing.equality import assert_same_leaf
from pypet.testing.leftovers import Leftovers, open_files, shared_memory, time_limit
from pypet.testing.wrap_session import (
    OPTIONS,
    PATIENCE_SECONDS,
    RUNS,
    StartedMode,
    sample_trajectory,
)
from pypet.testing.wrap_workers import (
    REASON,
    DeadlyService,
    ExclusiveService,
    OrderedService,
    PickyService,
    add_bad_result,
    add_big_results,
    add_deadly_result,
    add_in_steps,
    add_results,
    add_shared_result,
    change_after_storing,
    delete_results,
    fail,
    load_parameter,
    overwrite,
)
from pypet.trajectory import Trajectory, load_trajectory

__all__ = ["OPTIONS", "RUNS", "WrapModeConformance", "sample_trajectory"]

BIG_BYTES = 3_000_000


class WrapModeConformance(ABC):
    """Derive, implement `make_mode` and `make_service`."""

    start_methods: ClassVar[Sequence[str]] = ("fork", "spawn", "forkserver")
    """Of these, the ones that the platform has and the mode allows are tested."""
    PATIENCE_SECONDS: ClassVar[float] = PATIENCE_SECONDS
    """What takes longer hangs. No test waits for so long unless something is wrong."""

    @abstractmethod
    def make_mode(self, options: dict[str, Any]) -> WrapMode:
        """Return the mode under test, not started."""

    @abstractmethod
    def make_service(self, folder: Path) -> StorageService:
        """Return a service that keeps its data in ``folder``; called again it reads that data."""

    # ----- fixtures ------------------------------------------------------------------------

    @pytest.fixture(autouse=True)
    def _time_limit(self) -> Iterator[None]:
        with time_limit(2 * self.PATIENCE_SECONDS):
            yield

    @pytest.fixture(params=("fork", "spawn", "forkserver"))
    def context(self, request: pytest.FixtureRequest) -> BaseContext:
        """The context of each start method."""
        method = request.param
        if method not in multiprocessing.get_all_start_methods():
            pytest.skip(f"the platform has no start method {method!r}")
        if method not in self.start_methods:
            pytest.skip(f"start method {method!r} is not asked for")
        if method != "fork" and self.make_mode(OPTIONS).needs_fork:
            pytest.skip("the mode declares that it needs fork")
        context: BaseContext = multiprocessing.get_context(method)
        return context

    @pytest.fixture
    def quick_context(self) -> BaseContext:
        """The context of the fastest start method."""
        return multiprocessing.get_context(multiprocessing.get_all_start_methods()[0])

    @pytest.fixture
    def temporary_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Where temporary files go."""
        folder = tmp_path / "temporary"
        folder.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        return folder

    @pytest.fixture
    def service(self, tmp_path: Path) -> StorageService:
        """The service that is shared."""
        return self.make_service(tmp_path)

    # ----- what a user relies on -----------------------------------------------------------

    def test_runs_of_several_processes_are_stored(
        self, service: StorageService, context: BaseContext, tmp_path: Path
    ) -> None:
        traj = sample_trajectory(service)
        with StartedMode(self.make_mode(OPTIONS), traj, context) as started:
            started.execute(add_results, [range(0, RUNS, 2), range(1, RUNS, 2)])
        assert [outcome.error for outcome in started.outcomes] == [None] * RUNS
        assert not started.refusals
        self.assert_stored_like_serial(traj, tmp_path)

    def test_services_of_users_are_shared_too(
        self, service: StorageService, context: BaseContext, tmp_path: Path
    ) -> None:
        traj = sample_trajectory(PickyService(service))
        with StartedMode(self.make_mode(OPTIONS), traj, context) as started:
            started.execute(add_results, [range(0, RUNS, 2), range(1, RUNS, 2)])
        assert [outcome.error for outcome in started.outcomes] == [None] * RUNS
        assert not started.refusals
        self.assert_stored_like_serial(traj, tmp_path)

    @pytest.mark.parametrize("queue_maxsize", [0, 1])
    def test_any_length_of_the_queue_will_do(
        self,
        service: StorageService,
        quick_context: BaseContext,
        tmp_path: Path,
        queue_maxsize: int,
    ) -> None:
        traj = sample_trajectory(service)
        mode = self.make_mode({**OPTIONS, "queue_maxsize": queue_maxsize, "gc_interval": 2})
        with StartedMode(mode, traj, quick_context) as started:
            started.execute(add_results, [range(0, RUNS, 2), range(1, RUNS, 2)])
        self.assert_stored_like_serial(traj, tmp_path)

    def test_the_main_process_may_store_meanwhile(
        self, service: StorageService, quick_context: BaseContext, tmp_path: Path
    ) -> None:
        traj = sample_trajectory(service)
        mode = self.make_mode(OPTIONS)
        with StartedMode(mode, traj, quick_context) as started:
            traj.v_storage_service = mode.main_service()
            started.execute(add_results, [range(0, RUNS, 2), range(1, RUNS, 2)])
            traj.f_add_result("aside", 42)
            traj.f_store_item("results.aside")
        assert self.load(traj, tmp_path).f_get("results.aside").f_get() == 42
        self.assert_stored_like_serial(traj, tmp_path)

    def test_loading_is_allowed_or_refused_as_declared(
        self, service: StorageService, quick_context: BaseContext, tmp_path: Path
    ) -> None:
        traj = sample_trajectory(service)
        mode = self.make_mode(OPTIONS)
        with StartedMode(mode, traj, quick_context) as started:
            started.execute(load_parameter, [[0], [1]])
        errors = [outcome.error for outcome in started.outcomes]
        if mode.supports_loading:
            assert errors == [None, None]
            loaded = self.load(traj, tmp_path)
            assert loaded.f_get("results.runs.run_00000001.loaded").f_get() == "as it was"
        else:
            assert all(isinstance(error, NotImplementedError) for error in errors)
            assert mode.name in str(errors[0])

    # ----- what is handed over -------------------------------------------------------------

    def test_large_messages_arrive(
        self, service: StorageService, quick_context: BaseContext, tmp_path: Path
    ) -> None:
        loaded = self._loaded_after(add_big_results, service, quick_context, tmp_path)
        big = loaded.f_get("results.runs.run_00000001.big")
        assert np.array_equal(big.array, np.arange(BIG_BYTES // 8) + 1.0)
        assert big.text == "1" * BIG_BYTES

    def test_each_store_of_a_run_arrives(
        self, service: StorageService, quick_context: BaseContext, tmp_path: Path
    ) -> None:
        loaded = self._loaded_after(add_in_steps, service, quick_context, tmp_path)
        for step in range(4):
            assert loaded.f_get(f"results.runs.run_00000001.step_{step}").f_get() == 10 + step

    def test_later_stores_replace_earlier_ones(
        self, service: StorageService, quick_context: BaseContext, tmp_path: Path
    ) -> None:
        loaded = self._loaded_after(overwrite, service, quick_context, tmp_path)
        assert loaded.f_get("results.runs.run_00000001.changing").f_get() == "third of 1"

    def test_what_a_run_deletes_is_deleted(
        self, service: StorageService, quick_context: BaseContext, tmp_path: Path
    ) -> None:
        loaded = self._loaded_after(delete_results, service, quick_context, tmp_path)
        assert loaded.f_get("results.runs.run_00000001.lasting").f_get() == 1
        assert not loaded.f_contains("results.runs.run_00000001.passing")

    def test_shared_data_of_runs_is_created(
        self, service: StorageService, quick_context: BaseContext, tmp_path: Path
    ) -> None:
        if not self.make_mode(OPTIONS).supports_loading:
            pytest.skip("the mode has no loading, which shared data needs")
        traj = sample_trajectory(service)
        try:
            add_shared_result(traj, -1)
        except (NoSuchServiceError, NotImplementedError):
            pytest.skip("the storage service has no shared data")
        traj = sample_trajectory(self.make_service(tmp_path / "other"))
        with StartedMode(self.make_mode(OPTIONS), traj, quick_context) as started:
            started.execute(add_shared_result, [[0], [1]])
        assert [outcome.error for outcome in started.outcomes] == [None] * 2
        loaded = self.load(traj, tmp_path / "other")
        shared = loaded.f_get("results.runs.run_00000001.shared")
        assert shared.array.read().tolist() == [1, 2, 3]

    def test_what_is_changed_after_storing_is_not_stored(
        self, service: StorageService, quick_context: BaseContext, tmp_path: Path
    ) -> None:
        loaded = self._loaded_after(change_after_storing, service, quick_context, tmp_path)
        arrays = loaded.f_get("results.runs.run_00000001.arrays")
        assert np.array_equal(arrays.small, np.arange(10))
        assert np.array_equal(arrays.large, np.arange(50_000))

    def test_errors_of_runs_stay_errors_of_runs(
        self, service: StorageService, quick_context: BaseContext, tmp_path: Path
    ) -> None:
        traj = sample_trajectory(service)
        with StartedMode(self.make_mode(OPTIONS), traj, quick_context) as started:
            started.execute(fail, [[0], [1]])
        assert not started.refusals
        assert sorted(str(outcome.error) for outcome in started.outcomes) == ["0", "1"]
        # What was there before the error is stored.
        assert self.load(traj, tmp_path).f_get("results.runs.run_00000001.before").f_get() == 1

    def test_no_two_processes_use_the_storage_at_once(
        self, service: StorageService, quick_context: BaseContext, tmp_path: Path
    ) -> None:
        traj = sample_trajectory(ExclusiveService(service, tmp_path))
        with StartedMode(self.make_mode(OPTIONS), traj, quick_context) as started:
            started.execute(add_in_steps, [range(0, RUNS, 2), range(1, RUNS, 2)])
        assert [outcome.error for outcome in started.outcomes] == [None] * RUNS
        assert not ExclusiveService.overlaps(tmp_path)

    # ----- the run table -------------------------------------------------------------------

    def test_rows_of_runs_are_stored_after_their_data(
        self, service: StorageService, quick_context: BaseContext, tmp_path: Path
    ) -> None:
        traj = sample_trajectory(service)
        if not OrderedService.extend(service, tmp_path / "order"):
            pytest.skip("the service is not one of records")
        mode = self.make_mode(OPTIONS)
        has_stored = False
        with StartedMode(mode, traj, quick_context) as started:
            for index in range(3):
                started.execute(add_results, [[index]])
                traj.f_set_crun(index)
                traj.f_start_run()
                traj.f_finalize_run(store_meta_data=False, clean_up=False)
                traj.f_restore_default()
                deadline = monotonic() + 1.0  # a mode may be busy, or never do it
                while not (has_stored := mode.store_run_table(traj)) and monotonic() < deadline:
                    sleep(0.01)
        order = OrderedService.order(tmp_path / "order")
        for index in range(3):
            data, row = f"data {index}", f"row {index}"
            assert data in order, f"the data of run {index} is not stored"
            if row in order:
                assert order.index(data) < order.index(row), f"the row of run {index} was early"
        if not has_stored:
            pytest.skip("the mode stores no rows while runs are active")
        assert mode.has_stored_run_table
        assert "row 2" in order

    # ----- faults --------------------------------------------------------------------------

    def test_a_helper_that_dies_is_noticed(
        self, service: StorageService, quick_context: BaseContext
    ) -> None:
        former = set(multiprocessing.active_children())
        mode = self.make_mode(OPTIONS)
        mode.start(service, quick_context)
        try:
            helpers = set(multiprocessing.active_children()) - former
            if not helpers:
                pytest.skip("the mode has no helper processes")
            for helper in helpers:
                assert helper.pid is not None
                os.kill(helper.pid, signal.SIGKILL)
            with pytest.raises(RuntimeError):  # noqa: PT012 - it may take a while
                deadline = monotonic() + self.PATIENCE_SECONDS / 2
                while monotonic() < deadline:
                    mode.check()
                    sleep(0.01)
        finally:
            with suppress(RuntimeError):  # as it should: what was handed over may be lost
                mode.stop()
            mode.wait_closed()

    def test_a_worker_that_is_killed_while_it_stores_does_not_block_others(
        self, service: StorageService, quick_context: BaseContext, tmp_path: Path
    ) -> None:
        mode = self.make_mode(OPTIONS)
        # Where workers store, they are to die while they have what keeps others out.
        traj = sample_trajectory(DeadlyService(service) if mode.stores_in_workers else service)
        with StartedMode(mode, traj, quick_context) as started:
            assert started.execute(add_deadly_result, [[0]]) != [0]
            started.execute(add_results, [range(0, RUNS, 2), range(1, RUNS, 2)])
        self.assert_stored_like_serial(traj, tmp_path)

    def test_a_failing_store_is_reported_with_its_run(
        self, service: StorageService, quick_context: BaseContext, tmp_path: Path
    ) -> None:
        traj = sample_trajectory(PickyService(service))
        mode = self.make_mode(OPTIONS)
        started = StartedMode(mode, traj, quick_context)
        errors: list[BaseException] = []
        try:
            with started:
                started.execute(add_bad_result, [[0, 1], [2]])
        except RuntimeError as error:
            errors.append(error)
        errors += started.refusals
        for refusal in errors:
            assert "run 1" in str(refusal)
            assert "run 2" not in str(refusal)
        errors += [each.error for each in started.outcomes if each.index == 1 and each.error]
        assert any(REASON in str(each) for each in errors)
        loaded = self.load(traj, tmp_path)
        assert loaded.f_get("results.runs.run_00000002.good").f_get() == 2
        assert not loaded.f_contains("results.runs.run_00000001.bad")

    # ----- beginning and end ---------------------------------------------------------------

    def test_without_start_there_is_no_service(self) -> None:
        mode = self.make_mode(OPTIONS)
        mode.stop()
        with pytest.raises(RuntimeError, match="not started"):
            mode.worker_service()

    def test_stop_is_safe_to_call_twice(
        self, service: StorageService, quick_context: BaseContext
    ) -> None:
        mode = self.make_mode(OPTIONS)
        mode.start(service, quick_context)
        mode.check()
        mode.stop()
        mode.stop()
        mode.wait_closed()
        with pytest.raises(RuntimeError, match="not started"):
            mode.worker_service()

    def test_a_mode_can_be_started_again(
        self, service: StorageService, quick_context: BaseContext, tmp_path: Path
    ) -> None:
        traj, mode = sample_trajectory(service), self.make_mode(OPTIONS)
        for indices in (range(0, RUNS, 2), range(1, RUNS, 2)):
            with StartedMode(mode, traj, quick_context) as started:
                started.execute(add_results, [indices])
            traj.v_storage_service = service
        self.assert_stored_like_serial(traj, tmp_path)

    def test_no_process_is_left_behind(
        self, service: StorageService, quick_context: BaseContext
    ) -> None:
        left = Leftovers()
        self._execute_and_end(service, quick_context)
        left.assert_no_processes()

    def test_no_thread_is_left_behind(
        self, service: StorageService, quick_context: BaseContext
    ) -> None:
        left = Leftovers()
        self._execute_and_end(service, quick_context)
        left.assert_no_threads()

    def test_stop_does_not_hang(self, service: StorageService, quick_context: BaseContext) -> None:
        with time_limit(self.PATIENCE_SECONDS):
            self._execute_and_end(service, quick_context)

    def test_no_file_or_memory_is_left_behind(
        self, service: StorageService, quick_context: BaseContext, temporary_folder: Path
    ) -> None:
        traj = sample_trajectory(service)
        files, memory = open_files(), shared_memory()
        for _ in range(2):
            with StartedMode(self.make_mode(OPTIONS), traj, quick_context) as started:
                started.execute(add_results, [range(RUNS)])
            traj.v_storage_service = service
        assert list(temporary_folder.iterdir()) == []
        assert open_files() == files
        left = shared_memory() - memory
        deadline = monotonic() + PATIENCE_SECONDS  # what other programs use goes away again
        while left := left & shared_memory():
            assert monotonic() < deadline, f"Shared memory is left: {sorted(left)}"
            sleep(0.01)

    # ----- helpers -------------------------------------------------------------------------

    def _execute_and_end(self, service: StorageService, context: BaseContext) -> None:
        traj = sample_trajectory(service)
        with StartedMode(self.make_mode(OPTIONS), traj, context) as started:
            started.execute(add_results, [[0]])

    def _loaded_after(
        self,
        fill: Callable[[Any, int], None],
        service: StorageService,
        context: BaseContext,
        folder: Path,
    ) -> Any:
        """Execute runs 0 and 1, in processes of their own, and return what was stored."""
        traj = sample_trajectory(service)
        with StartedMode(self.make_mode(OPTIONS), traj, context) as started:
            started.execute(fill, [[0], [1]])
        assert [outcome.error for outcome in started.outcomes] == [None, None]
        assert not started.refusals
        return self.load(traj, folder)

    def load(self, traj: Trajectory, folder: Path) -> Any:
        """Load everything that was stored through a service of its own."""
        return load_trajectory(traj.v_name, storage_service=self.make_service(folder), load_data=2)

    def assert_stored_like_serial(self, traj: Trajectory, folder: Path) -> None:
        """Assert that all runs are stored as they would be in a single process."""
        loaded = self.load(traj, folder)
        there = folder / "unshared"
        there.mkdir()
        serial = sample_trajectory(self.make_service(there))
        for index in range(RUNS):
            serial.f_set_crun(index)
            serial.f_start_run()
            add_results(serial, index)
            serial.f_store()
            serial.f_finalize_run(store_meta_data=False, clean_up=False)
        serial.f_restore_default()
        for branch in (serial.results.runs, serial.derived_parameters.runs):
            expected = {leaf.v_full_name: leaf for leaf in branch.f_iter_leaves()}
            assert len(expected) in (RUNS, 3 * RUNS)
            for name, leaf in expected.items():
                assert_same_leaf(loaded.f_get(name), leaf)
        for index in range(RUNS):
            group = loaded.f_get(f"results.runs.run_{index:08d}")
            assert group.f_get_links()["first"] is group.f_get("number")
