"""A dashboard and a browser to look at it with, for tests, benchmarks and screenshots."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any, NamedTuple

BROWSER = "chromium"
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_SECONDS = 30


def why_no_browser() -> str:
    """Return why there is no browser to test with, ``''`` if there is one."""
    try:
        import playwright  # noqa: F401
    except ModuleNotFoundError:
        return "Playwright is not installed"
    return "" if shutil.which(BROWSER) else f"there is no {BROWSER}"


class Dashboard(NamedTuple):
    """A dashboard in a process of its own."""

    address: str
    """With the token."""
    process: subprocess.Popen[str]

    @property
    def origin(self) -> str:
        """The address without path and token."""
        return self.address.partition("/?")[0]


@contextlib.contextmanager
def running_dashboard(path: str | os.PathLike[str], *options: str) -> Iterator[Dashboard]:
    """Serve the dashboard of a file or folder; it has to end well."""
    with subprocess.Popen(
        [sys.executable, "-m", "pypet", "ui", os.fspath(path), "--no-browser", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            found = re.search(r"http\S+", process.stdout.readline())
            if found is None:
                raise RuntimeError(process.communicate(timeout=PATIENCE_SECONDS)[1])
            yield Dashboard(found[0], process)
        finally:
            process.send_signal(signal.SIGTERM)
            errors = process.communicate(timeout=PATIENCE_SECONDS)[1]
    assert process.returncode == 0, errors
    # Others may complain, for instance of pages that were closed.
    assert "plugins/dashboard" not in errors, errors


@contextlib.contextmanager
def running_browser(width: int = 1200, height: int = 900) -> Iterator[Any]:
    """Start a browser with a fresh profile; gives its context, which makes pages."""
    from playwright.sync_api import sync_playwright

    with (
        tempfile.TemporaryDirectory() as profile,
        sync_playwright() as playwright,
        contextlib.closing(
            playwright.chromium.launch_persistent_context(
                profile,
                executable_path=shutil.which(BROWSER),
                headless=True,
                args=list(ARGUMENTS),
                viewport={"width": width, "height": height},
            )
        ) as context,
    ):
        context.set_default_timeout(1000 * PATIENCE_SECONDS)
        yield context


def show_tab(page: Any, title: str) -> None:
    """Click a tab."""
    page.locator(".bk-tab", has_text=title).last.click()


def drag_over(page: Any, left: float, bottom: float, right: float, top: float) -> None:
    """Draw a box over the last plot; corners are fractions of it, from its lower left corner."""
    plot = page.locator(".bk-Figure:visible").last.bounding_box()

    def place(x: float, y: float) -> tuple[float, float]:
        return plot["x"] + x * plot["width"], plot["y"] + (1 - y) * plot["height"]

    page.mouse.move(*place(left, bottom))
    page.mouse.down()
    page.mouse.move(*place(right, top), steps=5)
    page.mouse.up()
