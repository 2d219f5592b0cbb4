"""Cut the end off a file: copies are interrupted, and disks lose their power.

    python tests/faults/truncations.py [--every 512]

Cuts the file of a small experiment at the beginning of each of its structures and every 512 bytes.
Loading and storing have to refuse it, name it, and leave it as it is. Ends with 1 if that is not
so. `truncations` cuts other files.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2])]

from pypet import load_trajectory
from pypet.errors import StorageFormatError
from tests.faults import kills

HDF5_SIGNATURES = (
    *(b"OHDR", b"OCHK", b"TREE", b"SNOD", b"HEAP", b"GCOL"),
    *(b"FRHP", b"FHDB", b"FHIB", b"FSHD", b"FSSE", b"BTHD", b"BTLF", b"BTIN"),
)
"""What structures of HDF5 begin with (File Format Specification 3.0, III)."""


def boundaries(data: bytes, signatures: Iterable[bytes] = HDF5_SIGNATURES) -> list[int]:
    """Return where the structures of a file begin that have a signature."""
    found = set()
    for signature in signatures:
        place = data.find(signature)
        while place >= 0:
            found.add(place)
            place = data.find(signature, place + 1)
    return sorted(found)


def truncations(
    path: Path, every: int = 512, places: Iterable[int] = ()
) -> Iterator[tuple[int, bytes]]:
    """Yield how many bytes are left of a file, and which, the whole file aside.

    It is cut at each of ``places`` and after each ``every`` bytes; with 1 that is every byte.
    """
    data = path.read_bytes()
    lengths = {*range(0, len(data), every), *places}
    for length in sorted(lengths):
        if length < len(data):
            yield length, data[:length]


def cut_everywhere(
    path: Path,
    copy: Path,
    check: Callable[[Path, int], list[str]],
    every: int = 512,
    places: Iterable[int] = (),
) -> list[str]:
    """Return what ``check`` finds wrong with a copy, cut to each of the lengths."""
    wrong = []
    for length, data in truncations(path, every, places):
        copy.unlink(missing_ok=True)
        copy.write_bytes(data)
        wrong += [f"{length} bytes left: {finding}" for finding in check(copy, length)]
    copy.unlink(missing_ok=True)
    return wrong


# ----- the file of an experiment ---------------------------------------------------------------


def faults_of_a_cut_file(path: Path, length: int) -> list[str]:
    """Return what is wrong with how a file is refused of which so many bytes are left."""
    for action in (_read, _store)[: 2 if length else 1]:  # an empty file may be filled
        try:
            action(path)
        except (StorageFormatError, OSError) as error:
            if str(path) not in str(error):
                return [f"the error does not name the file: {error}"]
        else:
            return [f"{action.__name__[1:]} did not notice"]
    return [] if path.stat().st_size == length else ["it was changed"]


def _read(path: Path) -> None:
    load_trajectory(kills.NAME, filename=str(path), load_data=2)


def _store(path: Path) -> None:
    kills.environment(path, "other").trajectory.f_store()


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--every", type=int, default=512)
    every = parser.parse_args().every
    with tempfile.TemporaryDirectory(prefix="pypet-cuts-") as scratch:
        path = Path(scratch) / "data.hdf5"
        kills.experiment(path)
        logging.disable()
        starts = boundaries(path.read_bytes())
        wrong = cut_everywhere(path, path.with_name("cut"), faults_of_a_cut_file, every, starts)
        size = path.stat().st_size
    print(f"{len(starts)} structures, {size} bytes")
    print("\n".join(wrong) or "Each cut was noticed.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
