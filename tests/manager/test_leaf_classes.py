"""Classes of parameters and results that plugins register are found when nodes are loaded."""

from __future__ import annotations

import sys

import pytest

from pypet import Trajectory, load_trajectory
from pypet.leaves.class_lookup import create_class

PLUGIN = """
    from pypet.markers import hookimpl

    @hookimpl
    def pypet_register_leaf_classes():
        return {paths!r}
"""
CLASSES = """
    from pypet import Result

    class SpikeResult(Result):
        pass
"""


def test_class_is_imported_when_it_is_needed(install):
    install("spikes", "spikes", spikes=PLUGIN.format(paths=["spike_classes.SpikeResult"]))
    install("classes", spike_classes=CLASSES)
    with pytest.raises(ImportError, match="'OtherResult'"):
        create_class("OtherResult", ())
    found = create_class("SpikeResult", ())
    assert found is sys.modules["spike_classes"].SpikeResult


def test_dynamic_imports_come_first(install):
    class SpikeResult:
        pass

    install("spikes", "spikes", spikes=PLUGIN.format(paths=["spike_classes.SpikeResult"]))
    assert create_class("SpikeResult", [SpikeResult]) is SpikeResult


def test_node_is_loaded_without_dynamic_imports(install):
    install("spikes", "spikes", spikes=PLUGIN.format(paths=["spike_classes.SpikeResult"]))
    install("classes", spike_classes=CLASSES)
    cls = create_class("SpikeResult", ())
    traj = Trajectory("t", storage_service="memory")
    traj.f_add_result(cls, "r", 3)
    traj.f_store()
    loaded = load_trajectory("t", storage_service=traj.v_storage_service, load_results=2)
    assert type(loaded.f_get("r")) is cls


def test_path_without_module_makes_the_plugin_fail(install, third_party):
    install("spikes", spikes=PLUGIN.format(paths=["SpikeResult"]))
    manager = third_party()
    manager.load_all()
    (entry,) = manager.entries
    assert "'SpikeResult', which is no path like 'my_package.MyResult'" in entry.reason


def test_plugin_that_is_switched_off_has_no_classes(install, third_party):
    install("spikes", spikes=PLUGIN.format(paths=["spike_classes.SpikeResult"]))
    assert third_party().leaf_class_path("SpikeResult") == "spike_classes.SpikeResult"
    assert third_party(disabled=("spikes",)).leaf_class_path("SpikeResult") is None
