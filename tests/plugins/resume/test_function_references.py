"""Functions are referred to by their names, if they are found under them."""

from __future__ import annotations

import functools
import hashlib
import json
import math
import sys
import types

import pytest

from pypet import ResumeError
from pypet.plugins.resume.snapshots import FunctionReference, refer, resolve
from pypet.plugins.resume.snapshots.functions import MAX_SOURCE_LENGTH


def simulate(traj):
    return 1


def wrapping(function):
    @functools.wraps(function)
    def wrapped(*args):
        return function(*args)

    return wrapped


@wrapping
def decorated(traj):
    return 2


class Model:
    def __call__(self, traj):
        return 3

    def run(self, traj):
        return 4

    @staticmethod
    def static(traj):
        return 5

    class Inner:
        @staticmethod
        def deep(traj):
            return 6


def test_a_function_is_referred_to_with_its_source():
    reference = refer(simulate)
    source = "def simulate(traj):\n    return 1\n"
    assert reference == FunctionReference(
        __name__, "simulate", __file__, hashlib.sha256(source.encode()).hexdigest(), source, False
    )
    assert resolve(reference) is simulate


def test_the_source_of_a_method_is_not_indented():
    reference = refer(Model.Inner.deep)
    assert reference.qualname == "Model.Inner.deep"
    assert reference.source == "@staticmethod\ndef deep(traj):\n    return 6\n"
    assert resolve(reference) is Model.Inner.deep


def test_the_source_of_a_decorated_function_is_that_below_the_decorator():
    reference = refer(decorated)
    assert reference.source == "@wrapping\ndef decorated(traj):\n    return 2\n"
    assert resolve(reference) is decorated


@pytest.mark.parametrize("function", [simulate, decorated, Model.static, Model, math.sqrt])
def test_references_survive_json(function):
    fields = json.loads(json.dumps(refer(function)._asdict()))
    assert resolve(FunctionReference.from_mapping({**fields, "later": 1})) is function


def test_what_is_written_in_c_has_no_source():
    reference = refer(math.sqrt)
    assert (reference.sha256, reference.source) == (None, None)


def test_what_is_not_found_by_its_name_is_not_referred_to():
    def nested(traj):
        return 1

    renamed = types.FunctionType(simulate.__code__, globals(), "simulate")
    for function in (
        lambda traj: 1,
        nested,
        functools.partial(simulate),
        Model(),
        Model().run,
        renamed,
    ):
        assert refer(function) is None


def test_a_long_source_is_cut_but_hashed_as_a_whole(tmp_path, monkeypatch):
    lines = [f"    x = {number}" for number in range(MAX_SOURCE_LENGTH // 10)]
    modules = []
    for name, last in (("long_a", "1"), ("long_b", "2")):
        (tmp_path / f"{name}.py").write_text("\n".join(["def run(traj):", *lines, f"    {last}\n"]))
        monkeypatch.syspath_prepend(tmp_path)
        modules.append(__import__(name))
    first, second = (refer(module.run) for module in modules)
    assert len(first.source) == MAX_SOURCE_LENGTH
    assert first.source == second.source
    assert first.sha256 != second.sha256
    for module in modules:
        monkeypatch.delitem(sys.modules, module.__name__)


def test_a_reference_to_what_is_gone_says_what_and_where():
    reference = refer(simulate)
    with pytest.raises(ResumeError, match=r"`other` is needed .*references\.py does not define"):
        resolve(reference._replace(qualname="other"))
    with pytest.raises(ResumeError, match=r"module 'gone'.*imported from /old/gone\.py"):
        resolve(reference._replace(module="gone", path="/old/gone.py"))
    with pytest.raises(ResumeError, match=r"was a function .* and is a str now"):
        resolve(reference._replace(qualname="__name__"))


def test_a_module_that_fails_says_why(tmp_path, monkeypatch):
    (tmp_path / "failing_module.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    reference = refer(simulate)._replace(module="failing_module")
    with pytest.raises(ResumeError, match="cannot be imported: ZeroDivisionError"):
        resolve(reference)
