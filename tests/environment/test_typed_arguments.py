"""Type checkers know the arguments of an environment, and what they know is what options say."""

from __future__ import annotations

import ast
import inspect
import os
import re
from collections.abc import Mapping
from configparser import RawConfigParser
from numbers import Integral, Real
from pathlib import Path

import pytest

from pypet.environment.arguments import environment_arguments
from pypet.options import ESTABLISHED, POSITIONAL_COUNT
from tests.processes import run_python

CORE = Path(__file__).parents[2] / "core"
PARAMETERS = dict(list(inspect.signature(environment_arguments).parameters.items())[1:-1])
ANNOTATED_AS = {
    str: {"str"},
    os.PathLike: set(),  # the alias `Path` stands for text, too
    Mapping: {"Mapping"},
    RawConfigParser: {"RawConfigParser"},
    Integral: {"Whole"},
    Real: {"Number"},
    bool: {"bool"},
    tuple: {"tuple"},
    list: {"list"},
    dict: {"dict"},
    type(None): {"None"},
}


def annotated(name):
    """Return the names of the types in an annotation, without what is in brackets."""
    found = set()
    nodes = [ast.parse(PARAMETERS[name].annotation, mode="eval").body]
    for node in nodes:
        if isinstance(node, ast.BinOp):
            nodes += [node.left, node.right]
        else:
            found.add(ast.unparse(node).partition("[")[0])
    return found


def test_names_order_defaults_and_positions_are_those_of_the_options():
    assert list(PARAMETERS) == list(ESTABLISHED)
    for name, option in ESTABLISHED.items():
        default = PARAMETERS[name].default
        assert (default, type(default)) == (option.default, type(option.default)), name
    positional = [
        name for name, each in PARAMETERS.items() if each.kind is each.POSITIONAL_OR_KEYWORD
    ]
    assert positional == list(ESTABLISHED)[:POSITIONAL_COUNT]


def test_further_keywords_are_taken_for_options_of_plugins():
    last = list(inspect.signature(environment_arguments).parameters.values())[-1]
    assert (last.kind, last.annotation) == (inspect.Parameter.VAR_KEYWORD, "Any")


@pytest.mark.parametrize("name", [name for name, option in ESTABLISHED.items() if option.types])
def test_annotations_name_the_types_that_the_option_takes(name):
    option = ESTABLISHED[name]
    expected = set().union(*(ANNOTATED_AS[kind] for kind in option.types))
    if os.PathLike in option.types:
        expected = expected - {"str"} | {"Path"}
    if option.default is None:
        expected.add("None")
    assert annotated(name) == expected


@pytest.mark.parametrize(
    "name", [name for name, option in ESTABLISHED.items() if isinstance(option.default, bool)]
)
def test_switches_are_annotated_as_such(name):
    expected = {"bool"} if name != "log_stdout" else annotated(name)
    assert "bool" in annotated(name)
    assert annotated(name) == expected


CLIENT = """
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from pypet.environment import Environment

class Mine(Environment):
    pass

Environment("t", True, "about", ncores=2, filename=Path("x"), v_auto_load=True, of_a_plugin=3)
Environment(scheduler=ProcessPoolExecutor(2), memory_cap=(90, 500.0), log_config=None)
with Mine(ncores=2) as env:
    reveal_type(env)  # reveals client.Mine
Environment(ncores="2")  # refused: "ncores"
Environment("t", "yes")  # refused: Argument 2
Environment(wrap_mode=3)  # refused: "wrap_mode"
Environment(wildcard_functions=[])  # refused: "wildcard_functions"
Mine(multiproc=1.5)  # refused: "multiproc"
"""


def test_mypy_refuses_values_of_wrong_types_and_nothing_else(tmp_path):
    pytest.importorskip("mypy")
    try:
        (tmp_path / "pypet").symlink_to(CORE, target_is_directory=True)
    except OSError:
        pytest.skip("the platform lets users make no links")
    (tmp_path / "client.py").write_text(CLIENT)
    # Only the modules in question: to follow all imports takes mypy many times as long.
    modules = [f"pypet/environment/{name}.py" for name in ("__init__", "environment", "arguments")]
    done = run_python(
        "-m",
        "mypy",
        "--strict",
        "--follow-imports=skip",
        "client.py",
        *modules,
        cwd=tmp_path,
        env={**os.environ, "MYPY_CACHE_DIR": str(tmp_path / "cache"), "MYPYPATH": str(tmp_path)},
        timeout=200,
    )
    told = dict(re.findall(r"^client\.py:(\d+): (?:error|note): (.*)$", done.stdout, re.MULTILINE))
    expected = {
        str(number): line.rpartition("# ")[2].partition(" ")[2]
        for number, line in enumerate(CLIENT.splitlines(), 1)
        if "# " in line
    }
    assert told.keys() == expected.keys(), done.stdout + done.stderr
    for number, text in expected.items():
        assert text in told[number]
