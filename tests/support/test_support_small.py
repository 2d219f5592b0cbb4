"""Loggers, times, folders, versions, dictionaries, signatures, iterators and addresses."""

from __future__ import annotations

import logging
import os
import pickle
import subprocess
import sys
import time

import pytest

from pypet import pypetconstants
from pypet.support.arguments import get_matching_kwargs
from pypet.support.collections import (
    IteratorChain,
    flatten_dictionary,
    nest_dictionary,
    result_sort,
)
from pypet.support.filesystem import racedirs
from pypet.support.loggers import HasLogger
from pypet.support.network import convert_ipv6, is_ipv6, port_to_tcp
from pypet.support.time_format import format_duration, format_time
from pypet.support.versions import collect_versions
from tests.processes import run_python


class Talker(HasLogger):
    pass


class SlottedTalker(HasLogger):
    __slots__ = ()


class NamedTalker(HasLogger):
    __slots__ = ("_logger_name",)


def set_logger(talker, *name):
    """Set the logger as a class does in its constructor."""
    talker._set_logger(*name)


def logger_of(talker):
    """Return the logger that the class itself uses."""
    return talker._logger


def test_the_logger_is_named_after_the_class():
    talker = SlottedTalker()
    set_logger(talker)
    assert logger_of(talker).name == f"{SlottedTalker.__module__}.SlottedTalker"
    assert not hasattr(talker, "__dict__")


@pytest.mark.parametrize("make", [Talker, NamedTalker])
def test_a_logger_name_of_its_own_is_kept_until_reset(make):
    talker = make()
    set_logger(talker, "mine")
    assert logger_of(talker) is logging.getLogger("mine")
    set_logger(talker)
    assert logger_of(talker).name == f"{make.__module__}.{make.__name__}"


def test_the_logger_name_survives_pickling():
    talker = Talker()
    set_logger(talker, "mine")
    assert logger_of(pickle.loads(pickle.dumps(talker))) is logging.getLogger("mine")


def test_a_slotted_class_without_room_says_what_to_add():
    with pytest.raises(TypeError, match="_logger_name"):
        set_logger(SlottedTalker(), "mine")


def test_times_are_local_and_readable():
    moment = time.mktime((2015, 10, 21, 4, 29, 0, 0, 0, -1))
    assert format_time(moment + 0.9) == "2015_10_21_04h29m00s"
    assert format_duration(3723.5) == "1:02:03.500000"
    assert format_duration(90061) == "1 day, 1:01:01"


def test_racedirs_creates_parents_and_accepts_what_exists(tmp_path):
    folder = tmp_path / "a" / "b"
    racedirs(folder)
    racedirs(str(folder))
    assert folder.is_dir()


def test_racedirs_refuses_a_file_and_names_it(tmp_path):
    file = tmp_path / "taken"
    file.touch()
    with pytest.raises(OSError, match="taken"):
        racedirs(file)


def test_versions_are_texts_under_the_established_keys():
    versions = collect_versions()
    assert set(versions) == {
        "pypet", "python", "scipy", "numpy", "PyTables", "pandas",
        "Sumatra", "dill", "GitPython", "psutil", "platform", "HDF5",
    }  # fmt: skip
    assert all(isinstance(version, str) for version in versions.values())
    assert versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert pypetconstants.VERSIONS_TO_STORE.keys() == versions.keys()


def test_collecting_versions_imports_no_package():
    code = (
        "import sys; from pypet.support.versions import collect_versions; collect_versions();"
        "heavy = {'scipy', 'pandas', 'tables', 'h5py', 'dill', 'git', 'psutil'};"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr


def test_flat_and_nested_dictionaries_are_inverse():
    nested = {"a": {"b": 1, "c": {"d": [2]}, "e": {}}, "f": None}
    flat = flatten_dictionary(nested, ".")
    assert flat == {"a.b": 1, "a.c.d": [2], "a.e": {}, "f": None}
    assert nest_dictionary(flat, ".") == nested


def test_nesting_below_a_value_is_refused():
    with pytest.raises(TypeError, match=r"a\.b"):
        nest_dictionary({"a": 1, "a.b": 2}, ".")


class Configured:
    def __init__(self, x, *, y=2):
        self.x, self.y = x, y


def test_matching_kwargs_are_those_that_the_callable_takes():
    def plain(a, /, b, *args, c=1):
        pass

    def greedy(a, **kwargs):
        pass

    given = {"a": 1, "b": 2, "c": 3, "x": 4, "self": 5}
    assert get_matching_kwargs(plain, given) == {"b": 2, "c": 3}
    assert get_matching_kwargs(greedy, given) == given
    assert get_matching_kwargs(greedy, given) is not given
    assert get_matching_kwargs(Configured, given) == {"x": 4}
    assert get_matching_kwargs(Configured(1).__init__, given) == {"x": 4}


@pytest.mark.parametrize("func", [len, object, dict])
def test_builtins_match_no_kwargs(func):
    assert get_matching_kwargs(func, {"obj": 1}) == {}


def test_an_iterator_chain_grows_while_it_runs():
    chain = IteratorChain([1, 2], (3,))
    seen = [chain.next()]
    chain.add([4])
    seen.extend(chain)
    assert seen == [1, 2, 3, 4]
    with pytest.raises(StopIteration):
        chain.next()
    chain.add([5])
    assert list(chain) == [5]


def test_results_are_sorted_in_place_from_the_start_index():
    results = [(9, "kept"), (2, "c"), (0, "a"), (1, "b"), (1, "b2")]
    assert result_sort(results, 1) is results
    assert results == [(9, "kept"), (0, "a"), (1, "b"), (1, "b2"), (2, "c")]


def test_ipv6_hosts_get_brackets():
    assert convert_ipv6("fe80::1%eth0") == "[fe80::1]"
    assert convert_ipv6("10.0.0.1") == "10.0.0.1"
    assert is_ipv6("tcp://[::1]:5")
    assert not is_ipv6("tcp://10.0.0.1:5")


def test_port_to_tcp_names_this_host():
    assert port_to_tcp(5555).endswith(":5555")
    assert port_to_tcp().startswith("tcp://")
    port = int(port_to_tcp((40000, 50000)).rpartition(":")[2])
    assert 40000 <= port < 50000


def test_racedirs_survives_many_processes_at_once(tmp_path):
    folder = os.fspath(tmp_path / "x" / "y" / "z")
    code = "import sys; from pypet.support.filesystem import racedirs; racedirs(sys.argv[1])"
    runs = [subprocess.Popen([sys.executable, "-c", code, folder]) for _ in range(3)]
    assert [run.wait(timeout=100) for run in runs] == [0, 0, 0]
