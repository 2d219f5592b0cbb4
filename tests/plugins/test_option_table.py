"""``pypet options`` tells of every option what it means, takes, and how files spell it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pypet.__main__ import main
from pypet.interfaces import Option
from pypet.manager import PluginManager, get_manager
from pypet.markers import hookimpl
from pypet.options import ESTABLISHED
from pypet.options.description import describe_options
from pypet.plugins.option_table import markdown, table

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
    assert sorted(begun) == sorted(option.name for option in describe_options(get_manager()))
    assert set(begun) >= set(ESTABLISHED)
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
