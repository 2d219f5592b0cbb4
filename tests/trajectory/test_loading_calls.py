"""Loading trajectories and items of them."""

from __future__ import annotations

import pathlib

import pytest

from pypet.errors import DataNotInStorageError, VersionMismatchError
from pypet.leaves import Result
from pypet.trajectory import Trajectory, load_trajectory


class OwnResult(Result):
    """A class of users."""


# ----- whole trajectories ----------------------------------------------------------------------


def test_loaded_trajectory_is_the_stored_one(stored, service):
    other = load_trajectory("kept", storage_service=service)
    assert other.v_name == "kept"
    assert other.v_comment == "to be kept"
    assert (other.v_timestamp, other.v_time) == (stored.v_timestamp, stored.v_time)
    assert other.v_stored
    assert other.still == "s"
    assert other.f_get("still").v_locked
    assert other.f_get("total").f_is_empty()
    assert list(other.f_get_explored_parameters()) == ["parameters.group.x"]
    other.f_set_crun(2)
    assert other.x == 12


def test_index_counts_alphabetically_and_from_the_end(stored, service):
    Trajectory("another", storage_service=service).f_store()
    assert load_trajectory(index=0, storage_service=service).v_name == "another"
    assert load_trajectory(index=-1, storage_service=service).v_name == "kept"


def test_loading_takes_name_or_index_but_not_both(stored, service):
    with pytest.raises(ValueError, match="not both"):
        load_trajectory(storage_service=service, name="kept", index=0)


def test_the_only_trajectory_needs_no_name(stored, service):
    loaded = load_trajectory(storage_service=service)
    assert (loaded.v_name, loaded.still) == ("kept", "s")
    again = load_trajectory(storage_service=service, as_new=True, new_name="a", add_time=False)
    assert (again.v_name, again.still) == ("a", "s")


def test_without_name_the_names_of_several_trajectories_are_told(stored, service):
    Trajectory("another", storage_service=service).f_store()
    with pytest.raises(ValueError, match=r"neither was given.*'another', 'kept'"):
        load_trajectory(storage_service=service)


def test_without_name_a_service_has_to_have_names(service):
    with pytest.raises(ValueError, match="neither was given"):
        load_trajectory(storage_service=service)
    with pytest.raises(ValueError, match="neither was given"):
        load_trajectory(storage_service="pypet.storageservice.LazyStorageService")


@pytest.mark.parametrize("as_path", [str, pathlib.Path])
def test_a_file_is_loaded_by_its_path_alone(tmp_path, as_path):
    pytest.importorskip("h5py")
    path = tmp_path / "svm.hdf5"
    traj = Trajectory("mine", filename=path)
    traj.f_add_parameter("x", 4)
    traj.f_store()
    assert load_trajectory(as_path(path)).x == 4
    assert load_trajectory(filename=as_path(path)).x == 4
    traj = Trajectory("other", filename=path)
    traj.f_store()
    assert load_trajectory(as_path(path), index=0).v_name == "mine"
    with pytest.raises(ValueError, match="'mine', 'other'"):
        load_trajectory(as_path(path))


@pytest.mark.parametrize("chosen", [{"name": "nobody"}, {"index": 1}, {"index": -2}])
def test_trajectory_that_is_not_there_is_a_value_error(stored, service, chosen):
    with pytest.raises(ValueError, match="There is no trajectory"):
        load_trajectory(storage_service=service, **chosen)


def test_own_name_is_loaded_without_name(stored, service):
    other = Trajectory("kept", storage_service=service)
    other.f_load()
    assert len(other) == 3


def test_name_and_index_exclude_each_other(stored):
    with pytest.raises(ValueError, match="not by both"):
        stored.f_load(name="kept", index=0)


def test_load_data_replaces_all_levels(stored, service):
    assert load_trajectory("kept", storage_service=service, load_data=2).total == 5
    nothing = load_trajectory("kept", storage_service=service, load_data=0)
    assert nothing.f_to_dict() == {}
    assert nothing.f_get_explored_parameters() == {"parameters.group.x": None}
    assert len(nothing) == 3


def test_old_keyword_load_all_warns_and_works(stored, service):
    with pytest.warns(DeprecationWarning, match="load_data"):
        assert load_trajectory("kept", storage_service=service, load_all=2).total == 5
    with pytest.warns(DeprecationWarning, match="load_data"):
        stored.f_load(load_all=2)


def test_trajectory_loaded_as_new_has_fresh_runs_and_unlocked_parameters(stored, service):
    stored.f_start_run(0)
    stored.f_finalize_run()
    other = load_trajectory(
        "kept", as_new=True, storage_service=service, new_name="again", add_time=False
    )
    assert other.v_name == "again"
    assert other.v_timestamp != stored.v_timestamp
    assert not other.v_stored
    assert not other.f_get("x").v_stored
    assert not other.f_get("x").v_locked
    assert other.f_get("x").f_get_range() == [10, 11, 12]
    assert len(other) == 3
    assert not other.f_is_completed(0)
    assert "total" not in other
    assert other.f_get_config() == {}
    other.f_store()
    assert len(load_trajectory("again", storage_service=service)) == 3


def test_loading_replaces_runs_and_explored_names_that_are_out_of_date(service, stored):
    other = Trajectory("other", storage_service=service)
    other.f_add_parameter("mine", 1)
    other.f_explore({"mine": list(range(9))})
    other.f_set_crun(8)
    other.f_load("kept")
    assert len(other) == 3
    assert list(other.f_get_explored_parameters()) == ["parameters.group.x"]
    assert other.v_idx == -1
    assert other.f_get_run_names() == stored.f_get_run_names()


def test_loading_again_keeps_the_current_run(stored):
    stored.f_set_crun(2)
    stored.f_load(load_data=2)
    assert (stored.v_idx, stored.x) == (2, 12)


def test_without_run_information_only_the_number_of_runs_is_known(stored, service):
    other = load_trajectory("kept", storage_service=service, with_run_information=False)
    assert len(other) == 3
    with pytest.raises(KeyError, match="0 of 3"):
        other.f_get_run_information(0)
    other.f_add_parameter("new", 1)
    with pytest.raises(TypeError, match="run information"):
        other.f_explore({"new": [1, 2, 3]})


def test_without_meta_data_the_trajectory_stays_who_it_is(stored, service):
    other = Trajectory("other", storage_service=service)
    other.f_load("kept", with_meta_data=False)
    assert other.v_name == "other"
    assert other.still == "s"
    assert len(other) == 3
    assert other.f_get("x").f_get_range() == [10, 11, 12]


def test_skeleton_has_all_nodes_and_no_data(stored, service):
    other = Trajectory("kept", storage_service=service)
    other.f_load_skeleton()
    assert set(other.f_to_dict()) == set(stored.f_to_dict())
    assert all(leaf.f_is_empty() for leaf in other.f_iter_leaves())
    assert other.f_get("x").v_comment == "a number"


def test_skeleton_does_not_forget_what_is_known_about_runs(stored):
    stored.f_start_run(0)
    stored.f_finalize_run()
    stored.f_load_skeleton()
    assert stored.f_is_completed(0) == 1


def test_annotations_of_the_trajectory_are_loaded(service):
    traj = Trajectory("kept", storage_service=service)
    traj.v_annotations.note = "read me"
    traj.f_store()
    assert load_trajectory("kept", storage_service=service).v_annotations.note == "read me"


def test_classes_of_users_are_found_by_name(service):
    traj = Trajectory("kept", storage_service=service)
    traj.f_add_result(OwnResult, "z", 5)
    traj.f_store()
    with pytest.raises(ImportError, match="OwnResult"):
        load_trajectory("kept", storage_service=service, load_data=2)
    other = load_trajectory("kept", storage_service=service, load_data=2, dynamic_imports=OwnResult)
    assert type(other.f_get("z")) is OwnResult


def test_unknown_layout_is_loaded_by_force_only(service, caplog):
    traj = Trajectory("kept", storage_service=service)
    traj._version = "0.1a.1"
    traj.f_store()
    with pytest.raises(VersionMismatchError, match=r"0\.1a\.1.*force"):
        load_trajectory("kept", storage_service=service)
    assert load_trajectory("kept", storage_service=service, force=True).v_version == "0.1a.1"
    assert "0.1a.1" in caplog.text


def test_run_names_of_users_come_back(service):
    names = {("$", "crun"): lambda idx: f"trial_{idx}" if idx >= 0 else "no_trial"}
    traj = Trajectory("kept", storage_service=service, wildcard_functions=names)
    traj.f_add_parameter("x", 1)
    traj.f_explore({"x": [1, 2]})
    traj.f_store()
    plain = load_trajectory("kept", storage_service=service)
    assert plain.f_get_run_names() == ["trial_0", "trial_1"]
    plain.f_set_crun("trial_1")
    assert plain.x == 2
    again = load_trajectory("kept", storage_service=service, wildcard_functions=names)
    assert again.f_idx_to_run("trial_1") == 1


# ----- services --------------------------------------------------------------------------------


def test_unknown_keywords_are_refused_before_the_service_changes(stored, service):
    for call in (stored.f_load, stored.f_migrate):
        with pytest.raises(ValueError, match="colour"):
            call(colour="red")
        with pytest.raises(ValueError, match="filename"):
            call(filename="somewhere")
        assert stored.v_storage_service is service


def test_service_given_for_loading_stays(stored, service):
    other = Trajectory("other")
    other.f_load("kept", storage_service=service)
    assert other.v_storage_service is service


def test_trajectory_can_be_renamed_and_stored_once_more(stored, service):
    stored.f_migrate("renamed")
    assert stored.v_name == "renamed"
    assert not stored.v_stored
    assert not stored.f_get("x").v_stored
    stored.f_store(store_data=1)
    assert service.trajectory_names() == ["kept", "renamed"]
    assert load_trajectory("renamed", storage_service=service, load_data=2).total == 5
    assert len(load_trajectory("renamed", storage_service=service)) == 3


def test_trajectory_can_move_to_a_service_that_has_it(stored, service):
    stored.f_migrate(in_store=True, new_storage_service=type(service))
    assert stored.v_stored
    assert stored.v_storage_service is not service


@pytest.mark.parametrize("name", ["a.b", "", "_x"])
def test_trajectory_keeps_its_name_if_the_new_one_is_impossible(stored, name):
    with pytest.raises(ValueError, match="name"):
        stored.f_migrate(name)
    assert stored.v_name == "kept"
    assert stored.v_stored


# ----- items -----------------------------------------------------------------------------------


def test_items_are_loaded_into_what_is_in_memory(stored, service):
    other = load_trajectory("kept", storage_service=service)
    other.f_load_item("total")
    assert other.total == 5


def test_parts_of_results_can_be_loaded(service):
    traj = Trajectory("kept", storage_service=service)
    traj.f_add_result("parts", a=1, b=2, c=3)
    traj.f_store()
    other = load_trajectory("kept", storage_service=service)
    other.f_load_item("parts", load_only="a")
    assert other.f_get("parts").f_to_dict() == {"a": 1}
    other.f_load_item("parts", load_except=["a", "b"])
    assert other.f_get("parts").f_to_dict() == {"c": 3}


def test_explored_parameter_that_comes_back_follows_the_current_run(stored):
    stored.f_set_crun(1)
    stored.f_remove_item("x")
    stored.v_auto_load = True
    assert stored.parameters.group.x == 11
    assert stored.f_get_explored_parameters()["parameters.group.x"] is stored.f_get("x")


# ----- removing and deleting -------------------------------------------------------------------


def test_removed_item_stays_stored(stored):
    stored.f_remove_item("total")
    assert "total" not in stored
    stored.results.sums.f_load_child("total", load_data=2)
    assert stored.total == 5


def test_removing_a_link_by_name_spares_its_target(stored):
    stored.f_get("results").f_add_link("other_name", stored.f_get("x"))
    stored.f_remove_item("results.other_name")
    assert "other_name" not in stored
    assert "x" in stored


def test_group_with_children_is_removed_with_recursive_only(stored):
    with pytest.raises(TypeError, match="recursive"):
        stored.f_remove_item("sums")
    stored.f_remove_item("sums", recursive=True)
    assert "sums" not in stored


def test_deleted_item_stays_in_memory_unless_unwanted(stored, service):
    stored.f_delete_item("total")
    assert stored.total == 5
    assert not stored.f_get("total").v_stored
    assert "total" not in load_trajectory("kept", storage_service=service)
    with pytest.raises(DataNotInStorageError):
        stored.f_delete_item("total")
    stored.f_delete_item("still", remove_from_trajectory=True)
    assert "still" not in stored


def test_deleted_group_takes_its_children_along(stored):
    with pytest.raises(TypeError, match="recursive"):
        stored.f_delete_item("sums")
    stored.f_delete_item("sums", recursive=True)
    assert not stored.f_get("sums").v_stored
    assert not stored.f_get("total").v_stored
    stored.f_store(store_data=1)
    assert stored.f_get("total").v_stored


def test_parts_of_a_leaf_can_be_deleted(stored, service):
    stored.f_add_result("parts", a=1, b=2)
    stored.f_store()
    stored.f_delete_item("parts", delete_only=["a"], remove_from_item=True)
    assert stored.f_get("parts").f_to_dict() == {"b": 2}
    assert stored.f_get("parts").v_stored
    other = load_trajectory("kept", storage_service=service, load_data=2)
    assert other.f_get("parts").f_to_dict() == {"b": 2}
    with pytest.raises(ValueError, match="delete_only"):
        stored.f_delete_item("sums", delete_only="a")


@pytest.mark.parametrize("in_memory", [True, False])
def test_links_are_deleted_without_their_targets(stored, service, in_memory):
    group = stored.f_get("results")
    group.f_add_link("one", stored.f_get("x"))
    stored.f_add_link("two", stored.f_get("x"))
    stored.f_store()
    stored.f_delete_links([(group, "one"), "two"], remove_from_trajectory=in_memory)
    assert ("one" in group) is not in_memory
    assert ("two" in stored) is not in_memory
    other = load_trajectory("kept", storage_service=service)
    assert "results.one" not in other
    assert "two" not in other
    assert "x" in other


@pytest.mark.parametrize("method", ["f_remove_item", "f_delete_item"])
def test_old_keyword_remove_empty_groups_is_ignored_with_a_warning(stored, method):
    with pytest.warns(DeprecationWarning, match="remove_empty_groups"):
        getattr(stored, method)("total", remove_empty_groups=True)


def test_a_leaf_without_a_trajectory_is_not_loaded_into(stored, service):
    with pytest.raises(ValueError, match="part of no trajectory"):
        service.load("LEAF", Result("results.x"), trajectory_name=stored.v_name)


def test_a_misspelled_keyword_is_answered_with_the_nearest_one(stored, service):
    with pytest.raises(ValueError, match=r"`load_result`.*Did you mean 'load_results'"):
        load_trajectory("kept", storage_service="hdf5", load_result=2)


def test_the_file_is_found_in_a_folder_by_the_name_of_the_trajectory(tmp_path):
    pytest.importorskip("h5py")
    folder = tmp_path / "data"
    traj = Trajectory("mine", storage_service="hdf5", filename=f"{folder}/")
    traj.f_add_parameter("x", 4)
    traj.f_store()
    loaded = load_trajectory("mine", filename=f"{folder}/")
    assert (loaded.v_name, loaded.x) == ("mine", 4)
    assert loaded.v_storage_service.filename == str(folder / "mine.hdf5")


@pytest.mark.parametrize("as_new", [False, True])
def test_the_file_in_a_folder_is_that_of_the_trajectory_to_load(tmp_path, as_new):
    pytest.importorskip("h5py")
    stored = Trajectory("stored", storage_service="hdf5", filename=f"{tmp_path}/")
    stored.f_add_parameter("x", 3)
    stored.f_store()
    loading = {"as_new": as_new, "storage_service": "hdf5", "filename": tmp_path}
    other = Trajectory("other")
    other.f_load("stored", **loading)
    for loaded in (other, load_trajectory("stored", new_name="other", add_time=False, **loading)):
        assert loaded.x == 3
        assert loaded.v_name == ("other" if as_new else "stored")
        assert loaded.v_storage_service.filename == str(tmp_path / "stored.hdf5")


def test_an_index_in_a_folder_without_the_file_is_answered_with_the_files_there(tmp_path):
    pytest.importorskip("h5py")
    Trajectory("stored", storage_service="hdf5", filename=f"{tmp_path}/").f_store()
    with pytest.raises(ValueError, match=r"no file .* In that folder are: stored\.hdf5\."):
        load_trajectory(index=0, filename=tmp_path)
    traj = Trajectory("kept")
    with pytest.raises(ValueError):
        traj.f_load("absent", storage_service="hdf5", filename=tmp_path)
    assert traj.v_name == "kept"
