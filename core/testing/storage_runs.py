"""The part of the suite of storage services about runs, and about whole trajectories elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pypet.environment import Environment
from pypet.errors import NoSuchServiceError
from pypet.interfaces.storage import StorageService
from pypet.tables import read_table
from pypet.testing.equality import assert_same_tree
from pypet.testing.storage_suite import StorageSuite
from pypet.trajectory import Trajectory, load_trajectory

POINTS = [0.5, 1 / 3, 2.0, 3.0, 4.0, 5.0]
EXPERIMENT = "experiment"


def run_once(traj: Any) -> float:
    """Store results, a derived parameter and a link, in the run group of each run."""
    run = traj.v_crun
    traj.f_add_result("runs.$.z", traj.x * 2, comment="twice x")
    traj.f_add_result("runs.$.more", text=f"of {run}", items=[traj.x, 1.0], comment=f"of {run}")
    traj.f_add_derived_parameter("runs.$.half", traj.x / 2, comment="half of x")
    traj.f_get("results.runs.$").f_add_link("alias", traj.f_get("results.runs.$.z"))
    traj.f_get("results.runs.$").v_annotations.f_set(run=run)
    return float(traj.x)


def explored(name: str, service: StorageService, points: list[float]) -> Trajectory:
    """Return a trajectory with all runs of an experiment in the service."""
    with Environment(
        name,
        add_time=False,
        storage_service=service,
        log_config=None,
        report_progress=False,
        record_environment=False,
    ) as env:
        env.traj.f_add_parameter("x", 0.0, comment="explored")
        env.traj.f_add_parameter("y", 7)
        env.traj.f_explore({"x": points})
        env.run(run_once)
        traj: Trajectory = env.traj
    return traj


class RunConformance(StorageSuite):
    """What runs store, what is known about them, and copies of trajectories."""

    @pytest.fixture
    def experiment(self, service: StorageService) -> Trajectory:
        """A trajectory whose runs were executed one after the other."""
        self.skip_without_data(service)
        return explored(EXPERIMENT, service, POINTS)

    def check_runs(self, loaded: Trajectory, points: list[float]) -> None:
        """Assert that runs have the data of `run_once`."""
        for index, x in enumerate(points):
            run = f"run_{index:08d}"
            assert loaded.f_get(f"results.runs.{run}.z").f_get() == 2 * x, run
            comments = {"twice x"} if index == 0 else {"twice x", ""}  # kept once at least
            assert loaded.f_get(f"results.runs.{run}.z").v_comment in comments, run
            more = loaded.f_get(f"results.runs.{run}.more")
            assert more.items == [x, 1.0]
            assert loaded.f_get(f"derived_parameters.runs.{run}.half").f_get() == x / 2

    # ----- runs ------------------------------------------------------------------------------

    def test_results_of_all_runs_come_back(self, experiment: Trajectory, tmp_path: Path) -> None:
        loaded = self.load(experiment, tmp_path)
        self.check_runs(loaded, POINTS)
        found = loaded.f_get_from_runs("z", fast_access=True)
        assert [found[name] for name in sorted(found)] == [2 * x for x in POINTS]
        for run in loaded.f_get_run_names():
            more = loaded.f_get(f"results.runs.{run}.more")
            assert (more.text, more.v_comment) == (f"of {run}", f"of {run}")

    def test_a_table_has_what_runs_stored(self, experiment: Trajectory, tmp_path: Path) -> None:
        table = read_table(self.load(experiment, tmp_path), results=["z", "more.text", "half"])
        assert table["z"].values.tolist() == [2 * x for x in POINTS]
        assert table["half"].values.tolist() == [x / 2 for x in POINTS]
        assert table["more.text"].values.tolist() == [f"of {name}" for name in table["name"].values]
        assert table["z"].comment == "twice x"
        assert not table.missing_runs().size
        assert table["x"].values.tolist() == POINTS

    def test_annotations_of_run_groups_come_back(
        self, experiment: Trajectory, tmp_path: Path
    ) -> None:
        loaded = self.load(experiment, tmp_path)
        for run in loaded.f_get_run_names():
            annotations = loaded.f_get(f"results.runs.{run}").v_annotations
            assert {key: str(value) for key, value in annotations.f_to_dict().items()} == {
                "run": run
            }

    def test_links_in_run_groups_come_back(self, experiment: Trajectory, tmp_path: Path) -> None:
        loaded = self.load(experiment, tmp_path)
        for run in loaded.f_get_run_names():
            links = loaded.f_get(f"results.runs.{run}").f_get_links()
            assert {name: node.v_full_name for name, node in links.items()} == {
                "alias": f"results.runs.{run}.z"
            }

    def test_rows_of_all_runs_come_back(self, experiment: Trajectory, tmp_path: Path) -> None:
        loaded = self.load(experiment, tmp_path)
        before, after = (each.f_get_run_information() for each in (experiment, loaded))
        assert list(after) == [f"run_{index:08d}" for index in range(len(POINTS))]
        for index, (run, row) in enumerate(after.items()):
            assert row["completed"] == 1, run
            assert row["idx"] == index
            for name in (
                "timestamp",
                "finish_timestamp",
                "time",
                "runtime",
                "short_environment_hexsha",
                "parameter_summary",
            ):
                assert row[name] == before[run][name], (run, name)
        assert loaded.f_is_completed()

    def test_a_single_run_updates_its_own_row_only(
        self, stored: Trajectory, tmp_path: Path
    ) -> None:
        stored.f_set_crun(2)
        stored.f_start_run(turn_into_run=False)
        stored.f_finalize_run()
        stored.f_restore_default()
        rows = self.load(stored, tmp_path).f_get_run_information()
        assert [row["completed"] for row in rows.values()] == [0, 0, 1]
        assert len({row["timestamp"] for row in rows.values()}) == 2

    def test_later_explorations_come_back(self, service: StorageService, tmp_path: Path) -> None:
        self.skip_without_data(service)
        traj = Trajectory("later", storage_service=service)
        traj.f_add_parameter("x", 0.0)
        traj.f_add_parameter("y", 1)
        traj.f_store()
        assert len(self.load(traj, tmp_path)) == 1
        traj.f_get("x").f_unlock()
        traj.f_explore({"x": POINTS})
        traj.f_store()
        loaded = self.load(traj, tmp_path)
        assert len(loaded) == len(POINTS)
        assert set(loaded.f_get_explored_parameters()) == {"parameters.x"}
        assert list(loaded.f_get("parameters.x").f_get_range()) == POINTS
        bare = self.load(traj, tmp_path, load_data=0)
        assert len(bare) == len(bare.f_get_run_names()) == len(POINTS)
        assert set(bare.f_get_explored_parameters()) == {"parameters.x"}

    def test_explorations_come_back(self, experiment: Trajectory, tmp_path: Path) -> None:
        loaded = self.load(experiment, tmp_path)
        assert set(loaded.f_get_explored_parameters()) == {"parameters.x"}
        assert list(loaded.f_get("parameters.x").f_get_range()) == POINTS
        assert len(loaded) == len(POINTS)

    def test_length_and_explorations_are_updated_when_expanded(
        self, experiment: Trajectory, tmp_path: Path
    ) -> None:
        first = len(experiment)
        experiment.f_expand({"x": [10.0, 20.0]})
        experiment.f_store()
        assert len(self.load(experiment, tmp_path, load_data=0)) == first + 2
        loaded = self.load(experiment, tmp_path)
        assert len(loaded) == first + 2
        assert list(loaded.f_get("parameters.x").f_get_range()) == [*POINTS, 10.0, 20.0]
        rows = loaded.f_get_run_information()
        assert [row["completed"] for row in rows.values()] == [1] * first + [0, 0]
        self.check_runs(loaded, POINTS)

    def test_expanded_runs_are_added_to_those_before(
        self, experiment: Trajectory, tmp_path: Path
    ) -> None:
        with Environment(
            self.load(experiment, tmp_path),
            log_config=None,
            report_progress=False,
            record_environment=False,
        ) as env:
            env.traj.f_expand({"x": [10.0, 20.0]})
            env.run(run_once)
        loaded = self.load(env.traj, tmp_path)
        self.check_runs(loaded, [*POINTS, 10.0, 20.0])
        assert loaded.f_is_completed()

    # ----- merging and copying ---------------------------------------------------------------

    def test_merged_runs_follow_the_own_ones(
        self, experiment: Trajectory, service: StorageService, tmp_path: Path
    ) -> None:
        other = explored("other", service, [10.0, 20.0])
        experiment.f_merge(other, backup=False)
        loaded = self.load(experiment, tmp_path)
        assert len(loaded) == len(POINTS) + 2
        assert list(loaded.f_get("parameters.x").f_get_range()) == [*POINTS, 10.0, 20.0]
        self.check_runs(loaded, [*POINTS, 10.0, 20.0])
        assert loaded.f_is_completed()
        run = f"run_{len(POINTS):08d}"
        links = loaded.f_get(f"results.runs.{run}").f_get_links()
        assert links["alias"].v_full_name == f"results.runs.{run}.z"
        own, its = loaded.f_get_run_information(run), other.f_get_run_information(0)
        assert own["timestamp"] == its["timestamp"]
        assert own["runtime"] == its["runtime"]

    def test_merging_leaves_the_other_trajectory_as_it_was(
        self, experiment: Trajectory, service: StorageService, tmp_path: Path
    ) -> None:
        other = explored("other", service, [10.0, 20.0])
        experiment.f_merge(other, backup=False)
        again = self.load(other, tmp_path)
        assert len(again) == 2
        self.check_runs(again, [10.0, 20.0])

    def test_backups_have_everything(
        self, experiment: Trajectory, service: StorageService, tmp_path: Path
    ) -> None:
        backup_service = getattr(service, "backup_service", None)
        if backup_service is None:
            pytest.skip("the service does not report where it puts backups")
        try:
            experiment.f_backup()
        except NoSuchServiceError as refusal:
            pytest.skip(f"the service makes no backups: {refusal}")
        experiment.f_delete_item("parameters.y")
        place = self.reopened(service, tmp_path).backup_service(  # type: ignore[attr-defined]
            EXPERIMENT, None
        )
        backup = load_trajectory(EXPERIMENT, storage_service=place, load_data=2)
        assert backup.f_get("parameters.y").f_get_default() == 7
        assert len(backup) == len(POINTS)
        self.check_runs(backup, POINTS)
        assert backup.f_get_run_information() == experiment.f_get_run_information()
        links = backup.f_get("results.runs.run_00000003").f_get_links()
        assert links["alias"].v_full_name == "results.runs.run_00000003.z"

    def test_copies_under_another_name_have_everything(
        self, stored: Trajectory, tmp_path: Path
    ) -> None:
        twin = self.load(stored, tmp_path)
        twin.f_migrate("twin", in_store=False)
        twin.f_store()
        loaded = self.load(twin, tmp_path)
        assert loaded.v_name == "twin"
        assert_same_tree(stored, loaded)
        assert_same_tree(stored, self.load(stored, tmp_path))
