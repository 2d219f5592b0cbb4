"""Arguments that are confused with others: the error says what the method takes instead."""

from __future__ import annotations

import pytest

from pypet import (
    HDF5StorageService,
    NoSuchServiceError,
    Parameter,
    Result,
    StorageContextManager,
    Trajectory,
    cartesian_product,
    compact_hdf5_file,
    find_unique_points,
    load_trajectory,
    manual_run,
    rename_log_file,
)


@pytest.fixture
def traj():
    """A stored trajectory with x = 1, 2, 3, y = 2.0 and a result."""
    traj = Trajectory("own", storage_service="memory")
    traj.f_add_parameter("x", 0)
    traj.f_add_parameter("group.y", 2.0)
    traj.f_add_result("r", 5)
    traj.f_explore({"x": [1, 2, 3]})
    traj.f_store()
    return traj


@pytest.mark.parametrize("given", [[{"x": [1]}], [("x", [1])], None, 5, "x"])
def test_an_exploration_is_a_dictionary(traj, given):
    for method in (traj.f_explore, traj.f_expand):
        with pytest.raises(TypeError, match=r"take a dictionary like \{'x': \[1, 2\]\}, not"):
            method(given)
    with pytest.raises(TypeError, match="`cartesian_product` takes a dictionary"):
        cartesian_product(given)
    assert len(traj) == 3


def test_the_keys_of_an_exploration_are_names(traj):
    with pytest.raises(TypeError, match="take names of parameters, not 5"):
        traj.f_expand({5: [1]})


@pytest.mark.parametrize("combined", [5, (5,), [None]])
def test_combined_parameters_are_names(combined):
    with pytest.raises(TypeError, match="`combined_parameters` has names"):
        cartesian_product({"x": [1]}, combined)


@pytest.mark.parametrize("given", [5, [5], "x", {"x": 5}, None])
def test_unique_points_are_those_of_parameters(given):
    with pytest.raises(TypeError):
        find_unique_points(given)


@pytest.mark.parametrize(
    ("names", "predicate", "words"),
    [
        ("x", 5, "needs a function of one value per name.*, not 5"),
        ("x", None, "needs a function"),
        ("x", lambda: True, "The names are 'x', but .* too many positional"),
        (["x", "group.y"], lambda x: x > 1, "The names are 'x', 'group.y', but"),
        (5, lambda x: True, "takes names of parameters, not 5"),
        (None, None, "takes names of parameters"),
    ],
)
def test_runs_are_found_by_names_and_a_function(traj, names, predicate, words):
    with pytest.raises(TypeError, match=words):
        list(traj.f_find_idx(names, predicate))


def test_functions_without_a_signature_find_runs_too(traj):
    assert list(traj.f_find_idx("x", bool)) == [0, 1, 2]
    assert list(traj.f_find_idx(["x", "group.y"], max)) == [0, 1, 2]


@pytest.mark.parametrize(
    ("method", "single"),
    [
        ("f_store_items", "f_store_item"),
        ("f_load_items", "f_load_item"),
        ("f_delete_items", "f_delete_item"),
        ("f_remove_items", "f_remove_item"),
        ("f_delete_links", "f_delete_link"),
        ("f_merge_many", "f_merge"),
    ],
)
@pytest.mark.parametrize("given", ["r", b"r", 5, None])
def test_several_items_are_no_text(traj, method, single, given):
    with pytest.raises(TypeError, match=f"`{method}` takes a list .*; use `{single}`"):
        getattr(traj, method)(given)
    assert traj.f_contains("results.r")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda traj: traj.f_remove("x"), "f_remove_child"),
        (lambda traj: traj.parameters.f_remove("x"), "f_remove_child"),
        (lambda traj: traj.f_remove_child("parameters", "x"), "one child after the other"),
        (lambda traj: traj.f_remove_item("group", "x"), "several items as a list"),
        (lambda traj: traj.f_shrink("x"), "All runs are taken back"),
        (lambda traj: traj.f_store("r"), "f_store_item"),
    ],
)
def test_a_name_is_no_switch_that_destroys_more(traj, call, words):
    with pytest.raises(TypeError, match=f"give True or False, not text.*{words}"):
        call(traj)
    assert len(traj) == 3
    assert traj.f_contains("parameters.group.y")


@pytest.mark.parametrize("link", [5, None, "", ("group", "y"), ("a", "b", "c")])
def test_a_link_is_a_name_or_a_group_and_a_name(traj, link):
    with pytest.raises(TypeError, match="A link is given by"):
        traj.f_delete_link(link)


@pytest.mark.parametrize("name", [5, [], {}, b"x", 1.5, object()])
def test_names_of_nodes_are_text(traj, name):
    for method in (traj.f_load_child, traj.f_store_child, traj.f_preset_parameter):
        with pytest.raises(TypeError, match="A name is text"):
            method(name)
    for method in (traj.f_remove_child, traj.f_remove_link):
        with pytest.raises(ValueError, match="no "):
            method(name)
    with pytest.raises(KeyError, match="no wildcard"):
        traj.f_wildcard(name)


@pytest.mark.parametrize("item", ["", []])
def test_the_trajectory_itself_is_no_item_to_remove(traj, item):
    with pytest.raises(ValueError, match="itself cannot be removed"):
        traj.f_remove_item(item)


@pytest.mark.parametrize("bounds", [{"start": "x"}, {"stop": "x"}, {"step": 1.5}, {"start": None}])
def test_runs_are_counted_by_indices(traj, bounds):
    with pytest.raises(TypeError, match=f"indices of runs, not {next(iter(bounds))}="):
        list(traj.f_iter_runs(**bounds))
    with pytest.raises(ValueError, match="step=0"):
        list(traj.f_iter_runs(step=0))
    with pytest.raises(ValueError, match="yields"):
        list(traj.f_iter_runs(yields=5))


@pytest.mark.parametrize("functions", [5, "x", [("$a", len)]])
def test_wildcards_are_a_dictionary(traj, functions):
    with pytest.raises(TypeError, match="Wildcards are a dictionary"):
        traj.f_add_wildcard_functions(functions)
    with pytest.raises(TypeError, match="Wildcards are a dictionary"):
        Trajectory("own", wildcard_functions=functions)


# ----- storing and loading -------------------------------------------------------------------


@pytest.mark.parametrize("level", ["x", 7, -1, None, 2.5])
def test_levels_of_storing_and_loading_are_checked(traj, level):
    for store in (traj.f_store, traj.results.f_store, lambda **kw: traj.f_store_item("r", **kw)):
        with pytest.raises(ValueError, match=r"store_data=.*a level is one of 0"):
            store(store_data=level)
    for load in (traj.results.f_load, lambda **kw: traj.f_load_item("r", **kw)):
        with pytest.raises(ValueError, match="load level is one of 0"):
            load(load_data=level)
    if level is not None:  # which stands for the four other levels
        with pytest.raises(ValueError, match="load level is one of 0"):
            traj.f_load(load_data=level)


@pytest.mark.parametrize("depth", ["x", 1.5, [1]])
def test_depths_are_numbers(traj, depth):
    for method in (traj.f_store, traj.f_load, traj.results.f_store, traj.results.f_load):
        with pytest.raises(TypeError, match=r"max_depth=.*number of levels"):
            method(max_depth=depth)
    with pytest.raises(TypeError, match=r"v_max_depth=.*number of steps"):
        traj.v_max_depth = depth


@pytest.mark.parametrize("which", ["load_only", "load_except"])
def test_parts_to_load_are_names(traj, which):
    with pytest.raises(TypeError, match="take names of items, not 5"):
        traj.f_load_item("r", load_data=3, **{which: 5})


@pytest.mark.parametrize("name", [5, b"x", ["own"]])
def test_the_name_of_a_trajectory_is_text_not_damage(tmp_path, name):
    filename = str(tmp_path / "own.hdf5")
    stored = Trajectory("own", filename=filename)
    stored.f_store()
    for load in (load_trajectory, stored.f_load):
        with pytest.raises(TypeError, match="The name of a trajectory is text"):
            load(name, filename=filename)
        with pytest.raises(TypeError, match="index of a trajectory is a number"):
            load(index="own", filename=filename)
        with pytest.raises(ValueError, match="name of the trajectory to load is empty"):
            load("", filename=filename)


def test_a_file_that_is_not_there_is_told_in_one_message(tmp_path):
    for load in (
        lambda: load_trajectory(str(tmp_path / "own.hdf5")),
        lambda: load_trajectory(filename=tmp_path / "own.hdf5"),
        lambda: load_trajectory("own", filename=tmp_path / "own.hdf5"),
    ):
        with pytest.raises(ValueError, match=r"There is no file .*own\.hdf5") as caught:
            load()
        assert caught.value.__suppress_context__


def test_nothing_given_is_answered_with_what_to_give():
    with pytest.raises(ValueError, match=r"`name=` or `index=`.*`filename=`"):
        load_trajectory()


@pytest.mark.parametrize("filename", ["", "a\0b", 5, b"x"])
def test_a_filename_is_a_path(filename):
    stored = Trajectory("own", storage_service="memory")
    stored.f_store()
    for call in (
        lambda: Trajectory("own", filename=filename),
        lambda: load_trajectory("own", filename=filename),
        lambda: Trajectory("own").f_load(filename=filename),
        lambda: stored.f_backup(backup_filename=filename),
    ):
        with pytest.raises((TypeError, ValueError), match="filename"):
            call()


# ----- properties ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["parameter", "result", "leaf"])
@pytest.mark.parametrize("value", ["Parameter", 5, None, Parameter("x")])
def test_standard_classes_are_classes(traj, name, value):
    with pytest.raises(TypeError, match=f"v_standard_{name}=.*give the class itself"):
        setattr(traj, f"v_standard_{name}", value)


@pytest.mark.parametrize("value", ["hdf5", "example.hdf5", HDF5StorageService])
def test_a_storage_service_is_made_before_it_is_set(traj, value):
    with pytest.raises(TypeError, match="give a storage service that was made"):
        traj.v_storage_service = value


@pytest.mark.parametrize(
    "name",
    [
        "auto_load",
        "auto_run_prepend",
        "fast_access",
        "full_copy",
        "iter_recursive",
        "no_clobber",
        "shortcuts",
        "with_links",
    ],
)
def test_text_is_no_switch(traj, name):
    with pytest.raises(TypeError, match=f"v_{name}='False': give True or False"):
        setattr(traj, f"v_{name}", "False")
    setattr(traj, f"v_{name}", 0)
    assert getattr(traj, f"v_{name}") is False


# ----- functions beside trajectories ---------------------------------------------------------


def test_a_decorator_without_parentheses_decorates_nothing_silently(traj):
    with pytest.raises(TypeError, match="write `@manual_run\\(\\)`"):

        @manual_run
        def run(traj):
            return traj.x


def test_a_manual_run_takes_a_trajectory():
    @manual_run()
    def run(traj):
        return traj.x

    with pytest.raises(TypeError, match="`run` is a run, so it takes a trajectory first, not 5"):
        run(5)


def test_a_store_to_open_is_that_of_a_trajectory_with_a_service():
    with pytest.raises(NoSuchServiceError, match="has no storage service"):
        StorageContextManager(Trajectory("own")).open_store()
    with pytest.raises(TypeError, match="that of a trajectory, not 5"):
        StorageContextManager(5).open_store()


def test_names_of_leaves_and_log_files_are_text(traj):
    for cls in (Parameter, Result):
        with pytest.raises(TypeError, match="name of a node is text, not 5"):
            cls(5)
    with pytest.raises(TypeError, match="name of a log file is text"):
        rename_log_file(5)
    with pytest.raises(TypeError, match="those of a trajectory, not 5"):
        rename_log_file("$traj.txt", 5)


@pytest.mark.parametrize(("filename", "kind"), [(5, TypeError), ("", ValueError)])
def test_the_file_to_compact_is_a_path(filename, kind):
    with pytest.raises(kind, match="filename"):
        compact_hdf5_file(filename)
