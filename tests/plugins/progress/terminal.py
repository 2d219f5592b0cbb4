"""A terminal of a given width that remembers what is on its screen, with a process in it."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import termios
import time

from tests.processes import DEADLINE_SECONDS

_CONTROL = re.compile(r"\r|\n|\033\[K|\033\[(\d*)A")


class Screen:
    """Lines without end to the bottom. Knows line feeds, returns, cursor up, and wiping to the
    end of a line; what is written beyond the last column begins a new line, and is counted."""

    def __init__(self, columns):
        self.columns = columns
        self.lines = [""]
        self.row = self.column = 0
        self.wraps = []
        self.states = []
        """What each line was when something was wiped or overwritten."""

    def feed(self, text):
        position = 0
        while position < len(text):
            control = _CONTROL.match(text, position)
            if control is None:
                self._put(text[position])
                position += 1
                continue
            position = control.end()
            if control[0] == "\r":
                self.states.append(self.lines[self.row].rstrip())
                self.column = 0
            elif control[0] == "\n":
                self._down()
            elif control[0] == "\033[K":
                self.lines[self.row] = self.lines[self.row][: self.column]
            else:
                self.row = max(0, self.row - int(control[1] or 1))

    def _down(self):
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append("")

    def _put(self, letter):
        if self.column == self.columns:
            self.wraps.append(self.lines[self.row])
            self._down()
            self.column = 0
        line = self.lines[self.row].ljust(self.column)
        self.lines[self.row] = line[: self.column] + letter + line[self.column + 1 :]
        self.column += 1


def run_in_terminal(script, columns, folder, environment=(), until=None, then=None):
    """Run a script in a terminal of so many columns; return the screen and the exit code.

    ``then`` is called with the terminal as soon as it has shown something that matches the bytes
    of the regular expression ``until``.
    """
    ours, theirs = os.openpty()
    resize(ours, columns)
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=folder,
        env={**os.environ, **dict(environment)},
    )
    os.close(theirs)
    screen = Screen(columns)
    data = b""
    deadline = time.monotonic() + DEADLINE_SECONDS
    try:
        while time.monotonic() < deadline:
            if not select.select([ours], [], [], 0.5)[0]:
                continue
            try:
                part = os.read(ours, 65536)
            except OSError:  # the last one who had it open is gone
                break
            if not part:
                break
            data += part
            if until is not None and re.search(until, data):
                until = None
                then(ours)
        code = process.wait(timeout=DEADLINE_SECONDS)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    screen.feed(data.decode("utf-8"))
    return screen, code


def resize(terminal, columns):
    """Give a terminal so many columns."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
