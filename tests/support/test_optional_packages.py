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
    ("source", "reason"),
    [
        ("import json.absent_module", "it lacks the module 'json.absent_module'"),
        ("from json import absent_name", "ImportError: cannot import name 'absent_name'"),
        ("raise ValueError('numpy.dtype size changed')", "ValueError: numpy.dtype size changed"),
    ],
)
@pytest.mark.parametrize("is_distribution", [True, False])
def test_a_package_that_is_there_but_broken_is_not_to_be_installed_by_an_extra(
    tmp_path, monkeypatch, source, reason, is_distribution
):
    (tmp_path / "broken_package.py").write_text(source, encoding="utf8")
    if is_distribution:
        info = tmp_path / "Broken_Package-2.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Name: Broken-Package\nVersion: 2.5\n", encoding="utf8")
        (info / "top_level.txt").write_text("broken_package\n", encoding="utf8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(MissingDependencyError) as caught:
        require("broken_package", plugin="foo", extra="bar")
    message = str(caught.value)
    assert message.startswith("'foo' needs broken_package")
    assert reason in message
    assert "pypet[bar]" not in message
    if is_distribution:
        assert "Broken-Package 2.5" in message
        assert "pip install --upgrade --force-reinstall Broken-Package" in message
    else:
        assert "file of yours" in message


def test_a_folder_of_the_same_name_is_no_package(tmp_path, monkeypatch):
    (tmp_path / "absent_package" / "data").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert not is_installed("absent_package")


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
