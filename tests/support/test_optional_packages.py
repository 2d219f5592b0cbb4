"""Optional packages are looked for without import, and their absence tells what to install."""

from __future__ import annotations

import sys

import pytest

from pypet.errors import MissingDependencyError
from pypet.support.optional import install_hint, is_installed, require


def test_looking_for_a_package_does_not_import_it(tmp_path, monkeypatch):
    (tmp_path / "present_package.py").write_text("raise AssertionError", encoding="utf8")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert is_installed("present_package")
    assert is_installed("present_package.sub.module")
    assert not is_installed("absent_package.sub")


def test_modules_made_in_memory_count_and_blocked_ones_do_not(monkeypatch):
    monkeypatch.setitem(sys.modules, "made_up", type(sys)("made_up"))
    monkeypatch.setitem(sys.modules, "h5py", None)
    assert is_installed("made_up")
    assert not is_installed("h5py")


def test_require_returns_the_module():
    import json.decoder

    assert require("json.decoder", plugin="x", extra="y") is json.decoder


def test_require_tells_what_to_install():
    expected = r"'foo' needs absent_package: pip install \"pypet\[bar\]\""
    with pytest.raises(MissingDependencyError, match=expected) as caught:
        require("absent_package.sub", plugin="foo", extra="bar")
    assert isinstance(caught.value, ImportError)
    assert isinstance(caught.value, ValueError)


def test_require_names_the_package_that_is_really_missing(tmp_path, monkeypatch):
    (tmp_path / "half_installed.py").write_text("import absent_package", encoding="utf8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(MissingDependencyError, match="'foo' needs absent_package, which is not"):
        require("half_installed", plugin="foo", extra=None)


@pytest.mark.parametrize(
    ("extra", "builtin", "hint"),
    [
        ("hdf5", True, 'pip install "pypet[hdf5]"'),
        ("my-dist[s3]", True, 'pip install "my-dist[s3]"'),
        ("zarr", False, 'pip install "zarr"'),
        (None, True, ""),
    ],
)
def test_hints(extra, builtin, hint):
    assert install_hint(extra, builtin=builtin) == hint
