"""What earlier versions pickled and what their plugins imported is still found."""

from __future__ import annotations

import importlib
import pickle
import sys
from pathlib import Path

import pytest

from pypet import moved
from pypet.moved import FormerMethod, adopt_overrides, former_names

PICKLED_NAMES = Path(__file__).with_name("pickled_names.txt").read_text("utf8").splitlines()


@pytest.mark.parametrize("line", PICKLED_NAMES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_class_in_pickles_of_earlier_versions_is_found(line: str) -> None:
    module_name, name = line.split()
    pickled = b"\x80\x02c" + f"{module_name}\n{name}\n".encode() + b"."
    assert isinstance(pickle.loads(pickled), type)


@pytest.mark.parametrize("table", [moved.MOVED, moved.DEPRECATED])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_each_former_name_is_found(table: dict[tuple[str, str], tuple[str, str]]) -> None:
    for (module_name, name), target in table.items():
        found = getattr(importlib.import_module(module_name), name)
        assert found is getattr(importlib.import_module(target[0]), target[1])


def test_module_that_does_not_exist_any_more_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        moved.MOVED, ("pypet.former.folder.things", "Thing"), ("pypet.errors", "PypetError")
    )
    try:
        module = importlib.import_module("pypet.former.folder.things")
        assert module.Thing is importlib.import_module("pypet.errors").PypetError
        with pytest.raises(AttributeError, match="has no attribute 'other'"):
            module.other
    finally:
        for name in ("pypet.former", "pypet.former.folder", "pypet.former.folder.things"):
            sys.modules.pop(name, None)


def test_module_that_never_existed_is_not_found() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"pypet\.never"):
        importlib.import_module("pypet.never")


def test_deprecated_name_warns_and_names_the_present_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(moved.DEPRECATED, ("here", "Old"), ("pypet.errors", "PypetError"))
    with pytest.warns(DeprecationWarning, match=r"here\.Old .* use pypet\.errors\.PypetError"):
        former_names("here")("Old")


class Interface:
    former = FormerMethod("present")

    def __init_subclass__(cls) -> None:
        adopt_overrides(cls)

    def present(self) -> str:
        return "the interface's"


def test_former_method_calls_the_present_one() -> None:
    with pytest.warns(DeprecationWarning, match=r"Interface\.former .* use present"):
        assert Interface().former() == "the interface's"


def test_override_under_the_former_name_is_used() -> None:
    with pytest.warns(DeprecationWarning, match=r"Plugin overrides 'former'.* 'present' now"):

        class Plugin(Interface):
            def former(self) -> str:
                return "the plugin's"

    assert Plugin().present() == "the plugin's"


def test_override_under_both_names_keeps_the_present_one() -> None:
    with pytest.warns(DeprecationWarning, match="overrides 'former'"):

        class Plugin(Interface):
            def former(self) -> str:
                return "for earlier versions"

            def present(self) -> str:
                return "for this version"

    assert Plugin().present() == "for this version"
