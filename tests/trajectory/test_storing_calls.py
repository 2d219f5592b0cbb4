"""What storing calls send, and what they do to stored trajectories."""

from __future__ import annotations

import pytest

from pypet import pypetconstants as constants
from pypet.errors import NoSuchServiceError
from pypet.interfaces import StorageService
from pypet.leaves import Result
from pypet.trajectory import Trajectory


class Recorder(StorageService):
    """Notes the messages that it gets."""

    def __init__(self):
        self.messages = []

    def store(self, msg, stuff_to_store, *args, **kwargs):
        self.messages.append((msg, stuff_to_store, args, kwargs))

    load = store


@pytest.fixture
def recorder(explored):
    explored.v_storage_service = Recorder()
    return explored.v_storage_service


@pytest.fixture
def recorded(explored, recorder):
    """A trajectory whose meta data was stored."""
    explored.f_add_result("z", 5)
    explored.f_store(only_init=True)
    recorder.messages.clear()
    return explored


def test_storing_the_trajectory_sends_one_message(explored, recorder):
    explored.f_store(store_data=3, max_depth=2)
    assert recorder.messages == [
        (
            constants.TRAJECTORY,
            explored,
            (),
            {"trajectory_name": "test", "only_init": False, "store_data": 3, "max_depth": 2},
        )
    ]
    assert explored.v_stored


@pytest.mark.parametrize("recursive", [True, False])
def test_recursive_means_the_opposite_of_only_init(explored, recorder, recursive):
    explored.f_store(recursive=recursive)
    assert recorder.messages[0][3]["only_init"] is not recursive
    with pytest.raises(ValueError, match="not both"):
        explored.f_store(recursive=True, only_init=True)


@pytest.mark.parametrize("keyword", ["new_name", "new_filename"])
def test_old_keywords_of_storing_are_ignored_with_a_warning(explored, recorder, keyword):
    with pytest.warns(DeprecationWarning, match=keyword):
        explored.f_store(**{keyword: "x"})
    assert keyword not in recorder.messages[0][3]


def test_run_sends_only_what_it_added(recorded, recorder):
    recorded.f_start_run(0)
    recorded.f_store()
    assert recorder.messages == []
    recorded.f_add_result("new", 1)
    recorded.f_store(max_depth=3)
    ((msg, stuff, _, kwargs),) = recorder.messages
    assert (msg, stuff) == (constants.SINGLE_RUN, recorded)
    assert kwargs == {
        "trajectory_name": "test",
        "recursive": True,
        "store_data": 2,
        "max_depth": 3,
    }


def test_link_alone_is_reason_to_store_a_run(recorded, recorder):
    recorded.f_start_run(0)
    recorded.f_add_link("link", recorded.f_get("z"))
    recorded.f_store()
    assert recorder.messages[0][0] == constants.SINGLE_RUN


def test_items_are_given_by_name_by_themselves_or_with_arguments(recorded, recorder):
    leaf, group = recorded.f_get("z"), recorded.f_get("group")
    tuple_item = (constants.LEAF, "group.x", (), {"complevel": 4})
    recorded.f_store_items(["z", group, tuple_item], store_data=3)
    ((msg, entries, _, kwargs),) = recorder.messages
    assert msg == constants.LIST
    assert kwargs == {"trajectory_name": "test"}
    assert entries == [
        (constants.LEAF, leaf, (), {"store_data": 3}),
        (constants.GROUP, group, (), {"store_data": 3}),
        (constants.LEAF, recorded.f_get("x"), (), {"complevel": 4}),
    ]


def test_single_item_is_a_list_of_one(recorded, recorder):
    recorded.f_store_item("z", overwrite=True)
    assert recorder.messages[0][1] == [
        (constants.LEAF, recorded.f_get("z"), (), {"overwrite": True})
    ]


def test_empty_leaves_can_be_left_out(recorded, recorder):
    recorded.f_add_result("empty")
    recorded.f_store_items(["empty", "z"], non_empties=True)
    assert [entry[1].v_name for entry in recorder.messages[0][1]] == ["z"]
    with pytest.raises(ValueError, match="nothing to store"):
        recorded.f_store_items(["empty"], non_empties=True)


@pytest.mark.parametrize(
    ("item", "error", "text"),
    [
        ("nowhere", AttributeError, "nowhere"),
        (Result("foreign", 1), ValueError, "not part of"),
        ((constants.LEAF, "z", (), {}, 5), ValueError, "tuple of 5"),
        ((constants.LEAF,), ValueError, "tuple of 1"),
        ((constants.GROUP, "z"), ValueError, "'LEAF'"),
    ],
)
def test_wrong_items_are_refused_before_anything_is_stored(recorded, recorder, item, error, text):
    with pytest.raises(error, match=text):
        recorded.f_store_items(["z", item])
    assert recorder.messages == []


def test_trajectory_is_no_item(recorded):
    with pytest.raises(ValueError, match="f_store"):
        recorded.f_store_item(recorded)


def test_items_need_a_stored_trajectory(explored, recorder):
    with pytest.raises(TypeError, match="only_init"):
        explored.f_store_item("x")
    with pytest.raises(TypeError, match="never stored"):
        explored.f_load_item("x")
    with pytest.raises(ValueError, match="never stored"):
        explored.f_delete_item("x")
    with pytest.raises(ValueError, match="never stored"):
        explored.f_delete_link("x")


def test_nothing_to_store_is_an_error(recorded):
    with pytest.raises(ValueError, match="nothing to store"):
        recorded.f_store_items([])


def test_nothing_to_load_or_delete_is_a_warning(recorded, recorder, caplog):
    recorded.f_load_items([])
    recorded.f_delete_items([])
    recorded.f_delete_links([])
    recorded.f_remove_items([])
    assert recorder.messages == []
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 4


@pytest.mark.parametrize(
    "call",
    [
        lambda traj: traj.f_store(),
        lambda traj: traj.f_load(),
        lambda traj: traj.f_load_skeleton(),
        lambda traj: traj.f_store_item("z"),
        lambda traj: traj.f_load_item("z"),
        lambda traj: traj.f_delete_item("z"),
        lambda traj: traj.f_delete_link("z"),
    ],
)
def test_without_service_the_error_says_how_to_get_one(recorded, call):
    recorded.v_storage_service = None
    with pytest.raises(NoSuchServiceError, match="filename"):
        call(recorded)


def test_full_leaves_can_be_left_out_when_loading(recorded, recorder):
    recorded.f_add_result("empty")
    recorded.f_load_items(["empty", "z"], only_empties=True, load_data=3)
    assert recorder.messages[0][1] == [
        (constants.LEAF, recorded.f_get("empty"), (), {"load_data": 3})
    ]


# ----- with a storage --------------------------------------------------------------------------


def test_stored_trajectory_comes_back_as_it_was(stored, service):
    stored.f_start_run(1)
    stored.f_add_result("z", 7)
    stored.f_store()
    stored.f_finalize_run()
    stored.f_restore_default()
    other = Trajectory("other", storage_service=service)
    other.f_load("kept", load_data=2)
    assert other.f_to_dict(fast_access=True) == {
        **stored.f_to_dict(fast_access=True),
        "results.runs.run_00000001.z": 7,
    }
    assert other.f_get("results.runs.run_00000001.z").v_run_branch == "run_00000001"
    assert other.f_get_run_information() == stored.f_get_run_information()


def test_name_that_is_stored_already_is_refused_for_a_new_trajectory(stored, service):
    with pytest.raises(RuntimeError, match="kept"):
        Trajectory("kept", storage_service=service).f_store()


def test_only_changed_runs_are_stored_again(stored, service):
    seen = []
    apply = service.apply
    service.apply = lambda request: (seen.append(request), apply(request))
    stored.f_start_run(1)
    stored.f_finalize_run()
    assert seen[0].operations[0].runs.idx.tolist() == [1]
