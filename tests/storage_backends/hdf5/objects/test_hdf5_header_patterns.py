"""Headers that are recognized by their pattern are what parsing them gives."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("h5py")

import h5py

from pypet.records import ArrayItem, PutLink
from pypet.storage_backends.hdf5.objects import header_patterns
from pypet.storage_backends.hdf5.objects.header_patterns import HeaderPatterns
from pypet.storage_backends.hdf5.objects.object_headers import HeaderReader, can_read_headers
from pypet.support.tricks import is_on
from tests.storage_backends.hdf5.record_makers import apply, leaf, new_service, number

pytestmark = pytest.mark.skipif(not is_on("object_headers"), reason="switched off by PYPET_PLAIN")

SAMPLES = sorted((Path(__file__).parents[3] / "data" / "samples").glob("*.hdf5"))


def addresses_in(file):
    found = {h5py.h5o.get_info(file.id).addr}
    file.visititems(lambda name, node: found.add(h5py.h5o.get_info(node.id).addr))
    return sorted(found)


@pytest.fixture
def path(tmp_path):
    """A file with runs whose headers are alike, and some that are not quite."""
    service = new_service(tmp_path)
    for idx in range(12):
        run = f"results.runs.run_{idx:08d}"
        many = [number(f"n{item}", item * idx) for item in range(3 + idx // 10)]
        text = np.array(b"a" * (1 + idx % 3))
        apply(
            service,
            leaf(f"{run}.z", number("z", idx / 2), comment="" if idx else "product"),
            leaf(f"{run}.many", *many),
            leaf(f"{run}.text", ArrayItem("t", "ARRAY", text, "COLL_SCALAR", "str")),
            leaf(f"{run}.large", ArrayItem("l", "ARRAY", np.arange(99), "COLL_LIST", "int")),
        )
        if idx % 4 == 0:
            apply(service, PutLink(f"{run}.link", f"{run}.z"))
    return service.filename


def test_recognized_headers_equal_parsed_ones(path, monkeypatch):
    recognized = []
    recognize = HeaderPatterns.recognize

    def noted(self, block, end):
        header = recognize(self, block, end)
        recognized.append(header is not None)
        return header

    monkeypatch.setattr(HeaderPatterns, "recognize", noted)
    with h5py.File(path, "r") as file:
        shared = HeaderReader(file.id)
        for address in addresses_in(file):
            assert shared.read(address) == HeaderReader(file.id).read(address)
    # Most of the headers are alike; a reader of its own has never seen one before.
    assert sum(recognized) > len(recognized) / 4


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_headers_of_established_files_do_too(path):
    with h5py.File(path, "r") as file:
        if not can_read_headers(file.id):
            pytest.skip("headers of this file cannot be read past the library")
        shared = HeaderReader(file.id)
        for address in addresses_in(file):
            assert shared.read(address) == HeaderReader(file.id).read(address)


def test_only_some_patterns_are_kept(monkeypatch):
    monkeypatch.setattr(header_patterns, "_MOST_PATTERNS", 2)
    patterns = HeaderPatterns()
    header = header_patterns.Header(False, {}, [], b"", b"", b"layout")
    start = b"OHDR".ljust(header_patterns.START_BYTES, b".")
    size = len(start) + 3
    place = header_patterns.Place(len(start) + 1, len(start) + 2, None)
    assert patterns.size_of(start) is None
    for letter in (b"a", b"b", b"c"):
        patterns.remember(start + letter + b"..", size, header, [place])
    assert patterns.size_of(start) == size
    found = {
        letter: patterns.recognize(start + letter + b"\n." + b"checksum", size)
        for letter in (b"a", b"b", b"c")
    }
    assert found[b"a"] is None
    assert found[b"b"].layout == found[b"c"].layout == b"\n"
    assert patterns.recognize(start + b"b\n,checksum", size) is None
