"""List the options of the environment: ``pypet options``."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from pypet.cli.arguments import add_json
from pypet.errors import UnknownOptionError
from pypet.interfaces import Command
from pypet.manager import get_manager
from pypet.markers import hookimpl
from pypet.options.collection import RENAMED
from pypet.options.documentation import OptionDescription, describe_options
from pypet.support.spelling import did_you_mean

GAP = "  "
LEAST_WIDTH = 40
ITSELF = "pypet"
"""Who reads an option that no plugin declares."""

HEAD = """\
# Options

<!-- Made by `pypet options --markdown`; do not edit. -->

Options of `Environment`, given as keywords or in a [config file](config_files.md). Headings name
the section of config files to which the options of a table belong, but each of the three sections
accepts all options. `pypet options` lists the options of all installed plugins, and `pypet options
NAME` describes one in detail. Numbers are positions of positional arguments. In addition, every
settable property of the trajectory is an option, for example `v_auto_load=True`.
"""

ABSENT = """
## Without effect here

Options of features that are not installed, which scripts may have all the same. Values that ask for
nothing, like the defaults, are taken; all others are an error that says so (`timeout`: a warning).

"""


def list_options(arguments: argparse.Namespace) -> int:
    """Write all options, or the description of one, to stdout."""
    options = describe_options(get_manager())
    if arguments.json:
        shown = options if arguments.name is None else [_named(arguments.name, options)]
        described = [{**asdict(option), "default": _json_default(option)} for option in shown]
        text = json.dumps({"format": 1, "options": described}, indent=2) + "\n"
    elif arguments.name is not None:
        text = "\n".join(details(_named(arguments.name, options))) + "\n"
    elif arguments.markdown:
        text = markdown(options)
    else:
        text = table(options, shutil.get_terminal_size().columns)
    sys.stdout.write(text)
    return 0


def _json_default(option: OptionDescription) -> Any:
    """Return the default as JSON represents it, text as Python writes it for anything else."""
    value = option.default
    plain = value is None or isinstance(value, bool | int | float | str)
    return value if plain else repr(value)


def table(options: Sequence[OptionDescription], width: int) -> str:
    """Return all options as lines for a terminal with ``width`` columns, by section and family."""
    names = max(len(option.name) for option in options) + len(GAP)
    if width - names < LEAST_WIDTH:
        names = 2 * len(GAP)
    lines = []
    for section, group in _by_section(option for option in options if not option.lacks):
        lines.append(f"[{section}]")
        for option in group:
            name = f"{option.name}{GAP}"
            lines += textwrap.wrap(
                f"{option.help} Default: {option.default!r}.",
                max(width - 1, LEAST_WIDTH),
                initial_indent=name.ljust(names),
                subsequent_indent=" " * names,
            )
        lines.append("")
    return "\n".join(lines)


def details(option: OptionDescription) -> Iterator[str]:
    """Yield lines about one option."""
    yield f"option    {option.name}"
    yield f"meaning   {option.help}"
    yield f"takes     {option.types or 'see its meaning'}"
    yield f"default   {option.default!r}"
    if option.position is not None:
        yield f"position  {option.position}"
    yield f"read by   {_readers(option)}"
    if option.old_names:
        yield f"once      {', '.join(option.old_names)}"
    shown = _written(option.default)
    if shown is None:
        yield f"in files  [{option.section}], leave it out for the default"
    else:
        yield f"in ini    [{option.section}]  {option.name} = {option.default!r}"
        yield f"in TOML   [{option.section}]  {option.name} = {shown}"


def markdown(options: Sequence[OptionDescription]) -> str:
    """Return all options as a page of documentation."""
    parts = [HEAD]
    for section, group in _by_section(option for option in options if not option.lacks):
        parts.append(f"\n## `[{section}]`\n\n")
        parts.append("| option | type | default | meaning | read by |\n|---|---|---|---|---|\n")
        for option in group:
            number = "" if option.position is None else f" ({option.position})"
            cells = (
                f"`{option.name}`{number}",
                option.types,
                f"`{option.default!r}`",
                option.help,
                _readers(option),
            )
            parts.append(f"| {' | '.join(_cell(cell) for cell in cells)} |\n")
    absent = [_without_effect(option) for option in options if option.lacks]
    if absent:
        parts += [ABSENT, *absent]
    old = [f"- `{old}`: `{new}`\n" for old, new in RENAMED.items()]
    return "".join([*parts, "\n## Old spellings\n\nThey work and warn.\n\n", *old])


def _without_effect(option: OptionDescription) -> str:
    number = "" if option.position is None else f" ({option.position})"
    return f"- `{option.name}`{number}: {option.lacks}\n"


def _by_section(
    options: Iterable[OptionDescription],
) -> Iterator[tuple[str, list[OptionDescription]]]:
    """Yield the options of each section, those of one family together, else in their order."""
    sections: dict[str, dict[str, list[OptionDescription]]] = {}
    for option in options:
        families = sections.setdefault(option.section, {})
        families.setdefault(option.family, []).append(option)
    for section, families in sections.items():
        yield section, [option for group in families.values() for option in group]


def _named(name: str, options: Sequence[OptionDescription]) -> OptionDescription:
    wanted = RENAMED.get(name, name)
    for option in options:
        if option.name == wanted:
            return option
    near = did_you_mean(name, [*(option.name for option in options), *RENAMED])
    raise UnknownOptionError(
        f"There is no option {name!r} in any plugin that is installed.{near} `pypet options` lists "
        "all."
    )


def _readers(option: OptionDescription) -> str:
    if option.lacks:
        return f"nobody: there is no plugin for {option.lacks}"
    return ", ".join(option.plugins) or ITSELF


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _written(value: Any) -> str | None:
    """Return a value as TOML represents it, None if TOML cannot."""
    if isinstance(value, bool | int | float | str):
        return json.dumps(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(str(_written(each)) for each in value)}]"
    return None


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="describe this option; default: list all")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="write a page of documentation")
    add_json(form)


@hookimpl
def pypet_register_commands() -> list[Command]:
    """Register ``pypet options``."""
    return [
        Command(
            "options",
            "List the options of experiments and of config files.",
            list_options,
            _add_arguments,
        )
    ]
