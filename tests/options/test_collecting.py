"""Options come by position, keyword or old name; what nobody knows is left over."""

from __future__ import annotations

from pathlib import Path

import pytest

from pypet.errors import (
    MissingDependencyError,
    PluginWarning,
    UnknownOptionError,
    UnknownPluginError,
)
from pypet.interfaces import Option, ProgressReporter, StorageService, Versioning
from pypet.markers import hookimpl
from pypet.options import ESTABLISHED, collect, established, unknown_option_error


def plugin_with(feature, hook):
    """Return a plugin object that gives one feature class."""
    return type("Plugin", (), {hook: staticmethod(hookimpl(specname=hook)(lambda: [feature]))})()


def versioning(options, requires=(), extra=None):
    body = {
        "name": "git",
        "options": options,
        "requires": requires,
        "extra": extra,
        "__init__": lambda self, options: None,
    }
    return plugin_with(type("Git", (Versioning,), body), "pypet_register_versioning")


def storage(name, options, requires=()):
    body = {"name": name, "options": options, "requires": requires}
    service = type("Service", (StorageService,), body)
    return plugin_with(service, "pypet_register_storage_services")


def test_without_arguments_all_values_are_defaults(manager):
    values, leftovers = collect(manager, (), {})
    assert values == {name: option.default for name, option in ESTABLISHED.items()}
    assert leftovers == {}
    assert values.given == frozenset()


def test_positions_and_keywords_are_merged(manager):
    values, _ = collect(manager, ("name", True), {"comment": "hello", "ncores": 3})
    assert (values["trajectory"], values["add_time"]) == ("name", True)
    assert (values["comment"], values["ncores"]) == ("hello", 3)
    assert values.given == {"trajectory", "add_time", "comment", "ncores"}


def test_a_given_default_counts_as_given(manager):
    assert collect(manager, (), {"ncores": 1}).values.given == {"ncores"}


def test_given_options_of_a_family_can_be_asked_for(manager):
    values, _ = collect(manager, (), {"filename": "x.hdf5", "ncores": 2, "complevel": 9})
    assert values.given_of("storage") == {"filename": "x.hdf5", "complevel": 9}


def test_options_of_storage_plugins_belong_to_the_storage_family(manager):
    manager.register(storage("shelf", (Option("height", 3), Option("width", 2))), "shelf")
    values, _ = collect(manager, (), {"height": 4, "filename": "x"})
    assert values.given_of("storage") == {"height": 4, "filename": "x"}


def test_all_positions_may_be_used(manager):
    defaults = [option.default for option in ESTABLISHED.values()][:38]
    assert len(collect(manager, defaults, {}).values.given) == 38
    with pytest.raises(TypeError, match="at most 38 positional arguments, 39 were given"):
        collect(manager, [*defaults, None], {})


def test_an_argument_given_twice_is_a_type_error(manager):
    with pytest.raises(TypeError, match="several values for the argument 'trajectory'"):
        collect(manager, ("a",), {"trajectory": "b"})


def test_unknown_keywords_are_left_over(manager):
    values, leftovers = collect(manager, (), {"v_auto_load": True, "ncore": 2})
    assert leftovers == {"v_auto_load": True, "ncore": 2}
    assert "ncore" not in values


def test_values_are_checked(manager):
    with pytest.raises(ValueError, match="ncores=-1"):
        collect(manager, (), {"ncores": -1})


# ----- old names ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [
        ("delete_continue", "delete_resume", False),
        ("continuable", "resumable", False),
        ("freeze_pool_input", "freeze_input", True),
        ("dynamically_imported_classes", "dynamic_imports", ["a.B"]),
        ("continue_folder", "resume_folder", None),
    ],
)
def test_old_names_warn_and_work(manager, old, new, value):
    with pytest.warns(DeprecationWarning, match=f"'{old}' is deprecated; use '{new}'"):
        values, leftovers = collect(manager, (), {old: value})
    assert values[new] == value
    assert new in values.given
    assert leftovers == {}


@pytest.mark.parametrize(("value", "service"), [(True, "hdf5"), (False, None)])
def test_use_hdf5_chooses_the_storage_service(manager, value, service):
    with pytest.warns(DeprecationWarning, match="use_hdf5"):
        assert collect(manager, (), {"use_hdf5": value}).values["storage_service"] == service


def test_pandas_append_is_swallowed(manager):
    with pytest.warns(DeprecationWarning, match="'pandas_append' has no effect"):
        assert collect(manager, (), {"pandas_append": True}) == collect(manager, (), {})


@pytest.mark.parametrize("names", [("old", "new"), ("new", "old")])
def test_of_both_spellings_the_old_one_wins(manager, names):
    both = {"old": ("freeze_pool_input", True), "new": ("freeze_input", False)}
    with pytest.warns(DeprecationWarning, match="freeze_pool_input"):
        values, _ = collect(manager, (), dict(both[name] for name in names))
    assert values["freeze_input"] is True


def test_the_warning_blames_the_caller_of_the_environment(manager):
    class Environment:
        def __init__(self, **kwargs):
            self.options = collect(manager, (), kwargs)

    with pytest.warns(DeprecationWarning, match="freeze_pool_input") as caught:
        Environment(freeze_pool_input=True)
    assert caught[0].filename == __file__
    source = Path(__file__).read_text(encoding="utf8").splitlines()
    assert "Environment(freeze_pool_input" in source[caught[0].lineno - 1]


# ----- options of plugins ------------------------------------------------------------------


def test_options_of_features_and_of_whole_plugins_are_known(manager):
    class Plugin:
        @hookimpl
        def pypet_register_options(self):
            return [Option("colour", "red", types=(str,))]

    manager.register(Plugin(), "colours")
    manager.register(storage("shelf", (Option("height", 3),)), "shelf")
    values, leftovers = collect(manager, (), {"height": 4})
    assert (values["colour"], values["height"]) == ("red", 4)
    assert leftovers == {}
    with pytest.raises(TypeError, match="'colour' takes str, not 3"):
        collect(manager, (), {"colour": 3})


def test_the_check_of_the_plugin_counts_beside_that_of_the_table(manager):
    def refuse(value):
        raise ValueError(f"refused {value}")

    manager.register(versioning((Option("git_message", "", check=refuse),)), "git")
    with pytest.raises(ValueError, match="refused hello"):
        collect(manager, (), {"git_message": "hello"})


def test_a_plugin_cannot_change_an_established_default(manager):
    manager.register(versioning((Option("git_fail", True),)), "git")
    with pytest.warns(PluginWarning, match="declaration of pypet itself counts"):
        values = collect(manager, (), {}).values
    assert values["git_fail"] is False


def test_checks_of_storage_options_are_left_to_the_service(manager):
    def refuse(value):
        raise ValueError("refused")

    manager.register(storage("a", (Option("complevel", check=refuse),)), "a")
    assert collect(manager, (), {"complevel": "fast"}).values["complevel"] == "fast"


# ----- options whose plugin is not there ----------------------------------------------------


def test_an_option_of_an_absent_plugin_tells_what_to_install(manager):
    expected = (
        r"git_repository='\.' needs a plugin for git, and no installed distribution has one that "
        r"is in use\. `pypet plugins` lists"
    )
    with pytest.raises(MissingDependencyError, match=expected) as caught:
        collect(manager, (), {"git_repository": "."})
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("sumatra_project", ".", "and no installed distribution has one"),
        ("cpu_cap", 50.0, "and no installed distribution has one"),
        ("memory_cap", (50.0, 10.0), "and no installed distribution has one"),
        ("resumable", True, "not part of this version of pypet"),
        ("use_scoop", True, "not part of this version of pypet"),
        ("dask_address", "tcp://x", "not part of this version of pypet"),
    ],
)
def test_no_extra_is_recommended_where_the_plugin_itself_is_absent(manager, name, value, words):
    with pytest.raises(
        MissingDependencyError, match=rf"{name}=.* needs a plugin.*{words}"
    ) as caught:
        collect(manager, (), {name: value})
    assert "pip install" not in str(caught.value)


def test_without_an_extra_the_plugin_is_unknown(manager):
    with pytest.raises(UnknownPluginError, match="multiproc=True needs a plugin for parallel"):
        collect(manager, (), {"multiproc": True})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("git_repository", None),
        ("git_fail", False),
        ("cpu_cap", 100),
        ("report_progress", False),
        ("log_config", None),
        ("delete_resume", False),
        ("git_commit", False),
    ],
)
def test_values_that_ask_for_nothing_need_no_plugin(manager, name, value):
    assert collect(manager, (), {name: value}).values[name] == value


def test_a_plugin_that_declares_the_option_is_enough(manager):
    manager.register(versioning(established("git_repository")), "git")
    assert collect(manager, (), {"git_repository": "."}).values["git_repository"] == "."


def test_a_plugin_whose_package_is_missing_tells_which(manager):
    plugin = versioning(established("git_repository"), ("absent_package",), "git")
    manager.register(plugin, "git")
    assert collect(manager, (), {"git_repository": None}).values["git_repository"] is None
    with pytest.raises(MissingDependencyError, match=r"git_repository='\.' needs absent_package"):
        collect(manager, (), {"git_repository": "."})


def test_one_usable_plugin_of_several_is_enough(manager):
    def reporter(name, requires):
        body = {"name": name, "requires": requires, "options": established("report_progress")}
        for method in ("__init__", "start", "advance", "stop"):
            body[method] = lambda self, *args: None
        feature = type(name, (ProgressReporter,), body)
        return plugin_with(feature, "pypet_register_progress_reporters")

    manager.register(reporter("bars", ("absent_package",)), "bars")
    manager.register(reporter("lines", ()), "lines")
    assert collect(manager, (), {"report_progress": 10}).values["report_progress"] == 10


def test_storage_options_never_need_a_plugin_by_themselves(manager):
    manager.register(storage("hdf5", established("filename"), ("absent_package",)), "hdf5")
    assert collect(manager, (), {"filename": "x"}).values["filename"] == "x"


def test_what_is_switched_off_is_named(manager):
    from pypet.manager import PluginEntry, PluginManager

    entry = PluginEntry("git", "nowhere", "pypet", "1.0", dict)
    with pytest.raises(MissingDependencyError, match="Switched off: git"):
        collect(PluginManager(("git",), [entry]), (), {"git_repository": "."})


# ----- the error for what nobody takes ------------------------------------------------------


def test_the_error_names_all_leftovers_and_the_nearest_known_names():
    error = unknown_option_error(["ncore", "v_auto_lod", "xyzzy"], ["v_auto_load"])
    assert isinstance(error, UnknownOptionError)
    assert isinstance(error, ValueError)
    assert str(error) == (
        "Unknown option 'ncore'; did you mean 'ncores'? "
        "Unknown option 'v_auto_lod'; did you mean 'v_auto_load'? "
        "Unknown option 'xyzzy'; see help(pypet.Environment)."
    )


def test_a_known_storage_option_is_blamed_on_the_service():
    refusal = "The service does not take {names}."
    assert str(unknown_option_error(["filename", "complib"], storage_refusal=refusal)) == (
        "The service does not take 'filename', 'complib'."
    )
