"""The conformance suite of journals, which make experiments resumable.

Derive a class whose name starts with ``Test`` and give the class under test::

    class TestMine(JournalConformance):
        feature = MyJournal

Experiments are begun in child processes, which are killed in the middle of a run, and resumed in
the process of the test. So the platform has to be able to fork, else all tests are skipped.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from pypet.environment import Environment
from pypet.errors import ResumeError
from pypet.interfaces import Journal
from pypet.manager import PluginManager
from pypet.testing.features import FeatureConformance
from pypet.testing.leftovers import Leftovers, wait_for_file
from pypet.trajectory import load_trajectory

NAME = "journaled"
RUNS = 5
VALUES: tuple[Any, ...] = (None, 1.5, {"a": [1, 2]}, np.arange(3, dtype=np.int16), "text")
"""What runs return, by index."""

Make = Callable[..., Environment]


class Unpicklable:
    """An argument of a run that cannot be saved."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("this cannot be pickled")


def simulate(traj: Any, folder: Path) -> Any:
    """Store a result and return a value; note that the run was executed, and die if it is told."""
    index = traj.v_idx
    with (folder / "executed").open("a") as file:
        file.write(f"{index}\n")
    traj.f_add_result("z", np.full(4, traj.x), comment=f"of run {index}")
    _die(folder / f"die-{index}")
    return VALUES[index] if index < len(VALUES) else index


def wait_in_second_run(traj: Any, folder: Path) -> None:
    """Wait for a file in run 1, after another was made that says so."""
    if traj.v_idx == 1:
        (folder / "waits").touch()
        wait_for_file(folder / "go", 60.0)


def expand_once(traj: Any, results: list[Any]) -> dict[str, list[float]] | None:
    """Add two runs when the first ones are over."""
    return {"x": [10.0, 11.0]} if len(traj) == RUNS else None


def _die(order: Path) -> None:
    """Kill this process if there is a file, which is removed."""
    if order.exists():
        order.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


def executed_runs(folder: Path) -> list[int]:
    """Return the indices of runs in the order in which they began, each as often as it did."""
    return [int(line) for line in (folder / "executed").read_text().splitlines()]


class JournalConformance(FeatureConformance):
    """What every journal does: no committed run is lost, and none is executed again."""

    feature: ClassVar[type[Journal]]
    parallel: ClassVar[dict[str, Any]] = {"multiproc": True, "ncores": 2}
    """Options of parallel runs."""

    def make_storage(self, folder: Path) -> dict[str, Any]:
        """Return the options of a storage in ``folder`` that the journal works with.

        By default it is that of an environment without any.
        """
        return {"filename": str(folder / "data.hdf5")}

    def make_options(self, folder: Path) -> dict[str, Any]:
        """Return the options that switch the journal on and let it commit each run at once.

        It keeps its files in ``folder``.
        """
        return {
            "resumable": True,
            "resume_folder": str(folder / "journal"),
            "commit_interval": 0,
        }

    @pytest.fixture
    def make(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
        """Return a function that makes environments with the journal under test."""
        if "fork" not in multiprocessing.get_all_start_methods():
            pytest.skip("experiments are begun in processes that are forked")
        # The first of several journals is used, and another plugin may be that.
        monkeypatch.setattr(PluginManager, "journals", lambda manager: (self.feature,))
        monkeypatch.chdir(tmp_path)
        made = []

        def make(trajectory: str = NAME, **options: Any) -> Environment:
            quiet = {"log_config": None, "report_progress": False, "record_environment": False}
            own = {**self.make_storage(tmp_path), **self.make_options(tmp_path)}
            environment = Environment(trajectory, **{**quiet, **own, **options})
            made.append(environment)
            return environment

        yield make
        for environment in made:
            environment.disable_logging()

    @staticmethod
    def explore(environment: Environment) -> Environment:
        """Explore `RUNS` runs."""
        environment.traj.f_add_parameter("x", 0.0)
        environment.traj.f_explore({"x": [float(index) for index in range(RUNS)]})
        return environment

    def begin_and_die(
        self, make: Make, folder: Path, run: int, postprocessing: Any = None, **options: Any
    ) -> None:
        """Begin an experiment in a child process, which is killed in a run."""
        (folder / f"die-{run}").touch()

        def begin() -> None:
            environment = self.explore(make(**options))
            environment.add_postprocessing(postprocessing)
            environment.run(simulate, folder)

        _in_child(begin, -signal.SIGKILL)

    def stored(self, folder: Path) -> Any:
        """Return the trajectory as the storage has it."""
        return load_trajectory(NAME, load_data=2, **self.make_storage(folder))

    def assert_stored(self, folder: Path, runs: int = RUNS) -> None:
        """Assert that the storage has all runs as completed, with their results."""
        traj = self.stored(folder)
        assert [traj.f_is_completed(index) for index in range(runs)] == [True] * runs
        for index in range(runs):
            z = traj.f_get(f"results.runs.run_{index:08d}.z").z
            assert z.tolist() == [traj.f_get("parameters.x").f_get_range()[index]] * 4

    def assert_returned(self, results: list[tuple[int, Any]]) -> None:
        """Assert that all runs returned their values, with their types."""
        assert [index for index, _ in results] == list(range(RUNS))
        for (index, value), expected in zip(results, VALUES, strict=True):
            assert type(value) is type(expected), f"run {index} returned {value!r}"
            if isinstance(expected, np.ndarray):
                assert value.dtype == expected.dtype
                assert value.tolist() == expected.tolist()
            else:
                assert value == expected

    # ----- experiments that nothing happens to -----------------------------------------------

    def test_an_experiment_that_ends_is_stored(self, make: Make, tmp_path: Path) -> None:
        results = self.explore(make()).run(simulate, tmp_path)
        self.assert_returned(results)
        self.assert_stored(tmp_path)
        assert executed_runs(tmp_path) == list(range(RUNS))

    def test_parallel_runs_are_stored(self, make: Make, tmp_path: Path) -> None:
        results = self.explore(make(**self.parallel)).run(simulate, tmp_path)
        self.assert_returned(results)
        self.assert_stored(tmp_path)
        assert sorted(executed_runs(tmp_path)) == list(range(RUNS))

    def test_nothing_is_left_to_resume_when_it_has_ended(self, make: Make, tmp_path: Path) -> None:
        self.explore(make()).run(simulate, tmp_path)
        with pytest.raises((FileNotFoundError, ResumeError)):
            make().resume(NAME)

    def test_a_second_experiment_may_follow(self, make: Make, tmp_path: Path) -> None:
        environment = self.explore(make())
        environment.run(simulate, tmp_path)
        environment.traj.f_expand({"x": [10.0]})
        assert [index for index, _ in environment.run(simulate, tmp_path)] == [RUNS]
        self.assert_stored(tmp_path, RUNS + 1)

    def test_no_thread_and_no_file_is_left_behind(self, make: Make, tmp_path: Path) -> None:
        self.explore(make("first")).run(simulate, tmp_path)  # what is opened once
        left = Leftovers()
        self.explore(make()).run(simulate, tmp_path)
        left.assert_no_threads()
        left.assert_no_files()

    # ----- experiments that are killed -------------------------------------------------------

    def test_committed_runs_are_not_executed_again(self, make: Make, tmp_path: Path) -> None:
        self.begin_and_die(make, tmp_path, 3)
        make().resume(NAME)
        assert executed_runs(tmp_path) == [0, 1, 2, 3, 3, 4]

    def test_what_committed_runs_returned_comes_back(self, make: Make, tmp_path: Path) -> None:
        self.begin_and_die(make, tmp_path, 4)
        self.assert_returned(make().resume(NAME))

    def test_data_of_committed_runs_is_in_the_storage(self, make: Make, tmp_path: Path) -> None:
        self.begin_and_die(make, tmp_path, 3)
        make().resume(NAME)
        self.assert_stored(tmp_path)

    def test_times_of_committed_runs_are_kept(self, make: Make, tmp_path: Path) -> None:
        self.begin_and_die(make, tmp_path, 3)
        environment = make()
        environment.resume(NAME)
        runs = [environment.traj.f_get_run_information(index) for index in range(RUNS)]
        assert all(run["timestamp"] <= run["finish_timestamp"] for run in runs)
        assert runs[2]["finish_timestamp"] <= runs[3]["timestamp"]

    def test_it_may_be_killed_again(self, make: Make, tmp_path: Path) -> None:
        self.begin_and_die(make, tmp_path, 1)
        (tmp_path / "die-3").touch()
        _in_child(lambda: make().resume(NAME), -signal.SIGKILL)
        self.assert_returned(make().resume(NAME))
        assert executed_runs(tmp_path) == [0, 1, 1, 2, 3, 3, 4]
        self.assert_stored(tmp_path)

    def test_parallel_runs_are_resumed(self, make: Make, tmp_path: Path) -> None:
        self.begin_and_die(make, tmp_path, 2)
        self.assert_returned(make(**self.parallel).resume(NAME))
        assert sorted(executed_runs(tmp_path)) == [0, 1, 2, 2, 3, 4]
        self.assert_stored(tmp_path)

    def test_what_post_processing_added_is_resumed(self, make: Make, tmp_path: Path) -> None:
        self.begin_and_die(make, tmp_path, RUNS + 1, expand_once)
        results = make().resume(NAME)
        assert [index for index, _ in results] == list(range(RUNS + 2))
        assert executed_runs(tmp_path) == [*range(RUNS + 1), RUNS + 1, RUNS + 1]
        self.assert_stored(tmp_path, RUNS + 2)

    # ----- what is refused -------------------------------------------------------------------

    def test_an_unknown_experiment_is_not_found(self, make: Make) -> None:
        with pytest.raises(FileNotFoundError, match="unknown_name"):
            make().resume("unknown_name")

    def test_an_experiment_that_waits_to_be_resumed_is_not_replaced(
        self, make: Make, tmp_path: Path
    ) -> None:
        self.begin_and_die(make, tmp_path, 2)
        with pytest.raises(RuntimeError, match=r"resume"):
            self.explore(make()).run(simulate, tmp_path)
        self.assert_returned(make().resume(NAME))

    def test_a_running_experiment_is_not_resumed(self, make: Make, tmp_path: Path) -> None:
        child = _start(lambda: self.explore(make()).run(wait_in_second_run, tmp_path))
        try:
            assert wait_for_file(tmp_path / "waits", self.PATIENCE_SECONDS / 2)
            with pytest.raises(ResumeError):
                make().resume(NAME)
        finally:
            (tmp_path / "go").touch()
            child.join()
        assert child.exitcode == 0, "the experiment did not go on"

    def test_what_cannot_be_resumed_does_not_begin(self, make: Make, tmp_path: Path) -> None:
        environment = self.explore(make())
        with pytest.raises(Exception, match="cannot be pickled"):
            environment.run(simulate, Unpicklable())
        assert not (tmp_path / "executed").exists()
        assert self.explore(make()).run(simulate, tmp_path), "it is in the way of another one"


def _start(function: Callable[[], Any]) -> Any:
    child = multiprocessing.get_context("fork").Process(target=function)
    child.start()
    return child


def _in_child(function: Callable[[], Any], exit_code: int) -> None:
    """Call a function in a child process, which has to end as is said."""
    child = _start(function)
    child.join()
    assert child.exitcode == exit_code, f"the process ended with {child.exitcode}"
