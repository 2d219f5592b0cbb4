"""A disk that loses its power: which files there may be afterwards.

What a process has written is safe when it, or another one, has synchronized the file (`fsync`);
that a file has a name is safe when the folder was. Of everything else each sector may be on the
disk or not, whatever the order in which it was written, and so may each length that the file had
since and each name.

Notes
-----
POSIX.1-2017, fsync(). What actual file systems do beyond that differs: T. S. Pillai et al., All
File Systems Are Not Created Equal, OSDI 2014. With ``is_journaled`` names behave as on ext4:
they are lost in the order in which they were given only, and each `fsync` saves all of them.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from tests.faults.shim import Flag, Kind, Operation

SECTORS = (512, 4096)
"""What a disk writes as a whole, in bytes."""

Content = dict[str, bytes | None]
"""Path below the folder -> what the file has, or None for a folder."""
Keeps = Callable[[int, int], bool]
"""Sequence number of an operation and number of a sector -> whether it is on the disk."""


class _Folder:
    """What a name of a folder leads to."""


class _File:
    """A file: what is safe, and what was done since."""

    def __init__(self, content: bytes = b"") -> None:
        self.safe = bytearray(content)
        self.pending: list[Operation] = []

    def synchronize(self) -> None:
        """Take over everything."""
        for operation in self.pending:
            _change(self.safe, operation)
        self.pending.clear()

    def fail(self, rng: random.Random) -> None:
        """Lose some of what was done for good: a later success says nothing about it.

        That is what Linux does: P. Rebello et al., Can Applications Recover from fsync Failures?,
        USENIX ATC 2020.
        """
        for operation in self.pending:
            if rng.random() < 0.5:
                _change(self.safe, operation)
        self.pending.clear()

    def after(self, keeps: Keeps, sector: int, rng: random.Random) -> bytes:
        """Return what it has after a loss of power."""
        content = bytearray(self.safe)
        everything = bytearray(self.safe)
        lengths = [len(content)]
        for operation in self.pending:
            _change(everything, operation)
            lengths.append(len(everything))
            if operation.kind == Kind.WRITE:
                _write_sectors(content, operation, keeps, sector)
            elif keeps(operation.sequence, 0):
                _change(content, operation)
        if self.pending and rng.random() < 0.3:
            _resize(content, rng.choice(lengths))
        return bytes(content)


def _change(content: bytearray, operation: Operation) -> None:
    if operation.kind == Kind.WRITE:
        _put(content, operation.offset, operation.data)
    else:
        _resize(content, operation.length)


def _put(content: bytearray, offset: int, data: bytes) -> None:
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


def _resize(content: bytearray, length: int) -> None:
    del content[length:]
    content.extend(bytes(length - len(content)))


def _write_sectors(content: bytearray, operation: Operation, keeps: Keeps, sector: int) -> None:
    start, end = operation.offset, operation.offset + len(operation.data)
    for number in range(start // sector, -(-end // sector)):
        if keeps(operation.sequence, number):
            first, last = max(start, number * sector), min(end, (number + 1) * sector)
            _put(content, first, operation.data[first - start : last - start])


class _Naming(NamedTuple):
    """A change of names, which is made as a whole."""

    sequence: int
    changes: dict[str, _File | _Folder | None]

    @property
    def folders(self) -> set[str]:
        return {os.path.dirname(path) for path in self.changes}


class Disk:
    """A disk with one folder, to which operations are done one after the other."""

    def __init__(self, folder: Path, *, is_journaled: bool = False, seed: int = 0) -> None:
        """Begin with what is in the folder, which is safe."""
        self._folder = str(folder.resolve())
        self.is_journaled = is_journaled
        self._rng = random.Random(seed)
        self._names: dict[str, _File | _Folder] = {}
        """Names that are safe."""
        self._namings: list[_Naming] = []
        self._files: dict[int, _File] = {}
        """By their inode, which belongs to another file if it is created again."""
        for path in sorted(folder.rglob("*")):
            if path.is_dir():
                self._names[str(path)] = _Folder()
            else:
                inode = path.stat().st_ino
                self._names[str(path)] = self._file(inode, path.read_bytes())

    def _file(self, inode: int, content: bytes = b"") -> _File:
        if inode not in self._files:
            self._files[inode] = _File(content)
        return self._files[inode]

    # ----- operations ------------------------------------------------------------------------

    def do(self, operation: Operation) -> None:
        """Do what a process did."""
        kind, inode = operation.kind, operation.inode
        if kind in (Kind.WRITE, Kind.TRUNCATE, Kind.ALLOCATE):
            self._file(inode).pending.append(operation)
        elif kind == Kind.CREATE:
            self._create(operation)
        elif kind == Kind.LINK:
            self._name(operation, {operation.path: self._file(inode)})
        elif kind == Kind.UNLINK:
            self._name(operation, {operation.path: None})
        elif kind == Kind.RENAME:
            if operation.flags & Flag.FOLDER:
                raise NotImplementedError(f"a folder is renamed: {operation.path}")
            self._name(operation, {operation.path: None, operation.other: self._file(inode)})
        elif kind == Kind.SYNC:
            self._synchronize(operation)

    def _create(self, operation: Operation) -> None:
        if operation.flags & Flag.FOLDER:
            self._name(operation, {operation.path: _Folder()})
            return
        file = self._files[operation.inode] = _File()
        if not operation.flags & Flag.NAMELESS:
            self._name(operation, {operation.path: file})

    def _name(self, operation: Operation, changes: dict[str, _File | _Folder | None]) -> None:
        self._namings.append(_Naming(operation.sequence, changes))

    def _synchronize(self, operation: Operation) -> None:
        flags = operation.flags
        if flags & Flag.FAILED:
            if not flags & Flag.FOLDER:
                self._file(operation.inode).fail(self._rng)
            return
        if flags & Flag.EVERYTHING:
            for file in self._files.values():
                file.synchronize()
        elif not flags & Flag.FOLDER:
            self._file(operation.inode).synchronize()
        waiting = []
        is_everything = self.is_journaled or flags & Flag.EVERYTHING
        for naming in self._namings:
            if is_everything or (flags & Flag.FOLDER and operation.path in naming.folders):
                _apply(self._names, naming)
            else:
                waiting.append(naming)
        self._namings = waiting

    # ----- what is there ---------------------------------------------------------------------

    def everything(self) -> Content:
        """Return what the folder has for processes, while the power is there."""
        return self._content(lambda sequence, sector: True, SECTORS[0], None)

    def after_power_cut(self, rng: random.Random) -> Content:
        """Return what it may have when the power is there again."""
        pending = [each.sequence for file in self._files.values() for each in file.pending]
        pending += [naming.sequence for naming in self._namings]
        return self._content(_kept(sorted(pending), rng), rng.choice(SECTORS), rng)

    def _content(self, keeps: Keeps, sector: int, rng: random.Random | None) -> Content:
        names = dict(self._names)
        for naming in self._namings:
            if keeps(naming.sequence, 0):
                _apply(names, naming)
            elif self.is_journaled:
                break
        found: Content = {}
        contents: dict[_File, bytes] = {}
        for path, target in sorted(names.items()):
            folder = os.path.dirname(path)
            if folder != self._folder and os.path.relpath(folder, self._folder) not in found:
                continue  # lost with the folder that it was in
            name = os.path.relpath(path, self._folder)
            if isinstance(target, _Folder):
                found[name] = None
                continue
            if target not in contents:
                chance = rng or _NoChance()
                contents[target] = target.after(keeps, sector, chance)
            found[name] = contents[target]
        return found


class _NoChance(random.Random):
    """Never lets a length differ."""

    def random(self) -> float:
        return 1.0


def _apply(names: dict[str, _File | _Folder], naming: _Naming) -> None:
    for path, target in naming.changes.items():
        if target is None:
            names.pop(path, None)
        else:
            names[path] = target


def _kept(pending: list[int], rng: random.Random) -> Keeps:
    """Return what the disk keeps of operations; in one of the ways that find different faults."""
    way = rng.randrange(6)
    seed, share = rng.random(), rng.choice((0.1, 0.5, 0.9))

    def by_chance(sequence: int, sector: int) -> bool:
        return random.Random(f"{seed} {sequence} {sector}").random() < share

    if not pending or way <= 1:
        return by_chance
    one = rng.choice(pending)
    if way == 2:  # the first ones, and a part of one
        return lambda sequence, sector: (
            sequence < one or (sequence == one and by_chance(sequence, sector))
        )
    if way == 3:  # the last ones
        return lambda sequence, sector: (
            sequence > one or (sequence == one and by_chance(sequence, sector))
        )
    if way == 4:  # all but one
        return lambda sequence, sector: sequence != one
    return lambda sequence, sector: sequence == one or by_chance(sequence, 0)


def replayed(folder: Path, operations: Iterable[Operation]) -> Disk:
    """Return the disk after all operations; ``folder`` is as it was before."""
    disk = Disk(folder)
    for operation in operations:
        disk.do(operation)
    return disk


def content_of(folder: Path) -> Content:
    """Return what a folder has."""
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
    }


def build(content: Content, folder: Path) -> None:
    """Fill an empty folder."""
    for name, data in sorted(content.items()):
        path = folder / name
        if data is None:
            path.mkdir()
        else:
            path.write_bytes(data)
