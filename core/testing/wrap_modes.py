"""The conformance suite of wrap modes: several processes share one storage service.

The results of runs are compared with those of the same runs in a single process. Start methods
that a mode cannot use (``needs_fork``) are skipped with that reason.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.context import BaseContext
from pathlib import Path
from time import monotonic, sleep
from typing import Any, ClassVar

import pytest

from pypet.interfaces import Outcome, StorageService, WrapMode
from pypet.testing.equality import assert_same_leaf
from pypet.testing.wrap_workers import (
    REASON,
    PickyService,
    add_bad_result,
    add_deadly_result,
    add_results,
    execute,
    load_parameter,
)
from pypet.trajectory import Trajectory, load_trajectory

NAME = "conformance"
RUNS = 8
PATIENCE_SECONDS = 60
OPTIONS: dict[str, Any] = {"ncores": 2, "queue_maxsize": -1, "gc_interval": None}


class WrapModeConformance(ABC):
    """Derive, implement `make_mode` and `make_service`."""

    start_methods: ClassVar[Sequence[str]] = ("fork", "spawn", "forkserver")
    """Of these, the ones that the platform has and the mode allows are tested."""

    @abstractmethod
    def make_mode(self, options: dict[str, Any]) -> WrapMode:
        """Return the mode under test, not started."""

    @abstractmethod
    def make_service(self, folder: Path) -> StorageService:
        """Return a service that keeps its data in ``folder``; called again it reads that data."""

    # ----- fixtures ------------------------------------------------------------------------

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
        with _Started(self.make_mode(OPTIONS), traj, context) as started:
            started.execute(add_results, [range(0, RUNS, 2), range(1, RUNS, 2)])
        assert [outcome.error for outcome in started.outcomes] == [None] * RUNS
        assert not started.refusals
        self.assert_stored_like_serial(traj, tmp_path)

    def test_services_of_users_are_shared_too(
        self, service: StorageService, context: BaseContext, tmp_path: Path
    ) -> None:
        traj = sample_trajectory(PickyService(service))
        with _Started(self.make_mode(OPTIONS), traj, context) as started:
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
        with _Started(mode, traj, quick_context) as started:
            started.execute(add_results, [range(0, RUNS, 2), range(1, RUNS, 2)])
        self.assert_stored_like_serial(traj, tmp_path)

    def test_the_main_process_may_store_meanwhile(
        self, service: StorageService, quick_context: BaseContext, tmp_path: Path
    ) -> None:
        traj = sample_trajectory(service)
        mode = self.make_mode(OPTIONS)
        with _Started(mode, traj, quick_context) as started:
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
        with _Started(mode, traj, quick_context) as started:
            started.execute(load_parameter, [[0], [1]])
        errors = [outcome.error for outcome in started.outcomes]
        if mode.supports_loading:
            assert errors == [None, None]
            loaded = self.load(traj, tmp_path)
            assert loaded.f_get("results.runs.run_00000001.loaded").f_get() == "as it was"
        else:
            assert all(isinstance(error, NotImplementedError) for error in errors)
            assert mode.name in str(errors[0])

    # ----- faults --------------------------------------------------------------------------

    def test_a_worker_that_is_killed_while_it_stores_does_not_block_others(
        self, service: StorageService, quick_context: BaseContext, tmp_path: Path
    ) -> None:
        traj = sample_trajectory(service)
        with _Started(self.make_mode(OPTIONS), traj, quick_context) as started:
            assert started.execute(add_deadly_result, [[0]]) != [0]
            started.execute(add_results, [range(0, RUNS, 2), range(1, RUNS, 2)])
        self.assert_stored_like_serial(traj, tmp_path)

    def test_a_failing_store_is_reported_with_its_run(
        self, service: StorageService, quick_context: BaseContext, tmp_path: Path
    ) -> None:
        traj = sample_trajectory(PickyService(service))
        mode = self.make_mode(OPTIONS)
        started = _Started(mode, traj, quick_context)
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
            with _Started(mode, traj, quick_context) as started:
                started.execute(add_results, [indices])
            traj.v_storage_service = service
        self.assert_stored_like_serial(traj, tmp_path)

    def test_nothing_is_left_behind(
        self, service: StorageService, quick_context: BaseContext, temporary_folder: Path
    ) -> None:
        traj = sample_trajectory(service)
        files, memory = _open_files(), _shared_memory()
        for _ in range(2):
            with _Started(self.make_mode(OPTIONS), traj, quick_context) as started:
                started.execute(add_results, [range(RUNS)])
            traj.v_storage_service = service
        assert not multiprocessing.active_children()
        assert list(temporary_folder.iterdir()) == []
        assert _open_files() == files
        left = _shared_memory() - memory
        deadline = monotonic() + PATIENCE_SECONDS  # what other programs use goes away again
        while left := left & _shared_memory():
            assert monotonic() < deadline, f"Shared memory is left: {sorted(left)}"
            sleep(0.01)

    # ----- helpers -------------------------------------------------------------------------

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


class _Started:
    """A mode that is active around a trajectory, and what became of the runs."""

    def __init__(self, mode: WrapMode, traj: Trajectory, context: BaseContext) -> None:
        self._mode = mode
        self._traj = traj
        self._context = context
        self.outcomes: list[Outcome] = []
        self.refusals: list[RuntimeError] = []

    def __enter__(self) -> _Started:
        traj = self._traj
        service, traj.v_storage_service = traj.v_storage_service, None
        traj.v_full_copy = True
        self._pickled = pickle.dumps(traj)
        self._mode.start(service, self._context)
        return self

    def __exit__(self, *error: object) -> None:
        self._mode.stop()
        self._mode.wait_closed()

    def execute(self, fill: Callable[[Any, int], None], indices: Sequence[Any]) -> list[int | None]:
        """Execute runs, one process for each sequence of indices; return the exit codes."""
        mode, workers = self._mode, []
        for own in indices:
            ours, theirs = self._context.Pipe(duplex=False)
            process = self._context.Process(  # type: ignore[attr-defined]
                target=execute,
                args=(mode.worker_service(), mode.collect, self._pickled, fill, own, theirs),
            )
            process.start()
            theirs.close()
            workers.append((process, ours))
        for process, connection in workers:
            for outcome in _received(connection):
                self.outcomes.append(outcome)
                try:
                    mode.accept(outcome)
                except RuntimeError as error:
                    self.refusals.append(error)
            process.join(PATIENCE_SECONDS)
            assert process.exitcode is not None, "a worker is blocked"
        mode.check()
        return [_exit_code(process) for process, _ in workers]


def _received(connection: Any) -> Iterator[Outcome]:
    with connection:
        while connection.poll(PATIENCE_SECONDS):
            try:
                yield connection.recv()
            except EOFError:
                return
    raise AssertionError(f"No outcome arrived within {PATIENCE_SECONDS} seconds.")


def _exit_code(process: Any) -> int | None:
    code: int | None = process.exitcode
    process.close()
    return code


def _open_files() -> int:
    """Return how many files this process has open, as far as one can tell."""
    return len(os.listdir("/proc/self/fd")) if sys.platform.startswith("linux") else 0


def _shared_memory() -> set[str]:
    """Return the names of shared memory, of all programs and as far as one can tell."""
    return set(os.listdir("/dev/shm")) if sys.platform.startswith("linux") else set()


def sample_trajectory(service: StorageService) -> Trajectory:
    """Return a stored trajectory with `RUNS` runs."""
    traj = Trajectory(NAME, storage_service=service)
    traj.f_add_parameter("x", 0, comment="explored")
    traj.f_add_parameter("unchanging", "as it was")
    traj.f_explore({"x": list(range(RUNS))})
    traj.f_store()
    return traj
