"""Loading what can be loaded, and listing the rest."""

from __future__ import annotations

import copy
import logging
import pickle

import pytest

from pypet.errors import DataNotInStorageError
from pypet.leaves import Result
from pypet.trajectory import Trajectory, load_trajectory
from pypet.tree import ResultGroup


class Foreign(Result):
    """A class that is not importable where the trajectory is loaded."""


class ForeignGroup(ResultGroup):
    """The same, of groups."""


@pytest.fixture
def traj(stored):
    """The stored trajectory with two nodes of foreign classes."""
    stored.f_add_result(Foreign, "models.spikes", 1)
    stored.f_add_result("models.rates", 2)
    stored.results.f_add_group(ForeignGroup, "devices")
    stored.f_add_result("devices.first", 3)
    stored.f_add_link("shortcut", stored.f_get("spikes"))
    stored.f_store()
    return stored


def test_by_default_the_first_failure_is_an_error_that_names_the_way_on(traj, service):
    with pytest.raises(ImportError, match="ForeignGroup") as caught:
        load_trajectory("kept", storage_service=service)
    assert "on_error='skip'" in caught.value.__notes__[-1]


def test_what_fails_is_left_out_and_listed_once(traj, service, caplog):
    with caplog.at_level(logging.WARNING):
        loaded = load_trajectory("kept", storage_service=service, load_data=2, on_error="skip")
    assert (loaded.still, loaded.total, loaded.rates, loaded.devices.first) == ("s", 5, 2, 3)
    assert "results.models.spikes" not in loaded
    assert "shortcut" not in loaded
    errors = loaded.v_load_errors
    assert list(errors) == ["results.devices", "results.models.spikes", "shortcut"]
    assert errors["results.models.spikes"].startswith("ImportError: There is no class 'Foreign'")
    assert "'results.models.spikes', which could not be loaded" in errors["shortcut"]
    (warning,) = caplog.records
    assert all(f"{name}: {reason}" in warning.getMessage() for name, reason in errors.items())


def test_a_group_of_an_unknown_class_becomes_an_ordinary_one(traj, service):
    loaded = load_trajectory("kept", storage_service=service, on_error="skip")
    assert type(loaded.results.devices) is ResultGroup
    assert "'ForeignGroup'" in loaded.v_load_errors["results.devices"]


def test_nothing_is_listed_if_all_is_well(stored, service, caplog):
    loaded = load_trajectory("kept", storage_service=service, on_error="skip")
    assert loaded.v_load_errors == {}
    assert caplog.records == []


def test_parts_are_loaded_like_that_as_well(traj, service):
    loaded = load_trajectory("kept", storage_service=service, load_data=0)
    loaded.f_load_child("results", on_error="skip")
    assert loaded.v_load_errors == {}
    loaded.results.f_load(on_error="skip")
    assert loaded.rates == 2
    assert list(loaded.v_load_errors) == ["results.devices", "results.models.spikes"]
    with pytest.raises(DataNotInStorageError, match=r"spikes.*There is no class 'Foreign'"):
        loaded.results.models.f_load_child("spikes", on_error="skip")
    with pytest.raises(DataNotInStorageError, match="absent"):
        loaded.results.f_load_child("absent", on_error="skip")


def test_what_is_loaded_later_is_not_listed_any_more(traj, service):
    loaded = load_trajectory("kept", storage_service=service, on_error="skip")
    loaded.f_add_to_dynamic_imports([Foreign])
    assert loaded.f_load_child("results.models.spikes").f_get() == 1
    assert list(loaded.v_load_errors) == ["results.devices", "shortcut"]
    loaded.f_add_to_dynamic_imports([ForeignGroup])
    loaded.f_load(on_error="skip")
    assert loaded.v_load_errors == {}
    assert loaded.f_get("shortcut") is loaded.f_get("spikes")


def test_a_leaf_that_fails_half_way_has_no_data(stored, service, monkeypatch):
    loaded = load_trajectory("kept", storage_service=service)

    def fail(self, load_dict):
        self.f_set(half=1)
        raise ZeroDivisionError("no way")

    monkeypatch.setattr(Result, "_load", fail)
    monkeypatch.setattr(Result, "_decode", None, raising=False)
    loaded.f_load_items(["total", "still"], on_error="skip")
    assert loaded.f_get("total").f_is_empty()
    assert "results.sums.total" in loaded.v_load_errors


def test_the_list_is_copied_and_pickled_with_the_trajectory(traj):
    loaded = load_trajectory("kept", storage_service=traj.v_storage_service, on_error="skip")
    loaded.v_storage_service = None
    for twin in (copy.copy(loaded), pickle.loads(pickle.dumps(loaded))):
        assert twin.v_load_errors == loaded.v_load_errors
    loaded.v_load_errors.clear()
    assert len(loaded.v_load_errors) == 3


@pytest.mark.parametrize("wrong", ["ignore", None, True])
def test_other_ways_on_are_refused_before_anything_changes(stored, service, wrong):
    other = Trajectory("other")
    for load in (
        lambda: other.f_load("kept", storage_service=service, on_error=wrong),
        lambda: stored.results.f_load(on_error=wrong),
        lambda: stored.f_load_child("results", on_error=wrong),
        lambda: stored.f_load_item("total", on_error=wrong),
    ):
        with pytest.raises(ValueError, match=r"on_error=.*'raise'.*'skip'"):
            load()
    assert other.v_storage_service is None


def test_services_that_do_not_know_the_option_are_not_asked_for_it(traj):
    class Own:
        def __init__(self):
            self.calls = []

        def store(self, *args, **kwargs):
            pass

        def load(self, *args, **kwargs):
            self.calls.append(kwargs)

    own = Own()
    traj.v_storage_service = own
    traj.f_load()
    traj.results.f_load()
    traj.f_load_item("total")
    assert len(own.calls) == 3
    assert not any("on_error" in kwargs for kwargs in own.calls)
