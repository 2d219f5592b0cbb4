"""The conformance suite of sub-commands: give ``command`` and arguments."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import ClassVar

import pytest

from pypet.interfaces import Command


class CommandConformance:
    """What every sub-command does."""

    command: ClassVar[Command]
    arguments: ClassVar[Sequence[str] | None] = None
    """Arguments with which it succeeds; None: it is not executed."""

    @pytest.fixture
    def parser(self) -> argparse.ArgumentParser:
        """The parser of the sub-command."""
        parser = argparse.ArgumentParser(prog=f"pypet {self.command.name}")
        if self.command.add_arguments is not None:
            self.command.add_arguments(parser)
        return parser

    def test_it_has_a_name_that_can_be_typed(self) -> None:
        name = self.command.name
        assert name == name.strip().lower()
        assert name.replace("-", "").replace("_", "").isalnum()

    def test_it_has_a_line_of_help(self) -> None:
        assert self.command.help.strip()
        assert "\n" not in self.command.help

    def test_arguments_can_be_added_more_than_once(self, parser: argparse.ArgumentParser) -> None:
        again = argparse.ArgumentParser(prog=parser.prog)
        if self.command.add_arguments is not None:
            self.command.add_arguments(again)
        assert again.format_help() == parser.format_help()

    def test_help_is_shown(
        self, parser: argparse.ArgumentParser, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as end:
            parser.parse_args(["--help"])
        assert end.value.code == 0
        assert self.command.name in capsys.readouterr().out

    def test_it_returns_its_exit_status(self, parser: argparse.ArgumentParser) -> None:
        if self.arguments is None:
            pytest.skip("no arguments are given")
        status = self.command.run(parser.parse_args(list(self.arguments)))
        assert type(status) is int
        assert status == 0
