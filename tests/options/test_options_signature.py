"""The signature and ``help()`` list the options of everything that is installed."""

from __future__ import annotations

import inspect
import pydoc

import pytest

from pypet.interfaces import Option
from pypet.manager import PluginManager
from pypet.markers import hookimpl
from pypet.options import ESTABLISHED, OptionsDoc, OptionsSignature
from pypet.options.documentation import build_doc, build_signature


class Thing:
    __doc__ = OptionsDoc(
        """Supervise something.

        In several lines.
        """
    )
    __signature__ = OptionsSignature()

    def __init__(self, *args, **kwargs):
        """Take options."""


@pytest.fixture
def with_colours(manager):
    class Colours:
        @hookimpl
        def pypet_register_options(self):
            return [Option("colour", "red", types=(str,), help="Colour of the bike shed.")]

    manager.register(Colours(), "colours")
    return manager


def test_established_options_are_in_order_and_the_first_are_positional(manager):
    signature = build_signature(manager)
    *parameters, rest = signature.parameters.values()
    assert [parameter.name for parameter in parameters] == list(ESTABLISHED)
    kinds = [parameter.kind for parameter in parameters]
    assert kinds[:38] == [inspect.Parameter.POSITIONAL_OR_KEYWORD] * 38
    assert set(kinds[38:]) == {inspect.Parameter.KEYWORD_ONLY}
    assert rest.kind is inspect.Parameter.VAR_KEYWORD
    assert signature.parameters["queue_maxsize"].default == -1


def test_options_of_plugins_are_keyword_only(with_colours):
    colour = build_signature(with_colours).parameters["colour"]
    assert (colour.default, colour.kind) == ("red", inspect.Parameter.KEYWORD_ONLY)


def test_the_documentation_has_types_defaults_texts_and_owners(with_colours):
    text = build_doc(with_colours)
    assert "ncores : int, default 1\n    Number of workers" in text
    assert "colour : str, default 'red'\n    Colour of the bike shed. (From plugin" in text
    assert max(map(len, text.splitlines())) <= 100


def test_nothing_is_loaded_before_somebody_asks(monkeypatch):
    loaded = []
    monkeypatch.setattr(PluginManager, "load_all", lambda self: loaded.append(self))

    class Lazy:
        __doc__ = OptionsDoc("Text.")
        __signature__ = OptionsSignature()

    assert loaded == []
    assert Lazy.__doc__.startswith("Text.")
    assert loaded


def test_inspect_and_help_find_them():
    assert list(inspect.signature(Thing).parameters)[:2] == ["trajectory", "add_time"]
    text = pydoc.plain(pydoc.render_doc(Thing))
    assert "Supervise something." in text
    assert "disable_plugins : default ()" in text
    assert "class Thing(" in text
