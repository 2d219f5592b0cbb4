"""Making an environment: options, validation, trajectory, storage, names."""

from __future__ import annotations

import inspect
import re
import sys
import types

import pytest

from pypet import Environment, MissingDependencyError, Trajectory, UnknownOptionError
from pypet.errors import OptionWarning
from pypet.interfaces import StorageService
from pypet.manager import get_manager
from pypet.options.documentation import describe_options

NAME = re.compile(r"environment_[0-9a-f]{7}_\d{4}_\d\d_\d\d_\d\dh\d\dm\d\ds")


class Service(StorageService):
    """Takes two keywords and the trajectory."""

    name = "of-test"

    def __init__(self, filename=None, colour="red", trajectory=None):
        self.filename, self.colour, self.trajectory = filename, colour, trajectory


class Greedy(StorageService):
    def __init__(self, **kwargs):
        self.kwargs = kwargs


# ----- identity ------------------------------------------------------------------------------


def test_name_and_hash(make_env):
    env = make_env()
    assert NAME.fullmatch(env.name)
    assert re.fullmatch(r"[0-9a-f]{40}", env.hexsha)
    assert env.name == f"environment_{env.hexsha[:7]}_{env.time}"
    assert env.traj.v_environment_name == env.name
    assert env.traj.v_environment_hexsha == env.hexsha


def test_times_are_those_of_a_new_trajectory(make_env):
    env = make_env()
    assert (env.timestamp, env.time) == (env.traj.v_timestamp, env.traj.v_time)


def test_times_with_an_old_trajectory_are_now(make_env):
    traj = Trajectory("old")
    env = make_env(traj)
    assert env.timestamp > traj.v_timestamp


def test_two_environments_differ(make_env):
    first = make_env()
    second = make_env(first.traj)
    assert first.hexsha != second.hexsha
    assert first.traj.v_environment_name == second.name


def test_text_form(make_env):
    env = make_env("mine")
    assert repr(env) == str(env) == f"<Environment {env.name} for Trajectory mine>"


@pytest.mark.parametrize("name", ["name", "hexsha", "time", "timestamp", "trajectory", "traj"])
def test_identity_cannot_be_set(make_env, name):
    with pytest.raises(AttributeError):
        setattr(make_env(), name, "x")


def test_prefixed_names(make_env):
    env = make_env()
    assert env.v_trajectory is env.v_traj is env.traj
    assert env.v_hexsha == env.hexsha
    assert env.f_run(lambda traj: 1) == [(0, 1)]
    env.v_current_idx = 0
    assert env.current_idx == 0
    with pytest.raises(AttributeError):
        _ = env.f_nothing
    with pytest.raises(AttributeError):
        _ = env.nothing


# ----- the trajectory ------------------------------------------------------------------------


def test_a_name_makes_a_trajectory(make_env):
    env = make_env(
        "A",
        comment="why",
        dynamic_imports=[Service],
        wildcard_functions={("$", "crun"): lambda idx: f"hello_{idx}"},
    )
    assert env.trajectory.v_name == "A"
    assert env.traj.v_comment == "why"
    assert Service in env.traj._dynamic_imports
    env.traj.f_add_parameter("x", 1)
    env.traj.f_explore({"x": [1, 2]})
    env.run(lambda traj: traj.f_add_result("z", 1) and None)
    assert env.traj.f_get_run_names() == ["hello_0", "hello_1"]


def test_the_time_is_added_to_the_name(make_env):
    name = make_env("A", add_time=True).traj.v_name
    assert re.fullmatch(r"A_\d{4}_\d\d_\d\d_\d\dh\d\dm\d\ds", name)


def test_a_trajectory_is_adopted(make_env):
    traj = Trajectory("A", comment="old")
    message = r"^add_time=True, comment='new' do nothing beside a trajectory that exists already"
    with pytest.warns(OptionWarning, match=message):
        env = make_env(traj, add_time=True, comment="new")
    assert env.traj is traj
    assert (traj.v_name, traj.v_comment) == ("A", "old")


def test_other_things_are_no_trajectory():
    with pytest.raises(TypeError, match="trajectory=5"):
        Environment(5, storage_service="memory", log_config=None)


def test_wrong_wildcard_functions_are_told(make_env):
    with pytest.raises(RuntimeError):
        make_env(wildcard_functions={("$", "crun"): lambda idx: "always"})


@pytest.mark.parametrize("keyword", ["v_auto_load", "auto_load"])
def test_properties_of_the_trajectory_are_set(make_env, keyword):
    assert make_env(**{keyword: True}).traj.v_auto_load is True


def test_plain_project_with_all_defaults_works(tmp_path):
    with Environment() as env:
        env.traj.f_add_parameter("a", 0)
        env.traj.f_explore({"a": [1, 2, 3]})
        env.run(lambda traj: traj.f_add_result("my_result", traj.a + 1) and None)
    assert (tmp_path / "hdf5" / "trajectory.hdf5").is_file()


# ----- storage -------------------------------------------------------------------------------


def test_a_class_gets_the_keywords_that_it_takes(make_env):
    env = make_env(storage_service=Service, filename="f", colour="blue", auto_load=True)
    service = env.traj.v_storage_service
    assert (service.filename, service.colour, service.trajectory) == ("f", "blue", env.traj)
    assert env.traj.v_auto_load


def test_defaults_are_left_to_the_service(make_env):
    assert make_env(storage_service=Greedy).traj.v_storage_service.kwargs.keys() == {"trajectory"}


def test_an_instance_is_used_as_it_is(make_env):
    service = Service()
    assert make_env(storage_service=service).traj.v_storage_service is service


def test_a_dotted_path_is_imported(make_env, monkeypatch):
    module = types.ModuleType("module_of_test")
    module.Service = Service
    monkeypatch.setitem(sys.modules, "module_of_test", module)
    env = make_env(storage_service="module_of_test.Service", colour="green")
    assert env.traj.v_storage_service.colour == "green"


def test_the_established_path_of_the_hdf5_service_works(make_env, tmp_path):
    env = make_env(storage_service="pypet.HDF5StorageService", filename="out/")
    env.run(lambda traj: None)
    assert (tmp_path / "out" / "test.hdf5").is_file()


def test_the_file_name_decides_without_a_service(make_env, tmp_path):
    make_env(storage_service=None, filename="some.h5").run(lambda traj: None)
    assert (tmp_path / "some.h5").is_file()
    with pytest.raises(ValueError, match="extension"):
        make_env(storage_service=None, filename="some.txt")


@pytest.mark.parametrize(
    ("option", "error"),
    [
        ({"complevel": 11}, ValueError),
        ({"complevel": "a"}, TypeError),
        ({"complib": "zip"}, ValueError),
        ({"pandas_format": "x"}, ValueError),
        ({"encoding": "x"}, ValueError),
    ],
)
def test_a_value_that_the_service_refuses_is_told_before_anything_is_made(
    make_env, tmp_path, option, error
):
    with pytest.raises(error, match=next(iter(option))):
        make_env(storage_service="hdf5", filename="x.hdf5", **option)
    assert not list(tmp_path.iterdir())


def test_declarations_of_other_services_do_not_count(make_env):
    service = make_env(storage_service=Greedy, complevel=11).traj.v_storage_service
    assert service.kwargs["complevel"] == 11


def test_something_that_is_no_service_is_told(make_env):
    with pytest.raises(TypeError, match=r"storage_service=3 \(int\)"):
        make_env(storage_service=3)


def test_a_dotted_path_that_leads_nowhere_names_the_option(make_env):
    with pytest.raises(ImportError) as caught:
        make_env(storage_service="no_such_module.Service")
    assert "storage_service='no_such_module.Service'" in caught.value.__notes__[0]


def test_a_keyword_that_the_service_does_not_take_names_both(make_env):
    with pytest.raises(UnknownOptionError, match="'memory', does not take 'filename'"):
        make_env(storage_service="memory", filename="x.hdf5")


def test_a_service_on_the_trajectory_is_used(make_env):
    service = Service()
    for asked in (None, service, Service, "Service", f"{__name__}.Service"):
        env = make_env(Trajectory("A", storage_service=service), storage_service=asked)
        assert env.traj.v_storage_service is service


@pytest.mark.parametrize("asked", ["memory", Greedy])
def test_that_another_service_is_asked_for_in_vain_is_told(make_env, asked):
    service = Service()
    message = r"storage_service=.* is not used: .*<.*Service.*v_storage_service = None"
    with pytest.warns(OptionWarning, match=message):
        env = make_env(Trajectory("A", storage_service=service), storage_service=asked)
    assert env.traj.v_storage_service is service
    env.traj.v_storage_service = None
    assert make_env(env.traj, storage_service="memory").traj.v_storage_service.name == "memory"


def test_keywords_beside_a_service_on_the_trajectory_are_refused(make_env):
    message = r"^'filename', 'complib' cannot be applied: the trajectory has a storage service"
    with pytest.raises(ValueError, match=rf"{message} already, .*v_storage_service = None"):
        make_env(Trajectory("A", storage_service=Service()), filename="x", complib="zlib")


def test_keywords_beside_a_ready_made_service_are_refused(make_env):
    message = r"^'filename' cannot be applied: storage_service=<.*Service.* is ready-made"
    with pytest.raises(ValueError, match=message):
        make_env(storage_service=Service(), filename="x")


def test_keywords_without_a_service_ask_for_one(make_env):
    with pytest.raises(ValueError, match="no storage service that could take 'complib'"):
        make_env(storage_service=None, complib="zlib")


def test_the_file_that_a_service_has_already_may_be_given_again(make_env, tmp_path):
    pytest.importorskip("h5py")
    traj = Trajectory("A", filename="a.hdf5")
    for name in ("a.hdf5", tmp_path / "a.hdf5"):
        service = make_env(traj, filename=name).traj.v_storage_service
        assert service is traj.v_storage_service
    with pytest.raises(ValueError, match=r"'filename' cannot be applied.*a\.hdf5.*elsewhere"):
        make_env(traj, filename="b.hdf5")
    with pytest.raises(ValueError, match="'overwrite_file' cannot be applied"):
        make_env(traj, filename="a.hdf5", overwrite_file=True)
    traj.v_storage_service = None
    service = make_env(traj, storage_service="hdf5", filename="b.hdf5").traj.v_storage_service
    assert service.filename == str(tmp_path / "b.hdf5")


def test_unknown_keywords_are_told_all_at_once(make_env):
    with pytest.raises(UnknownOptionError, match=r"'ncors'.*'ncores'") as caught:
        make_env(ncors=3, autoload=True)
    assert "autoload" in str(caught.value)


def test_an_unknown_service_is_told(make_env):
    with pytest.raises(ValueError, match="hdf6"):
        make_env(storage_service="hdf6")


def test_missing_packages_of_the_service_are_told(make_env, monkeypatch):
    for package in ("h5py", "tables", "pandas"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError) as caught:
        make_env(storage_service="hdf5")
    message = str(caught.value)
    assert "storage_service='hdf5' needs h5py, tables, pandas" in message
    assert 'pip install "pypet[hdf5]"' in message
    assert isinstance(caught.value, ValueError)


def test_a_service_that_is_switched_off_is_told(make_env):
    with pytest.raises(ValueError, match="switched off"):
        make_env(storage_service="memory", disable_plugins=("memory",))


def test_nothing_is_left_behind_by_wrong_options(make_env, tmp_path):
    with pytest.raises(UnknownOptionError):
        make_env(storage_service="hdf5", log_config="DEFAULT", nonsense=1)
    assert list(tmp_path.iterdir()) == []


def test_overwrite_file_removes_the_old_file(make_env):
    for name, overwrite in (("A", False), ("B", False), ("C", True)):
        env = make_env(name, storage_service="hdf5", filename="f.hdf5", overwrite_file=overwrite)
        env.run(lambda traj: None)
        if name == "B":
            assert env.traj.v_storage_service.trajectory_names() == ["A", "B"]
    assert env.traj.v_storage_service.trajectory_names() == ["C"]


# ----- options -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"use_pool": True, "immediate_postproc": True}, "immediate_postproc"),
        ({"freeze_input": True}, "freeze_input"),
        ({"port": 7777}, "port=7777"),
        ({"wrap_mode": "QUEU"}, "QUEU"),
        ({"ncores": -1}, "ncores"),
        ({"report_progress": (5,)}, "report_progress"),
        ({"log_config": "none.ini"}, "none.ini"),
        ({"log_config": None, "log_folder": "x"}, "log_folder"),
        ({"on_error": "perhaps"}, "on_error"),
        ({"sumatra_label": "a.b"}, "sumatra_label"),
        ({"cpu_cap": 0.0}, "cpu_cap"),
        ({"multiproc": True, "scheduler": "serial"}, "scheduler|multiproc"),
        ({"scheduler": "nobody"}, "nobody"),
        ({"trajectory": "a.b"}, "a.b"),
    ],
)
def test_wrong_options_are_told(make_env, options, message):
    with pytest.raises(ValueError, match=message):
        make_env(**options)


@pytest.mark.parametrize("mode", ["LOCK", "QUEUE", "PIPE", "LOCAL", "NETLOCK", "NONE", None])
def test_the_wrap_mode_does_not_matter_on_one_core(make_env, mode):
    assert make_env(multiproc=False, wrap_mode=mode).run(lambda traj: 1) == [(0, 1)]


def test_immediate_post_processing_has_no_effect_on_one_core(make_env):
    assert make_env(multiproc=False, immediate_postproc=True).run(lambda traj: 1) == [(0, 1)]


def test_parallel_runs_need_a_plugin(make_env):
    readers = {option.name: option.plugins for option in describe_options(get_manager())}
    with pytest.raises(ValueError, match="multiproc"):
        make_env(multiproc=True, disable_plugins=(*readers["multiproc"], "lock"))


def test_options_of_a_plugin_that_is_switched_off_are_refused(make_env):
    with pytest.raises(ValueError, match="report_progress=10 needs"):
        make_env(report_progress=10, disable_plugins=("progress",))


def test_options_by_position():
    env = Environment("A", False, "a comment", storage_service="memory", log_config=None)
    assert (env.traj.v_name, env.traj.v_comment) == ("A", "a comment")


def test_old_names_of_options_warn_and_work(make_env):
    with pytest.warns(DeprecationWarning, match="dynamically_imported_classes") as caught:
        env = make_env(dynamically_imported_classes=Service)
    assert Service in env.traj._dynamic_imports
    assert caught[0].filename.endswith("conftest.py")


def test_values_of_options_can_be_read_but_not_changed(make_env):
    options = make_env(clean_up_runs=False).options
    assert options["clean_up_runs"] is False
    assert options["ncores"] == 1
    with pytest.raises(TypeError):
        options["ncores"] = 2


def test_signature_and_help_list_all_options():
    parameters = list(inspect.signature(Environment).parameters)
    assert parameters[:3] == ["trajectory", "add_time", "comment"]
    assert {"on_error", "filename", "report_progress"} <= set(parameters)
    assert "on_error" in Environment.__doc__


def test_subclasses_may_have_another_constructor():
    class Mine(Environment):
        def __init__(self, colour):
            super().__init__(storage_service="memory", log_config=None)

    assert list(inspect.signature(Mine).parameters) == ["colour"]


# ----- debugging -----------------------------------------------------------------------------


@pytest.fixture
def _debugger(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydevd", types.ModuleType("pydevd"))


@pytest.mark.usefixtures("_debugger")
def test_lazy_debug_writes_nothing(tmp_path, caplog):
    with Environment("test", lazy_debug=True, overwrite_file=True) as env:
        env.traj.f_add_parameter("x", 1)
        env.traj.f_explore({"x": [1, 2]})
        assert env.run(lambda traj: traj.x) == [(0, 1), (1, 2)]
    assert list(tmp_path.iterdir()) == []
    assert "NOTHING is stored" in caplog.text


@pytest.mark.usefixtures("_debugger")
def test_lazy_debug_leaves_a_file_alone(make_env, tmp_path):
    file = tmp_path / "f.hdf5"
    file.write_text("precious")
    make_env(storage_service="hdf5", filename=str(file), overwrite_file=True, lazy_debug=True).run(
        lambda traj: 1
    )
    assert file.read_text() == "precious"


@pytest.mark.usefixtures("_debugger")
def test_lazy_debug_replaces_the_service_of_a_trajectory(make_env):
    service = Service()
    env = make_env(Trajectory("A", storage_service=service), lazy_debug=True)
    assert env.traj.v_storage_service.keeps_data is False


def test_without_a_debugger_lazy_debug_has_no_effect(make_env):
    assert make_env(lazy_debug=True).traj.v_storage_service.keeps_data is True
