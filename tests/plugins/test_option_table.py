"""``pypet options`` tells of every option what it means, takes, and how files spell it."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from pypet import Environment
from pypet.__main__ import main
from pypet.interfaces import Option
from pypet.manager import PluginManager, get_manager
from pypet.markers import hookimpl
from pypet.options import ESTABLISHED, POSITIONAL_COUNT, established
from pypet.options.documentation import describe_options
from pypet.plugins.option_table import markdown, table

ABSENT = {
    "resumable": "resuming of experiments",
    "resume_folder": "resuming of experiments",
    "delete_resume": "resuming of experiments",
    "commit_interval": "resuming of experiments",
}
"""Options that nobody reads where the plugin ``resume`` is missing."""


@pytest.fixture
def without_resume():
    entries = [entry for entry in get_manager().entries if entry.builtin]
    return PluginManager(entries=[entry for entry in entries if entry.name != "resume"])


ESTABLISHED_POSITIONS = {
    name: position for position, name in enumerate(ESTABLISHED, 1) if position <= POSITIONAL_COUNT
}
PAGE = Path(__file__).parents[2] / "docs" / "options.md"


def test_the_page_of_the_documentation_is_up_to_date():
    own = PluginManager(entries=[entry for entry in get_manager().entries if entry.builtin])
    now = markdown(describe_options(own))
    assert PAGE.read_text(encoding="utf-8") == now, (
        "make it anew: pypet options --markdown > docs/options.md"
    )


def test_the_table_has_every_option_and_keeps_to_its_width(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "70")
    assert main(["options"]) == 0
    lines = capsys.readouterr().out.splitlines()
    begun = [line.split()[0] for line in lines if line and line[0] not in " ["]
    listed = [option for option in describe_options(get_manager()) if not option.lacks]
    assert sorted(begun) == sorted(option.name for option in listed)
    assert set(ESTABLISHED) <= set(begun)
    assert max(map(len, lines)) < 70
    assert [line for line in lines if line.startswith("[")] == [
        "[trajectory]",
        "[environment]",
        "[storage_service]",
    ]


def test_narrow_terminals_get_narrow_lines():
    lines = table(describe_options(get_manager()), 44).splitlines()
    assert max(map(len, lines)) < 44


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "report_progress",
            [
                "position  9",
                "read by   progress",
                "in ini    [environment]  report_progress = (5, 'pypet', 20)",
                'in TOML   [environment]  report_progress = [5, "pypet", 20]',
            ],
        ),
        ("complevel", ["takes     int", "in TOML   [storage_service]  complevel = 9"]),
        (
            "add_time",
            ["takes     bool", "read by   pypet", "in TOML   [trajectory]  add_time = false"],
        ),
        ("seed", ["default   None", "in files  [environment], leave it out for the default"]),
        ("freeze_pool_input", ["option    freeze_input", "once      freeze_pool_input"]),
    ],
)
def test_one_option_is_told_in_full(name, told, capsys):
    assert main(["options", name]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert set(told) <= set(lines)
    assert ESTABLISHED.get(name, ESTABLISHED["freeze_input"]).help in "\n".join(lines)


@pytest.mark.parametrize(("name", "subject"), ABSENT.items())
def test_an_option_of_an_absent_feature_says_so(name, subject, without_resume):
    page = markdown(describe_options(without_resume))
    assert f"| `{name}`" not in page
    position = ESTABLISHED_POSITIONS.get(name)
    number = "" if position is None else f" ({position})"
    assert f"- `{name}`{number}: {subject}" in page.splitlines()


def test_an_option_is_listed_once_a_plugin_reads_it(without_resume):
    manager = without_resume

    class Resuming:
        @hookimpl
        def pypet_register_options(self):
            return established("resumable", "resume_folder")

    manager.register(Resuming(), "resuming")
    found = {option.name: option for option in describe_options(manager)}
    assert found["resumable"].lacks == found["resume_folder"].lacks == ""
    assert found["delete_resume"].lacks
    page = markdown(describe_options(manager))
    assert "| `resumable` (26) | bool | `False` |" in page
    assert "- `resumable`" not in page


@pytest.mark.parametrize(
    ("name", "idle", "asking"),
    [
        ("resumable", False, True),
        ("delete_resume", True, False),
    ],
)
def test_only_values_that_ask_for_an_absent_feature_are_refused(name, idle, asking):
    options = {"storage_service": "memory", "log_config": None, "disable_plugins": ("resume",)}
    Environment("test", **options, **{name: idle})
    if name == "delete_resume":
        Environment("test", **options, delete_resume=asking)  # asks for less
        return
    with pytest.raises(ValueError, match=f"{name}=.*{ABSENT[name]}.*Switched off: resume"):
        Environment("test", **options, **{name: asking})


def test_how_long_an_absent_feature_should_wait_is_a_warning(caplog):
    options = {option.name: option for option in describe_options(get_manager())}
    absent = {"disable_plugins": options["timeout"].plugins}
    with caplog.at_level(logging.WARNING):
        Environment("test", storage_service="memory", log_config=None, timeout=5.0, **absent)
    (told,) = [record.getMessage() for record in caplog.records]
    assert "no effect: timeout=5.0" in told


def test_an_unknown_option_is_an_error_with_the_nearest(capsys):
    assert main(["options", "ncore"]) == 1
    error = capsys.readouterr().err
    assert "There is no option 'ncore'" in error
    assert "Did you mean 'ncores'? `pypet options` lists all." in error


def test_options_of_third_parties_are_listed_with_their_plugin(manager):
    class Colours:
        @hookimpl
        def pypet_register_options(self):
            return [Option("colour", "a|b", types=(str,), help="Colour of the bike shed.")]

    manager.register(Colours(), "colours")
    (colour,) = (each for each in describe_options(manager) if each.name == "colour")
    assert (colour.position, colour.plugins, colour.section) == (None, ("colours",), "environment")
    row = "| `colour` | str | `'a\\|b'` | Colour of the bike shed. | colours |"
    assert row in markdown(describe_options(manager)).splitlines()


@pytest.fixture
def manager():
    return PluginManager(entries=())
