"""The established module paths of utilities, and the small classes."""

from __future__ import annotations

import importlib
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from pypet.utils.helpful_classes import ChainMap, HashArray, TrajectoryMock, Universe
from pypet.utils.helpful_functions import is_debug

ESTABLISHED = {
    "comparisons": "get_all_attributes nested_equal parameters_equal results_equal",
    "decorators": "copydoc deprecated kwargs_api_change kwargs_mutual_exclusive manual_run "
    "not_in_run prefix_naming retry with_open_store",
    "dynamicimports": "create_class load_class",
    "explore": "cartesian_product find_unique_points",
    "helpful_classes": "ChainMap HashArray IteratorChain TrajectoryMock Universe",
    "helpful_functions": "convert_ipv6 flatten_dictionary format_time get_matching_kwargs "
    "is_debug is_ipv6 nest_dictionary port_to_tcp progressbar racedirs result_sort",
    "storagefactory": "storage_factory",
}
EXCEPTIONS = {
    "DataNotInStorageError": OSError,
    "GitDiffError": RuntimeError,
    "NoSuchServiceError": TypeError,
    "NotUniqueNodeError": AttributeError,
    "ParameterLockedException": TypeError,
    "PresettingError": RuntimeError,
    "TooManyGroupsError": TypeError,
    "VersionMismatchError": TypeError,
}


@pytest.mark.parametrize(("module", "names"), ESTABLISHED.items())
def test_established_names_are_where_scripts_import_them(module, names):
    imported = importlib.import_module(f"pypet.utils.{module}")
    assert sorted(imported.__all__) == sorted(names.split())
    assert all(callable(getattr(imported, name)) for name in names.split())


@pytest.mark.parametrize(("name", "base"), EXCEPTIONS.items())
def test_established_exceptions_keep_their_bases(name, base):
    exceptions = importlib.import_module("pypet.pypetexceptions")
    assert name in exceptions.__all__
    assert issubclass(getattr(exceptions, name), base)


def test_a_chain_map_takes_the_first_hit_and_counts_all():
    chained = ChainMap({"a": 1}, {"a": 2, "b": 3})
    assert chained["a"] == 1
    assert chained["b"] == 3
    assert len(chained) == 3
    assert list(chained) == ["a", "a", "b"]
    with pytest.raises(KeyError, match="'c'"):
        chained["c"]


def test_hash_arrays_are_keys():
    places = {HashArray(np.arange(3)): "here"}
    assert places[HashArray(np.arange(3))] == "here"
    assert HashArray(np.arange(4)) not in places
    assert HashArray(np.zeros((1, 3))) != HashArray(np.zeros(3))


def test_the_universe_contains_everything():
    assert None in Universe()


def test_a_trajectory_mock_has_names_and_run():
    names = {
        "v_environment_name": "env",
        "v_name": "traj",
        "v_crun": None,
        "v_crun_": "run_ALL",
        "v_idx": -1,
    }
    assert vars(TrajectoryMock(SimpleNamespace(**names))) == names


def test_the_debugger_is_noticed(monkeypatch):
    assert not is_debug()
    monkeypatch.setitem(sys.modules, "pydevd", SimpleNamespace())
    assert is_debug()
