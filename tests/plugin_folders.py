"""Distributions made by hand: modules and a ``*.dist-info`` folder, as pip would install them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

STORAGE_PLUGIN = """
    from pypet.interfaces import Option, StorageService
    from pypet.markers import hookimpl

    class {class_name}(StorageService):
        name = {name!r}
        requires = {requires!r}
        extra = {extra!r}
        options = tuple(Option(name, 0, help="A number.") for name in {options!r})

    @hookimpl
    def pypet_register_storage_services():
        return [{class_name}]
"""


def storage_plugin(
    name: str,
    *,
    class_name: str = "Service",
    requires: tuple[str, ...] = (),
    extra: str | None = None,
    options: tuple[str, ...] = (),
) -> str:
    """Return the source of a plugin that gives one storage service."""
    return dedent(STORAGE_PLUGIN).format(
        name=name, class_name=class_name, requires=requires, extra=extra, options=options
    )


def write_modules(folder: Path, modules: Mapping[str, str]) -> None:
    """Write modules, name -> source, into ``folder``."""
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(dedent(source), encoding="utf8")


def write_distribution(
    folder: Path, distribution: str, entry_points: Mapping[str, str], version: str = "1.0"
) -> None:
    """Write the metadata of a distribution with these entry points, name -> module."""
    info = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
    (info / "METADATA").write_text(metadata, encoding="utf8")
    lines = ["[pypet]", *(f"{name} = {module}" for name, module in entry_points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf8")
