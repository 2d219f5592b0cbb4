"""Storing, loading, removing and deleting, asked of the trajectory."""

from __future__ import annotations

import gc
import logging
import sys
import weakref

import pytest

from pypet import (
    DataNotInStorageError,
    ParameterLockedException,
    Trajectory,
    VersionMismatchError,
    load_trajectory,
)
from pypet.errors import NoSuchServiceError


@pytest.fixture
def stored(make):
    traj = make("stored", comment="said")
    traj.f_add_parameter("g.x", 1, comment="number")
    traj.f_add_parameter("s", "text")
    traj.f_add_config("c", 1)
    traj.f_add_derived_parameter("d", 1)
    traj.f_add_result("r.a.z", 1, comment="res").v_annotations.f_set(note="n")
    traj.f_add_result("r.many", one=1, two=2)
    traj.f_add_leaf("other.o", 1)
    traj.f_add_link("r_link", traj.f_get("z"))
    traj.f_explore({"x": [5, 6]})
    traj.f_store()
    return traj


def again(traj, **kwargs):
    return load_trajectory(
        traj.v_name, storage_service=traj.v_storage_service, **{"load_data": 2, **kwargs}
    )


def test_everything_comes_back(stored, names_of):
    loaded = again(stored)
    assert names_of(loaded) == names_of(stored)
    for attribute in ("name", "comment", "timestamp", "time", "version", "python", "stored"):
        assert getattr(loaded.vars, attribute) == getattr(stored.vars, attribute)
    assert loaded.f_get("x").f_get_range() == [5, 6]
    assert loaded.f_get("x").v_comment == "number"
    assert loaded.f_get("x").v_locked
    assert loaded.f_get("z").v_annotations.note == "n"
    assert loaded.f_get("r_link") is loaded.f_get("z")
    assert loaded.f_get("many").f_to_dict() == {"one": 1, "two": 2}


def test_levels_of_loading(stored):
    loaded = again(stored, load_data=None)
    assert loaded.s == "text"
    assert loaded.f_get("config.c").f_get() == 1
    for name in ("d", "z", "many", "other.o"):
        assert loaded.f_get(name).f_is_empty()
    assert loaded.f_get("z").v_comment == "res"
    assert loaded.f_get("z").v_annotations.note == "n"
    nothing = again(stored, load_data=0)
    assert nothing.f_children() == 0
    assert nothing.f_get_explored_parameters() == {"parameters.g.x": None}
    with pytest.raises(ValueError):
        again(stored, load_data=4)
    loaded.f_get("s").f_unlock()
    loaded.s = "changed"
    loaded.f_get("s").f_unlock()
    loaded.f_load(load_data=2)
    assert loaded.s == "changed"
    loaded.f_load(load_data=3)  # reading has locked it
    assert loaded.s == "changed"
    loaded.f_get("s").f_unlock()
    loaded.f_load(load_data=3)
    assert loaded.s == "text"
    assert not again(stored, max_depth=2).f_contains("results.r.many")
    assert not again(stored, recursive=False).f_contains("parameters.s")


def test_name_or_index(stored, make):
    second = make("zz_second")
    second.f_store()
    service = stored.v_storage_service
    assert load_trajectory(index=-1, storage_service=service).v_name == "zz_second"
    assert load_trajectory(index=0, storage_service=service).v_name == "stored"
    for arguments in ({}, {"name": "stored", "index": 0}, {"index": 5}, {"name": "nothing"}):
        with pytest.raises(ValueError):
            load_trajectory(storage_service=service, **arguments)
    with pytest.raises(ValueError):
        stored.f_load("stored", 0)


def test_loading_as_new(stored):
    new = again(stored, as_new=True, load_data=None, new_name="fresh", add_time=False)
    assert new.v_name == "fresh"
    assert not new.v_stored
    assert not new.f_get("x").v_stored
    assert not new.f_get("x").v_locked
    assert new.f_get("x").f_get_range() == [5, 6]
    assert len(new) == 2
    assert not new.f_contains("config.c")
    assert not new.f_get_results()


def test_versions_are_checked(make):
    traj = make("old")
    traj.f_add_parameter("x", 1)
    traj._version = "0.1a.1"
    traj.f_store()
    with pytest.raises(VersionMismatchError):
        again(traj)
    assert again(traj, force=True).x == 1


def test_storing_needs_a_free_name(stored, make):
    other = make("stored")
    with pytest.raises(RuntimeError):
        other.f_store()
    with pytest.raises(ValueError):
        stored.f_store(only_init=True, recursive=True)


def test_levels_of_storing(stored):
    stored.f_get("z").f_set(z=2)
    stored.f_get("many").f_set(three=3)
    stored.f_store(store_data=1)
    assert "three" not in again(stored).f_get("many").f_to_dict()
    stored.f_store(store_data=2)
    loaded = again(stored)
    assert loaded.z == 1
    assert loaded.f_get("many").f_to_dict() == {"one": 1, "two": 2, "three": 3}
    stored.f_get("z").v_comment = "new comment"
    stored.f_store(store_data=3)
    assert again(stored).z == 2
    assert again(stored).f_get("z").v_comment == "new comment"
    stored.f_add_result("never", 1)
    stored.f_store(store_data=0)
    assert not again(stored).f_contains("results.never")


def test_depths_of_storing(make):
    traj = make("deep")
    traj.f_add_leaf("a.b.c.leaf", 1)
    traj.f_store(max_depth=2)
    loaded = again(traj)
    assert loaded.f_contains("a.b")
    assert not loaded.f_contains("a.b.c")
    traj.a.b.f_store(max_depth=1)
    assert again(traj).f_contains("a.b.c")
    assert not again(traj).f_contains("a.b.c.leaf")
    traj.a.f_store_child("b.c", recursive=True)
    assert again(traj).f_get("leaf").f_get() == 1
    with pytest.raises(ValueError):
        traj.f_store_child("leaf")


def test_items(stored):
    never = Trajectory("never", storage_service=stored.v_storage_service)
    never.f_add_result("r", 1)
    with pytest.raises(TypeError):
        never.f_store_item("r")
    with pytest.raises(TypeError):
        never.f_load_item("r")
    with pytest.raises(ValueError):
        never.f_delete_item("r")
    fresh = stored.f_add_result("fresh", 1)
    for item in ("fresh", fresh, ("LEAF", fresh), ("LEAF", fresh, (), {})):
        stored.f_store_item(item)
    for wrong in (("LEAF", fresh, (), {}, 5), ("LEAF",)):
        with pytest.raises(ValueError):
            stored.f_store_item(wrong)
    with pytest.raises(ValueError):
        stored.f_store_items([])
    assert again(stored).fresh == 1
    empty = stored.f_add_result("empty")
    with pytest.raises(ValueError):
        stored.f_store_items([empty], non_empties=True)


def test_loading_parts(stored):
    many = stored.f_get("many")
    many.f_empty()
    stored.f_load_item(many, load_only="one")
    assert many.f_to_dict() == {"one": 1}
    many.f_empty()
    stored.f_load_items([("LEAF", many, (), {"load_except": ["one"]})])
    assert many.f_to_dict() == {"two": 2}
    with pytest.raises(ValueError):
        stored.f_load_item(many, load_only="one", load_except="two")
    with pytest.raises(ParameterLockedException):
        stored.f_load_item("s", load_only="data")


def test_nothing_to_load_warns(stored, caplog):
    with caplog.at_level(logging.WARNING):
        stored.f_load_items([])
    assert caplog.records


def test_groups_load_themselves(stored):
    stored.f_remove_child("results", recursive=True)
    stored.f_load_child("results")
    assert stored.results.f_children() == 0
    assert stored.results.f_load(max_depth=1) is stored.results
    assert stored.f_contains("results.r")
    assert not stored.f_contains("results.r.a")
    assert stored.f_load_child("results.r.a.z").f_get() == 1
    with pytest.raises(DataNotInStorageError):
        stored.f_load_child("results.nothing")
    stored.f_remove()
    stored.f_load_skeleton()
    assert stored.f_get("z").f_is_empty()


def test_removing(stored):
    r = stored.f_get("results.r")
    for name in ("r.a", "nothing", "z"):
        with pytest.raises(ValueError):
            stored.results.f_remove_child(name)
    with pytest.raises(TypeError):
        stored.results.f_remove_child("r")
    with pytest.raises(TypeError):
        stored.f_remove_item(r)
    with pytest.raises(AttributeError):
        stored.f_remove_item("nothing")
    with pytest.raises(ValueError):
        stored.f_remove(recursive=False)
    r.f_remove(predicate=lambda node: node.v_name != "many")
    assert stored.f_contains("results.r.many")
    assert not stored.f_contains("results.r.a")
    assert "r_link" not in stored.f_get_children()
    r.f_remove()
    assert not stored.f_contains("results.r")
    stored.f_remove()
    assert stored.f_children() == 0


def test_removed_nodes_are_forgotten(stored):
    nodes = [stored.f_get(name) for name in ("x", "z", "many", "results.r.a")]
    refs = [weakref.ref(node) for node in nodes]
    counts = [sys.getrefcount(node) for node in nodes]
    stored.f_remove()
    assert all(sys.getrefcount(node) < count for node, count in zip(nodes, counts, strict=True))
    del nodes
    gc.collect()
    assert [ref() for ref in refs] == [None] * 4


def test_deleting(stored):
    with pytest.raises(TypeError):
        stored.f_delete_item("results.r")
    stored.f_delete_item("results.r.a", recursive=True)
    assert not stored.f_get("z").v_stored
    assert not stored.f_get("results.r.a").v_stored
    assert stored.f_contains("results.r.a.z")
    assert not again(stored).f_contains("results.r.a")
    with pytest.raises(DataNotInStorageError):
        stored.f_delete_item("results.r.a.z")
    stored.f_delete_item("many", delete_only=["one"], remove_from_item=True)
    assert stored.f_get("many").f_to_dict() == {"two": 2}
    assert again(stored).f_get("many").f_to_dict() == {"two": 2}
    with pytest.raises(ValueError):
        stored.f_delete_item("results.r", delete_only="one")
    stored.f_delete_item("x", remove_from_trajectory=True)
    assert not stored.f_contains("parameters.g.x")
    assert not again(stored).f_contains("parameters.g.x")


def test_migrating(stored, make):
    other = make("unused", file="elsewhere").v_storage_service
    with pytest.raises(ValueError):
        stored.f_migrate(nonsense=1)
    stored.f_migrate(new_name="moved", new_storage_service=other)
    assert (stored.v_name, stored.v_stored) == ("moved", False)
    stored.f_store()
    assert again(stored).z == 1


def test_backups(stored):
    stored.f_backup()
    with pytest.raises(ValueError):
        stored.f_backup()


def test_no_service(traj):
    traj.f_add_result("r", 1)
    for call in (traj.f_store, traj.f_load, traj.f_backup, traj.results.f_store):
        with pytest.raises(NoSuchServiceError, match="storage"):
            call()
