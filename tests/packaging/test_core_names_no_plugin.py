"""The core asks plugins for what they can do, and names none of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from pypet.interfaces import Command
from pypet.manager import PluginManager
from pypet.manager.families import FAMILIES

CORE = Path(__file__).parents[2] / "core"

TABLES = {
    "aliases.py": "established names -> the plugins that define them",
    "moved.py": "former names of modules and classes",
    "pypetconstants.py": "established constants, values that users type",
    "options/established.py": "established options with their defaults",
    "manager/optional_features.py": "plugins that an installation may lack, for messages",
    "environment/arguments.py": "the same as a signature",
    "sampling/__init__.py": "designs, which are called like the samplers that follow them",
    "sampling/designs.py": "the same",
    "testing/features.py": "the service of an environment that keeps nothing on the disk",
    "testing/installed.py": "the suite of an installation of pypet itself",
}
"""Modules that may name plugins, and as what."""

ORDINARY_WORDS = frozenset(
    [
        "git",
        "ini",
        "line",
        "lock",
        "logging",
        "none",
        "NONE",
        "options",
        "pipe",
        "plot",
        "process",
        "progress",
        "queue",
        "record_environment",
        "resume",
        "show",
        "table",
    ]
)
"""Names of plugins that the core also uses for something else."""


def names_of_plugins() -> frozenset[str]:
    manager = PluginManager()
    manager.load_all()
    names = {entry.name for entry in manager.entries if entry.builtin}
    for family in FAMILIES:
        for feature in manager.features(family):
            if feature.entry.builtin and not isinstance(feature.item, Command):
                names.add(feature.name)
    return frozenset(names) - ORDINARY_WORDS


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and value of text constants, without what names an extra or an option."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            skipped.update(id(each.value) for each in node.keywords if each.arg == "extra")
        elif isinstance(node, ast.Dict):
            skipped.update(id(key) for key in node.keys)
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in skipped:
            yield node.lineno, node.value


def test_no_text_of_the_core_is_the_name_of_a_plugin():
    names = names_of_plugins()
    assert {"hdf5", "serial", "pool", "scoop", "dask", "lazy", "NETLOCK", "QUEUE"} <= names
    found = []
    for path in sorted(CORE.rglob("*.py")):
        inside = path.relative_to(CORE).as_posix()
        if inside in TABLES:
            continue
        found += [f"{inside}:{line}: {text!r}" for line, text in texts(path) if text in names]
    assert found == []


def test_every_table_is_there():
    assert [name for name in TABLES if not (CORE / name).exists()] == []
