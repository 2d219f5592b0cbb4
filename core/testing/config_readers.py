"""The conformance suite of readers of config files: give ``feature`` and a file."""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pypet.interfaces.config_reading import ConfigContent, ConfigEntry, ConfigReader
from pypet.testing.features import FeatureConformance


class ConfigReaderConformance(FeatureConformance, ABC):
    """What every reader of config files does."""

    feature: ClassVar[type[ConfigReader]]

    @abstractmethod
    def make_source(self, folder: Path) -> Any:
        """Return a source in ``folder`` with keyword ``ncores`` 3 and parameter ``group.x`` 1.5."""

    def make_malformed(self, folder: Path) -> Any:
        """Return a source that cannot be read; None if there is none."""
        return None

    def test_it_supports_its_own_sources_only(self, tmp_path: Path) -> None:
        assert self.feature.reads(self.make_source(tmp_path)) is True
        for other in (None, 3, object()):
            assert self.feature.reads(other) is False

    def test_keywords_and_parameters_are_read(self, tmp_path: Path) -> None:
        content = self.feature.read(self.make_source(tmp_path))
        assert isinstance(content, ConfigContent)
        ncores = {each.name: each.value for each in content.keywords}["ncores"]
        assert (type(ncores), ncores) == (int, 3)
        x = {each.name: each.value for each in content.parameters}["group.x"]
        assert (type(x), x) == (float, 1.5)

    def test_entries_say_where_they_stand(self, tmp_path: Path) -> None:
        content = self.feature.read(self.make_source(tmp_path))
        for each in (*content.keywords, *content.parameters, *content.config):
            assert isinstance(each, ConfigEntry)
            assert each.where

    def test_reading_twice_gives_the_same(self, tmp_path: Path) -> None:
        source = self.make_source(tmp_path)
        assert self.feature.read(source) == self.feature.read(source)

    def test_a_missing_file_is_a_value_error(self, tmp_path: Path) -> None:
        source = self.make_source(tmp_path)
        if not isinstance(source, str | os.PathLike):
            pytest.skip("sources are no files")
        Path(source).unlink()
        with pytest.raises(ValueError, match=re.escape(Path(source).name)):
            self.feature.read(source)

    def test_what_is_malformed_is_a_value_error(self, tmp_path: Path) -> None:
        source = self.make_malformed(tmp_path)
        if source is None:
            pytest.skip("no source is malformed")
        with pytest.raises(ValueError, match=r"\w"):
            self.feature.read(source)
